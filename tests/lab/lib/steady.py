"""A steady flow, and how it fared: python3 steady.py udp|tcp|up ADDRESS PORT SECONDS. Prints one JSON object.

udp: 50 numbered datagrams a second to an echo: sent, lost, doubled, and the longest pause between two answers.
tcp: GET /bytes, read at 20 Mbit/s at most: bytes, and the longest time that a read had to wait.
up:  PUT /upload at 2 Mbit/s: bytes, and how many of them the server says that it got.
"""
import json
import re
import select
import socket
import struct
import sys
import time

kind, address, port, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])


def udp():
    flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    flow.connect((address, port))
    answers, sent, pause, pause_at = {}, 0, 0.0, 0.0
    began = last = time.monotonic()
    while (now := time.monotonic()) < began + seconds + 2:
        due = min(int((now - began) * 50), int(seconds * 50))
        while sent < due:
            flow.send(struct.pack("!I", sent) + bytes(196))
            sent += 1
        if not select.select([flow], [], [], 0.005)[0]:
            continue
        number = struct.unpack("!I", flow.recv(2048)[:4])[0]
        answers[number] = answers.get(number, 0) + 1
        now = time.monotonic()
        if now - last > pause:
            pause, pause_at = now - last, last - began
        last = now
    return {"sent": sent, "lost": sent - len(answers), "doubled": sum(answers.values()) - len(answers),
            "longest_pause_ms": round(1000 * pause), "at_s": round(pause_at, 1)}


def tcp():
    flow = socket.create_connection((address, port), timeout=60)
    # The server hashes the whole of it first: no more than is read.
    flow.sendall(f"GET /bytes/{int(seconds * 20e6 / 8 * 1.2)} HTTP/1.1\r\nHost: lab\r\n\r\n".encode())
    taken, stall, stall_at = 0, 0.0, 0.0
    began = time.monotonic()
    while (before := time.monotonic()) < began + seconds:
        try:
            block = flow.recv(1 << 16)
        except OSError as error:
            return {"bytes": taken, "error": str(error), "broken_at_s": round(before - began, 1)}
        after = time.monotonic()
        if not block:
            return {"bytes": taken, "broken_at_s": round(after - began, 1)}
        if taken and after - before > stall:
            stall, stall_at = after - before, before - began
        taken += len(block)
        ahead = taken * 8 / 20e6 - (after - began)
        if ahead > 0:
            time.sleep(ahead)
    return {"bytes": taken, "longest_stall_ms": round(1000 * stall), "at_s": round(stall_at, 1)}


def up():
    flow = socket.create_connection((address, port), timeout=60)
    block, began = bytes(2500), time.monotonic()
    total, sent = int(seconds * 100) * len(block), 0
    flow.sendall(f"PUT /upload HTTP/1.1\r\nHost: lab\r\nConnection: close\r\nContent-Length: {total}\r\n\r\n".encode())
    answer = b""
    try:
        while sent < total:
            flow.sendall(block)
            sent += len(block)
            time.sleep(max(0, sent * 8 / 2e6 - (time.monotonic() - began)))
        while part := flow.recv(1 << 16):
            answer += part
    except OSError as error:
        return {"bytes": sent, "error": str(error), "broken_at_s": round(time.monotonic() - began, 1)}
    found = re.search(rb'"length": ?(\d+)', answer)
    return {"bytes": sent, "received": int(found[1]) if found else 0}


try:
    print(json.dumps({"udp": udp, "tcp": tcp, "up": up}[kind]()))
except OSError as error:
    print(json.dumps({"error": str(error)}))
