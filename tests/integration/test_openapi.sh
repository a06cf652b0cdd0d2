#!/usr/bin/env bash
# openapi.json: an independent validator accepts it, and a real gateway answers each of its examples as it says
# (tests/openapi). The page at /docs and what it loads are served by the gateway alone.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
root=$(readlink -f -- "$(dirname "$0")/../..")
work=$stack_dir/openapi
mkdir "$work"
cp "$root"/tests/openapi/{package.json,package-lock.json,check.mjs} "$work"
npm ci --prefix "$work" --prefer-offline --ignore-scripts --no-audit --no-fund --silent
stack_start

curl -fsS -o "$stack_dir/openapi.json" "$gateway_url/openapi.json"
check 'openapi.json is the one in gen/' "$(cmp "$stack_dir/openapi.json" "$root/gen/openapi.json" 2>&1)" ''
node "$work/check.mjs" "$gateway_url" || check 'openapi.json and the gateway agree' no yes
finish
