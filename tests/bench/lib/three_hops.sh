# TCP through three hops without any rights beside the same with all of them: what the way by proxy and sockets costs.
# Sourced after network.sh.
#
#   client   TUN device ----- relay -- relay -- exit1  TUN device, the kernel's NAT ----+
#                                                                                      web
#   guest    SOCKS5 proxy --- relay -- relay -- exit2  user-mode stack, sockets --------+

exits+=(exit2)
nodes+=(exit2)
net+=([exit2]=141 [guest]=161)
region+=([exit2]=DE)
proxy_port=1080
eval "network_$(declare -f settings_of)"

settings_of() {
  network_settings_of "$1"
  case $1 in
    exit2) printf 'mode = "user"\n' ;;
    guest) printf '\n[client]\ntunnel = "none"\nproxy = "127.0.0.1:%s"\n' $proxy_port ;;
  esac
}

three_hops() {
  local name
  local -A exit_of=([client]=exit1 [guest]=exit2)
  "$root/build"
  private_network
  host guest
  node guest
  for name in "${nodes[@]}"; do vpn guest network import "$lab_home/$name.directory" >/dev/null; done
  spawn iperf-web web iperf3 -s
  printf 'strict_chain\nquiet_mode\n[ProxyList]\nsocks5 127.0.0.1 %s\n' $proxy_port >"$lab_home/proxychains.conf"
  for name in client guest; do
    vpn "$name" up --mode private --exit "${region[${exit_of[$name]}]}" --wait >/dev/null || die "No circuit of $name stands."
    eventually 10 hops_stream "$name" -n 1K || die "$name: the web server cannot be reached."
  done
}

# hops_stream CLIENT [OPTION...]: iperf3 to the web server through the client's circuit.
hops_stream() {
  local wrapper=()
  [ "$1" = client ] || wrapper=(proxychains4 -q -f "$lab_home/proxychains.conf")
  in_ns "$1" "${wrapper[@]}" iperf3 -c "$(v4 web)" -J "${@:2}"
}

hops_programs() {
  local code name
  echo "$1"
  for code in $(vpn "$1" circuit --json | jq -r '.hops[].region'); do
    for name in "${nodes[@]}"; do [ "${region[$name]}" != "$code" ] || echo "$name"; done
  done
}

# measure_hops: both ways and both directions, once in this round, and what the proxy keeps of the TUN device's throughput.
measure_hops() {
  local name direction answer before after
  local -A rate=() side=([client]="TUN, 3 hops" [guest]="proxy, 3 hops")
  for direction in up down; do
    for name in client guest; do
      quiet
      # shellcheck disable=SC2046
      before=$(cpu $(hops_programs $name))
      answer=$(hops_stream $name -t "$seconds" $([ $direction = up ] || echo -R)) || { say "$name: $(jq -r .error <<<"$answer")"; return 0; }
      # shellcheck disable=SC2046
      after=$(cpu $(hops_programs $name))
      rate[$name]=$(jq '.end.sum_received.bits_per_second / 1e6' <<<"$answer")
      value "TCP $direction, 3 hops (Mbit/s)" "${side[$name]}" "${rate[$name]}"
      value "TCP $direction, 3 hops: CPU (s/GB)" "${side[$name]}" "$(per "$(jq '.end.sum_received.bytes / 1e9' <<<"$answer")" "$before" "$after")"
    done
    value "TCP $direction, 3 hops: of the TUN path's throughput" "proxy, 3 hops" \
      "$(awk -v a="${rate[guest]}" -v b="${rate[client]}" 'BEGIN {print a / b}')"
  done
}
