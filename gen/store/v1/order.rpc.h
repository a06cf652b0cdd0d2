/* Written by protoc-gen-store from store/v1/order.proto. Do not edit: build the target gen. */
#pragma once

#include "api.h"
#include "rpc/call.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "store/v1/simulation.pb-c.h"
#include "store/v1/order.pb-c.h"

/* Takes orders and carries each through reserve, charge and confirm, or undoes what was done. */
typedef struct store_v1_order_service_handlers {
  /* Places an order and answers when it is confirmed. A failed order is an error whose details carry the
   * order_id; the order is kept and can be read with its reason. */
  void (*create_order)(void *self, rpc_call *call, const Store__V1__CreateOrderRequest *request);
  /* With its status and the history of its states. */
  void (*get_order)(void *self, rpc_call *call, const Store__V1__GetOrderRequest *request);
  /* Newest first. */
  void (*list_orders)(void *self, rpc_call *call, const Store__V1__ListOrdersRequest *request);
  /* What this service simulates, and whether that may be changed. */
  void (*get_simulation)(void *self, rpc_call *call, const Store__V1__GetSimulationRequest *request);
  /* Changes it from the next attempt on: fault injection, where the process offers it (STORE_SIM_SWITCHES). */
  void (*update_simulation)(void *self, rpc_call *call, const Store__V1__UpdateSimulationRequest *request);
} store_v1_order_service_handlers;

/* Calls the handler of a method; false where it is NULL. An rpc_invoke_fn. */
static inline bool store_v1_order_service_invoke(
    const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *request) {
  const store_v1_order_service_handlers *table = handlers;
  switch (method) {
    case 0:
      if (table->create_order == NULL) return false;
      table->create_order(self, call, (const Store__V1__CreateOrderRequest *)request);
      return true;
    case 1:
      if (table->get_order == NULL) return false;
      table->get_order(self, call, (const Store__V1__GetOrderRequest *)request);
      return true;
    case 2:
      if (table->list_orders == NULL) return false;
      table->list_orders(self, call, (const Store__V1__ListOrdersRequest *)request);
      return true;
    case 3:
      if (table->get_simulation == NULL) return false;
      table->get_simulation(self, call, (const Store__V1__GetSimulationRequest *)request);
      return true;
    case 4:
      if (table->update_simulation == NULL) return false;
      table->update_simulation(self, call, (const Store__V1__UpdateSimulationRequest *)request);
      return true;
    default:
      return false;
  }
}

/* Adds the service to a server, before it is fed. handlers and self outlive the server; a method whose handler is
 * NULL is answered UNIMPLEMENTED. */
static inline void store_v1_order_service_register(
    rpc_server *server, const store_v1_order_service_handlers *handlers, void *self) {
  rpc_server_add_service(server, &api_store_v1_order_service, store_v1_order_service_invoke, handlers, self);
}

/* CreateOrder */
static inline void store_v1_order_service_create_order_reply(
    rpc_call *call, const Store__V1__CreateOrderResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_order_service_create_order_done)(
    void *arg, const rpc_status *status, const Store__V1__CreateOrderResponse *response);

static inline void store_v1_order_service_create_order_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_order_service_create_order_done)done)(arg, status, (const Store__V1__CreateOrderResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_order_service_create_order(
    rpc_client *client, const Store__V1__CreateOrderRequest *request, const rpc_call_options *options,
    store_v1_order_service_create_order_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_order_service_create_order_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_order_service.methods[0], &request->base, options, completion);
}

/* GetOrder */
static inline void store_v1_order_service_get_order_reply(
    rpc_call *call, const Store__V1__Order *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_order_service_get_order_done)(
    void *arg, const rpc_status *status, const Store__V1__Order *response);

static inline void store_v1_order_service_get_order_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_order_service_get_order_done)done)(arg, status, (const Store__V1__Order *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_order_service_get_order(
    rpc_client *client, const Store__V1__GetOrderRequest *request, const rpc_call_options *options,
    store_v1_order_service_get_order_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_order_service_get_order_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_order_service.methods[1], &request->base, options, completion);
}

/* ListOrders */
static inline void store_v1_order_service_list_orders_reply(
    rpc_call *call, const Store__V1__ListOrdersResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_order_service_list_orders_done)(
    void *arg, const rpc_status *status, const Store__V1__ListOrdersResponse *response);

static inline void store_v1_order_service_list_orders_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_order_service_list_orders_done)done)(arg, status, (const Store__V1__ListOrdersResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_order_service_list_orders(
    rpc_client *client, const Store__V1__ListOrdersRequest *request, const rpc_call_options *options,
    store_v1_order_service_list_orders_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_order_service_list_orders_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_order_service.methods[2], &request->base, options, completion);
}

/* GetSimulation */
static inline void store_v1_order_service_get_simulation_reply(
    rpc_call *call, const Store__V1__Simulation *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_order_service_get_simulation_done)(
    void *arg, const rpc_status *status, const Store__V1__Simulation *response);

static inline void store_v1_order_service_get_simulation_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_order_service_get_simulation_done)done)(arg, status, (const Store__V1__Simulation *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_order_service_get_simulation(
    rpc_client *client, const Store__V1__GetSimulationRequest *request, const rpc_call_options *options,
    store_v1_order_service_get_simulation_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_order_service_get_simulation_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_order_service.methods[3], &request->base, options, completion);
}

/* UpdateSimulation */
static inline void store_v1_order_service_update_simulation_reply(
    rpc_call *call, const Store__V1__Simulation *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_order_service_update_simulation_done)(
    void *arg, const rpc_status *status, const Store__V1__Simulation *response);

static inline void store_v1_order_service_update_simulation_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_order_service_update_simulation_done)done)(arg, status, (const Store__V1__Simulation *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_order_service_update_simulation(
    rpc_client *client, const Store__V1__UpdateSimulationRequest *request, const rpc_call_options *options,
    store_v1_order_service_update_simulation_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_order_service_update_simulation_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_order_service.methods[4], &request->base, options, completion);
}
