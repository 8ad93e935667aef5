#!/usr/bin/env bash
# four downloads through three hops: our one circuit against a private Tor network with a circuit for each
#
#   client    ------ relay ----- relay ----- exit ------ web      macrovpnd on each
#   torclient ------ tor ------- tor ------- tor ------- web      through Tor's SOCKS port
#
# ./bench tor [--json] [--record] [--rounds N] [--seconds N]

set -euo pipefail
. "$root/tests/bench/lib/rounds.sh"
need_commands ip nft ping curl tor
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
. "$root/tests/lab/lib/tor.sh"
while [ $# -gt 0 ]; do
  common_option "$@"
  shift $taken
done

bar 'download (Mbit/s)' macrovpnd '>= 5.0'
bar 'download: CPU (s/GB)' macrovpnd '<= 0.2'

"$root/build"
private_network
tor_network
vpn client up --mode private --wait >/dev/null || die "No circuit stands."
mapfile -t hops < <(circuit)

# The lab's own web server computes what it sends; this one costs next to nothing.
files_port=8090
mkdir "$lab_home/files"
truncate -s 100G "$lab_home/files/zeros"
spawn files web python3 -m http.server $files_port --directory "$lab_home/files"
eventually 10 listens web $files_port

declare -A side=([client]=macrovpnd [torclient]="Tor")
programs_of() { if [ "$1" = client ]; then echo client "${hops[@]}"; else echo torclient "${tor_relays[@]}"; fi; }

# fetch CLIENT NUMBER SECONDS: prints how many bytes came. Tor gives each SOCKS user a circuit of their own.
fetch() {
  local proxy=(--noproxy '*')
  [ "$1" = client ] || proxy=(--noproxy '' --socks5-hostname "127.0.0.1:$tor_socks_port" --proxy-user "user$2:none")
  in_ns "$1" curl -s "${proxy[@]}" --max-time "$3" -o /dev/null -w '%{size_download}\n' "http://$(v4 web):$files_port/zeros" || true
}

downloads() { # CLIENT
  local before after bytes
  quiet
  before=$(cpu $(programs_of "$1"))
  bytes=$(for number in 1 2 3 4; do fetch "$1" $number "$seconds" & done | awk '{s += $1} END {printf "%.0f", s}')
  after=$(cpu $(programs_of "$1"))
  value 'download (Mbit/s)' "${side[$1]}" "$(per "$seconds" 0 "$bytes" 8e-6)"
  value 'download: CPU (s/GB)' "${side[$1]}" "$(per "$bytes" "$before" "$after" 1e9)"
}

# Circuits stand before the first round.
flows() { [ "$(fetch torclient "$1" 3)" -gt 0 ]; }
for number in 1 2 3 4; do eventually 60 flows $number || die "Tor carries nothing."; done
for ((round = 1; round <= rounds; round++)); do
  say "Round $round of $rounds"
  for name in torclient client; do downloads $name; done
done
report_table Tor
