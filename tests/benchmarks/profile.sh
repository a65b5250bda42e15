#!/usr/bin/env bash
# Where the time of tagging and of training goes, by function: perf over tag_corpus and fintag-train, one thread, so that
# waiting for each other does not count. Needs Debian's linux-perf and what run.sh built.
#     tests/benchmarks/profile.sh --model TAGGER --base FOLDER --train FILE --validation FILE
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() {
  sed -n '2,4s/^# \{0,1\}//p' "$0"
  exit 2
}
model='' base='' train='' validation=''
while (($#)); do
  case $1 in
    --model) model=$2 ;;
    --base) base=$2 ;;
    --train) train=$2 ;;
    --validation) validation=$2 ;;
    *) usage ;;
  esac
  shift 2 || usage
done
[[ $model && $base && $train && $validation ]] || usage
command -v perf >/dev/null || { echo "install Debian's linux-perf first" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export OMP_NUM_THREADS=1 GOMP_SPINCOUNT=1000

profile() {  # NAME COMMAND...
  perf record -q -o "$work/data" -e cpu-clock -F 997 "${@:2}" >"$work/out" 2>"$work/err" || { cat "$work/err" >&2; exit 1; }
  echo "== $1"
  tail -n 1 "$work/out"
  perf report -i "$work/data" --stdio --sort dso,symbol --percent-limit 0.7 2>/dev/null | grep -E '^ +[0-9]' |
    sed -E 's/fintag::[a-z0-9_]+::\(anonymous namespace\):://; s/ +$//' | cut -c1-110
}

for precision in fp32 int8; do
  profile "tagging, $precision" build/release/bin/tag_corpus --model "$model" --corpus "$validation" --passes 3 \
    --precision "$precision"
done
mkdir "$work/job"
cat >"$work/job/job.json" <<JSON
{"base": "$(realpath "$base")", "train": "$(realpath "$train")", "validation": "$(realpath "$validation")",
 "options": {"epochs": 1, "learning_rate": 1e-4}}
JSON
profile 'training, fp32' build/release/bin/fintag-train --job "$work/job"
