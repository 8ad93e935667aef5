"""A call: python3 call.py ADDRESS PORT SECONDS. 50 datagrams of 200 bytes a second to an echo; prints sent, lost, p50 and p95 of the round trips."""
import json
import select
import socket
import struct
import sys
import time

address, port, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
flow = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
flow.connect((address, port))
sent_at, trips = [], []
began = time.monotonic()
while (now := time.monotonic()) < began + seconds + 1:
    while len(sent_at) < min(int((now - began) * 50), int(seconds * 50)):
        flow.send(struct.pack("!I", len(sent_at)) + bytes(196))
        sent_at.append(time.monotonic())
    if select.select([flow], [], [], 0.002)[0]:
        trips.append(time.monotonic() - sent_at[struct.unpack("!I", flow.recv(2048)[:4])[0]])
trips.sort()
print(json.dumps({
    "sent": len(sent_at), "lost": len(sent_at) - len(trips),
    **{f"p{q}_ms": round(1000 * trips[min(len(trips) - 1, q * len(trips) // 100)], 1) for q in (50, 95)},
}))
