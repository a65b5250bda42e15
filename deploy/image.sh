#!/usr/bin/env bash
# Builds Fintag's container image with docker, podman or buildah, whichever is there; where there is none, installs
# buildah. deploy/CONTAINER.md says what is in the image and how to run it.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'USAGE'
usage: deploy/image.sh [options]
  --tag NAME        default localhost/fintag:VERSION
  --torch cuda      with the LibTorch that also runs on NVIDIA GPUs (default cpu)
  --archive FILE    also writes the image as an OCI archive
  --check           also starts it and takes it through upload, training, tagging, metrics and a restart
  --check-only      that, of an image built before
Environment: FINTAG_ENGINE=docker|podman|buildah chooses the engine, TMPDIR where its work goes.
USAGE
}

version=$(sed -n 's/^project(fintag VERSION \([0-9.]*\).*/\1/p' CMakeLists.txt)
tag='' torch=cpu archive='' build=yes check=no
arguments=("$@")
while [ $# -gt 0 ]; do
  case $1 in
    --tag | --torch | --archive)
      [ $# -ge 2 ] || { echo "$1 needs a value" >&2; exit 2; }
      name=${1#--}; printf -v "$name" %s "$2"; shift 2 ;;
    --check) check=yes; shift ;;
    --check-only) check=yes build=no; shift ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
done
case $torch in cpu | cuda) ;; *) usage >&2; exit 2 ;; esac
[ -n "$tag" ] || { tag=localhost/fintag:$version; [ "$torch" = cpu ] || tag=$tag-$torch; }

# shellcheck source=deploy/container/engine.sh
. deploy/container/engine.sh
choose_engine
enter_plain_cgroups "$PWD/deploy/image.sh" "${arguments[@]}"

if [ $build = yes ]; then
  base=docker.io/library/debian:bookworm-slim
  have_base $base
  settings=$(mktemp -d)
  trap 'rm -rf "$settings"' EXIT
  ensure_package python3 python3
  found=$(python3 deploy/container/host_settings.py "$settings")
  folders=()
  [ -z "$found" ] || mapfile -t folders <<< "$found"
  options=(--build-arg "TORCH=$torch" --build-arg "VERSION=$version" -t "$tag" -f Dockerfile)
  revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
  [ -z "$(git status --porcelain 2>/dev/null)" ] || revision=$revision-dirty
  # Labels of their own too: buildah takes a cached LABEL whose build arguments have changed since.
  options+=(--build-arg "REVISION=$revision" --label "org.opencontainers.image.version=$version"
    --label "org.opencontainers.image.revision=$revision")
  for secret in "$settings"/*; do options+=(--secret "id=$(basename "$secret"),src=$secret"); done
  if [ "$engine" = docker ]; then
    [ ${#folders[@]} = 0 ] || echo "pip here uses ${folders[*]}, which docker's build cannot see" >&2
    for proxy in http_proxy https_proxy no_proxy; do options+=(--build-arg "$proxy"); done
    DOCKER_BUILDKIT=1 docker build "${options[@]}" .
  else
    for folder in "${folders[@]}"; do options+=(-v "$folder:$folder:ro"); done
    # Docker's format has a place for the health check, OCI's has not.
    "$engine" build --format docker --layers --network host "${options[@]}" .
  fi
  echo "built $tag"
fi

if [ -n "$archive" ]; then
  mkdir -p "$(dirname "$archive")"
  rm -f "$archive"
  case $engine in
    docker) docker save "$tag" -o "$archive" ;;  # holds an OCI layout since Docker 25
    *) "$engine" push -q --format oci "$tag" "oci-archive:$archive:fintag:$version" ;;
  esac
  echo "wrote $archive"
fi

[ $check = no ] || deploy/container/check.sh "$tag"
