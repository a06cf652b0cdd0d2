#!/usr/bin/env bash
# The console in a real browser: an order placed there confirms, one placed with curl appears by itself, a declined one is
# explained, the simulation's switches do what they say and the charts show it, and in profile demo the fraud check is
# named as what takes the time. Where the gateway wants a token the page asks for it.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh" "$1"
# shellcheck source=browser.sh
source "$(dirname "$0")/browser.sh"
browser_prepare
stack_start STORE_SIM_SWITCHES=on

http GET "$gateway_url/"
check 'curl gets the text index' "$http_status $(http_header Content-Type)" '200 text/plain; charset=utf-8'
check 'and caches are told' "$(http_header Vary)" accept
http GET "$order_url/" -H 'Accept: text/html'
check "a service's port has no console" "$(http_header Content-Type)" 'text/plain; charset=utf-8'
http GET "$gateway_url/" -H 'Accept: text/html,*/*;q=0.8'
check 'a browser gets the console' "$http_status $(http_header Content-Type)" '200 text/html; charset=utf-8'
check 'with a policy' "$(http_header Content-Security-Policy | grep -c "default-src 'none'")" 1
check 'without inline handlers and styles' "$(grep -cE ' on[a-z]+=| style=|<style|<script>' <<<"$http_body")" 0
mapfile -t files < <(grep -oE '(src|href)="/console/[^"]+' <<<"$http_body" | cut -d'"' -f2)
check 'what it loads' "${files[*]}" '/console/uplot.css /console/console.css /console/uplot.js /console/console.js'
for file in "${files[@]}"; do
  http GET "$gateway_url$file" --compressed
  check "$file" "$http_status" 200
done
http GET "$gateway_url/console/nothing.js"
check 'a file that is not there' "$http_status $(jq -r .reason <<<"$http_body")" '404 NO_SUCH_FILE'
http_body=

export CONSOLE_CORRELATION=console-$$
browse 'orders placed here and with curl, and payments switched off and on' confirms
http GET "$gateway_url/traces/$CONSOLE_CORRELATION"
check_json 'its trace' '[.spans[].service] | unique == ["gateway", "inventory", "order", "payment"]'
http_body=
browse 'profile demo, and its bottleneck' demo

unset STORE_SIM_SWITCHES
stack_restart payment-service # what was switched ends with the process: in profile demo an order fails by chance
stack_restart inventory-service
export CONSOLE_TOKEN=a-token-of-this-test
printf '{"callers": [{"name": "console", "token_sha256": "%s", "scopes": ["read", "write"]}]}' \
  "$(printf %s "$CONSOLE_TOKEN" | sha256sum | cut -d' ' -f1)" >"$stack_dir/tokens.json"
chmod 600 "$stack_dir/tokens.json"
export STORE_TOKENS_FILE=$stack_dir/tokens.json
stack_restart store-gateway
for path in /orders /events; do
  http GET "$gateway_url$path"
  check "the gateway wants a token for $path" "$http_status" 401
done
http_body=
browse 'the page takes a token' locked
finish
