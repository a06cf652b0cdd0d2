/* `store-runner run`: wires door, workload, engine, result and reports together and watches over the run. */
#pragma once

#include "rpc/clock.h"
#include "rpc/random.h"
#include "runner/door.h"
#include "runner/options.h"

/* The exit code: 0: it ran; 1: no order could be placed, or verify found violations. SIGINT and SIGTERM must be blocked
 * in all threads: while orders are placed, the first one ends that with a report of what ran and the second one ends
 * the process; before and after, any does. Blocks. */
int runner_run(const runner_options *options, rpc_clock *clock, rpc_random *random);

/* A door of this mode ("gateway", "rpc") to where the options say the services are. NULL on failure, with a line on
 * standard error. */
runner_door *runner_open_door(const runner_options *options, const char *mode, rpc_clock *clock, rpc_random *random);
