/* `store-runner list`, `describe` and `call`: any method of any service that answers rpc.v1.Reflection, whether this
 * program was compiled with it or not. JSON on standard output; an error is JSON on standard error. Called by main. */
#pragma once

#include <stdbool.h>

#include "rpc/clock.h"
#include "rpc/random.h"

/* Exit codes: 0 for OK; for a status, 64 and the number of its code: 69 for NOT_FOUND, 78 for UNAVAILABLE; 2 for
 * arguments that cannot be used. */
enum { RUNNER_CALL_EXIT_BASE = 64, RUNNER_CALL_EXIT_USAGE = 2 };

/* Whether this is the name of one of the commands here. */
bool runner_call_is_command(const char *name);

/* Does what the arguments say, of which argv[1] is one of the commands; prints, and gives the exit code. Blocks, no
 * longer than the time-out and a little. */
int runner_call_main(int argc, char **argv, rpc_clock *clock, rpc_random *random);
