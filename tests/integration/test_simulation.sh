#!/usr/bin/env bash
# The simulation's live switches by REST: each service's own, with the scope write alone, told in the log, and shut where
# profile none runs.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh" "$1"

order='{"customer_id":"C","items":[{"product_id":"LAPTOP-001","quantity":1}],"shipping_address":"Here 1"}'
place() { http POST "$gateway_url/orders" -H 'Content-Type: application/json' -d "$order"; }
change() { http PATCH "$gateway_url/simulation/$1" -H 'Content-Type: application/json' -H 'X-Correlation-ID: switch-1' "${@:3}" -d "$2"; }
reason() { jq -r .reason <<<"$http_body"; }

stack_start STORE_SIM_SWITCHES=on
for service in order payment inventory; do
  http GET "$gateway_url/simulation/$service"
  check_json "what $service simulates" ".service == \"$service\" and .profile == \"none\" and .is_switchable and (.is_changed | not) and (.steps | length > 0)"
done
place
check 'an order in profile none' "$http_status" 200

change payment '{"steps":[{"step":"charge","failure_rate":1}]}'
check_json 'the change' '.is_changed and .steps[0].failure_rate == 1'
place
check 'an order after it' "$http_status $(jq -r '.reason | test("PAYMENT_DECLINED|INSUFFICIENT_FUNDS|FRAUD_SUSPECTED")' <<<"$http_body")" '400 true'
change payment '{"profile":"none"}'
change inventory '{"steps":[{"step":"reserve","failure_rate":1}]}'
place
check 'an order that cannot reserve' "$http_status $(reason)" '409 RESERVATION_CONFLICT'
change inventory '{"profile":"none"}'
change order '{"steps":[{"step":"place","failure_rate":1}]}'
place
check 'an order that is not taken in' "$http_status $(reason)" '503 TEMPORARY_ERROR'
change order '{"profile":"demo"}'
check_json "profile demo of the order service, which nothing is simulated on the way to" '.profile == "demo" and .timeout_rate == 0 and .steps[0].failure_rate == 0'
place
check 'an order after all' "$http_status" 200
http_body=
check "changes in payment's log" "$(grep -c '"the simulation was changed".*charge 1 .*switch-1' "$stack_dir/logs/payment-service.log")" 1

change payment '{"steps":[{"step":"reserve","failure_rate":0.5}]}'
check "another service's step" "$http_status $(jq -r .field <<<"$http_body")" '400 steps[0].step'
change payment '{"steps":[{"step":"refund","failure_rate":0.5}]}'
check 'a step that cannot be refused' "$http_status $(jq -r .field <<<"$http_body")" '400 steps[0].failure_rate'
change payment '{"time_scale":1000}'
check 'a value out of its range' "$http_status $(jq -r .field <<<"$http_body")" '400 time_scale'
http PATCH "$order_url/simulation/payment" -d '{}'
check "another service's port" "$http_status" 404

read_token=a-reader-of-this-test write_token=a-writer-of-this-test
digest() { printf %s "$1" | sha256sum | cut -d' ' -f1; }
jq -n --arg r "$(digest $read_token)" --arg w "$(digest $write_token)" \
  '{callers: [{name: "r", token_sha256: $r, scopes: ["read"]}, {name: "w", token_sha256: $w, scopes: ["read", "write"]}]}' >"$stack_dir/tokens.json"
chmod 600 "$stack_dir/tokens.json"
export STORE_TOKENS_FILE=$stack_dir/tokens.json
stack_restart store-gateway
change payment '{"profile":"none"}'
check 'without a token' "$http_status" 401
change payment '{"profile":"none"}' -H "Authorization: Bearer $read_token"
check 'with the scope read' "$http_status" 403
change payment '{"profile":"none"}' -H "Authorization: Bearer $write_token"
check 'with the scope write' "$http_status" 200
unset STORE_TOKENS_FILE
stack_restart store-gateway

unset STORE_SIM_SWITCHES
stack_restart payment-service
change payment '{"profile":"demo"}'
check 'profile none offers no switches by itself' "$http_status $(reason)" '403 SIMULATION_FIXED'
finish
