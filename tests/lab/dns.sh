#!/usr/bin/env bash
# names through three hops: the answers agree with a real resolver's, hits are quick, and no question leaves beside
#
#   client ---+                   +--- relay1..3
#             +--- [ internet ] --+--- exit1 ------ asks ---+
#   web    ---+                   +--- names (44.201.0.2) <-+    unbound, a validating resolver, and before it
#                                                               knot, with the signed zone tests/lab/lib/macro.zone
#
#   dig in names -> unbound                                               what the answer is
#   dig in client -> 127.0.0.1:1053 -> circuit -> exit1 -> unbound        what ours is, through both resolvers
#   dig in client -> 100.64.0.53 through the TUN device -> unbound        what ours is, through the exit's alone
#
# ./lab dns [--json]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft tcpdump jq python3 dig unbound knotd keymgr
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
[ "${1:-}" != --json ] || lab_json=true

net[names]=201
zone=macro.example
eval "network_$(declare -f settings_of)"

settings_of() {
  network_settings_of "$1"
  case $1 in
    exit*) printf 'resolvers = ["%s:53"]\n' "$(v4 names)" ;;
    # The network's settings end in the client's table.
    client) printf 'dns = "127.0.0.1:1053"\n' ;;
  esac
}

serve_names() {
  local home=$lab_home/names
  mkdir -p "$home/zones"
  cp "$root/tests/lab/lib/macro.zone" "$home/zones/$zone.zone"
  cat >"$home/knot.conf" <<CONFIG
server:
  rundir: $home
  listen: 127.0.0.1@5300
database:
  storage: $home
policy:
  - id: signed
    nsec3: on
template:
  - id: default
    storage: $home/zones
zone:
  - domain: $zone
    dnssec-signing: on
    dnssec-policy: signed
CONFIG
  spawn knot names knotd -c "$home/knot.conf"
  eventually 20 signed_zone_is_served || { cat "$lab_home/knot.log" >&2; die "knotd does not serve the signed zone."; }
  keymgr -c "$home/knot.conf" "$zone" ds | sed -n 's/ DS / IN DS /; 1p' >"$home/anchor"
  cat >"$home/unbound.conf" <<CONFIG
server:
  interface: 0.0.0.0
  interface: ::0
  access-control: 0.0.0.0/0 allow
  access-control: ::0/0 allow
  username: ""
  chroot: ""
  directory: "$home"
  pidfile: "$home/unbound.pid"
  use-syslog: no
  do-daemonize: no
  do-not-query-localhost: no
  minimal-responses: no
  deny-any: no
  trust-anchor-file: "$home/anchor"
  edns-buffer-size: 1232
remote-control:
  control-enable: no
stub-zone:
  name: "$zone"
  stub-addr: 127.0.0.1@5300
CONFIG
  spawn unbound names unbound -d -c "$home/unbound.conf"
  eventually 20 in_ns names dig +short +time=1 +tries=1 @127.0.0.1 $zone SOA || { cat "$lab_home/unbound.log" >&2; die "unbound does not answer."; }
}

signed_zone_is_served() { in_ns names dig +short +dnssec +time=1 +tries=1 @127.0.0.1 -p 5300 $zone SOA | grep -q SOA; }

start_captures() {
  local name
  for name in client exit1; do
    spawn "capture-$name" internet tcpdump -n -i "$name" -s 1500 -B 32768 -w "$lab_home/$name.pcap" -Z root
    eventually 10 grep -q 'listening on' "$lab_home/capture-$name.log" || die "tcpdump did not start on $name."
  done
}

agrees() { # SERVER [DIG_OPTION...]
  local detail
  python3 "$root/tests/lab/lib/agree.py" --names "${lab_prefix}names" --client "${lab_prefix}client" --through "$@" \
    >"$lab_home/agree" 2>&1 || { cat "$lab_home/agree"; return 1; }
  detail=$(tail -n 1 "$lab_home/agree")
  echo "$detail"
}

# Latencies of a name that is kept, in microseconds as a program sees them.
hits_are_quick() {
  local times
  times=$(in_ns client python3 "$root/tests/lab/lib/agree.py" --latency 127.0.0.1@1053 www.$zone)
  fact cacheHitMicroseconds "$times"
  echo "$times"
  jq -e '.p99 < 1000' <<<"$times" >/dev/null
}

local_answer() { # NAME TYPE STATUS
  equal "status of $1" "$(in_ns client dig +time=3 +tries=1 @127.0.0.1 -p 1053 "$1" "$2" | sed -n 's/.*status: \([A-Z]*\).*/\1/p')" "$3"
}

private_addresses_are_left_out() {
  equal "direct" "$(in_ns names dig +short @127.0.0.1 rebind.$zone A | sort | paste -sd ' ')" "10.0.0.1 44.200.0.2" || return 1
  equal "through the exit" "$(in_ns client dig +short @127.0.0.1 -p 1053 rebind.$zone A | paste -sd ' ')" 44.200.0.2 || return 1
  equal "through the exit" "$(in_ns client dig +short @127.0.0.1 -p 1053 metadata.$zone A | paste -sd ' ')" ""
}

# With nothing behind the exit, names that are known still resolve: RFC 8767.
stale_answers_are_told() {
  in_ns client dig +short +tries=1 @127.0.0.1 -p 1053 stale.$zone A >/dev/null
  end unbound
  sleep 7 # its TTL of 1 s, and the 5 s that everything is kept
  equal "stale" "$(in_ns client dig +short +tries=1 +time=5 @127.0.0.1 -p 1053 stale.$zone A)" 44.200.0.2
}

ports_differ() {
  local ports
  ports=$(tcpdump -n -r "$lab_home/exit1.pcap" "udp dst port 53 and dst host $(v4 names)" 2>/dev/null | sed -E 's/.* 44\.140\.0\.2\.([0-9]+) > .*/\1/' | sort)
  echo "$(sort -u <<<"$ports" | wc -l) source ports in $(wc -l <<<"$ports") queries"
  [ "$(sort -u <<<"$ports" | wc -l)" -gt $(($(wc -l <<<"$ports") * 9 / 10)) ]
}

nothing_left_beside() {
  local beside asked
  sleep 1.5 # the kernel hands over what it has collected once a second
  end capture-client INT
  end capture-exit1 INT
  beside=$(tcpdump -n -r "$lab_home/client.pcap" "not (udp port $node_port) and not arp and not icmp6" 2>/dev/null | wc -l)
  asked=$(tcpdump -n -r "$lab_home/exit1.pcap" "port 53" 2>/dev/null | wc -l)
  fact packets "{\"client\": $(tcpdump -n -r "$lab_home/client.pcap" 2>/dev/null | wc -l), \"clientBeside\": $beside, \"exitDns\": $asked}"
  # Names are written in the clear only where the exit asks: the search would find them.
  equal "names in clear at the client" "$(grep -aic 'macro.example' "$lab_home/client.pcap")" 0 || return 1
  grep -aiq $'\x05macro\x07example' "$lab_home/exit1.pcap" || { echo "the capture at the exit shows no names"; return 1; }
  ! grep -aiq $'\x05macro\x07example' "$lab_home/client.pcap" || { echo "the client's cable shows names"; return 1; }
  echo "$beside packets beside the tunnel at the client, $asked of DNS at the exit"
  [ "$beside" = 0 ] && [ "$asked" -gt 100 ]
}

connect() {
  vpn client up --mode private --wait >/dev/null || return 1
  circuit | paste -sd ' '
}

nothing_when_down() {
  vpn client down >/dev/null
  ! in_ns client dig +short +time=2 +tries=1 @127.0.0.1 -p 1053 www.$zone A >/dev/null 2>&1 && echo "no answer"
}

"$root/build"
internet
host names
serve_names
private_network
start_captures
check "connect" connect
check "client's resolver" agrees 127.0.0.1@1053
check "client's resolver at the TUN device" agrees 100.64.0.2@53
check "exit's resolver" agrees 100.64.0.53@53
check "a kept name in less than 1 ms" hits_are_quick
check "localhost is answered here" local_answer localhost A NOERROR
check "a private address has no name" local_answer 1.0.168.192.in-addr.arpa PTR NXDOMAIN
check "an onion is nowhere" local_answer example.onion A NXDOMAIN
check "private addresses are left out" private_addresses_are_left_out
check "another source port for each query" ports_differ
check "stale answers when nothing better can be had" stale_answers_are_told
check "no answers without a connection" nothing_when_down
check "nothing leaves beside the tunnel" nothing_left_beside
report dns
