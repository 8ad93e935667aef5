#!/usr/bin/env bash
# a network that lets no UDP out: the client goes over TCP 443, and back to UDP when it passes
#
#   client --- [ internet: no UDP of the client passes ] ---+--- relay1   takes TCP 443
#   web    ---+                                             +--- relay2, relay3
#                                                           +--- exit1
#
#   client -> relay1 (TCP, later UDP) -> relay2 or relay3 -> exit1 -> web
#
# ./lab tcp443 [--json] [--bytes N]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft ping jq curl openssl ss tcpdump
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"

size=16777216
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --bytes) size=$2; shift ;;
    *) say "Usage: ./lab tcp443 [--json] [--bytes N]"; exit 2 ;;
  esac
  shift
done

pumps=1
eval "plain_$(declare -f settings_of)"
settings_of() { plain_settings_of "$1" | if [ "$1" = relay1 ]; then sed 's/^endpoints = /tcp_port = 443\nendpoints = /'; else cat; fi; }

# UDP of the client is dropped in silence at the router, as such networks do it; the control chain counts it.
block_udp() {
  at_the_router lab 'iifname client meta l4proto udp counter drop' 'oifname client meta l4proto udp counter drop'
}

allow_udp() { in_ns internet nft delete table inet lab; }
udp_dropped() { in_ns internet nft -j list table inet lab | jq '[.. | .counter? | select(. != null) | .packets] | add'; }

over_tcp() { [ "$(vpn client status --json | jq .overTcp)" = "$1" ]; }
connections() { in_ns relay1 ss -Htn state established '( sport = :443 )' | grep -c .; }

connect() {
  local began=$EPOCHREALTIME
  vpn client up --mode private --wait || return 1
  over_tcp true || { echo "it is not over TCP"; return 1; }
  equal entry "$(circuit | head -n 1)" relay1 || return 1
  awk -v began="$began" -v now="$EPOCHREALTIME" 'BEGIN {printf "%.2f s\n", now - began}'
}

tells_in_words() {
  vpn client status | grep -i 'TCP 443' || { echo "status does not tell"; return 1; }
  vpn client netcheck | grep -E 'TCP 443 +in use, 1 connection' || { echo "netcheck does not tell: $(vpn client netcheck | grep TCP)"; return 1; }
}

# A transfer goes on while UDP is allowed: it must end whole, and the circuit must be the same, by UDP.
returns_to_udp() {
  local before began=$EPOCHREALTIME
  before=$(vpn client circuit --json | jq -c '[.hops[].nodeId]')
  in_ns client curl -sS --noproxy '*' --limit-rate 400k --max-time 120 "http://$(v4 web):$web_port/bytes/$size" -o "$lab_home/moved" &
  local transfer=$!
  allow_udp
  eventually 60 over_tcp false || { echo "it stays over TCP"; return 1; }
  local moved=$EPOCHREALTIME
  wait "$transfer" || { echo "the transfer broke off"; return 1; }
  equal SHA-256 "$(sha256sum <"$lab_home/moved" | cut -d' ' -f1)" "$("$lab_peer" sha256 "$size")" >/dev/null || { echo "the transfer is not whole"; return 1; }
  equal circuit "$(vpn client circuit --json | jq -c '[.hops[].nodeId]')" "$before" >/dev/null || { echo "it is another circuit"; return 1; }
  eventually 15 no_connection || { echo "the TCP connection stays"; return 1; }
  awk -v began="$began" -v now="$moved" 'BEGIN {printf "after %.1f s, the transfer whole, the connection gone\n", now - began}'
}

no_connection() { [ "$(connections)" = 0 ]; }

# What a middlebox sees and a prober gets: TLS 1.3 with a certificate, ALPN answered, and no word about what it is.
looks_like_tls() {
  local seen
  seen=$(in_ns web openssl s_client -connect "$(v4 relay1):443" -servername www.example.com -alpn h2,http/1.1 </dev/null 2>&1) || true
  grep -q 'TLSv1.3' <<<"$seen" || { echo "no TLS 1.3: $(head -c 200 <<<"$seen")"; return 1; }
  grep -qE 'ALPN protocol: (h2|http/1.1)' <<<"$seen" || { echo "ALPN is not answered"; return 1; }
  ! grep -qi -e macro -e wireguard -e vpn <<<"$seen" || { echo "the certificate tells what it is"; return 1; }
  seen=$(in_ns web openssl s_client -tls1_2 -connect "$(v4 relay1):443" -servername www.example.com </dev/null 2>&1) || true
  grep -q 'TLSv1.2' <<<"$seen" || { echo "no TLS 1.2"; return 1; }
  echo "TLS 1.3 and 1.2, $(grep -o 'subject=.*' <<<"$seen" | head -n 1)"
}

ends_http() {
  local status=0
  in_ns web curl -ksS --max-time 15 "https://$(v4 relay1)/" >"$lab_home/http" 2>&1 || status=$?
  [ "$status" != 0 ] && [ "$status" != 28 ] || { echo "curl got an answer, or none at all ($status)"; return 1; }
  echo "TLS, then an end (curl $status)"
}

# The client's first bytes, as the wire shows them: a ClientHello with a name and ALPN. A capture is written block by block.
hello_is_ordinary() {
  eventually 10 wire_shows_hello || { echo "no SNI or no ALPN in the $(grep -ca ' IP ' "$lab_home/hello.txt") packets that the wire shows"; return 1; }
  echo "SNI $(grep -oaE 'www\.[a-z]{8,20}\.com' "$lab_home/hello.txt" | head -n 1), ALPN"
}

wire_shows_hello() {
  tcpdump -r "$lab_home/hello.pcap" -A 2>/dev/null | tr -d '\0' >"$lab_home/hello.txt" || true
  grep -qaE 'www\.[a-z]{8,20}\.com' "$lab_home/hello.txt" && grep -qa 'http/1.1' "$lab_home/hello.txt"
}

limited() {
  local i pids=()
  # Forty that say nothing; thirty-two of one source are let in.
  for i in $(seq 40); do in_ns web timeout 9 bash -c "exec 3<>/dev/tcp/$(v4 relay1)/443; sleep 8" 2>/dev/null & pids+=($!); done
  eventually 5 has_connections 32 || { echo "$(connections) connections"; return 1; }
  # The kernel takes them all; the relay closes what is too many as soon as it looks.
  sleep 2
  local most
  most=$(connections)
  for i in "${pids[@]}"; do wait "$i" || true; done
  [ "$most" -ge 32 ] && [ "$most" -le 33 ] || { echo "$most connections"; return 1; }
  relay_runs relay1 || return 1
  echo "$most connections of 40"
}

has_connections() { [ "$(connections)" -ge "$1" ]; }

"$root/build"
private_network
in_ns internet tcpdump -i client -Z root -U -s 0 -c 40 -w "$lab_home/hello.pcap" 'tcp port 443' 2>"$lab_home/hello.log" >/dev/null &
eventually 10 grep -q listening "$lab_home/hello.log" || die "tcpdump does not listen."
check "the handshake looks like a web server's" looks_like_tls
check "a browser gets nothing" ends_http
block_udp
check "connects through three hops over TCP" connect
check "UDP was tried, and is dropped" test "$(udp_dropped)" -gt 0
check "the client's hello" hello_is_ordinary
check "status and netcheck say so" tells_in_words
check "the web server sees the exit" equal "the web server saw" "$(whoami "$(v4 web)")" "$(v4 exit1)"
check "ping" pings client "$(v4 web)" 10
check "UDP echo inside" udp_echo client "$(v4 web)" 500 1200
check "TCP down" download client "$(v4 web):$web_port" "$size"
check "TCP up" upload client "$(v4 web):$web_port" "$size"
check "returns to UDP" returns_to_udp
check "TCP down by UDP" download client "$(v4 web):$web_port" "$size"
check "one source is limited" limited
vpn client down >/dev/null
report tcp443
