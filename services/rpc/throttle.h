/* A client's part in its server's overload: once the server refuses calls, most of those that would be refused are not
 * sent at all (client-side throttling, as in "Handling Overload" of Google's Site Reliability Engineering). A refusal
 * is cheap, not free: at five times a server's capacity four of them are to be paid for with each answer.
 *
 * Every tenth of a second the share of calls that are let through becomes what the server has accepted of those
 * offered, and a fiftieth more, to learn whether it takes more by now. While nothing is refused it grows, by a
 * twentieth at first and ever faster. It falls by three tenths at most, to a tenth of the calls at least, so that a
 * server that has taken nothing for a moment is not without work in the next. Calls are let through evenly spread. Used
 * by client.c; while nothing is refused it costs one atomic load. */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { RPC_THROTTLE_EPOCH_US = 100000 };

/* Zeroed before first use. Fields are private. */
typedef struct rpc_throttle {
  atomic_bool is_active;                /* the server has refused something lately */
  atomic_uint kept_back;                /* of UINT32_MAX: what part of the calls is not let through */
  atomic_uint phase;                    /* grows by that part with each call, which is kept back where it overflows */
  atomic_uint offered, passed, refused; /* in this epoch */
  atomic_uint quiet;                    /* epochs in a row without a refusal */
  _Atomic int64_t epoch_end_us;
} rpc_throttle;

/* A call is about to be made: false where it should be refused instead. From any thread, like the next. */
bool rpc_throttle_passes(rpc_throttle *self, int64_t now_us);

/* The server has refused a call because of its load. */
void rpc_throttle_refused(rpc_throttle *self, int64_t now_us);
