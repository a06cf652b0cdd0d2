/* `store-runner health`: are services there and SERVING? For container health checks and scripts. */
#pragma once

#include <stddef.h>

#include "rpc/clock.h"
#include "rpc/random.h"

enum { RUNNER_HEALTH_MAX = 64 /* addresses */, RUNNER_HEALTH_EXIT_NOT_SERVING = 1 };

/* Asks each address (RPC URLs, or http:// for a gateway: health_http.h) and prints a line of JSON each on standard
 * output: {"address","service","status", "uptime_seconds","dependencies":[{"name","status","detail"}]}, or
 * {"address","code","reason","message"} where it does not answer. The exit code is the highest of theirs: 0 SERVING, 1
 * NOT_SERVING, RUNNER_CALL_EXIT_BASE and the number of the code for no answer (78: UNAVAILABLE). Blocks, a few seconds
 * at most. */
int runner_health_run(const char *const *addresses, size_t count, rpc_clock *clock, rpc_random *random);
