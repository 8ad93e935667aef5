# A private Macro network on the loopback addresses of this machine, made of ordinary processes of an ordinary user: no
# rights, no namespaces. Sourced by ./run and ./lab rootless.
#
#   client 127.160.0.1 ---+                 +--- relay1 127.129.0.1   region CH
#     proxy, resolver     |                 +--- relay2 127.130.0.1   region SE
#     on 127.0.0.1        +--- loopback ----+--- relay3 127.131.0.1   region IS
#                         |                 +--- relay4 127.132.0.1   region NO
#   web    127.77.0.1  ---+                 +--- exit1  127.140.0.1   region NL, exit
#     HTTP, UDP echo, DNS                   +--- exit2  127.141.0.1   region DE, exit
#
# Every node is alone in its /16 and in its operator's family, because no circuit uses two relays of one network or of
# one operator. The exits may reach one loopback address, that of the web server; the internet they reach if there is one.

demo_home=$(mktemp -d "${TMPDIR:-/tmp}/macro-demo.XXXXXX")
# Nothing is written anywhere else, and a user without a home directory is welcome.
export HOME=$demo_home DOTNET_EnableDiagnostics=0
lab_peer=$root/out/lab/lab-peer
relays=(relay1 relay2 relay3 relay4)
exits=(exit1 exit2)
nodes=("${relays[@]}" "${exits[@]}")
declare -A net=([relay1]=129 [relay2]=130 [relay3]=131 [relay4]=132 [exit1]=140 [exit2]=141 [client]=160)
declare -A region=([relay1]=CH [relay2]=SE [relay3]=IS [relay4]=NO [exit1]=NL [exit2]=DE)
declare -A pids=()
web=127.77.0.1
web_name=web.macro.example
client_settings= # more of the client's section
node_port=$((20000 + RANDOM % 20000))
# Whom the demo's name server asks for names of the real internet.
web_resolver=$(awk '$1 == "nameserver" {print $2; exit}' /etc/resolv.conf 2>/dev/null) || true

trap demo_clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

address() { echo "127.${net[$1]}.0.1"; }

# free_port ADDRESS PORT: that TCP port if nobody listens there, else one that is free.
free_port() {
  local port=$2
  while (exec 3<>"/dev/tcp/$1/$port") 2>/dev/null; do port=$((10000 + RANDOM % 20000)); done
  echo "$port"
}

# as_host NAME COMMAND...: becomes the command. A lab may say otherwise who runs what, and where.
as_host() {
  shift
  exec "$@"
}

# inside COMMAND...: runs a command where the network is. A lab may say otherwise where that is.
inside() { "$@"; }

# launch NAME COMMAND...: starts a program in a folder of its own; its output goes to $demo_home/NAME.log.
launch() {
  local name=$1
  shift
  mkdir -p "$demo_home/$name"
  (as_host "$name" "$@") >"$demo_home/$name.log" 2>&1 </dev/null &
  pids[$name]=$!
  disown # else the shell tells how it ended
}

settings_of() {
  printf '[node]\nname = "%s"\nbind = "%s"\nudp_port = %s\npumps = 1\n' "$1" "$(address "$1")" "$node_port"
  # Its own DHT, on these addresses alone; which network it is, the invite says.
  printf '\n[network]\nname = "demo"\nlocal = true\nbootstrap = ["%s:%s", "%s:%s"]\n' "$(address relay1)" "$node_port" "$(address exit1)" "$node_port"
  if [ "$1" = client ]; then
    printf '\n[client]\ntunnel = "none"\nproxy = "127.0.0.1:%s"\ndns = "127.0.0.1:%s"\n%s\n' "$proxy_port" "$dns_port" "$client_settings"
  else
    printf '\n[client]\ntunnel = "none"\nproxy = "off"\ndns = "off"\n'
    printf '\n[relay]\nenabled = true\nregion = "%s"\nfamily = "%s"\nendpoints = ["%s:%s"]\n' \
      "${region[$1]}" "operator of $1" "$(address "$1")" "$node_port"
  fi
  [[ " ${exits[*]} " != *" $1 "* ]] ||
    printf '\n[exit]\nenabled = true\nmode = "user"\nallow_private = ["%s/32"]\nresolvers = ["%s:%s"]\n' "$web" "$web" "$web_dns_port"
}

api_of() { echo "$demo_home/$1/api.sock"; }

# node NAME: starts macrovpnd.
node() {
  settings_of "$1" >"$demo_home/$1.toml"
  launch "$1" "$root/out/macrovpnd" --settings "$demo_home/$1.toml" --data "$demo_home/$1/data" --api "$(api_of "$1")"
}

# vpn NAME COMMAND...: macrovpn for the node of that name.
vpn() {
  local name=$1
  shift
  "$root/out/macrovpn" --api "$(api_of "$name")" "$@"
}

# private_network: everything above, started; the client is a member, knows no relay but by its invite, and is not connected.
private_network() {
  local name link
  proxy_port=$(free_port 127.0.0.1 1080)
  dns_port=$(free_port 127.0.0.1 1053)
  web_port=$(free_port $web 8080)
  echo_port=$(free_port $web 7007)
  https_port=$(free_port $web 8443)
  web_dns_port=$(free_port $web 5300)
  launch web "$lab_peer" demo $web "$web_port" "$https_port" "$echo_port" "$web_dns_port" $web_resolver
  for name in client "${nodes[@]}"; do node "$name"; done
  for name in client "${nodes[@]}"; do
    eventually 30 test -S "$(api_of "$name")" || { tail -20 "$demo_home/$name.log" >&2; die "The node $name did not start."; }
  done
  eventually 30 inside "$lab_peer" resolve "$web:$web_dns_port" $web_name || { tail -5 "$demo_home/web.log" >&2; die "The web server did not start."; }
  vpn relay1 network create demo >/dev/null
  link=$(vpn relay1 invite 2>/dev/null)
  for name in "${nodes[@]}"; do [ "$name" = relay1 ] || vpn "$name" join "$link" >/dev/null; done
  eventually 60 relays_know_each_other || { vpn relay1 network status >&2; die "The relays did not find each other."; }
  vpn client join "$link" >/dev/null
}

relays_know_each_other() {
  local name
  for name in "${nodes[@]}"; do
    [ "$(vpn "$name" peers --json | grep -o '"nodeId"' | wc -l)" = ${#nodes[@]} ] || return 1
  done
}

connect() {
  vpn client up --mode private --wait >&2 || { vpn client status >&2; tail -20 "$demo_home/client.log" >&2; die "The client could not connect."; }
}

# end_all: every process that was started here, and no other.
end_all() {
  local pid
  for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null; done
  eventually 10 all_gone || for pid in "${pids[@]}"; do kill -KILL "$pid" 2>/dev/null; done
}

all_gone() {
  local pid
  for pid in "${pids[@]}"; do
    ! kill -0 "$pid" 2>/dev/null || [ "$(sed 's/.*) //' "/proc/$pid/stat" 2>/dev/null | cut -c1)" = Z ] || return 1
  done
}

demo_clean_up() {
  local status=$?
  trap '' INT TERM HUP
  set +e
  end_all
  if [ "$status" != 0 ] && [ "${LAB_KEEP:-}" = 1 ]; then say "The logs are in $demo_home"; else rm -rf "$demo_home"; fi
  exit "$status"
}
