# Two WireGuard programs, Alice and Bob, on an underlay of their own. Sourced after checks.sh.
#
#   alice  wga<id>  10.77.0.1 fd77::1   eth0 44.128.0.1 2a0e:4400::1  ---+
#                                                                        | cable
#   bob    wgb<id>  10.77.0.2 fd77::2   eth0 44.128.0.2 2a0e:4400::2  ---+
#
# A pair NAME has the namespaces NAME-a and NAME-b. Interface names are unique on the machine, because all
# namespaces share /run/wireguard.

# The MTU of a tunnel whose outside may be IPv6.
tunnel_mtu=1420

# pair NAME ALICE_PROGRAM BOB_PROGRAM: cable, programs, keys and addresses. Only Alice knows where the other one is.
pair() {
  local name=$1 side
  namespace "$name-a" "$name-b"
  link "$name-a" eth0 "$name-b" eth0
  underlay "$name-a" 1
  underlay "$name-b" 2
  wg genpsk >"$lab_home/$name.psk"
  for side in a b; do wg genkey | tee "$lab_home/$name-$side.key" | wg pubkey >"$lab_home/$name-$side.pub"; done
  wireguard "$name-a" "$2"
  wireguard "$name-b" "$3"
  wg_in "$name-a" set private-key "$lab_home/$name-a.key" listen-port 51820 peer "$(public_key "$name-b")" \
    preshared-key "$lab_home/$name.psk" endpoint 44.128.0.2:51820 allowed-ips 10.77.0.2/32,fd77::2/128
  wg_in "$name-b" set private-key "$lab_home/$name-b.key" listen-port 51820 peer "$(public_key "$name-a")" \
    preshared-key "$lab_home/$name.psk" allowed-ips 10.77.0.1/32,fd77::1/128
  inside "$name-a" 1
  inside "$name-b" 2
}

underlay() {
  ip_in "$1" address add "44.128.0.$2/16" dev eth0
  ip_in "$1" address add "2a0e:4400::$2/32" dev eth0
}

inside() {
  local interface
  interface=$(interface_of "$1")
  ip_in "$1" address add "10.77.0.$2/24" dev "$interface"
  ip_in "$1" address add "fd77::$2/64" dev "$interface"
  ip_in "$1" link set "$interface" mtu $tunnel_mtu up
}

# wireguard SIDE PROGRAM: starts the program on a side and waits for its configuration socket.
wireguard() {
  local interface
  interface=$(interface_of "$1")
  spawn "$1" "$1" env LOG_LEVEL=error "$2" -f "$interface"
  eventually 10 wg_in "$1" show || { cat "$lab_home/$1.log" >&2; die "$(basename "$2") did not start."; }
}

# The interface of a side, e.g. wg4711xa: at most 15 characters.
interface_of() {
  local pair=${1%-*}
  echo "wg$$${pair:0:3}${1##*-}"
}

# wg_in SIDE set|show|setconf|syncconf [ARGUMENT...]: wg(8) on the side's own interface.
wg_in() {
  local side=$1 verb=$2
  shift 2
  in_ns "$side" wg "$verb" "$(interface_of "$side")" "$@"
}

public_key() { cat "$lab_home/$1.pub"; }

# One field of the peer's line in `wg show dump`: 1 key, 2 psk, 3 endpoint, 4 allowed IPs, 5 handshake, 6 rx, 7 tx, 8 keepalive.
peer_field() { wg_in "$1" show dump | awk -v field="$2" 'NR == 2 {print $field}'; }
