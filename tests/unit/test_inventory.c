/* The inventory service as its callers see it, on a virtual clock and a database in memory; one test runs it with real
 * threads and files. */
#include <pthread.h>
#include <stdatomic.h>

#include "database_fixture.h"
#include "inventory/handlers.h"
#include "store/v1/inventory.rpc.h"
#include "telemetry/audit.h"

enum { RESERVE, CONFIRM, RELEASE, LIST_RESERVATIONS, GET, LIST, RESTOCK };
enum { LEASE_MS = 60000 };

typedef struct shop {
  fixture f;
  inventory_service *service;
} shop;

static void open_shop(shop *s, const char *database, simulation_settings settings, audit_log *audit) {
  memset(s, 0, sizeof *s);
  fixture_open(&s->f);
  rpc_status status;
  s->service = inventory_service_create(&(inventory_service_config){.database = database,
                                                                    .simulation = settings,
                                                                    .lease_ms = LEASE_MS,
                                                                    .clock = s->f.clock,
                                                                    .random = &s->f.random,
                                                                    .metrics = s->f.metrics,
                                                                    .audit = audit},
                                        &status);
  assert_int_equal(status.code, RPC_OK);
  inventory_service_register(s->service, s->f.server);
}

static void close_shop(shop *s) {
  fixture_close_server(&s->f);
  inventory_service_destroy(s->service);
  fixture_close(&s->f);
}

static int make_shop(void **state) {
  shop *s = calloc(1, sizeof *s);
  open_shop(s, fresh_database(":memory:", "inventory"), simulation_settings_of(SIMULATION_NONE), NULL);
  *state = s;
  return 0;
}

static int free_shop(void **state) {
  close_shop(*state);
  free(*state);
  return 0;
}

static rpc_status call(shop *s, call_reply *reply, int method, const ProtobufCMessage *request, const char *key) {
  send_call(s->f.server, reply, &api_store_v1_inventory_service.methods[method], request, key, 0);
  await_reply(&s->f, reply);
  return reply->status;
}

/* --- the domain, in a test's words --- */

typedef struct want {
  const char *product_id;
  int32_t quantity;
  double price; /* below 0: none named */
} want;

enum { WANTS_MAX = 100 }; /* one more is refused */

static rpc_status reserve(shop *s, call_reply *reply, const want *wants, size_t count, const char *key) {
  Store__V1__ReserveItem items[WANTS_MAX + 1];
  Store__V1__ReserveItem *pointers[WANTS_MAX + 1];
  for (size_t i = 0; i < count; i++) {
    store__v1__reserve_item__init(&items[i]);
    items[i].product_id = (char *)wants[i].product_id;
    items[i].quantity = wants[i].quantity;
    if (wants[i].price >= 0) items[i].optional_price_case = STORE__V1__RESERVE_ITEM__OPTIONAL_PRICE_PRICE;
    if (wants[i].price >= 0) items[i].price = wants[i].price;
    pointers[i] = &items[i];
  }
  Store__V1__ReserveInventoryRequest request = STORE__V1__RESERVE_INVENTORY_REQUEST__INIT;
  request.order_id = "ORD-1";
  request.items = pointers;
  request.n_items = count;
  return call(s, reply, RESERVE, &request.base, key);
}

/* Reserves one product; the reservation's id, or "" where it was refused. */
static void reserve_one(shop *s, const char *product_id, int32_t quantity, char id[64]) {
  call_reply reply;
  rpc_status status = reserve(s, &reply, &(want){product_id, quantity, -1}, 1, NULL);
  snprintf(id, 64, "%s",
           status.code == RPC_OK ? ((Store__V1__ReserveInventoryResponse *)reply.message)->reservation_id : "");
  free_reply(&reply);
}

/* Confirms or releases; the reservation's status then, or the reason of the refusal. */
static void settle(shop *s, int method, const char *id, char outcome[64]) {
  Store__V1__ConfirmReservationRequest confirm = STORE__V1__CONFIRM_RESERVATION_REQUEST__INIT;
  Store__V1__ReleaseReservationRequest release = STORE__V1__RELEASE_RESERVATION_REQUEST__INIT;
  confirm.reservation_id = release.reservation_id = (char *)id;
  call_reply reply;
  rpc_status status = call(s, &reply, method, method == CONFIRM ? &confirm.base : &release.base, NULL);
  snprintf(outcome, 64, "%s",
           status.code == RPC_OK ? ((Store__V1__Reservation *)reply.message)->status : status.reason);
  free_reply(&reply);
}

static void assert_settles(shop *s, int method, const char *id, const char *expected) {
  char outcome[64];
  settle(s, method, id, outcome);
  assert_string_equal(outcome, expected);
}

static void assert_stock(shop *s, const char *product_id, int total_stock, int reserved, int sold) {
  Store__V1__GetProductRequest request = STORE__V1__GET_PRODUCT_REQUEST__INIT;
  request.product_id = (char *)product_id;
  call_reply reply;
  assert_int_equal(call(s, &reply, GET, &request.base, NULL).code, RPC_OK);
  const Store__V1__Product *product = (const Store__V1__Product *)reply.message;
  assert_int_equal(product->total_stock, total_stock);
  assert_int_equal(product->reserved, reserved);
  assert_int_equal(product->available, total_stock - reserved);
  assert_int_equal(product->sold, sold);
  assert_int_equal(product->received, total_stock + sold);
  free_reply(&reply);
}

static rpc_status restock(shop *s, const char *product_id, int32_t quantity, const char *key) {
  Store__V1__RestockProductRequest request = STORE__V1__RESTOCK_PRODUCT_REQUEST__INIT;
  request.product_id = (char *)product_id;
  request.quantity = quantity;
  call_reply reply;
  rpc_status status = call(s, &reply, RESTOCK, &request.base, key);
  free_reply(&reply);
  return status;
}

/* --- reserving --- */

static void a_reservation_takes_all_its_items_from_the_shelf(void **state) {
  shop *s = *state;
  const want wants[] = {{"LAPTOP-001", 2, 999.99}, {"PHONE-002", 1, -1}, {"LAPTOP-001", 3, -1}};
  call_reply reply;
  assert_int_equal(reserve(s, &reply, wants, 3, NULL).code, RPC_OK);
  const Store__V1__ReserveInventoryResponse *response = (const Store__V1__ReserveInventoryResponse *)reply.message;
  assert_true(response->success);
  assert_memory_equal(response->reservation_id, "RES-", 4);
  assert_int_equal(response->n_items, 3);
  assert_string_equal(response->items[1]->product_id, "PHONE-002");
  assert_int_equal(response->items[1]->quantity_reserved, 1);
  assert_int_equal(response->items[1]->remaining_stock, 99);
  assert_true(response->items[1]->price == 599.99);
  assert_int_equal(response->items[0]->remaining_stock, 45); /* of the product, after all lines */
  assert_int_equal(response->expires_at->seconds, FIXTURE_START_MS + LEASE_MS / 1000);
  assert_stock(s, "LAPTOP-001", 50, 5, 0);
  assert_stock(s, "PHONE-002", 100, 1, 0);
  free_reply(&reply);
}

static void a_refused_reservation_takes_nothing(void **state) {
  shop *s = *state;
  const struct {
    want wants[2];
    rpc_code code;
    const char *reason;
  } cases[] = {
      {{{"PHONE-002", 1, -1}, {"MONITOR-005", 31, -1}}, RPC_FAILED_PRECONDITION, "OUT_OF_STOCK"},
      {{{"PHONE-002", 1, -1}, {"NOTHING-009", 1, -1}}, RPC_NOT_FOUND, "PRODUCT_NOT_FOUND"},
      {{{"PHONE-002", 1, -1}, {"MONITOR-005", 1, 299.98}}, RPC_INVALID_ARGUMENT, "PRICE_MISMATCH"},
      {{{"PHONE-002", 60, -1}, {"PHONE-002", 41, -1}}, RPC_FAILED_PRECONDITION, "OUT_OF_STOCK"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    call_reply reply;
    rpc_status status = reserve(s, &reply, cases[i].wants, 2, NULL);
    assert_int_equal(status.code, cases[i].code);
    assert_string_equal(status.reason, cases[i].reason);
    assert_stock(s, "PHONE-002", 100, 0, 0);
    assert_stock(s, "MONITOR-005", 30, 0, 0);
    free_reply(&reply);
  }
}

static void a_wrong_request_names_its_field(void **state) {
  shop *s = *state;
  want many[WANTS_MAX + 1];
  for (int i = 0; i <= WANTS_MAX; i++) many[i] = (want){"PHONE-002", 1, -1};
  const struct {
    want first;
    size_t count;
    const char *field;
  } cases[] = {
      {{"PHONE-002", 1, -1}, 0, "items"},
      {{"PHONE-002", 0, -1}, 1, "items[0].quantity"},
      {{"PHONE-002", -1, -1}, 1, "items[0].quantity"},
      {{"PHONE-002", 10001, -1}, 1, "items[0].quantity"},
      {{"", 1, -1}, 1, "items[0].product_id"},
      {{"a b", 1, -1}, 1, "items[0].product_id"},
      {{"PHONE-002", 1, 599.999}, 1, "items[0].price"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    call_reply reply;
    rpc_status status = reserve(s, &reply, &cases[i].first, cases[i].count, NULL);
    assert_int_equal(status.code, RPC_INVALID_ARGUMENT);
    assert_string_equal(status.field, cases[i].field);
    free_reply(&reply);
  }
  call_reply reply;
  assert_string_equal(reserve(s, &reply, many, WANTS_MAX, NULL).field, "");
  free_reply(&reply);
  assert_string_equal(reserve(s, &reply, many, WANTS_MAX + 1, NULL).field, "items");
  free_reply(&reply);
}

static void a_repeated_reservation_is_the_same_one(void **state) {
  shop *s = *state;
  call_reply first, second;
  const want wanted = {"LAPTOP-001", 2, -1};
  assert_int_equal(reserve(s, &first, &wanted, 1, "key-1").code, RPC_OK);
  assert_int_equal(reserve(s, &second, &wanted, 1, "key-1").code, RPC_OK);
  assert_string_equal(((Store__V1__ReserveInventoryResponse *)first.message)->reservation_id,
                      ((Store__V1__ReserveInventoryResponse *)second.message)->reservation_id);
  assert_stock(s, "LAPTOP-001", 50, 2, 0);
  free_reply(&first);
  free_reply(&second);
}

static void a_repeated_refusal_stays_a_refusal_after_a_restock(void **state) {
  shop *s = *state;
  call_reply reply;
  const want wanted = {"MONITOR-005", 31, -1};
  assert_string_equal(reserve(s, &reply, &wanted, 1, "key-1").reason, "OUT_OF_STOCK");
  free_reply(&reply);
  assert_int_equal(restock(s, "MONITOR-005", 10, NULL).code, RPC_OK);
  assert_string_equal(reserve(s, &reply, &wanted, 1, "key-1").reason, "OUT_OF_STOCK");
  free_reply(&reply);
  assert_stock(s, "MONITOR-005", 40, 0, 0);
  assert_int_equal(reserve(s, &reply, &wanted, 1, "key-2").code, RPC_OK);
  free_reply(&reply);
}

static void an_injected_conflict_is_final_under_its_key(void **state) {
  (void)state;
  simulation_settings settings = simulation_settings_of(SIMULATION_NONE);
  settings.steps[SIMULATION_RESERVE].failure_rate = .5;
  shop s;
  open_shop(&s, fresh_database(":memory:", "inventory"), settings, NULL);
  int conflicts = 0, held = 0;
  for (int i = 0; i < 50; i++) {
    char key[16];
    snprintf(key, sizeof key, "key-%d", i);
    call_reply reply;
    rpc_status first = reserve(&s, &reply, &(want){"HEADPHONES-004", 1, -1}, 1, key);
    free_reply(&reply);
    for (int again = 0; again < 3; again++) {
      assert_int_equal(reserve(&s, &reply, &(want){"HEADPHONES-004", 1, -1}, 1, key).code, first.code);
      free_reply(&reply);
    }
    if (first.code == RPC_OK) held++;
    if (first.code == RPC_ABORTED && strcmp(first.reason, "RESERVATION_CONFLICT") == 0) conflicts++;
  }
  assert_int_equal(conflicts + held, 50);
  assert_true(conflicts > 10 && held > 10);
  assert_stock(&s, "HEADPHONES-004", 200, held, 0);
  assert_int_equal(fixture_metric(&s.f, METRICS_COUNTER, "inventory_reservations_total", "outcome", "conflict"),
                   conflicts);
  close_shop(&s);
}

/* --- the end of a reservation --- */

static void confirming_sells_once(void **state) {
  shop *s = *state;
  char id[64];
  reserve_one(s, "LAPTOP-001", 3, id);
  for (int i = 0; i < 3; i++) assert_settles(s, CONFIRM, id, "confirmed");
  assert_stock(s, "LAPTOP-001", 47, 0, 3);
  assert_settles(s, RELEASE, id, "RESERVATION_CONFIRMED");
  assert_stock(s, "LAPTOP-001", 47, 0, 3);
  assert_int_equal(fixture_metric(&s->f, METRICS_COUNTER, "inventory_reservations_total", "outcome", "confirmed"), 1);
}

static void releasing_gives_back_once(void **state) {
  shop *s = *state;
  char id[64];
  reserve_one(s, "LAPTOP-001", 3, id);
  for (int i = 0; i < 3; i++) assert_settles(s, RELEASE, id, "released");
  assert_stock(s, "LAPTOP-001", 50, 0, 0);
  assert_settles(s, CONFIRM, id, "RESERVATION_RELEASED");
  assert_stock(s, "LAPTOP-001", 50, 0, 0);
}

static void an_unknown_reservation_is_not_found(void **state) {
  shop *s = *state;
  assert_settles(s, CONFIRM, "RES-NONE", "RESERVATION_NOT_FOUND");
  assert_settles(s, RELEASE, "RES-NONE", "RESERVATION_NOT_FOUND");
  assert_settles(s, RELEASE, "", "INVALID_FIELD");
}

static void a_hold_ends_by_itself(void **state) {
  shop *s = *state;
  enum { HOLDS = 450 }; /* more than one round of the sweep takes */
  char id[64];
  assert_int_equal(restock(s, "LAPTOP-001", 1000, NULL).code, RPC_OK);
  for (int i = 0; i < HOLDS; i++) reserve_one(s, "LAPTOP-001", 2, id);
  pass_time(&s->f, LEASE_MS - 1);
  assert_stock(s, "LAPTOP-001", 1050, 2 * HOLDS, 0);
  pass_time(&s->f, LEASE_MS / 10 + 2);
  assert_stock(s, "LAPTOP-001", 1050, 0, 0);
  assert_settles(s, CONFIRM, id, "RESERVATION_EXPIRED");
  assert_settles(s, RELEASE, id, "expired");
  assert_int_equal(fixture_metric(&s->f, METRICS_COUNTER, "inventory_reservations_total", "outcome", "expired"), HOLDS);
}

static void a_hold_past_its_lease_cannot_be_sold_even_before_it_is_swept(void **state) {
  shop *s = *state;
  char id[64];
  pass_time(&s->f, 5); /* the lease then ends between two sweeps */
  reserve_one(s, "LAPTOP-001", 2, id);
  pass_time(&s->f, LEASE_MS);
  assert_stock(s, "LAPTOP-001", 50, 2, 0);
  assert_settles(s, CONFIRM, id, "RESERVATION_EXPIRED");
  assert_stock(s, "LAPTOP-001", 50, 0, 0);
  pass_time(&s->f, LEASE_MS);
  assert_stock(s, "LAPTOP-001", 50, 0, 0);
}

static void reservations_outlive_the_process_and_expire_after_it(void **state) {
  (void)state;
  char folder[64], path[128], held[64], sold[64];
  make_folder(folder);
  snprintf(path, sizeof path, "%s/inventory.db", folder);
  const char *database = fresh_database(path, "inventory");
  shop s;
  open_shop(&s, database, simulation_settings_of(SIMULATION_NONE), NULL);
  reserve_one(&s, "LAPTOP-001", 3, held);
  reserve_one(&s, "LAPTOP-001", 4, sold);
  assert_settles(&s, CONFIRM, sold, "confirmed");
  close_shop(&s);

  open_shop(&s, database, simulation_settings_of(SIMULATION_NONE), NULL); /* the catalogue is not seeded again */
  assert_stock(&s, "LAPTOP-001", 46, 3, 4);
  pass_time(&s.f, LEASE_MS + LEASE_MS / 10);
  assert_stock(&s, "LAPTOP-001", 46, 0, 4);
  close_shop(&s);
  remove_folder(folder, (const char *const[]){"inventory.db", NULL});
}

/* --- the catalogue --- */

static void restocking_adds_up_to_its_limit(void **state) {
  shop *s = *state;
  assert_int_equal(restock(s, "PHONE-002", 1000000, "key-1").code, RPC_OK);
  assert_int_equal(restock(s, "PHONE-002", 1000000, "key-1").code, RPC_OK); /* once */
  assert_stock(s, "PHONE-002", 1000100, 0, 0);
  assert_string_equal(restock(s, "NOTHING-009", 1, NULL).reason, "PRODUCT_NOT_FOUND");
  assert_string_equal(restock(s, "PHONE-002", 0, NULL).field, "quantity");
  assert_string_equal(restock(s, "PHONE-002", 1000001, NULL).field, "quantity");
  while (restock(s, "PHONE-002", 1000000, NULL).code == RPC_OK) continue;
  assert_int_equal(restock(s, "PHONE-002", 1000000, NULL).code, RPC_OUT_OF_RANGE);
  assert_stock(s, "PHONE-002", 2147000100, 0, 0);
}

static void the_catalogue_is_listed_in_pages(void **state) {
  shop *s = *state;
  static const char *const expected[] = {"HEADPHONES-004", "LAPTOP-001", "MONITOR-005", "PHONE-002", "TABLET-003"};
  char token[64] = "";
  size_t seen = 0;
  do {
    Store__V1__ListProductsRequest request = STORE__V1__LIST_PRODUCTS_REQUEST__INIT;
    request.page_size = 2;
    request.page_token = token;
    call_reply reply;
    assert_int_equal(call(s, &reply, LIST, &request.base, NULL).code, RPC_OK);
    const Store__V1__ListProductsResponse *page = (const Store__V1__ListProductsResponse *)reply.message;
    assert_in_range(page->n_products, 1, 2);
    for (size_t i = 0; i < page->n_products; i++) assert_string_equal(page->products[i]->product_id, expected[seen++]);
    snprintf(token, sizeof token, "%s", page->next_page_token);
    free_reply(&reply);
  } while (token[0]);
  assert_int_equal(seen, 5);
}

static size_t list_reservations(shop *s, const char *status, int32_t page_size, char ids[][64]) {
  char token[64] = "";
  size_t seen = 0;
  do {
    Store__V1__ListReservationsRequest request = STORE__V1__LIST_RESERVATIONS_REQUEST__INIT;
    request.page_size = page_size;
    request.page_token = token;
    request.status = (char *)status;
    call_reply reply;
    assert_int_equal(call(s, &reply, LIST_RESERVATIONS, &request.base, NULL).code, RPC_OK);
    const Store__V1__ListReservationsResponse *page = (const Store__V1__ListReservationsResponse *)reply.message;
    for (size_t i = 0; i < page->n_reservations; i++) {
      assert_int_equal(page->reservations[i]->n_items, 1);
      assert_string_equal(page->reservations[i]->order_id, "ORD-1");
      snprintf(ids[seen++], 64, "%s", page->reservations[i]->reservation_id);
    }
    snprintf(token, sizeof token, "%s", page->next_page_token);
    free_reply(&reply);
  } while (token[0]);
  return seen;
}

static void reservations_are_listed_newest_first_and_by_status(void **state) {
  shop *s = *state;
  char made[5][64], listed[8][64];
  for (int i = 0; i < 5; i++) {
    pass_time(&s->f, 10);
    reserve_one(s, "HEADPHONES-004", 1, made[i]);
  }
  assert_settles(s, CONFIRM, made[1], "confirmed");
  assert_int_equal(list_reservations(s, "", 2, listed), 5);
  for (int i = 0; i < 5; i++) assert_string_equal(listed[i], made[4 - i]);
  assert_int_equal(list_reservations(s, "held", 3, listed), 4);
  assert_string_equal(listed[3], made[0]);
  assert_int_equal(list_reservations(s, "confirmed", 0, listed), 1);
  assert_string_equal(listed[0], made[1]);

  Store__V1__ListReservationsRequest request = STORE__V1__LIST_RESERVATIONS_REQUEST__INIT;
  request.status = "sold";
  call_reply reply;
  assert_string_equal(call(s, &reply, LIST_RESERVATIONS, &request.base, NULL).field, "status");
  free_reply(&reply);
}

/* --- what can be watched --- */

static void a_scrape_shows_the_stock_as_it_is(void **state) {
  shop *s = *state;
  char id[64];
  reserve_one(s, "MONITOR-005", 7, id);
  size_t length;
  char *text = metrics_write_text(s->f.metrics, &length);
  assert_non_null(strstr(text, "inventory_stock_units{product_id=\"MONITOR-005\",state=\"on_hand\"} 30\n"));
  assert_non_null(strstr(text, "inventory_stock_units{product_id=\"MONITOR-005\",state=\"reserved\"} 7\n"));
  assert_non_null(strstr(text, "inventory_active_reservations 1\n"));
  free(text);
}

static void each_change_is_audited_with_its_correlation(void **state) {
  (void)state;
  char folder[64], path[128], id[64], text[4096] = "";
  make_folder(folder);
  snprintf(path, sizeof path, "%s/audit.jsonl", folder);
  audit_log *audit = audit_open("inventory", path);
  shop s;
  open_shop(&s, fresh_database(":memory:", "inventory"), simulation_settings_of(SIMULATION_NONE), audit);
  reserve_one(&s, "LAPTOP-001", 1, id);
  assert_settles(&s, CONFIRM, id, "confirmed");
  assert_settles(&s, CONFIRM, id, "confirmed"); /* changes nothing: no line */
  assert_int_equal(restock(&s, "LAPTOP-001", 1, NULL).code, RPC_OK);
  close_shop(&s);
  audit_close(audit);

  FILE *file = fopen(path, "r");
  text[fread(text, 1, sizeof text - 1, file)] = '\0';
  fclose(file);
  int lines = 0;
  for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n"), lines++) {
    assert_non_null(strstr(line, "correlation-of-the-test"));
    assert_non_null(strstr(line, lines == 2 ? "LAPTOP-001" : id));
  }
  assert_int_equal(lines, 3);
  remove_folder(folder, (const char *const[]){"audit.jsonl", "audit.jsonl.name", NULL});
}

/* --- many at once --- */

typedef struct rush {
  rpc_server *server;
  atomic_int answered, held, refused;
} rush;

static void rush_answered(void *arg, nng_msg *message) {
  rush *r = arg;
  rpc_arena arena;
  rpc_arena_init(&arena, 1 << 20);
  rpc_status status = envelope_status(envelope_unpack_response(message, &arena));
  if (status.code == RPC_OK) atomic_fetch_add(&r->held, 1);
  if (strcmp(status.reason, "OUT_OF_STOCK") == 0) atomic_fetch_add(&r->refused, 1);
  rpc_arena_free(&arena);
  nng_msg_free(message);
  atomic_fetch_add(&r->answered, 1);
}

enum { RUSH_THREADS = 4, RUSH_CALLS = 100 };

static void *rush_in(void *arg) {
  rush *r = arg;
  Store__V1__ReserveItem item = STORE__V1__RESERVE_ITEM__INIT, *items[] = {&item};
  item.product_id = "MONITOR-005";
  item.quantity = 2;
  Store__V1__ReserveInventoryRequest request = STORE__V1__RESERVE_INVENTORY_REQUEST__INIT;
  request.items = items;
  request.n_items = 1;
  uint8_t payload[256];
  size_t size = protobuf_c_message_pack(&request.base, payload);
  for (int i = 0; i < RUSH_CALLS; i++) {
    const char *method = api_store_v1_inventory_service.methods[RESERVE].name;
    rpc_server_handle(r->server, envelope_pack_request(method, 0, NULL, 0, payload, size), rush_answered, r);
  }
  return NULL;
}

static void a_rush_from_many_threads_never_oversells(void **state) {
  (void)state;
  char folder[64], path[128];
  make_folder(folder);
  snprintf(path, sizeof path, "%s/inventory.db", folder);
  const char *database = fresh_database(path, "inventory");
  shop s = {0};
  s.f.clock = rpc_clock_create();
  rpc_random_init(&s.f.random, 7);
  s.f.metrics = metrics_registry_create();
  s.f.server = rpc_server_create(
      &(rpc_server_config){.name = "inventory", .clock = s.f.clock, .random = &s.f.random, .metrics = s.f.metrics});
  rpc_status status;
  s.service =
      inventory_service_create(&(inventory_service_config){.database = database,
                                                           .threaded = true,
                                                           .simulation = simulation_settings_of(SIMULATION_NONE),
                                                           .clock = s.f.clock,
                                                           .random = &s.f.random,
                                                           .metrics = s.f.metrics},
                               &status);
  assert_non_null(s.service);
  inventory_service_register(s.service, s.f.server);

  rush r = {.server = s.f.server};
  pthread_t threads[RUSH_THREADS];
  for (int i = 0; i < RUSH_THREADS; i++) pthread_create(&threads[i], NULL, rush_in, &r);
  for (int i = 0; i < RUSH_THREADS; i++) pthread_join(threads[i], NULL);
  assert_true(rpc_server_drain(s.f.server, 20000));

  assert_int_equal(atomic_load(&r.answered), RUSH_THREADS * RUSH_CALLS);
  assert_int_equal(atomic_load(&r.held), 15); /* of 30 units, 2 each */
  assert_int_equal(atomic_load(&r.refused), RUSH_THREADS * RUSH_CALLS - 15);
  close_shop(&s);

  open_shop(&s, database, simulation_settings_of(SIMULATION_NONE), NULL);
  assert_stock(&s, "MONITOR-005", 30, 30, 0);
  close_shop(&s);
  remove_folder(folder, (const char *const[]){"inventory.db", NULL});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_reservation_takes_all_its_items_from_the_shelf, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(a_refused_reservation_takes_nothing, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(a_wrong_request_names_its_field, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(a_repeated_reservation_is_the_same_one, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(a_repeated_refusal_stays_a_refusal_after_a_restock, make_shop, free_shop),
      cmocka_unit_test(an_injected_conflict_is_final_under_its_key),
      cmocka_unit_test_setup_teardown(confirming_sells_once, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(releasing_gives_back_once, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(an_unknown_reservation_is_not_found, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(a_hold_ends_by_itself, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(a_hold_past_its_lease_cannot_be_sold_even_before_it_is_swept, make_shop,
                                      free_shop),
      cmocka_unit_test(reservations_outlive_the_process_and_expire_after_it),
      cmocka_unit_test_setup_teardown(restocking_adds_up_to_its_limit, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(the_catalogue_is_listed_in_pages, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(reservations_are_listed_newest_first_and_by_status, make_shop, free_shop),
      cmocka_unit_test_setup_teardown(a_scrape_shows_the_stock_as_it_is, make_shop, free_shop),
      cmocka_unit_test(each_change_is_audited_with_its_correlation),
      cmocka_unit_test(a_rush_from_many_threads_never_oversells),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
