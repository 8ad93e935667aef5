# Captures of every cable of the private network, at the router. Sourced after network.sh.

# Else a capture would show what leaves in one system call as one datagram.
segment_before_the_cable() {
  local name
  for name in client web "${nodes[@]}"; do
    in_ns "$name" ethtool -K eth0 tx-udp-segmentation off
    in_ns internet ethtool -K "$name" tx-udp-segmentation off
  done
}

# One tcpdump for each cable; headers suffice, and keep the files small.
start_captures() {
  local name
  for name in client web "${nodes[@]}"; do
    spawn "capture-$name" internet tcpdump -n -i "$name" -s 96 -B 32768 -w "$lab_home/$name.pcap" -Z root
  done
  for name in client web "${nodes[@]}"; do
    eventually 10 grep -q 'listening on' "$lab_home/capture-$name.log" || die "tcpdump did not start on $name."
  done
}

stop_captures() {
  local name
  sleep 1.5 # the kernel hands over what it has collected once a second
  for name in client web "${nodes[@]}"; do end "capture-$name" INT; done
}

captures_are_whole() {
  [ -z "$(cat "$lab_home"/capture-*.log | grep -E '^[1-9][0-9]* packets dropped')" ] || { echo "a capture has holes"; return 1; }
}
