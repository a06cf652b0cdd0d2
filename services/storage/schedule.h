/* A write that is done again and again: expiring keys, expiring reservations. */
#pragma once

#include "rpc/clock.h"
#include "storage/storage.h"

typedef struct storage_schedule storage_schedule;

/* One round, in a transaction (see storage_job.run). *more: there is more than one round should do; the next comes at
 * once. done: after the commit only. */
typedef struct storage_chore {
  rpc_status (*run)(void *arg, storage_tx *tx, bool *more);
  void (*done)(void *arg); /* may be NULL */
  void *arg;
} storage_chore;

/* The first round comes at once; the next an interval after the end of the last. clock and storage outlive
 * it. NULL without memory. */
storage_schedule *storage_schedule_create(storage *db, rpc_clock *clock, int64_t interval_ms, storage_chore chore);

/* Waits for a round under way. NULL is ignored. */
void storage_schedule_destroy(storage_schedule *schedule);
