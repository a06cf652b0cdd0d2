#!/usr/bin/env bash
# The console in a real browser (tests/console): an order placed there confirms, one placed with curl appears there and
# under the same correlation id in its trace, the audit log and the metrics, and a declined one is explained. Where the gateway wants a token the page asks for it.
# With CONSOLE_SCREENSHOTS=DIR it leaves pictures.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
root=$(readlink -f -- "$(dirname "$0")/../..")
work=$stack_dir/console
mkdir "$work"
stack_start

http GET "$gateway_url/"
check 'curl gets the text index' "$http_status $(http_header Content-Type)" '200 text/plain; charset=utf-8'
http GET "$order_url/" -H 'Accept: text/html'
check "a service's port has no console" "$(http_header Content-Type)" 'text/plain; charset=utf-8'
http GET "$gateway_url/" -H 'Accept: text/html,*/*;q=0.8'
check 'a browser gets the console' "$http_status $(http_header Content-Type)" '200 text/html; charset=utf-8'
check 'with a policy' "$(http_header Content-Security-Policy | grep -c "default-src 'none'")" 1
check 'without inline handlers and styles' "$(grep -cE ' on[a-z]+=| style=|<style|<script>' <<<"$http_body")" 0
mapfile -t files < <(grep -oE '(src|href)="/console/[^"]+' <<<"$http_body" | cut -d'"' -f2)
check 'what it loads' "${#files[@]}" 2
for file in "${files[@]}"; do
  http GET "$gateway_url$file"
  check "$file" "$http_status" 200
done
http GET "$gateway_url/console/nothing.js"
check 'a file that is not there' "$http_status $(jq -r .reason <<<"$http_body")" '404 NO_SUCH_FILE'
http_body=

if command -v chromium >/dev/null; then
  cp "$root"/tests/console/{package.json,package-lock.json,check.mjs} "$work"
  npm ci --prefix "$work" --prefer-offline --ignore-scripts --no-audit --no-fund --silent
  use() { timeout 120 node "$work/check.mjs" "$gateway_url" "$1" "$correlation" "$work/profile-$1" ${CONSOLE_SCREENSHOTS:+"$CONSOLE_SCREENSHOTS"}; }
  correlation=console-$$
  use confirms || check 'orders placed here and with curl are on the page' no yes
  http GET "$gateway_url/traces/$correlation"
  check_json 'its trace' '[.spans[].service] | unique == ["gateway", "inventory", "order", "payment"]'
  http_body=
  for service in order payment inventory; do
    check "in the audit log of $service" "$(cat "$STORE_DATA_DIR/$service"*audit* | grep -c "$correlation" | sed 's/^[1-9].*/some/')" some
  done
  http GET "$gateway_url/metrics" -H 'Accept: application/openmetrics-text'
  check 'in metrics: two orders' "$(sed -n 's/^http_server_requests_total{method="POST",route="\/orders",code="200"} //p' <<<"$http_body")" 2
  http_body=

  export STORE_SIM_CHARGE_FAILURE_RATE=1
  stack_restart payment-service
  use declines || check 'a declined order is explained' no yes

  export CONSOLE_TOKEN=a-token-of-this-test
  printf '{"callers": [{"name": "console", "token_sha256": "%s", "scopes": ["read", "write"]}]}' \
    "$(printf %s "$CONSOLE_TOKEN" | sha256sum | cut -d' ' -f1)" >"$work/tokens.json"
  chmod 600 "$work/tokens.json"
  export STORE_TOKENS_FILE=$work/tokens.json
  stack_restart store-gateway
  http GET "$gateway_url/orders"
  check 'the gateway wants a token' "$http_status" 401
  http_body=
  use locked || check 'the page takes a token' no yes
fi
finish
