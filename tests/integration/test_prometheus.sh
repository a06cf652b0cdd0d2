#!/usr/bin/env bash
# Prometheus itself scrapes the store with monitoring/prometheus.yml while orders are placed: every expression of every
# dashboard and alert finds data, and what was counted is what the runner sent. The alerts pass their own tests. One order
# placed with curl is found in Prometheus (its count, and its trace as an exemplar), in its trace, in every audit log and
# on the console in a real browser, under one correlation id.
# shellcheck disable=SC2016,SC2034,SC2119,SC2154 source=stack.sh
source "$(dirname "$0")/stack.sh" "$1"
# shellcheck source=browser.sh
source "$(dirname "$0")/browser.sh"
browser_prepare
monitoring=$(dirname "$0")/../../monitoring
folder=$stack_dir/prometheus

# --- what needs no store ---

status=0
/usr/bin/python3 "$(dirname "$0")/dashboards.py" "$monitoring/grafana" >"$stack_dir/expressions" || status=$?
check 'the dashboards are in order' "$status" 0
status=0
cp -r "$(dirname "$0")/../grafana" "$stack_dir/grafana"
npm ci --prefix "$stack_dir/grafana" --prefer-offline --ignore-scripts --legacy-peer-deps --no-audit --no-fund --silent
node "$stack_dir/grafana/check.mjs" "$monitoring/grafana/dashboards" >&2 || status=$?
check "Grafana's schema describes the dashboards" "$status" 0
status=0
(cd "$monitoring" && promtool test rules alerts_test.yml) >"$stack_dir/promtool" 2>&1 || { status=$?; cat "$stack_dir/promtool" >&2; }
check 'the alerts pass their tests' "$status" 0
tested=$(sed -n 's/^ *alertname: //p' "$monitoring/alerts_test.yml" | sort -u)
check 'every alert has a test' "$tested" "$(sed -n 's/^ *- alert: //p' "$monitoring/alerts.yml" | sort)"

# --- a store under way, and Prometheus beside it ---

# Nobody listens at port 1: spans are dropped, which has a panel too.
stack_start STORE_PROFILE=demo STORE_SIM_TIME_SCALE=0.1 STORE_SEED=3 OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1

prometheus_url=http://127.0.0.1:$((STORE_INVENTORY_HTTP_PORT + 1)) # the eighth of the ten that stack.sh keeps free
cp -r "$monitoring" "$folder"
sed -i 's/^\( *[a-z_]*_interval\): 5s/\1: 1s/; s/^\( *scrape_timeout\): 4s/\1: 1s/' "$folder/prometheus.yml"
sed -i "s/127.0.0.1:8000/127.0.0.1:$STORE_GATEWAY_HTTP_PORT/; s/refresh_interval: 10s/refresh_interval: 1s/" "$folder/prometheus.yml"
promtool check config "$folder/prometheus.yml" >/dev/null || fail 'prometheus.yml'
prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/data" --log.level=warn \
  --web.listen-address="${prometheus_url#http://}" --enable-feature=exemplar-storage >"$stack_dir/logs/prometheus.log" 2>&1 &
stack_pid[prometheus]=$! # so that it ends with the test

api() { curl -sS -m 10 -G "$prometheus_url/api/v1/$1" "${@:2}"; }
query() { api query --data-urlencode "query=$1"; }
value() { query "$1" | jq -r '.data.result | if length == 1 then .[0].value[1] else "\(length) results" end'; }

# Waits until the value of expression $1 is $2; gives up, and lets a check tell, after some time.
wait_for_value() {
  local deadline=$((SECONDS + 30))
  until [[ $(value "$1" 2>/dev/null) == "$2" ]]; do
    ((SECONDS < deadline)) || return 0
    sleep 0.2
  done
}

# Each process is scraped at a time of its own: what one has counted may be seen a scrape later than another's.
check_value() { # WHAT EXPRESSION EXPECTED
  wait_for_value "$2" "$3"
  check "$1" "$(value "$2")" "$3"
}

http_body=
check_value 'targets that answer' 'sum(up{job="store"})' 4

# --- orders ---

orders=400
"$stack_bin/store-runner" --mode gateway --num-orders $orders --concurrency 20 >"$stack_dir/run.log" 2>&1 ||
  { cat "$stack_dir/run.log" >&2; fail 'store-runner'; }
created='http_server_requests_total{service="gateway",method="POST",route="/orders"}'
check_value 'orders that the gateway counted' "sum($created)" $orders
check_value 'orders that the order service counted' 'sum(order_orders_total)' $orders
check_value 'orders whose time was taken' 'sum(order_processing_duration_seconds_count)' $orders
http GET "$order_url/orders?page_size=1000&status=confirmed"
confirmed=$(jq '.orders | length' <<<"$http_body")
cents=$(jq '[.orders[].total_amount * 100 | round] | add' <<<"$http_body")
http_body=
check_value 'confirmed orders' 'order_orders_total{status="confirmed"}' "$confirmed"
check_value 'revenue' 'order_revenue_cents_total' "$cents"

# --- one order, everywhere ---

# One that goes all the way: about every third is refused before.
for placed in {1..50}; do
  sleep 1.5 # an exemplar is a second old before another takes its place, one of a refused order too
  trace=$(printf '4bf92f3577b34da6a3ce929d0e0e%04x' "$placed") id=one-order-$placed
  http POST "$gateway_url/orders" -H 'Content-Type: application/json' -H "X-Correlation-ID: $id" \
    -H "traceparent: 00-$trace-00f067aa0ba902b7-01" \
    -d '{"customer_id":"C","items":[{"product_id":"HEADPHONES-004","quantity":1}],"shipping_address":"Here 1"}'
  [[ $http_status != 200 ]] || break
done
check 'an order that is confirmed' "$http_status" 200
order_id=$(jq -r .order_id <<<"$http_body")
http_body=
check_value 'the order is counted' 'sum(order_orders_total)' $((orders + placed))
exemplars=$(api query_exemplars --data-urlencode "start=$(($(date +%s) - 600))" --data-urlencode "end=$(($(date +%s) + 1))" \
  --data-urlencode 'query=rpc_server_request_duration_seconds_bucket{method="/store.v1.OrderService/CreateOrder"}')
check 'its trace is an exemplar' "$(jq -r "[.data[].exemplars[] | select(.labels.trace_id == \"$trace\")] | length" <<<"$exemplars")" 1
http GET "$gateway_url/traces/$id"
check 'GET /traces' "$http_status" 200
check_json 'its trace goes through all services' '[.spans[].service] | unique == ["gateway", "inventory", "order", "payment"]'
check_json 'all of it is one trace' "[.spans[].trace_id] | unique == [\"$trace\"]"
check_json 'the critical path is all of its time' \
  '([.spans[].critical_ms] | add) as $all | .spans[0] | ($all - .duration_ms | fabs) < 0.01 and .name == "POST /orders"'
http_body=
for service in order payment inventory; do
  log=$STORE_DATA_DIR/$service-audit.jsonl
  lines=$(jq -c 'select(.correlation_id == "'"$id"'")' "$log")
  check "$service's audit log has the order" "$([[ -n $lines ]] && echo yes)" yes
  status=0
  "$stack_bin/store-runner" audit "$log" >"$stack_dir/audit.log" || { status=$?; cat "$stack_dir/audit.log" >&2; }
  check "$service's audit log is whole" "$status" 0
done
check 'the order is in its audit log' "$(jq -r 'select(.correlation_id == "'"$id"'") | .id' "$STORE_DATA_DIR/order-audit.jsonl" | sort -u)" "$order_id"

export CONSOLE_CORRELATION=$id CONSOLE_ORDER=$order_id
browse 'the order is on the console' shows

# --- every expression ---

sleep 2 # two scrapes and an evaluation after all of it
while IFS= read -r line; do
  expression=$(jq -r .expr <<<"$line")
  answer=$(query "$expression")
  check "$(jq -r .where <<<"$line"): $expression" \
    "$(jq -r 'if .status != "success" then .error else [.data.result[].value[1] | select(. != "NaN")] | length > 0 end' <<<"$answer")" true
done <"$stack_dir/expressions"
check 'panels that were looked at' "$(($(wc -l <"$stack_dir/expressions") > 50))" 1

api rules >"$stack_dir/rules.json"
check 'rules that fail' "$(jq -r '[.data.groups[].rules[] | select(.health != "ok") | .name] | join(" ")' "$stack_dir/rules.json")" ''
while IFS= read -r expression; do
  # Whether it fires depends on the run, but each metric that it speaks of must be there.
  while read -r metric; do
    check "metric $metric of: $expression" "$(query "count({__name__=\"$metric\"})" | jq '.data.result | length')" 1
  done < <(sed 's/{[^}]*}//g; s/"[^"]*"//g; s/by ([^)]*)//g; s/\[[^]]*\]//g' <<<"$expression" |
    grep -oE '[a-z][a-zA-Z0-9_:]*( *\()?' | grep -vE '\($|^(and|or|on|unless)$')
  check "$expression" "$(query "$expression" | jq -r .status)" success
done < <(jq -r '.data.groups[].rules[].query' "$stack_dir/rules.json")
payment=$(value 'store:order_time_in_payment:ratio_rate5m')
check "payment's share of an order's time, $payment, is most of it" "$(jq -n "$payment > 0.5 and $payment < 1")" true

# --- promtool's own opinion of each metrics page ---

for url in "$gateway_url" "$order_url" "$payment_url" "$inventory_url"; do
  status=0
  curl -fsS "$url/metrics" | promtool check metrics >"$stack_dir/promtool" 2>&1 || { status=$?; cat "$stack_dir/promtool" >&2; }
  check "promtool check metrics $url" "$status" 0
done

stack_end prometheus TERM
finish
