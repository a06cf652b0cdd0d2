#!/usr/bin/env bash
# A plugin of twenty lines, built outside the tree as the README shows it, watches a run and adds to its report; one of
# another version, and what is no plugin, are refused.
# shellcheck disable=SC2119 source=stack.sh
source "$(dirname "$0")/stack.sh"
root=$(readlink -f -- "$(dirname "$0")/../..")
stack_start

# A file is copied, so that the plugin sees the one header and nothing else of ours.
mkdir -p "$stack_dir/elsewhere/runner"
cp "$root/runner/plugin.h" "$stack_dir/elsewhere/runner"
cd "$stack_dir/elsewhere"
cat >slowest.c <<'END'
#include <stdio.h>
#include <stdlib.h>
#include "runner/plugin.h"

static void *start(const runner_plugin_run *run) { (void)run; return calloc(1, sizeof(int64_t)); }

static void done(void *self, const runner_plugin_request *request) {
  int64_t *slowest = self;
  if (request->latency_us > *slowest) *slowest = request->latency_us;
}

static void end(void *self, const runner_plugin_end *end, const runner_plugin_report *report) {
  char text[100];
  snprintf(text, sizeof text, "of %llu: %.1f ms", (unsigned long long)end->finished, *(int64_t *)self / 1e3);
  report->line(report, "The slowest", text);
  free(self);
}

static const runner_plugin plugin = {RUNNER_PLUGIN_ABI, "slowest", start, done, NULL, end};
const runner_plugin *runner_plugin_entry(void) { return &plugin; }
END
build() { cc -std=c17 -Wall -Wextra -Werror -shared -fPIC -I . "${@:3}" -o "$2" "$1"; }
build slowest.c slowest.so
check 'lines of the plugin' "$(($(grep -c . slowest.c) <= 20))" 1

# Runs store-runner with a plugin: its exit code to $code, what it said to $said.
run() {
  code=0
  said=$("$stack_bin/store-runner" --num-orders 30 --plugin "$1" 2>&1) || code=$?
}

run ./slowest.so
check 'exit' "$code" 0
http_body=$(<"$DEMO_REPORTS_DIR/latest.json")
check_json 'its section' '.sections | length == 1 and .[0].plugin == "slowest" and .[0].title == "The slowest"'
# shellcheck disable=SC2016 # jq's
check_json 'what it saw' '(.latency.all.max_ms * 10 | round / 10) as $max | .sections[0].lines[0] |
  startswith("of 30: ") and ((.[7:-3] | tonumber) - $max | fabs < 0.11)'
check 'in the text' "$(grep -c '^The slowest (slowest)' "$DEMO_REPORTS_DIR/latest.txt")" 1
check 'in the page' "$(grep -c 'The slowest' "$DEMO_REPORTS_DIR/latest.html")" 1

http_body=
sed -i 's/RUNNER_PLUGIN_ABI, "slowest"/RUNNER_PLUGIN_ABI + 1, "slowest"/' slowest.c
build slowest.c newer.so
run ./newer.so
check 'exit with a plugin of another version' "$code" 2
check 'its message' "$(grep -c 'is of version 2, not 1' <<<"$said")" 1
echo 'int nothing;' >nothing.c
build nothing.c nothing.so
run ./nothing.so
check 'exit with what is no plugin' "$code" 2
run no-such-plugin
check 'exit with a plugin that is not there' "$code" 2
cd "$root"
finish
