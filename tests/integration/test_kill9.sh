#!/usr/bin/env bash
# kill -9 of each service, one after another, in the middle of a run of 500 orders: every acknowledged order is there
# with the outcome its caller was told, the three databases add up, and no order stays half done.
source "$(dirname "$0")/stack.sh" "$1"

stack_start STORE_PROFILE=demo STORE_SIM_TIME_SCALE=0.1 STORE_SEED=9

# One order by REST, with a key, so that a client may ask again; what it was told goes to the file $2. Only 200 and
# failures that name their order are acknowledgements; anything else says nothing about the order.
place() {
  curl -sS -m 30 -H 'Content-Type: application/json' -H "Idempotency-Key: $1" "$order_url/orders" -d \
    '{"customer_id":"C","items":[{"product_id":"HEADPHONES-004","quantity":1}],"shipping_address":"Here 1"}' |
    jq -r 'select(.order_id) | "\(.order_id) \(.status | if type == "string" then . else "failed" end)"' >>"$2"
}
export -f place
export order_url

# Every order that the store has, page by page, as "order_id status".
stored_orders() {
  local token=
  while :; do
    http GET "$order_url/orders?page_size=1000&page_token=$token"
    jq -r '.orders[] | "\(.order_id) \(.status)"' <<<"$http_body"
    token=$(jq -r .next_page_token <<<"$http_body")
    [[ -n $token ]] || break
  done
}

http POST "$inventory_url/inventory/HEADPHONES-004/restock" -H 'Content-Type: application/json' -d '{"quantity":2000}'
check 'restock' "$http_status" 200

for victim in inventory-service payment-service order-service; do
  told=$stack_dir/told-$victim
  : >"$told"
  seq 500 | xargs -P 40 -I{} bash -c "place $victim-{} $told" 2>"$stack_dir/logs/place.log" &
  clients=$!
  deadline=$((SECONDS + 60))
  until [[ $(wc -l <"$told") -ge 100 ]]; do
    ((SECONDS < deadline)) || fail "no orders are placed: $(tail -n 3 "$stack_dir/logs/place.log")"
    sleep 0.02
  done
  stack_kill9 "$victim"
  stack_restart "$victim"
  wait "$clients" || true # curl reports the requests that the kill broke
  status=0
  "$stack_bin/store-runner" verify >"$stack_dir/logs/verify.log" 2>&1 || status=$?
  check "verify after a kill of $victim: $(tail -n 5 "$stack_dir/logs/verify.log")" "$status" 0
  stored_orders | sort >"$stack_dir/stored"
  sort -u "$told" >"$told.sorted"
  acknowledged=$(wc -l <"$told.sorted")
  check "acknowledged orders that are not stored so after a kill of $victim" "$(comm -23 "$told.sorted" "$stack_dir/stored")" ''
  [[ $acknowledged -ge 250 ]] || fail "only $acknowledged of 500 orders were acknowledged around a kill of $victim"
  echo "killed $victim: $acknowledged orders acknowledged, all there; $(tail -n 1 "$stack_dir/logs/verify.log")"
done
finish
