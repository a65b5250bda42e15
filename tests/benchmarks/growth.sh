#!/usr/bin/env bash
# Cost as the work grows, measured and drawn: build/benchmarks/growth.json and tests/benchmarks/growth.svg. What is left
# out of FILEs is FIN, where it can be had. Options after -- are growth.py's, such as --only clients.
#     tests/benchmarks/growth.sh --checkpoint TAGGER [--train FILE --validation FILE] [-- OPTION...]
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/fin.sh

usage() {
  sed -n '2,4s/^# \{0,1\}//p' "$0"
  exit 2
}
checkpoint='' train='' validation=''
while (($#)); do
  case $1 in
    --checkpoint) checkpoint=${2:-} ;;
    --train) train=${2:-} ;;
    --validation) validation=${2:-} ;;
    --) shift; break ;;
    *) usage ;;
  esac
  shift 2 || usage
done
[[ $checkpoint ]] || usage
out=build/benchmarks
mkdir -p $out
deploy/install.sh --benchmarks
[[ $train && $validation ]] || find_fin $out/fin || {
  train=tests/data/corpus/train.conll validation=tests/data/corpus/validation.conll
}

deps=${FINTAG_DEPS:-$HOME/.cache/fintag}
[ -e build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release --target fintagd fintag-train fintag tag_corpus -- --quiet
PYTHONDONTWRITEBYTECODE=1 exec "$deps/benchmarks-venv/bin/python" tests/benchmarks/growth.py --bin build/release/bin \
  --output $out --plot tests/benchmarks/growth.svg --checkpoint "$checkpoint" --train "$train" \
  --validation "$validation" "$@"
