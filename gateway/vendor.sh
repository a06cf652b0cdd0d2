#!/bin/sh
# Fetches what a page of the gateway takes from the npm registry, at the version and with the checksum of
# FOLDER/package-lock.json, and leaves it compressed in OUT_DIR: each NAME is a FILE of the package that it begins with.
# It needs no npm, which a machine that only builds the store does not have. Where the network is missing all are empty,
# the page does without, and the next build tries again: they are left older than anything. Called by the build.
# usage: vendor.sh FOLDER OUT_DIR NAME=FILE…
set -eu
folder=$1 out=$2
shift 2
mkdir -p "$out"

# locked PACKAGE KEY: what the lock file says of it.
locked() {
  awk -v package="\"node_modules/$1\":" -v key="\"$2\":" \
    '$1 == package { inside = 1 } inside && $1 == key { gsub(/[",]/, "", $2); print $2; exit }' "$folder/package-lock.json"
}

# is_locked PACKAGE FILE: whether it is what was locked.
is_locked() {
  wanted=$(locked "$1" integrity | sed 's/^sha512-//' | base64 -d | od -An -v -tx1 | tr -d ' \n')
  [ -e "$2" ] && [ "$(sha512sum <"$2" | cut -d ' ' -f 1)" = "$wanted" ]
}

# fetch PACKAGE FILE, where it is not there already.
fetch() {
  is_locked "$1" "$2" || {
    curl -fsS --max-time 20 -o "$2" \
      "${npm_config_registry:-https://registry.npmjs.org}/$1/-/$1-$(locked "$1" version).tgz" && is_locked "$1" "$2"
  }
}

for pair in "$@"; do
  file=${pair#*=} to=$out/${pair%%=*}.gz
  package=${file%%/*}
  if fetch "$package" "$out/$package.tgz" 2>>"$out/fetch.log"; then
    tar -xzOf "$out/$package.tgz" "package/${file#*/}" | gzip -9nc >"$to"
  else
    echo "${folder##*/}: ${pair%%=*} cannot be fetched: the page does without"
    : >"$to"
    touch -d @0 "$to"
  fi
done
