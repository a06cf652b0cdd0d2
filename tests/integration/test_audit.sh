#!/usr/bin/env bash
# The audit logs' chains stay whole through kill -9 in the middle of writing and through rotation, every order's states
# are in them in their order, and `store-runner audit` tells when somebody has been at a line.
# shellcheck disable=SC2119,SC2154 source=stack.sh
source "$(dirname "$0")/stack.sh" "$1"
stack_start STORE_AUDIT_MAX_BYTES=40000 STORE_AUDIT_FILES_KEPT=50

audit() { # SERVICE: prints what store-runner audit says; sets audit_status
  audit_status=0
  "$stack_bin/store-runner" audit "$STORE_DATA_DIR/$1-audit.jsonl" >"$stack_dir/audit.log" 2>&1 || audit_status=$?
}

for victim in order-service payment-service inventory-service; do
  "$stack_bin/store-runner" --mode gateway --num-orders 200 --concurrency 20 >"$stack_dir/run.log" 2>&1 &
  runner=$!
  sleep 0.2
  stack_kill9 "$victim"
  stack_restart "$victim"
  wait "$runner" || true # some orders of the run may have failed with the service
done
"$stack_bin/store-runner" verify >"$stack_dir/verify.log" 2>&1 || { cat "$stack_dir/verify.log" >&2; fail 'verify'; }

check_audit 'three kills'

for service in order payment inventory; do
  audit $service
  check "$service: $(<"$stack_dir/audit.log")" "$audit_status" 0
  check "$service's log was rotated" "$([[ -s $STORE_DATA_DIR/$service-audit.jsonl.1 ]] && echo yes)" yes
  largest=$(stat -c %s "$STORE_DATA_DIR/$service"-audit.jsonl* | sort -n | tail -n 1)
  check "$service's files are bounded, $largest" "$((largest < 40000 + 300000))" 1 # one flush more than the limit at most
done

# --- somebody at a line ---

log=$STORE_DATA_DIR/order-audit.jsonl.2
cp "$log" "$stack_dir/kept"
sed -i '3s/"confirming"/"releasing" /; 3s/"charging"/"releasing"/; 3s/"reserving"/"releasing"/; 3s/"to":"/"to":"x/' "$log"
audit order
check 'an edited line' "$audit_status" 1
check 'it is named' "$(grep -c "order-audit.jsonl.2:3: the line is not as it was written" "$stack_dir/audit.log")" 1
sed '5d' "$stack_dir/kept" >"$log"
audit order
check 'a removed line' "$audit_status" 1
rm "$log"
mv "$STORE_DATA_DIR/order-audit.jsonl.1" "$log" # so that the numbers are without a gap
mv "$STORE_DATA_DIR/order-audit.jsonl" "$STORE_DATA_DIR/order-audit.jsonl.1"
cp "$stack_dir/kept" "$STORE_DATA_DIR/order-audit.jsonl"
audit order
check 'files in another order' "$audit_status" 1
status=0
"$stack_bin/store-runner" audit "$stack_dir/nothing-there" >/dev/null 2>&1 || status=$?
check 'a file that is not there' "$status" 2
finish
