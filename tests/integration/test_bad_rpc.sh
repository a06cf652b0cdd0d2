#!/usr/bin/env bash
# Bad input at the RPC door (bad_rpc.py), beside test_bad_input.sh at the gateway's: refused by name, and afterwards the
# services are as they were.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
here=$(readlink -f -- "$(dirname "$0")")
mkdir "$stack_dir/python"
(cd "$here/../../proto" && protoc -I . --python_out="$stack_dir/python" rpc/v1/*.proto store/v1/*.proto)
stack_start STORE_SIM_CHARGE_MIN_DELAY_MS=1000 STORE_SIM_CHARGE_MAX_DELAY_MS=1000

PYTHONPATH=$stack_dir/python PYTHONDONTWRITEBYTECODE=1 timeout 200 /usr/bin/python3 "$here/bad_rpc.py" \
  "${STORE_ORDER_LISTEN##*:}" "${STORE_PAYMENT_LISTEN##*:}" "${STORE_INVENTORY_LISTEN##*:}" ||
  check 'bad input is refused' no yes

for name in "${stack_names[@]}"; do
  check "$name still runs" "$(stack_runs "$name" && echo yes)" yes
done
http POST "$order_url/orders" -H 'Content-Type: application/json' \
  -d '{"customer_id":"GOOD","items":[{"product_id":"LAPTOP-001","quantity":1}],"shipping_address":"here"}'
check 'a good order' "$http_status" 200
http_body=
"$stack_bin/store-runner" verify >"$stack_dir/verify" 2>&1 || check 'the books' "$(<"$stack_dir/verify")" 'in order'
finish
