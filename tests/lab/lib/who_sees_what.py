"""Reads the captures of every cable of the lab and proves who saw what.

Each cable's pcap is named after the host at its end. What must hold:

  node cables     only WireGuard between nodes: UDP from and to the node port, message types 1 to 4 with their legal
                  sizes and zero reserved bytes, no fragments; neighbour discovery with the router; and, on the exit's
                  cable alone, the exit's own traffic with the web server
  client          speaks to the first hop and that of the second path only; the web server's address never occurs
  entry, middle   the web server's address never occurs; beyond the first hops the client's never does
  exit            the client's address never occurs, unless the exit is the only hop
  web             only the exit's address occurs

Prints one line for each violation, then one line of JSON. Exit status 0: everything held.
"""

import argparse
import collections
import ipaddress
import json
import struct
import sys

ARP, IPV4, IPV6 = 0x0806, 0x0800, 0x86DD
TCP, UDP, ICMP, ICMPV6, HOP_BY_HOP = 6, 17, 1, 58, 0
NEIGHBOUR_DISCOVERY = range(133, 138)
MULTICAST_LISTENER = (130, 131, 132, 143)
FIXED_SIZES = {1: 148, 2: 92, 3: 64}
SMALLEST_DATA = 32
# Padding ends at the payload limit of the session: 1420 bytes for the first hop, 40 less for each further one.
INNER_MTUS = (1420, 1380, 1340)

Packet = collections.namedtuple("Packet", "kind source destination protocol ports payload size fragment")


def frames(path):
    """Yields the captured bytes of every frame of an Ethernet pcap, in file order, without loading the file."""
    with open(path, "rb", buffering=1 << 20) as file:
        header = file.read(24)
        order = "<" if header[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
        if len(header) < 24 or struct.unpack(order + "I", header[20:24])[0] != 1:
            raise ValueError(f"{path} is not a pcap of Ethernet frames")
        record = struct.Struct(order + "IIII")
        while len(head := file.read(16)) == 16:
            yield file.read(record.unpack(head)[2])


def parse(frame):
    """The addresses, ports and the first bytes of the payload of one frame."""
    kind = frame[12] << 8 | frame[13]
    if kind == IPV4:
        start = 14 + (frame[14] & 15) * 4
        fragment = (frame[20] & 0x3F) != 0 or frame[21] != 0
        return transport(frame, kind, frame[26:30], frame[30:34], frame[23], start, fragment)
    if kind == IPV6:
        protocol, start = frame[20], 54
        if protocol == HOP_BY_HOP:
            protocol, start = frame[54], 54 + 8 + frame[55] * 8
        return transport(frame, kind, frame[22:38], frame[38:54], protocol, start, protocol == 44)
    return Packet(kind, b"", b"", None, None, b"", 0, False)


def transport(frame, kind, source, destination, protocol, start, fragment):
    ports, payload, size = None, frame[start:start + 8], 0
    if protocol in (TCP, UDP) and not fragment:
        ports = (frame[start] << 8 | frame[start + 1], frame[start + 2] << 8 | frame[start + 3])
    if protocol == UDP and not fragment:
        payload = frame[start + 8:start + 16]
        size = (frame[start + 4] << 8 | frame[start + 5]) - 8
    return Packet(kind, source, destination, protocol, ports, payload, size, fragment)


def is_wireguard(packet):
    payload = packet.payload
    if len(payload) < 4 or payload[1] or payload[2] or payload[3]:
        return False
    if payload[0] == 4:
        padded = packet.size % 16 == 0 or packet.size - SMALLEST_DATA in INNER_MTUS
        return SMALLEST_DATA <= packet.size <= SMALLEST_DATA + INNER_MTUS[0] and padded
    return FIXED_SIZES.get(payload[0]) == packet.size


def is_neighbour_talk(packet):
    """ARP, IPv6 neighbour discovery and multicast listener reports: talk with the router, never routed."""
    return packet.kind == ARP or (packet.protocol == ICMPV6 and packet.payload
                                  and (packet.payload[0] in NEIGHBOUR_DISCOVERY or packet.payload[0] in MULTICAST_LISTENER))


class Cable:
    """What one cable may carry, and what it did."""

    def __init__(self, name, lab):
        self.name, self.lab = name, lab
        self.counts = collections.Counter()
        self.violations = collections.Counter()

    def take(self, packet):
        if is_neighbour_talk(packet):
            self.counts["neighbour"] += 1
            return
        if packet.kind not in (IPV4, IPV6):
            self.violate("neither IP nor ARP", packet)
            return
        lab, ends = self.lab, (packet.source, packet.destination)
        for address in ends:
            owner = lab.owner.get(address)
            if owner in lab.forbidden[self.name]:
                self.violate(f"carries the address of {owner}", packet)
                return
        owners = {lab.owner.get(ends[0]), lab.owner.get(ends[1])}
        if owners == {lab.exit, "web"}:
            if self.name in (lab.exit, "web"):
                self.counts["plain"] += 1
            else:
                self.violate("plain traffic", packet)
        elif None in owners or "web" in owners:
            self.violate("a stranger's address", packet)
        elif packet.protocol != UDP or packet.ports is None or packet.fragment:
            self.violate("not a whole UDP datagram between nodes", packet)
        elif lab.port not in packet.ports:
            self.violate("not the port of a node", packet)
        elif not is_wireguard(packet):
            self.violate("not a WireGuard message", packet)
        else:
            self.counts[("initiation", "response", "cookie", "data")[packet.payload[0] - 1]] += 1

    def violate(self, what, packet):
        source, destination = (str(ipaddress.ip_address(a)) if a else "-" for a in (packet.source, packet.destination))
        self.violations[f"{self.name}: {what}: {source} -> {destination} protocol {packet.protocol} ports {packet.ports}"
                        f" size {packet.size} begins {packet.payload.hex()}"] += 1


class Lab:
    def __init__(self, options):
        self.port = options.port
        self.circuit = options.circuit.split(",")
        self.entries = {self.circuit[0], *options.standby.split(",")[:1]} - {""}
        self.exit = self.circuit[-1]
        self.nodes = [name for name, _ in options.node]
        self.owner = {}
        for name, addresses in [("client", options.client), ("web", options.web), *options.node]:
            for address in addresses.split(","):
                self.owner[ipaddress.ip_address(address).packed] = name
        self.forbidden = {name: self.forbidden_on(name) for name in ["client", "web", *self.nodes]}

    def forbidden_on(self, name):
        if name == "client":
            return {"web"} | set(self.nodes) - self.entries
        if name == "web":
            return {"client"} | set(self.nodes) - {self.exit}
        forbidden = set()
        if name not in self.entries:
            forbidden.add("client")
        if name != self.exit:
            forbidden.add("web")
        return forbidden


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--captures", required=True)
    options.add_argument("--circuit", required=True, help="names of the hops, entry first")
    options.add_argument("--standby", default="", help="names of the relays of the second path, entry first")
    options.add_argument("--port", type=int, required=True)
    options.add_argument("--client", required=True)
    options.add_argument("--web", required=True)
    options.add_argument("--node", action="append", type=lambda text: tuple(text.split("=", 1)), default=[])
    options = options.parse_args()
    lab = Lab(options)

    held, summary = True, {}
    for name in ["client", "web", *lab.nodes]:
        cable = Cable(name, lab)
        for frame in frames(f"{options.captures}/{name}.pcap"):
            cable.take(parse(frame))
        for violation, times in cable.violations.most_common(5):
            print(f"{violation} ({times} times)")
        used = name == "client" or name in lab.circuit
        if used and not (cable.counts["initiation"] and cable.counts["response"] and cable.counts["data"] > 1000):
            print(f"{name}: too little WireGuard for a hop in use: {dict(cable.counts)}")
            held = False
        if name == "web" and cable.counts["plain"] < 1000:
            print(f"web: too little traffic to prove anything: {dict(cable.counts)}")
            held = False
        held = held and not cable.violations
        summary[name] = dict(cable.counts)
    print(json.dumps(summary))
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
