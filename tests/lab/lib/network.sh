# A private Macro network on this machine: relays, an exit, a web server and a client, each in its own namespace,
# behind one router that stands for the Internet. Sourced after checks.sh and peer.sh; used by the labs and by ./run.
#
#   client  44.160.0.2   --- client ---+            +--- relay1 ---  relay1  44.129.0.2   region CH
#           2a0e:44a0::2               |            |                        2a0e:4481::2
#                                    [  internet  ]-+--- relay2 ---  relay2  44.130.0.2   region SE
#   web     44.200.0.2   --- web ------+            +--- relay3 ---  relay3  44.131.0.2   region IS
#           2a0e:44c8::2                            +--- exit1 ----  exit1   44.140.0.2   region NL, exit
#
# Every host is alone in its /16 and /32, because no circuit uses two relays of one network. The router's interfaces
# are named like the hosts. 44.128.0.0/10 belongs to the amateur radio network and is not routed here; nothing of
# this leaves the namespaces.

relays=(relay1 relay2 relay3)
exits=(exit1)
nodes=("${relays[@]}" "${exits[@]}")
clients=(client)
declare -A net=([relay1]=129 [relay2]=130 [relay3]=131 [exit1]=140 [client]=160 [web]=200)
declare -A family=()
declare -A region=([relay1]=CH [relay2]=SE [relay3]=IS [exit1]=NL)
node_port=51820
web_port=8080

v4() { echo "44.${net[$1]}.0.2"; }
v6() { printf '2a0e:44%02x::2\n' "${net[$1]}"; }

# host NAME: a namespace with a cable to the router, addresses and default routes.
host() {
  local n=${net[$1]}
  local hex
  hex=$(printf '%02x' "$n")
  namespace "$1"
  link "$1" eth0 internet "$1"
  ip_in internet address add "44.$n.0.1/24" dev "$1"
  ip_in internet address add "2a0e:44$hex::1/64" dev "$1"
  ip_in "$1" address add "44.$n.0.2/24" dev eth0
  ip_in "$1" address add "2a0e:44$hex::2/64" dev eth0
  ip_in "$1" route add default via "44.$n.0.1"
  ip_in "$1" route add default via "2a0e:44$hex::1"
}

internet() {
  namespace internet
  in_ns internet sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1
}

# at_the_router NAME [RULE...]: the table of that name has these rules, and no others, for all that passes the router.
at_the_router() {
  local name=$1
  shift
  in_ns internet nft -f - <<NFT
table inet $name
delete table inet $name
table inet $name {
  chain pass { type filter hook forward priority filter;
$(printf '    %s\n' "$@")
  }
}
NFT
}

settings_of() {
  printf '[node]\nname = "%s"\nudp_port = %s\npumps = %s\n\n[network]\nname = "lab"\nstatic = true\n' "$1" $node_port "${pumps:-0}"
  [[ " ${clients[*]} " != *" $1 "* ]] || printf '\n[client]\nkill_switch = %s\n' "${kill_switch:-false}"
  [ -z "${region[$1]:-}" ] || { printf '\n[relay]\nenabled = true\nregion = "%s"\n' "${region[$1]}"; endpoints_of "$1"; }
  [ -z "${family[$1]:-}" ] || printf 'family = "%s"\n' "${family[$1]}"
  [[ " ${exits[*]} " != *" $1 "* ]] || printf '\n[exit]\nenabled = true\n'
}

# endpoints_of NAME: the setting for what a relay announces; nothing where it has none.
endpoints_of() { printf 'endpoints = ["%s:%s", "[%s]:%s"]\n' "$(v4 "$1")" $node_port "$(v6 "$1")" $node_port; }

# node NAME: starts macrovpnd in the host's namespace and waits for its API.
node() {
  mkdir -p "$lab_home/$1"
  chmod 700 "$lab_home/$1"
  settings_of "$1" >"$lab_home/$1.toml"
  [ -e "$lab_home/$1.before" ] || traces "$1" >"$lab_home/$1.before"
  spawn "$1" "$1" "$root/out/macrovpnd" --settings "$lab_home/$1.toml" --data "$lab_home/$1" --api "$(api_of "$1")"
  eventually "${start_patience:-20}" vpn "$1" status --json || { tail -20 "$lab_home/$1.log" >&2; die "The node $1 did not start."; }
}

# Everything that a node could leave in its namespace; node notes it before the first start.
traces() {
  ip_in "$1" -o link | awk '{print $2}'
  ip_in "$1" -o address | awk '{print $2, $4}' | grep -v ' fe80:'
  ip_in "$1" rule
  ip_in "$1" -6 rule
  ip_in "$1" route show table all
  ip_in "$1" -6 route show table all | grep -v -e fe80 -e ff00
  in_ns "$1" nft list ruleset
}

same_traces() { diff "$lab_home/$1.before" <(traces "$1") && echo "no trace"; }

api_of() { echo "$lab_home/$1.sock"; }

# vpn NAME COMMAND...: macrovpn for the node of that name.
vpn() {
  local name=$1
  shift
  in_ns "$name" "$root/out/macrovpn" --api "$(api_of "$name")" "$@"
}

relay_runs() { vpn "$1" status --json | jq -e '.relay.running' >/dev/null; }
exit_runs() { vpn "$1" status --json | jq -e '.exit.running' >/dev/null; }

# private_network: everything above, started; the client knows the relays' descriptors and is not connected.
private_network() {
  local name starters=()
  [ -e "/run/netns/${lab_prefix}internet" ] || internet
  for name in client web "${nodes[@]}"; do host "$name"; done
  serve web $web_port & starters+=($!)
  for name in client "${nodes[@]}"; do node "$name" & starters+=($!); done
  for name in "${starters[@]}"; do wait "$name"; done
  introduce "${nodes[@]}"
}

# introduce NAME...: hands the descriptors of nodes to the client.
introduce() {
  local name
  for name in "$@"; do
    eventually 20 relay_runs "$name" || die "The relay $name does not run: $(vpn "$name" status --json)"
    [[ " ${exits[*]} " != *" $name "* ]] || eventually 20 exit_runs "$name" || die "The exit $name does not run."
    vpn "$name" network export "$lab_home/$name.directory" >/dev/null
    vpn client network import "$lab_home/$name.directory" >/dev/null
  done
}

# circuit, standby: the names of the hops in use and of the relays of the second path, entry first.
circuit() { hops_named hops; }
standby() { hops_named standby; }

hops_named() { # FIELD
  local code name
  for code in $(vpn client circuit --json | jq -r ".$1[]?.region"); do
    for name in "${nodes[@]}"; do [ "${region[$name]}" != "$code" ] || echo "$name"; done
  done
}

hops_of_mode() { case $1 in speed) echo 1 ;; balanced) echo 2 ;; private) echo 3 ;; esac; }
mode_of_hops() { case $1 in 1) echo speed ;; 2) echo balanced ;; 3) echo private ;; esac; }

whoami() { in_ns client curl -sS --noproxy '*' --max-time "${2:-10}" "http://$1:$web_port/whoami"; }
