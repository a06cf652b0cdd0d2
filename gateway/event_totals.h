/* What a process has served, read out of its metrics page: how many calls of the store's API, how many of them failed,
 * and how long they took. Used by event_round.c, for GET /events. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "gateway/json_write.h"

enum { EVENT_BUCKETS_MAX = 40 };

/* Since the processes started; zeroed: nothing. */
typedef struct event_totals {
  uint64_t requests;
  uint64_t refused; /* the caller's fault, or a declined order */
  uint64_t errors;  /* the store's */
  size_t bucket_count;
  struct {
    double bound; /* seconds, ascending; the last is infinite */
    uint64_t count;
  } buckets[EVENT_BUCKETS_MAX]; /* cumulative, as Prometheus has them */
} event_totals;

/* Adds what a page of Prometheus text tells. The calls that feed the events themselves are left out: a console would
 * see little else. */
void event_totals_read(event_totals *totals, const char *text, size_t length);

/* Adds those of another process of the service. */
void event_totals_add(event_totals *totals, const event_totals *more);

/* Members of an object: "requests", "refused", "errors", "buckets": [[bound, count], …], with null for infinity. */
void event_totals_write(const event_totals *totals, json_writer *writer);
