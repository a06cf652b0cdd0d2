/* See source.h. A task is one operation under way; it lives from its start to the last answer. */
#include "runner/source.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/v1/inventory.pb-c.h"
#include "store/v1/order.pb-c.h"

enum { POOL_SIZE = 1024, FIRST_ORDERS = 1000, TOO_MANY = 9999, STREAM_KIND = 1, STREAM_DETAIL = 2 };

const char *const runner_fault_names[RUNNER_FAULT_COUNT] = {"unknown_product", "wrong_price", "too_many",
                                                            "bad_quantity",    "impatient",   "duplicate"};

struct runner_source {
  const runner_workload *workload;
  runner_mix mix;
  runner_door *door;
  const char *run_id;
  const api_method *create_order, *get_order, *list_orders, *get_product, *reserve, *release;

  pthread_mutex_t lock;
  char order_ids[POOL_SIZE][72]; /* that may be read */
  uint64_t orders_known;         /* the last POOL_SIZE of them are there */
};

typedef struct task {
  runner_source *source;
  runner_engine_operation *operation;
  runner_kind kind;
  uint64_t index;
} task;

runner_source *runner_source_create(const runner_workload *workload, const runner_mix *mix, runner_door *door,
                                    const char *run_id) {
  runner_source *source = calloc(1, sizeof *source);
  if (source == NULL) return NULL;
  source->workload = workload;
  source->mix = *mix;
  source->door = door;
  source->run_id = run_id;
  source->create_order = runner_door_method("/store.v1.OrderService/CreateOrder");
  source->get_order = runner_door_method("/store.v1.OrderService/GetOrder");
  source->list_orders = runner_door_method("/store.v1.OrderService/ListOrders");
  source->get_product = runner_door_method("/store.v1.InventoryService/GetProduct");
  source->reserve = runner_door_method("/store.v1.InventoryService/ReserveInventory");
  source->release = runner_door_method("/store.v1.InventoryService/ReleaseReservation");
  pthread_mutex_init(&source->lock, NULL);
  return source;
}

void runner_source_destroy(runner_source *source) {
  if (source == NULL) return;
  pthread_mutex_destroy(&source->lock);
  free(source);
}

static void learn_order(runner_source *source, const char *order_id) {
  pthread_mutex_lock(&source->lock);
  snprintf(source->order_ids[source->orders_known++ % POOL_SIZE], sizeof source->order_ids[0], "%s", order_id);
  pthread_mutex_unlock(&source->lock);
}

/* False: none is known. */
static bool recall_order(runner_source *source, rpc_random *random, char order_id[72]) {
  pthread_mutex_lock(&source->lock);
  uint64_t count = source->orders_known < POOL_SIZE ? source->orders_known : POOL_SIZE;
  if (count > 0) {
    size_t at = (size_t)rpc_random_between(random, 0, (int64_t)count - 1);
    snprintf(order_id, 72, "%s", source->order_ids[at]);
  }
  pthread_mutex_unlock(&source->lock);
  return count > 0;
}

static void learn_orders(void *arg, const ProtobufCMessage *message) {
  const Store__V1__ListOrdersResponse *response = (const void *)message;
  for (size_t i = 0; i < response->n_orders; i++) learn_order(arg, response->orders[i]->order_id);
}

rpc_status runner_source_find_orders(runner_source *source) {
  if (source->mix.weights[RUNNER_READ_ORDER] <= 0) return rpc_status_ok();
  Store__V1__ListOrdersRequest request = STORE__V1__LIST_ORDERS_REQUEST__INIT;
  request.page_size = FIRST_ORDERS;
  return runner_door_call_and_wait(source->door, source->list_orders, &request.base, NULL, learn_orders, source);
}

static void finish(task *of, const runner_outcome *outcome) {
  runner_engine_operation *operation = of->operation;
  free(of);
  runner_engine_finish(operation, outcome);
}

/* The end of an operation of one call, or of the last call. */
static void end_call(void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  (void)response;
  task *of = arg;
  runner_outcome outcome = runner_outcome_of_call(of->kind, status);
  finish(of, &outcome);
}

static void end_order(void *arg, const rpc_status *status, const ProtobufCMessage *message) {
  task *of = arg;
  const Store__V1__CreateOrderResponse *response = (const void *)message;
  runner_outcome outcome = runner_outcome_of_order(status, response == NULL ? NULL : response->order_id);
  if (outcome.order_id[0] != '\0' && of->source->mix.weights[RUNNER_READ_ORDER] > 0) {
    learn_order(of->source, outcome.order_id);
  }
  finish(of, &outcome);
}

/* suffix tells the calls of one operation apart. */
static void call(task *of, const api_method *method, const ProtobufCMessage *request, uint64_t index,
                 const char *suffix, uint32_t timeout_ms, runner_door_done_fn done) {
  const runner_source *source = of->source;
  char key[96];
  snprintf(key, sizeof key, "%s-%" PRIu64 "%s", source->run_id, index, suffix);
  bool reads = of->kind == RUNNER_READ_ORDER || of->kind == RUNNER_READ_STOCK;
  runner_door_options options = {
      .correlation_id = key, .idempotency_key = reads ? NULL : key, .timeout_ms = timeout_ms};
  source->door->call(source->door, method, request, &options, done, of);
}

/* An index into shares, or count where none was drawn: point goes from 0 to the sum of what is to be drawn from. */
static size_t draw(const double *shares, size_t count, double point) {
  size_t at = 0;
  while (at < count && (point -= shares[at]) >= 0) at++;
  return at;
}

/* What operation number index is to be; fault: RUNNER_FAULT_COUNT for none. */
static runner_kind kind_of(const runner_source *source, uint64_t index, runner_fault *fault) {
  rpc_random random;
  runner_workload_random(source->workload, index, STREAM_KIND, &random);
  double sum = 0;
  for (size_t i = 0; i < RUNNER_KIND_COUNT; i++) sum += source->mix.weights[i];
  size_t kind = draw(source->mix.weights, RUNNER_KIND_COUNT, rpc_random_unit(&random) * sum);
  *fault = (runner_fault)draw(source->mix.faults, RUNNER_FAULT_COUNT, rpc_random_unit(&random));
  return kind == RUNNER_KIND_COUNT ? RUNNER_PLACE_ORDER : (runner_kind)kind;
}

static void spoil(Store__V1__OrderItem *item, runner_fault fault) {
  switch (fault) {
    case RUNNER_FAULT_UNKNOWN_PRODUCT:
      item->product_id = (char *)(uintptr_t) "NO-SUCH-PRODUCT";
      break;
    case RUNNER_FAULT_WRONG_PRICE:
      item->optional_price_case = STORE__V1__ORDER_ITEM__OPTIONAL_PRICE_PRICE;
      item->price = 0.01;
      break;
    case RUNNER_FAULT_TOO_MANY:
      item->quantity = TOO_MANY;
      break;
    case RUNNER_FAULT_BAD_QUANTITY:
      item->quantity = 0;
      break;
    case RUNNER_FAULT_IMPATIENT:
    case RUNNER_FAULT_DUPLICATE:
    case RUNNER_FAULT_COUNT:
      break;
  }
}

/* The number of the order to send: a duplicate sends the one before, where that was a good one. */
static uint64_t order_to_send(const runner_source *source, uint64_t index, runner_fault fault) {
  runner_fault earlier;
  if (fault != RUNNER_FAULT_DUPLICATE || index == 0) return index;
  bool good = kind_of(source, index - 1, &earlier) == RUNNER_PLACE_ORDER && earlier == RUNNER_FAULT_COUNT;
  return good ? index - 1 : index;
}

static void place_order(task *of, uint64_t index, runner_fault fault) {
  index = order_to_send(of->source, index, fault);
  runner_order order;
  runner_workload_order(of->source->workload, index, &order);
  Store__V1__OrderItem items[RUNNER_ORDER_ITEMS_MAX], *item_pointers[RUNNER_ORDER_ITEMS_MAX];
  for (size_t i = 0; i < order.item_count; i++) {
    items[i] = (Store__V1__OrderItem)STORE__V1__ORDER_ITEM__INIT;
    items[i].product_id = (char *)(uintptr_t)order.items[i].product_id;
    items[i].quantity = order.items[i].quantity;
    if (order.items[i].price >= 0) {
      items[i].optional_price_case = STORE__V1__ORDER_ITEM__OPTIONAL_PRICE_PRICE;
      items[i].price = order.items[i].price;
    }
    item_pointers[i] = &items[i];
  }
  spoil(&items[0], fault);
  Store__V1__CreateOrderRequest request = STORE__V1__CREATE_ORDER_REQUEST__INIT;
  request.customer_id = order.customer_id;
  request.shipping_address = order.shipping_address;
  request.n_items = order.item_count;
  request.items = item_pointers;
  uint32_t timeout_ms = fault == RUNNER_FAULT_IMPATIENT ? RUNNER_IMPATIENT_MS : 0;
  call(of, of->source->create_order, &request.base, index, "", timeout_ms, end_order);
}

static void read_order(task *of, const char *order_id) {
  Store__V1__GetOrderRequest request = STORE__V1__GET_ORDER_REQUEST__INIT;
  request.order_id = (char *)(uintptr_t)order_id;
  call(of, of->source->get_order, &request.base, of->index, "", 0, end_call);
}

static void read_stock(task *of, rpc_random *random) {
  Store__V1__GetProductRequest request = STORE__V1__GET_PRODUCT_REQUEST__INIT;
  request.product_id = (char *)(uintptr_t)runner_workload_product(of->source->workload, random);
  call(of, of->source->get_product, &request.base, of->index, "", 0, end_call);
}

static void release(void *arg, const rpc_status *status, const ProtobufCMessage *message) {
  const Store__V1__ReserveInventoryResponse *response = (const void *)message;
  if (status->code != RPC_OK) {
    end_call(arg, status, NULL);
    return;
  }
  task *of = arg;
  Store__V1__ReleaseReservationRequest request = STORE__V1__RELEASE_RESERVATION_REQUEST__INIT;
  request.reservation_id = response->reservation_id;
  call(of, of->source->release, &request.base, of->index, "-release", 0, end_call);
}

static void reserve(task *of, rpc_random *random) {
  Store__V1__ReserveItem item = STORE__V1__RESERVE_ITEM__INIT, *items[] = {&item};
  item.product_id = (char *)(uintptr_t)runner_workload_product(of->source->workload, random);
  item.quantity = 1;
  Store__V1__ReserveInventoryRequest request = STORE__V1__RESERVE_INVENTORY_REQUEST__INIT;
  request.n_items = 1;
  request.items = items;
  call(of, of->source->reserve, &request.base, of->index, "-reserve", 0, release);
}

void runner_source_start(void *self, uint64_t index, runner_engine_operation *operation) {
  runner_source *source = self;
  runner_fault fault;
  runner_kind kind = kind_of(source, index, &fault);
  rpc_random random;
  runner_workload_random(source->workload, index, STREAM_DETAIL, &random);
  char order_id[72];
  if (kind == RUNNER_READ_ORDER && !recall_order(source, &random, order_id)) kind = RUNNER_PLACE_ORDER;
  task *of = malloc(sizeof *of);
  if (of == NULL) {
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for an operation");
    runner_outcome outcome = runner_outcome_of_call(kind, &status);
    runner_engine_finish(operation, &outcome);
    return;
  }
  *of = (task){.source = source, .operation = operation, .kind = kind, .index = index};
  switch (kind) {
    case RUNNER_READ_ORDER:
      read_order(of, order_id);
      break;
    case RUNNER_READ_STOCK:
      read_stock(of, &random);
      break;
    case RUNNER_RESERVE_RELEASE:
      reserve(of, &random);
      break;
    case RUNNER_PLACE_ORDER:
    case RUNNER_KIND_COUNT:
      place_order(of, index, fault);
      break;
  }
}
