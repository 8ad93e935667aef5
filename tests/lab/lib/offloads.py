"""Traffic between two kernels that compares every byte, and a watcher that checks every checksum by hand.

  offloads.py serve                      echoes UDP (port 7007, with the TOS byte that came) and TCP (port 7009)
  offloads.py sizes|flights|stream ADDRESS
  offloads.py marks ADDRESS [--expect 0=lost,1=3,...]
  offloads.py whole ADDRESS              packets that must not be cut: the largest passes, a larger one is refused here
  offloads.py watch INTERFACE            until SIGTERM; prints one JSON object
  offloads.py bare PROGRAM -f INTERFACE  becomes the program, with a TUN device that has no vnet headers

A command prints what it did and exits 0, or says what came back wrong and exits 1.
"""
import fcntl
import json
import os
import random
import signal
import socket
import struct
import sys
import threading

UDP_PORT, TCP_PORT = 7007, 7009
MTU = 1420
SOL_UDP, UDP_SEGMENT = 17, 103
SOL_PACKET, PACKET_AUXDATA, CHECKSUM_NOT_READY = 263, 8, 1 << 3
SO_RCVBUFFORCE = 33
IP_MTU_DISCOVER, IPV6_MTU_DISCOVER, PMTUDISC_DO = 10, 23, 2
TUNSETIFF, IFF_TUN_NO_PI = 0x400454ca, 0x1001
ECN_NEGOTIATED, ECN_SEEN = 8, 16

random.seed(20)
NOISE = random.randbytes(1 << 20)
PRIMES = [n for n in range(2, 1400) if all(n % d for d in range(2, int(n ** 0.5) + 1))]


def fail(text):
    print(text)
    sys.exit(1)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def udp(address):
    s = socket.socket(family(address), socket.SOCK_DGRAM)
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
    s.connect((address, UDP_PORT))
    s.settimeout(2)
    return s


def largest(address):
    """Of a UDP payload in one packet."""
    return MTU - (48 if ":" in address else 28)


def set_tos(s, address, tos):
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_TCLASS, tos)
    else:
        s.setsockopt(socket.IPPROTO_IP, socket.IP_TOS, tos)


def receive_with_tos(s):
    data, controls, _, sender = s.recvmsg(1 << 16, 256)
    tos = 0
    for level, kind, value in controls:
        if (level, kind) == (socket.IPPROTO_IP, socket.IP_TOS):
            tos = value[0]
        elif (level, kind) == (socket.IPPROTO_IPV6, socket.IPV6_TCLASS):
            tos = struct.unpack("i", value)[0]
    return data, tos, sender


def ask_for_tos(s, address):
    s.setsockopt(socket.IPPROTO_IP, socket.IP_RECVTOS, 1)
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVTCLASS, 1)


def serve():
    for address in "0.0.0.0", "::":
        s = socket.socket(family(address), socket.SOCK_DGRAM)
        s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 25)
        t = socket.socket(family(address), socket.SOCK_STREAM)
        t.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        for each in s, t:
            if address == "::":
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        s.bind((address, UDP_PORT))
        t.bind((address, TCP_PORT))
        t.listen()
        ask_for_tos(s, address)
        threading.Thread(target=echo_udp, args=(s, address), daemon=True).start()
        threading.Thread(target=accept_tcp, args=(t,), daemon=True).start()
    signal.pause()


def echo_udp(s, address):
    while True:
        data, tos, sender = receive_with_tos(s)
        set_tos(s, address, tos)
        s.sendto(data, sender)


def accept_tcp(t):
    while True:
        connection, _ = t.accept()
        threading.Thread(target=echo_tcp, args=(connection,), daemon=True).start()


def echo_tcp(connection):
    with connection:
        while data := connection.recv(1 << 16):
            connection.sendall(data)


def sizes(address):
    """One packet of each size, then such as need fragments."""
    top = largest(address)
    wanted = [1] + PRIMES + [*range(top - 16, top + 18)] + [1999, 2753, 2 * top + 1, 4999, 8191, 16381, 40009, 65487]
    s = udp(address)
    for n, size in enumerate(wanted):
        if size > largest(address) * 46:
            continue
        body = NOISE[n:n + size]
        s.send(body)
        if s.recv(1 << 16) != body:
            fail(f"{size} bytes came back changed")
    print(f"{len(wanted)} sizes of 1 to {max(wanted)} bytes came back intact")


def flights(address):
    """Datagrams that the kernel is given as one piece to be cut: every one must arrive whole and by itself."""
    count = total = 0
    for n, size in enumerate([1, 2, 3, 17] + PRIMES[20::11] + [largest(address)]):
        s = udp(address)
        s.setsockopt(SOL_UDP, UDP_SEGMENT, size)
        for length in {size, 2 * size, min(63 * size + size // 2 + 1, 60000, 64 * size)}:
            flight = NOISE[n * 7:n * 7 + length]
            s.send(flight)
            wanted = sorted(flight[at:at + size] for at in range(0, length, size))
            try:
                got = sorted(s.recv(1 << 16) for _ in wanted)
            except TimeoutError:
                fail(f"a flight of {length} bytes in pieces of {size}: some are missing")
            if got != wanted:
                fail(f"a flight of {length} bytes in pieces of {size} came back changed")
            count, total = count + len(wanted), total + length
    print(f"{count} datagrams, {total} bytes came back intact")


def stream(address):
    """A TCP stream there and back for each of some segment sizes, written in odd pieces; both sides speak ECN."""
    total = 0
    for mss in [None, 1367, 1009, 541, 216, 89]:
        size = len(NOISE) * (4 if mss is None else 1)
        s = socket.socket(family(address), socket.SOCK_STREAM)
        if mss:
            s.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, mss)
        s.settimeout(20)
        s.connect((address, TCP_PORT))
        writer = threading.Thread(target=write, args=(s, size))
        writer.start()
        at = 0
        while data := s.recv(1 << 16):
            start = at % len(NOISE)
            wanted = (NOISE[start:] + NOISE)[:len(data)]
            if data != wanted:
                fail(f"segments of {mss}: byte {at} and the {len(data)} from it came back changed")
            at += len(data)
        writer.join()
        if at != size:
            fail(f"segments of {mss}: {at} of {size} bytes came back")
        options = s.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 104)[5]
        if not options & ECN_NEGOTIATED or not options & ECN_SEEN:
            fail(f"ECN was lost on the way: TCP_INFO options {options:#x}")
        s.close()
        total += at
    print(f"{total} bytes there and back intact, ECN seen")


def write(s, size):
    pieces = random.Random(size)
    at = 0
    while at < size:
        start = at % len(NOISE)
        piece = NOISE[start:start + min(pieces.choice([1, 3, 997, 1448, 20011, 65521]), size - at)]
        s.sendall(piece)
        at += len(piece)
    s.shutdown(socket.SHUT_WR)


def marks(address, expect):
    """The TOS byte there and back: DSCP and ECN of single packets and of flights."""
    seen = {}
    for ecn in range(4):
        for tos in ecn, 0xb8 | ecn:
            for segment in 0, 700:
                s = udp(address)
                ask_for_tos(s, address)
                set_tos(s, address, tos)
                if segment:
                    s.setsockopt(SOL_UDP, UDP_SEGMENT, segment)
                s.settimeout(0.5)
                body = NOISE[ecn:ecn + 2100 if segment else ecn + 701]
                s.send(body)
                wanted = expect.get(ecn, ecn)
                try:
                    got = [receive_with_tos(s)[:2] for _ in range(3 if segment else 1)]
                except TimeoutError:
                    got = []
                if wanted == "lost":
                    if got:
                        fail(f"TOS {tos:#x} should have been dropped")
                    seen[ecn] = wanted
                    continue
                if b"".join(sorted(d for d, _ in got)) != b"".join(sorted(body[i:i + (segment or 9999)] for i in range(0, len(body), segment or 9999))):
                    fail(f"TOS {tos:#x}: {len(got)} datagrams came back, or changed ones")
                if any(t != (tos & 0xfc | wanted) for _, t in got):
                    fail(f"TOS {tos:#x} came back as {[hex(t) for _, t in got]}, segment {segment}")
                seen[ecn] = wanted
    print("ECN there and back: " + ", ".join(f"{a} as {b}" for a, b in seen.items()))


def whole(address):
    s = udp(address)
    if ":" in address:
        s.setsockopt(socket.IPPROTO_IPV6, IPV6_MTU_DISCOVER, PMTUDISC_DO)
    else:
        s.setsockopt(socket.IPPROTO_IP, IP_MTU_DISCOVER, PMTUDISC_DO)
    body = NOISE[:largest(address)]
    s.send(body)
    if s.recv(1 << 16) != body:
        fail("the largest packet came back changed")
    try:
        s.send(NOISE[:largest(address) + 1])
    except OSError as e:
        print(f"{largest(address)} bytes pass, one more is refused: {e.strerror}")
        return
    fail("a packet larger than the MTU was taken although it must not be cut")


def fold(data, total=0):
    if len(data) % 2:
        data += b"\0"
    total += sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return total


def watch(interface):
    """What came in over an interface: every checksum that should be complete is, every other holds its pseudo header."""
    s = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(3))
    s.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 27)
    s.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)
    s.bind((interface, 3))
    count = {"packets": 0, "joined": 0, "fragments": 0, "whole": 0, "bad": 0, "first_bad": ""}

    def end(*_):
        received, dropped = struct.unpack("II", s.getsockopt(SOL_PACKET, 6, 8))
        count["missed"] = dropped
        print(json.dumps(count), flush=True)
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    print("watching", flush=True)
    while True:
        packet, controls, _, about = s.recvmsg(1 << 17, 256)
        if about[2] != socket.PACKET_HOST:
            continue
        status = next((struct.unpack("I", value[:4])[0] for level, kind, value in controls if (level, kind) == (SOL_PACKET, PACKET_AUXDATA)), 0)
        count["packets"] += 1
        why = judge(packet, bool(status & CHECKSUM_NOT_READY), count)
        if why:
            count["bad"] += 1
            count["first_bad"] = count["first_bad"] or f"{why}: {packet[:60].hex()}"


def judge(packet, not_ready, count):
    if packet[0] >> 4 == 4:
        header, protocol = (packet[0] & 15) * 4, packet[9]
        if fold(packet[:header]) != 0xffff:
            return "IPv4 header checksum"
        if struct.unpack("!H", packet[2:4])[0] != len(packet):
            return "length"
        count["whole"] += packet[6] >> 6 & 1
        if struct.unpack("!H", packet[6:8])[0] & 0x3fff:
            count["fragments"] += 1
            return None
        addresses = packet[12:20]
    else:
        header, protocol, addresses = 40, packet[6], packet[8:40]
        if struct.unpack("!H", packet[4:6])[0] != len(packet) - 40:
            return "length"
        if protocol == 44:
            count["fragments"] += 1
            return None
    at = {6: 16, 17: 6}.get(protocol)
    if at is None:
        return None
    rest = packet[header:]
    pseudo = fold(addresses + struct.pack("!IHH", len(rest), 0, protocol))
    if not_ready:
        count["joined"] += 1
        return None if struct.unpack("!H", rest[at:at + 2])[0] == pseudo else "pseudo header sum"
    if protocol == 17 and rest[6:8] == b"\0\0":
        return "UDP without a checksum"
    return None if fold(rest, pseudo) == 0xffff else "transport checksum"


def bare(program, *arguments):
    tun = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH22x", arguments[-1].encode(), IFF_TUN_NO_PI))
    os.set_inheritable(tun, True)
    os.environ["WG_TUN_FD"] = str(tun)
    os.execv(program, [program, *arguments])


def main():
    verb, arguments = sys.argv[1], sys.argv[2:]
    if verb == "marks":
        pairs = arguments[2].split(",") if arguments[1:2] == ["--expect"] else []
        expect = {int(a): b if b == "lost" else int(b) for a, b in (p.split("=") for p in pairs)}
        marks(arguments[0], expect)
    else:
        {"serve": serve, "sizes": sizes, "flights": flights, "stream": stream, "whole": whole, "watch": watch, "bare": bare}[verb](*arguments)


main()
