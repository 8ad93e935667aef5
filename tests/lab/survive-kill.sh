#!/usr/bin/env bash
# programs die by SIGKILL: the client finds another way, and nothing stays behind on any machine
#
#   client ---+                   +--- relay1
#             +--- [ internet ] --+--- relay2     killed in turn: the middle, the entry, the exit,
#   web    ---+                   +--- relay3     and the client itself
#                                 +--- exit1
#                                 +--- exit2
#
#   3 hops:  client -> relay -> relay -> exit -> web     (addresses: tests/lab/lib/network.sh)

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft ping jq curl
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
[ "${1:-}" != --json ] || lab_json=true

exits+=(exit2) nodes+=(exit2) net[exit2]=141 region[exit2]=PT
patience=10

connect() { vpn client up --mode private --wait && equal hops "$(vpn client status --json | jq .hops)" 3 && circuit | paste -sd ' '; }

curl_works() { [ -n "$(whoami "$(v4 web)" 1 2>/dev/null)" ]; }

# The hop at a place of the circuit dies; curl must work again within ten seconds, and not through the dead one.
kill_hop() { # PLACE
  local victim began=$EPOCHREALTIME waited
  victim=$(circuit | sed -n "$1p")
  end "$victim" KILL
  began=$EPOCHREALTIME
  sleep 0.1
  eventually $patience curl_works || { echo "no way past $victim after $patience s"; return 1; }
  waited=$(awk -v a="$began" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f", b - a}')
  eventually 5 not_in_circuit "$victim" || { echo "$victim is dead and still in the circuit"; return 1; }
  node "$victim" && introduce "$victim" || return 1
  echo "without $victim after $waited s: $(circuit | paste -sd ' ')"
  awk -v w="$waited" -v p=$patience 'BEGIN {exit !(w <= p)}'
}

not_in_circuit() { local hops; hops=$(circuit) && [ -n "$hops" ] && ! grep -qx "$1" <<<"$hops"; }

client_is_killed() {
  end client KILL
  node client || return 1
  vpn client down
  same_traces client
}

exit_is_killed() {
  end "$1" KILL
  node "$1" || return 1
  eventually 20 exit_runs "$1" && equal "tables of the exit" "$(in_ns "$1" nft list tables | wc -l)" "$(cat "$lab_home/$1.tables")"
}

down_leaves_nothing() { vpn client down && same_traces client; }

exit_off_leaves_nothing() { vpn "$1" exit off && eventually 5 same_traces "$1" && same_traces "$1"; }

stopping_leaves_nothing() { end "$1" && same_traces "$1"; }

# Nothing of the client's machine leaves in clear: neither while its node is dead, thanks to the kill switch, nor while the
# next one finds no relay.
waits_closed() {
  local name
  end client
  kill_switch=true
  node client && connect || return 1
  end client KILL
  ! curl_works || { echo "open while the node is dead"; return 1; }
  for name in "${nodes[@]}"; do end "$name" KILL; done
  node client || return 1
  eventually 20 is_waiting || { echo "the state is $(vpn client status --json | jq -c '[.state, .problem]')"; return 1; }
  ! curl_works || { echo "open while it waits"; return 1; }
  vpn client status --json | jq -r .problem.message
}

is_waiting() { vpn client status --json | jq -e '.state != "active" and .problem and .device == "macro0"' >/dev/null; }

opens_again() { vpn client down >/dev/null && curl_works && same_traces client; }

"$root/build"
private_network
in_ns exit1 nft list tables | wc -l >"$lab_home/exit1.tables"

check "connect" connect
check "kill -9 of the middle" kill_hop 2
check "kill -9 of the entry" kill_hop 1
check "kill -9 of the exit" kill_hop 3
check "down leaves nothing" down_leaves_nothing
check "connect again" connect
check "kill -9 of the client leaves nothing after the next start" client_is_killed
check "connect after it" connect
check "stopping the client leaves nothing" stopping_leaves_nothing client
node client
check "without any relay a wanted client stays closed" waits_closed
check "down opens it" opens_again
for name in "${nodes[@]}"; do node "$name"; done
check "kill -9 of the exit leaves one table after the next start" exit_is_killed exit1
check "exit off leaves nothing" exit_off_leaves_nothing exit1
check "stopping the exit leaves nothing" stopping_leaves_nothing exit2
report survive-kill
