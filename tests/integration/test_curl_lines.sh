#!/usr/bin/env bash
# Every documented endpoint answers as documented: status 200, the named fields, and money as a JSON number.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
stack_start

post() { http POST "$1" -H 'Content-Type: application/json' -d "$2"; }
order='{"customer_id":"CUST-1","items":[{"product_id":"LAPTOP-001","quantity":2,"price":999.99}],"shipping_address":"1 Main St"}'

post "$order_url/orders" "$order"
check 'POST /orders' "$http_status" 200
check_json 'POST /orders' '.order_id | startswith("ORD-")'
check_json 'POST /orders' '.status == "confirmed"'
check_json 'POST /orders' '.total_amount == 1999.98 and (.total_amount | type) == "number"'
check_json 'POST /orders' '.processing_time_ms | type == "number"'
check_json 'POST /orders' '.correlation_id != ""'
check_json 'POST /orders' '.trace_info.payment_id | startswith("PAY-")'
check_json 'POST /orders' '.trace_info.reservation_id | startswith("RES-")'
check_json 'POST /orders' '.trace_info.steps_completed == ["inventory_reserved","payment_processed","inventory_confirmed"]'
correlation_id=$(jq -r .correlation_id <<<"$http_body")
check 'X-Correlation-ID of the answer' "$(http_header X-Correlation-ID)" "$correlation_id"
order_id=$(jq -r .order_id <<<"$http_body")

http GET "$order_url/orders/$order_id"
check 'GET /orders/{order_id}' "$http_status" 200
check_json 'GET /orders/{order_id}' ".order_id == \"$order_id\" and .status == \"confirmed\""
check_json 'GET /orders/{order_id}' '.items == [{"product_id":"LAPTOP-001","quantity":2,"price":999.99}]'
check_json 'GET /orders/{order_id}' '.history[-1].status == "confirmed"'
check_json 'GET /orders/{order_id}' ".correlation_id == \"$correlation_id\""

http GET "$order_url/orders?page_size=10&status=confirmed"
check 'GET /orders' "$http_status" 200
check_json 'GET /orders' ".orders | map(.order_id) == [\"$order_id\"]"

post "$payment_url/payments" '{"customer_id":"CUST-1","order_id":"ORD-ELSEWHERE","amount":59.99}'
check 'POST /payments' "$http_status" 200
check_json 'POST /payments' '.payment_id | startswith("PAY-")'
check_json 'POST /payments' '.success == true and .status == "completed" and .amount == 59.99'
payment_id=$(jq -r .payment_id <<<"$http_body")

http GET "$payment_url/payments/$payment_id"
check 'GET /payments/{payment_id}' "$http_status" 200
check_json 'GET /payments/{payment_id}' '.amount == 59.99 and .status == "completed"'

post "$payment_url/payments/$payment_id/refund" '{}'
check 'POST /payments/{payment_id}/refund' "$http_status" 200
check_json 'POST /payments/{payment_id}/refund' '.status == "refunded"'

post "$payment_url/payments" '{"customer_id":"CUST-1","amount":10}'
check 'POST /payments without an order' "$http_status" 200
check_json 'POST /payments without an order' '.amount == 10'

reserve() { post "$inventory_url/inventory/reserve" '{"items":[{"product_id":"PHONE-002","quantity":3}],"order_id":"ORD-X"}'; }
reserve
check 'POST /inventory/reserve' "$http_status" 200
check_json 'POST /inventory/reserve' '.success == true and (.reservation_id | startswith("RES-"))'
check_json 'POST /inventory/reserve' '.items | length == 1 and .[0].product_id == "PHONE-002" and .[0].quantity_reserved == 3 and .[0].remaining_stock == 97'
reservation_id=$(jq -r .reservation_id <<<"$http_body")

post "$inventory_url/inventory/confirm" "{\"reservation_id\":\"$reservation_id\"}"
check 'POST /inventory/confirm' "$http_status" 200
check_json 'POST /inventory/confirm' '.status == "confirmed"'

reserve
post "$inventory_url/inventory/release" "{\"reservation_id\":\"$(jq -r .reservation_id <<<"$http_body")\"}"
check 'POST /inventory/release' "$http_status" 200
check_json 'POST /inventory/release' '.status == "released"'

http GET "$inventory_url/inventory/PHONE-002"
check 'GET /inventory/{product_id}' "$http_status" 200
check_json 'GET /inventory/{product_id}' '.total_stock == 97 and .reserved == 0 and .available == 97 and .price == 599.99'

http GET "$inventory_url/inventory"
check 'GET /inventory' "$http_status" 200
check_json 'GET /inventory' '.products | map(.product_id) == ["HEADPHONES-004","LAPTOP-001","MONITOR-005","PHONE-002","TABLET-003"]'
check_json 'GET /inventory' '.products | map(.price) == [199.99,999.99,299.99,599.99,399.99]'

post "$inventory_url/inventory/PHONE-002/restock" '{"quantity":3}'
check 'POST /inventory/{product_id}/restock' "$http_status" 200
check_json 'POST /inventory/{product_id}/restock' '.total_stock == 100 and .received == 103'

# A zero is written, not left out: a client reads it without a default.
check_json 'zero fields' 'has("reserved")'

for service in order payment inventory gateway; do
  url=${service}_url
  http GET "${!url}/health"
  check "$service GET /health" "$http_status" 200
  check_json "$service GET /health" '.status == "SERVING"'
  http GET "${!url}/metrics"
  check "$service GET /metrics" "$http_status" 200
  check "$service metrics are Prometheus text" "$(grep -c '^# TYPE process_' <<<"$http_body" | sed 's/[1-9][0-9]*/some/')" some
done

# The gateway's own port serves every route, and lowerCamelCase is understood there as well.
post "$gateway_url/orders" '{"customerId":"CUST-2","items":[{"productId":"TABLET-003","quantity":1}],"shippingAddress":"2 Main St"}'
check 'POST /orders on the port for all' "$http_status" 200
check_json 'POST /orders on the port for all' '.total_amount == 399.99'
http GET "$gateway_url/inventory/TABLET-003"
check_json 'GET /inventory/{product_id} on the port for all' '.total_stock == 74 and .sold == 1'

# Headers of the caller come back or count.
http POST "$order_url/orders" -H 'Content-Type: application/json' -H 'X-Correlation-ID: my-own-1' -H 'Idempotency-Key: key-1' -d "$order"
check 'X-Correlation-ID is kept' "$(http_header X-Correlation-ID)" my-own-1
first=$(jq -r .order_id <<<"$http_body")
http POST "$order_url/orders" -H 'Content-Type: application/json' -H 'Idempotency-Key: key-1' -d "$order"
check 'the same Idempotency-Key answers the same order' "$(jq -r .order_id <<<"$http_body")" "$first"
http POST "$order_url/orders" -H 'Content-Type: application/json; charset=utf-8' --http2-prior-knowledge -d "$order"
check 'POST /orders over HTTP/2' "$http_status" 200
finish
