/* `store-runner run`: wires doors, workload, engines, result and reports together and watches over the run. */
#pragma once

#include "rpc/clock.h"
#include "rpc/random.h"
#include "runner/door.h"
#include "runner/options.h"

enum { RUNNER_EXIT_FAILED = 1, RUNNER_EXIT_USAGE = 2, RUNNER_EXIT_THRESHOLD = 3 };

/* The exit code: 0: it ran; RUNNER_EXIT_FAILED: no operation could be done, or verify found violations;
 * RUNNER_EXIT_USAGE: a threshold or plugin cannot be used; RUNNER_EXIT_THRESHOLD: a threshold does not hold. SIGINT and
 * SIGTERM must be blocked in all threads: while operations are done, the first one ends that with a report of what ran
 * and the second one ends the process; before and after, any does. Blocks. */
int runner_run(const runner_options *options, rpc_clock *clock, rpc_random *random);

/* A door of this mode ("gateway", "rpc") to where the options say the services are, for so many calls in flight. NULL
 * on failure, with a line on standard error. */
runner_door *runner_open_door(const runner_options *options, const char *mode, uint32_t in_flight, rpc_clock *clock,
                              rpc_random *random);
