/* Scenarios: what a run does, in a JSON file. Its members are the options by name ("num_orders" for --num-orders), and
 *   name, description   texts
 *   phases              [{"duration": s, "rate": r} or {"duration": s, "from": r, "to": r}, …]: the open model's
 * schedule mix, faults         objects of numbers by name thresholds, plugins arrays of texts What an option would
 * refuse is refused here, and so is a member that is not known. runner/scenarios has those that are built in. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "runner/options.h"

/* Reads a scenario (the name of a built-in one, else a file) into options that were not given. On failure, error says
 * where and why. */
bool runner_scenario_apply(runner_options *options, const char *name, char *error, size_t error_size);

/* Prints the built-in scenarios with their descriptions; name: prints that one's file. False where there is none of
 * that name. */
bool runner_scenario_print(FILE *out, const char *name);
