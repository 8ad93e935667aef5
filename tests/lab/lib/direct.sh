# A client and an exit behind NATs, three relays that introduce them, and what happens between the two. Sourced after nat.sh.

net[client1]=161
clients+=(client1)
pumps=1
start_patience=30
declare -A flow_of=()

# direct_pair CLIENT_KIND EXIT_KIND: everything is started, and the client knows the exit.
direct_pair() {
  local name
  "$root/build"
  internet
  host web
  serve web $web_port
  introducers
  behind_nat client1 "$1"
  behind_nat exit1 "$2"
  for name in client1 exit1; do hidden_node "$name"; done
  eventually 30 is_registered exit1 || die "The exit is not registered."
  eventually 20 exit_runs exit1 || die "The exit does not run."
  vpn client1 network import "$lab_home/exit1.directory" >/dev/null
}

# between RULE: what the router does with what the client and the exit send each other; nothing when empty.
between() {
  at_the_router between ${1:+"ip saddr $(v4 client1) ip daddr $(v4 exit1) $1" "ip saddr $(v4 exit1) ip daddr $(v4 client1) $1"}
}

is_direct() { [ "$(vpn client1 circuit --json | jq '.hops[-1].direct')" = "$1" ]; }

echoes() { in_ns client1 ping -n -q -c 1 -W 0.5 "$(v4 web)"; }

# within SECONDS COMMAND...: it holds after so many seconds at most, and says after how many.
within() {
  local limit=$1 began=$EPOCHREALTIME
  shift
  eventually $((${limit%.*} + 5)) "$@" >/dev/null || { echo "not at all"; return 1; }
  awk -v began="$began" -v now="$EPOCHREALTIME" -v limit="$limit" 'BEGIN {printf "%.1f s\n", now - began; exit now - began > limit}'
}

# flow KIND NAME SECONDS: one of steady.py, and flow_end KIND: what became of it is in KIND.json.
flow() {
  local port=$web_port
  [ "$1" != udp ] || port=7
  in_ns "$2" python3 "$root/tests/lab/lib/steady.py" "$1" "$(v4 web)" "$port" "$3" >"$lab_home/$1.json" 2>&1 &
  flow_of[$1]=$!
}

flow_end() { wait "${flow_of[$1]}" || true; }
