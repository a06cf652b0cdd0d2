/* The RPC door: one client of services/rpc for each service, the same that the services use among themselves. */
#include <stdlib.h>
#include <time.h>

#include "rpc/settings.h"
#include "rpc/transport.h"
#include "runner/door.h"

enum { MAX_TARGETS = 8, CONNECT_WAIT_MS = 2000, CONNECT_POLL_MS = 5 };

typedef struct rpc_door {
  runner_door super;
  rpc_clock *clock;
  size_t count;
  const api_service *services[MAX_TARGETS];
  rpc_client *clients[MAX_TARGETS];
} rpc_door;

/* The client's completion: function pointers of both sides have the same shape, so the call needs no memory of ours. */
static void complete(rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((runner_door_done_fn)done)(arg, status, response);
}

static rpc_client *client_of(const rpc_door *door, const api_method *method) {
  for (size_t i = 0; i < door->count; i++) {
    for (size_t j = 0; j < door->services[i]->method_count; j++) {
      if (method == &door->services[i]->methods[j]) return door->clients[i];
    }
  }
  return NULL;
}

static void call(runner_door *super, const api_method *method, const ProtobufCMessage *request,
                 const runner_door_options *options, runner_door_done_fn done, void *arg) {
  rpc_door *door = (rpc_door *)super;
  rpc_client *client = client_of(door, method);
  if (client == NULL) {
    rpc_status status = rpc_status_error(RPC_UNIMPLEMENTED, "NO_TARGET", "no address for %s", method->name);
    done(arg, &status, NULL);
    return;
  }
  rpc_call_options call_options = {
      .correlation_id = options == NULL ? NULL : options->correlation_id,
      .idempotency_key = options == NULL ? NULL : options->idempotency_key,
  };
  if (options != NULL && options->timeout_ms > 0) {
    call_options.deadline_us = rpc_clock_now_us(door->clock) + (int64_t)options->timeout_ms * 1000;
  }
  rpc_client_call(client, method, request, &call_options,
                  (rpc_completion){.thunk = complete, .done = (rpc_any_fn)done, .arg = arg});
}

static void destroy(runner_door *super) {
  rpc_door *door = (rpc_door *)super;
  for (size_t i = 0; i < door->count; i++) rpc_client_destroy(door->clients[i]);
  free(door);
}

rpc_client *runner_door_connect(const char *target, const char *urls, uint32_t timeout_ms, rpc_clock *clock,
                                rpc_random *random, rpc_status *status) {
  rpc_tls *tls = rpc_tls_create_from_settings(status);
  if (status->code != RPC_OK) return NULL;
  rpc_transport *transport = rpc_transport_create_nng(urls, tls, status);
  rpc_tls_destroy(tls);
  if (transport == NULL) return NULL;
  char *token = settings_secret("STORE_TOKEN");
  rpc_client_config config = {.target = target,
                              .transport = transport,
                              .clock = clock,
                              .random = random,
                              .token = token,
                              .timeout_ms = timeout_ms};
  rpc_client *client = rpc_client_create(&config);
  free(token);
  if (client == NULL) {
    *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for a client of %s", target);
  }
  return client;
}

void runner_door_wait_connected(rpc_client *const *clients, size_t count) {
  int waited = 0;
  for (size_t i = 0; i < count; i++) {
    for (; clients[i] && !rpc_client_connected(clients[i]) && waited < CONNECT_WAIT_MS; waited += CONNECT_POLL_MS) {
      nanosleep(&(struct timespec){.tv_nsec = CONNECT_POLL_MS * 1000000L}, NULL);
    }
  }
}

runner_door *runner_door_create_rpc(const runner_door_config *config, rpc_status *status) {
  rpc_door *door = calloc(1, sizeof *door);
  if (door == NULL || config->target_count > MAX_TARGETS) {
    *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for a door");
    free(door);
    return NULL;
  }
  door->super = (runner_door){.call = call, .destroy = destroy};
  door->clock = config->clock;
  for (size_t i = 0; i < config->target_count; i++) {
    const runner_door_target *target = &config->targets[i];
    rpc_client *client = runner_door_connect(target->service->name, target->address, config->timeout_ms, config->clock,
                                             config->random, status);
    if (client == NULL) {
      destroy(&door->super);
      return NULL;
    }
    door->services[i] = target->service;
    door->clients[i] = client;
    door->count++;
  }
  runner_door_wait_connected(door->clients, door->count);
  return &door->super;
}
