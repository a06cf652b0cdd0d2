/* One call as a handler sees it: what the caller sent beside the request, memory that lives as long as the call,
 * and the answer. A handler receives the call and answers it later, from any thread, exactly once, with
 * rpc_call_reply or rpc_call_fail; the call and its request are gone then. Between, one thread at a time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api.h"
#include "rpc/arena.h"
#include "rpc/clock.h"
#include "rpc/metadata.h"
#include "rpc/status.h"
#include "telemetry/trace.h"

typedef struct rpc_call rpc_call;

/* The method's entry in the generated table: its name and message types. */
const api_method *rpc_call_api(const rpc_call *call);

/* The caller's metadata by lower-case key; NULL where absent. Lives as long as the call. */
const char *rpc_call_metadata(const rpc_call *call, const char *key);

/* The caller's x-correlation-id, or one made for this call: never empty. */
const char *rpc_call_correlation_id(const rpc_call *call);

/* The span of this call, the parent of what the handler calls. */
const trace_context *rpc_call_trace(const rpc_call *call);

/* A span of something done within this call, as a child of its own. name: a literal. */
trace_span rpc_call_span_start(const rpc_call *call, const char *name);

/* Before the call is answered. detail may be NULL. */
void rpc_call_span_end(const rpc_call *call, const trace_span *span, int code, const char *detail);

/* When the caller stops waiting, on the server's clock. */
int64_t rpc_call_deadline_us(const rpc_call *call);

/* When the call arrived, on the server's clock. */
int64_t rpc_call_received_us(const rpc_call *call);

/* The call's memory. */
rpc_arena *rpc_call_arena(rpc_call *call);

/* The server's clock. */
rpc_clock *rpc_call_clock(const rpc_call *call);

/* A timer of the call's own, for one wait at a time (a simulated delay, say). */
rpc_timer *rpc_call_timer(rpc_call *call);

/* Answers OK with a message of the method's output type, which is packed before this returns: it may be on the
 * stack or in the call's arena. */
void rpc_call_reply(rpc_call *call, const ProtobufCMessage *response);

/* Answers with an error; status->code must not be RPC_OK. */
void rpc_call_fail(rpc_call *call, const rpc_status *status);
