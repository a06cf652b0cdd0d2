/* Calls methods of one service, asynchronously: deadlines, retries with a budget, metadata. Applications call the
 * typed functions that gen/ makes (store_v1_order_service_create_order, ...); the gateway and the command line call
 * rpc_client_call with any method.
 *
 * An attempt that ends UNAVAILABLE or runs into its own timeout is tried again, with exponential backoff and full
 * jitter, where the method is idempotent or the call carries an idempotency key, while attempts, deadline and the
 * retry budget (a token bucket, gRFC A6) allow. An attempt that met a server which is stopping has begun nothing: it is
 * made again whatever the method, and counts for neither.
 *
 * While the server refuses writes because of its load, most writes end RESOURCE_EXHAUSTED, reason THROTTLED, without
 * being sent (throttle.h). */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "api.h"
#include "rpc/clock.h"
#include "rpc/fault_plan.h"
#include "rpc/metadata.h"
#include "rpc/random.h"
#include "rpc/status.h"
#include "rpc/transport.h"
#include "telemetry/metrics.h"
#include "telemetry/trace.h"

typedef struct rpc_client rpc_client;

typedef struct rpc_client_config {
  const char *target;          /* "payment": in metrics and messages */
  rpc_transport *transport;    /* the client owns it from here on */
  rpc_clock *clock;            /* outlives the client, like the pointers below */
  rpc_random *random;          /* for jitter */
  metrics_registry *metrics;   /* may be NULL */
  trace_recorder *traces;      /* may be NULL */
  fault_plan *faults;          /* may be NULL */
  const char *token;           /* bearer token for calls that carry no authorization of their own; NULL: none. Copied */
  uint32_t timeout_ms;         /* of a call that names no deadline; 0: 30000 */
  uint32_t attempt_timeout_ms; /* of one attempt; 0: what is left of the call's time */
  uint32_t max_attempts;       /* 0: 4; 1: no retries */
  uint32_t backoff_ms;         /* the first wait at most; doubles, up to 1000; 0: 25 */
} rpc_client_config;

/* NULL without memory; the transport is destroyed then. */
rpc_client *rpc_client_create(const rpc_client_config *config);

/* Ends calls under way with CANCELLED, waits for their completions to return, frees client and transport. NULL is
 * ignored. Not from a completion. */
void rpc_client_destroy(rpc_client *client);

/* True while at least one server is connected: a call would not fail for want of one. */
bool rpc_client_connected(const rpc_client *client);

/* How long a call that is begun now will wait until a connection takes it, since those before it do: servers that
 * cannot keep up are felt here, long before an answer is late. Microseconds; 0 where few wait. From any thread. */
int64_t rpc_client_send_wait_us(const rpc_client *client);

/* Whether a call of this method (NULL: any that writes) would be let through to the server now: for who would rather
 * know before it does work for one. It counts as that call, which is then to be made with is_admitted. False with the
 * reason in *status, which is left alone otherwise. From any thread. */
bool rpc_client_admits(rpc_client *client, const api_method *method, rpc_status *status);

/* What goes with one call. Zeroed: the client's defaults. Copied: need not outlive the call to the function. */
typedef struct rpc_call_options {
  int64_t deadline_us;          /* on the client's clock; 0: now + timeout_ms. Pass the caller's on. */
  const char *idempotency_key;  /* NULL: none */
  const char *correlation_id;   /* NULL: none */
  const trace_context *parent;  /* span that this call is a child of; NULL: a new trace */
  const rpc_metadata *metadata; /* more of it */
  size_t metadata_count;
  bool is_admitted; /* it is to be sent in any case: rpc_client_admits said so, or it ends what has been begun */
} rpc_call_options;

typedef void (*rpc_any_fn)(void);

/* Who is told of the outcome: generated code casts done back to its own type in thunk. response is NULL unless
 * status->code is RPC_OK; both are gone when thunk returns. */
typedef struct rpc_completion {
  void (*thunk)(rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response);
  rpc_any_fn done;
  void *arg;
} rpc_completion;

/* Begins a call. The request is packed before this returns. The completion runs exactly once, on a thread of NNG or
 * of the clock, must not block, and is never run from within this function. From any thread. */
void rpc_client_call(rpc_client *client, const api_method *method, const ProtobufCMessage *request,
                     const rpc_call_options *options, rpc_completion completion);
