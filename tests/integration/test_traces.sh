#!/usr/bin/env bash
# A collector that decodes OTLP strictly receives one trace for each order, across all four
# processes: parents, nesting in time, status, attributes, retries and compensations. Sampling is the caller's choice,
# GET /traces has the same spans, what waits at shutdown still arrives, and a collector that is down costs spans only.
# shellcheck disable=SC2016,SC2034,SC2119,SC2154 source=stack.sh
source "$(dirname "$0")/stack.sh" "$1"
otlp=$(dirname "$0")/otlp
mkdir -p "$stack_dir/messages"
protoc -I "$otlp" --python_out="$stack_dir/messages" trace.proto

spans=$stack_dir/spans.jsonl
touch "$spans"
start_collector() { # [PORT]
  mkdir -p "$stack_dir/logs"
  /usr/bin/python3 "$otlp/collector.py" "$stack_dir/messages" "$spans" "$@" >"$stack_dir/collector_port" 2>"$stack_dir/logs/collector.log" &
  stack_pid[collector]=$! # so that it ends with the test
  for _ in {1..100}; do
    [[ ! -s $stack_dir/collector_port ]] || break
    sleep 0.1
  done
  collector_port=$(<"$stack_dir/collector_port")
}
start_collector

# Seed and rates make for declined charges and for retries among thirty orders.
stack_start STORE_PROFILE=demo STORE_SIM_TIME_SCALE=0.02 STORE_SEED=11 STORE_SIM_ERROR_RATE=0.2 \
  OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:$collector_port/" # the path is added to it

order() { # CORRELATION_ID [curl option...]
  http POST "$order_url/orders" -H 'Content-Type: application/json' -H "X-Correlation-ID: $1" "${@:2}" \
    -d '{"customer_id":"C","items":[{"product_id":"HEADPHONES-004","quantity":1}],"shipping_address":"Here 1"}'
}

# Waits until the spans of correlation id $1 have arrived: from three processes at least, then from the rest.
wait_for_trace() {
  local deadline=$((SECONDS + 20))
  until [[ $(jq -s "[.[] | select(.attributes[\"store.correlation_id\"] == \"$1\") | .service] | unique | length" "$spans") -ge 3 ]]; do
    ((SECONDS < deadline)) || return 0
    sleep 0.2
  done
  sleep 1.2 # the other processes' batches, a second apart
}

# --- thirty orders ---

for n in {1..30}; do order "trace-$n"; done
order parent -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
order unsampled -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319d-b7ad6b7169203331-00'
http GET "$gateway_url/health"
wait_for_trace parent
http_body=
check 'posts that were no OTLP' "$(wc -l <"$spans.refused")" 0

jq -s '[.[] | .correlation_id = .attributes["store.correlation_id"]]' "$spans" >"$stack_dir/all.json"
all() { jq -r "$@" "$stack_dir/all.json"; }

check 'orders that are traced' "$(all '[.[].correlation_id] | unique | length')" 31
check 'spans without a correlation id (scrapes, health)' "$(all '[.[] | select(.correlation_id == null)] | length')" 0
check 'orders in more than one trace' "$(all 'group_by(.correlation_id) | map(select(map(.trace_id) | unique | length > 1)) | length')" 0
check 'spans sent twice' "$(all 'group_by(.span_id) | map(select(length > 1)) | length')" 0
check 'services' "$(all '[.[].service] | unique | join(" ")')" 'gateway inventory order payment'
check 'a caller that is not sampled' "$(all '[.[] | select(.correlation_id == "unsampled")] | length')" 0

check 'roots' "$(all '[.[] | select(.parent_id == "")] | length')" 30
check 'roots that are not the gateway' "$(all '[.[] | select(.parent_id == "" and (.service != "gateway" or .name != "POST /orders"))] | length')" 0
check "the caller's span is the parent" \
  "$(all '[.[] | select(.parent_id == "b7ad6b7169203331")] | map("\(.service) \(.name) \(.trace_id)") | join(",")')" \
  'gateway POST /orders 0af7651916cd43dd8448eb211c80319c'

# Each span with its parent beside it.
all '(map({(.span_id): .}) | add) as $by | [.[] | select(.parent_id != "" and .parent_id != "b7ad6b7169203331") |
  {span: ., parent: $by[.parent_id]}]' >"$stack_dir/links.json"
links() { jq -r "$@" "$stack_dir/links.json"; }
check 'parents that are missing' "$(links '[.[] | select(.parent == null)] | length')" 0
check 'parents of another trace' "$(links '[.[] | select(.parent.trace_id != .span.trace_id)] | length')" 0
# Within a millisecond: start times are of the wall clock, durations of the monotonic one.
check 'spans that are not within their parent' \
  "$(links '[.[] | select(.span.start_us < .parent.start_us - 1000 or .span.end_us > .parent.end_us + 1000)] | length')" 0
check 'server spans whose parent is no call to them from another process' \
  "$(links '[.[] | select(.span.kind == "server" and (.parent.kind != "client" or .parent.name != .span.name or .parent.service == .span.service))] | length')" 0
check 'who calls whom' "$(links '[.[] | select(.span.kind == "server") | "\(.parent.service)>\(.span.service)"] | unique | join(" ")')" \
  'gateway>order order>inventory order>payment'

# --- attributes and status ---

check 'RPC spans without their attributes' "$(all '[.[] | select(.kind != "internal" and .name != "POST /orders") |
  select(.attributes["rpc.system"] != "nng" or .attributes["rpc.grpc.status_code"] == null or
         .name != "\(.attributes["rpc.service"])/\(.attributes["rpc.method"])")] | length')" 0
check 'HTTP spans without their attributes' "$(all '[.[] | select(.name == "POST /orders") | .attributes |
  select(.["http.request.method"] != "POST" or .["http.route"] != "/orders" or .["http.response.status_code"] < 200)] | length')" 0
check 'who commits' "$(all '[.[] | select(.name == "commit" and .attributes["db.system.name"] == "sqlite") | .service] | unique | join(" ")')" \
  'inventory order payment'
check 'orders with fewer commits than states' "$(all 'group_by(.correlation_id) |
  map(select([.[] | select(.name == "commit" and .service == "order")] | length < 2)) | length')" 0
check 'failures without an error.type' \
  "$(all '[.[] | select((.attributes["rpc.grpc.status_code"] // 0) != 0 and .attributes["error.type"] == null)] | length')" 0
check 'some charges were declined' "$(all '[.[] | select(.attributes["error.type"] == "PAYMENT_DECLINED")] | length > 0')" true
check 'a declined charge is an error of the call' \
  "$(all '[.[] | select(.attributes["error.type"] == "PAYMENT_DECLINED" and .kind == "client") | .status] | unique | join(" ")')" error
check '… but not of the server' \
  "$(all '[.[] | select(.attributes["error.type"] == "PAYMENT_DECLINED" and .kind == "server") | .status] | unique | join(" ")')" unset
check 'a temporary error is the server'\''s' \
  "$(all '[.[] | select(.attributes["error.type"] == "TEMPORARY_ERROR" and .kind == "server") | .status] | unique | join(" ")')" error

# --- compensations and retries ---

check 'declined orders whose stock was not released' "$(all 'group_by(.correlation_id) |
  map(select(any(.[]; .name == "store.v1.PaymentService/ProcessPayment" and .attributes["rpc.grpc.status_code"] == 9)) |
      select(any(.[]; .name == "store.v1.InventoryService/ReleaseReservation" and .service == "inventory" and .status == "unset") | not)) | length')" 0
check 'some calls were made again' "$(all '[.[] | select(.attributes["rpc.attempts"] > 1)] | length > 0')" true
check 'calls whose attempts are not all there' "$(all '. as $all | [.[] | select(.kind == "client") | .span_id as $id |
  select(.attributes["rpc.attempts"] != ([$all[] | select(.parent_id == $id and .kind == "server")] | length))] | length')" 0
check 'retries without a backoff between them' "$(all '. as $all | [.[] | select(.kind == "client") | .span_id as $id |
  select(.attributes["rpc.attempts"] - 1 != ([$all[] | select(.parent_id == $id and .name == "backoff")] | length))] | length')" 0

# --- the same trace, without a collector ---

for id in parent unsampled; do
  http GET "$gateway_url/traces/$id"
  check "GET /traces/$id" "$http_status" 200
  check_json 'services' '[.spans[].service] | unique - ["payment"] == ["gateway", "inventory", "order"]' # stock may refuse it
  check_json 'all services answered' '.unavailable == []'
done
http GET "$gateway_url/traces/trace-7"
check 'the same spans' "$(jq -r '[.spans[] | .span_id + .parent_span_id] | sort | join(" ")' <<<"$http_body")" \
  "$(all '[.[] | select(.correlation_id == "trace-7") | .span_id + .parent_id] | sort | join(" ")')"
check_json 'by their start' '[.spans[].start_unix_ms] | . == sort'
http GET "$gateway_url/traces/no-such-order"
check 'GET /traces of what was never there' "$http_status" 404
http GET "$gateway_url/traces/%ff"
check 'GET /traces of what cannot be' "$http_status" 400

# --- where an order's time goes ---

# Thirty orders' critical paths, step by step: whatever the machine does meanwhile, the fraud check is the largest part.
for n in {1..30}; do
  curl -sS -m 10 "$gateway_url/traces/trace-$n" | jq -c '.spans[] | {step: "\(.service) \(.name)", critical_ms}'
done >"$stack_dir/steps"
check 'the bottleneck' \
  "$(jq -rs 'group_by(.step) | map({step: .[0].step, ms: map(.critical_ms) | add}) | max_by(.ms) | .step' "$stack_dir/steps")" \
  'payment fraud check'

# --- figures, a collector that is down, and the last spans before a stop ---

spans_counted() { # RESULT: of all processes
  local url total=0
  for url in "$gateway_url" "$order_url" "$payment_url" "$inventory_url"; do
    total=$((total + $(curl -fsS "$url/metrics" | sed -n "s/^telemetry_spans_total{result=\"$1\"} //p")))
  done
  echo "$total"
}
http_body=
check 'spans exported' "$(spans_counted exported)" "$(wc -l <"$spans")"
check 'spans dropped' "$(($(spans_counted dropped_queue_full) + $(spans_counted dropped_by_collector)))" 0

stack_end collector KILL 2>/dev/null
start=$SECONDS
for n in {1..5}; do
  order "down-$n"
  check "an order while the collector is down, $http_status" "$([[ $http_status =~ ^(200|400|409)$ ]] && echo answered)" answered
done
check 'they are as fast as ever' "$((SECONDS - start < 10))" 1
http_body=
deadline=$((SECONDS + 30))
until [[ $(spans_counted dropped_by_collector) -ge 5 ]] || ((SECONDS >= deadline)); do sleep 0.5; done
check 'dropped spans are counted' "$(($(spans_counted dropped_by_collector) >= 5))" 1

start_collector "$collector_port"
for n in {1..50}; do # until one goes through all services
  order "last-$n"
  [[ $http_status != 200 ]] || break
done
# An order whose service dies right after its first commit is gone on with in the same trace.
STORE_FAULT_POINT=after_commit:1 stack_restart order-service
order crashed -H 'traceparent: 00-0af7651916cd43dd8448eb211c80319f-b7ad6b7169203331-01'
{ wait "${stack_pid[order-service]}"; } 2>/dev/null || true
unset "stack_pid[order-service]"
stack_restart order-service
deadline=$((SECONDS + 20))
until http GET "$gateway_url/traces/crashed" && jq -e 'any(.spans[]; .service == "inventory")' <<<"$http_body" &>/dev/null; do
  ((SECONDS < deadline)) || break
  sleep 0.2
done
check_json 'an order taken over after a crash stays in its trace' \
  'any(.spans[]; .service == "inventory") and ([.spans[].trace_id] | unique) == ["0af7651916cd43dd8448eb211c80319f"]'
http_body=
stack_stop
check 'spans that waited when the store was stopped' \
  "$(jq -rs --arg id "last-$n" '[.[] | select(.attributes["store.correlation_id"] == $id) | .service] | unique | join(" ")' "$spans")" 'gateway inventory order payment'
stack_end collector TERM 2>/dev/null
finish
