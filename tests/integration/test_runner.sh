#!/usr/bin/env bash
# store-runner takes orders through both doors, writes its reports, and finds the books balanced afterwards.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
stack_start

for mode in gateway rpc; do
  if ! "$stack_bin/store-runner" --mode "$mode" --num-orders 50 --concurrency 10 >"$stack_dir/run.log" 2>&1; then
    cat "$stack_dir/run.log" >&2
    fail "store-runner --mode $mode"
  fi
done
mapfile -t reports < <(find "$DEMO_REPORTS_DIR" -name '*.json' -not -name 'latest*')
check 'JSON reports' "${#reports[@]}" 2
for report in "${reports[@]}"; do
  http_body=$(<"$report")
  check_json "$report" 'type == "object"'
done

http GET "$order_url/orders?page_size=1000&status=confirmed"
check_json 'without simulated failures each of 100 orders is confirmed' '.orders | length == 100'

"$stack_bin/store-runner" verify >"$stack_dir/verify.log" 2>&1 || { cat "$stack_dir/verify.log" >&2; fail 'verify'; }

# A verifier that cannot fail proves nothing: a charge for an order that does not exist is a violation.
http POST "$payment_url/payments" -H 'Content-Type: application/json' -d '{"customer_id":"C","order_id":"ORD-NOSUCH","amount":1}'
check 'a charge without an order' "$http_status" 200
status=0
"$stack_bin/store-runner" verify >"$stack_dir/verify.log" 2>&1 || status=$?
check 'verify finds it' "$((status != 0))" 1
check 'verify names it' "$(grep -c ORD-NOSUCH "$stack_dir/verify.log" | sed 's/[1-9][0-9]*/some/')" some
finish
