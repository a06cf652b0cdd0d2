/* When operations of the open model are due: a schedule of rates, constant or ramping, as pure arithmetic. The engine
 * asks it; no clock here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { RUNNER_PHASES_MAX = 32 };

/* The rate goes evenly from one value to the other, in operations per second; 0 and more. */
typedef struct runner_phase {
  int64_t duration_us;
  double from, to;
} runner_phase;

/* One phase after the other. */
typedef struct runner_arrivals {
  runner_phase phases[RUNNER_PHASES_MAX];
  size_t count;
} runner_arrivals;

/* Operations due in the whole schedule: not whole where rate times duration is not. */
double runner_arrivals_total(const runner_arrivals *arrivals);

int64_t runner_arrivals_duration_us(const runner_arrivals *arrivals);

/* Operations due until this time since the start. */
double runner_arrivals_until(const runner_arrivals *arrivals, int64_t time_us);

/* The time since the start at which this many are due; -1: more than the schedule has. */
int64_t runner_arrivals_due_us(const runner_arrivals *arrivals, double count);

/* The rate at a time since the start; 0 beyond the schedule. */
double runner_arrivals_rate(const runner_arrivals *arrivals, int64_t time_us);
