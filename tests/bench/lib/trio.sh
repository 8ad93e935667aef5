# Three WireGuard programs in a row; the middle one relays. Sourced after wireguard.sh.
#
#   alice 10.77.0.1 --- 44.128.0.0/24 --- relay 10.77.0.3 --- 44.128.1.0/24 --- bob 10.77.0.2
#
# A trio NAME has the namespaces NAME-a, NAME-r and NAME-b.

trio() { # NAME PROGRAM
  local name=$1 side
  namespace "$name-a" "$name-r" "$name-b"
  link "$name-a" eth0 "$name-r" eth0
  link "$name-r" eth1 "$name-b" eth0
  ip_in "$name-a" address add 44.128.0.1/24 dev eth0
  ip_in "$name-r" address add 44.128.0.2/24 dev eth0
  ip_in "$name-r" address add 44.128.1.2/24 dev eth1
  ip_in "$name-b" address add 44.128.1.1/24 dev eth0
  in_ns "$name-r" sysctl -qw net.ipv4.ip_forward=1
  for side in a r b; do
    wg genkey | tee "$lab_home/$name-$side.key" | wg pubkey >"$lab_home/$name-$side.pub"
    wireguard "$name-$side" "$2"
  done
  wg_in "$name-a" set private-key "$lab_home/$name-a.key" listen-port 51820 \
    peer "$(public_key "$name-r")" endpoint 44.128.0.2:51820 allowed-ips 10.77.0.0/24
  wg_in "$name-b" set private-key "$lab_home/$name-b.key" listen-port 51820 \
    peer "$(public_key "$name-r")" endpoint 44.128.1.2:51820 allowed-ips 10.77.0.0/24
  wg_in "$name-r" set private-key "$lab_home/$name-r.key" listen-port 51820 \
    peer "$(public_key "$name-a")" endpoint 44.128.0.1:51820 allowed-ips 10.77.0.1/32 \
    peer "$(public_key "$name-b")" endpoint 44.128.1.1:51820 allowed-ips 10.77.0.2/32
  inside "$name-a" 1
  inside "$name-b" 2
  inside "$name-r" 3
}
