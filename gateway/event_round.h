/* A round: every process is asked at once for what GET /events tells of, and when the last has answered, or two seconds
 * are over, the answers are put together and published. Made and called by events.c, on the event loop. */
#pragma once

#include "gateway/events.h"

typedef struct event_round event_round;

/* over: called after each round, on the loop, with `to`. NULL without memory. */
event_round *event_round_create(gateway *server, events *to, void (*over)(void *to));

/* Nothing is under way by then. NULL is ignored. */
void event_round_destroy(event_round *self);

/* Nothing where a round is under way. A round counts as a request that is not answered yet: a gateway that stops waits
 * for it. */
void event_round_begin(event_round *self);

/* Forgets what was gathered from earlier rounds: the recent orders' shares. */
void event_round_forget(event_round *self);
