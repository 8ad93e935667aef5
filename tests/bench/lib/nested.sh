# Three nested wireguard-go hops, the way a multi-hop VPN is built of today's parts. Sourced after network.sh.
#
#   wgclient  wg1 ( wg2 ( wg3 ( packet ) ) )  --->  wghop1  --->  wghop2  --->  wghop3  --->  web
#
# The client has one interface for each hop; the outer one carries the datagrams of the next inner one. A hop opens its
# layer, and its kernel forwards and masquerades what is inside. The MTU shrinks by 80 bytes for each hop, as wg-quick does it.

net+=([wgclient]=161 [wghop1]=162 [wghop2]=163 [wghop3]=164)

nested_hops() { # PROGRAM
  local hop
  for hop in client hop1 hop2 hop3; do host "wg$hop"; done
  for hop in 1 2 3; do
    nested_interface "$1" "wgclient" $hop 2
    nested_interface "$1" "wghop$hop" $hop 1
    join "wgclient" "wghop$hop" $hop 0.0.0.0/0 endpoint "$(v4 "wghop$hop"):51820"
    join "wghop$hop" "wgclient" $hop "10.8$hop.0.2/32"
    in_ns "wghop$hop" sysctl -qw net.ipv4.ip_forward=1
    in_ns "wghop$hop" nft 'table ip nat { chain out { type nat hook postrouting priority srcnat; oifname "eth0" masquerade; }; }'
  done
  ip_in wgclient route add "$(v4 wghop1)" via "44.${net[wgclient]}.0.1"
  ip_in wgclient route add "$(v4 wghop2)" dev "$(nested_name wgclient 1)"
  ip_in wgclient route add "$(v4 wghop3)" dev "$(nested_name wgclient 2)"
  ip_in wgclient route replace default dev "$(nested_name wgclient 3)"
}

nested_programs=(wgclient-1 wgclient-2 wgclient-3 wghop1-1 wghop2-2 wghop3-3)

# The interface of a host for one hop, e.g. n4711c2: unique on the machine.
nested_name() { echo "n$$${1:2:1}$2"; }

nested_interface() { # PROGRAM HOST HOP LAST_BYTE
  local interface
  interface=$(nested_name "$2" "$3")
  spawn "$2-$3" "$2" env LOG_LEVEL=error "$1" -f "$interface"
  eventually 10 in_ns "$2" wg show "$interface" || die "wireguard-go did not start on $2."
  wg genkey | tee "$lab_home/$2-$3.key" | wg pubkey >"$lab_home/$2-$3.pub"
  in_ns "$2" wg set "$interface" private-key "$lab_home/$2-$3.key" $([[ $2 == wgclient ]] || echo listen-port 51820)
  ip_in "$2" address add "10.8$3.0.$4/24" dev "$interface"
  ip_in "$2" link set "$interface" mtu $((1500 - 80 * $3)) up
}

join() { # HOST OTHER HOP ALLOWED_IPS [OPTION...]
  in_ns "$1" wg set "$(nested_name "$1" "$3")" peer "$(cat "$lab_home/$2-$3.pub")" allowed-ips "$4" "${@:5}"
}
