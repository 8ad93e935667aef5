# Where benchmarks leave their tables: tests/bench/results.md, one section per benchmark between markers. Sourced, never run.

results=$root/tests/bench/results.md

# machine: cores, processor, kernel and SDK in one line. Hypervisors shorten the processor's name; family and model tell
# generations apart (AMD: 25 and 17 is Zen 4, 26 is Zen 5), which matters for vectors and copies.
machine() {
  printf '%s cores, %s (family %s, model %s), Linux %s, .NET %s' "$(nproc)" \
    "$(processor 'model name')" "$(processor 'cpu family')" "$(processor model)" "$(uname -r | cut -d- -f1)" "$(dotnet --version)"
}

# processor FIELD: of /proc/cpuinfo.
processor() { awk -F'[[:space:]]*: ' -v field="$1" '$1 == field {print $2; exit}' /proc/cpuinfo; }

# record_text NAME: standard input becomes the body of that section.
record_text() {
  python3 -B -c '
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from table import record
record(Path(sys.argv[2]), sys.argv[3], sys.stdin.read().strip())' "$root/tests/bench/lib" "$results" "$1"
}
