#!/usr/bin/env bash
# who meets whom: a client behind every kind of NAT to an exit behind every kind, first by an introducer, then directly
#
#   cpub ---+                +--- relay1 relay2 relay3     introducers
#   cfw  ---+- [internet] ---+--- epub                     exits, each in a region of its own
#   ...  ---+                +--- efw ...
#   web  ---+                     every cable has 12 ms each way; behind a NAT there is no IPv6; relays take TCP 443
#
# Every client asks its exits one after the other, each at another place, so that clients work at the same time and
# nobody meets one whom its NAT still remembers. So few at a time as two cores carry: a birthday alone takes 255 sockets.
#
# Twelve tries take about half an hour.
#
# ./lab nat-matrix [--json] [--tries N] [--clients KIND,...] [--exits KIND,...] [--at-once N] [--record]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq curl gcc python3
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
link_delay=12
. "$root/tests/lab/lib/nat.sh"

tries=2 at_once=3 from=("${nat_kinds[@]}") to=("${nat_kinds[@]}") record=false
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --tries) tries=$2; shift ;;
    --clients) IFS=, read -ra from <<<"$2"; shift ;;
    --exits) IFS=, read -ra to <<<"$2"; shift ;;
    --at-once) at_once=$2; shift ;;
    --record) record=true ;;
    *) say "Usage: ./lab nat-matrix [--json] [--tries N] [--clients KIND,...] [--exits KIND,...] [--at-once N] [--record]"; exit 2 ;;
  esac
  shift
done

# After the circuit stands: a punch is given up after nine seconds, and a birthday is over after eight.
patience=11
pumps=1
start_patience=60
declare -A short=([public]=pub [firewall]=fw [full-cone]=fc [address-restricted]=ar [port-restricted]=pr [sequential]=seq
  [random]=rnd [cgn]=cgn [blocked]=blk)
declare -A region_of=([public]=NL [firewall]=DE [full-cone]=FR [address-restricted]=GB [port-restricted]=ES [sequential]=IT
  [random]=PL [cgn]=AT [blocked]=PT)
# d: direct. r: relayed, where there is no UDP over TCP 443. Rows and columns in the order of nat_kinds.
declare -A expected=([public]=ddddddddr [firewall]=ddddddddr [full-cone]=ddddddddr [address-restricted]=ddddddddr
  [port-restricted]=ddddddddr [sequential]=ddddddrdr [random]=dddddrrdr [cgn]=ddddddddr [blocked]=rrrrrrrrr)

eval "plain_$(declare -f settings_of)"
settings_of() { plain_settings_of "$1" | if [[ " ${relays[*]} " = *" $1 "* ]]; then sed 's/^endpoints = /tcp_port = 443\nendpoints = /'; else cat; fi; }

declare -A kind_of=()
exits=() clients=()
for i in "${!nat_kinds[@]}"; do
  kind=${nat_kinds[i]}
  kind_of[c${short[$kind]}]=$kind kind_of[e${short[$kind]}]=$kind
  net[c${short[$kind]}]=$((161 + i))
  net[e${short[$kind]}]=$((141 + i))
  region[e${short[$kind]}]=${region_of[$kind]}
done
for kind in "${from[@]}"; do clients+=("c${short[$kind]}"); done
for kind in "${to[@]}"; do exits+=("e${short[$kind]}"); done

peer() { # NAME
  behind_nat "$1" "${kind_of[$1]}"
  hidden_node "$1"
}

# starts NAME...: so many at a time as work at a time; each program that looks whether a node has started takes from those that start.
starts() {
  local name begun=()
  while [ $# -gt 0 ]; do
    begun=()
    for name in "${@:1:at_once}"; do peer "$name" & begun+=($!); done
    for name in "${begun[@]}"; do wait "$name"; done
    shift $(($# < at_once ? $# : at_once))
  done
}

is_registered() { vpn "$1" network export "$lab_home/$1.directory" >/dev/null 2>&1 && [ "$(vpn "$1" status --json | jq .exit.running)" = true ]; }

milliseconds() { awk -v began="$1" -v now="$EPOCHREALTIME" 'BEGIN {printf "%d", 1000 * (now - began)}'; }

# attempt CLIENT EXIT: appends "EXIT direct|relayed|none FIRST_BYTE TIME_TO_DIRECT INTRODUCER" to the client's tries, times in milliseconds.
attempt() {
  local client=$1 exit=$2 way=relayed first=- direct=- by=- look=0.2 began until
  take_turn
  began=$EPOCHREALTIME
  if timeout 12 ip netns exec "$lab_prefix$client" "$root/out/macrovpn" --api "$(api_of "$client")" \
    up --mode speed --exit "${region[$exit]}" --wait >"$lab_home/$client.up" 2>&1 &&
    in_ns "$client" curl -s --noproxy '*' --max-time 10 -o /dev/null "http://$(v4 web):$web_port/whoami"; then
    first=$(milliseconds "$began")
    until=$((SECONDS + patience))
    by=$(vpn "$client" circuit --json | jq -r '.hops[0].region') || by=-
    # Nothing is busy with a path that stays relayed.
    [ "$(wanted "$client" "$exit")" = d ] || { give_turn; look=2; }
    until [ "$(vpn "$client" circuit --json | jq -r '.hops[-1].direct')" = true ] && way=direct direct=$(milliseconds "$began") || [ $SECONDS -ge $until ]; do
      # What carries packets is looked after more often.
      in_ns "$client" ping -n -q -c 1 -W 1 "$(v4 web)" >/dev/null 2>&1 || true
      sleep $look
    done
  else
    way=none by=$(tail -n 1 "$lab_home/$client.up" | tr ' ' _)
  fi
  vpn "$client" down >/dev/null 2>&1 || true
  give_turn
  echo "$exit $way $first $direct ${by:--}" >>"$lab_home/$client.tries"
}

# Turns lie in a pipe; each row takes one at most.
take_turn() { read -r <&7; has_turn=true; }
give_turn() { ! $has_turn || echo >&7; has_turn=false; }

# All exits in turn, each try, beginning at another place for every client.
row() { # NUMBER
  local client=${clients[$1]} try i
  for ((try = 0; try < tries; try++)); do
    for i in "${!exits[@]}"; do attempt "$client" "${exits[($1 + i) % ${#exits[@]}]}"; done
  done
}

# share CLIENT EXIT WAY: "N OF" tries.
share() { awk -v peer="$2" -v way="$3" '$1 == peer {of++; n += $2 == way} END {print n + 0, of + 0}' "$lab_home/$1.tries"; }

wanted() { # CLIENT EXIT: d or r
  local a=${kind_of[$1]} b=${kind_of[$2]} i
  for i in "${!nat_kinds[@]}"; do [ "${nat_kinds[i]}" != "$b" ] || echo "${expected[$a]:i:1}"; done
}

as_expected() { # CLIENT
  local exit way n of right=0 all=0 wrong=()
  for exit in "${exits[@]}"; do
    [ "$(wanted "$1" "$exit")" = d ] && way=direct || way=relayed
    read -r n of <<<"$(share "$1" "$exit" $way)"
    right=$((right + n)) all=$((all + of))
    [ "$n" = "$of" ] || wrong+=("${kind_of[$exit]} $way $n of $of ($(awk -v peer="$exit" -v way=$way '$1 == peer && $2 != way {print $2, $3, $4, $5}' "$lab_home/$1.tries" | paste -sd ';'))")
  done
  echo "$right of $all tries as expected${wrong[*]:+: ${wrong[*]}}"
  [ $((100 * right)) -ge $((99 * all)) ] && [ "$all" = $((tries * ${#exits[@]})) ]
}

always_reached() { ! grep ' none ' "$lab_home"/*.tries | cut -d: -f2; }

median() { sort -n | awk '{v[NR] = $1} END {if (NR) print v[int((NR + 1) / 2)]; else print "-"}'; }

cell() { # CLIENT EXIT: what the table shows
  local n of first direct
  read -r n of <<<"$(share "$1" "$2" direct)"
  first=$(awk -v peer="$2" '$1 == peer && $3 != "-" {print $3}' "$lab_home/$1.tries" | median)
  direct=$(awk -v peer="$2" '$1 == peer && $4 != "-" {print $4}' "$lab_home/$1.tries" | median)
  case $n in
    "$of") echo "direct, $first, $direct" ;;
    0) echo "relayed, $first" ;;
    *) echo "direct $n/$of, $first, $direct" ;;
  esac
}

direct_share() { cat "$lab_home"/*.tries | awk '{n++; d += $2 == "direct"} END {printf "%d of %d, %.1f %%\n", d, n, 100 * d / n}'; }

table() {
  local a b
  printf '| client \\ exit |'; printf ' %s |' "${to[@]}"; printf '\n|---|'; printf '%s' "${to[@]/*/---|}"; printf '\n'
  for a in "${from[@]}"; do
    printf '| %s |' "$a"
    for b in "${to[@]}"; do printf ' %s |' "$(cell "c${short[$a]}" "e${short[$b]}")"; done
    printf '\n'
  done
}

write_record() {
  table >"$lab_home/table"
  python3 "$root/tests/lab/lib/into_page.py" "$root/docs/operations/nat.md" nat-matrix "$lab_home/table"
}

"$root/build"
internet
host web
serve web $web_port
introducers
starts "${exits[@]}" "${clients[@]}"
for kind in "${to[@]}"; do
  eventually 60 is_registered "e${short[$kind]}" || die "The exit behind $kind is not registered."
done
for kind in "${from[@]}"; do
  for name in "${exits[@]}"; do [ ! -s "$lab_home/$name.directory" ] || vpn "c${short[$kind]}" network import "$lab_home/$name.directory" >/dev/null; done
done
mkfifo "$lab_home/turns"
exec 7<>"$lab_home/turns"
for ((i = 0; i < at_once; i++)); do echo >&7; done
rows=()
for i in "${!clients[@]}"; do row "$i" & rows+=($!); done
for name in "${rows[@]}"; do wait "$name"; done
for name in "${clients[@]}"; do check "client behind ${kind_of[$name]}" as_expected "$name"; done
check "every try reached the web" always_reached
note "direct: $(direct_share)"
note "$(table)"
fact direct "\"$(direct_share)\""
fact cells "$(table | jq -Rs .)"
if $record; then write_record; fi
report nat-matrix
