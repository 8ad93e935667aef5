"""Asks the same questions of a real resolver and of ours with dig(1), and compares what dig prints.

    agree.py --names NAMESPACE --client NAMESPACE --through SERVER@PORT [DIG_OPTION...]
    agree.py --latency SERVER@PORT NAME     time of a kept answer, in microseconds, as JSON

Equal must be: status, flags, and in each section the records with their data and the letters' case. A TTL of ours may
be lower, never higher. Of a truncated answer only the header counts.
"""
import collections
import json
import random
import re
import socket
import struct
import subprocess
import sys
import time

ZONE = "macro.example"
LONGEST = "a" * 63

# name (relative to the zone), type, options of dig
QUESTIONS = [(name, kind, ()) for name, kind in [
    ("@", "SOA"), ("@", "NS"), ("@", "MX"), ("@", "CAA"), ("@", "TXT"), ("@", "A"), ("@", "DNSKEY"), ("@", "CDS"), ("@", "NSEC3PARAM"),
    ("@", "ANY"), ("www", "ANY"), ("www", "A"), ("www", "AAAA"), ("www", "HTTPS"), ("www", "LOC"), ("camelcase", "A"), ("CamelCase", "TXT"),
    ("WwW", "A"), ("alias1", "A"), ("alias1", "AAAA"), ("alias1", "CNAME"), ("alias1", "MX"), ("ALIAS2", "A"), ("nowhere", "A"), ("nowhere", "CNAME"),
    ("loop1", "A"), ("x.old", "A"), ("deep.er.old", "TXT"), ("old", "DNAME"), ("_sip._tcp", "SRV"), ("_443._tcp.www", "TLSA"), ("svc", "SVCB"),
    ("pointer", "PTR"), ("host", "HINFO"), ("naptr", "NAPTR"), ("sshfp", "SSHFP"), ("uri", "URI"), ("rp", "RP"), ("afsdb", "AFSDB"),
    ("odd", "TYPE65280"), ("odd", "TYPE65281"), (r"dot\.ted", "A"), (r"spa\032ce", "A"), ("under_score", "A"), (LONGEST, "A"),
    ("one.wild", "A"), ("one.two.wild", "TXT"), ("one.wild", "MX"), ("wild", "A"), ("b.empty", "A"), ("empty", "TXT"), ("a.b.empty", "A"),
    ("not-there", "A"), ("not.there.at.all", "AAAA"), ("www", "MX"), ("www", "SRV"), ("zero", "A"), ("long", "TXT"), ("large", "A"), ("texts", "TXT"),
]] + [
    ("www", "A", ("+dnssec",)), ("@", "DNSKEY", ("+dnssec",)), ("not-there", "A", ("+dnssec",)), ("www", "MX", ("+dnssec",)),
    ("one.wild", "A", ("+dnssec",)), ("alias1", "A", ("+dnssec",)), ("large", "A", ("+dnssec",)), ("www", "A", ("+dnssec", "+cdflag")),
    ("www", "AAAA", ("+cdflag",)), ("www", "A", ("+noadflag",)), ("www", "A", ("+noedns",)), ("long", "TXT", ("+noedns",)),
    ("www", "A", ("+nocookie",)), ("www", "A", ("+subnet=44.160.0.0/16",)), ("www", "A", ("+bufsize=512",)), ("www", "A", ("+bufsize=4096",)),
    ("large", "A", ("+ignore",)), ("texts", "TXT", ("+ignore", "+noedns")), ("texts", "TXT", ("+ignore", "+bufsize=512")),
    ("www", "A", ("+tcp",)), ("large", "A", ("+tcp",)), ("texts", "TXT", ("+tcp", "+dnssec")), ("not-there", "A", ("+tcp",)),
    ("www", "A", ("+norecurse",)), ("www", "A", ("+ednsopt=65001:0102",)),
]

Answer = collections.namedtuple("Answer", "status flags sections")


def ask(namespace, server, name, kind, options):
    address, port = server.split("@")
    full = ZONE if name == "@" else f"{name}.{ZONE}"
    command = ["ip", "netns", "exec", namespace, "dig", f"@{address}", "-p", port, "+tries=1", "+time=8", "+noall", "+comments",
               "+answer", "+authority", "+additional", "+ttlid", "+nosplit", *options, "-q", full, "-t", kind]
    return parse(subprocess.run(command, capture_output=True, text=True, check=False).stdout)


def parse(text):
    # After a truncated answer dig asks again with TCP; what it prints last counts.
    text = text[text.rfind("->>HEADER<<-"):]
    status = re.search(r"status: (\w+)", text)
    flags = re.search(r"flags: ([a-z ]*);", text)
    sections, section = collections.defaultdict(list), None
    for line in text.splitlines():
        if heading := re.match(r";; (\w+) SECTION:", line):
            section = heading.group(1)
        elif section and line and not line.startswith(";"):
            owner, ttl, kind, kind_name, data = re.split(r"\s+", line, maxsplit=4)
            sections[section].append((owner, int(ttl), kind_name, data))
    return Answer(status and status.group(1), flags and flags.group(1).split(), dict(sections))


def differences(real, ours):
    if real.status != ours.status:
        return [f"status {ours.status}, not {real.status}"]
    found = []
    if real.flags != ours.flags:
        found.append(f"flags {ours.flags}, not {real.flags}")
    if "tc" in real.flags and "tc" in ours.flags:
        return found
    for section in sorted(real.sections.keys() | ours.sections.keys()):
        theirs = {(owner, kind, data): ttl for owner, ttl, kind, data in real.sections.get(section, [])}
        mine = {(owner, kind, data): ttl for owner, ttl, kind, data in ours.sections.get(section, [])}
        found += [f"{section}: missing {record}" for record in theirs.keys() - mine.keys()]
        found += [f"{section}: invented {record}" for record in mine.keys() - theirs.keys()]
        found += [f"{section}: TTL {mine[record]} above {theirs[record]}: {record}" for record in mine.keys() & theirs.keys() if mine[record] > theirs[record]]
        if len(real.sections.get(section, [])) != len(ours.sections.get(section, [])):
            found.append(f"{section}: another number of records")
    return found


def compare(names, client, through, options):
    bad = 0
    for name, kind, own in QUESTIONS:
        real = ask(names, "127.0.0.1@53", name, kind, own)
        # Twice: what was fetched, then what was kept.
        for _ in range(2):
            wrong = differences(real, ask(client, through, name, kind, (*own, *options)))
            for line in wrong[:4]:
                print(f"{name} {kind} {' '.join(own)}: {line}")
            bad += bool(wrong)
    print(f"{len(QUESTIONS)} questions, twice each: {bad} answers differ")
    return bad == 0


def latency(server, name):
    address, port = server.split("@")
    labels = b"".join(struct.pack("B", len(label)) + label.encode() for label in name.split(".")) + b"\0"
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(5)
    client.connect((address, int(port)))
    times = []
    for number in range(2200):
        identity = random.randrange(65536)
        query = struct.pack(">HHHHHH", identity, 0x0100, 1, 0, 0, 0) + labels + struct.pack(">HH", 1, 1)
        began = time.perf_counter_ns()
        client.send(query)
        answer = client.recv(4096)
        if number >= 200:
            times.append((time.perf_counter_ns() - began) // 1000)
        assert answer[:2] == query[:2] and answer[7] > 0, "no answer"
    times.sort()
    print(json.dumps({"p50": times[len(times) // 2], "p99": times[len(times) * 99 // 100], "max": times[-1]}))


def main():
    arguments = sys.argv[1:]
    if arguments[0] == "--latency":
        latency(arguments[1], arguments[2])
        return 0
    _, names, _, client, _, through, *options = arguments
    return 0 if compare(names, client, through, options) else 1


sys.exit(main())
