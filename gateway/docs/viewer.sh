#!/bin/sh
# Fetches the viewer of the gateway's page /docs, Swagger UI, at the version and with the checksum of package-lock.json,
# and leaves it as OUT_DIR/viewer.js.gz and viewer.css.gz. Where npm or the network are missing both are empty, and the
# page is the gateway's own (plain.html). Called by the build.
# usage: viewer.sh OUT_DIR
set -eu
here=$(dirname "$(readlink -f "$0")")
out=$1
mkdir -p "$out"
: >"$out/viewer.js.gz"
: >"$out/viewer.css.gz"
cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$out"
if command -v npm >/dev/null &&
  npm ci --prefix "$out" --ignore-scripts --prefer-offline --fetch-retries=0 --fetch-timeout=20000 --no-audit --no-fund \
    --silent >"$out/npm.log" 2>&1; then
  gzip -9nc "$out/node_modules/swagger-ui-dist/swagger-ui-bundle.js" >"$out/viewer.js.gz"
  gzip -9nc "$out/node_modules/swagger-ui-dist/swagger-ui.css" >"$out/viewer.css.gz"
else
  echo "gateway/docs: no viewer from npm: /docs will be the plain page"
fi
