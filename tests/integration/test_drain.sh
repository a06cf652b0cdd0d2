#!/usr/bin/env bash
# A gateway that is told to stop, as its clients see it (drain.py), and as a load does: nothing is lost on the way.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
here=$(readlink -f -- "$(dirname "$0")")
stack_start STORE_SIM_CHARGE_MIN_DELAY_MS=3000 STORE_SIM_CHARGE_MAX_DELAY_MS=3000

PYTHONDONTWRITEBYTECODE=1 timeout 120 /usr/bin/python3 "$here/drain.py" "$STORE_GATEWAY_HTTP_PORT" "${stack_pid[store-gateway]}" ||
  check 'what clients see of the end' no yes
stack_end_cleanly store-gateway
check 'it knows of no request that it left' "$(grep -c '"msg":"stopped"' "$stack_dir/logs/store-gateway.log")" 1
finish
