# The lab's web server, UDP echo and their client. Sourced after checks.sh.

lab_peer=$root/out/lab/lab-peer

# serve NAME HTTP_PORT: starts web server and echo (port 7) in a namespace and waits until it listens.
serve() {
  spawn "web-$1" "$1" "$lab_peer" serve "$2" 7
  eventually 20 listens "$1" "$2" || { cat "$lab_home/web-$1.log" >&2; die "The web server did not start."; }
}

# download NAME HOST:PORT BYTES: fetches the stream and compares its SHA-256 with our own.
download() {
  local digest speed began=$EPOCHREALTIME
  digest=$(in_ns "$1" curl -sS --noproxy '*' --max-time 180 "http://$2/bytes/$3" | sha256sum | cut -d' ' -f1)
  speed=$(rate "$3" "$began")
  [ "$digest" = "$("$lab_peer" sha256 "$3")" ] || { echo "$3 bytes down: SHA-256 is $digest"; return 1; }
  echo "$3 bytes down, $speed"
}

# upload NAME HOST:PORT BYTES: sends the stream; the server answers the SHA-256 of what arrived.
upload() {
  local answer speed began=$EPOCHREALTIME
  answer=$("$lab_peer" bytes "$3" | in_ns "$1" curl -sS --noproxy '*' --max-time 180 -T - -H Expect: "http://$2/upload")
  speed=$(rate "$3" "$began")
  [ "$(jq -r '"\(.length) \(.sha256)"' <<<"$answer")" = "$3 $("$lab_peer" sha256 "$3")" ] || { echo "$3 bytes up: $answer"; return 1; }
  echo "$3 bytes up, $speed"
}

# udp_echo NAME ADDRESS COUNT SIZE: every datagram must come back intact.
udp_echo() { in_ns "$1" "$lab_peer" echo "$2" 7 "$3" "$4"; }

# pings NAME ADDRESS COUNT [OPTION...]: every one must be answered.
pings() {
  local name=$1 address=$2 count=$3 answer
  shift 3
  answer=$(in_ns "$name" ping -n -q -c "$count" -i 0.2 -W 2 "$@" "$address" | grep -v '^$' | tail -n 2 | paste -sd ' ')
  echo "$answer"
  grep -q ' 0% packet loss' <<<"$answer"
}

rate() { awk -v bytes="$1" -v began="$2" -v now="$EPOCHREALTIME" 'BEGIN {printf "%.0f Mbit/s", bytes * 8 / 1e6 / (now - began)}'; }
