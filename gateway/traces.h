/* GET /traces/{correlation_id}: the spans that this process and every service keep of it, as one JSON document by their
 * start (rpc.v1.GetTraceResponse). */
#pragma once

#include "gateway/exchange.h"
#include "rpc/v1/traces.pb-c.h"

void traces_page(exchange *self);

/* Told of the trace, once: on a thread of the RPC client, or within traces_collect. whole is NULL without memory (or
 * for an id that is too long for one), and gone when it returns. */
typedef void (*traces_done_fn)(void *arg, const Rpc__V1__GetTraceResponse *whole);

/* The same for callers inside the gateway, with the critical path filled in. From any thread. */
void traces_collect(gateway *server, const char *correlation_id, const rpc_call_options *options, traces_done_fn done,
                    void *arg);
