# shellcheck shell=bash disable=SC2154 source=stack.sh
# The console in a real browser (tests/console), for tests that have sourced stack.sh. A machine without Chromium fails
# them: what nobody looks at breaks. With CONSOLE_SCREENSHOTS=DIR pictures are left.
#
#   browser_prepare             installs what drives it
#   browse WHAT PART            does a part of check.mjs on $gateway_url, as a check named WHAT

browser_prepare() {
  command -v chromium >/dev/null || fail 'there is no chromium: docker/install-packages.sh tests'
  mkdir "$stack_dir/console"
  cp "$(dirname "$0")"/../console/{package.json,package-lock.json,check.mjs} "$stack_dir/console"
  npm ci --prefix "$stack_dir/console" --prefer-offline --ignore-scripts --no-audit --no-fund --silent
}

browse() {
  local status=0
  timeout 240 node "$stack_dir/console/check.mjs" "$gateway_url" "$2" "$stack_dir/console/profile-$2" \
    ${CONSOLE_SCREENSHOTS:+"$CONSOLE_SCREENSHOTS"} >&2 || status=$?
  check "$1" "$status" 0
}
