#!/usr/bin/env bash
# The user-mode exit against slirp4netns and pasta: a namespace whose way out is a program with ordinary sockets
#
#   guest -- TAP/TUN -- slirp4netns | pasta | our exit, in the namespace of their machine ------ far
#
# macro uses the offloads of its TUN device, which is what bars are for; macro-plain does not, and so pays a system call for
# each packet as the two others do. Each side has a guest and a machine of its own; they share the far end. MTU 1420 in
# every guest. CPU is that of the program alone, its system calls included.
#
# Then through three hops, the way by proxy and user-mode exit against the way by TUN devices: tests/bench/lib/three_hops.sh.
#
# ./bench netstack [--json] [--record] [--rounds N] [--seconds N]

set -euo pipefail
. "$root/tests/bench/lib/rounds.sh"
need_commands ip nft ping iperf3 ethtool curl slirp4netns pasta proxychains4
. "$root/tests/bench/lib/in_process.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
. "$root/tests/bench/lib/three_hops.sh"
while [ $# -gt 0 ]; do
  common_option "$@"
  shift $taken
done

mtu=1420
sides=(slirp4netns pasta macro macro-plain)
declare -A site=([slirp4netns]=1 [pasta]=2 [macro]=3 [macro-plain]=4)

for streams in "1 stream" "100 streams"; do
  for direction in up down; do
    bar "TCP $direction, $streams (Mbit/s)" macro '>= 2.0'
    bar "TCP $direction, $streams: CPU (s/GB)" macro '<= 0.5'
  done
done

for direction in up down; do bar "TCP $direction, 3 hops: of the TUN path's throughput" "proxy, 3 hops" '>= 0.5'; done

build_macro_bench
namespace far
for side in "${sides[@]}"; do
  n=${site[$side]}
  namespace "$side" "guest-$side"
  link "$side" eth0 far "to$n"
  # Public addresses: the exit policy lets nobody to others.
  ip_in "$side" address add "44.7.$n.2/24" dev eth0
  ip_in far address add "44.7.$n.1/24" dev "to$n"
  ip_in "$side" route add default via "44.7.$n.1"
  ip_in far address add "44.8.$n.1/32" dev lo
done
spawn iperf far iperf3 -s
spawn accept far "$macro_bench" accept 5202

far_for() { echo "44.8.${site[$1]}.1"; }

start_slirp4netns() {
  # The namespace is named by a process in it.
  spawn guest-slirp4netns guest-slirp4netns sleep infinity
  spawn slirp4netns slirp4netns slirp4netns --configure --mtu=$mtu --disable-dns "$(pid_of guest-slirp4netns)" tap0
}

start_pasta() {
  spawn pasta pasta pasta --foreground --config-net --mtu $mtu --tcp-ports none --udp-ports none --no-dhcp --no-dhcpv6 --no-ra \
    --ns-ifname tap0 --runas 0 --netns "/run/netns/${lab_prefix}guest-pasta"
}

start_macro() { start_exit macro offload; }

start_macro-plain() { start_exit macro-plain plain; }

start_exit() { # SIDE offload|plain
  spawn "$1" "$1" "$macro_bench" tun-exit exit0 $mtu "$2"
  eventually 10 grep -q ready "$lab_home/$1.log" || die "The exit did not start."
  ip_in "$1" link set exit0 netns "${lab_prefix}guest-$1"
  ip_in "guest-$1" address add 100.65.0.2/24 dev exit0
  ip_in "guest-$1" link set exit0 mtu $mtu up
  ip_in "guest-$1" route add default dev exit0
}

reaches_far() { in_ns "guest-$1" iperf3 -c "$(far_for "$1")" -n 1K --connect-timeout 2000 >/dev/null 2>&1; }

declare -A runs=()
for side in "${sides[@]}"; do
  "start_$side"
  if eventually 10 reaches_far "$side"; then
    runs[$side]=1
  elif [ "$side" = pasta ]; then
    say "pasta does not run here: $(tail -1 "$lab_home/pasta.log")"
  else
    die "$side: the web server cannot be reached."
  fi
done

tcp() { # SIDE MEASURE [OPTION...]
  local before after answer
  quiet
  before=$(cpu "$1")
  answer=$(in_ns "guest-$1" iperf3 -c "$(far_for "$1")" -J -t "$seconds" "${@:3}") ||
    { say "$1, $2: $(jq -r .error <<<"$answer")"; return 0; }
  after=$(cpu "$1")
  value "$2 (Mbit/s)" "$1" "$(jq '.end.sum_received.bits_per_second / 1e6' <<<"$answer")"
  value "$2: CPU (s/GB)" "$1" "$(per "$(jq '.end.sum_received.bytes / 1e9' <<<"$answer")" "$before" "$after")"
}

connections() { # SIDE
  local before after
  quiet
  before=$(cpu "$1")
  in_ns "guest-$1" "$macro_bench" connect "$(far_for "$1"):5202" 16 "$seconds" >"$lab_home/connections" || return 0
  after=$(cpu "$1")
  value "New connections/s" "$1" "$(awk -F'\t' '$1 == "connections" {print $2}' "$lab_home/connections")"
  value "New connections: CPU (ms each)" "$1" \
    "$(per "$(awk -F'\t' -v s="$seconds" '$1 == "connections" {print $2 * s}' "$lab_home/connections")" "$before" "$after" 1000)"
}

for ((round = 1; round <= rounds; round++)); do
  say "Round $round of $rounds"
  for measure in "TCP up, 1 stream" "TCP down, 1 stream:-R" "TCP up, 100 streams:-P 100" "TCP down, 100 streams:-R -P 100"; do
    for side in "${!runs[@]}"; do
      # shellcheck disable=SC2046
      tcp "$side" "${measure%%:*}" $([[ $measure == *:* ]] && echo "${measure#*:}")
    done
  done
  for side in "${!runs[@]}"; do connections "$side"; done
done
three_hops
for ((round = 1; round <= rounds; round++)); do
  say "Round $round of $rounds, three hops"
  measure_hops
done
report_table slirp4netns
