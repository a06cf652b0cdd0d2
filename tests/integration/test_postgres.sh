#!/usr/bin/env bash
# PostgreSQL under two replicas of each service: the tests of what is stored, runs through both doors, one replica of
# each service killed under load, the database killed under load, replicas restarted one after another. Every time the
# store adds up, and what was acknowledged is there.
# shellcheck disable=SC2030,SC2031,SC2034,SC2154 # variables of stack.sh, and of one process in a subshell
source "$(dirname "$0")/stack.sh" "$1"
# shellcheck source=tests/integration/postgres.sh
source "$(dirname "$0")/postgres.sh"

# --- two replicas: NAME.2 is the second NAME, with a folder and a port of its own ---

stack_names=(inventory-service payment-service order-service inventory-service.2 payment-service.2 order-service.2
  store-gateway)

eval "$(declare -f stack_take_ports | sed '1s/stack_take_ports/stack_take_first_ports/')"
stack_take_ports() {
  stack_take_first_ports
  local base=${STORE_ORDER_LISTEN##*:}
  second_order=tcp://127.0.0.1:$((base + 7)) second_payment=tcp://127.0.0.1:$((base + 8))
  second_inventory=tcp://127.0.0.1:$((base + 9))
  export STORE_ORDER_ADDRESS=$STORE_ORDER_LISTEN,$second_order
  export STORE_PAYMENT_ADDRESS=$STORE_PAYMENT_LISTEN,$second_payment
  export STORE_INVENTORY_ADDRESS=$STORE_INVENTORY_LISTEN,$second_inventory
}

stack_launch() {
  (
    if [[ $1 == *.2 ]]; then
      export STORE_DATA_DIR=$STORE_DATA_DIR.2 STORE_ORDER_LISTEN=$second_order STORE_PAYMENT_LISTEN=$second_payment
      export STORE_INVENTORY_LISTEN=$second_inventory
    fi
    exec "$stack_bin/${1%.2}"
  ) </dev/null >>"$stack_dir/logs/$1.log" 2>&1 &
  stack_pid[$1]=$!
}

# --- words of this test ---

verify() {
  local status=0
  "$stack_bin/store-runner" verify --settle 30 >"$stack_dir/logs/verify.log" 2>&1 || status=$?
  check "verify after $1: $(tail -n 5 "$stack_dir/logs/verify.log")" "$status" 0
  echo "$1: $(tail -n 1 "$stack_dir/logs/verify.log")"
}

# Each replica has its own log: together they agree with the database.
verify_audit() {
  local service query status
  local -A states=([order]='SELECT order_id, status FROM "order".orders' [payment]='SELECT payment_id, status FROM payment.payments'
    [inventory]='SELECT reservation_id, status FROM inventory.reservations')
  for service in order payment inventory; do
    status=0
    postgres_sql "${states[$service]}" |
      "$(dirname "$0")/audit_agrees.py" $service "$STORE_DATA_DIR" "$STORE_DATA_DIR.2" >"$stack_dir/agrees.log" || status=$?
    check "audit logs and database after $1: $(<"$stack_dir/agrees.log")" "$status" 0
  done
}

confirmed_in_store() { postgres_sql "SELECT COUNT(*) FROM \"order\".orders WHERE status = 'confirmed'"; }

# run WHAT ORDERS COMMAND [runner option...]: places orders through RPC while COMMAND disturbs; as many orders as the
# runner was told are confirmed must be in the store, and all but $failures_allowed of them must be confirmed.
run() {
  local what=$1 orders=$2 disturbance=$3 before told stored
  shift 3
  before=$(confirmed_in_store)
  rm -rf "$DEMO_REPORTS_DIR"
  "$stack_bin/store-runner" --num-orders "$orders" --delay-between-batches 0 "$@" >"$stack_dir/logs/runner.log" 2>&1 &
  local runner=$!
  $disturbance
  wait "$runner" || true
  told=$(jq -s 'map(.confirmed) | add' "$DEMO_REPORTS_DIR"/report-*.json)
  stored=$(($(confirmed_in_store) - before))
  check "confirmed orders told and not stored, $what" "$((told > stored ? told - stored : 0))" 0
  check "orders of $orders not confirmed past the $failures_allowed allowed, $what; $(jq -c -s '.[0].failures' "$DEMO_REPORTS_DIR"/report-*.json)" \
    "$((orders - told > failures_allowed ? orders - told : 0))" 0
  echo "$what: $told of $orders orders confirmed, $stored stored, $(jq -s '.[0].throughput.orders_per_s | floor' "$DEMO_REPORTS_DIR"/report-*.json)/s"
  verify "$what"
  [[ $disturbance == kill_* ]] || verify_audit "$what" # a killed replica moves its last lines when it comes back
}

undisturbed() { :; }

# Waits until the run is under way.
until_orders_flow() {
  local before deadline=$((SECONDS + 30))
  before=$(confirmed_in_store)
  until (($(confirmed_in_store) > before + 50)); do
    ((SECONDS < deadline)) || fail "no orders flow: $(tail -n 3 "$stack_dir/logs/runner.log")"
    sleep 0.05
  done
}

# --- the tests of what is stored ---

postgres_start
for name in storage idempotency inventory payment replicas; do
  status=0
  STORE_TEST_DATABASE_URL=$postgres_url "$stack_bin/../tests/test_$name" >"$stack_dir/unit.log" 2>&1 || status=$?
  check "test_$name on PostgreSQL: $(grep -E 'FAILED|rror' "$stack_dir/unit.log" | head -n 3)" "$status" 0
  grep -E '^  [0-9]' "$stack_dir/unit.log" || true
done
postgres_sql 'DROP SCHEMA "order" CASCADE; DROP SCHEMA payment CASCADE; DROP SCHEMA inventory CASCADE' &>/dev/null

# --- the store ---

stack_start STORE_DATABASE_URL="$postgres_url" STORE_STEP_ATTEMPT_TIMEOUT_MS=2000
failures_allowed=0
run 'a run by RPC' 1500 undisturbed --mode rpc --concurrency 64
run 'a run by REST' 500 undisturbed --mode gateway --concurrency 32
check 'replicas that drove orders' "$(postgres_sql 'SELECT COUNT(DISTINCT owner) FROM "order".orders')" 2

# What was in flight on the killed replica fails over, as all calls of the runner carry keys: none may fail.
for victim in inventory-service payment-service order-service; do
  kill_one() {
    until_orders_flow
    stack_kill9 "$victim"
  }
  run "kill -9 of one $victim" 1500 kill_one --mode rpc --concurrency 64
  stack_launch "$victim"
  stack_wait_healthy || fail "$victim does not come back"
done

restart_database() {
  until_orders_flow
  postgres_crash_restart
}
run 'a crash of the database' 1500 restart_database --mode rpc --concurrency 64

# Orders that wait for slow payments when their replica dies are gone on with by the other, within their lease.
restart_all() {
  local name
  for name in order-service.2 payment-service.2 inventory-service.2; do stack_end_cleanly "$name"; done
  for name in inventory-service.2 payment-service.2 order-service.2; do stack_launch "$name"; done
}
stack_end_cleanly payment-service
stack_end_cleanly payment-service.2
export STORE_SIM_CHARGE_MIN_DELAY_MS=1000 STORE_SIM_CHARGE_MAX_DELAY_MS=2000
stack_launch payment-service
stack_launch payment-service.2
stack_wait_healthy || fail 'payment does not come back'
kill_slow() {
  local deadline=$((SECONDS + 20))
  until (($(postgres_sql "SELECT COUNT(*) FROM \"order\".orders WHERE status = 'charging'") > 50)); do
    ((SECONDS < deadline)) || fail 'no orders are being charged'
    sleep 0.05
  done
  stack_kill9 order-service
}
# So many calls broken at once are more than the runner's retry budget lets it send again: its callers are told
# UNAVAILABLE, and their orders are confirmed all the same.
failures_allowed=150
run 'kill -9 of an order-service whose orders wait' 300 kill_slow --mode rpc --concurrency 300
check 'orders not confirmed in the end' "$(postgres_sql "SELECT COUNT(*) FROM \"order\".orders WHERE status <> 'confirmed'")" 0
failures_allowed=0
stack_launch order-service
stack_wait_healthy || fail 'order-service does not come back'
run 'a restart of the second replicas' 1000 restart_all --mode rpc --concurrency 300
verify_audit 'all of it'
for name in order-service.2 payment-service.2 inventory-service.2; do stack_end_cleanly "$name"; done
finish
