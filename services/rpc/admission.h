/* Whether a server takes on more work, judged by how long what is queued already will wait, not by how many calls are
 * in flight: a payment that waits two seconds for its fraud check costs nothing, a queue of half a second is felt by
 * everybody behind it. The idea is CoDel's (Nichols and Jacobson, 2012): a queue that comes and goes is a burst and
 * does no harm; one that stays is overload, and makes every call late without making any call more.
 *
 * A burst may fill the queue up to RPC_ADMISSION_BURST times the target. A wait that goes past that, or stays above the
 * target for as long, is overload: from then on calls are admitted only while the wait is below the target, so that the
 * queue stays short, and never empty; until it has stayed below half of it, and nothing was refused, for five seconds.
 *
 * And no faster than calls have ended of late for each second in which the queue was busy, and a little more: a fifth
 * while it is short, a fiftieth while it is not. A short queue alone says too little where what is admitted comes back
 * to it much later: orders admitted in one second, whose payments wait for the next two, would come back together,
 * nothing could be admitted then, and afterwards nothing would be there to do. Used by server.c, for each call, before
 * anything is unpacked. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "rpc/load.h"

enum { RPC_ADMISSION_BURST = 10, RPC_ADMISSION_CALM_US = 5000000 };

/* Fields are private. */
typedef struct rpc_admission {
  int64_t target_us;
  _Atomic int64_t above_since_us; /* that the wait has been above the target; 0: it is not */
  _Atomic int64_t calm_since_us;  /* overloaded: that it has been below half of it; 0: it is not */
  atomic_bool is_overloaded;
  atomic_uint ended; /* calls, in this epoch */
  _Atomic int64_t epoch_end_us;
  _Atomic int64_t busy_us;                  /* of the queue, when it began */
  _Atomic double lately_ended, lately_busy; /* before it, the longer ago the less */
  _Atomic int64_t interval_ns;              /* between calls admitted while overloaded; 0: not known */
  _Atomic int64_t next_ns;                  /* when the next one would be due at that rate */
} rpc_admission;

/* target_us: 0 admits everything. */
void rpc_admission_init(rpc_admission *self, int64_t target_us);

/* Takes note of the load as a call arrives, at now_us (above 0): whether there is overload, in which calls that begin
 * new work are to be asked for, and no others. From any thread, like the next. */
bool rpc_admission_notes(rpc_admission *self, int64_t now_us, rpc_load load);

/* Takes note, too: whether a call that begins new work is to be taken on. While overloaded those that are count for the
 * rate. */
bool rpc_admission_admits(rpc_admission *self, int64_t now_us, rpc_load load);

/* A call that was taken on, and began new work, has been answered. From any thread. */
void rpc_admission_ended(rpc_admission *self);

/* For metrics. */
bool rpc_admission_is_overloaded(const rpc_admission *self);
