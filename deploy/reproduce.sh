#!/usr/bin/env bash
# Repeats the reference run: sec-bert-base fine-tuned on FIN with Adam, learning rate 2e-5, batch 8, 5 epochs, and
# prints what was published beside what came out.
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")/.."
. deploy/start_server.sh
. deploy/fin.sh

usage() {
  cat <<'USAGE'
usage: deploy/reproduce.sh [options]
  --base FOLDER         sec-bert-base in Hugging Face layout, or any other BERT checkpoint
                        (default: fetched from its public hub)
  --train FILE          FIN5.txt   (default: ../shared/data/fin, else fetched from its public home)
  --validation FILE     FIN3.txt   (likewise)
  --split documents     train on FIN5, score on FIN3, the split by document that FIN comes with (default)
  --split random        score on random sentences of both files with about 251 entities; with
  --seed N              the seed of that split and of the run (default 42)
  --learning-rate R     default 2e-5
  --epochs N            default 5
USAGE
}

base= train= validation= split=documents seed=42 learning_rate=2e-5 epochs=5
while [ $# -gt 0 ]; do
  case $1 in
    --base | --train | --validation)
      [ -n "${2:-}" ] || { echo "$1 needs a value" >&2; exit 2; }
      printf -v "${1#--}" %s "$(cd "$caller" && realpath -m "$2")"; shift 2 ;;
    --split | --seed | --learning-rate | --epochs)
      [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
      name=${1#--}; printf -v "${name//-/_}" %s "$2"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
case $split in documents | random) ;; *) usage >&2; exit 2 ;; esac
if [ "${train:+given}" != "${validation:+given}" ]; then echo "give both --train and --validation" >&2; exit 2; fi
for path in "$base" "$train" "$validation"; do
  [ -z "$path" ] || [ -e "$path" ] || { echo "there is no $path" >&2; exit 2; }
done

deploy/install.sh
[ -e build/release/build.ninja ] || cmake --preset release >/dev/null
cmake --build --preset release --target fintagd fintag-train fintag -- --quiet
work=build/reproduce
mkdir -p $work

if [ -z "$train" ]; then
  find_fin $work/fin || { echo "FIN cannot be fetched: give --train FIN5.txt --validation FIN3.txt" >&2; exit 1; }
fi

if [ -z "$base" ]; then
  base=$work/sec-bert-base
  mkdir -p $base
  hub=https://huggingface.co/nlpaueb/sec-bert-base/resolve/main
  for file in config.json vocab.txt tokenizer_config.json special_tokens_map.json pytorch_model.bin; do
    fetch_file $hub/$file $base/$file ||
      { echo "sec-bert-base cannot be fetched from its hub: give --base FOLDER" >&2; exit 1; }
  done
fi

if [ "$split" = random ]; then
  python3 deploy/split_corpus.py --entities 251 --seed "$seed" --train $work/random-train.conll \
    --test $work/random-test.conll "$train" "$validation"
  train=$work/random-train.conll validation=$work/random-test.conll
fi

start_server $work/data $work/fintagd.log
fintag=build/release/bin/fintag

$fintag models import base --from "$base"
$fintag datasets upload fin --train "$train" --validation "$validation"
$fintag jobs submit --dataset fin --base base --model fin --epochs "$epochs" --learning-rate "$learning_rate" \
  --batch-size 8 --seed "$seed" --watch
job=$($fintag --json jobs list | python3 -c 'import json, sys; print(json.load(sys.stdin)["jobs"][0]["name"])')
$fintag --json jobs show "$job" > $work/job.json
$fintag --json models show fin > $work/model.json
python3 deploy/compare_reference.py $work/job.json $work/model.json "$split"
