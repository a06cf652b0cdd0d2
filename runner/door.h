/* The two doors of the store as one interface: any method of the API, called with its message, over REST (door_gateway)
 * or RPC (door_rpc). The workload, the listings and the report's reading back use it and know neither. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api.h"
#include "rpc/client.h"
#include "rpc/clock.h"
#include "rpc/random.h"
#include "rpc/status.h"

/* What goes with one call; texts may be NULL. Copied: need not outlive the call to the function. */
typedef struct runner_door_options {
  const char *correlation_id;
  const char *idempotency_key;
  uint32_t timeout_ms; /* 0: the door's */
} runner_door_options;

/* Told of the outcome. response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block.
 */
typedef void (*runner_door_done_fn)(void *arg, const rpc_status *status, const ProtobufCMessage *response);

typedef struct runner_door runner_door;
struct runner_door {
  /* Begins a call; from any thread. done runs exactly once, on a thread of the door, or before this returns where the
   * call cannot be begun. The request is read before this returns. */
  void (*call)(runner_door *door, const api_method *method, const ProtobufCMessage *request,
               const runner_door_options *options, runner_door_done_fn done, void *arg);
  /* Ends what is under way (CANCELLED) and frees the door. */
  void (*destroy)(runner_door *door);
};

/* Where a service is reached: RPC URLs for door_rpc, an HTTP base URL for door_gateway. */
typedef struct runner_door_target {
  const api_service *service;
  const char *address;
} runner_door_target;

typedef struct runner_door_config {
  const runner_door_target *targets;
  size_t target_count;
  uint32_t timeout_ms;    /* of one call, unless its options say otherwise */
  uint32_t max_in_flight; /* calls of door_gateway; past it the answer is RESOURCE_EXHAUSTED at once. door_rpc has the
                             bound of its clients */
  bool http2;             /* door_gateway; without TLS by upgrade */
  const char *ca_file;    /* door_gateway: PEM file to trust for https; NULL: the system's */
  const char *cert_file;  /* … to show, with its key; NULL: none */
  const char *key_file;
  const char *token; /* door_gateway: bearer token; NULL: none */
  bool insecure;     /* door_gateway: any certificate will do */
  rpc_clock *clock;  /* outlives the door, like random */
  rpc_random *random;
} runner_door_config;

/* NULL on failure, with the reason in *status. */
runner_door *runner_door_create_gateway(const runner_door_config *config, rpc_status *status);

/* As above. Gives the services two seconds to be connected: calls to one that is not fail as calls do. */
runner_door *runner_door_create_rpc(const runner_door_config *config, rpc_status *status);

/* NULL is ignored. */
void runner_door_destroy(runner_door *door);

/* An RPC client as door_rpc has one of for each service. Connects in the background. NULL on failure, with the reason
 * in *status. */
rpc_client *runner_door_connect(const char *target, const char *urls, uint32_t timeout_ms, rpc_clock *clock,
                                rpc_random *random, rpc_status *status);

/* Waits until all are connected, two seconds at most. */
void runner_door_wait_connected(rpc_client *const *clients, size_t count);

/* The method of a full name such as "/store.v1.OrderService/CreateOrder", which must be one of the API's. */
const api_method *runner_door_method(const char *name);

/* Calls and waits for the answer; take (may be NULL) sees the response before this returns. */
rpc_status runner_door_call_and_wait(runner_door *door, const api_method *method, const ProtobufCMessage *request,
                                     const runner_door_options *options,
                                     void (*take)(void *arg, const ProtobufCMessage *response), void *arg);
