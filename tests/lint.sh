#!/usr/bin/env bash
# Formatting of every source, buf lint of the contract, clang-tidy of the C++ files changed since BASE; where a header
# changed, of a source that includes it.
#   tests/lint.sh [BASE]    BASE defaults to the commit before HEAD; "all" checks every file
set -euo pipefail
cd "$(dirname "$0")/.."
deps=${FINTAG_DEPS:-$HOME/.cache/fintag}
base=${1:-HEAD~1}

deploy/install.sh --tests
[ -e build/release/compile_commands.json ] || cmake --preset release >/dev/null

echo "clang-format"
git ls-files '*.cc' '*.h' '*.inl' | xargs clang-format --dry-run --Werror

echo "buf lint"
"$deps"/buf-1.75.0/package/bin/buf lint proto

if [ "$base" = all ] || ! git rev-parse -q --verify "$base^{commit}" >/dev/null; then
  files=$(git ls-files '*.cc' ':!tests/sanitizers')
else
  files=$(git diff --name-only --diff-filter=d "$base" -- '*.cc' ':!tests/sanitizers')
  # clang-tidy sees a header through the source of its name, or else the first that includes it.
  for header in $(git diff --name-only --diff-filter=d "$base" -- '*.h' '*.inl' ':!tests/sanitizers'); do
    source=${header%.*}.cc
    [ -e "$source" ] || source=$({ git grep -lF "#include \"$header\"" -- '*.cc' || true; } | sed -n 1p)
    files+=$'\n'$source
  done
  files=$(sort -u <<< "$files" | sed '/^$/d')
fi
[ -n "$files" ] || exit 0
echo "clang-tidy: $(echo "$files" | wc -l) files"
# clang cannot read g++'s precompiled headers: a copy of the compile commands has the headers as they are.
mkdir -p build/tidy
python3 - build/release/compile_commands.json build/tidy/compile_commands.json <<'PYTHON'
import json, pathlib, re, shutil, sys
commands = json.load(open(sys.argv[1]))
folder = pathlib.Path(sys.argv[2]).resolve().parent

def plain(found):
    header = pathlib.Path(found[1])
    return f"-include {shutil.copy(header, folder / (header.parent.stem + '.hxx'))}"
for entry in commands:
    entry["command"] = re.sub(r"-Winvalid-pch -include (\S+cmake_pch\.hxx)", plain, entry["command"])
    entry["command"] = re.sub(r"^.*?/ccache ", "", entry["command"]).replace(" -fpch-preprocess", "").replace(" -Wno-restrict", "")
json.dump(commands, open(sys.argv[2], "w"))
PYTHON
# Benchmarks and fuzzers are not of this build.
for file in $files; do
  if ! grep -qF "\"$PWD/$file\"" build/tidy/compile_commands.json; then
    echo "left out, as the release preset does not build it: $file"
    files=$(grep -vxF "$file" <<< "$files" || true)
  fi
done
[ -n "$files" ] || exit 0
echo "$files" | xargs -P "$(nproc)" -n 4 clang-tidy -p build/tidy --quiet 2> >(grep -vE '[0-9]+ warnings|^Suppressed|^Use -' >&2)
