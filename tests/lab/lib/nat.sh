# NAT gateways of every kind, out of nftables, between a host and the router of network.sh, and nodes behind them. Sourced after it.
#
#   exit1  192.168.140.2 --- lan [ nat-exit1 ] wan  44.140.0.2 --- [ internet ]
#
# IPv4 only: what stands behind a NAT here has no IPv6, so nothing goes beside.

[ -z "${link_delay:-}" ] || gcc -O2 -o "$lab_home/link" "$root/tests/lab/lib/link.c"

declare -A nat_of=()
nat_kinds=(public firewall full-cone address-restricted port-restricted sequential random cgn blocked)

# behind_nat NAME KIND: what host makes, with a NAT before it. public has none, firewall translates nothing, cgn is a
# home's gateway behind a provider's, and blocked lets no UDP pass. With $link_delay (milliseconds one way), the cable to
# the router is the emulated link of link.c.
behind_nat() {
  nat_of[$1]=$2
  local n=${net[$1]} gateway=nat-$1 inside=192.168.${net[$1]} next
  if [ "$2" = public ]; then
    namespace "$1"
    cable "$1" eth0 "$1"
    address_v4 "$1" eth0 "44.$n.0.2" "44.$n.0.1"
    return
  fi
  namespace "$1" "$gateway"
  link "$1" eth0 "$gateway" lan
  next=$gateway
  if [ "$2" = cgn ]; then
    next=cgn-$1
    namespace "$next"
    link "$gateway" wan "$next" lan
    ip_in "$next" address add "100.64.$n.1/24" dev lan
    address_v4 "$gateway" wan "100.64.$n.2" "100.64.$n.1"
    gateway_rules "$next" port-restricted "44.$n.0.2"
  fi
  cable "$next" wan "$1"
  address_v4 "$next" wan "44.$n.0.2" "44.$n.0.1"
  if [ "$2" = firewall ]; then
    inside=44.$n.1
    ip_in internet route add "$inside.0/24" via "44.$n.0.2"
  fi
  ip_in "$gateway" address add "$inside.1/24" dev lan
  address_v4 "$1" eth0 "$inside.2" "$inside.1"
  gateway_rules "$gateway" "${2/cgn/port-restricted}" "44.$n.0.2"
}

# cable NAMESPACE INTERFACE NAME: to the router, whose end bears the name and its network's first address. With $link_delay an
# emulated link: of 1000 Mbit/s, unless ${narrow[NAME]} says otherwise, as "delay=MS rate=MBIT queue=BYTES".
declare -A narrow=()
cable() {
  if [ -n "${link_delay:-}" ]; then
    # shellcheck disable=SC2086
    "$lab_home/link" "$lab_prefix$1:$2" "${lab_prefix}internet:$3" ${narrow[$3]:-delay=$link_delay rate=1000 queue=8000000} seed="${net[$3]}" >"$lab_home/link-$3.log" 2>&1 &
    echo $! >"$lab_home/pids/link-$3"
    eventually 10 grep -q ready "$lab_home/link-$3.log" || die "The link of $3 does not stand."
    ip_in "$1" link set "$2" up
    ip_in internet link set "$3" up
  else
    link "$1" "$2" internet "$3"
  fi
  ip_in internet address add "44.${net[$3]}.0.1/24" dev "$3"
}

# cabled_host NAME: what host makes, IPv6 included, but with such a cable.
cabled_host() {
  local hex
  hex=$(printf '%02x' "${net[$1]}")
  namespace "$1"
  cable "$1" eth0 "$1"
  address_v4 "$1" eth0 "$(v4 "$1")" "44.${net[$1]}.0.1"
  ip_in internet address add "2a0e:44$hex::1/64" dev "$1"
  ip_in "$1" address add "$(v6 "$1")/64" dev eth0
  ip_in "$1" route add default via "2a0e:44$hex::1"
}

address_v4() { # NAMESPACE INTERFACE ADDRESS GATEWAY
  ip_in "$1" address add "$3/24" dev "$2"
  ip_in "$1" route add default via "$4"
}

gateway_rules() { # NAMESPACE KIND OUTSIDE
  in_ns "$1" sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_udp_timeout="${nat_timeout:-30}" \
    net.netfilter.nf_conntrack_udp_timeout_stream="${nat_timeout:-30}"
  nat_rules "$2" "$3" | in_ns "$1" nft -f -
}

nat_rules() {
  local kind=$1 outside=$2 translate=masquerade rest=masquerade learn='' enter='' refuse=''
  case $kind in
    firewall) translate=accept rest=accept ;;
    full-cone)
      learn='update @owner { udp sport timeout 30s : ct original ip saddr . ct original proto-src }'
      enter="iifname wan ip daddr $outside meta l4proto udp dnat ip to udp dport map @owner" ;;
    address-restricted)
      learn='update @friend { ip daddr . udp sport timeout 30s : ct original ip saddr . ct original proto-src }'
      enter="iifname wan ip daddr $outside meta l4proto udp dnat ip to ip saddr . udp dport map @friend" ;;
    port-restricted) ;;
    sequential) translate="snat ip to $outside : numgen inc mod 20000 map @ports" ;;
    random) translate='masquerade fully-random' ;;
    blocked) refuse='meta l4proto udp drop' ;;
    *) die "There is no kind of NAT '$kind'." ;;
  esac
  cat <<NFT
table ip nat {
  map owner { typeof udp dport : ip daddr . udp dport; flags dynamic,timeout; size 65535; }
  map friend { typeof ip saddr . udp dport : ip daddr . udp dport; flags dynamic,timeout; size 65535; }
$([ "$kind" != sequential ] || { echo '  map ports { typeof numgen inc mod 20000 : udp sport; elements = {'; seq 0 19999 | awk '{printf "%s%d : %d", (NR > 1 ? "," : ""), $1, 40000 + $1}'; echo '} }'; })
  chain enter { type nat hook prerouting priority dstnat;
    $enter
  }
  chain leave { type nat hook postrouting priority srcnat;
    oifname wan meta l4proto udp $translate
    oifname wan $rest
  }
  chain learn { type filter hook postrouting priority srcnat + 10;
    ${learn:+oifname wan meta l4proto udp ct direction original $learn}
    ${learn:+oifname wan meta l4proto udp ct direction reply ${learn//ct original/ct reply}}
  }
}
table inet filter {
  chain pass { type filter hook forward priority filter; policy drop;
    $refuse
    ct state established,related accept
    iifname lan accept
    iifname wan ct status dnat accept
  }
  chain own { type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname != wan accept
    meta l4proto icmp accept
  }
}
NFT
}

# Behind a NAT there is nothing to announce, and without one no IPv6.
eval "all_$(declare -f endpoints_of)"
endpoints_of() {
  case ${nat_of[$1]:-} in
    '') all_endpoints_of "$1" ;;
    public) all_endpoints_of "$1" | sed 's/, .*/]/' ;;
  esac
}

# introducers: the relays of network.sh, started; each leaves its descriptor in $lab_home/NAME.directory.
introducers() {
  local name
  for name in "${relays[@]}"; do host "$name"; node "$name"; done
  for name in "${relays[@]}"; do
    eventually 20 relay_runs "$name" || die "The relay $name does not run."
    vpn "$name" network export "$lab_home/$name.directory" >/dev/null
  done
}

# hidden_node NAME: starts a node that behind_nat has put there, and shows it the introducers.
hidden_node() {
  local relay
  node "$1"
  for relay in "${relays[@]}"; do vpn "$1" network import "$lab_home/$relay.directory" >/dev/null; done
}

# is_registered NAME: its descriptor can be had once an introducer took it.
is_registered() { vpn "$1" network export "$lab_home/$1.directory" >/dev/null 2>&1; }
