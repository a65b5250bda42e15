# Sourced by the scripts that run the product in front of a user, from the project's root.

# start_server DATA LOG: starts the built fintagd on a new DATA and free ports and waits until it listens. Sets `server` (its process),
# FINTAG_SERVER and `metrics` (HOST:PORT); it ends with the script.
start_server() {
  local data=$1 log=$2
  # The user may have started a server of their own on what the last run left.
  if [ -e "$data/fintagd.lock" ] && ! flock -n "$data/fintagd.lock" true; then
    echo "a fintagd uses $data, which would be deleted and made anew: stop that server first" >&2
    exit 1
  fi
  rm -rf "$data"
  mkdir -p "$data"
  build/release/bin/fintagd --data-dir "$data" --listen localhost:0 --metrics-listen localhost:0 2> "$log" &
  server=$!
  trap stop_server EXIT
  local end=$((SECONDS + 60))
  until grep -q ' listening ' "$log"; do
    kill -0 $server 2>/dev/null || { cat "$log" >&2; exit 1; }
    [ $SECONDS -lt $end ] || { cat "$log" >&2; echo "fintagd does not listen after a minute" >&2; exit 1; }
    sleep 0.1
  done
  export FINTAG_SERVER=localhost:$(sed -n 's/.* listening grpc=\([0-9]*\).*/\1/p' "$log")
  metrics=localhost:$(sed -n 's/.* listening .*http=\([0-9]*\).*/\1/p' "$log")
}

stop_server() {
  kill $server 2>/dev/null || true
  wait $server 2>/dev/null || true
  trap - EXIT
}
