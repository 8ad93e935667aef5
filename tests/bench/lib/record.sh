# Where benchmarks leave their tables: tests/bench/results.md, one section per benchmark between markers. Sourced, never run.

results=$root/tests/bench/results.md

# machine: cores, processor, kernel and SDK in one line.
machine() {
  printf '%s cores, %s, Linux %s, .NET %s' "$(nproc)" \
    "$(sed -n '/^model name/ {s/[^:]*: //p; q}' /proc/cpuinfo)" "$(uname -r | cut -d- -f1)" "$(dotnet --version)"
}

# record_text NAME: standard input becomes the body of that section.
record_text() {
  python3 -B -c '
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from table import record
record(Path(sys.argv[2]), sys.argv[3], sys.stdin.read().strip())' "$root/tests/bench/lib" "$results" "$1"
}
