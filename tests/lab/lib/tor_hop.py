"""Which relay a running Tor uses: python3 tor_hop.py CONTROL_PORT ADDRESS PLACE

Prints the nickname of the relay at a place (1: entry) of the circuit by which most streams to the address go.
"""
import socket
import sys
from collections import Counter

control_port, address, place = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
control = socket.create_connection(("127.0.0.1", control_port), timeout=10)
lines = control.makefile("r", newline="\r\n")


def ask(command):
    """The lines of the answer."""
    control.sendall(command.encode() + b"\r\n")
    answer, in_block = [], False
    for line in lines:
        line = line.rstrip("\r\n")
        if in_block:
            in_block = line != "."
            answer.append(line)
        elif line.startswith("250 "):
            return answer
        elif line.startswith("250"):
            in_block = line[3] == "+"
            answer.append(line.split("=", 1)[1])
        else:
            break
    sys.exit("Tor does not answer " + command)


ask('AUTHENTICATE ""')
# Stream: number, state, circuit, target. Circuit: number, state, relays.
streams = [line.split() for line in ask("GETINFO stream-status") if " " in line]
used = Counter(words[2] for words in streams if words[1] == "SUCCEEDED" and words[3].startswith(address + ":"))
if not used:
    sys.exit("no stream")
circuits = {words[0]: words[2] for words in (line.split() for line in ask("GETINFO circuit-status")) if len(words) > 2}
print(circuits[used.most_common(1)[0][0]].split(",")[place - 1].split("~")[1])
