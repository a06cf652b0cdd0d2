/* `store-runner health`: are services there and SERVING? For container health checks and scripts. */
#pragma once

#include <stddef.h>

#include "rpc/clock.h"
#include "rpc/random.h"

enum { RUNNER_HEALTH_MAX = 64 }; /* addresses */

/* Asks each address (RPC URLs), prints a line each on standard output, with what it lacks. 0: all are SERVING; 1: one
 * is not. Blocks, a few seconds at most. */
int runner_health_run(const char *const *addresses, size_t count, rpc_clock *clock, rpc_random *random);
