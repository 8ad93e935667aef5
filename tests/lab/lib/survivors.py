"""Twenty connections and a call that go on until SIGTERM: python3 survivors.py ADDRESS WEB_PORT ECHO_PORT OUTPUT [SOCKS_PORT]

One connection fetches at 20 Mbit/s at most, ten ask something small five times a second as somebody does who types, nine fetch
30 kB once a second; each is one TCP connection from the beginning to the end. The call sends 50 datagrams a second to an echo. With a
SOCKS5 port of this machine the connections go through it, and there is no call.

OUTPUT is one JSON object: of each connection its kind, its answers and how it broke (null: it did not); every address from which
the web server was asked; of the call what was sent and lost and its pauses of 100 ms and more, each as [end, seconds]. Times are
those of the clock, in seconds.
"""
import http.client
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

address, web_port, echo_port, output = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]
socks_port = int(sys.argv[5]) if len(sys.argv) > 5 else None
over = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: over.set())
askers, connections = set(), []


def fetch(connection, path, most_per_second=None):
    began, taken = time.monotonic(), 0
    connection.request("GET", path)
    answer = connection.getresponse()
    body = b""
    while block := answer.read(1 << 16):
        taken += len(block)
        if len(body) < 64:
            body += block
        if most_per_second and (ahead := taken / most_per_second - (time.monotonic() - began)) > 0:
            over.wait(ahead)
        if over.is_set():
            break
    return body


def through_socks():
    stream = socket.create_connection(("127.0.0.1", socks_port), timeout=60)
    # With a name of its own, so that Tor gives it a circuit that nobody used before.
    name = str(os.getpid()).encode()
    stream.sendall(b"\x05\x01\x02")
    stream.recv(2)
    stream.sendall(b"\x01" + bytes([len(name)]) + name + b"\x01x")
    stream.recv(2)
    stream.sendall(b"\x05\x01\x00\x01" + socket.inet_aton(address) + struct.pack("!H", web_port))
    if stream.recv(10)[1:2] != b"\x00":
        raise OSError("refused")
    return stream


def connect(kind, path, pause, most_per_second=None):
    record = {"kind": kind, "answers": 0, "broken": None}
    connections.append(record)
    connection = http.client.HTTPConnection(address, web_port, timeout=60)
    try:
        if socks_port:
            connection.sock = through_socks()
        else:
            connection.connect()
        # Never by another connection.
        connection.auto_open = 0
        while not over.is_set():
            body = fetch(connection, path, most_per_second)
            record["answers"] += 1
            if path == "/whoami":
                askers.add(body.decode().strip())
            over.wait(pause)
    except (OSError, http.client.HTTPException) as problem:
        if not over.is_set():
            record["broken"] = f"{time.time():.1f} {type(problem).__name__} {problem}"


def call():
    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow.connect((address, echo_port))
    flow.setblocking(False)
    heard, pauses, sent = set(), [], 0
    began = last = time.time()
    while not over.is_set():
        due = int((time.time() - began) * 50)
        while sent < due:
            try:
                flow.send(struct.pack("!I", sent) + bytes(196))
            except OSError:
                pass
            sent += 1
        if not select.select([flow], [], [], 0.005)[0]:
            continue
        try:
            heard.add(struct.unpack("!I", flow.recv(2048)[:4])[0])
        except OSError:
            continue
        now = time.time()
        if now - last >= 0.1:
            pauses.append([round(now, 3), round(now - last, 3)])
        last = now
    if (end := time.time()) - last >= 0.5:
        pauses.append([round(end, 3), round(end - last, 3)])
    return {"sent": sent, "lost": sent - len(heard), "pauses": pauses}


kinds = [("bulk", "/bytes/20000000", 0, 2.5e6)] + 10 * [("typing", "/whoami", 0.2)] + 9 * [("web", "/bytes/30000", 1)]
threads = [threading.Thread(target=connect, args=kind, daemon=True) for kind in kinds]
for thread in threads:
    thread.start()
udp = None if socks_port else call()
over.wait()
for thread in threads:
    thread.join(5)
with open(output, "w", encoding="utf-8") as file:
    json.dump({"connections": connections, "asked_from": sorted(askers), "udp": udp}, file)
