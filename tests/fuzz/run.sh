#!/usr/bin/env bash
# Fuzzes the parsers with clang's libFuzzer, address and undefined behaviour sanitizers on (FUZZING.md). Installs and
# builds what is missing; exits with 1 where one crashes, takes over ten seconds or asks for too much memory.
#   tests/fuzz/run.sh [--seconds N] [--jobs N] [--keep] [PARSER...]
#     --seconds N   for each parser (60)
#     --jobs N      parsers at once (2)
#     --keep        adds the inputs that reach new code to tests/fuzz/corpus, as few as do
#   PARSER is the name of a file here, such as wordpiece; without one all are run
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=60 jobs=2 keep=no parsers=()
while [ $# -gt 0 ]; do
  case $1 in
    --seconds) seconds=${2:?--seconds wants a number}; shift ;;
    --jobs) jobs=${2:?--jobs wants a number}; shift ;;
    --keep) keep=yes ;;
    -*) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
    *) parsers+=("$1") ;;
  esac
  shift
done
[ ${#parsers[@]} -gt 0 ] || mapfile -t parsers < <(grep -lF 'extern "C" int LLVMFuzzerTestOneInput' tests/fuzz/*.cc |
  xargs -n1 basename -s .cc)
for parser in "${parsers[@]}"; do
  [ -d "tests/fuzz/corpus/$parser" ] || { echo "no inputs in tests/fuzz/corpus/$parser" >&2; exit 2; }
done

deploy/install.sh --fuzz
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "${parsers[@]/#/fuzz_}" -j "$jobs"

# Limits that an input of a few KiB must not reach: a larger one asks for more memory than it is worth.
export limits="-timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=64 -max_len=8192"
export ASAN_OPTIONS=detect_stack_use_after_return=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS=suppressions=$PWD/tests/sanitizers/lsan.supp:print_suppressions=0
export OMP_NUM_THREADS=1 seconds keep

fuzz() {
  local parser=$1 program=build/fuzz/bin/fuzz_$1 seeds=tests/fuzz/corpus/$1 work=build/fuzz/found/$1 status=0
  local log=$work/log dictionary=()
  mkdir -p "$work/new" "$work/crash"
  [ ! -e "tests/fuzz/dictionaries/$parser.dict" ] || dictionary=("-dict=tests/fuzz/dictionaries/$parser.dict")
  # shellcheck disable=SC2086
  "$program" $limits "${dictionary[@]}" "-max_total_time=$seconds" -print_final_stats=1 \
    "-artifact_prefix=$work/crash/" "$work/new" "$seeds" > "$log" 2>&1 || status=$?
  printf '%-21s %7s runs/s %6s edges  %s\n' "$parser" "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
    "$(grep -oE 'cov: [0-9]+' "$log" | tail -1 | cut -d' ' -f2)" \
    "$([ $status = 0 ] && echo 'no crash' ||
       echo "FAILED: $(grep -m1 -E 'broken promise|runtime error|ERROR: ' "$log"), see $log")"
  [ $status = 0 ] || return 1
  # shellcheck disable=SC2086
  [ "$keep" = no ] || "$program" $limits -merge=1 "$seeds" "$work/new" >> "$log" 2>&1
}
export -f fuzz
printf '%s\n' "${parsers[@]}" | xargs -P "$jobs" -I{} bash -c 'fuzz {}' || exit 1
