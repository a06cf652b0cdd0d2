#!/bin/sh
# Writes all generated files of the .proto files under proto/ to a folder: what is the same keeps its time, and a file
# whose .proto is gone goes too (CMakeLists.txt stays). Called by the target gen and by tests/gen_current.sh.
# Usage: generate.sh PLUGIN OUT_DIR
set -eu
plugin=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
export LC_ALL=C

for tool in protoc protoc-gen-c; do
  if ! command -v "$tool" >/dev/null; then
    echo "generate.sh: $tool is missing: install protobuf-compiler, protobuf-c-compiler and libprotoc-dev" >&2
    exit 1
  fi
done

if [ -n "$(ls -A "$out")" ] && [ ! -e "$out/api.h" ]; then
  echo "generate.sh: $out is not empty and no folder of generated files: nothing is removed from it" >&2
  exit 1
fi

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
cd "$(dirname "$0")/.."
files=$(find . -name '*.proto' | sed 's|^\./||' | sort)
# The plugin's own messages, and protobuf's that a .proto may import.
known="google/protobuf/compiler/plugin.proto google/protobuf/descriptor.proto google/protobuf/duration.proto
       google/protobuf/timestamp.proto"

# shellcheck disable=SC2086 # lists of files, none with a space
protoc -I . --c_out="$new" $files $known
# shellcheck disable=SC2086
protoc -I . --plugin=protoc-gen-store="$plugin" --store_out="$new" $files

(cd "$out" && find . -type f ! -path ./CMakeLists.txt) | while read -r file; do
  [ -e "$new/$file" ] || rm -v "$out/$file"
done
(cd "$new" && find . -type f | sort) | while read -r file; do
  cmp -s "$new/$file" "$out/$file" && continue
  mkdir -p "$out/$(dirname "$file")"
  cp "$new/$file" "$out/$file"
  echo "wrote $file"
done
find "$out" -mindepth 1 -type d -empty -delete
