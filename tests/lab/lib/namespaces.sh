# Network namespaces and the processes in them, all gone when the scenario ends, however it ends. Sourced, never run.
#
# Every name begins with mv-<pid>-, so scenarios run side by side; what an earlier one left behind because it was
# killed with SIGKILL is swept at the next start.

lab_prefix=mv-$$-
lab_home=$(mktemp -d "${TMPDIR:-/tmp}/mv-$$.XXXXXX")
mkdir "$lab_home/pids"

trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# namespace NAME...: makes namespaces with loopback up and no duplicate address detection.
namespace() {
  local name
  for name in "$@"; do
    ip netns add "$lab_prefix$name"
    ip -n "$lab_prefix$name" link set lo up
    in_ns "$name" sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
    # Else the host's netfilter would see frames that only cross a bridge.
    in_ns "$name" sysctl -qw net.bridge.bridge-nf-call-iptables=0 net.bridge.bridge-nf-call-ip6tables=0 2>/dev/null || true
  done
}

# in_ns NAME COMMAND...: runs a command inside a namespace.
in_ns() {
  local name=$1
  shift
  ip netns exec "$lab_prefix$name" "$@"
}

# ip_in NAME ARGUMENT...: ip(8) inside a namespace.
ip_in() {
  local name=$1
  shift
  ip -n "$lab_prefix$name" "$@"
}

# link NAME INTERFACE NAME INTERFACE: a cable between two namespaces, up at both ends.
link() {
  ip link add "$2" netns "$lab_prefix$1" type veth peer name "$4" netns "$lab_prefix$3"
  ip_in "$1" link set "$2" up
  ip_in "$3" link set "$4" up
}

# spawn LABEL NAME COMMAND...: starts a program inside a namespace; its output goes to $lab_home/LABEL.log.
spawn() {
  local label=$1 name=$2
  shift 2
  ip netns exec "$lab_prefix$name" "$@" >"$lab_home/$label.log" 2>&1 </dev/null &
  echo $! >"$lab_home/pids/$label"
}

pid_of() { cat "$lab_home/pids/$1"; }

# end LABEL [SIGNAL]: ends a program that spawn started and waits until it is gone.
end() {
  local pid
  pid=$(pid_of "$1")
  kill -"${2:-TERM}" "$pid" 2>/dev/null || true
  eventually 10 process_is_gone "$pid" || kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

process_is_gone() { ! kill -0 "$1" 2>/dev/null || [ "$(process_state "$1")" = Z ]; }

process_state() { sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -c1; }

listens() { [ -n "$(in_ns "$1" ss -Hltn "sport = :$2")" ]; }

# remove_namespaces PREFIX: ends the programs in all namespaces of that prefix, then removes the namespaces.
remove_namespaces() {
  local name pids try
  for name in $(ip netns list | awk -v p="$1" 'index($1, p) == 1 {print $1}'); do
    for try in TERM TERM TERM KILL; do
      pids=$(ip netns pids "$name" 2>/dev/null) || true
      [ -n "$pids" ] || break
      # shellcheck disable=SC2086
      kill -$try $pids 2>/dev/null || true
      sleep 0.2
    done
    ip netns delete "$name" 2>/dev/null || true
  done
}

clean_up() {
  local status=$? name
  trap '' INT TERM HUP
  set +e
  broke_off
  remove_namespaces "$lab_prefix"
  # The links of link.c are in no namespace.
  for name in "$lab_home"/pids/link-*; do [ ! -e "$name" ] || kill "$(cat "$name")" 2>/dev/null; done
  if [ "$status" != 0 ] && [ "${LAB_KEEP:-}" = 1 ]; then
    say "The logs and captures are in $lab_home"
  else
    rm -rf "$lab_home"
  fi
  exit "$status"
}

sweep() {
  local name
  for name in $(ip netns list | sed -nE 's/^(mv-[0-9]+-).*/\1/p' | sort -u); do
    kill -0 "${name//[^0-9]/}" 2>/dev/null || remove_namespaces "$name"
  done
  for name in "${TMPDIR:-/tmp}"/mv-*.*; do
    name=${name##*/mv-}
    kill -0 "${name%%.*}" 2>/dev/null || rm -rf "${TMPDIR:-/tmp}/mv-$name"
  done
}
sweep
