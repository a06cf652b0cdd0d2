#!/bin/sh
# Fetches what a page of the gateway takes from npm, at the version and with the checksum of FOLDER/package-lock.json, and
# leaves it compressed in OUT_DIR: each NAME is a FILE of node_modules. Where npm or the network are missing all are empty,
# and the page does without. Called by the build.
# usage: vendor.sh FOLDER OUT_DIR NAME=FILE…
set -eu
folder=$1 out=$2
shift 2
mkdir -p "$out"
for pair in "$@"; do : >"$out/${pair%%=*}.gz"; done
cp "$folder/package.json" "$folder/package-lock.json" "$folder/.npmrc" "$out"
if command -v npm >/dev/null &&
  npm ci --prefix "$out" --ignore-scripts --prefer-offline --fetch-retries=0 --fetch-timeout=20000 --no-audit --no-fund \
    --silent >"$out/npm.log" 2>&1; then
  for pair in "$@"; do gzip -9nc "$out/node_modules/${pair#*=}" >"$out/${pair%%=*}.gz"; done
else
  echo "${folder##*/}: nothing from npm: the page does without"
fi
