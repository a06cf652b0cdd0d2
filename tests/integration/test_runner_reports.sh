#!/usr/bin/env bash
# What a run leaves behind: a report that its schema describes, a page, a time series, JUnit XML, exit codes; and what
# `store-runner compare` makes of two of them. Every built-in scenario runs, shortened.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
root=$(readlink -f -- "$(dirname "$0")/../..")
runner=$stack_bin/store-runner
stack_start STORE_PROFILE=demo STORE_SIM_TIME_SCALE=0.01

# Runs store-runner with these arguments: its exit code to $code, what it said to run.log.
run() {
  code=0
  "$runner" "$@" >"$stack_dir/run.log" 2>&1 || code=$?
}

check_schema() {
  check "the schema describes $1" "$(/usr/bin/python3 - "$root/runner/report.schema.json" "$DEMO_REPORTS_DIR/latest.json" 2>&1 <<'END'
import json, sys, jsonschema
schema, report = (json.load(open(name)) for name in sys.argv[1:])
validator = jsonschema.Draft202012Validator if hasattr(jsonschema, "Draft202012Validator") else jsonschema.Draft7Validator
validator.check_schema(schema)
print("; ".join(f"{list(e.path)}: {e.message}" for e in validator(schema).iter_errors(report)) or "yes")
END
  )" yes
}

# The built-in scenarios, each as short as it can be.
declare -A shorter=([mixed-workload]='--duration 1 --warm-up 0.2' [spike]='--rate 60 --duration 1' [soak]='--duration 1 --warm-up 0.2'
  [ramp-to-break]='--search-probe 0.3 --search-to 100' [high-load]='--num-orders 200' [faults]='--duration 2'
  [baseline]='--delay-between-batches 0.05')
while read -r name _; do
  # shellcheck disable=SC2086 # options
  run --scenario "$name" ${shorter[$name]-}
  check "exit of $name, 3 where this machine is too slow today: $(tail -n 3 "$stack_dir/run.log")" "$((code == 0 || code == 3))" 1
  http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
  check_json "$name" ".settings.scenario == \"$name\" and .operations.succeeded > 0"
  check_schema "$name"
done < <("$runner" scenarios)

# A scenario of one's own, from one that is built in.
"$runner" scenarios baseline | jq '.name = "mine" | .num_orders = 7' >"$stack_dir/mine.json"
run --scenario "$stack_dir/mine.json"
http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
check_json 'a scenario file' '.settings.scenario == "mine" and .orders == 7'

# Several threads, and both models, through both doors.
run --threads 3 --rate 300 --duration 1 --mix read_stock=1,place_order=1
http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
check_json 'three threads at a rate' '.settings.threads == 3 and .operations.finished + .operations.missed == 300'
run --threads 2 --num-orders 100 --concurrency 11 --model users --mode rpc
http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
check_json 'two threads of users by rpc' '.orders == 100'
critical='(.critical_path | .traces_read > 0 and ([.parts[].share] | add | . > 0.999 and . < 1.001)
  and any(.parts[]; .service == "payment" and .span == "fraud check" and .share > 0.1))'
check_json 'the critical path by rpc' "$critical"
run --num-orders 30
http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
check_json 'the critical path by the gateway' "$critical"
run --http 2 --num-orders 50 --concurrency 25 --mix read_stock=1
http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
check_json 'HTTP/2' '.operations.succeeded == 50'

# Orders from a file.
printf 'customer_id,shipping_address,product_id,quantity\nC-FILE,"1, Long Lane",NO-SUCH,1\n' >"$stack_dir/orders.csv"
run --data "$stack_dir/orders.csv" --num-orders 10
http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
check_json 'orders of a file' '.failures | length == 1 and .[0].reason == "PRODUCT_NOT_FOUND" and .[0].count == 10'

# Thresholds: the failing line, the exit code, JUnit.
run --num-orders 20 --threshold 'max<60s' --threshold 'success>100%' --junit "$stack_dir/junit.xml" --csv "$stack_dir/series.csv"
check 'exit where a threshold does not hold' "$code" 3
check 'the failing line' "$(grep -c '^store-runner: threshold failed: success>100%' "$stack_dir/run.log")" 1
check 'JUnit' "$(/usr/bin/python3 -c 'import sys, xml.etree.ElementTree as e; s = e.parse(sys.argv[1]).getroot()[0]
print(s.get("tests"), s.get("failures"), [c.get("name") for c in s if len(c)])' "$stack_dir/junit.xml")" "2 1 ['success>100%']"
check 'the series adds up' "$(awk -F, 'NR > 1 { sum += $3 } END { print sum }' "$stack_dir/series.csv")" 20
check 'three files' "$(cd "$DEMO_REPORTS_DIR" && echo latest.*)" 'latest.html latest.json latest.txt'
check 'the page is whole' "$(tail -n 1 "$DEMO_REPORTS_DIR/latest.html")" '</body></html>'
run --threshold 'p99 is low'
check 'exit where a threshold is none' "$code" 2

# The search: at most 45 operations in half a second hold up to 90 a second, and no further.
run --search-from 20 --search-to 1000 --search-probe 0.5 --threshold 'count<=45' --mix read_stock=1
check 'exit of a search' "$code" 0
http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
check_json 'the highest rate that keeps it' '.search.best_rate | . > 85 and . <= 90'
check_schema 'a search'
run --search-to 40 --search-probe 0.2 --threshold 'count<=0' --mix read_stock=1
check 'exit of a search that finds none' "$code" 3

# TLS: a certificate is taken when it is trusted, or when any will do.
openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 \
  -keyout "$stack_dir/key.pem" -out "$stack_dir/cert.pem" 2>/dev/null
/usr/bin/python3 - "$stack_dir" <<'END' &
import http.server, ssl, sys
class Shop(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = b'{"products":[{"product_id":"A","price":1}],"product_id":"A","price":1}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Shop)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(f"{sys.argv[1]}/cert.pem", f"{sys.argv[1]}/key.pem")
server.socket = context.wrap_socket(server.socket, server_side=True)
with open(f"{sys.argv[1]}/tls-port.new", "w") as file:
    file.write(str(server.server_address[1]))
import os
os.rename(f"{sys.argv[1]}/tls-port.new", f"{sys.argv[1]}/tls-port")
server.serve_forever()
END
tls_server=$!
until [[ -e $stack_dir/tls-port ]]; do sleep 0.05; done
tls=(--gateway-url "https://127.0.0.1:$(<"$stack_dir/tls-port")" --mix read_stock=1 --num-orders 20 --no-restock --request-timeout 5)
run "${tls[@]}"
check 'exit with a certificate that nobody vouches for' "$code" 1
run "${tls[@]}" --ca-file "$stack_dir/cert.pem"
check 'exit with a certificate that is trusted' "$code" 0
run "${tls[@]}" --insecure
check 'exit where any certificate will do' "$code" 0
kill "$tls_server"
wait "$tls_server" || true

# Compare: a run ten times slower is worse than this one, and this one is no worse than itself.
run --num-orders 300 --concurrency 10 --delay-between-batches 0
cp "$DEMO_REPORTS_DIR/latest.json" "$stack_dir/a.json"
jq '.distribution.all.top_us |= map(. * 10) | .run_id = "run-slow"' "$stack_dir/a.json" >"$stack_dir/b.json"
run compare "$stack_dir/a.json" "$stack_dir/b.json"
check 'exit where something got worse' "$code" 3
run compare "$stack_dir/a.json" "$stack_dir/a.json"
check 'exit where nothing changed' "$code" 0

# Ctrl-C: a report of what ran.
"$runner" --num-orders 100000 --concurrency 5 >"$stack_dir/run.log" 2>&1 &
interrupted=$!
until grep -q operations "$stack_dir/run.log"; do sleep 0.05; done
kill -INT "$interrupted"
wait "$interrupted" || fail 'an interrupted run ends with an error'
http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
check_json 'after Ctrl-C' '.interrupted and .operations.finished > 0'
finish
