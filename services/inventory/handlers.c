/* The methods of store.v1.InventoryService. A write goes: check the request, look at its idempotency key, wait as the
 * simulation says, run as a job in the database, answer after the commit. A read is answered at once. */
#include "inventory/handlers.h"

#include <stdlib.h>
#include <string.h>

#include "inventory/jobs.h"
#include "inventory/messages.h"
#include "simulation/switches.h"
#include "store/v1/inventory.rpc.h"
#include "validation/validation.h"

enum {
  QUANTITY_MAX = 10000,
  RESTOCK_MAX = 1000000,
  SWEEP_MIN_MS = 100,
  SWEEP_MAX_MS = 30000,
  GAUGED_PRODUCTS = 100 /* products with a stock gauge of their own */
};

/* --- writes: what they have in common --- */

/* NULL: the call was answered. */
static inventory_write *new_write(inventory_service *service, rpc_call *call,
                                  rpc_status (*run)(storage_job *job, storage_tx *tx),
                                  void (*done)(storage_job *job, const rpc_status *status)) {
  inventory_write *write = rpc_arena_alloc(rpc_call_arena(call), sizeof *write);
  if (!write) {
    rpc_status status = inventory_out_of_memory();
    rpc_call_fail(call, &status);
    return NULL;
  }
  write->job = (storage_job){
      .run = run, .done = done, .parent = rpc_call_trace(call), .correlation_id = rpc_call_correlation_id(call)};
  write->service = service;
  write->call = call;
  return write;
}

static void queue_write(void *arg) {
  inventory_write *write = arg;
  write->now_ms = rpc_clock_unix_ms(write->service->config.clock);
  storage_write(write->service->db, &write->job);
}

/* The simulation let the step happen. */
static void step_passed(void *arg, bool refused, double roll) {
  (void)roll;
  inventory_write *write = arg;
  write->conflict = refused;
  queue_write(write);
}

static void step_failed(void *arg, const rpc_status *status) {
  inventory_write *write = arg;
  idempotency_finish(write->service->keys, write->call, NULL, status);
}

static void reserve_new(void *arg) {
  inventory_write *write = arg;
  simulation_run(write->service->sim, SIMULATION_RESERVE, write->call, step_passed, step_failed, write);
}

static void write_done(storage_job *job, const rpc_status *status) {
  inventory_write *write = (inventory_write *)job;
  if (status->code == RPC_OK) {
    if (write->outcome != INVENTORY_UNCOUNTED) metrics_add(write->service->outcomes[write->outcome], 1);
    status = &write->failure;
  }
  idempotency_finish(write->service->keys, write->call, write->response, status->code == RPC_OK ? NULL : status);
}

/* --- ReserveInventory --- */

static rpc_status read_line(const Store__V1__ReserveItem *item, size_t index, reservation_line *line) {
  char field[96];
  *line = (reservation_line){.product_id = item->product_id, .quantity = item->quantity, .expected_cents = -1};
  rpc_status status = validation_check_id(validation_field_at(field, "items", index, "product_id"), item->product_id);
  if (status.code != RPC_OK) return status;
  status =
      validation_check_range(validation_field_at(field, "items", index, "quantity"), item->quantity, 1, QUANTITY_MAX);
  if (status.code != RPC_OK || item->optional_price_case != STORE__V1__RESERVE_ITEM__OPTIONAL_PRICE_PRICE) {
    return status;
  }
  return validation_check_money(validation_field_at(field, "items", index, "price"), item->price, 0, INT32_MAX,
                                &line->expected_cents);
}

static rpc_status read_reserve_request(const Store__V1__ReserveInventoryRequest *request, inventory_write *write) {
  rpc_status status = rpc_status_ok();
  if (request->n_items < 1 || request->n_items > RESERVATION_LINES_MAX) {
    return rpc_status_invalid("items", "must have 1 to %d items", RESERVATION_LINES_MAX);
  }
  if (request->order_id[0]) status = validation_check_id("order_id", request->order_id);
  if (status.code != RPC_OK) return status;
  write->lines = rpc_arena_alloc(rpc_call_arena(write->call), request->n_items * sizeof *write->lines);
  if (!write->lines) return inventory_out_of_memory();
  write->line_count = request->n_items;
  for (size_t i = 0; status.code == RPC_OK && i < request->n_items; i++) {
    status = read_line(request->items[i], i, &write->lines[i]);
  }
  return status;
}

static void reserve_inventory(void *self, rpc_call *call, const Store__V1__ReserveInventoryRequest *request) {
  inventory_service *service = self;
  inventory_write *write = new_write(service, call, inventory_run_reserve, write_done);
  if (!write) return;
  rpc_status status = read_reserve_request(request, write);
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  inventory_reservation *reservation = &write->reservation;
  validation_make_id(reservation->reservation_id, "RES-", rpc_clock_unix_ms(service->config.clock),
                     service->config.random);
  strcpy(reservation->order_id, request->order_id);
  strcpy(reservation->correlation_id, rpc_call_correlation_id(call));
  idempotency_begin(service->keys, call, &request->base, reserve_new, write);
}

/* --- ConfirmReservation, ReleaseReservation --- */

static void settle_reservation(inventory_service *service, rpc_call *call, const char *reservation_id,
                               reservation_action action, simulation_step step) {
  rpc_status status = validation_check_id("reservation_id", reservation_id);
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  inventory_write *write = new_write(service, call, inventory_run_settle, write_done);
  if (!write) return;
  write->action = action;
  strcpy(write->reservation.reservation_id, reservation_id);
  simulation_run(service->sim, step, call, step_passed, step_failed, write);
}

static void confirm_reservation(void *self, rpc_call *call, const Store__V1__ConfirmReservationRequest *request) {
  settle_reservation(self, call, request->reservation_id, RESERVATION_CONFIRM, SIMULATION_CONFIRM);
}

static void release_reservation(void *self, rpc_call *call, const Store__V1__ReleaseReservationRequest *request) {
  settle_reservation(self, call, request->reservation_id, RESERVATION_RELEASE, SIMULATION_RELEASE);
}

static void sweep_done(void *arg) {
  inventory_service *service = arg;
  metrics_add(service->outcomes[INVENTORY_EXPIRED], service->swept);
}

/* --- RestockProduct --- */

static void restock_product(void *self, rpc_call *call, const Store__V1__RestockProductRequest *request) {
  inventory_service *service = self;
  rpc_status status = validation_check_id("product_id", request->product_id);
  if (status.code == RPC_OK) status = validation_check_range("quantity", request->quantity, 1, RESTOCK_MAX);
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  inventory_write *write = new_write(service, call, inventory_run_restock, write_done);
  if (!write) return;
  write->product_id = request->product_id;
  write->quantity = request->quantity;
  idempotency_begin(service->keys, call, &request->base, queue_write, write);
}

/* --- reads --- */

/* A read on its way; in its call's arena. */
typedef struct stock_query {
  storage_job job; /* first: run and done get it back as their query */
  inventory_service *service;
  rpc_call *call;
  rpc_arena *arena;    /* the call's */
  const char *id;      /* of the product or reservation asked for, or page_token */
  const char *filter;  /* status */
  size_t max;          /* rows of a page */
  bool is_kept;        /* what is read goes into the cache, */
  uint64_t generation; /* as of this one */
  const ProtobufCMessage *response;
} stock_query;

static rpc_status give(stock_query *query, const ProtobufCMessage *response) {
  query->response = response;
  return response ? rpc_status_ok() : inventory_out_of_memory();
}

static void query_done(storage_job *job, const rpc_status *status) {
  stock_query *query = (stock_query *)job;
  if (status->code == RPC_OK) {
    rpc_call_reply(query->call, query->response);
  } else {
    rpc_call_fail(query->call, status);
  }
}

static void answer_query(inventory_service *service, rpc_call *call, const stock_query *asked, rpc_status status,
                         rpc_status (*read)(storage_job *job, storage_tx *tx)) {
  stock_query *query = rpc_arena_alloc(rpc_call_arena(call), sizeof *query);
  if (!query) status = inventory_out_of_memory();
  if (status.code != RPC_OK) {
    rpc_call_fail(call, &status);
    return;
  }
  *query = *asked;
  query->service = service;
  query->call = call;
  query->arena = rpc_call_arena(call);
  query->job.run = read;
  query->job.done = query_done;
  storage_read(service->db, &query->job);
}

static rpc_status check_page(int32_t page_size, const char *page_token, size_t *max) {
  int32_t size;
  rpc_status status = validation_check_page("page_size", page_size, &size);
  if (status.code == RPC_OK && page_token[0]) status = validation_check_id("page_token", page_token);
  *max = (size_t)size;
  return status;
}

static rpc_status read_product(storage_job *job, storage_tx *tx) {
  stock_query *query = (stock_query *)job;
  inventory_product product;
  if (!inventory_store_find_product(tx, query->id, &product)) return inventory_product_not_found(query->id);
  if (query->is_kept) product_cache_keep(query->service->products, query->generation, &product);
  Store__V1__Product *message = inventory_product_message(query->arena, &product);
  return give(query, message ? &message->base : NULL);
}

static void answer_product(rpc_call *call, const inventory_product *product) {
  Store__V1__Product *message = inventory_product_message(rpc_call_arena(call), product);
  if (message) {
    rpc_call_reply(call, &message->base);
  } else {
    rpc_status status = inventory_out_of_memory();
    rpc_call_fail(call, &status);
  }
}

static void get_product(void *self, rpc_call *call, const Store__V1__GetProductRequest *request) {
  inventory_service *service = self;
  stock_query query = {.id = request->product_id};
  query.is_kept = storage_generation(service->db, &query.generation);
  inventory_product product;
  if (query.is_kept && product_cache_find(service->products, query.generation, query.id, &product)) {
    answer_product(call, &product);
    return;
  }
  query.job.is_single = true;
  answer_query(service, call, &query, validation_check_id("product_id", request->product_id), read_product);
}

static rpc_status read_products(storage_job *job, storage_tx *tx) {
  stock_query *query = (stock_query *)job;
  Store__V1__ListProductsResponse *page = rpc_arena_alloc(query->arena, sizeof *page);
  inventory_product *rows = rpc_arena_alloc(query->arena, (query->max + 1) * sizeof *rows);
  Store__V1__Product **messages = rpc_arena_alloc(query->arena, query->max * sizeof *messages);
  if (!page || !rows || !messages) return inventory_out_of_memory();
  store__v1__list_products_response__init(page);
  size_t count = inventory_store_list_products(tx, query->id, rows, query->max + 1);
  page->products = messages;
  page->n_products = count < query->max ? count : query->max;
  for (size_t i = 0; i < page->n_products; i++) {
    messages[i] = inventory_product_message(query->arena, &rows[i]);
    if (!messages[i]) return inventory_out_of_memory();
  }
  if (count > query->max) page->next_page_token = messages[query->max - 1]->product_id;
  return give(query, &page->base);
}

static void list_products(void *self, rpc_call *call, const Store__V1__ListProductsRequest *request) {
  stock_query query = {.id = request->page_token};
  rpc_status status = check_page(request->page_size, request->page_token, &query.max);
  answer_query(self, call, &query, status, read_products);
}

static rpc_status read_reservations(storage_job *job, storage_tx *tx) {
  stock_query *query = (stock_query *)job;
  Store__V1__ListReservationsResponse *page = rpc_arena_alloc(query->arena, sizeof *page);
  inventory_reservation *rows = rpc_arena_alloc(query->arena, (query->max + 1) * sizeof *rows);
  Store__V1__Reservation **messages = rpc_arena_alloc(query->arena, query->max * sizeof *messages);
  if (!page || !rows || !messages) return inventory_out_of_memory();
  store__v1__list_reservations_response__init(page);
  size_t count = inventory_store_list_reservations(tx, query->filter, query->id, rows, query->max + 1);
  page->reservations = messages;
  page->n_reservations = count < query->max ? count : query->max;
  for (size_t i = 0; i < page->n_reservations; i++) {
    messages[i] = inventory_reservation_message(query->arena, tx, &rows[i]);
    if (!messages[i]) return inventory_out_of_memory();
  }
  if (count > query->max) page->next_page_token = messages[query->max - 1]->reservation_id;
  return give(query, &page->base);
}

static void list_reservations(void *self, rpc_call *call, const Store__V1__ListReservationsRequest *request) {
  stock_query query = {.id = request->page_token, .filter = request->status};
  rpc_status status = check_page(request->page_size, request->page_token, &query.max);
  reservation_status filter;
  if (status.code == RPC_OK && request->status[0] && !reservation_status_from_name(request->status, &filter)) {
    status = rpc_status_invalid("status", "must be held, confirmed, released or expired");
  }
  answer_query(self, call, &query, status, read_reservations);
}

/* --- the simulation's switches --- */

static const simulation_share share = {"inventory", SIMULATION_RESERVE, SIMULATION_RELEASE, .has_network = true};

static void get_simulation(void *self, rpc_call *call, const Store__V1__GetSimulationRequest *request) {
  (void)request;
  simulation_answer(((inventory_service *)self)->sim, &share, call);
}

static void update_simulation(void *self, rpc_call *call, const Store__V1__UpdateSimulationRequest *request) {
  inventory_service *service = self;
  simulation_update(service->sim, &share, call, request, service->config.log);
}

/* --- the service --- */

static rpc_status read_gauges(storage_job *job, storage_tx *tx) {
  inventory_service *service = ((gauges_read *)job)->service;
  inventory_product products[GAUGED_PRODUCTS];
  size_t count = inventory_store_list_products(tx, "", products, GAUGED_PRODUCTS);
  for (size_t i = 0; i < count; i++) {
    const char *id = products[i].product_id;
    metrics_set(metrics_series_get(service->stock, (const char *const[]){id, "on_hand"}), products[i].total_stock);
    metrics_set(metrics_series_get(service->stock, (const char *const[]){id, "reserved"}), products[i].reserved);
  }
  metrics_set(service->active, inventory_store_count_held(tx));
  return storage_tx_status(tx);
}

static void gauges_done(storage_job *job, const rpc_status *status) {
  inventory_service *service = ((gauges_read *)job)->service;
  if (status->code != RPC_OK) {
    log_at(service->config.log, LOG_WARN, "cannot read the stock's gauges", LOG_TEXT("error", status->message));
  }
  atomic_store(&service->gauges.is_busy, false);
}

/* At each scrape: the database is what all replicas share, so the figures are right whoever changed them. Where reads
 * take a while they show at the next. */
static void collect_gauges(void *arg) {
  inventory_service *service = arg;
  if (atomic_exchange(&service->gauges.is_busy, true)) return;
  service->gauges.job = (storage_job){.run = read_gauges, .done = gauges_done};
  service->gauges.service = service;
  storage_read(service->db, &service->gauges.job);
}

static void define_metrics(inventory_service *service) {
  static const char *const names[INVENTORY_OUTCOME_COUNT] = {"held",    "confirmed",    "released",
                                                             "expired", "out_of_stock", "conflict"};
  metrics_registry *metrics = service->config.metrics;
  metrics_family *family = metrics_define(metrics, METRICS_COUNTER, "inventory_reservations_total",
                                          "What became of reservations: each change of state, each refusal.",
                                          (const char *const[]){"outcome", NULL});
  for (int i = 0; i < INVENTORY_OUTCOME_COUNT; i++) {
    service->outcomes[i] = metrics_series_get(family, (const char *const[]){names[i]});
  }
  service->stock = metrics_define(metrics, METRICS_GAUGE, "inventory_stock_units",
                                  "Units by product: on hand (reserved ones included), and reserved.",
                                  (const char *const[]){"product_id", "state", NULL});
  service->active = metrics_series_get(
      metrics_define(metrics, METRICS_GAUGE, "inventory_active_reservations", "Reservations that hold stock.", NULL),
      NULL);
  metrics_on_scrape(metrics, collect_gauges, service);
}

/* Often enough that a hold ends soon after its lease, seldom enough to cost nothing. */
static int64_t sweep_interval_ms(int64_t lease_ms) {
  int64_t interval_ms = lease_ms / 10;
  if (interval_ms < SWEEP_MIN_MS) return SWEEP_MIN_MS;
  return interval_ms > SWEEP_MAX_MS ? SWEEP_MAX_MS : interval_ms;
}

inventory_service *inventory_service_create(const inventory_service_config *config, rpc_status *status) {
  *status = rpc_status_ok();
  inventory_service *service = calloc(1, sizeof *service);
  if (!service) goto out_of_memory;
  service->config = *config;
  if (!service->config.lease_ms) service->config.lease_ms = INVENTORY_LEASE_DEFAULT_MS;
  service->db = storage_open(&(storage_config){.database = config->database,
                                               .schema = "inventory",
                                               .exclusive = true, /* most orders meet in a few products */
                                               .migrations = inventory_store_migrations,
                                               .statements = inventory_store_statements,
                                               .statement_count = inventory_store_statement_count,
                                               .threaded = config->threaded,
                                               .audit = config->audit,
                                               .traces = config->traces,
                                               .metrics = config->metrics,
                                               .log = config->log,
                                               .faults = config->faults},
                             status);
  if (!service->db) goto fail;
  define_metrics(service); /* before the sweep begins, which counts */
  service->keys = idempotency_create(service->db, config->clock, config->retention_hours);
  service->sim = simulation_create(&config->simulation, config->clock, config->random, config->metrics);
  service->sweep = storage_schedule_create(service->db, config->clock, sweep_interval_ms(service->config.lease_ms),
                                           (storage_chore){inventory_run_sweep, sweep_done, service});
  service->products = product_cache_create();
  if (!service->keys || !service->sim || !service->sweep || !service->products) goto out_of_memory;
  return service;

out_of_memory:
  *status = inventory_out_of_memory();
fail:
  inventory_service_destroy(service);
  return NULL;
}

void inventory_service_register(inventory_service *service, rpc_server *server) {
  static const store_v1_inventory_service_handlers handlers = {
      .reserve_inventory = reserve_inventory,
      .confirm_reservation = confirm_reservation,
      .release_reservation = release_reservation,
      .list_reservations = list_reservations,
      .get_product = get_product,
      .list_products = list_products,
      .restock_product = restock_product,
      .get_simulation = get_simulation,
      .update_simulation = update_simulation,
  };
  store_v1_inventory_service_register(server, &handlers, service);
  rpc_server_add_dependency(server, "storage", true, storage_healthy, service->db);
  rpc_server_watch_queue(server, storage_load, service->db);
  rpc_server_always_admit(server, "/store.v1.InventoryService/ConfirmReservation");
  rpc_server_always_admit(server, "/store.v1.InventoryService/ReleaseReservation");
}

void inventory_service_destroy(inventory_service *service) {
  if (!service) return;
  storage_schedule_destroy(service->sweep);
  idempotency_destroy(service->keys);
  simulation_destroy(service->sim);
  storage_close(service->db);
  product_cache_destroy(service->products);
  free(service);
}
