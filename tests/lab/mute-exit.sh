#!/usr/bin/env bash
# an exit that stands, and by which the internet does not answer: another is taken
#
#   client ---+                   +--- relay1..3
#             +--- [ internet ] --+--- exit1, exit2      what answers to them may be dropped: their probes go on
#   web1..4 --+
#
# ./lab mute-exit [--json]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft curl jq python3
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
[ "${1:-}" != --json ] || lab_json=true

webs=(web web2 web3 web4)
exits=(exit1 exit2)
nodes=("${relays[@]}" "${exits[@]}")
net+=([web2]=202 [web3]=203 [web4]=204 [exit2]=141)
region+=([exit2]=DE)

# mute EXIT...: nothing comes back to these.
mute() {
  local web name rules=()
  for web in "${webs[@]}"; do
    for name in "$@"; do rules+=("ip saddr $(v4 "$web") ip daddr $(v4 "$name") drop"); done
  done
  at_the_router mute "${rules[@]}"
}

exit_in_use() { circuit | tail -n 1; }
other_than() { [ "$1" = exit1 ] && echo exit2 || echo exit1; }

# Somebody tries one site after the other until one answers; how long that takes, in seconds.
browse() { # SECONDS
  local web began=$EPOCHREALTIME
  while [ "$(since "$began" | cut -d. -f1)" -lt "$1" ]; do
    for web in "${webs[@]}"; do
      if in_ns client curl -s --noproxy '*' --max-time 1 "http://$(v4 "$web"):$web_port/whoami" >/dev/null; then since "$began"; return 0; fi
    done
  done
  return 1
}

since() { awk -v a="$1" -v b="$EPOCHREALTIME" 'BEGIN {printf "%.1f\n", b - a}'; }

takes_the_other() { # EXIT SECONDS
  local time
  time=$(browse "$2") || { echo "no site answered for $2 s"; return 1; }
  equal "after $time s: exit" "$(exit_in_use)" "$(other_than "$1")"
}

no_problem() { vpn client status --json | jq -e '.problem == null'; }

"$root/build"
private_network
for name in "${webs[@]:1}"; do
  host "$name"
  serve "$name" $web_port
done

vpn client up --mode balanced --wait >/dev/null
first=$(exit_in_use)
mute "$first"
check "a new circuit by a mute exit makes way for another" takes_the_other "$first" 20
check "and says why" grep -q 'nothing came back from the internet' <(vpn client status --json)
sleep 11
check "its word is for ten seconds" no_problem

second=$(exit_in_use)
mute "$second"
vpn client down >/dev/null
vpn client up --mode balanced --wait >/dev/null
third=$(exit_in_use)
mute "$(other_than "$third")"
check "an exit that works answers" browse 5
mute "$third"
check "an exit that falls mute makes way later" takes_the_other "$third" 40

mute "${exits[@]}"
vpn client down >/dev/null
vpn client up --mode balanced --wait >/dev/null
before=$(exit_in_use)
browse 30 >/dev/null || true
check "where all are mute the connection stands" equal "state" "$(vpn client status --json | jq -r .state)" active
check "and says that nothing comes back" grep -qi 'nothing comes back' <(vpn client status --json)
mute
check "when the internet answers again" browse 10
check "and soon all is well" eventually 3 no_problem
note "Exit in use before: $before, then: $(exit_in_use)."
report mute-exit
