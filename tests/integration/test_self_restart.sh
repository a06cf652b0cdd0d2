#!/usr/bin/env bash
# A service in which NNG hangs (rpc/nng_watch.h), brought there from outside, notices, and begins anew in the same process:
# orders are placed meanwhile and after it, and nothing is lost.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
here=$(readlink -f -- "$(dirname "$0")")
stack_start

place_order() {
  http POST "$order_url/orders" -H 'Content-Type: application/json' -H 'Request-Timeout: 50s' \
    -d '{"customer_id":"GOOD","items":[{"product_id":"HEADPHONES-004","quantity":1}],"shipping_address":"here"}'
}

descriptors() { find "/proc/${stack_pid[$1]}/fd" -mindepth 1 | wc -l; }

await_restart() { # await_restart SERVICE TIMES
  local log=$stack_dir/logs/$1.log deadline=$((SECONDS + 120))
  until [[ $(grep -c '"listening"' "$log") -gt $2 ]]; do
    ((SECONDS < deadline)) || { stack_show_log "$1"; fail "$1 does not begin anew"; }
    sleep 0.2
  done
}

for name in inventory order; do
  service=$name-service port=STORE_${name^^}_LISTEN pid=${stack_pid[$service]}
  before=$(descriptors "$service")
  /usr/bin/python3 "$here/half_messages.py" "${!port##*:}" &
  attack=$!
  until grep -q 'beginning anew' "$stack_dir/logs/$service.log"; do
    kill -0 "$attack" "$pid" || fail 'the attack or the service ended'
    ((SECONDS < 120)) || { stack_show_log "$service"; fail "$service does not notice"; }
    sleep 0.2
  done
  kill "$attack"
  wait "$attack" 2>/dev/null || true
  await_restart "$service" 1
  check "$service is the same process" "$(stack_runs "$service" && echo "${stack_pid[$service]}")" "$pid"
  check "command line of $service" "$(tr '\0' ' ' <"/proc/$pid/cmdline")" "$service "
  stack_wait_healthy || fail "$service is not healthy after it began anew"
  place_order
  check "an order, once $service has begun anew" "$http_status" 200
  after=$(descriptors "$service")
  check "descriptors of $service, $before before, $after now" "$((after <= before + 10 ? 1 : 0))" 1
done

# Whoever operates it may ask for it, too.
kill -USR1 "${stack_pid[payment-service]}" "${stack_pid[store-gateway]}"
await_restart payment-service 1
await_restart store-gateway 1
stack_wait_healthy || fail 'not healthy after SIGUSR1'
place_order
check 'an order after SIGUSR1' "$http_status" 200

http_body=
"$stack_bin/store-runner" verify >"$stack_dir/verify" 2>&1 || check 'the books' "$(<"$stack_dir/verify")" 'in order'
check_audit 'having begun anew'
finish
