# shellcheck shell=bash disable=SC2119,SC2120 # stack_start's arguments are settings, and optional
# A whole store for one test, to be sourced: real processes in a temporary folder on free ports, so that tests can run
# beside each other and beside a store in use. Everything ends with the test, whatever happens.
#
#   source "$(dirname "$0")/stack.sh" BIN_DIR
#   stack_start [NAME=value...]   starts all and waits for health; the environment is exported, so that store-runner
#                                 works as it is, and $order_url, $payment_url, $inventory_url, $gateway_url are set
#   stack_kill9 NAME              order-service, payment-service, inventory-service or store-gateway
#   stack_restart NAME            SIGTERM if it runs, start, wait for health
#   stack_stop                    SIGTERM to all; fails the test where one does not exit 0 (so do sanitizers' reports)
#   http METHOD URL [curl option...]   sets http_status, http_body and http_headers
#   check WHAT ACTUAL EXPECTED    counts, and fails the test at its end; check_json WHAT JQ_CONDITION tests http_body
#   check_audit WHAT              the audit logs agree with the (SQLite) databases, line by line; the store is at rest
#   finish                        stops the stack, says how many checks passed; the last line of a test
set -euo pipefail

stack_bin=$(readlink -f -- "${1:?the folder of the executables}")
stack_dir=$(mktemp -d "${TMPDIR:-/tmp}/store-test.XXXXXX")
stack_names=(inventory-service payment-service order-service store-gateway)
declare -A stack_pid=()
checks=0 failed_checks=0 http_body=
# Sanitizers slow a start-up down; a stack that hangs is what this bounds.
readonly stack_seconds=60

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

check() {
  checks=$((checks + 1))
  [[ $2 == "$3" ]] || {
    failed_checks=$((failed_checks + 1))
    echo "FAILED: $1: got '$2', expected '$3'${http_body:+; body: $http_body}" >&2
  }
}

check_audit() {
  local service status
  for service in order payment inventory; do
    status=0
    "$(dirname "$0")/audit_agrees.py" $service "$STORE_DATA_DIR" >"$stack_dir/agrees.log" </dev/null || status=$?
    check "audit log and database after $1: $(<"$stack_dir/agrees.log")" "$status" 0
  done
}

check_json() { check "$1: $2" "$(jq -r "$2" <<<"$http_body" 2>&1)" true; }

# shellcheck disable=SC2034 # for tests
http() {
  local method=$1 url=$2
  shift 2
  http_status=$(curl -sS -m 60 -X "$method" -D "$stack_dir/headers" -o "$stack_dir/body" -w '%{http_code}' "$@" "$url") ||
    http_status="curl failed ($?)"
  http_body=$(tr -d '\0' <"$stack_dir/body")
  http_headers=$(tr -d '\r' <"$stack_dir/headers")
  : >"$stack_dir/body"
}

http_header() { sed -n "s/^$1: *//Ip" <<<"$http_headers"; }

# Seven ports nobody else uses: below those that the kernel hands out, and locked against tests that run at this moment.
stack_take_ports() {
  local locks=${TMPDIR:-/tmp}/store-test-ports.$UID try base port
  mkdir -p "$locks"
  for try in {1..200}; do
    base=$((10000 + RANDOM % 2000 * 10))
    exec {stack_ports_lock}>"$locks/$base"
    if flock -n "$stack_ports_lock"; then
      for port in {0..6}; do
        ! (exec 3<>"/dev/tcp/127.0.0.1/$((base + port))") 2>/dev/null || continue 2
      done
      break
    fi
    exec {stack_ports_lock}>&-
  done
  [[ $try -lt 200 ]] || fail "no free ports"
  export STORE_ORDER_LISTEN=tcp://127.0.0.1:$base
  export STORE_PAYMENT_LISTEN=tcp://127.0.0.1:$((base + 1))
  export STORE_INVENTORY_LISTEN=tcp://127.0.0.1:$((base + 2))
  export STORE_ORDER_ADDRESS=$STORE_ORDER_LISTEN STORE_PAYMENT_ADDRESS=$STORE_PAYMENT_LISTEN
  export STORE_INVENTORY_ADDRESS=$STORE_INVENTORY_LISTEN
  export STORE_GATEWAY_HTTP_PORT=$((base + 3)) STORE_ORDER_HTTP_PORT=$((base + 4))
  export STORE_PAYMENT_HTTP_PORT=$((base + 5)) STORE_INVENTORY_HTTP_PORT=$((base + 6))
  # shellcheck disable=SC2034 # for tests
  gateway_url=http://127.0.0.1:$STORE_GATEWAY_HTTP_PORT order_url=http://127.0.0.1:$STORE_ORDER_HTTP_PORT \
    payment_url=http://127.0.0.1:$STORE_PAYMENT_HTTP_PORT inventory_url=http://127.0.0.1:$STORE_INVENTORY_HTTP_PORT
}

stack_launch() {
  "$stack_bin/$1" </dev/null >>"$stack_dir/logs/$1.log" 2>&1 &
  stack_pid[$1]=$!
}

stack_show_log() {
  echo "--- the end of $1.log:" >&2
  tail -n 40 "$stack_dir/logs/$1.log" >&2
}

stack_runs() { [[ -n ${stack_pid[$1]-} ]] && kill -0 "${stack_pid[$1]}" 2>/dev/null; }

stack_wait_healthy() {
  local name deadline=$((SECONDS + stack_seconds))
  until "$stack_bin/store-runner" health >"$stack_dir/logs/health.log" 2>&1 &&
    "$stack_bin/store-runner" health "$gateway_url" >"$stack_dir/logs/health.log" 2>&1; do
    for name in "${stack_names[@]}"; do
      stack_runs "$name" || return 1
    done
    ((SECONDS < deadline)) || { cat "$stack_dir/logs/health.log" >&2; return 1; }
    sleep 0.1
  done
}

stack_start() {
  local name try
  export STORE_PROFILE=none STORE_DATA_DIR=$stack_dir/data DEMO_REPORTS_DIR=$stack_dir/reports
  # Tests run beside others, instrumented too: here nothing counts as overload, but where a test says so.
  export STORE_QUEUE_TARGET_MS=60000
  for name in "$@"; do export "${name?}"; done
  mkdir -p "$stack_dir/logs" "$STORE_DATA_DIR"
  for try in 1 2 3; do
    stack_take_ports
    for name in "${stack_names[@]}"; do stack_launch "$name"; done
    stack_wait_healthy && return
    # A port taken between the look and the bind is the one failure worth another try.
    grep -qi 'address.*in use' "$stack_dir"/logs/*.log || break
    echo "ports were taken meanwhile, trying again ($try)" >&2
    stack_kill_all
  done
  for name in "${stack_names[@]}"; do stack_show_log "$name"; done
  fail "the stack does not get healthy"
}

# Ends $1 with signal $2 and puts its exit status into stack_status.
stack_end() {
  local deadline=$((SECONDS + stack_seconds))
  stack_runs "$1" && kill "-$2" "${stack_pid[$1]}"
  while stack_runs "$1" && ((SECONDS < deadline)); do sleep 0.02; done
  ! stack_runs "$1" || { stack_show_log "$1"; fail "$1 does not stop"; }
  stack_status=0
  wait "${stack_pid[$1]}" || stack_status=$?
  unset "stack_pid[$1]"
}

stack_end_cleanly() {
  stack_end "$1" TERM
  [[ $stack_status -eq 0 ]] || stack_show_log "$1"
  http_body=
  check "exit status of $1" "$stack_status" 0
}

stack_kill9() { stack_end "$1" KILL 2>/dev/null; }

stack_restart() {
  [[ -z ${stack_pid[$1]-} ]] || stack_end_cleanly "$1"
  stack_launch "$1"
  stack_wait_healthy || { stack_show_log "$1"; fail "not healthy after a restart of $1"; }
}

# What calls goes before what is called.
stack_stop() {
  local name
  for name in store-gateway order-service payment-service inventory-service; do
    [[ -z ${stack_pid[$name]-} ]] || stack_end_cleanly "$name"
  done
}

stack_kill_all() {
  local pid
  for pid in "${stack_pid[@]}"; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  stack_pid=()
}

finish() {
  stack_stop
  echo "$((checks - failed_checks)) of $checks checks passed"
  [[ $failed_checks -eq 0 ]] || fail "$failed_checks checks"
}

trap 'stack_kill_all; rm -rf "$stack_dir"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
