/* How long a connection between processes may go without a sign of the other's machine. By itself TCP sends to a
 * machine that is gone (without power, its cable pulled) for a quarter of an hour, and calls shared among replicas keep
 * going there. Called by the NNG transport and the listener, for each connection. */
#pragma once

#include <nng/nng.h>

enum { LINK_PATIENCE_MS = 4000 };

/* The kernel ends the pipe's connection once what was sent has not been acknowledged for LINK_PATIENCE_MS; one that is
 * idle is asked after every second. A process that is stopped or busy is not gone: its kernel answers. For pipes over
 * TCP, TLS and WebSocket; others are left as they are. From the callback of NNG_PIPE_EV_ADD_POST. */
void link_patience_set(nng_pipe pipe);
