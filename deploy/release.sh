#!/usr/bin/env bash
# Makes everything that a release consists of, in build/release-artifacts, from the one version in CMakeLists.txt:
#   fintag-VERSION-image.tar             the container image, as an OCI archive
#   fintag-VERSION-debian12-amd64.tar.gz the programs and every library that a bare Debian 12 lacks
#   fintag-VERSION-py3-none-any.whl      the Python package
#   *.cdx.json                           bills of materials of image and tarball (CycloneDX)
#   SHA256SUMS
# The tarball is tried in a bare Debian 12 (container/check_tarball.sh), the image with --check (as deploy/image.sh does).
set -euo pipefail
cd "$(dirname "$0")/.."

usage() { echo "usage: deploy/release.sh [--check] [--no-image]" >&2; }
check='' image=yes
for argument in "$@"; do
  case $argument in
    --check) check=--check ;;
    --no-image) image=no ;;
    *) usage; exit 2 ;;
  esac
done

version=$(sed -n 's/^project(fintag VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
out=$PWD/build/release-artifacts
rm -rf "$out"
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct 2>/dev/null || date +%s)
export SOURCE_DATE_EPOCH

echo "tarball"
deploy/install.sh
cmake --preset release >/dev/null
cmake --build --preset release --target fintagd fintag-train fintag -- --quiet
name=fintag-$version-debian12-amd64
deploy/bundle.sh --whole "$work/$name"
cp LICENSE deploy/container/TARBALL.md "$work/$name/"
[ "$("$work/$name/bin/fintag" --version)" = "fintag $version" ]
# The same files give the same bytes.
tar -C "$work" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -cf - "$name" |
  gzip -n > "$out/$name.tar.gz"
deploy/sbom.py --name fintag --packages "$work/$name/share/fintag/packages.txt" \
  --built-from "$work/$name/share/fintag/build_packages.txt" > "$out/$name.cdx.json"
deploy/container/check_tarball.sh "$out/$name.tar.gz"

echo "Python package"
# Out of a copy, since a build leaves files beside the sources; it reads the protos and the version above it.
mkdir -p "$work/source/client"
cp -r client/python "$work/source/client/"
cp -r proto CMakeLists.txt LICENSE "$work/source/"
python3 -m venv "$work/venv"
"$work/venv/bin/pip" wheel -q --disable-pip-version-check --no-deps -w "$out" "$work/source/client/python"
[ "$(echo "$out"/*.whl)" = "$out/fintag-$version-py3-none-any.whl" ] ||
  { echo "the wheel is not of version $version: $(basename "$out"/*.whl)" >&2; exit 1; }

if [ $image = yes ]; then
  echo "image"
  archive=$out/fintag-$version-image.tar
  deploy/image.sh $check --archive "$archive"
  # It was compiled in a Debian of its own, whose versions may differ from this machine's.
  mkdir "$work/image"
  deploy/container/packages_of_image.sh "$archive" "$work/image"
  deploy/sbom.py --name fintag-image --packages "$work/image/packages.txt" \
    --built-from "$work/image/build_packages.txt" > "$out/fintag-$version-image.cdx.json"
fi

(cd "$out" && sha256sum -- * > SHA256SUMS)
du -h "$out"/*
