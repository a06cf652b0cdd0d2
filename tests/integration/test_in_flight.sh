#!/usr/bin/env bash
# 1,000 orders in flight at once under profile demo: all are confirmed, and no process has more threads than when idle.
# The medians alone and in the crowd are printed, not judged: they depend on what else the machine does. The figure is
# taken by tests/bench/in_flight.
source "$(dirname "$0")/stack.sh" "$1"

# Only delays: what fails ends early, and how many do is chance.
stack_start STORE_PROFILE=demo STORE_SEED=3 STORE_SIM_TIMEOUT_RATE=0 STORE_SIM_ERROR_RATE=0 \
  STORE_SIM_RESERVE_FAILURE_RATE=0 STORE_SIM_CHARGE_FAILURE_RATE=0

threads() { awk '/^Threads:/ { print $2 }' "/proc/${stack_pid[$1]}/status"; }
run() { # run ORDERS CONCURRENCY: the report is latest.json
  "$stack_bin/store-runner" --num-orders "$1" --concurrency "$2" --delay-between-batches 0 --seed 1 \
    >"$stack_dir/logs/runner.log" 2>&1 || fail "the runner: $(tail -n 5 "$stack_dir/logs/runner.log")"
}

run 120 40
alone=$(jq .latency.confirmed.p50_ms "$DEMO_REPORTS_DIR/latest.json")
declare -A idle
for name in "${stack_names[@]}"; do idle[$name]=$(threads "$name"); done

run 1000 1000 &
runner=$!
most=0
while kill -0 "$runner" 2>/dev/null; do
  for name in "${stack_names[@]}"; do
    now=$(threads "$name")
    [[ $now -le $((idle[$name] + 1)) ]] || check "threads of $name with 1,000 orders in flight" "$now" "${idle[$name]}"
    [[ $now -le $most ]] || most=$now
  done
  sleep 0.1
done
wait "$runner"
check "orders confirmed" "$(jq .success.full_success.count "$DEMO_REPORTS_DIR/latest.json")" 1000
crowded=$(jq .latency.confirmed.p50_ms "$DEMO_REPORTS_DIR/latest.json")
echo "p50 alone $alone ms, with 1,000 in flight $crowded ms; at most $most threads in a process"
finish
