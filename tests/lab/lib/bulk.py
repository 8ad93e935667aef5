"""Endless transfers with CUBIC at both ends, whatever the machine's default.

python3 bulk.py serve PORT                     the far end
python3 bulk.py up|down ADDRESS PORT FLOWS     so many connections at once, until it is ended
"""
import socket
import sys
import threading

BLOCK = bytes(1 << 16)


def cubic(connection):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
    return connection


def move(connection, sends):
    try:
        while connection.send(BLOCK) if sends else connection.recv(len(BLOCK)):
            pass
    except OSError:
        pass
    connection.close()


def serve(port):
    listener = cubic(socket.create_server(("", port)))
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=lambda c=connection: move(c, c.recv(1) == b"d"), daemon=True).start()


def transfer(way, address, port, flows):
    threads = []
    for _ in range(flows):
        connection = cubic(socket.socket())
        connection.connect((address, port))
        connection.send(way[:1].encode())
        threads.append(threading.Thread(target=move, args=(connection, way == "up"), daemon=True))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]))
else:
    transfer(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
