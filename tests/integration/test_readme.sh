#!/usr/bin/env bash
# Every command in the README works as pasted. The store's ports are replaced by free ones, and the folder of the
# executables by the one under test; a command of a kind that this test does not know fails it.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
root=$(readlink -f -- "$(dirname -- "$0")/../..")
stack_take_ports
export STORE_BIN_DIR=$stack_bin STORE_PROFILE=none STORE_SIM_SWITCHES=on STORE_DATA_DIR=$stack_dir/data DEMO_REPORTS_DIR=$stack_dir/reports
trap '"$root/runner/demo" down >/dev/null 2>&1; rm -rf "$stack_dir"' EXIT

mapfile -t commands < <(awk '/^```sh$/ { inside = 1; next } /^```$/ { inside = 0 } inside' "$root/README.md")
check 'the README has commands' "$((${#commands[@]} > 15))" 1

# Runs a command line of the README in the project's folder; its output is http_body, so that a failure shows it.
run() {
  status=0
  http_body=$(cd "$root" && eval "$1" 2>"$stack_dir/stderr") || status=$?
  [[ $status -eq 0 ]] || cat "$stack_dir/stderr" >&2
  check "$1" "$status" 0
}

for command in "${commands[@]}"; do
  case $command in
    './tests/run' | 'cmake -S '* | 'ninja -C '*) ;; # what runs this test has just done it
    'cmake --build '*' --target gen') ;;            # gen.current
    'docker compose -f docker/compose.yaml '*) ;;   # tests/docker/run
    './runner/demo'*)
      run "$command"
      # Where nothing fails the demo sells all that it needed, and may leave less than a customer wants.
      [[ $command != './runner/demo up' ]] || http POST "http://localhost:$STORE_INVENTORY_HTTP_PORT/inventory/LAPTOP-001/restock" \
        -H 'Content-Type: application/json' -d '{"quantity":10}'
      ;;
    curl*)
      command=${command//localhost:8000/localhost:$STORE_GATEWAY_HTTP_PORT}
      command=${command//localhost:8001/localhost:$STORE_ORDER_HTTP_PORT}
      command=${command//localhost:8002/localhost:$STORE_PAYMENT_HTTP_PORT}
      command=${command//localhost:8003/localhost:$STORE_INVENTORY_HTTP_PORT}
      run "${command/curl/curl -sS --fail-with-body -m 60}"
      [[ $command == *metrics ]] || check_json "$command" 'type == "object"'
      ;;
    'build/release/bin/store-runner'*)
      command=${command//tcp:\/\/127.0.0.1:9001/$STORE_ORDER_ADDRESS}
      command=${command//tcp:\/\/127.0.0.1:9003/$STORE_INVENTORY_ADDRESS}
      run "${command/build\/release\/bin/$stack_bin}"
      ;;
    *) check "a kind of command that this test knows" "$command" '' ;;
  esac
done
finish
