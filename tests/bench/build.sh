#!/usr/bin/env bash
# how long a circuit of two and three hops takes to build, and then the first byte of a page: beside Tor on the same links
#
#   client, stepwise ------ relay ----- relay ----- exit ------ web      macrovpnd on each
#   torclient ------------- tor1 ------ tor2 ------ tor3 ------ web      Tor, with a TLS connection to tor1 that stands
#
# Every cable to the router takes 12.5 ms, so any two machines are 25 ms apart. The client's handshakes go out together, in one flight;
# stepwise waits for each. Built is a circuit when its last hop has agreed to be one. Ours needs the exit's consent besides, once, where Tor asks
# with each stream: "ready" says when it has come. One flight cannot take less than a round trip to the last hop, which is half of what Tor takes to
# three hops and two thirds of what it takes to two.
#
# ./bench build [--json] [--record] [--rounds N]

set -euo pipefail
. "$root/tests/bench/lib/rounds.sh"
need_commands ip nft curl gcc python3 tor
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
link_delay=12.5
. "$root/tests/lab/lib/nat.sh"
. "$root/tests/lab/lib/tor.sh"
while [ $# -gt 0 ]; do
  common_option "$@"
  shift $taken
done

for hops in 2 3; do
  bar "build, $hops hops (ms)" stepwise '<= 1.05'
  bar "build, $hops hops (ms)" 'one flight' '<= 0.55'
  bar "first byte, $hops hops (ms)" stepwise '<= 1.0'
  bar "first byte, $hops hops (ms)" 'one flight' '<= 1.0'
done

host() { cabled_host "$1"; }

declare -A side=([client]='one flight' [stepwise]=stepwise)
net+=([stepwise]=165)
clients+=(stepwise)
eval "plain_$(declare -f settings_of)"
settings_of() { plain_settings_of "$1" | if [ "$1" = stepwise ]; then sed 's/^\[client\]/&\nearly_data = false/'; else cat; fi; }

ours() { # CLIENT HOPS
  local circuit
  quiet
  vpn "$1" up --mode "$(mode_of_hops "$2")" --wait >/dev/null || die "No circuit of $2 hops stands."
  circuit=$(vpn "$1" circuit --json)
  value "build, $2 hops (ms)" "${side[$1]}" "$(jq .handshakesMs <<<"$circuit")"
  value "ready, $2 hops (ms)" "${side[$1]}" "$(jq .buildMs <<<"$circuit")"
  value "first byte, $2 hops (ms)" "${side[$1]}" "$(first_byte "$1")"
  vpn "$1" down >/dev/null
}

first_byte() { # CLIENT
  in_ns "$1" curl -sS --noproxy '*' --max-time 10 -o /dev/null -w '%{time_starttransfer}' "http://$(v4 web):$web_port/whoami" | awk '{print 1e3 * $1}'
}

tors() { # HOPS
  local name path=
  quiet
  for name in "${tor_authorities[@]:0:$1}"; do path+=${path:+,}\$$(cat "$lab_home/$name.fingerprint"); done
  in_ns torclient python3 "$root/tests/bench/lib/tor_build.py" $tor_control_port $tor_socks_port "$path" "$(v4 web)" $web_port >"$lab_home/tor.json" || die "Tor builds no circuit."
  value "build, $1 hops (ms)" Tor "$(jq .build "$lab_home/tor.json")"
  value "first byte, $1 hops (ms)" Tor "$(jq .first_byte "$lab_home/tor.json")"
}

measure() { for hops in 2 3; do tors $hops; ours client $hops; ours stepwise $hops; done; }

"$root/build"
private_network
host stepwise
node stepwise
for name in "${nodes[@]}"; do vpn stepwise network import "$lab_home/$name.directory" >/dev/null; done
tor_network
# The first circuits find connections between Tor's relays, and programs that are warm.
round=0
measure
: >"$lab_home/values"
for ((round = 1; round <= rounds; round++)); do
  say "Round $round of $rounds"
  measure
done
report_table Tor
