"""What became of the flows at each fault: python3 survived.py FLOWS.json FAULTS  prints one JSON line for each fault;
python3 survived.py --table LINES  prints a table of many such lines, as Markdown.

FAULTS has a line for each: time, kind, place, whether the client left the relay (true or false), seconds until it took the other
path. What the call is silent for after that is the time of the switch.
"""
import json
import sys
from collections import defaultdict

# A pause belongs to a fault if it began within so many seconds after it, or just before: the last datagram is older than the fault.
WINDOW = 3


def lines():
    with open(sys.argv[1], encoding="utf-8") as file:
        flows = json.load(file)
    broken = [c for c in flows["connections"] if c["broken"]]
    with open(sys.argv[2], encoding="utf-8") as file:
        for fault in file:
            when, kind, place, left, after = fault.split()
            when = float(when)
            end, silent = max((p for p in flows["udp"]["pauses"] if when <= p[0] and when - 0.2 <= p[0] - p[1] <= when + WINDOW), key=lambda p: p[1], default=(when, 0))
            yield {
                "kind": kind, "place": place, "left": left == "true", "detected": float(after), "silent": silent,
                "switched": round(max(end - when - float(after), 0), 3),
                "broken": sum(when <= float(c["broken"].split()[0]) <= when + 60 for c in broken),
            }


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def table():
    kinds = defaultdict(list)
    with open(sys.argv[2], encoding="utf-8") as file:
        for line in file:
            fault = json.loads(line)
            kinds[fault["kind"], fault["place"]].append(fault)
    print("| Fault | at the | times | connections broken | noticed after, s: p50 | p95 | switched after that: p50 | p95 | silent, all in all: p95 | longest |")
    print("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|")
    for (kind, place), faults in kinds.items():
        detected, switched, silent = ([fault[what] for fault in faults] for what in ("detected", "switched", "silent"))
        print(f"| {kind} | {place} | {len(faults)} | {sum(fault['broken'] for fault in faults)} | "
              f"{quantile(detected, .5):.2f} | {quantile(detected, .95):.2f} | {quantile(switched, .5):.2f} | {quantile(switched, .95):.2f} | "
              f"{quantile(silent, .95):.2f} | {max(silent):.2f} |")


if sys.argv[1] == "--table":
    table()
else:
    for line in lines():
        print(json.dumps(line))
