/* Where confirmed orders' time went, by measurement: their traces are read back through the door and each span's share
 * of the critical path is added up by service and name ("payment", "fraud check"). Part of a run's result. */
#pragma once

#include <stddef.h>

#include "runner/door.h"

enum {
  RUNNER_PARTS_MAX = 48,  /* further ones are counted as the last, "other" */
  RUNNER_TRACES_MAX = 64, /* orders whose traces are read */
};

typedef struct runner_part {
  char service[24], name[64];
  double total_ms; /* in all traces that were read */
} runner_part;

/* All zero: none read. */
typedef struct runner_critical {
  char correlation_ids[RUNNER_TRACES_MAX][72]; /* whose traces are to be read */
  size_t id_count;
  size_t traces;                       /* that were read; others were no longer kept */
  runner_part parts[RUNNER_PARTS_MAX]; /* largest first */
  size_t part_count;
  double whole_ms; /* of all parts */
} runner_critical;

/* The targets that traces are read from, for a door to either kind of address: the gateway, which asks every process,
 * or the RPC addresses of each service. Their methods are what runner_critical_read calls. */
extern const api_service runner_trace_sources[];
extern const size_t runner_trace_source_count;

/* One more order whose trace is to be read, as long as there is room. */
void runner_critical_want(runner_critical *critical, const char *correlation_id);

/* Reads the traces that are wanted, through whichever of the sources the door has. Ones that are not kept any more are
 * passed over; at a service that cannot be asked the calls to it count as its callers' time. Blocks. */
void runner_critical_read(runner_critical *critical, runner_door *door);
