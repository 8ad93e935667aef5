#!/usr/bin/env bash
# who meets whom: a client behind every kind of NAT to an exit behind every kind, first by an introducer, then directly
#
#   cpub ---+                +--- relay1 relay2 relay3     introducers
#   cfw  ---+- [internet] ---+--- epub                     exits, each in a region of its own
#   ...  ---+                +--- efw ...
#   web  ---+                     every cable has 12 ms each way; behind a NAT there is no IPv6; relays take TCP 443
#
# Every client asks its exits one after the other, each at another place, so that clients work at the same time and
# nobody meets one whom its NAT still remembers. A cell is direct in all tries, in none, or it is neither.
#
# ./lab nat-matrix [--json] [--tries N] [--clients KIND,...] [--exits KIND,...] [--record]

set -euo pipefail
. "$root/scripts/machine.sh"
need_commands ip nft jq curl gcc
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/lab/lib/checks.sh"
. "$root/tests/lab/lib/peer.sh"
. "$root/tests/lab/lib/network.sh"
link_delay=12
. "$root/tests/lab/lib/nat.sh"

tries=2 from=("${nat_kinds[@]}") to=("${nat_kinds[@]}") record=false
while [ $# -gt 0 ]; do
  case $1 in
    --json) lab_json=true ;;
    --tries) tries=$2; shift ;;
    --clients) IFS=, read -ra from <<<"$2"; shift ;;
    --exits) IFS=, read -ra to <<<"$2"; shift ;;
    --record) record=true ;;
    *) say "Usage: ./lab nat-matrix [--json] [--tries N] [--clients KIND,...] [--exits KIND,...] [--record]"; exit 2 ;;
  esac
  shift
done

# A punch is given up after nine seconds, and a birthday is over after eight.
patience=14
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

exits=() clients=()
for i in "${!nat_kinds[@]}"; do
  kind=${nat_kinds[i]}
  net[c${short[$kind]}]=$((161 + i))
  net[e${short[$kind]}]=$((141 + i))
  region[e${short[$kind]}]=${region_of[$kind]}
done
for kind in "${from[@]}"; do clients+=("c${short[$kind]}"); done
for kind in "${to[@]}"; do exits+=("e${short[$kind]}"); done

peer() { # NAME KIND
  behind_nat "$1" "$2"
  hidden_node "$1"
}

is_registered() { vpn "$1" network export "$lab_home/$1.directory" >/dev/null 2>&1 && [ "$(vpn "$1" status --json | jq .exit.running)" = true ]; }

milliseconds() { awk -v began="$1" -v now="$EPOCHREALTIME" 'BEGIN {printf "%d", 1000 * (now - began)}'; }

# attempt CLIENT EXIT: prints "direct|relayed|none FIRST_BYTE TIME_TO_DIRECT INTRODUCER", times in milliseconds.
attempt() {
  local client=$1 exit=$2 began first=- until=$((SECONDS + patience)) way by
  [ -s "$lab_home/$exit.directory" ] || { echo none - -; return; }
  began=$EPOCHREALTIME
  if ! timeout 12 ip netns exec "$lab_prefix$client" "$root/out/macrovpn" --api "$(api_of "$client")" \
    up --mode speed --exit "${region[$exit]}" --wait >"$lab_home/$client.up" 2>&1; then
    vpn "$client" down >/dev/null 2>&1 || true
    echo none - -
    return
  fi
  if in_ns "$client" curl -s --noproxy '*' --max-time 10 -o /dev/null "http://$(v4 web):$web_port/whoami"; then first=$(milliseconds "$began"); fi
  by=$(vpn "$client" circuit --json 2>/dev/null | jq -r '.hops[0].region')
  while :; do
    way=$(vpn "$client" circuit --json 2>/dev/null | jq -r '.hops[-1].direct // false')
    [ "$way" != true ] || { echo direct "$first" "$(milliseconds "$began")" "$by"; break; }
    [ $SECONDS -lt $until ] || { echo relayed "$first" - "$by"; break; }
    # What carries packets is looked after more often.
    in_ns "$client" ping -n -q -c 1 -W 1 "$(v4 web)" >/dev/null 2>&1 || true
    sleep 0.1
  done
  vpn "$client" down >/dev/null 2>&1 || true
}

# All exits in turn, each try, beginning at another place for every client.
row() { # NUMBER
  local client=${clients[$1]} try i exit
  for ((try = 0; try < tries; try++)); do
    for i in "${!exits[@]}"; do
      exit=${exits[($1 + i) % ${#exits[@]}]}
      echo "$exit $(attempt "$client" "$exit")" >>"$lab_home/$client.tries"
    done
  done
}

letter() { # CLIENT EXIT
  awk -v peer="$2" '$1 == peer {n++; c[$2]++} END {print n == 0 ? "?" : c["direct"] == n ? "d" : c["relayed"] == n ? "r" : c["none"] == n ? "-" : "?"}' "$lab_home/$1.tries"
}

wanted() { # CLIENT_KIND EXIT_KIND
  local i
  for i in "${!nat_kinds[@]}"; do [ "${nat_kinds[i]}" != "$2" ] || echo "${expected[$1]:i:1}"; done
}

as_expected() { # CLIENT_KIND
  local kind client=c${short[$1]} is should wrong=()
  for kind in "${to[@]}"; do
    is=$(letter "$client" "e${short[$kind]}") should=$(wanted "$1" "$kind")
    [ "$is" = "$should" ] || wrong+=("$kind: $is for $should ($(awk -v peer="e${short[$kind]}" '$1 == peer {print $2, $3, $4, $5}' "$lab_home/$client.tries" | paste -sd ';'))")
  done
  [ ${#wrong[@]} = 0 ] && echo "${#to[@]} cells, $tries tries each" || { echo "${wrong[*]}"; return 1; }
}

median() { sort -n | awk '{v[NR] = $1} END {if (NR) print v[int((NR + 1) / 2)]; else print "-"}'; }

cell() { # CLIENT EXIT: what the table shows
  local tried=$lab_home/$1.tries word=relayed first direct
  first=$(awk -v peer="$2" '$1 == peer && $3 != "-" {print $3}' "$tried" | median)
  direct=$(awk -v peer="$2" '$1 == peer && $2 == "direct" {print $4}' "$tried" | median)
  case $(letter "$1" "$2") in d) word=direct ;; -) echo "no path"; return ;; '?') word=$(awk -v peer="$2" '$1 == peer {n++; d += $2 == "direct"} END {printf "direct %d/%d", d, n}' "$tried") ;; esac
  [ "$direct" = - ] && echo "$word, $first" || echo "$word, $first, $direct"
}

table() {
  local a b
  printf '| client \\ exit |'; printf ' %s |' "${to[@]}"; printf '\n|---|'; printf '%s' "${to[@]/*/---|}"; printf '\n'
  for a in "${from[@]}"; do
    printf '| %s |' "$a"
    for b in "${to[@]}"; do printf ' %s |' "$(cell "c${short[$a]}" "e${short[$b]}")"; done
    printf '\n'
  done
}

# Between the two marks of the page.
write_record() {
  table >"$lab_home/table"
  sed -i -e "/<!-- nat-matrix -->/,/<!-- end -->/{/<!-- nat-matrix -->/r $lab_home/table" -e '/<!--/!d}' "$root/docs/operations/nat.md"
}

"$root/build"
internet
host web
serve web $web_port
introducers
peers=()
for kind in "${to[@]}"; do peer "e${short[$kind]}" "$kind" & peers+=($!); done
for kind in "${from[@]}"; do peer "c${short[$kind]}" "$kind" & peers+=($!); done
for name in "${peers[@]}"; do wait "$name"; done
for kind in "${to[@]}"; do
  eventually 60 is_registered "e${short[$kind]}" || die "The exit behind $kind is not registered."
done
for kind in "${from[@]}"; do
  for name in "${exits[@]}"; do [ ! -s "$lab_home/$name.directory" ] || vpn "c${short[$kind]}" network import "$lab_home/$name.directory" >/dev/null; done
done
rows=()
for i in "${!clients[@]}"; do row "$i" & rows+=($!); done
for name in "${rows[@]}"; do wait "$name"; done
for kind in "${from[@]}"; do check "client behind $kind" as_expected "$kind"; done
note "$(table)"
fact cells "$(table | jq -Rs .)"
$record && write_record
report nat-matrix
