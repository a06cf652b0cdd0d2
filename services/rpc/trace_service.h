/* rpc.v1.Traces: reads a trace back from the spans that this process keeps. Added to every server by server.c; the
 * gateway fills in its own spans the same way. */
#pragma once

#include "rpc/arena.h"
#include "rpc/server.h"
#include "rpc/v1/traces.pb-c.h"
#include "telemetry/trace.h"

enum { TRACE_SERVICE_SPANS_MAX = 512 }; /* of one trace in one process: the last ones */

/* Answers from the recorder, which outlives the server and may be NULL. */
void trace_service_register(rpc_server *server, trace_recorder *traces);

/* The spans of a correlation id, in the arena. False without memory. */
bool trace_service_fill(trace_recorder *traces, const char *correlation_id, rpc_arena *arena,
                        Rpc__V1__GetTraceResponse *response);
