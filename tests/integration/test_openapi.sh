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
stack_start STORE_SIM_SWITCHES=on

curl -fsS -o "$stack_dir/openapi.json" "$gateway_url/openapi.json"
check 'openapi.json is the one in gen/' "$(cmp "$stack_dir/openapi.json" "$root/gen/openapi.json" 2>&1)" ''
node "$work/check.mjs" "$gateway_url" || check 'openapi.json and the gateway agree' no yes

# The page for people, with what it loads, and the one that needs no viewer.
http GET "$gateway_url/docs"
check 'the page' "$http_status $(http_header Content-Type)" '200 text/html; charset=utf-8'
mapfile -t files < <(grep -oE '(src|href)="/docs/[^"]+' <<<"$http_body" | cut -d'"' -f2)
check 'the page loads the viewer' "${files[*]}" '/docs/viewer.css /docs/viewer.js /docs/start.js'
check 'the page loads nothing from elsewhere' "$(grep -cE '(src|href)="(https?:)?//' <<<"$http_body")" 0
for file in "${files[@]}" /docs/plain.html; do
  http GET "$gateway_url$file" --compressed
  check "$file" "$http_status $([[ ${#http_body} -gt 200 ]] && echo long)" '200 long'
done
http GET "$gateway_url/docs/viewer.js" --compressed
check 'the viewer is one' "$(grep -c SwaggerUIBundle <<<"$http_body")" 1
http GET "$gateway_url/docs/nothing.js"
check 'a file that is not there' "$http_status $(jq -r .reason <<<"$http_body")" '404 NO_SUCH_FILE'

# In a browser: every operation is on the page, in either theme.
browse() { # PAGE CHROMIUM_OPTION...
  timeout 60 chromium --headless=new --no-sandbox --disable-gpu --user-data-dir="$stack_dir/chromium" \
    --virtual-time-budget=10000 "${@:2}" --dump-dom "$gateway_url$1" 2>/dev/null
}
for theme in 0 1; do # dark, light
  http_body=$(browse /docs --blink-settings=preferredColorScheme=$theme)
  check 'operations on the page' "$(grep -o 'class="opblock-summary-method"' <<<"$http_body" | wc -l)" 20
  check 'its theme' "$(grep -c '<html[^>]*dark-mode' <<<"$http_body")" $((1 - theme))
done
http_body=$(browse /docs/plain.html)
check 'operations on the plain page' "$(grep -o '<details>' <<<"$http_body" | wc -l)" 20
http_body=
finish
