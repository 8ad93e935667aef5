#!/usr/bin/env bash
# macro-wg between two real kernels, offloads on and off step by step: every byte, checksum and ECN bit is compared
#
#   alice  wga  ---- cable ---- wgb  bob         one pair for each way of passing packets:
#
#     all     both TUN devices pass large TCP and UDP packets, the cable carries whole flights
#     cable   the cable carries single datagrams
#     plain   the cable's devices cannot even checksum, so UDP_SEGMENT is refused to the daemon
#     none    nor do the TUN devices have vnet headers, as on an old kernel: every packet by itself
#     small   a cable whose MTU is smaller than the tunnel's: the outer datagrams are fragmented
#     six     as all, with IPv6 outside
#     pumps   as all, with four sockets and threads at each port
#
# ./lab offloads [--json] [PAIR...]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip jq python3 ethtool nft wg
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/wireguard.sh"

pairs=()
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    -*) say "Usage: ./lab offloads [--json] [PAIR...]"; exit 2 ;;
    *) pairs+=("$1") ;;
  esac
  shift
done
[ ${#pairs[@]} -gt 0 ] || pairs=(all cable plain none small six pumps)

ours=${MACRO_WG:-$root/out/macro-wg}
[ -n "${MACRO_WG:-}" ] || "$root/build"
umask 077

traffic() { # SIDE VERB [ARGUMENT...]
  local side=$1
  shift
  in_ns "$side" python3 "$root/tests/lab/lib/offloads.py" "$@"
}

on_both_cables() { # PAIR FEATURE...
  local name=$1 side
  shift
  for side in a b; do in_ns "$name-$side" ethtool -K eth0 "$@" >/dev/null; done
}

# The program of a pair.
program() {
  case $1 in
    none) printf '#!/bin/sh\nexec python3 "%s" bare "%s" "$@"\n' "$root/tests/lab/lib/offloads.py" "$ours" >"$lab_home/$1" ;;
    pumps) printf '#!/bin/sh\nMACRO_WG_PUMPS=4 exec "%s" "$@"\n' "$ours" >"$lab_home/$1" ;;
    *) echo "$ours"; return ;;
  esac
  chmod +x "$lab_home/$1"
  echo "$lab_home/$1"
}

arrange() { # PAIR
  local side
  case $1 in
    all | six | pumps) ;;
    cable) on_both_cables cable tx-udp-segmentation off ;;
    plain) on_both_cables plain tx off ;;
    none) on_both_cables none tx off gso off gro off ;;
    small) for side in a b; do ip_in "small-$side" link set eth0 mtu 1300; done ;;
    *) die "There is no pair '$1'." ;;
  esac
  [ "$1" != six ] || wg_in six-a set peer "$(public_key six-b)" endpoint '[2a0e:4400::2]:51820'
  for side in a b; do in_ns "$1-$side" sysctl -qw net.ipv4.tcp_ecn=1; done
}

begin() { # PAIR
  local side
  for side in a b; do
    spawn "serve-$1-$side" "$1-$side" python3 "$root/tests/lab/lib/offloads.py" serve
    spawn "watch-$1-$side" "$1-$side" python3 "$root/tests/lab/lib/offloads.py" watch "$(interface_of "$1-$side")"
    eventually 10 grep -q watching "$lab_home/watch-$1-$side.log" || die "The watcher did not start."
    eventually 10 listens "$1-$side" 7009 || die "The echo did not start."
  done
  eventually 10 in_ns "$1-a" ping -q -c 1 -W 1 10.77.0.2 || die "The tunnel '$1' does not stand."
}

# Outer datagrams of Alice leave with this ECN field (RFC 6040: what does the inner packet bear afterwards?).
mark_outer() { # PAIR not-ect|ect0|ect1|ce
  in_ns "$1-a" nft -f - <<NFT
table inet outer {
  chain output {
    type filter hook output priority mangle
    oifname eth0 udp dport 51820 ip ecn set $2
    oifname eth0 udp dport 51820 ip6 ecn set $2
  }
}
NFT
}

marked_outside() { # PAIR MARK ADDRESS EXPECTED
  local status=0
  mark_outer "$1" "$2"
  traffic "$1-a" marks "$3" --expect "$4" || status=1
  in_ns "$1-a" nft delete table inet outer
  return $status
}

watched() { # SIDE joins|single
  local seen
  end "watch-$1"
  seen=$(tail -n 1 "$lab_home/watch-$1.log")
  echo "$seen"
  jq -e '.bad == 0 and .packets > 1000 and .fragments > 0' <<<"$seen" >/dev/null || return 1
  case $2 in joins) jq -e '.joined > 100' <<<"$seen" >/dev/null ;; single) jq -e '.joined == 0' <<<"$seen" >/dev/null ;; esac
}

# What the kernel threw away for a wrong checksum.
no_errors() {
  local errors
  errors=$(in_ns "$1" nstat -asz | awk '/(InCsumErrors|UdpInErrors|Udp6InErrors|TcpInErrs|IpInHdrErrors|ReasmFails)/ && $2 > 0 {print $1 "=" $2}' | paste -sd ' ')
  echo "${errors:-no checksum or reassembly errors}"
  [ -z "$errors" ]
}

proves() { # PAIR
  local pair=$1 to side way=joins
  [ "$pair" != none ] || way=single
  begin "$pair"
  for to in 10.77.0.2 fd77::2; do
    check "$pair: UDP of every size to $to" traffic "$pair-a" sizes "$to"
    check "$pair: flights of UDP to $to" traffic "$pair-a" flights "$to"
    check "$pair: TCP with $to" traffic "$pair-a" stream "$to"
    check "$pair: DSCP and ECN with $to" traffic "$pair-a" marks "$to"
    check "$pair: CE outside, to $to" marked_outside "$pair" ce "$to" 0=lost,1=3,2=3,3=3
    check "$pair: ECT(1) outside, to $to" marked_outside "$pair" ect1 "$to" 0=0,1=1,2=1,3=3
    check "$pair: not ECT outside, to $to" marked_outside "$pair" not-ect "$to" 0=0,1=1,2=2,3=3
    check "$pair: packets that must not be cut, to $to" traffic "$pair-a" whole "$to"
  done
  for to in 10.77.0.1 fd77::1; do
    check "$pair: flights of UDP back to $to" traffic "$pair-b" flights "$to"
    check "$pair: TCP back with $to" traffic "$pair-b" stream "$to"
  done
  for side in a b; do
    check "$pair: every checksum at $side" watched "$pair-$side" $way
    check "$pair: no errors at $side" no_errors "$pair-$side"
  done
}

for pair in "${pairs[@]}"; do
  pair "$pair" "$(program "$pair")" "$(program "$pair")"
  arrange "$pair"
  proves "$pair"
done
report offloads
