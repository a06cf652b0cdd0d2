#!/usr/bin/env bash
# Bad clients at the gateway (bad_http.py): HTTP/2 and HTTP/1.1 against their rules, slow requests and slow readers, floods.
# Afterwards the gateway is as it was.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
here=$(readlink -f -- "$(dirname "$0")")
stack_start STORE_GATEWAY_REQUEST_TIMEOUT_MS=2000 STORE_GATEWAY_MAX_BUFFERED_BYTES=$((32 << 20))

# What would be more than 3 GiB without the bound. A sanitizer's own memory says nothing.
memory=600
[[ $(nm -D "$stack_bin/store-gateway") != *__[at]san_init* ]] || memory=0
PYTHONDONTWRITEBYTECODE=1 timeout 280 /usr/bin/python3 "$here/bad_http.py" "$STORE_GATEWAY_HTTP_PORT" \
  "${stack_pid[store-gateway]}" "$memory" || check 'bad clients are refused' no yes

check 'its log is its own lines alone, though frames were sent that libh2o remarks on' \
  "$(jq -r .service "$stack_dir/logs/store-gateway.log" 2>&1 | sort -u)" gateway
check 'the gateway still runs' "$(stack_runs store-gateway && echo yes)" yes
http POST "$order_url/orders" -H 'Content-Type: application/json' \
  -d '{"customer_id":"GOOD","items":[{"product_id":"LAPTOP-001","quantity":1}],"shipping_address":"here"}'
check 'a good order' "$http_status" 200
finish
