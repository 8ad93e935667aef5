# Where benchmarks leave their tables: tests/bench/results.md, one section per benchmark between markers. Sourced, never run.

results=$root/tests/bench/results.md

# machine_line: processor, kernel and runtime in one line.
machine_line() {
  local model
  model=$(lscpu | sed -n 's/^Model name: *//p' | head -1)
  printf '%s (family %s, model %s), %s cores, Linux %s, .NET %s\n' "$model" "$(lscpu | sed -n 's/^CPU family: *//p')" \
    "$(lscpu | sed -n 's/^Model: *//p')" "$(nproc)" "$(uname -r | cut -d- -f1)" \
    "$(dotnet --list-runtimes | sed -n 's/^Microsoft.NETCore.App \([^ ]*\).*/\1/p' | tail -1)"
}

# record_results NAME COMMAND: writes standard input as the section of a benchmark, in place of what stood there.
record_results() {
  local name=$1 command=$2 section
  section=$(printf '<!-- %s -->\n## %s\n\n`%s`, %s, on %s\n%s\n<!-- /%s -->\n' \
    "$name" "$name" "$command" "$(date -u +%Y-%m-%d)" "$(machine_line)" "$(echo; cat)" "$name")
  [ -f "$results" ] || printf '# Benchmark results\n\nEach section is written by `./bench NAME`; what counts are the ratios within one run.\n' >"$results"
  exec 8>"$root/artifacts/.results.lock"
  flock 8
  awk -v name="$name" -v section="$section" '
    $0 == "<!-- " name " -->" {print section; skip = 1; found = 1}
    !skip {print}
    $0 == "<!-- /" name " -->" {skip = 0}
    END {if (!found) print "\n" section}' "$results" >"$results.new"
  mv "$results.new" "$results"
}
