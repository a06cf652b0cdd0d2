#!/usr/bin/env bash
# runner/demo up, status and down: starts what is missing and only that, on the same data, and stops all of it.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
demo=$(dirname -- "$(readlink -f -- "$0")")/../../runner/demo
stack_take_ports
export STORE_BIN_DIR=$stack_bin STORE_PROFILE=none STORE_DATA_DIR=$stack_dir/data DEMO_REPORTS_DIR=$stack_dir/reports
trap '"$demo" down >/dev/null 2>&1; rm -rf "$stack_dir"' EXIT

demo() {
  status=0
  "$demo" "$@" >"$stack_dir/demo.log" 2>&1 || status=$?
}
expect() {
  [[ $status -eq $2 ]] || cat "$stack_dir/demo.log" >&2
  check "$1" "$status" "$2"
}
pids() { cat "$STORE_DATA_DIR"/{inventory-service,payment-service,order-service,store-gateway}.pid 2>&1; }

cd "$stack_dir" # any folder will do
demo status
expect 'status before' 3
demo up
expect 'up' 0
demo status
expect 'status' 0
before=$(pids)
check 'four pid files' "$(grep -cE '^[0-9]+$' <<<"$before")" 4
http POST "$order_url/orders" -H 'Content-Type: application/json' \
  -d '{"customer_id":"C","items":[{"product_id":"PHONE-002","quantity":1}],"shipping_address":"here"}'
check 'an order' "$http_status" 200
order_id=$(jq -r .order_id <<<"$http_body")

demo up
expect 'up again' 0
check 'up again starts nothing' "$(pids)" "$before"

# Two at once after a crash: one of them starts what is missing.
payment=$(<"$STORE_DATA_DIR/payment-service.pid")
kill -KILL "$payment"
"$demo" up >"$stack_dir/other.log" 2>&1 &
demo up
expect 'up after a crash' 0
wait $! || fail "the other up: $(<"$stack_dir/other.log")"
check 'only what was missing was started' "$(pids | grep -vFxc -f <(echo "$before"))" 1

# What runs already is used and left running.
demo --num-orders 5 --concurrency 5
expect 'a run' 0
demo status
expect 'status after a run' 0

demo down
expect 'down' 0
demo status
expect 'status after down' 3
check 'no pid files' "$(find "$STORE_DATA_DIR" -name '*.pid')" ''
demo down
expect 'down again' 0

# The same data; and a run that starts the store stops it.
demo --num-orders 5 --concurrency 5
expect 'a run that starts the store' 0
demo status
expect 'stopped after the run' 3
demo up
expect 'up on the old data' 0
http GET "$order_url/orders/$order_id"
check 'the order is still there' "$http_status" 200
demo down
expect 'down at last' 0

# Somebody else's port.
STORE_DATA_DIR=$stack_dir/other STORE_INVENTORY_LISTEN=tcp://127.0.0.1:$STORE_PAYMENT_HTTP_PORT \
  "$stack_bin/inventory-service" >"$stack_dir/other.log" 2>&1 &
other=$!
until (exec 3<>"/dev/tcp/127.0.0.1/$STORE_PAYMENT_HTTP_PORT") 2>/dev/null; do
  kill -0 $other || fail "the other program: $(<"$stack_dir/other.log")"
  sleep 0.05
done
demo up
expect 'up with a port in use' 1
check 'it names the setting' "$(grep -c "port $STORE_PAYMENT_HTTP_PORT.*STORE_PAYMENT_HTTP_PORT" "$stack_dir/demo.log")" 1
kill $other
demo status
expect 'what it had started is stopped' 3
finish
