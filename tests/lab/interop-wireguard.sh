#!/usr/bin/env bash
# macro-wg against wireguard-go in both roles: handshake, data, rekey, roaming, configuration tools
#
#   Four pairs, each on its own cable; all at once:
#
#     as initiator:   macro-wg     (alice) ---- wireguard-go (bob)     behaviour
#                     macro-wg     (alice) ---- wireguard-go (bob)     a quiet ping across a rekey
#     as responder:   wireguard-go (alice) ---- macro-wg     (bob)     behaviour
#                     wireguard-go (alice) ---- macro-wg     (bob)     a quiet ping across a rekey
#
#   Alice knows Bob's endpoint, Bob learns Alice's. MACRO_WG and WIREGUARD_GO name other programs.

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip ping tcpdump jq curl wg wg-quick wireguard-go
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/wireguard.sh"
[ "${1:-}" != --json ] || lab_json=true

size=104857600
other=${WIREGUARD_GO:-$(command -v wireguard-go)}
ours=${MACRO_WG:-$root/out/macro-wg}
"$root/build"
umask 077

handshake() {
  pings "$1-a" 10.77.0.2 5 && [ "$(peer_field "$1-a" 5)" -gt 0 ] && [ "$(peer_field "$1-b" 5)" -gt 0 ]
}

# The dump has a line for the interface and one for the peer, and says what was configured and what happened.
dump_tells_all() {
  local interface private peer
  interface=$(interface_of "$1-a")
  in_ns "$1-a" wg show all dump >"$lab_home/$1.dump"
  private=$(printf '%s\t%s\t%s\t51820\toff' "$interface" "$(cat "$lab_home/$1-a.key")" "$(public_key "$1-a")")
  peer=$(printf '%s\t%s\t%s\t44.128.0.2:51820\t10.77.0.2/32,fd77::2/128' \
    "$interface" "$(public_key "$1-b")" "$(cat "$lab_home/$1.psk")")
  grep -qxF "$private" "$lab_home/$1.dump" &&
    grep -qE "^$(sed 's/[+.]/\\&/g' <<<"$peer")"$'\t[1-9][0-9]+\t[1-9][0-9]+\t[1-9][0-9]+\toff$' "$lab_home/$1.dump" ||
    { cat "$lab_home/$1.dump"; return 1; }
}

# A new handshake with another preshared key must fail, with the right one it must work again.
psk_is_mixed_in() {
  wg genpsk >"$lab_home/$1.wrong"
  forget_session "$1" "$lab_home/$1.wrong"
  ! in_ns "$1-a" ping -q -c 3 -i 0.5 -W 1 10.77.0.2 || return 1
  forget_session "$1" "$lab_home/$1.psk"
  eventually 12 in_ns "$1-a" ping -q -c 1 -W 1 10.77.0.2
}

forget_session() {
  wg_in "$1-a" set peer "$(public_key "$1-b")" remove
  wg_in "$1-a" set peer "$(public_key "$1-b")" preshared-key "$2" endpoint 44.128.0.2:51820 allowed-ips 10.77.0.2/32,fd77::2/128
}

# A side's address changes; the next packet that it sends tells the other one. wireguard-go keeps sending from the
# address that is gone until its socket is opened anew, so it is told to.
roams() { # PAIR MOVING OTHER NEW_ADDRESS ADDRESS_TO_PING PROGRAM
  ip_in "$1-$2" -4 address flush dev eth0
  ip_in "$1-$2" address add "$4/16" dev eth0
  [ "$(basename "$6")" != wireguard-go ] || wg_in "$1-$2" set listen-port 51820
  eventually 10 in_ns "$1-$2" ping -q -c 1 -W 1 "$5" || { echo "no answer after the move"; return 1; }
  equal endpoint "$(peer_field "$1-$3" 3)" "$4:51820"
}

outside_over_ipv6() {
  wg_in "$1-a" set peer "$(public_key "$1-b")" endpoint '[2a0e:4400::2]:51820'
  pings "$1-a" 10.77.0.2 5 && equal endpoint "$(peer_field "$1-b" 3)" '[2a0e:4400::1]:51820'
}

# Counts packets that come out of Bob's tunnel: a good one must, forged ones must not.
allowed_ips_hold() {
  local alice bob
  alice=$(interface_of "$1-a") bob=$(interface_of "$1-b")
  ip_in "$1-a" address add 10.77.0.66/32 dev "$alice"
  ip_in "$1-a" address add fd77::66/128 dev "$alice"
  spawn "$1-seen" "$1-b" tcpdump -n -l --immediate-mode -i "$bob"
  eventually 5 grep -q 'listening on' "$lab_home/$1-seen.log"
  in_ns "$1-a" ping -q -c 2 -i 0.2 -W 1 -I 10.77.0.66 10.77.0.2 >/dev/null && return 1
  in_ns "$1-a" ping -q -c 2 -i 0.2 -W 1 -I fd77::66 fd77::2 >/dev/null && return 1
  in_ns "$1-a" ping -q -c 2 -i 0.2 -W 1 10.77.0.99 >/dev/null && return 1
  in_ns "$1-a" ping -q -c 2 -i 0.2 -W 1 10.77.0.2 >/dev/null || return 1
  eventually 5 grep -q '10.77.0.1 > 10.77.0.2' "$lab_home/$1-seen.log" || { echo "the allowed packets did not arrive"; return 1; }
  end "$1-seen"
  ip_in "$1-a" address delete 10.77.0.66/32 dev "$alice"
  ip_in "$1-a" address delete fd77::66/128 dev "$alice"
  ! grep -E '10\.77\.0\.66|fd77::66|10\.77\.0\.99' "$lab_home/$1-seen.log"
}

# Without traffic, Bob hears a keepalive (32 bytes) from Alice every second.
keepalive_persists() {
  local before after
  wg_in "$1-a" set peer "$(public_key "$1-b")" persistent-keepalive 1
  equal keepalive "$(peer_field "$1-a" 8)" 1 || return 1
  sleep 1
  before=$(peer_field "$1-b" 6)
  sleep 4
  after=$(peer_field "$1-b" 6)
  wg_in "$1-a" set peer "$(public_key "$1-b")" persistent-keepalive 0
  echo "$((after - before)) bytes of keepalives in 4 s"
  [ $((after - before)) -ge 96 ] && [ $((after - before)) -le 160 ]
}

# syncconf adds a peer, changes the old one and leaves its session alone; the second takes the new peer away.
syncconf_keeps_the_session() {
  local config=$lab_home/$1.conf extra before
  extra=$(wg genkey | wg pubkey)
  in_ns "$1-a" wg showconf "$(interface_of "$1-a")" >"$config"
  before=$(peer_field "$1-a" 5)
  { sed '/^PersistentKeepalive/d' "$config"; echo "PersistentKeepalive = 21"; printf '\n[Peer]\nPublicKey = %s\nAllowedIPs = 10.88.0.0/16\n' "$extra"; } >"$config.new"
  wg_in "$1-a" syncconf "$config.new" || return 1
  wg_in "$1-a" show dump >"$lab_home/$1.synced"
  grep -qE "^$(sed 's/[+.]/\\&/g' <<<"$extra")"$'\t.*10.88.0.0/16' "$lab_home/$1.synced" || { echo "the new peer is missing"; return 1; }
  grep -F "$(public_key "$1-b")" "$lab_home/$1.synced" | grep -qP "\t$before\t[0-9]+\t[0-9]+\t21$" || { cat "$lab_home/$1.synced"; return 1; }
  wg_in "$1-a" syncconf "$config" || return 1
  wg_in "$1-a" show dump | grep -qF "$extra" && { echo "the peer that is gone from the file is still there"; return 1; }
  [ "$(peer_field "$1-a" 5)" = "$before" ] && pings "$1-a" 10.77.0.2 3
}

setconf_replaces_all() {
  in_ns "$1-b" wg showconf "$(interface_of "$1-b")" >"$lab_home/$1-b.conf"
  wg_in "$1-b" setconf "$lab_home/$1-b.conf" || return 1
  eventually 10 in_ns "$1-b" ping -q -c 1 -W 1 10.77.0.1 && pings "$1-a" 10.77.0.2 3
}

# A second tunnel through wg-quick, with a default route: fwmark, rule and table; down must leave nothing of it.
wg_quick_up_and_down() { # PAIR PROGRAM
  local name="wq$$${1:0:3}" key=$lab_home/$1-quick config rules quick
  config=$lab_home/$name.conf
  quick=$(userspace_wg_quick)
  wg genkey | tee "$key" | wg pubkey >"$key.pub"
  printf '[Interface]\nPrivateKey = %s\nAddress = 10.77.1.1/24, fd77:1::1/64\n\n[Peer]\nPublicKey = %s\nEndpoint = 44.128.0.2:51820\nAllowedIPs = 0.0.0.0/0, ::/0\n' \
    "$(cat "$key")" "$(public_key "$1-b")" >"$config"
  chmod 600 "$config"
  wg_in "$1-b" set peer "$(cat "$key.pub")" allowed-ips 10.77.1.1/32
  ip_in "$1-b" route replace 10.77.1.0/24 dev "$(interface_of "$1-b")"
  in_ns "$1-b" ip address add 192.0.2.7/32 dev lo
  rules=$(traces "$1-a")
  in_ns "$1-a" env WG_QUICK_USERSPACE_IMPLEMENTATION="$2" "$quick" up "$config" || return 1
  [ -n "$(in_ns "$1-a" wg show "$name" fwmark | grep -v off)" ] || { echo "no fwmark"; return 1; }
  pings "$1-a" 192.0.2.7 3 || { in_ns "$1-a" env "$quick" down "$config"; return 1; }
  in_ns "$1-a" env WG_QUICK_USERSPACE_IMPLEMENTATION="$2" "$quick" down "$config" || return 1
  eventually 5 test ! -e "/run/wireguard/$name.sock" || { echo "the socket is still there"; return 1; }
  [ "$rules" = "$(traces "$1-a")" ] || { diff <(echo "$rules") <(traces "$1-a"); return 1; }
}

traces() { ip_in "$1" -o link | cut -d: -f2; ip_in "$1" rule; ip_in "$1" -6 rule; ip_in "$1" route; in_ns "$1" nft list ruleset; }

# wg-quick prefers the kernel's WireGuard where there is one; this copy always takes the program.
userspace_wg_quick() {
  local copy
  copy=$(mktemp "$lab_home/wg-quick.XXXX")
  sed -E 's/if ! cmd ip link add "\$INTERFACE" type wireguard;/if true;/; s#\[\[ -e /sys/module/wireguard \]\] \|\| ##' \
    "$(command -v wg-quick)" >"$copy"
  chmod +x "$copy"
  echo "$copy"
}

# The program ends by itself when its interface goes, and takes its socket with it.
ends_with_its_interface() {
  ip_in "$1" link delete "$(interface_of "$1")" || return 1
  eventually 5 process_is_gone "$(pid_of "$1")" || { echo "still running"; return 1; }
  [ ! -e "/run/wireguard/$(interface_of "$1").sock" ]
}

behaviour() { # PAIR LABEL ALICE BOB
  check "$2: handshake with preshared key" handshake "$1"
  check "$2: wg show all dump" dump_tells_all "$1"
  serve "$1-b" 8080
  check "$2: TCP down" download "$1-a" 10.77.0.2:8080 $size
  check "$2: TCP up" upload "$1-a" 10.77.0.2:8080 $size
  check "$2: UDP" udp_echo "$1-a" 10.77.0.2 2000 1200
  check "$2: IPv6 inside, ping" pings "$1-a" fd77::2 5
  check "$2: IPv6 inside, TCP down" download "$1-a" '[fd77::2]:8080' 20971520
  check "$2: IPv6 inside, TCP up" upload "$1-a" '[fd77::2]:8080' 20971520
  check "$2: IPv6 inside, UDP" udp_echo "$1-a" fd77::2 500 1200
  check "$2: full-size packets" pings "$1-a" 10.77.0.2 3 -M do -s $((tunnel_mtu - 28))
  check "$2: allowed IPs violation is dropped" allowed_ips_hold "$1"
  check "$2: alice roams" roams "$1" a b 44.128.7.1 10.77.0.2 "$3"
  check "$2: bob roams" roams "$1" b a 44.128.9.2 10.77.0.1 "$4"
  check "$2: IPv6 outside" outside_over_ipv6 "$1"
  check "$2: IPv6 outside, TCP down" download "$1-a" 10.77.0.2:8080 20971520
  check "$2: IPv6 outside, TCP up" upload "$1-a" '[fd77::2]:8080' 20971520
  ip_in "$1-b" address add 44.128.0.2/16 dev eth0
  check "$2: persistent keepalive" keepalive_persists "$1"
  check "$2: wg syncconf" syncconf_keeps_the_session "$1"
  check "$2: preshared key decides" psk_is_mixed_in "$1"
  check "$2: wg setconf" setconf_replaces_all "$1"
  check "$2: wg-quick up and down" wg_quick_up_and_down "$1" "$3"
  check "$2: ends with its interface (alice)" ends_with_its_interface "$1-a"
  check "$2: ends with its interface (bob)" ends_with_its_interface "$1-b"
}

# 140 s at five packets a second: the initiator makes new keys after 120 s, and no packet may be lost meanwhile.
rekey() { # PAIR
  local first second lost
  in_ns "$1-a" ping -q -c 1 -W 5 10.77.0.2 >/dev/null || { echo "no first handshake"; return 1; }
  first=$(peer_field "$1-a" 5)
  pings "$1-a" 10.77.0.2 700 || return 1
  second=$(peer_field "$1-a" 5)
  [ $((second - first)) -ge 119 ] && [ $((second - first)) -le 136 ] && echo "0 of 700 lost; new keys after $((second - first)) s" ||
    { echo "handshakes $((second - first)) s apart"; return 1; }
}

pair ini "$ours" "$other"
pair inr "$ours" "$other"
pair res "$other" "$ours"
pair rer "$other" "$ours"
waiting=()
if [ "${LAB_QUICK:-}" != 1 ]; then
  (check "as initiator: rekey without loss" rekey inr) & waiting+=($!)
  (check "as responder: rekey without loss" rekey rer) & waiting+=($!)
fi
(behaviour ini "as initiator" "$ours" "$other") & waiting+=($!)
(behaviour res "as responder" "$other" "$ours") & waiting+=($!)
for part in "${waiting[@]}"; do wait "$part" || : >"$lab_home/failed"; done
report interop-wireguard
