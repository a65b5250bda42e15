#!/usr/bin/env bash
# Installs, builds and runs every test; ends with ctest's summary. Arguments go to ctest: tests/run.sh -L unit
set -euo pipefail
cd "$(dirname "$0")/.."

deploy/install.sh --tests
configured=$(cmake --preset release)
grep 'left out' <<< "$configured" || true
cmake --build --preset release
ctest --preset release -j "$(nproc)" --output-on-failure "$@"
