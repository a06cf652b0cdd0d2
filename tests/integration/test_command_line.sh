#!/usr/bin/env bash
# store-runner list, describe and call, on the store's services and on one that store-runner was not compiled with.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
runner=$stack_bin/store-runner
scratch=$stack_bin/../tests/scratch-service

# Runs store-runner with these arguments: its exit code to $code, what it printed to $http_body, its error to $error.
ask() {
  code=0
  http_body=$("$runner" "$@" 2>"$stack_dir/error") || code=$?
  error=$(<"$stack_dir/error")
}
check_error() { # WHAT CODE_NUMBER CODE REASON
  check "$1: exit code" "$code" $((64 + $2))
  check "$1: nothing on standard output" "$http_body" ''
  check "$1: code and reason" "$(jq -r '.code + " " + .reason' <<<"$error")" "$3 $4"
}

stack_start
order=$STORE_ORDER_ADDRESS

ask list "$order"
check_json 'list' '.services | map(.name) | contains(["rpc.v1.Health", "store.v1.OrderService"])'
check_json 'list' '.services[] | select(.name == "store.v1.OrderService").methods | index("CreateOrder") != null'
ask describe "$order"
check_json 'describe' '.services[].methods[] | select(.method == "/store.v1.OrderService/GetOrder").idempotent'
ask describe "$order" store.v1.OrderService/GetOrder
check_json 'a method' '.request.fields == [{"name":"order_id","number":1,"type":"string","repeated":false,"optional":false}]'
ask describe "$order" store.v1.OrderItem
check_json 'a message' '[.fields[].name] == ["product_id","quantity","price"] and .fields[2].optional'
ask describe "$order" rpc.v1.Code
check_json 'an enum' '.values[16] == {"name":"UNAUTHENTICATED","number":16}'
ask describe "$order" rpc.v1.ErrorDetail
check_json 'a map' '.fields[] | select(.name == "metadata") | .map_key == "string" and .type == "string"'
ask describe "$order" store.v1.Nothing
check_error 'an unknown symbol' 5 NOT_FOUND UNKNOWN_SYMBOL

body='{"customer_id":"C","shippingAddress":"S","items":[{"product_id":"LAPTOP-001","quantity":1,"price":999.99}]}'
ask call "$order" store.v1.OrderService/CreateOrder "$body" -H X-Correlation-ID:by-hand -H 'idempotency-key: k1'
check 'an order: exit code' "$code" 0
check_json 'an order' '.status == "confirmed" and .correlation_id == "by-hand" and .total_amount == 999.99'
id=$(jq -r .order_id <<<"$http_body")
ask call "$order" store.v1.OrderService/CreateOrder - --timeout=20 -H 'idempotency-key: k1' <<<"$body"
check_json 'the same key, from standard input, is the same order' ".order_id == \"$id\""
ask call "$order" /store.v1.OrderService/GetOrder "{\"order_id\":\"$id\"}"
check_json 'reading it back' '.correlation_id == "by-hand" and (.history | length) == 4 and (.created_at | endswith("Z"))'

ask call "$order" store.v1.OrderService/GetOrder '{"order_id":"ORD-NONE"}'
check_error 'an order that is not there' 5 NOT_FOUND ORDER_NOT_FOUND
ask call "$order" store.v1.OrderService/CreateOrder "${body/\"quantity\":1/\"quantity\":9999}"
check_error 'out of stock' 9 FAILED_PRECONDITION OUT_OF_STOCK
check 'out of stock: the order is named' "$(jq -r '.metadata.order_id[:4]' <<<"$error")" ORD-
ask call "$order" store.v1.OrderService/GetOrder '{"orders_id":"x"}'
check_error 'an unknown field' 3 INVALID_ARGUMENT INVALID_FIELD
check 'an unknown field: its path' "$(jq -r .field <<<"$error")" orders_id
ask call "$order" store.v1.OrderService/GetOrder '{'
check_error 'no JSON' 3 INVALID_ARGUMENT INVALID_FIELD
ask call "$order" store.v1.OrderService/Nothing
check_error 'an unknown method' 12 UNIMPLEMENTED UNKNOWN_METHOD
ask call tcp://127.0.0.1:1 rpc.v1.Health/Check
check_error 'nobody there' 14 UNAVAILABLE NOT_CONNECTED
ask call smoke://signal rpc.v1.Health/Check
check_error 'no such transport' 3 INVALID_ARGUMENT ADDRESS
for wrong in 'call' 'call A B C D' 'list' 'describe A --timeout 0' 'list A -H nothing' 'list A --loud'; do
  # shellcheck disable=SC2086 # words
  ask $wrong
  check "wrong usage: $wrong" "$code" 2
done

# Health: a line for each address, and the worst of them as the exit code.
ask health
check 'health: exit code' "$code" 0
check 'health' "$(jq -sc 'map([.service, .status, (.dependencies | map(.status) | unique)])' <<<"$http_body")" \
  '[["order","SERVING",["SERVING"]],["payment","SERVING",["SERVING"]],["inventory","SERVING",["SERVING"]]]'
ask health "$order" tcp://127.0.0.1:1
check 'health of who is not there: exit code' "$code" 78
check 'health of who is not there' "$(jq -sc 'map([.service, .code])' <<<"$http_body")" '[["order",null],[null,"UNAVAILABLE"]]'
ask health smoke://signal
check 'health of no address: exit code' "$code" 67
stack_kill9 payment-service
until ask health "$order" && [[ $code -ne 0 ]]; do sleep 0.1; done
check 'health of a service without another that it needs: exit code' "$code" 1
check_json 'health of it' '.status == "NOT_SERVING" and ([.dependencies[] | select(.status != "SERVING").name] == ["payment"])'
stack_restart payment-service

# A service of its own .proto (tests/scratch).
check 'the runner knows nothing of it' "$(grep -c scratch.v1 "$runner")" 0
"$scratch" tcp://127.0.0.1:0 >"$stack_dir/port" &
# shellcheck disable=SC2034 # ended with the stack
stack_pid[scratch-service]=$!
until [[ -s $stack_dir/port ]]; do sleep 0.02; done
address=tcp://127.0.0.1:$(<"$stack_dir/port")
everything='{"an_int32":-1,"an_int64":"-9223372036854775808","a_uint32":4294967295,"a_uint64":"18446744073709551615",
  "a_sint32":-2147483648,"a_sint64":"-1","a_fixed32":7,"a_fixed64":"8","a_sfixed32":-9,"a_sfixed64":"-10","a_float":0.1,
  "a_double":"-Infinity","a_bool":true,"a_string":"grüße \u0001 \"","some_bytes":"AP8=","mood":"BAD",
  "inner":{"depth":"DEEP","outer":{"a_string":"in"}},"at":"2026-11-25T00:00:00.500Z","takes":"-1.500s",
  "int32s":[0,-1],"sint64s":["0","-1"],"fixed32s":[1],"doubles":[0.5,"NaN"],"bools":[true,false],"strings":["","a"],
  "blobs":["","AQ=="],"moods":["GOOD","FAR",3],"inners":[{},{"depth":"DEEP"}],
  "names":{"a":"1","":"2"},"by_number":{"-5":{"depth":"DEEP"}},"by_truth":{"true":"-1","false":"0"},
  "big":"0","last":1,"lower_camel_case":"snake"}'
ask health "$address"
check_json 'its health' '.service == "scratch" and .status == "SERVING"'
ask list "$address"
check_json 'its services' '.services | map(.name) | index("scratch.v1.ScratchService") != null'
ask call "$address" scratch.v1.ScratchService/Echo "$everything"
# What is echoed has the defaults written out, at every depth: what was given must be in it, unchanged.
check_json 'a field of every kind comes back' "
  def within(\$all): . as \$this | type as \$type | if \$type != (\$all | type) then false
    elif \$type == \"object\" then all(keys[]; . as \$key | \$this[\$key] | within(\$all[\$key]))
    elif \$type == \"array\" then length == (\$all | length) and all(range(length); . as \$i | \$this[\$i] | within(\$all[\$i]))
    else . == \$all end;
  . as \$all | $everything | within(\$all)"
ask call "$address" scratch.v1.ScratchService/Echo '{"chosen":{"outer":{"inner":{"outer":{"lowerCamelCase":"deep"}}}}}'
check_json 'messages within themselves' '.chosen.outer.inner.outer.lower_camel_case == "deep"'
ask call "$address" scratch.v1.ScratchService/Echo '{"inner":{"outer":{"by_number":{"7":{"depth":"WRONG"}}}}}'
check 'a wrong value deep inside: its path' "$(jq -r .field <<<"$error")" inner.outer.by_number.7.depth
ask call "$address" scratch.v1.ScratchService/Whoami -H color:blue -H idempotency-key:k -H x-correlation-id:c \
  -H traceparent:00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01
check_json 'metadata' '. == {"correlation_id":"c","idempotency_key":"k","color":"blue","trace_id":"0af7651916cd43dd8448eb211c80319c"}'
ask call "$address" scratch.v1.ScratchService/Fail '{"a_string":"now"}'
check_error 'an error of its own' 10 ABORTED SCRATCHED
check 'an error: message and facts' "$(jq -rc '[.message, .metadata.order_id]' <<<"$error")" '["as asked for: now","ORD-1"]'
ask call "$address" scratch.v1.ScratchService/Sleep --timeout 0.3
check_error 'a time-out' 4 DEADLINE_EXCEEDED DEADLINE_EXCEEDED
stack_end_cleanly scratch-service
finish
