# NAT gateways of every kind, out of nftables, between a host and the router of network.sh. Sourced after it.
#
#   exit1  192.168.140.2 --- lan [ nat-exit1 ] wan  44.140.0.2 --- [ internet ]
#
# IPv4 only: what stands behind a NAT here has no IPv6, so nothing goes beside.

# behind_nat NAME KIND: what host makes, with a NAT before it. Kinds: full-cone address-restricted port-restricted
# sequential random.
behind_nat() {
  local n=${net[$1]} gateway=nat-$1
  namespace "$1" "$gateway"
  link "$gateway" wan internet "$1"
  link "$1" eth0 "$gateway" lan
  ip_in internet address add "44.$n.0.1/24" dev "$1"
  ip_in "$gateway" address add "44.$n.0.2/24" dev wan
  ip_in "$gateway" address add "192.168.$n.1/24" dev lan
  ip_in "$gateway" route add default via "44.$n.0.1"
  ip_in "$1" address add "192.168.$n.2/24" dev eth0
  ip_in "$1" route add default via "192.168.$n.1"
  in_ns "$gateway" sysctl -qw net.ipv4.ip_forward=1 net.netfilter.nf_conntrack_udp_timeout="${nat_timeout:-30}" \
    net.netfilter.nf_conntrack_udp_timeout_stream="${nat_timeout:-30}"
  nat_rules "$2" "44.$n.0.2" | in_ns "$gateway" nft -f -
}

nat_rules() {
  local kind=$1 outside=$2 translate=masquerade learn='' enter=''
  case $kind in
    full-cone)
      learn='update @owner { udp sport timeout 30s : ct original ip saddr . ct original proto-src }'
      enter="iifname wan ip daddr $outside meta l4proto udp dnat ip to udp dport map @owner" ;;
    address-restricted)
      learn='update @friend { ip daddr . udp sport timeout 30s : ct original ip saddr . ct original proto-src }'
      enter="iifname wan ip daddr $outside meta l4proto udp dnat ip to ip saddr . udp dport map @friend" ;;
    port-restricted) ;;
    sequential) translate="snat ip to $outside : numgen inc mod 20000 map @ports" ;;
    random) translate='masquerade fully-random' ;;
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
    oifname wan masquerade
  }
  chain learn { type filter hook postrouting priority srcnat + 10;
    ${learn:+oifname wan meta l4proto udp ct direction original $learn}
    ${learn:+oifname wan meta l4proto udp ct direction reply ${learn//ct original/ct reply}}
  }
}
table inet filter {
  chain pass { type filter hook forward priority filter; policy drop;
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
