#!/usr/bin/env bash
# everything without rights, as user nobody: curl, Chromium, dig, iperf3 and UDP through three hops, and nothing beside
#
#   one namespace with a loopback, and a second interface that would take whatever leaves beside the tunnel
#
#   user nobody:  applications -- proxy, resolver -- client ---+
#   other users:  entry -- middle -- exit -- web server   <----+    (addresses: tests/lab/lib/rootless.sh)
#
#   The kernel counts, by user, what nobody's processes send: to the relays, among themselves, and anything else.
#
# ./lab rootless [--json]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft curl jq chromium proxychains4 dig iperf3 tcpdump setpriv
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/rootless.sh"
[ "${1:-}" != --json ] || lab_json=true

trap 'status=$?; set +e; end_all; rm -rf "$demo_home"; (exit $status); clean_up' EXIT
nobody=65534 others=65533
declare -A exit_user=([exit1]=65532 [exit2]=65531) # the kernel tells the two apart by them
client_settings='exits = ["user:carol DE"]'
web_resolver= # the internet ends here
scratch=$lab_home/nobody

# as_user UID COMMAND...: becomes the command, with no capability and no way to one.
as_user() {
  local uid=$1
  shift
  exec ip netns exec "${lab_prefix}host" setpriv --reuid="$uid" --regid="$uid" --clear-groups \
    --inh-caps=-all --bounding-set=-all --no-new-privs env HOME="$scratch" "$@"
}

as_host() {
  local name=$1
  local uid=${exit_user[$name]:-$others}
  shift
  [ "$name" != client ] || uid=$nobody
  chown "$uid" "$demo_home/$name"
  as_user "$uid" "$@"
}

inside() { in_ns host "$@"; }

# nobody COMMAND...: an application of the user without rights.
nobody() { (cd / && as_user $nobody "$@"); }

make_host() {
  namespace host beyond
  chmod 711 "$lab_home" "$demo_home"
  mkdir "$scratch"
  chown $nobody "$scratch"
  # Whoever asks around the tunnel finds a way, and is caught on it.
  link host outside beyond eth0
  ip_in host address add 192.0.2.2/24 dev outside
  ip_in beyond address add 192.0.2.1/24 dev eth0
  ip_in host route add default via 192.0.2.1
}

count_by_user() {
  in_ns host nft -f - <<RULES
table inet proof {
    counter tunnel {}
    counter inside {}
    counter beside {}
    chain output {
        type filter hook output priority filter; policy accept;
        meta skuid $nobody jump nobody
    }
    chain nobody {
        ip saddr $(address client) ip daddr 127.128.0.0/9 udp dport $node_port counter name tunnel accept
        ip saddr 127.0.0.1 ip daddr 127.0.0.1 counter name inside accept
        counter name beside
    }
}
RULES
}

counted() { in_ns host nft -j list counter inet proof "$1" | jq '.nftables[1].counter.packets'; }

check_passes() {
  local report
  report=$(nobody "$root/run" --check 2>"$lab_home/check.log") || { tail -3 "$lab_home/check.log"; echo "$report"; return 1; }
  jq -e '.ok and .rootless and .hops == 3 and .tcp and .udp and .dns and .bytesUp > 0 and .bytesDown > 0' <<<"$report" >/dev/null
  echo "$report"
}

site=http://$web_name
fetch() { # CURL_ARGUMENT...
  local answer
  answer=$(nobody curl -sS --noproxy '' --max-time 30 "$@" 2>&1)
  echo "$answer"
  [ "$answer" = 127.0.0.1 ]
}

browser_loads_a_page() {
  nobody timeout 90 chromium --headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run \
    --disable-background-networking --disable-component-update --disable-sync --disable-features=MediaRouter,DialMediaRouteProvider \
    --user-data-dir="$scratch/chromium" --proxy-server="socks5://127.0.0.1:$proxy_port" \
    --dump-dom "$site:$web_port/" >"$lab_home/page" 2>"$lab_home/chromium.log" || { tail -3 "$lab_home/chromium.log"; return 1; }
  grep -o '<h1>It works</h1>' "$lab_home/page"
}

dig_answers() { equal address "$(nobody dig +short +tries=1 +timeout=10 "$@" @127.0.0.1 -p "$dns_port" $web_name A)" $web; }

dig_says_no() { nobody dig +tries=1 +timeout=10 @127.0.0.1 -p "$dns_port" no.such.example A | grep -o 'status: NXDOMAIN'; }

iperf_through_socks() {
  printf 'strict_chain\nquiet_mode\n[ProxyList]\nsocks5 127.0.0.1 %s\n' "$proxy_port" >"$scratch/proxychains.conf"
  launch iperf3 iperf3 -s -B $web -p 5201
  sleep 0.5
  local result before
  before=$(vpn client status --json | jq '.bytesSent + .bytesReceived')
  result=$(nobody proxychains4 -q -f "$scratch/proxychains.conf" iperf3 -c $web -p 5201 -t 3 -J "$@") || { echo "$result" | tail -3; return 1; }
  kill "${pids[iperf3]}"
  jq -r '"\(.end.sum_received.bits_per_second / 1e6 | floor) Mbit/s"' <<<"$result"
  # All of it went through the circuit; the status is made once a second.
  sleep 1.2
  jq -e --argjson passed $(($(vpn client status --json | jq '.bytesSent + .bytesReceived') - before)) \
    '.end.sum_received.bytes > 1000000 and $passed > .end.sum_received.bytes' <<<"$result" >/dev/null
}

udp_through_socks() { nobody "$lab_peer" socks-echo "127.0.0.1:$proxy_port" "$web:$echo_port" 500 1000; }

crowd_through_socks() { nobody "$lab_peer" socks-crowd "127.0.0.1:$proxy_port" $web_name "$web_port" 1000 20000; }

two_names_two_circuits() {
  local before after
  before=$(vpn client circuit --json | jq '.isolated | length')
  fetch --proxy "socks5h://alice:x@127.0.0.1:$proxy_port" "$site:$web_port/whoami" >/dev/null || return 1
  fetch --proxy "socks5h://bob:x@127.0.0.1:$proxy_port" "$site:$web_port/whoami" >/dev/null || return 1
  after=$(vpn client circuit --json | jq '.isolated | length')
  equal "isolated circuits" $((after - before)) 2
}

# On loopback all come from 127.0.0.1; for this check each exit has the address of its node.
exits_by_user() {
  local seen
  in_ns host nft -f - <<RULES
table ip exits {
    chain postrouting {
        type nat hook postrouting priority srcnat; policy accept;
        ip daddr $web meta skuid ${exit_user[exit1]} snat to $(address exit1)
        ip daddr $web meta skuid ${exit_user[exit2]} snat to $(address exit2)
    }
}
RULES
  vpn client up --mode private --exit NL --wait >/dev/null || return 1
  seen=$(for user in dave carol dave carol; do seen_from "$user"; done)
  in_ns host nft delete table ip exits
  equal "dave and carol by turns" "$(xargs <<<"$seen")" "$(address exit1) $(address exit2) $(address exit1) $(address exit2)"
}

seen_from() { nobody curl -sS --noproxy '' --max-time 30 --proxy "socks5h://$1:x@$proxy" "$site:$web_port/whoami" 2>&1; echo; }

names_are_nowhere() {
  ! grep -rqaE 'alice|bob|carol|macro\.example' "$demo_home/client" "$demo_home/client.log" && echo "neither names of keys nor destinations in files or log"
}

nothing_beside() {
  local tunnel inside beside
  tunnel=$(counted tunnel) inside=$(counted inside) beside=$(counted beside)
  fact packets "{\"tunnel\": $tunnel, \"inside\": $inside, \"beside\": $beside}"
  echo "$tunnel packets to relays, $inside between applications and client, $beside beside"
  [ "$tunnel" -gt 1000 ] && [ "$inside" -gt 100 ] && [ "$beside" = 0 ]
}

# The capture of the second interface is empty, and on loopback no name is asked in clear but where it must be.
capture_shows_nothing() {
  local names
  end capture-outside INT
  end capture-lo INT
  equal "packets outside" "$(tcpdump -n -r "$lab_home/outside.pcap" 2>/dev/null | wc -l)" 0 || return 1
  # To the client's resolver, and from the exit to the name server.
  names=$(tcpdump -n -A -r "$lab_home/lo.pcap" "udp and not port $dns_port and not port $web_dns_port" 2>/dev/null | grep -ciE 'macro.?example' || true)
  equal "names in clear elsewhere" "$names" 0
}

start_captures() {
  spawn capture-outside host tcpdump -n -i outside -w "$lab_home/outside.pcap" -Z root 'ip or (ip6 and not icmp6)'
  spawn capture-lo host tcpdump -n -i lo -s 300 -B 65536 -w "$lab_home/lo.pcap" -Z root udp
  eventually 10 grep -q 'listening on' "$lab_home/capture-lo.log" && eventually 10 grep -q 'listening on' "$lab_home/capture-outside.log" ||
    die "tcpdump did not start."
}

# A query around the tunnel is seen: the proof above is worth something.
the_counter_counts() {
  nobody dig +tries=1 +timeout=1 @192.0.2.53 example.com >/dev/null 2>&1 || true
  echo "$(counted beside) packets beside"
  [ "$(counted beside)" -gt 0 ]
}

when_down() {
  vpn client down >/dev/null
  ! nobody curl -sS --noproxy '' --max-time 10 --proxy "socks5h://127.0.0.1:$proxy_port" "$site:$web_port/whoami" 2>&1
}

when_the_circuit_is_lost() {
  local name
  vpn client up --mode private --wait >/dev/null || return 1
  for name in "${nodes[@]}"; do kill -KILL "${pids[$name]}"; done
  ! nobody curl -sS --noproxy '' --max-time 60 --proxy "socks5h://127.0.0.1:$proxy_port" "http://$web:$web_port/whoami" 2>&1 | grep -v '^$' | tail -1 || return 1
  echo "an error, and nothing else"
}

"$root/build"
make_host
check "as nobody: ./run --check" check_passes
private_network
count_by_user
start_captures
check "connect" connect
check "rootless" equal rootless "$(vpn client status --json | jq .rootless)" true
proxy=127.0.0.1:$proxy_port
check "curl by SOCKS5, the name resolved at the exit" fetch --proxy "socks5h://$proxy" "$site:$web_port/whoami"
check "curl by SOCKS4a" fetch --proxy "socks4a://$proxy" "$site:$web_port/whoami"
check "curl by an HTTP proxy" fetch --proxy "http://$proxy" "$site:$web_port/whoami"
check "curl by CONNECT" fetch --proxytunnel --proxy "http://$proxy" "$site:$web_port/whoami"
check "curl: HTTPS by SOCKS5" fetch -k --proxy "socks5h://$proxy" "https://$web_name:$https_port/whoami"
check "curl: HTTPS by CONNECT" fetch -k --proxy "http://$proxy" "https://$web_name:$https_port/whoami"
check "Chromium loads a page" browser_loads_a_page
check "dig" dig_answers
check "dig +tcp" dig_answers +tcp
check "dig: a name that does not exist" dig_says_no
check "iperf3 through a SOCKS wrapper" iperf_through_socks
check "iperf3 -R through a SOCKS wrapper" iperf_through_socks -R
check "UDP ASSOCIATE" udp_through_socks
check "1000 connections at once" crowd_through_socks
check "a circuit for each user name" two_names_two_circuits
check "a user's exit is in his region, another's where the connection's is" exits_by_user
check "names are written nowhere" names_are_nowhere
check "nothing leaves beside the tunnel" nothing_beside
check "the capture shows the same" capture_shows_nothing
check "without a connection the proxy refuses" when_down
check "with every relay gone the proxy answers an error" when_the_circuit_is_lost
check "still nothing beside" equal "packets beside" "$(counted beside)" 0
check "what goes beside is counted" the_counter_counts
report rootless
