#!/usr/bin/env bash
# Walks every crash point (services/rpc/fault_plan.h) of each service, in each way an order can go: the process ends at
# the point's first, second, … time in one order, is started again, and then the store must add up, with the order final
# and the same for whoever asks again with its key.
source "$(dirname "$0")/stack.sh" "$1"

points=(before_commit after_commit before_send after_receive before_reply after_reply)
kills=0 orders=0

place() { # place KEY: what an order came to, or nothing where the caller was not told
  curl -sS -m 20 -H 'Content-Type: application/json' -H "Idempotency-Key: $1" -H 'Request-Timeout: 15s' "$order_url/orders" \
    -d '{"customer_id":"C","items":[{"product_id":"HEADPHONES-004","quantity":1}],"shipping_address":"Here 1"}' 2>/dev/null
}

# Kills $2 at the $4th time of point $3 of one order of way $1. False where the order ended before that.
walk_one() {
  local key="$1-$2-$3-$4" deadline
  STORE_FAULT_POINT=$3:$4 stack_restart "$2"
  place "$key" >"$stack_dir/told" &
  local client=$!
  deadline=$((SECONDS + 30))
  while stack_runs "$2" && kill -0 $client 2>/dev/null; do
    ((SECONDS < deadline)) || fail "$key: neither a crash nor an answer"
    sleep 0.01
  done
  sleep 0.05 # the last reply's point comes after the client's end
  if stack_runs "$2"; then
    wait $client || true
    stack_restart "$2" # without its plan
    return 1
  fi
  { wait "${stack_pid[$2]}"; } 2>/dev/null || true
  unset "stack_pid[$2]"
  stack_restart "$2"
  wait $client || true
  kills=$((kills + 1))
  local again status=0
  again=$(place "$key")
  check "$key: the order is there when asked again" "$(jq -r '.order_id | startswith("ORD-")' <<<"$again" 2>&1)" true
  [[ ! -s $stack_dir/told || $(jq -r '.order_id // empty' "$stack_dir/told") == '' ]] ||
    check "$key: what the caller was told" "$(jq -c '[.order_id, .status]' "$stack_dir/told")" "$(jq -c '[.order_id, .status]' <<<"$again")"
  "$stack_bin/store-runner" verify >"$stack_dir/logs/verify.log" 2>&1 || status=$?
  check "$key: verify: $(tail -n 3 "$stack_dir/logs/verify.log")" "$status" 0
}

walk() { # walk WAY [SETTING...]: every point of every service
  local way=$1 service point times
  shift
  for service in "$@"; do export "${service?}"; done
  for service in inventory-service payment-service order-service; do stack_restart "$service"; done
  for service in inventory-service payment-service order-service; do
    for point in "${points[@]}"; do
      [[ $service == order-service || $point != before_send && $point != after_receive ]] || continue
      # With so short a lease inventory commits its sweeps all the time, order or not.
      [[ $way != refunded || $service$point != inventory-service*commit ]] || continue
      for ((times = 1; times < 20; times++)); do
        orders=$((orders + 1))
        walk_one "$way" "$service" "$point" "$times" || break
      done
      [[ $times -lt 20 ]] || fail "$way $service $point has no end"
    done
  done
  check_audit "$way"
  echo "$way: $kills crashes in $orders orders so far"
}

stack_start
walk confirmed
walk declined STORE_SIM_CHARGE_FAILURE_RATE=1
# The reservation's lease ends while the charge is under way: the charge is refunded.
walk refunded STORE_SIM_CHARGE_FAILURE_RATE=0 STORE_RESERVATION_TTL_MS=1000 STORE_SIM_CHARGE_MIN_DELAY_MS=1300 STORE_SIM_CHARGE_MAX_DELAY_MS=1300
check 'crash points reached' "$((kills >= 60))" 1
finish
