/* Whether NNG still lets go of connections. NNG 1.5.2 takes all of a process's lost connections apart on one thread,
 * which waits for ever where one was closed between a message's length and the message (nanomsg/nng#616, mended by
 * #1636, after 1.5.2): a peer that dies at that moment is enough, or one that means to. Nothing of NNG can be closed
 * from then on, and no connection that is lost is made again, on no socket of the process; what can be done about it is
 * to begin the process anew (process_nng_is_stuck).
 *
 * The watch is a connection of the process to itself, which is closed every second and must come back: that takes the
 * thread in question, a timer, and a thread for callbacks, so that it notices when one of those hangs, too. */
#pragma once

#include "rpc/clock.h"

/* As many seconds in a row without it. (Counted, not measured: a process that was stopped has not waited.) */
enum { NNG_WATCH_INTERVAL_US = 1000000, NNG_WATCH_MISSES_MAX = 10 };

typedef struct nng_watch nng_watch;

/* stuck is called once, on the clock's thread. NULL where NNG cannot open it. */
nng_watch *nng_watch_create(rpc_clock *clock, void (*stuck)(void *arg), void *arg);

/* After its clock is destroyed. NULL is ignored. */
void nng_watch_destroy(nng_watch *watch);
