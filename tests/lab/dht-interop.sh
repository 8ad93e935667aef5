#!/usr/bin/env bash
# our DHT node among 20 libtorrent nodes: every message both ways, errors, BEP 42, IPv6, loss, look-ups side by side
#
#   [ one namespace; every node has its own /24 of IPv4 and /48 of IPv6 on the loopback device ]
#
#     44.128.1.1 .. 44.128.20.1        libtorrent        44.128.240.1  a node that lies about its id
#     44.128.200.1 .. 44.128.204.1     ours              44.128.250.1  single queries
#
# ./lab dht-interop [--json] [--record] [--nodes N] [--gets N]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq python3
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/bench/lib/record.sh"

record=false nodes=20 gets=100
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

# The look-ups side by side, and how many of the checks held.
table() {
  printf '## dht-interop\n\n`./lab dht-interop --record`, %s libtorrent nodes. %s. %s of %s checks held.\n\n' "$nodes" "$(machine)" \
    "$(jq -s 'map(select(.ok)) | length' "$lab_home/checks")" "$(jq -s length "$lab_home/checks")"
  jq -rs 'add | def row: "| " + (map(tostring) | join(" | ")) + " |";
    (["get of a mutable item", "libtorrent", "ours", "ratio"], ["---", "---:", "---:", "---:"],
     (to_entries[] | select(.key | startswith("lookups")) | (.key | ltrimstr("lookups") | gsub("_"; " ")) as $how | .value
      | (["ms", "queries"][] as $what | ["median", "p95"][] as $rank | .libtorrent[$what][$rank] as $theirs | .ours[$what][$rank] as $ours
         | ["\($what), \($rank)\($how)", $theirs, $ours, ($ours / $theirs * 100 | round / 100)]),
        ["missed of \(.gets)\($how)", .libtorrent.missed, .ours.missed, ""])) | row' "$lab_home/facts"
}

need_libtorrent
need_dotnet
dotnet build "$root/tests/lab/Macro.DhtPeer" -c Release -v quiet --nologo >"$lab_home/build.log" 2>&1 ||
  { tail -20 "$lab_home/build.log" >&2; die "Building the lab's DHT peer failed."; }

namespace dht
for i in $(seq 1 "$nodes") 200 201 202 203 204 240 250; do
  ip_in dht address add "44.128.$i.1/32" dev lo
  ip_in dht address add "2a0e:4400:$(printf %x "$i")::1/128" dev lo
done

spawn interop dht /usr/bin/python3 "$root/tests/lab/lib/dht_interop.py" "$root/artifacts/bin/Macro.DhtPeer/release/dht-peer" \
  "$lab_home/results" --nodes "$nodes" --gets "$gets"
wait "$(pid_of interop)" || { tail -20 "$lab_home/interop.log" >&2; check "the checks ran to their end" false; }
while IFS= read -r line; do
  if jq -e 'has("fact")' <<<"$line" >/dev/null; then
    fact "$(jq -r .fact <<<"$line")" "$(jq -c .value <<<"$line")"
  else
    check "$(jq -r .name <<<"$line")" told "$(jq -r .ok <<<"$line")" "$(jq -r .detail <<<"$line")"
  fi
done <"$lab_home/results"
if $record; then table | record_text dht-interop; fi
report dht-interop
