/* Written by protoc-gen-store from store/v1/inventory.proto. Do not edit: build the target gen. */
#pragma once

#include "api.h"
#include "rpc/call.h"
#include "rpc/client.h"
#include "rpc/server.h"
#include "store/v1/simulation.pb-c.h"
#include "store/v1/inventory.pb-c.h"

/* Keeps the stock. A reservation holds stock for a while; confirming it sells, releasing it gives back. */
typedef struct store_v1_inventory_service_handlers {
  /* Holds all items or none, for ten minutes unless told otherwise. */
  void (*reserve_inventory)(void *self, rpc_call *call, const Store__V1__ReserveInventoryRequest *request);
  /* Sells what is held. Confirming a confirmed reservation answers the same. */
  void (*confirm_reservation)(void *self, rpc_call *call, const Store__V1__ConfirmReservationRequest *request);
  /* Gives back what is held. Releasing a released or expired reservation answers the same. */
  void (*release_reservation)(void *self, rpc_call *call, const Store__V1__ReleaseReservationRequest *request);
  /* Newest first. */
  void (*list_reservations)(void *self, rpc_call *call, const Store__V1__ListReservationsRequest *request);
  /* One product with its stock. */
  void (*get_product)(void *self, rpc_call *call, const Store__V1__GetProductRequest *request);
  /* The catalogue, by product_id. */
  void (*list_products)(void *self, rpc_call *call, const Store__V1__ListProductsRequest *request);
  /* Puts units on the shelf. Not idempotent without a key: asking twice puts twice. */
  void (*restock_product)(void *self, rpc_call *call, const Store__V1__RestockProductRequest *request);
  /* What this service simulates, and whether that may be changed. */
  void (*get_simulation)(void *self, rpc_call *call, const Store__V1__GetSimulationRequest *request);
  /* Changes it from the next attempt on: fault injection, where the process offers it (STORE_SIM_SWITCHES). */
  void (*update_simulation)(void *self, rpc_call *call, const Store__V1__UpdateSimulationRequest *request);
} store_v1_inventory_service_handlers;

/* Calls the handler of a method; false where it is NULL. An rpc_invoke_fn. */
static inline bool store_v1_inventory_service_invoke(
    const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *request) {
  const store_v1_inventory_service_handlers *table = handlers;
  switch (method) {
    case 0:
      if (table->reserve_inventory == NULL) return false;
      table->reserve_inventory(self, call, (const Store__V1__ReserveInventoryRequest *)request);
      return true;
    case 1:
      if (table->confirm_reservation == NULL) return false;
      table->confirm_reservation(self, call, (const Store__V1__ConfirmReservationRequest *)request);
      return true;
    case 2:
      if (table->release_reservation == NULL) return false;
      table->release_reservation(self, call, (const Store__V1__ReleaseReservationRequest *)request);
      return true;
    case 3:
      if (table->list_reservations == NULL) return false;
      table->list_reservations(self, call, (const Store__V1__ListReservationsRequest *)request);
      return true;
    case 4:
      if (table->get_product == NULL) return false;
      table->get_product(self, call, (const Store__V1__GetProductRequest *)request);
      return true;
    case 5:
      if (table->list_products == NULL) return false;
      table->list_products(self, call, (const Store__V1__ListProductsRequest *)request);
      return true;
    case 6:
      if (table->restock_product == NULL) return false;
      table->restock_product(self, call, (const Store__V1__RestockProductRequest *)request);
      return true;
    case 7:
      if (table->get_simulation == NULL) return false;
      table->get_simulation(self, call, (const Store__V1__GetSimulationRequest *)request);
      return true;
    case 8:
      if (table->update_simulation == NULL) return false;
      table->update_simulation(self, call, (const Store__V1__UpdateSimulationRequest *)request);
      return true;
    default:
      return false;
  }
}

/* Adds the service to a server, before it is fed. handlers and self outlive the server; a method whose handler is
 * NULL is answered UNIMPLEMENTED. */
static inline void store_v1_inventory_service_register(
    rpc_server *server, const store_v1_inventory_service_handlers *handlers, void *self) {
  rpc_server_add_service(server, &api_store_v1_inventory_service, store_v1_inventory_service_invoke, handlers, self);
}

/* ReserveInventory */
static inline void store_v1_inventory_service_reserve_inventory_reply(
    rpc_call *call, const Store__V1__ReserveInventoryResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_inventory_service_reserve_inventory_done)(
    void *arg, const rpc_status *status, const Store__V1__ReserveInventoryResponse *response);

static inline void store_v1_inventory_service_reserve_inventory_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_inventory_service_reserve_inventory_done)done)(arg, status, (const Store__V1__ReserveInventoryResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_inventory_service_reserve_inventory(
    rpc_client *client, const Store__V1__ReserveInventoryRequest *request, const rpc_call_options *options,
    store_v1_inventory_service_reserve_inventory_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_inventory_service_reserve_inventory_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_inventory_service.methods[0], &request->base, options, completion);
}

/* ConfirmReservation */
static inline void store_v1_inventory_service_confirm_reservation_reply(
    rpc_call *call, const Store__V1__Reservation *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_inventory_service_confirm_reservation_done)(
    void *arg, const rpc_status *status, const Store__V1__Reservation *response);

static inline void store_v1_inventory_service_confirm_reservation_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_inventory_service_confirm_reservation_done)done)(arg, status, (const Store__V1__Reservation *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_inventory_service_confirm_reservation(
    rpc_client *client, const Store__V1__ConfirmReservationRequest *request, const rpc_call_options *options,
    store_v1_inventory_service_confirm_reservation_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_inventory_service_confirm_reservation_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_inventory_service.methods[1], &request->base, options, completion);
}

/* ReleaseReservation */
static inline void store_v1_inventory_service_release_reservation_reply(
    rpc_call *call, const Store__V1__Reservation *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_inventory_service_release_reservation_done)(
    void *arg, const rpc_status *status, const Store__V1__Reservation *response);

static inline void store_v1_inventory_service_release_reservation_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_inventory_service_release_reservation_done)done)(arg, status, (const Store__V1__Reservation *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_inventory_service_release_reservation(
    rpc_client *client, const Store__V1__ReleaseReservationRequest *request, const rpc_call_options *options,
    store_v1_inventory_service_release_reservation_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_inventory_service_release_reservation_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_inventory_service.methods[2], &request->base, options, completion);
}

/* ListReservations */
static inline void store_v1_inventory_service_list_reservations_reply(
    rpc_call *call, const Store__V1__ListReservationsResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_inventory_service_list_reservations_done)(
    void *arg, const rpc_status *status, const Store__V1__ListReservationsResponse *response);

static inline void store_v1_inventory_service_list_reservations_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_inventory_service_list_reservations_done)done)(arg, status, (const Store__V1__ListReservationsResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_inventory_service_list_reservations(
    rpc_client *client, const Store__V1__ListReservationsRequest *request, const rpc_call_options *options,
    store_v1_inventory_service_list_reservations_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_inventory_service_list_reservations_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_inventory_service.methods[3], &request->base, options, completion);
}

/* GetProduct */
static inline void store_v1_inventory_service_get_product_reply(
    rpc_call *call, const Store__V1__Product *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_inventory_service_get_product_done)(
    void *arg, const rpc_status *status, const Store__V1__Product *response);

static inline void store_v1_inventory_service_get_product_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_inventory_service_get_product_done)done)(arg, status, (const Store__V1__Product *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_inventory_service_get_product(
    rpc_client *client, const Store__V1__GetProductRequest *request, const rpc_call_options *options,
    store_v1_inventory_service_get_product_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_inventory_service_get_product_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_inventory_service.methods[4], &request->base, options, completion);
}

/* ListProducts */
static inline void store_v1_inventory_service_list_products_reply(
    rpc_call *call, const Store__V1__ListProductsResponse *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_inventory_service_list_products_done)(
    void *arg, const rpc_status *status, const Store__V1__ListProductsResponse *response);

static inline void store_v1_inventory_service_list_products_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_inventory_service_list_products_done)done)(arg, status, (const Store__V1__ListProductsResponse *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_inventory_service_list_products(
    rpc_client *client, const Store__V1__ListProductsRequest *request, const rpc_call_options *options,
    store_v1_inventory_service_list_products_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_inventory_service_list_products_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_inventory_service.methods[5], &request->base, options, completion);
}

/* RestockProduct */
static inline void store_v1_inventory_service_restock_product_reply(
    rpc_call *call, const Store__V1__Product *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_inventory_service_restock_product_done)(
    void *arg, const rpc_status *status, const Store__V1__Product *response);

static inline void store_v1_inventory_service_restock_product_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_inventory_service_restock_product_done)done)(arg, status, (const Store__V1__Product *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_inventory_service_restock_product(
    rpc_client *client, const Store__V1__RestockProductRequest *request, const rpc_call_options *options,
    store_v1_inventory_service_restock_product_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_inventory_service_restock_product_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_inventory_service.methods[6], &request->base, options, completion);
}

/* GetSimulation */
static inline void store_v1_inventory_service_get_simulation_reply(
    rpc_call *call, const Store__V1__Simulation *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_inventory_service_get_simulation_done)(
    void *arg, const rpc_status *status, const Store__V1__Simulation *response);

static inline void store_v1_inventory_service_get_simulation_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_inventory_service_get_simulation_done)done)(arg, status, (const Store__V1__Simulation *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_inventory_service_get_simulation(
    rpc_client *client, const Store__V1__GetSimulationRequest *request, const rpc_call_options *options,
    store_v1_inventory_service_get_simulation_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_inventory_service_get_simulation_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_inventory_service.methods[7], &request->base, options, completion);
}

/* UpdateSimulation */
static inline void store_v1_inventory_service_update_simulation_reply(
    rpc_call *call, const Store__V1__Simulation *response) {
  rpc_call_reply(call, &response->base);
}

/* response is NULL unless status->code is RPC_OK; both are gone when it returns. Must not block. */
typedef void (*store_v1_inventory_service_update_simulation_done)(
    void *arg, const rpc_status *status, const Store__V1__Simulation *response);

static inline void store_v1_inventory_service_update_simulation_thunk(
    rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  ((store_v1_inventory_service_update_simulation_done)done)(arg, status, (const Store__V1__Simulation *)response);
}

/* Calls it; done is told the outcome, exactly once: see rpc_client_call. */
static inline void store_v1_inventory_service_update_simulation(
    rpc_client *client, const Store__V1__UpdateSimulationRequest *request, const rpc_call_options *options,
    store_v1_inventory_service_update_simulation_done done, void *arg) {
  rpc_completion completion = {
      .thunk = store_v1_inventory_service_update_simulation_thunk, .done = (rpc_any_fn)done, .arg = arg};
  rpc_client_call(client, &api_store_v1_inventory_service.methods[8], &request->base, options, completion);
}
