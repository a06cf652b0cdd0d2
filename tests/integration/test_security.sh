#!/usr/bin/env bash
# The store with its doors locked, as docker/dev-ca.sh sets it up: HTTPS and tokens at the gateway, certificates on both
# sides and tokens between processes. What should get in does, and each thing that should not is told why, or nothing.
# shellcheck disable=SC2030,SC2031,SC2034,SC2119,SC2154 source=stack.sh
source "$(dirname "$0")/stack.sh"
root=$(readlink -f -- "$(dirname -- "$0")/../..")
ca=$stack_dir/ca
"$root/docker/dev-ca.sh" "$ca" 2>"$stack_dir/ca.log" || { cat "$stack_dir/ca.log" >&2; fail "dev-ca.sh"; }

eval "$(declare -f stack_take_ports | sed '1s/stack_take_ports/stack_take_plain_ports/')"
stack_take_ports() {
  stack_take_plain_ports
  local service name
  for service in ORDER PAYMENT INVENTORY; do
    for name in STORE_${service}_LISTEN STORE_${service}_ADDRESS; do export "$name=${!name/tcp:/tls+tcp:}"; done
  done
  gateway_url=${gateway_url/http:/https:} order_url=${order_url/http:/https:} inventory_url=${inventory_url/http:/https:}
}

stack_launch() {
  (
    export STORE_TLS_CERT_FILE=$ca/${1#store-}.crt STORE_TLS_KEY_FILE=$ca/${1#store-}.key
    STORE_TOKEN=$(cat "$ca/${1#store-}.token" 2>/dev/null) || true
    export STORE_TOKEN STORE_TOKENS_FILE=$ca/tokens.json
    export STORE_GATEWAY_TLS_CERT_FILE=$ca/gateway.crt STORE_GATEWAY_TLS_KEY_FILE=$ca/gateway.key
    exec "$stack_bin/$1"
  ) </dev/null >>"$stack_dir/logs/$1.log" 2>&1 &
  stack_pid[$1]=$!
}

export STORE_TLS_CA_FILE=$ca/ca.pem STORE_TLS_CERT_FILE=$ca/runner.crt STORE_TLS_KEY_FILE=$ca/runner.key
STORE_TOKEN=$(cat "$ca/demo-runner.token")
export STORE_TOKEN
stack_start

# A client that begins no handshake, to be looked at in the end.
{ timeout 120 cat <"/dev/tcp/127.0.0.1/$STORE_GATEWAY_HTTP_PORT" && echo closed; } >"$stack_dir/silent" 2>&1 &
silent=$!

as() { # as CALLER METHOD URL [curl option...]: with the caller's token; -: without one
  local caller=$1 method=$2 url=$3
  shift 3
  [[ $caller == - ]] || set -- "$@" -H "Authorization: Bearer $(cat "$ca/$caller.token" 2>/dev/null || echo "$caller")"
  http "$method" "$url" --cacert "$ca/ca.pem" "$@"
}
order=(-H 'Content-Type: application/json' -d '{"customer_id":"CUST-001","items":[{"product_id":"LAPTOP-001","quantity":1}],"shipping_address":"123 Main St"}')

# --- what should get in ---

as customer POST "$order_url/orders" "${order[@]}"
check 'an order with a token that may write' "$http_status" 200
check_json 'it' '.status == "confirmed"'
as auditor GET "$inventory_url/inventory/LAPTOP-001"
check 'stock with a token that may read' "$http_status" 200
as - GET "$gateway_url/health"
check 'health needs no token' "$http_status" 200
for version in 1.1 2; do
  check "HTTP/$version by ALPN" "$(curl -s --cacert "$ca/ca.pem" "--http$version" -o "$stack_dir/body" -w '%{http_version}' "$gateway_url/health")" "$version"
done
for mode in gateway rpc; do
  status=0
  "$stack_bin/store-runner" --mode $mode --gateway-url "$gateway_url" --num-orders 10 --verify >"$stack_dir/run.log" 2>&1 || status=$?
  http_body=$(tail -n 5 "$stack_dir/run.log")
  check "store-runner --mode $mode, with verify" "$status" 0
  check "all its orders, by $mode" "$(jq .outcomes.confirmed "$DEMO_REPORTS_DIR/latest.json" 2>/dev/null || grep -c 'success 100' "$stack_dir/run.log")" "$(jq .outcomes.confirmed "$DEMO_REPORTS_DIR/latest.json" 2>/dev/null || echo 1)"
  check "success, by $mode" "$(grep -c 'success 100.0 %' "$stack_dir/run.log")" 1
done

# --- tokens: the gateway ---

refused() { # refused WHAT STATUS REASON CHALLENGE
  check "$1" "$http_status" "$2"
  check_json "$1" ".reason == \"$3\""
  check "$1: the challenge" "$(http_header www-authenticate)" "$4"
}
as - POST "$order_url/orders" "${order[@]}"
refused 'no token' 401 TOKEN_MISSING 'Bearer realm="store"'
as nonsense GET "$inventory_url/inventory/LAPTOP-001"
refused 'a token of nobody' 401 TOKEN_INVALID 'Bearer realm="store", error="invalid_token"'
as auditor POST "$order_url/orders" "${order[@]}"
refused 'a write with a token that may read' 403 SCOPE_MISSING 'Bearer realm="store", error="insufficient_scope"'
for page in metrics targets traces/x; do
  as - GET "$gateway_url/$page"
  check "/$page without a token" "$http_status" 401
done
as auditor GET "$gateway_url/metrics?service=order"
check 'metrics of a service with a token' "$http_status" 200

sleep 1.2 # the auditor's ten are there again
codes=$(curl -s --cacert "$ca/ca.pem" -H "Authorization: Bearer $(cat "$ca/auditor.token")" -o "$stack_dir/body" -w '%{http_code} ' "$inventory_url/inventory/LAPTOP-001#[1-40]")
check 'of 40 calls at once some of a caller with 10 a second get through' "$(grep -c 200 <<<"${codes// /$'\n'}" | awk '{print ($1 >= 8 && $1 < 40)}')" 1
as auditor GET "$inventory_url/inventory/LAPTOP-001"
for _ in {1..40}; do
  [[ $http_status == 200 ]] || break
  as auditor GET "$inventory_url/inventory/LAPTOP-001"
done
if [[ $http_status == 429 ]]; then
  check_json 'past its rate' '.reason == "RATE_LIMITED"'
  check 'Retry-After' "$(http_header retry-after)" 1
else # a slow machine does not make ten a second
  check 'the rest got 429' "$(grep -c 429 <<<"${codes// /$'\n'}" | awk '{print ($1 > 0)}')" 1
fi

# --- tokens: the services ---

call() { # call EXPECTED WHAT COMMAND...: its exit code
  local expected=$1 what=$2 status=0
  shift 2
  http_body=$("$@" 2>&1) || status=$?
  check "$what" "$status" "$expected"
}
runner=$stack_bin/store-runner
get=("$runner" call --timeout 3 "$STORE_INVENTORY_ADDRESS" store.v1.InventoryService/GetProduct '{"product_id":"LAPTOP-001"}')
reserve=("$runner" call --timeout 3 "$STORE_INVENTORY_ADDRESS" store.v1.InventoryService/ReserveInventory '{"items":[{"product_id":"LAPTOP-001","quantity":1}]}')
call 0 'a call with a token' "${get[@]}"
call 80 'a call without a token: UNAUTHENTICATED' env -u STORE_TOKEN "${get[@]}"
call 80 'a call with a token of nobody' env STORE_TOKEN=nonsense "${get[@]}"
call 71 'a write with a token that may read: PERMISSION_DENIED' env STORE_TOKEN="$(cat "$ca/auditor.token")" "${reserve[@]}"
call 0 'health without a token' env -u STORE_TOKEN "$runner" health "$STORE_INVENTORY_ADDRESS"

# --- certificates between processes ---

other=$stack_dir/other
"$root/docker/dev-ca.sh" "$other" 2>"$stack_dir/ca.log" || fail "dev-ca.sh"
expired=$stack_dir/expired
cp -r "$ca" "$expired"
openssl req -new -key "$ca/runner.key" -subj /CN=late -out "$stack_dir/late.csr" 2>/dev/null
mkdir "$stack_dir/late" && : >"$stack_dir/late/index.txt" && echo 01 >"$stack_dir/late/serial"
printf '[ca]\ndefault_ca=d\n[d]\ndatabase=%s/late/index.txt\nserial=%s/late/serial\nnew_certs_dir=%s/late\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n' \
  "$stack_dir" "$stack_dir" "$stack_dir" >"$stack_dir/late.cnf"
openssl ca -batch -config "$stack_dir/late.cnf" -cert "$ca/ca.pem" -keyfile "$ca/ca.key" -in "$stack_dir/late.csr" \
  -out "$expired/runner.crt" -startdate 20200101000000Z -enddate 20200201000000Z -notext 2>"$stack_dir/ca.log" || { cat "$stack_dir/ca.log" >&2; fail 'an expired certificate'; }

call 78 'plain TCP to a TLS port: UNAVAILABLE' "$runner" call --timeout 3 "${STORE_INVENTORY_ADDRESS/tls+tcp/tcp}" store.v1.InventoryService/GetProduct '{"product_id":"LAPTOP-001"}'
call 78 'a certificate of another CA' env STORE_TLS_CERT_FILE="$other/runner.crt" STORE_TLS_KEY_FILE="$other/runner.key" "${get[@]}"
call 78 'a server of a CA that is not trusted' env STORE_TLS_CA_FILE="$other/ca.pem" "${get[@]}"
call 78 'a certificate that has expired' env STORE_TLS_CERT_FILE="$expired/runner.crt" "${get[@]}"
call 78 'a server whose certificate is for another host' "$runner" call --timeout 3 "${STORE_INVENTORY_ADDRESS/127.0.0.1/127.0.0.2}" store.v1.InventoryService/GetProduct '{"product_id":"LAPTOP-001"}'
check 'it is the name: the port is one for all addresses of the host' "$(grep -c 127.0.0.1 <<<"$STORE_INVENTORY_LISTEN")" 1
status=0
env -u STORE_TLS_CERT_FILE "${get[@]}" >"$stack_dir/body" 2>&1 || status=$?
check 'half of the settings' "$((status != 0))" 1
check 'the missing one is named' "$(grep -c STORE_TLS_CERT_FILE "$stack_dir/body")" 1
status=0
http_body=$(env -u STORE_TLS_CERT_FILE -u STORE_TLS_KEY_FILE -u STORE_TLS_CA_FILE "${get[@]}" 2>&1) || status=$?
check 'a TLS address without certificates is refused' "$((status != 0))" 1

# --- HTTPS ---

curl_code() { local code=0; curl -s -m 10 -o "$stack_dir/body" "$@" || code=$?; echo "$code"; }
check 'a client that does not know the CA' "$(curl_code "$gateway_url/health")" 60
check 'another host than the certificate is for' "$(curl_code --cacert "$ca/ca.pem" --resolve "elsewhere:$STORE_GATEWAY_HTTP_PORT:127.0.0.1" "https://elsewhere:$STORE_GATEWAY_HTTP_PORT/health")" 60
check 'TLS 1.1' "$(curl_code --cacert "$ca/ca.pem" --tls-max 1.1 "$gateway_url/health")" 35
check 'plain HTTP to the TLS port' "$(($(curl_code "http://127.0.0.1:$STORE_GATEWAY_HTTP_PORT/health") != 0))" 1

serial() { openssl s_client -connect "127.0.0.1:$STORE_GATEWAY_HTTP_PORT" </dev/null 2>/dev/null | openssl x509 -noout -serial; }
wait_for_serial() { # generously: the gateway looks once a second, when a connection comes
  local end=$((SECONDS + 20))
  until [[ $(serial) == "$1" ]] || ((SECONDS > end)); do sleep 0.2; done
  check "$2" "$(serial)" "$1"
}
mv "$ca/gateway.crt" "$stack_dir/old.crt" && mv "$ca/gateway.key" "$stack_dir/old.key"
"$root/docker/dev-ca.sh" "$ca" 2>"$stack_dir/ca.log"
wait_for_serial "$(openssl x509 -in "$ca/gateway.crt" -noout -serial)" 'a new certificate is taken up without a restart'
kept=$(serial)
echo broken >"$ca/gateway.crt"
sleep 1.2
serial >/dev/null
check 'a broken one is not' "$(serial)" "$kept"
check 'and the log says so' "$(grep -c 'keeping the old certificates' "$stack_dir/logs/store-gateway.log" | awk '{print ($1 > 0)}')" 1
"$root/docker/dev-ca.sh" "$ca" 2>"$stack_dir/ca.log" || { rm "$ca/gateway.crt"; "$root/docker/dev-ca.sh" "$ca" 2>"$stack_dir/ca.log"; }

export STORE_GATEWAY_TLS_CLIENT_AUTH=required STORE_GATEWAY_TLS_CLIENT_CA_FILE=$ca/ca.pem
stack_restart store-gateway
https=(--cacert "$ca/ca.pem" --key "$ca/runner.key" "$gateway_url/health")
check 'a client with a certificate' "$(curl_code --cert "$ca/runner.crt" "${https[@]}")" 0
check 'one without' "$(($(curl_code --cacert "$ca/ca.pem" "$gateway_url/health") != 0))" 1
check 'one with a certificate that has expired' "$(($(curl_code --cert "$expired/runner.crt" "${https[@]}") != 0))" 1
check 'one with a certificate of another CA' "$(($(curl_code --cacert "$ca/ca.pem" --cert "$other/runner.crt" --key "$other/runner.key" "$gateway_url/health") != 0))" 1
wait "$silent" || true
check 'a client that begins no handshake is let go' "$(<"$stack_dir/silent")" closed
finish
