#!/usr/bin/env bash
# a relay behind a router with miniupnpd: PCP, NAT-PMP, UPnP IGD v1 and v2, IPv6 pinholes; restart, expiry, a router that lies
#
#   relay1 44.129.0.2 ---+                                       +--- home   192.168.7.10   our relay
#                        +--- [ internet ] --- 44.170.0.2 [ gw ] +           2a0e:44aa:1::10
#   relay2 44.130.0.2 ---+                     miniupnpd         +--- other  192.168.7.11   has taken the port
#
# Whether a port is really open shows a question by STUN from outside, asked by coturn's client.
#
# relay3 to relay8 join for what takes strangers: whether the port is announced.
#
# ./lab port-mapping [--json] [--only SCENARIO]     scenarios: pcp nat-pmp igd2 igd1 taken liar lease announced

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq python3 miniupnpd turnutils_stunclient
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"

scenarios=(pcp nat-pmp igd2 igd1 taken liar lease announced)
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --only) scenarios=("$2"); shift ;;
    *) say "Usage: ./lab port-mapping [--json] [--only SCENARIO]"; exit 2 ;;
  esac
  shift
done

outside=44.170.0.2
home6=2a0e:44aa:1::10
port=$node_port

settings_of() {
  printf '[node]\nname = "%s"\nudp_port = %s\npumps = 1\n\n[network]\nname = "lab"\nstatic = true\n\n[client]\ntunnel = "none"\nproxy = "off"\ndns = "off"\n\n[relay]\nenabled = true\n' "$1" "$port"
  [ "$1" = home ] || printf 'endpoints = ["%s:%s", "[%s]:%s"]\n' "$(v4 "$1")" "$port" "$(v6 "$1")" "$port"
}

make_gateway() {
  namespace gw home other
  link gw wan internet gw
  ip_in internet address add 44.170.0.1/24 dev gw
  ip_in internet address add 2a0e:44aa::1/64 dev gw
  ip_in internet route add 2a0e:44aa:1::/64 via 2a0e:44aa::2
  ip_in gw address add $outside/24 dev wan
  ip_in gw address add 2a0e:44aa::2/64 dev wan
  ip_in gw route add default via 44.170.0.1
  ip_in gw route add default via 2a0e:44aa::1
  in_ns gw sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
  ip_in gw link add lan type bridge forward_delay 0
  ip_in gw link set lan up
  ip_in gw address add 192.168.7.1/24 dev lan
  ip_in gw address add 2a0e:44aa:1::1/64 dev lan
  local name host=10
  for name in home other; do
    link gw "$name" "$name" eth0
    ip_in gw link set "$name" master lan
    ip_in "$name" address add "192.168.7.$host/24" dev eth0
    ip_in "$name" address add "2a0e:44aa:1::$host/64" dev eth0
    ip_in "$name" route add default via 192.168.7.1
    ip_in "$name" route add default via 2a0e:44aa:1::1
    host=$((host + 1))
  done
}

router_rules() {
  in_ns gw nft -f - <<'RULES'
flush ruleset
table inet filter {
  chain miniupnpd { }
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
    iifname "lan" accept
    jump miniupnpd
    iifname "wan" ct status dnat accept
    meta l4proto icmpv6 accept
  }
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname != "wan" accept
    meta l4proto { icmp, icmpv6 } accept
  }
}
table ip nat {
  chain post { type nat hook postrouting priority srcnat; oifname "wan" masquerade; }
}
table inet upnp {
  chain prerouting_miniupnpd { }
  chain postrouting_miniupnpd { }
  chain pre { type nat hook prerouting priority dstnat - 10; jump prerouting_miniupnpd; }
  chain post { type nat hook postrouting priority srcnat - 10; jump postrouting_miniupnpd; }
}
RULES
}

# router OPTION...: miniupnpd with these lines more or other ones.
router() {
  cat >"$lab_home/miniupnpd.conf" <<CONF
ext_ifname=wan
ext_ifname6=wan
listening_ip=lan
http_port=5000
secure_mode=yes
min_lifetime=100
max_lifetime=86400
uuid=7c4b5b0a-3b8f-4d0e-9a52-0d3c1f6f2e11
upnp_table_name=filter
upnp_nat_table_name=upnp
upnp_forward_chain=miniupnpd
upnp_nat_chain=prerouting_miniupnpd
upnp_nat_postrouting_chain=postrouting_miniupnpd
CONF
  printf '%s\n' "$@" 'allow 1024-65535 192.168.7.0/24 1024-65535' 'deny 0-65535 0.0.0.0/0 0-65535' >>"$lab_home/miniupnpd.conf"
  router_rules
  spawn miniupnpd gw miniupnpd -d -f "$lab_home/miniupnpd.conf" -P "$lab_home/miniupnpd.pid"
  eventually 10 router_listens || { tail -5 "$lab_home/miniupnpd.log" >&2; die "miniupnpd did not start."; }
}

router_listens() { [ -n "$(in_ns gw ss -Hln 'sport = :5351 or sport = :5000')" ]; }

check_net() { vpn home netcheck --json >"$lab_home/netcheck"; }

# holds FILTER: what netcheck says; tried until it is so.
holds() { check_net && jq -e "$1" "$lab_home/netcheck" >/dev/null; }

says() { # FILTER SUMMARY
  eventually "${patience:-30}" holds "$1" && jq -rc "$2" "$lab_home/netcheck" || { jq -c . "$lab_home/netcheck"; return 1; }
}

open_port() { jq -r '.mapping.outside' "$lab_home/netcheck" | sed 's/.*://'; }

# reached ADDRESS PORT: a stranger asks by STUN, and our relay answers through the hole.
reached() {
  in_ns relay1 timeout 10 turnutils_stunclient -p "$2" "$1" 2>&1 | grep -m 1 'reflexive addr' || { echo "no answer from $1 port $2"; return 1; }
}

not_reached() { ! reached "$1" "$2" >/dev/null 2>&1 && echo "no answer"; }

rules_of_router() { in_ns gw nft list table inet upnp; in_ns gw nft list chain inet filter miniupnpd; }

# Not in a pipe: what is still being listed would die of the grep that has seen enough.
no_mapping() { ! grep -qE "dnat|$home6" <<<"$(rules_of_router)"; }

mapped_at_router() { grep -q dnat <<<"$(rules_of_router)"; }

gone() { eventually "$1" no_mapping && echo "no rule is left" || { rules_of_router | grep -E "dnat|$home6"; return 1; }; }

stays_open() { sleep 5; mapped_at_router && reached $outside "$(open_port)"; }

start_home() {
  node home
  local name
  for name in relay1 relay2; do vpn home network import "$lab_home/$name.directory" >/dev/null; done
}

finish() {
  end home
  [ ! -e "$lab_home/pids/miniupnpd" ] || end miniupnpd
}

by_protocol() { # NAME PROTOCOL WITH_PINHOLE ROUTER-OPTION...
  local name=$1 protocol=$2 pinhole=$3
  shift 3
  router "$@"
  # miniupnpd cannot be told to speak just one: what it should not hear it does not get.
  case $name in
    nat-pmp) in_ns gw nft insert rule inet filter input udp dport 5351 @th,64,8 2 drop ;;
    igd*) in_ns gw nft insert rule inet filter input udp dport 5351 drop ;;
  esac
  start_home
  check "$name: a port is open and others see the same address" says \
    ".mapping.protocol == \"$protocol\" and .mapping.trust == \"confirmed\"" '"\(.mapping.outside) by \(.mapping.protocol); spoken: \(.mappingProtocols | join(", "))"'
  check "$name: a stranger gets through" reached $outside "$(open_port)"
  if $pinhole; then
    check "$name: a pinhole is open" says ".pinhole.protocol == \"$protocol\"" '"\(.pinhole.outside) by \(.pinhole.protocol)"'
    check "$name: a stranger gets through over IPv6" reached $home6 $port
  fi
}

run_pcp() {
  by_protocol pcp pcp true enable_natpmp=yes enable_upnp=yes
  end miniupnpd KILL
  router enable_natpmp=yes enable_upnp=yes
  check "pcp: after the router's restart the port is open again" eventually 15 reached $outside $port
  vpn home down >/dev/null
  check "pcp: 'down' closes no port of a relay" stays_open
  vpn home relay off >/dev/null
  check "pcp: no relay, no open port" gone 5
  check "pcp: nobody gets through" not_reached $outside $port
  vpn home relay on >/dev/null
  check "pcp: a relay again, open again" says '.mapping.protocol == "pcp"' .mapping.outside
  end home
  check "pcp: nothing is left of a node that ended" gone 5
  end miniupnpd
}

run_nat_pmp() {
  by_protocol nat-pmp nat-pmp false enable_natpmp=yes enable_upnp=no
  end home
  check "nat-pmp: nothing is left of a node that ended" gone 5
  end miniupnpd
}

run_igd2() {
  by_protocol igd2 igd2 true enable_natpmp=no enable_upnp=yes
  end home
  check "igd2: nothing is left of a node that ended" gone 5
  end miniupnpd
}

run_igd1() {
  by_protocol igd1 igd1 false enable_natpmp=no enable_upnp=yes force_igd_desc_v1=yes
  end home
  check "igd1: nothing is left of a node that ended" gone 5
  end miniupnpd
}

# Another machine of the LAN has the port already, by NAT-PMP.
run_taken() {
  router enable_natpmp=yes enable_upnp=yes
  in_ns other python3 - "$port" <<'PY'
import socket, struct, sys
port = int(sys.argv[1])
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.settimeout(3)
asked.connect(("192.168.7.1", 5351))
asked.send(struct.pack("!BBHHHI", 0, 1, 0, port, port, 600))
assert struct.unpack("!BBHIHHI", asked.recv(16))[5] == port
PY
  start_home
  check "taken: another port was given and is honoured" says \
    ".mapping.trust == \"confirmed\" and (.mapping.outside | endswith(\":$port\") | not)" .mapping.outside
  check "taken: a stranger gets through there" reached $outside "$(open_port)"
  finish
}

run_liar() {
  router enable_natpmp=yes enable_upnp=yes ext_ip=45.9.9.9
  start_home
  check "liar: the router's word is not believed" says '.mapping.trust == "contradicted"' '"\(.mapping.outside): \(.mapping.trust); seen: \(.ipv4.outside)"'
  check "liar: the user is told" says '.why | test("nobody else sees")' '"\(.why) \(.advice)"'
  finish
}

run_lease() {
  router enable_natpmp=yes enable_upnp=no max_lifetime=120
  start_home
  check "lease: two minutes are granted" says '.mapping.secondsLeft <= 120' '"\(.mapping.secondsLeft) s left"'
  sleep 70
  check "lease: renewed at half" says '.mapping.secondsLeft > 60' '"\(.mapping.secondsLeft) s left"'
  end home KILL
  check "lease: of a node that died nothing is left after the lease" gone 150
  # The same identity, the same nonce: the router knows it again.
  start_home
  check "lease: and it comes back" says '.mapping.protocol == "pcp"' .mapping.outside
  end home KILL
  start_home
  check "lease: a node that died and came back finds its mapping" says '.mapping.protocol == "pcp"' .mapping.outside
  finish
}

# What the descriptor of this node says: its IPv4 endpoints and the number of its introducers.
announced() {
  vpn home network export "$lab_home/home.directory" >/dev/null || return 1
  python3 - "$lab_home/home.directory" <<'PY'
import base64, ipaddress, struct, sys
newest = max((base64.b64decode(line) for line in open(sys.argv[1]).read().splitlines()[1:] if line and line[0] != "#"),
             key=lambda d: struct.unpack_from("<q", d, 32)[0])
value = newest[104:]
counts = value[150]
at, told = 152, []
for _ in range(counts & 3):
    told.append(f"{ipaddress.IPv4Address(value[at:at + 4])}:{struct.unpack_from('>H', value, at + 4)[0]}")
    at += 6
print(" ".join(told) or "nothing", f"and {counts >> 4 & 3} introducers")
PY
}

announces() { # PATTERN SECONDS
  local until=$((SECONDS + $2))
  while ! announced >"$lab_home/announced" || ! grep -qE "$1" "$lab_home/announced"; do
    [ $SECONDS -lt $until ] || { cat "$lab_home/announced"; return 1; }
    sleep 2
  done
  cat "$lab_home/announced"
}

# Introducers and nothing else, at the end of that time and whenever there is a descriptor within it.
only_introducers() { # SECONDS
  local until=$((SECONDS + $1))
  while [ $SECONDS -lt $until ]; do
    ! announced >"$lab_home/announced" 2>/dev/null || grep -q '^nothing' "$lab_home/announced" || { cat "$lab_home/announced"; return 1; }
    sleep 2
  done
  equal announced "$(announced)" "nothing and 3 introducers"
}

relay() { # NAME
  host "$1"
  node "$1"
  eventually 20 relay_runs "$1" || die "The relay $1 does not run."
  vpn "$1" network export "$lab_home/$1.directory" >/dev/null
}

# Three relays introduce, one more is asked for the address, and the others are the strangers that try the port.
run_announced() {
  local i name
  for i in 3 4 5 6 7 8; do
    net[relay$i]=$((128 + i))
    relay "relay$i"
  done
  router enable_natpmp=yes enable_upnp=yes
  # First a router that says the port is open, and lets nobody in.
  in_ns gw nft insert rule inet filter forward iifname wan ct state new ct status dnat drop
  rm -rf "$lab_home/home"
  start_home
  for i in 3 4 5 6 7 8; do vpn home network import "$lab_home/relay$i.directory" >/dev/null; done
  check "announced: a port is open, by the router's word" says '.mapping.protocol == "pcp"' .mapping.outside
  check "announced: nobody gets through, and it is not announced" only_introducers 40
  check "announced: the user is told" says '.role == "introduced" and (.why | test("nobody has come through"))' '"\(.role): \(.why)"'
  end home
  router_rules
  end miniupnpd KILL
  router enable_natpmp=yes enable_upnp=yes
  rm -rf "$lab_home/home"
  start_home
  for i in 3 4 5 6 7 8; do vpn home network import "$lab_home/relay$i.directory" >/dev/null; done
  check "announced: strangers get through, and it is" announces "^$outside:[0-9]+ and 0" 60
  check "announced: an entry now" says '.role == "public"' '"\(.role): \(.reachedAt | join(" "))"'
  vpn home relay off >/dev/null
  check "announced: no relay, no open port" gone 5
  finish
}

"$root/build"
internet
make_gateway
for name in relay1 relay2; do relay $name; done
for scenario in "${scenarios[@]}"; do "run_${scenario//-/_}"; done
report port-mapping
