#!/usr/bin/env bash
# our DHT node among 20 libtorrent nodes: every message both ways, errors, BEP 42, IPv6, loss, look-ups side by side
#
#   [ dht: every node has its own /24 of IPv4 and /48 of IPv6 on the loopback device ]          [ away ]
#     44.128.1.1 .. 44.128.20.1      libtorrent    44.128.240.1  a node that lies about its id    44.128.230.1  ours
#     44.128.200.1 .. 44.128.204.1   ours          44.128.250.1  single queries                   44.128.231.1  libtorrent
#                                           \\------------ 25 ms each way ------------/
#
# Who looks up better is told across that link. --record puts the table into tests/bench/results.md.
#
# ./lab dht-interop [--json] [--record] [--nodes N] [--gets N]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq python3 gcc
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/bench/lib/record.sh"

nodes=20 gets=100 record=false
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --record) record=true ;;
    --nodes) nodes=$2; shift ;;
    --gets) gets=$2; shift ;;
    *) say "Usage: ./lab dht-interop [--json] [--record] [--nodes N] [--gets N]"; exit 2 ;;
  esac
  shift
done

# Debian's own Python has the module, whichever python3 comes first in the path.
need_libtorrent() {
  /usr/bin/python3 -c 'import libtorrent' 2>/dev/null && return
  say "Installing python3-libtorrent"
  apt_quietly install -y --no-install-recommends python3-libtorrent ||
    { apt_quietly update && apt_quietly install -y --no-install-recommends python3-libtorrent; } ||
    die "apt-get could not install python3-libtorrent."
}

told() { echo "$2"; [ "$1" = true ]; }

need_libtorrent
need_dotnet
dotnet build "$root/tests/lab/Macro.DhtPeer" -c Release -v quiet --nologo >"$lab_home/build.log" 2>&1 ||
  { tail -20 "$lab_home/build.log" >&2; die "Building the lab's DHT peer failed."; }

gcc -O2 -o "$lab_home/link" "$root/tests/lab/lib/link.c"

# Two nodes of each kind of address would not do: every one has a network of its own.
give() { # NAMESPACE NUMBER
  ip_in "$1" address add "44.128.$2.1/32" dev lo
  ip_in "$1" address add "2a0e:4400:$(printf %x "$2")::1/128" dev lo
}

namespace dht away
for i in $(seq 1 "$nodes") 200 201 202 203 204 240 250; do give dht "$i"; done
for i in 230 231; do give away "$i"; done
"$lab_home/link" "${lab_prefix}dht:cable" "${lab_prefix}away:cable" mtu=1500 rate=1000 queue=4000000 delay=25 loss=0 reorder=0 late=1 seed=1 >"$lab_home/link.log" 2>&1 &
echo $! >"$lab_home/pids/link"
eventually 10 grep -q ready "$lab_home/link.log" || die "The link does not stand."
for name in dht away; do ip_in "$name" link set cable up; done
for i in 230 231; do ip_in dht route add "44.128.$i.0/24" dev cable; done
ip_in away route add 44.128.0.0/16 dev cable

spawn interop dht /usr/bin/python3 "$root/tests/lab/lib/dht_interop.py" "$root/artifacts/bin/Macro.DhtPeer/release/dht-peer" \
  "$lab_home/results" "${lab_prefix}away" --nodes "$nodes" --gets "$gets"
wait "$(pid_of interop)" || { tail -20 "$lab_home/interop.log" >&2; check "the checks ran to their end" false; }
while IFS= read -r line; do
  if jq -e 'has("fact")' <<<"$line" >/dev/null; then
    fact "$(jq -r .fact <<<"$line")" "$(jq -c .value <<<"$line")"
  else
    check "$(jq -r .name <<<"$line")" told "$(jq -r .ok <<<"$line")" "$(jq -r .detail <<<"$line")"
  fi
done <"$lab_home/results"

row() { # NAME FACT
  jq -r --arg name "$1" --arg fact "$2" 'select(has($fact)) | .[$fact] | . as $r | "ours", "libtorrent" |
    "| \($name) | \(.) | \($r.gets) | \($r[.].missed) | \($r[.].ms.median) | \($r[.].ms.p95) | \($r[.].queries.median) | \($r[.].queries.p95) |"' "$lab_home/facts"
}

table() {
  printf '`./lab dht-interop --record`: gets of a mutable item among %s libtorrent nodes across a link of 25 ms each way, each item by both. %s.\n\n' "$nodes" "$(machine)"
  echo '| network | node | gets | missed | ms, median | ms, p95 | queries, median | queries, p95 |'
  echo '| --- | --- | --: | --: | --: | --: | --: | --: |'
  row 'no loss' lookups
  row '10 % of datagrams lost, each way' lookups_with_loss
}

if $record; then table | record_text dht; fi
report dht-interop
