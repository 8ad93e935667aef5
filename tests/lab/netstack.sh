#!/usr/bin/env bash
# our TCP against the kernel's over a TUN interface and a link with delay, loss and reordering; and 10 000 connections
#
#   stack --- tun --- [ alice ] --- link --- [ bob ]        our TCP with the kernel of bob
#                     [ alice ] --- link --- [ bob ]        the kernel of alice with the kernel of bob (CUBIC)
#
# Both lose and reorder the same packets by their number: the link draws them from the seed of the round. Reordered are
# 1 % of the packets, by a tenth of the round-trip time and at least 1 ms.
#
# A run of all cells takes half an hour. With --keep FILE it can be made in parts: the values are added to those that an
# earlier part left there, and the table shows them all. Rounds are numbered from --from on (1): a part with other
# numbers adds rounds, and with them other seeds.
#
# ./lab netstack [--json] [--record] [--rounds N] [--from N] [--seconds N] [--rate MBIT] [--cell 'RTT LOSS REORDER'] [--crowd N] [--keep FILE]

set -euo pipefail
. "$root/tests/bench/lib/rounds.sh"
need_commands ip gcc
usage="[--from N] [--rate MBIT] [--cell 'RTT LOSS REORDER'] [--crowd N] [--keep FILE]"
command_line="./lab netstack${*:+ $*}" section=netstack-tcp
lab_reported=false
rounds=3 from=1 seconds=6 rate=200 crowd=10000 budget=64 mtu=1328 cells=() kept=
while [ $# -gt 0 ]; do
  case $1 in
    --from) from=$2 taken=2 ;;
    --rate) rate=$2 taken=2 ;;
    --cell) cells+=("$2") taken=2 ;;
    --crowd) crowd=$2 taken=2 ;;
    --keep) kept=$(realpath "$2") taken=2 ;;
    *) common_option "$@" ;;
  esac
  shift $taken
done
if [ ${#cells[@]} = 0 ]; then
  for rtt in 0 10 50 150; do for loss in 0 0.1 1; do for reorder in 0 1; do cells+=("$rtt $loss $reorder"); done; done; done
fi

stack_peer=$root/artifacts/bin/Macro.StackPeer/release/stack-peer
server=10.8.0.2:5000 stack_address=10.9.0.2

build() {
  need_dotnet
  dotnet build "$root/tests/lab/Macro.StackPeer" -c Release -v quiet --nologo >"$lab_home/build.log" 2>&1 ||
    { tail -20 "$lab_home/build.log" >&2; die "Building stack-peer failed."; }
  gcc -O2 -o "$lab_home/link" "$root/tests/lab/lib/link.c"
}

two_hosts() {
  local name
  namespace alice bob
  for name in alice bob; do
    in_ns $name sysctl -qw net.ipv4.ip_forward=1 net.ipv4.tcp_no_metrics_save=1 net.ipv4.tcp_slow_start_after_idle=1 \
      net.ipv4.tcp_rmem='4096 131072 33554432' net.ipv4.tcp_wmem='4096 65536 33554432'
  done
  ip_in alice tuntap add stack mode tun
  ip_in alice link set stack mtu $mtu up
  ip_in alice address add 10.9.0.1/24 dev stack
  spawn server bob "$stack_peer" serve 5000
}

# connect RTT LOSS REORDER: a fresh link, whose chances begin anew with the seed of this round.
connect() {
  local late queue
  late=$(awk -v rtt="$1" 'BEGIN {print (rtt > 10 ? rtt / 10 : 1)}')
  # A bandwidth-delay product, and at least 20 ms.
  queue=$(awk -v rtt="$1" -v rate="$rate" 'BEGIN {printf "%d", rate * 125 * (rtt > 20 ? rtt : 20)}')
  rm -f "$lab_home/link.log"
  "$lab_home/link" "${lab_prefix}alice:cable" "${lab_prefix}bob:cable" mtu=$mtu rate="$rate" queue="$queue" \
    delay="$(awk -v rtt="$1" 'BEGIN {print rtt / 2}')" loss="$2" reorder="$3" late="$late" seed="$round" >"$lab_home/link.log" 2>&1 &
  echo $! >"$lab_home/pids/link"
  eventually 10 grep -q ready "$lab_home/link.log" || die "The link does not stand."
  ip_in alice address add 10.8.0.1/24 dev cable
  ip_in alice link set cable up
  ip_in bob address add 10.8.0.2/24 dev cable
  ip_in bob link set cable up
  ip_in bob route add 10.9.0.0/24 via 10.8.0.1
  eventually 10 listens bob 5000 || die "The server does not listen."
}

goodput() { # SIDE WAY
  case $1 in
    kernel) in_ns alice "$stack_peer" kernel $server "$2" "$seconds" ;;
    stack) in_ns alice "$stack_peer" stack stack $stack_address $server "$2" "$seconds" ;;
  esac
}

name_of() { # WAY RTT LOSS REORDER
  local text="$2 ms, $3 %"
  [ "$4" = 0 ] || text+=", reordering"
  [ "$1" = up ] && echo "$text, sent (Mbit/s)" || echo "$text, received (Mbit/s)"
}

bars() { # RTT LOSS REORDER
  local way
  for way in up down; do bar "$(name_of $way "$@")" stack '>= 0.9'; done
}

measure() { # RTT LOSS REORDER
  local way side measure
  for way in up down; do
    measure=$(name_of $way "$@")
    for side in kernel stack; do
      connect "$@"
      value "$measure" $side "$(goodput $side $way)"
      end link
    done
  done
}

crowd_answered="$crowd connections at once: answered"
crowd_memory="$crowd connections at once: most memory of buffers (MiB)"

crowd_survives() {
  round=1
  connect 10 0.1 1
  in_ns alice "$stack_peer" crowd stack $stack_address $server "$crowd" $budget >"$lab_home/crowd"
  end link
  fact crowd "$(cat "$lab_home/crowd")"
  value "$crowd_answered" stack "$(jq .answered "$lab_home/crowd")"
  value "$crowd_memory" stack "$(jq '.mostUsed / 1048576' "$lab_home/crowd")"
  jq -r '"\(.answered) of \(.established) answered in \(.seconds) s, at most \(.mostUsed / 1048576) of \(.budget / 1048576) MiB"' "$lab_home/crowd"
  jq -e ".answered == $crowd and .mostUsed <= .budget and .usedAtTheEnd == 0" "$lab_home/crowd" >/dev/null
}

cell_holds() { # MEASURE
  jq -re --arg name "$1" '.measures[] | select(.measure == $name) | "\(.value) against \(.reference) Mbit/s, ratio \(.ratio * 100 | round / 100)"' "$lab_home/table.json"
  jq -e --arg name "$1" '.measures[] | select(.measure == $name) | .holds' "$lab_home/table.json" >/dev/null
}

build
two_hosts
if [ -n "$kept" ]; then
  [ ! -e "$kept" ] || cp "$kept" "$lab_home/values"
  command_line="${command_line%% --c*} in parts"
fi
for ((round = from; round < from + rounds; round++)); do
  say "Round $((round - from + 1)) of $rounds"
  for cell in "${cells[@]}"; do
    # shellcheck disable=SC2086
    measure $cell
  done
done
# Of all parts.
for rtt in 0 10 50 150; do for loss in 0 0.1 1; do for reorder in 0 1; do bars $rtt $loss $reorder; done; done; done
bar "$crowd_answered" stack ">= $crowd"
bar "$crowd_memory" stack "<= $budget"
if [ -s "$lab_home/values" ]; then
  (lab_json=true record=false report_table kernel) >"$lab_home/table.json"
  for cell in "${cells[@]}"; do
    for way in up down; do
      # shellcheck disable=SC2086
      measure=$(name_of $way $cell)
      check "$measure" cell_holds "$measure"
    done
  done
fi
[ "$crowd" = 0 ] || check "$crowd connections at once" crowd_survives
[ -z "$kept" ] || cp "$lab_home/values" "$kept"
if $record; then report_table kernel >/dev/null; fi
report netstack
