# Which container engine there is, and what it needs on this machine. Sourced by deploy/image.sh and
# container/check.sh.
# shellcheck shell=bash

# ensure_package COMMAND PACKAGE...: installs the packages where the command is missing.
ensure_package() {
  command -v "$1" >/dev/null && return
  local sudo=''; [ "$(id -u)" = 0 ] || sudo=sudo
  echo "installing ${*:2}" >&2
  $sudo apt-get update -qq
  $sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${@:2}" >/dev/null
}

# Sets `engine` to docker, podman or buildah.
choose_engine() {
  engine=${FINTAG_ENGINE:-}
  [ -z "$engine" ] || return 0
  # Its command is of no use without its daemon.
  if docker info >/dev/null 2>&1; then engine=docker; return; fi
  for engine in podman buildah; do command -v $engine >/dev/null && return; done
  ensure_package buildah buildah crun
  engine=buildah
}

# enter_plain_cgroups SCRIPT ARGUMENT...: crun starts nothing where cgroups v1 and v2 are mounted together, as some
# virtual machines have them. The script is then run again in a mount namespace of its own, with v1 alone.
enter_plain_cgroups() {
  [ "$engine" != docker ] && [ "$(id -u)" = 0 ] && mountpoint -q /sys/fs/cgroup/unified || return 0
  # shellcheck disable=SC2016
  exec unshare --mount bash -c 'umount /sys/fs/cgroup/unified && exec "$0" "$@"' "$@"
}

# make_debian TARGET [OPTION...]: a bare Debian 12 as a tar file or, with --format=directory, a folder. As slim images are:
# no documents, no translations, and /usr merged from the start, without the package (and the Perl that it needs) that
# would merge it later.
make_debian() {
  local log; log=$(mktemp)
  ensure_package mmdebstrap mmdebstrap
  # shellcheck disable=SC2016
  mmdebstrap --quiet --variant=minbase --include=usr-is-merged \
    --hook-dir=/usr/share/mmdebstrap/hooks/merged-usr \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/groff/*' \
    --dpkgopt='path-exclude=/usr/share/lintian/*' \
    --customize-hook='rm -rf "$1"/var/cache/debconf/*-old "$1"/var/log/*' \
    "${@:2}" bookworm "$1" >"$log" 2>&1 || { cat "$log" >&2; return 1; }
  rm -f "$log"
}

# have_base IMAGE: where no registry has Debian's base image for us, makes one from Debian's archive.
have_base() {
  local image=$1 work
  "$engine" image inspect "$image" >/dev/null 2>&1 || "$engine" inspect --type image "$image" >/dev/null 2>&1 && return
  "$engine" pull -q "$image" >/dev/null 2>&1 && return
  echo "no registry gives $image: making it from Debian's archive" >&2
  work=$(mktemp -d)
  make_debian "$work/base.tar"
  case $engine in
    docker | podman) "$engine" import "$work/base.tar" "$image" >/dev/null ;;
    buildah)
      local container; container=$(buildah from scratch)
      buildah add "$container" "$work/base.tar" / >/dev/null
      buildah config --cmd /bin/bash "$container"
      buildah commit -q --rm "$container" "$image" >/dev/null ;;
  esac
  rm -rf "$work"
}
