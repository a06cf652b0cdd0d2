#!/usr/bin/env bash
# Each kind of bad input gets its status and a problem+json (RFC 9457) that names the field at fault, and none of it
# disturbs the service.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
stack_start

# refused WHAT STATUS CODE DETAIL METHOD URL [curl option...]: DETAIL is what the detail must contain, such as the field.
refused() {
  local what=$1 status=$2 code=$3 detail=$4
  http "${@:5}"
  check "$what" "$http_status" "$status"
  check "$what: type" "$(http_header Content-Type)" application/problem+json
  check_json "$what" ".status == $status and .code == \"$code\" and (.title | length) > 0 and .type != null"
  check_json "$what" ".detail | contains(\"$detail\")"
  check "$what: correlation id" "$(jq -r .correlation_id <<<"$http_body" 2>&1)" "$(http_header X-Correlation-ID)"
}

json=(-H 'Content-Type: application/json')
# refused_order WHAT DETAIL BODY, refused_items WHAT DETAIL ITEM: an order that is refused as INVALID_ARGUMENT.
refused_order() { refused "$1" 400 INVALID_ARGUMENT "$2" POST "$order_url/orders" "${json[@]}" --data-binary "$3"; }
refused_items() { refused_order "$1" "$2" "{\"customer_id\":\"C\",\"shipping_address\":\"here\",\"items\":[$3]}"; }
item='{"product_id":"PHONE-002","quantity":1}'

# What is no JSON object at all.
refused_order 'an empty body' '' ''
refused_order 'half a body' '' '{"customer_id":"C",'
refused_order 'an array' '' '[]'
refused_order 'a number' '' '1'
refused_order 'two values' '' '{} {}'
printf '{"customer_id":"\xff\xfe","items":[%s]}' "$item" >"$stack_dir/bytes"
refused_order 'invalid UTF-8' '' "@$stack_dir/bytes"
refused_order 'a lone surrogate' '' '{"customer_id":"\ud800","items":[]}'
refused_order 'a NUL character' 'customer_id' '{"customer_id":"a\u0000b","items":[]}'
refused_order 'deep nesting' '' "{\"items\":$(printf '[%.0s' {1..5000})$(printf ']%.0s' {1..5000})}"
refused_order 'duplicate keys' 'customer_id' "{\"customer_id\":\"C\",\"customer_id\":\"D\",\"items\":[$item]}"
refused_order 'the same field in both spellings' 'customer' "{\"customer_id\":\"C\",\"customerId\":\"D\",\"items\":[$item]}"
refused_order 'NaN' '' '{"items":[{"product_id":"PHONE-002","quantity":1,"price":NaN}]}'

# Fields of the wrong name, type or value.
refused_order 'an unknown field' 'colour' "{\"customer_id\":\"C\",\"colour\":\"red\",\"items\":[$item],\"shipping_address\":\"here\"}"
refused_items 'an unknown field within' 'items[1].colour' "$item,{\"product_id\":\"PHONE-002\",\"quantity\":1,\"colour\":1}"
refused_order 'a number for a string' 'customer_id' "{\"customer_id\":7,\"items\":[$item],\"shipping_address\":\"here\"}"
refused_order 'an object for a list' 'items' '{"customer_id":"C","items":{},"shipping_address":"here"}'
refused_order 'no customer' 'customer_id' "{\"items\":[$item],\"shipping_address\":\"here\"}"
refused_order 'no items' 'items' '{"customer_id":"C","items":[],"shipping_address":"here"}'
refused_order 'a huge address' 'shipping_address' "{\"customer_id\":\"C\",\"items\":[$item],\"shipping_address\":\"$(printf 'x%.0s' {1..20000})\"}"
refused_items 'too many items' 'items' "$item$(printf ",$item%.0s" {1..100})"
refused_items 'no product' 'items[0].product_id' '{"quantity":1}'
refused_items 'zero quantity' 'items[0].quantity' '{"product_id":"PHONE-002","quantity":0}'
refused_items 'negative quantity' 'items[1].quantity' "$item,{\"product_id\":\"PHONE-002\",\"quantity\":-1}"
refused_items 'half a quantity' 'items[0].quantity' '{"product_id":"PHONE-002","quantity":1.5}'
refused_items 'a quantity past 32 bits' 'items[0].quantity' '{"product_id":"PHONE-002","quantity":4294967297}'
refused_items 'a quantity past 64 bits' '' '{"product_id":"PHONE-002","quantity":99999999999999999999999}'
refused_items 'a huge quantity' 'items[0].quantity' '{"product_id":"PHONE-002","quantity":10001}'
refused_items 'a number past double' '' '{"product_id":"PHONE-002","quantity":1,"price":1e999}'
refused_items 'too many decimals' 'items[0].price' '{"product_id":"PHONE-002","quantity":1,"price":599.991}'
refused_items 'a negative price' 'items[0].price' '{"product_id":"PHONE-002","quantity":1,"price":-599.99}'
refused_items 'a wrong price' 'price' '{"product_id":"PHONE-002","quantity":1,"price":1.00}'
refused 'an unknown product' 404 NOT_FOUND 'NOSUCH-001' POST "$order_url/orders" "${json[@]}" \
  -d '{"customer_id":"C","items":[{"product_id":"NOSUCH-001","quantity":1}],"shipping_address":"here"}'

refused_payment() { refused "$1" 400 INVALID_ARGUMENT amount POST "$payment_url/payments" "${json[@]}" -d "{\"customer_id\":\"C\"$2}"; }
refused_payment 'no amount' ''
refused_payment 'a zero amount' ',"amount":0'
refused_payment 'a negative amount' ',"amount":-5'
refused_payment 'a thousandth' ',"amount":0.001'
refused_payment 'too large an amount' ',"amount":1e300'
refused_payment 'a text for an amount' ',"amount":"lots"'

inventory=$inventory_url/inventory
refused 'more than there is' 400 FAILED_PRECONDITION 'MONITOR-005' POST "$inventory/reserve" "${json[@]}" \
  -d '{"items":[{"product_id":"MONITOR-005","quantity":31}]}'
check_json 'more than there is' '.reason == "OUT_OF_STOCK"'
refused 'zero restock' 400 INVALID_ARGUMENT 'quantity' POST "$inventory/PHONE-002/restock" "${json[@]}" -d '{"quantity":0}'
refused 'restock of nothing known' 404 NOT_FOUND '' POST "$inventory/NOSUCH-001/restock" "${json[@]}" -d '{"quantity":1}'
refused 'an unknown reservation' 404 NOT_FOUND '' POST "$inventory/confirm" "${json[@]}" -d '{"reservation_id":"RES-NOSUCH"}'
refused 'an unknown product read' 404 NOT_FOUND '' GET "$inventory/NOSUCH-001"
refused 'an unknown order' 404 NOT_FOUND '' GET "$order_url/orders/ORD-NOSUCH"
refused 'an unknown payment' 404 NOT_FOUND '' GET "$payment_url/payments/PAY-NOSUCH"
refused 'an id with odd characters' 400 INVALID_ARGUMENT order_id GET "$order_url/orders/a%20b%2f.."
refused 'a negative page' 400 INVALID_ARGUMENT page_size GET "$order_url/orders?page_size=-1"
refused 'a page that is no number' 400 INVALID_ARGUMENT page_size GET "$order_url/orders?page_size=ten"
refused 'a made-up page token' 400 INVALID_ARGUMENT page_token GET "$order_url/orders?page_token=%25%25"
refused 'an unknown parameter' 400 INVALID_ARGUMENT colour GET "$order_url/orders?colour=red"

# What HTTP itself refuses.
order="{\"customer_id\":\"C\",\"items\":[$item],\"shipping_address\":\"here\"}"
refused 'no such path' 404 NOT_FOUND '' GET "$order_url/nosuch"
refused "another service's path" 404 NOT_FOUND '' GET "$payment_url/orders"
refused 'a wrong method' 405 UNIMPLEMENTED '' PUT "$order_url/orders" "${json[@]}" -d "$order"
check 'Allow' "$(http_header Allow | tr -d ' ' | tr ',' '\n' | sort | paste -sd,)" GET,HEAD,POST
refused 'a wrong content type' 415 INVALID_ARGUMENT '' POST "$order_url/orders" -H 'Content-Type: text/plain' -d "$order"
refused 'a form' 415 INVALID_ARGUMENT '' POST "$order_url/orders" -d a=b
head -c 3000000 /dev/zero | tr '\0' ' ' >"$stack_dir/big"
refused 'an oversized body' 413 INVALID_ARGUMENT '' POST "$order_url/orders" "${json[@]}" -H 'Expect:' --data-binary "@$stack_dir/big"
refused 'an oversized body in chunks' 413 INVALID_ARGUMENT '' POST "$order_url/orders" "${json[@]}" -H 'Expect:' \
  -H 'Transfer-Encoding: chunked' --data-binary "@$stack_dir/big"
refused 'a timeout that is none' 400 INVALID_ARGUMENT '' GET "$order_url/orders" -H 'Request-Timeout: soon'
refused 'an odd correlation id' 400 INVALID_ARGUMENT x-correlation-id POST "$order_url/orders" "${json[@]}" \
  -H 'X-Correlation-ID: a b' -d "$order"
http POST "$order_url/orders" "${json[@]}" -d "$order"
check 'a good order' "$http_status" 200

# Nothing of it changed anything but the one good order.
http GET "$order_url/orders?status=confirmed"
check_json 'one order' '.orders | length == 1'
http GET "$inventory/PHONE-002"
check_json 'one phone' '.sold == 1 and .reserved == 0'
stack_stop

# A deadline that passes while the fraud check waits.
stack_start STORE_PROFILE=demo STORE_SIM_TIMEOUT_RATE=0 STORE_SIM_ERROR_RATE=0 STORE_SIM_CHARGE_FAILURE_RATE=0
refused 'a deadline that passes' 504 DEADLINE_EXCEEDED '' POST "$payment_url/payments" "${json[@]}" \
  -H 'Request-Timeout: 1ms' -d '{"customer_id":"C","amount":1}'
finish
