# Rounds of measurements of several programs in turn, and the table at the end. Sourced first by every benchmark.
#
# A benchmark measures each side in every round, one after the other, and calls `value`. What counts is the ratio to
# the first side within one round, so that a slow minute of the machine hits both; the table shows the medians.

# In a session of its own, at the highest priority: else the scheduler shares by session with whatever else runs here.
if [ -z "${BENCH_SESSION:-}" ]; then BENCH_SESSION=1 exec setsid --wait bash "$0" "$@"; fi
renice -n -20 $$ >/dev/null 2>&1 || true
echo -20 2>/dev/null >/proc/$$/autogroup || true

. "$root/scripts/machine.sh"
need_commands jq python3
. "$root/tests/lab/lib/namespaces.sh"
. "$root/tests/bench/lib/record.sh"
. "$root/tests/lab/lib/checks.sh"
lab_reported=true # a benchmark has no checks to report
umask 077

benchmark=$(basename "$0" .sh)
command_line="./bench $benchmark${*:+ $*}"
rounds=3 seconds=4 record=false wire=gso

# common_option OPTION [VALUE]: takes an option that every benchmark has; sets `taken` to the number of words used.
common_option() {
  taken=1
  case $1 in
    --json) lab_json=true ;;
    --record) record=true ;;
    --rounds) rounds=$2 taken=2 ;;
    --seconds) seconds=$2 taken=2 ;;
    *) say "Usage: ./bench $benchmark [--json] [--record] [--rounds N] [--seconds N] ${usage:-}"; exit 2 ;;
  esac
}

# value MEASURE SIDE NUMBER: one measured value of this round.
value() { printf '%s\t%s\t%s\t%s\n' "$round" "$1" "$2" "$3" >>"$lab_home/values"; }

# bar MEASURE SIDE LIMIT: what the ratio to the first side must be, e.g. '>= 2.0'; the value itself where only SIDE measures it.
bar() { printf '%s\t%s\t%s\n' "$1" "$2" "$3" >>"$lab_home/bars"; }
: >"$lab_home/values"
: >"$lab_home/bars"
: >"$lab_home/noise"

# report_table REFERENCE: prints the table (or JSON), and with --record rewrites the benchmark's section of results.md.
report_table() {
  local format=text
  $lab_json && format=json
  table() { python3 "$root/tests/bench/lib/table.py" --values "$lab_home/values" --bars "$lab_home/bars" --noise "$lab_home/noise" \
    --benchmark "$section" --command "$command_line" --reference "$1" "${@:2}"; }
  table "$1" --format $format
  if $record; then
    need_dotnet
    table "$1" --record "$results" --machine "$(machine)"
  fi
}
section=$benchmark

# quiet: waits until next to nothing runs on the machine; after a while it goes on, and the table tells how often.
quiet() {
  local before after try
  for try in {1..8}; do
    before=$(busy_ticks)
    sleep 0.3
    after=$(busy_ticks)
    if [ $((after - before)) -lt 8 ]; then echo quiet >>"$lab_home/noise"; return; fi
  done
  echo busy >>"$lab_home/noise"
}

busy_ticks() { awk '/^cpu / {print $2 + $3 + $4 + $7 + $8 + $9}' /proc/stat; }

# cpu LABEL...: seconds of CPU that these spawned programs have used so far.
cpu() {
  local label
  for label in "$@"; do cat "/proc/$(pid_of "$label")/stat"; done |
    awk -v hz="$(getconf CLK_TCK)" '{sub(/.*\) /, ""); s += $12 + $13} END {print s / hz}'
}

# per COUNT BEFORE AFTER [FACTOR]: (AFTER - BEFORE) * FACTOR / COUNT.
per() { awk -v n="$1" -v a="$2" -v b="$3" -v f="${4:-1}" 'BEGIN {print (n > 0 ? (b - a) * f / n : "nan")}'; }

# no_offloads NAME INTERFACE: what a program sends in one call crosses the cable as single datagrams, as with a NIC that
# cannot segment; the receiving kernel may still coalesce them, as it does for every NIC.
no_offloads() { in_ns "$1" ethtool -K "$2" gso off tso off tx-udp-segmentation off gro on >/dev/null; }

# quantiles MEASURE SIDE: p50 and p99 in microseconds from the output of ping on the standard input.
quantiles() {
  local times
  times=$(sed -n 's/.*time=\([0-9.]*\) ms/\1/p' | sort -n)
  value "$1 p50 (us)" "$2" "$(awk '{t[NR] = $1} END {print t[int(NR * 0.5) + 1] * 1000}' <<<"$times")"
  value "$1 p99 (us)" "$2" "$(awk '{t[NR] = $1} END {print t[int(NR * 0.99)] * 1000}' <<<"$times")"
}
