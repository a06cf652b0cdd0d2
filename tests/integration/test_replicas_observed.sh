#!/usr/bin/env bash
# Two processes of one service: Prometheus is told of both, each is scraped by itself, and a trace has the spans of
# whichever took part.
# shellcheck disable=SC2119,SC2154 source=stack.sh
source "$(dirname "$0")/stack.sh" "$1"
stack_start

# Another payment service, with books of its own: what it charges is not what this test is about.
second=tcp://127.0.0.1:$((STORE_INVENTORY_HTTP_PORT + 1)) # the eighth of the ten ports that stack.sh keeps free
mkdir -p "$stack_dir/second"
STORE_DATA_DIR=$stack_dir/second STORE_PAYMENT_LISTEN=$second "$stack_bin/payment-service" </dev/null >"$stack_dir/logs/second.log" 2>&1 &
stack_pid[second]=$! # so that it ends with the test
export STORE_PAYMENT_ADDRESS=$STORE_PAYMENT_LISTEN,$second
stack_restart order-service
stack_restart store-gateway

orders=40
for ((n = 0; n < orders; n++)); do
  http POST "$order_url/orders" -H 'Content-Type: application/json' -H "X-Correlation-ID: replicas-$n" \
    -d '{"customer_id":"C","items":[{"product_id":"HEADPHONES-004","quantity":1}],"shipping_address":"Here 1"}'
  check "order $n" "$http_status" 200
done

http GET "$gateway_url/targets"
check 'GET /targets' "$http_status" 200
check_json 'each process is a target' \
  '[.[] | "\(.labels.service)\(.labels.replica // "")"] | sort == ["gateway", "inventory0", "order0", "payment0", "payment1"]'
check_json 'both on the port of their service' \
  "[.[] | select(.labels.service == \"payment\") | .targets[]] | unique == [\"127.0.0.1:$STORE_PAYMENT_HTTP_PORT\"]"
http_body=

charges() { # REPLICA
  curl -fsS "$payment_url/metrics?replica=$1" | sed -n 's/^payment_charges_total{outcome="completed"} //p'
}
check 'charges of both' "$(($(charges 0) + $(charges 1)))" $orders
check 'each made some' "$(($(charges 0) > 0 && $(charges 1) > 0))" 1
http GET "$payment_url/metrics?replica=2"
check 'a replica that there is not' "$http_status" 400
http GET "$gateway_url/metrics?service=payment&replica=1"
check 'on the port for all' "$http_status" 200

missing=0
for ((n = 0; n < orders; n++)); do
  http GET "$gateway_url/traces/replicas-$n"
  [[ $(jq -r '[.spans[].service] | unique | length' <<<"$http_body") == 4 ]] || missing=$((missing + 1))
done
http_body=
check 'traces without their payment' "$missing" 0

stack_stop
stack_end_cleanly second
finish
