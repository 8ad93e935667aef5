"""Builds one circuit of a running Tor by a given path and fetches a page through it, by its control port.

tor_build.py CONTROL_PORT SOCKS_PORT $FINGERPRINT,$FINGERPRINT... HOST PORT

Prints {"build": ms, "first_byte": ms}: from EXTENDCIRCUIT to BUILT, and from the SOCKS request to the first byte of the answer.
"""

import json
import socket
import struct
import sys
import threading
import time

control_port, socks_port, path, host, port = sys.argv[1:]
control = socket.create_connection(("127.0.0.1", int(control_port)), timeout=20)
lines = control.makefile("r", newline="\r\n")


def say(command):
    control.sendall(command.encode() + b"\r\n")


def answer():
    """The next answer to a command; events before it are passed over."""
    for line in lines:
        if not line.startswith("650"):
            if not line.startswith("250"):
                sys.exit(line)
            if line[3] == " ":
                return line[4:].split()
    sys.exit("Tor hung up")


def event(*wanted):
    for line in lines:
        words = line.split()
        if words[0] == "650" and words[1] == wanted[0] and words[3] in wanted[1:]:
            return words
    sys.exit("Tor hung up")


for command in ('AUTHENTICATE ""', "SETEVENTS CIRC STREAM", "SETCONF __LeaveStreamsUnattached=1"):
    say(command)
    answer()

began = time.monotonic()
say("EXTENDCIRCUIT 0 " + path)
circuit = answer()[1]
while True:
    words = event("CIRC", "BUILT", "FAILED")
    if words[2] == circuit:
        break
if words[3] != "BUILT":
    sys.exit(" ".join(words))
build = time.monotonic() - began

first = {}


def fetch():
    stream = socket.create_connection(("127.0.0.1", int(socks_port)), timeout=20)
    first["began"] = time.monotonic()
    stream.sendall(b"\x05\x01\x00")
    stream.recv(2)
    stream.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(host) + struct.pack(">H", int(port)))
    stream.recv(10)
    stream.sendall(f"GET /whoami HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
    if stream.recv(1):
        first["byte"] = time.monotonic()


fetching = threading.Thread(target=fetch)
fetching.start()
say(f"ATTACHSTREAM {event('STREAM', 'NEW')[2]} {circuit}")
answer()
fetching.join()
say("CLOSECIRCUIT " + circuit)
print(json.dumps({"build": 1e3 * build, "first_byte": 1e3 * (first["byte"] - first["began"])}))
