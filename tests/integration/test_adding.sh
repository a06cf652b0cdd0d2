#!/usr/bin/env bash
# proto/README.md, which adds a method and a service, does what it says: its commands are run as they stand in a copy of
# the project, only on ports of this test's, and what they print is what the page shows.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
root=$(readlink -f -- "$(dirname -- "$0")/../..")
copy=$stack_dir/copy
mkdir "$copy"
tar -C "$root" --exclude=./build --exclude=./.git --exclude=./.store -cf - . | tar -C "$copy" -xf -

stack_take_ports
port=${STORE_INVENTORY_HTTP_PORT}
export STORE_SHIPPING_LISTEN=tcp://127.0.0.1:$((port + 1)) STORE_SHIPPING_HTTP_PORT=$((port + 2))
export STORE_SHIPPING_ADDRESS=$STORE_SHIPPING_LISTEN STORE_DATA_DIR=$stack_dir/data
! command -v ccache >/dev/null || export CMAKE_C_COMPILER_LAUNCHER=ccache

# The page as a script: shell blocks as they are, each with its output kept; JSON blocks beside it as what they show.
awk -v dir="$stack_dir" '
  /^```sh$/ { inside = 1; block++; print "{"; next }
  /^```json$/ { shown = dir "/shown." block; next }
  /^```$/ { if (inside) print "} >" dir "/printed." block; close(shown); inside = 0; shown = ""; next }
  inside { print }
  shown { print >shown }
' "$root/proto/README.md" |
  sed -e "s/localhost:8000/localhost:$STORE_GATEWAY_HTTP_PORT/; s/localhost:8003/localhost:$STORE_INVENTORY_HTTP_PORT/" \
    -e "s/localhost:8004/localhost:$STORE_SHIPPING_HTTP_PORT/; s|tcp://127.0.0.1:9004|$STORE_SHIPPING_ADDRESS|" >"$stack_dir/page.sh"
sed -i "1i trap 'kill \$(jobs -p) 2>/dev/null || true' EXIT; trap 'exit 143' TERM" "$stack_dir/page.sh"
(cd "$copy" && timeout 800 bash -eu "$stack_dir/page.sh") >"$stack_dir/log" 2>&1 || {
  tail -n 40 "$stack_dir/log" >&2
  fail 'the commands of proto/README.md'
}

# The value that is shown fits the one that was printed: "…" stands for any.
for shown in "$stack_dir"/shown.*; do
  printed=$(tail -n 1 "${shown/shown/printed}")
  check "$(<"$shown")" "$(jq -n --slurpfile shown "$shown" --argjson printed "$printed" '
    def fits($a; $b): if $a == "…" then $b != null
      elif ($a | type) == "object" then ($a | keys) == ($b | keys) and all($a | keys[]; fits($a[.]; $b[.]))
      elif ($a | type) == "array" then ($a | length) == ($b | length) and all(range($a | length); fits($a[.]; $b[.]))
      else $a == $b end;
    fits($shown[0]; $printed)' 2>&1) $printed" "true $printed"
done
check 'the page shows answers' "$(find "$stack_dir" -name 'shown.*' | wc -l)" 6

check 'two files were touched for the method' "$(cd "$copy" && diff -rq "$root/services" services | sort | tr '\n' ';')" \
  "Files $root/services/CMakeLists.txt and services/CMakeLists.txt differ;Files $root/services/inventory/handlers.c and services/inventory/handlers.c differ;Only in services: shipping;"
finish
