#!/usr/bin/env bash
# STUN both ways: our node examines NATs with coturn's help, and coturn's clients ask our relay
#
#   coturn 44.180.0.2 ---+
#          44.181.0.2 ---+--- [ internet ] --- 44.170.0.2 [ gw ] --- home 192.168.7.10   our node
#   relay1 44.129.0.2 ---+                     a NAT of each kind
#
# The vectors of RFC 5769 are in tests/Macro.Nat.Tests.
#
# ./lab stun [--json]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq turnserver turnutils_stunclient turnutils_natdiscovery
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"

while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    *) say "Usage: ./lab stun [--json]"; exit 2 ;;
  esac
  shift
done

outside=44.170.0.2
stun1=44.180.0.2 stun2=44.181.0.2
# Another one for each NAT: the router's kernel remembers what the one before did with a port.
home_port=51000

settings_of() {
  printf '[node]\nname = "%s"\nudp_port = %s\npumps = 1\nstun_servers = ["%s:3478", "%s:3478"]\n\n[network]\nname = "lab"\nstatic = true\n\n[client]\ntunnel = "none"\nproxy = "off"\ndns = "off"\n' \
    "$1" "$([ "$1" = home ] && echo "$home_port" || echo "$node_port")" $stun1 $stun2
  [ "$1" = home ] || printf '\n[relay]\nenabled = true\nport_mapping = false\nendpoints = ["%s:%s", "[%s]:%s"]\n' "$(v4 "$1")" "$node_port" "$(v6 "$1")" "$node_port"
}

make_coturn() {
  namespace coturn
  link coturn eth0 internet coturn
  ip_in internet address add 44.180.0.1/24 dev coturn
  ip_in internet address add 44.181.0.1/24 dev coturn
  ip_in coturn address add $stun1/24 dev eth0
  ip_in coturn address add $stun2/24 dev eth0
  ip_in coturn route add default via 44.180.0.1
  spawn coturn coturn turnserver --stun-only --no-tls --no-dtls --no-cli -L $stun1 -L $stun2 --listening-port 3478 --alt-listening-port 3479 \
    --log-file stdout --pidfile "$lab_home/coturn.pid" -n
  eventually 10 coturn_listens || { tail -5 "$lab_home/coturn.log" >&2; die "coturn did not start."; }
}

coturn_listens() { [ -n "$(in_ns coturn ss -Hlun 'sport = :3479')" ]; }

make_gateway() {
  namespace gw home
  link gw wan internet gw
  ip_in internet address add 44.170.0.1/24 dev gw
  ip_in gw address add $outside/24 dev wan
  ip_in gw route add default via 44.170.0.1
  in_ns gw sysctl -qw net.ipv4.ip_forward=1
  link gw lan home eth0
  ip_in gw address add 192.168.7.1/24 dev lan
  ip_in home address add 192.168.7.10/24 dev eth0
  ip_in home route add default via 192.168.7.1
}

# nat KIND: the router becomes that.
nat() {
  local translate='oifname "wan" masquerade' let_in='' udp=accept learn=''
  case $1 in
    port-restricted) ;;
    full-cone)
      let_in='iifname "wan" ip daddr '$outside' meta l4proto udp dnat ip to udp dport map @in'
      learn='oifname "wan" meta l4proto udp ct direction original update @in { udp sport timeout 60s : ct original ip saddr . ct original proto-src }' ;;
    address-restricted)
      let_in='iifname "wan" ip daddr '$outside' meta l4proto udp dnat ip to ip saddr . udp dport map @known'
      learn='oifname "wan" meta l4proto udp ct direction original update @known { ip daddr . udp sport timeout 60s : ct original ip saddr . ct original proto-src }' ;;
    random-symmetric) translate='oifname "wan" masquerade fully-random' ;;
    sequential-symmetric) translate="oifname \"wan\" meta l4proto udp snat ip to $outside : numgen inc mod 20000 map @sequence" ;;
    udp-blocked) udp=drop ;;
  esac
  {
    echo 'flush ruleset'
    echo 'table ip nat {'
    echo '  map in { typeof udp dport : ip daddr . udp dport; flags dynamic,timeout; size 65535; }'
    echo '  map known { typeof ip saddr . udp dport : ip daddr . udp dport; flags dynamic,timeout; size 65535; }'
    [ "$1" != sequential-symmetric ] ||
      { printf '  map sequence { typeof numgen inc mod 20000 : udp sport; elements = { '; seq 0 19999 | awk '{printf "%s%d : %d", (NR > 1 ? ", " : ""), $1, 40000 + $1}'; echo ' } }'; }
    echo "  chain pre { type nat hook prerouting priority dstnat; $let_in; }"
    echo "  chain post { type nat hook postrouting priority srcnat; $translate; }"
    echo "  chain learn { type filter hook postrouting priority srcnat + 10; $learn; }"
    echo '}'
    echo 'table inet filter {'
    echo "  chain forward { type filter hook forward priority filter; policy drop; meta l4proto udp $udp; ct state established,related accept; iifname \"lan\" accept; ct status dnat accept; }"
    echo '  chain input { type filter hook input priority filter; policy drop; ct state established,related accept; iifname != "wan" accept; }'
    echo '}'
  } | sed 's/; ;/;/g; s/{ \([^{}]*\);  *; }/{ \1; }/' >"$lab_home/nat.rules"
  sed -i "s/meta l4proto udp accept; //" "$lab_home/nat.rules"
  in_ns gw nft -f "$lab_home/nat.rules"
  in_ns gw sh -c 'command -v conntrack >/dev/null && conntrack -F' >/dev/null 2>&1 || true
}

seen_as() { # KIND
  vpn home netcheck --json >"$lab_home/netcheck" || return 1
  jq -rc '"\(.ipv4.nat), outside \(.ipv4.outside), hairpin \(.ipv4.hairpin): \(.ipv4.description)"' "$lab_home/netcheck"
  [ "$(jq -r .ipv4.nat "$lab_home/netcheck")" = "$1" ]
}

asked_by_coturn() { # NAMESPACE EXPECTED
  local answer
  answer=$(in_ns "$1" timeout 10 turnutils_stunclient -p "$node_port" "$(v4 relay1)" 2>&1 | grep -m 1 'reflexive addr') || { echo "no answer"; return 1; }
  echo "$answer"
  grep -q "$2" <<<"$answer"
}

discovered_by_coturn() {
  in_ns coturn timeout 30 turnutils_natdiscovery -m -p "$node_port" "$(v4 relay1)" >"$lab_home/discovery" 2>&1 || true
  grep -m 1 -iE 'reflexive|NAT' "$lab_home/discovery" || { tail -3 "$lab_home/discovery"; return 1; }
}

"$root/build"
internet
host relay1
make_coturn
make_gateway
nat port-restricted
node relay1
node home
eventually 20 relay_runs relay1 || die "The relay does not run."
check "coturn's client learns its address from our relay" asked_by_coturn coturn $stun1
check "and through a NAT that of the NAT" asked_by_coturn home $outside
check "coturn's NAT discovery speaks with our relay" discovered_by_coturn
vpn relay1 network export "$lab_home/relay1.directory" >/dev/null
vpn home network import "$lab_home/relay1.directory" >/dev/null
for kind in port-restricted full-cone address-restricted sequential-symmetric random-symmetric udp-blocked; do
  end home
  home_port=$((home_port + 1))
  nat $kind
  node home
  check "with coturn's help we see $kind" seen_as $kind
done
report stun
