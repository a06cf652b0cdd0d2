/* Receives envelopes, finds the method, unpacks the request, calls the handler and packs the answer. It knows no
 * transport: rpc_listener feeds it from NNG sockets, a simulation from its own network.
 *
 * A server also answers rpc.v1.Health, Metrics, Reflection and Traces by itself. Calls in flight are
 * bounded; past the bound the answer is RESOURCE_EXHAUSTED at once. So it is, with reason OVERLOADED and
 * before anything is unpacked, for writes while what is queued waits too long (admission.h). */
#pragma once

#include <nng/nng.h>
#include <stdbool.h>
#include <stdint.h>

#include "api.h"
#include "rpc/call.h"
#include "rpc/clock.h"
#include "rpc/fault_plan.h"
#include "rpc/load.h"
#include "rpc/random.h"
#include "telemetry/metrics.h"
#include "telemetry/trace.h"

typedef struct rpc_server rpc_server;

/* Whether the caller may call the method: RPC_OK, or why not. authorization: the metadata of that key, NULL where
 * absent. From any thread; must not block. */
typedef rpc_status (*rpc_authorize_fn)(void *arg, const api_method *method, const char *authorization);

typedef struct rpc_server_config {
  const char *name;           /* "order": in health, logs and metrics */
  rpc_clock *clock;           /* outlives the server, like all pointers here */
  rpc_random *random;         /* for correlation ids */
  metrics_registry *metrics;  /* what Metrics/Scrape answers */
  trace_recorder *traces;     /* may be NULL */
  fault_plan *faults;         /* may be NULL */
  rpc_authorize_fn authorize; /* NULL: everybody may call everything */
  void *authorize_arg;
  uint32_t max_in_flight;      /* 0: 16384 */
  uint32_t queue_target_ms;    /* see rpc_server_watch_queue; 0: nothing is refused for its wait */
  uint32_t default_timeout_ms; /* for requests that name none; 0: 30000 */
  size_t max_message_size;     /* bytes of a request, and of what it unpacks to (times 16); 0: 1 MiB */
} rpc_server_config;

/* NULL without memory. */
rpc_server *rpc_server_create(const rpc_server_config *config);

/* Only when idle (rpc_server_drain) and no longer fed. NULL is ignored. */
void rpc_server_destroy(rpc_server *server);

/* Dispatches to typed handlers; made by the generated <service>_register functions. False: this method has no
 * handler, and the answer is UNIMPLEMENTED. */
typedef bool (*rpc_invoke_fn)(const void *handlers, size_t method, void *self, rpc_call *call,
                              const ProtobufCMessage *request);

/* Adds a service; before the server is fed. handlers and self outlive the server. */
void rpc_server_add_service(rpc_server *server, const api_service *service, rpc_invoke_fn invoke, const void *handlers,
                            void *self);

/* A dependency that health speaks for. check fills detail (size bytes) where it returns false; it is called on
 * the thread of the health call and must not block. critical: the service is NOT_SERVING without it. */
typedef bool (*rpc_health_fn)(void *arg, char *detail, size_t size);
void rpc_server_add_dependency(rpc_server *server, const char *name, bool critical, rpc_health_fn check, void *arg);

/* What work is queued in this process: asked for each call that arrives. Where it waits for longer than queue_target_ms
 * on end new writes are refused (admission.h). One queue a server; before it is fed. From any thread; must not block.
 */
typedef rpc_load (*rpc_load_fn)(void *arg);
void rpc_server_watch_queue(rpc_server *server, rpc_load_fn load, void *arg);

/* Calls of this method, full_name as in the envelope, end what was begun by another: they are never refused for their
 * wait. After its service was added. */
void rpc_server_always_admit(rpc_server *server, const char *full_name);

/* Takes the response, on any thread, exactly once for each request handled; owns it. */
typedef void (*rpc_respond_fn)(void *arg, nng_msg *response);

/* Handles one request envelope; takes ownership of it. Never blocks beyond what handlers do. From any thread. */
void rpc_server_handle(rpc_server *server, nng_msg *request, rpc_respond_fn respond, void *arg);

/* The bounds in force, defaults filled in. */
size_t rpc_server_max_message_size(const rpc_server *server);
uint32_t rpc_server_max_in_flight(const rpc_server *server);

/* From now on new calls are answered UNAVAILABLE (reason DRAINING) and health says NOT_SERVING. Waits until the
 * calls in flight have ended, timeout_ms at most; false where some have not. Only with a real clock. */
bool rpc_server_drain(rpc_server *server, uint32_t timeout_ms);
