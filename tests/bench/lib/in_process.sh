# The program that measures in process and sends floods. Sourced after rounds.sh.

macro_bench=$root/artifacts/bin/Macro.Bench/release/macro-bench

build_macro_bench() {
  need_dotnet
  dotnet build "$root/tests/bench/Macro.Bench" -c Release -v quiet --nologo >"$lab_home/build.log" 2>&1 ||
    { tail -20 "$lab_home/build.log" >&2; die "Building macro-bench failed."; }
}

# in_process ARGUMENT...: its results as values of this round.
in_process() {
  local measure number
  quiet
  "$macro_bench" "$@" >"$lab_home/in-process" || die "macro-bench $1 failed."
  while IFS=$'\t' read -r measure number; do value "$measure" "in process" "$number"; done <"$lab_home/in-process"
}
