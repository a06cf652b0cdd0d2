#!/bin/sh
# Fails when gen/ is not what the .proto files and the plugin make. Skipped (77) where protoc is missing.
# Usage: gen_current.sh BUILD_DIR
set -eu
root=$(realpath "$(dirname "$0")/..")
plugin=$1/bin/protoc-gen-store

if ! command -v protoc >/dev/null || ! command -v protoc-gen-c >/dev/null; then
  echo "skipped: protoc or protoc-gen-c is missing"
  exit 77
fi

fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
"$root/proto/plugin/generate.sh" "$plugin" "$fresh" >/dev/null

if ! diff -r -q --exclude=CMakeLists.txt "$root/gen" "$fresh"; then
  diff -r -u --exclude=CMakeLists.txt --exclude=file_descriptor_set.c "$root/gen" "$fresh" | head -40
  echo "gen/ is stale: cmake --build $1 --target gen, and commit what it writes"
  exit 1
fi
