/* Written by protoc-gen-store from rpc/v1/metrics.proto. Do not edit: build the target gen. */
#pragma once

#include "api.h"
#include "rpc/call.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "rpc/v1/metrics.pb-c.h"

/* Every server answers it. */
typedef struct rpc_v1_metrics_handlers {
  void (*scrape)(void *self, rpc_call *call, const Rpc__V1__ScrapeRequest *request);
} rpc_v1_metrics_handlers;

/* Calls the handler of a method; false where it is NULL. An rpc_invoke_fn. */
static inline bool rpc_v1_metrics_invoke(
    const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *request) {
  const rpc_v1_metrics_handlers *table = handlers;
  switch (method) {
    case 0:
      if (table->scrape == NULL) return false;
      table->scrape(self, call, (const Rpc__V1__ScrapeRequest *)request);
      return true;
    default:
      return false;
  }
}

/* Adds the service to a server, before it is fed. handlers and self outlive the server; a method whose handler is
 * NULL is answered UNIMPLEMENTED. */
static inline void rpc_v1_metrics_register(
    rpc_server *server, const rpc_v1_metrics_handlers *handlers, void *self) {
  rpc_server_add_service(server, &api_rpc_v1_metrics, rpc_v1_metrics_invoke, handlers, self);
}

/* Scrape */
static inline void rpc_v1_metrics_scrape_reply(
    rpc_call *call, const Rpc__V1__ScrapeResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*rpc_v1_metrics_scrape_done)(
    void *arg, const rpc_status *status, const Rpc__V1__ScrapeResponse *response);

static inline void rpc_v1_metrics_scrape_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((rpc_v1_metrics_scrape_done)done)(arg, status, (const Rpc__V1__ScrapeResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void rpc_v1_metrics_scrape(
    rpc_client *client, const Rpc__V1__ScrapeRequest *request, const rpc_call_options *options,
    rpc_v1_metrics_scrape_done done, void *arg) {
  rpc_completion completion = {
      .thunk = rpc_v1_metrics_scrape_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_rpc_v1_metrics.methods[0], &request->base, options, completion);
}
