/* What holds when replicas share a database: races on the last item and on a key, leases of orders, who migrates, and
 * connections that are lost. On SQLite, which replicas do not share, only the tests of leases run; with
 * STORE_TEST_DATABASE_URL all (tests/integration/test_postgres.sh). */
#include <pthread.h>
#include <stdatomic.h>

#include "database_fixture.h"
#include "inventory/store.h"
#include "order/store.h"
#include "payment/handlers.h"
#include "store/v1/payment.rpc.h"

/* --- jobs that wait for their end --- */

typedef struct waiting_job {
  storage_job job;
  rpc_status (*run)(void *arg, storage_tx *tx);
  void *arg;
  rpc_status status;
  sem_t ended;
} waiting_job;

static rpc_status run_waiting(storage_job *job, storage_tx *tx) {
  waiting_job *self = (waiting_job *)job;
  return self->run(self->arg, tx);
}

static void end_waiting(storage_job *job, const rpc_status *status) {
  waiting_job *self = (waiting_job *)job;
  self->status = *status;
  sem_post(&self->ended);
}

static void begin_write(storage *db, waiting_job *self, rpc_status (*run)(void *arg, storage_tx *tx), void *arg) {
  *self = (waiting_job){.job = {.run = run_waiting, .done = end_waiting}, .run = run, .arg = arg};
  sem_init(&self->ended, 0, 0);
  storage_write(db, &self->job);
}

static rpc_status end_write(waiting_job *self) {
  while (sem_wait(&self->ended) != 0) continue;
  sem_destroy(&self->ended);
  return self->status;
}

static rpc_status write_now(storage *db, rpc_status (*run)(void *arg, storage_tx *tx), void *arg) {
  waiting_job job;
  begin_write(db, &job, run, arg);
  return end_write(&job);
}

/* A change in the database behind the storage's back. */
static void execute(const char *sql) {
  PGconn *link = PQconnectdb(getenv("STORE_TEST_DATABASE_URL"));
  PGresult *result = PQexec(link, sql);
  ExecStatusType status = PQresultStatus(result);
  if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail_msg("%s", PQerrorMessage(link));
  PQclear(result);
  PQfinish(link);
}

/* --- the last item --- */

static storage *open_inventory(const char *database) {
  rpc_status status;
  storage *db = storage_open(&(storage_config){.database = database,
                                               .schema = "inventory",
                                               .migrations = inventory_store_migrations,
                                               .statements = inventory_store_statements,
                                               .statement_count = inventory_store_statement_count,
                                               .threaded = true}, /* not exclusive: the updates' conditions alone */
                             &status);
  if (!db) fail_msg("%s", status.message);
  return db;
}

typedef struct buyer {
  char id[VALIDATION_ID_SIZE];
  int32_t quantity;
  bool has_it;
} buyer;

static rpc_status buy(void *arg, storage_tx *tx) {
  buyer *b = arg;
  reservation_line line = {.product_id = "MONITOR-005", .quantity = b->quantity, .expected_cents = -1};
  inventory_store_fill_lines(tx, &line, 1);
  rpc_status refusal = reservation_check(&line, 1, false);
  b->has_it = refusal.code == RPC_OK;
  if (!b->has_it) return rpc_status_ok();
  inventory_reservation reservation = {.created_ms = 1, .expires_ms = INT64_MAX};
  strcpy(reservation.reservation_id, b->id);
  inventory_store_reserve(tx, &reservation, &line, 1);
  return storage_tx_status(tx);
}

static rpc_status restock_one(void *arg, storage_tx *tx) {
  inventory_product product;
  (void)arg;
  assert_true(inventory_store_restock(tx, "MONITOR-005", 1, &product));
  return storage_tx_status(tx);
}

static void of_replicas_racing_for_the_last_item_one_gets_it_each_time(void **state) {
  (void)state;
  enum { RACES = 2000, BUYERS = 6 };
  if (!tests_use_postgres()) skip();
  const char *database = fresh_database("", "inventory");
  storage *replicas[] = {open_inventory(database), open_inventory(database)};
  buyer all = {.id = "RES-all", .quantity = 30};
  assert_int_equal(write_now(replicas[0], buy, &all).code, RPC_OK);
  int changed = 0;
  for (int race = 0; race < RACES; race++) {
    assert_int_equal(write_now(replicas[0], restock_one, NULL).code, RPC_OK);
    buyer buyers[BUYERS];
    waiting_job jobs[BUYERS];
    for (int i = 0; i < BUYERS; i++) {
      buyers[i] = (buyer){.quantity = 1};
      snprintf(buyers[i].id, sizeof buyers[i].id, "RES-%d-%d", race, i);
      begin_write(replicas[i % 2], &jobs[i], buy, &buyers[i]);
    }
    int sold = 0;
    for (int i = 0; i < BUYERS; i++) {
      rpc_status status = end_write(&jobs[i]);
      if (status.code == RPC_OK && buyers[i].has_it) sold++;
      if (status.code != RPC_OK) assert_string_equal(status.reason, "STOCK_CHANGED");
      if (status.code != RPC_OK) changed++;
    }
    assert_int_equal(sold, 1);
  }
  print_message("  %d races sold it once each; %d buyers lost between looking and taking\n", RACES, changed);
  for (int i = 0; i < 2; i++) storage_close(replicas[i]);
}

/* --- a key at two replicas --- */

typedef struct bank {
  rpc_clock *clock;
  rpc_random random;
  metrics_registry *metrics;
  rpc_server *server;
  payment_service *service;
} bank;

static void open_bank(bank *b, const char *database, uint64_t seed) {
  rpc_status status;
  b->clock = rpc_clock_create();
  rpc_random_init(&b->random, seed);
  b->metrics = metrics_registry_create();
  b->server = rpc_server_create(
      &(rpc_server_config){.name = "payment", .clock = b->clock, .random = &b->random, .metrics = b->metrics});
  b->service = payment_service_create(&(payment_service_config){.database = database,
                                                                .threaded = true,
                                                                .simulation = simulation_settings_of(SIMULATION_NONE),
                                                                .clock = b->clock,
                                                                .random = &b->random,
                                                                .metrics = b->metrics},
                                      &status);
  assert_int_equal(status.code, RPC_OK);
  payment_service_register(b->service, b->server);
}

static void close_bank(bank *b) {
  rpc_server_destroy(b->server);
  payment_service_destroy(b->service);
  rpc_clock_destroy(b->clock);
  metrics_registry_destroy(b->metrics);
}

static const char *payment_of(const call_reply *reply) {
  assert_int_equal(reply->count, 1);
  if (reply->status.code != RPC_OK) fail_msg("%s: %s", reply->status.reason, reply->status.message);
  return ((const Store__V1__ProcessPaymentResponse *)reply->message)->payment_id;
}

static void a_key_sent_to_two_replicas_at_once_is_charged_once_and_answered_alike(void **state) {
  (void)state;
  enum { KEYS = 300 };
  if (!tests_use_postgres()) skip();
  const char *database = fresh_database("", "payment");
  static bank banks[2];
  static call_reply replies[2][KEYS];
  for (int i = 0; i < 2; i++) open_bank(&banks[i], database, 7 + (uint64_t)i);
  Store__V1__ProcessPaymentRequest request = STORE__V1__PROCESS_PAYMENT_REQUEST__INIT;
  request.customer_id = "alice";
  request.amount = 1;
  for (int k = 0; k < KEYS; k++) {
    char key[32];
    snprintf(key, sizeof key, "key-%d", k);
    for (int i = 0; i < 2; i++) {
      send_call(banks[i].server, &replies[i][k], &api_store_v1_payment_service.methods[0], &request.base, key, 20000);
    }
  }
  for (int i = 0; i < 2; i++) assert_true(rpc_server_drain(banks[i].server, 30000));
  for (int k = 0; k < KEYS; k++) {
    assert_string_equal(payment_of(&replies[0][k]), payment_of(&replies[1][k]));
    for (int i = 0; i < 2; i++) free_reply(&replies[i][k]);
  }
  for (int i = 0; i < 2; i++) close_bank(&banks[i]);
  execute("DO $$ BEGIN IF (SELECT COUNT(*) FROM payment.payments) <> 300 THEN RAISE 'charged twice'; END IF; END $$");
}

/* --- leases of orders --- */

enum { NOW_MS = 1000000 };

typedef struct claim {
  const char *owner;
  int64_t now_ms;
  bool is_alone;
  order_record orders[8];
  rpc_arena arenas[8];
  size_t count;
} claim;

static storage *open_orders(const char *database) {
  rpc_status status;
  storage *db = storage_open(&(storage_config){.database = database,
                                               .schema = "order",
                                               .migrations = order_store_migrations,
                                               .statements = order_store_statements,
                                               .statement_count = order_store_statement_count,
                                               .threaded = tests_use_postgres()},
                             &status);
  if (!db) fail_msg("%s", status.message);
  return db;
}

static order_record new_order(const char *id) {
  static Store__V1__CreateOrderRequest request = STORE__V1__CREATE_ORDER_REQUEST__INIT;
  request.customer_id = "alice";
  order_record order = {.request = &request, .state = SAGA_RESERVING, .step_count = 1};
  strcpy(order.order_id, id);
  strcpy(order.correlation_id, "c");
  return order;
}

static order_lease lease_of(const char *owner, int64_t until_ms) {
  order_lease lease = {.until_ms = until_ms};
  strcpy(lease.owner, owner);
  return lease;
}

static rpc_status insert(void *arg, storage_tx *tx) {
  order_record order = new_order(arg);
  order_lease lease = lease_of("one", NOW_MS + 1000);
  bool is_new = order_store_insert(tx, &order, &lease);
  assert_true(is_new || storage_tx_status(tx).code != RPC_OK);
  return storage_tx_status(tx);
}

static rpc_status take(void *arg, storage_tx *tx) {
  claim *c = arg;
  for (int i = 0; i < 8; i++) {
    rpc_arena_free(&c->arenas[i]);
    rpc_arena_init(&c->arenas[i], SIZE_MAX);
  }
  order_lease lease = lease_of(c->owner, c->now_ms + 1000);
  c->count = order_store_claim(tx, &lease, c->now_ms, c->is_alone, c->orders, c->arenas, 8);
  return storage_tx_status(tx);
}

/* The number of orders that this owner could take over at that time. */
static int claimed(storage *db, const char *owner, int64_t now_ms, bool is_alone) {
  claim c = {.owner = owner, .now_ms = now_ms, .is_alone = is_alone};
  rpc_status status = write_now(db, take, &c);
  if (status.code != RPC_OK) fail_msg("%s", status.message);
  for (size_t i = 0; i < 8; i++) rpc_arena_free(&c.arenas[i]);
  return (int)c.count;
}

typedef struct step {
  const char *owner;
  saga_state from, to;
  bool is_new;
} step;

static rpc_status take_step(void *arg, storage_tx *tx) {
  step *s = arg;
  order_record order = new_order("ORD-1");
  order.state = s->to;
  order.step_count = (int32_t)s->to;
  order_lease lease = lease_of(s->owner, NOW_MS + 5000);
  s->is_new = order_store_update(tx, &order, &lease, s->from, NOW_MS);
  return storage_tx_status(tx);
}

static int open_order(void **state) {
  storage *db = open_orders(fresh_database(":memory:", "order"));
  assert_int_equal(write_now(db, insert, "ORD-1").code, RPC_OK);
  *state = db;
  return 0;
}

static int close_order(void **state) {
  storage_close(*state);
  return 0;
}

static void an_order_is_taken_over_when_its_lease_has_ended_and_not_before(void **state) {
  storage *db = *state;
  assert_int_equal(claimed(db, "two", NOW_MS + 999, false), 0);
  assert_int_equal(claimed(db, "two", NOW_MS + 1000, false), 1);
  assert_int_equal(claimed(db, "three", NOW_MS + 1500, false), 0); /* two has it now */
}

static void who_is_alone_takes_all_that_is_not_its_own(void **state) {
  storage *db = *state;
  assert_int_equal(claimed(db, "one", NOW_MS, true), 0);
  assert_int_equal(claimed(db, "two", NOW_MS, true), 1);
  assert_int_equal(claimed(db, "two", NOW_MS, true), 0);
}

static void who_lost_an_order_cannot_go_on_with_it(void **state) {
  storage *db = *state;
  step first = {"one", SAGA_RESERVING, SAGA_CHARGING, false};
  assert_int_equal(write_now(db, take_step, &first).code, RPC_OK);
  assert_true(first.is_new);
  assert_int_equal(write_now(db, take_step, &first).code, RPC_OK);
  assert_false(first.is_new); /* made before: nothing to do */
  assert_int_equal(claimed(db, "two", NOW_MS + 5000, false), 1);
  step late = {"one", SAGA_CHARGING, SAGA_CONFIRMING, false};
  assert_string_equal(write_now(db, take_step, &late).reason, "ORDER_CHANGED");
  assert_string_equal(write_now(db, take_step, &first).reason, "ORDER_CHANGED"); /* it was, but is another's by now */
  step next = {"two", SAGA_CHARGING, SAGA_CONFIRMING, false};
  assert_int_equal(write_now(db, take_step, &next).code, RPC_OK);
}

static void final_orders_are_nobodys(void **state) {
  storage *db = *state;
  step last = {"one", SAGA_RESERVING, SAGA_FAILED, false};
  assert_int_equal(write_now(db, take_step, &last).code, RPC_OK);
  assert_int_equal(claimed(db, "two", NOW_MS + 100000, true), 0);
}

static void of_replicas_racing_for_an_order_one_gets_it(void **state) {
  (void)state;
  enum { RACES = 300 };
  if (!tests_use_postgres()) skip();
  const char *database = fresh_database("", "order");
  storage *replicas[] = {open_orders(database), open_orders(database)};
  assert_int_equal(write_now(replicas[0], insert, "ORD-1").code, RPC_OK);
  static claim claims[2];
  for (int race = 1; race <= RACES; race++) {
    waiting_job jobs[2];
    for (int i = 0; i < 2; i++) {
      claims[i] = (claim){.owner = i ? "two" : "one", .now_ms = NOW_MS + race * 1000};
      begin_write(replicas[i], &jobs[i], take, &claims[i]);
    }
    for (int i = 0; i < 2; i++) assert_int_equal(end_write(&jobs[i]).code, RPC_OK);
    assert_int_equal(claims[0].count + claims[1].count, 1);
    for (int i = 0; i < 16; i++) rpc_arena_free(&claims[i / 8].arenas[i % 8]);
  }
  for (int i = 0; i < 2; i++) storage_close(replicas[i]);
}

/* --- what is old --- */

static rpc_status insert_keyed(void *arg, storage_tx *tx) {
  order_record order = new_order(arg);
  order.idempotency_key = arg;
  order.state = SAGA_FAILED;
  order_lease lease = lease_of("one", NOW_MS);
  assert_true(order_store_insert(tx, &order, &lease));
  return storage_tx_status(tx);
}

static rpc_status forget(void *arg, storage_tx *tx) {
  (void)arg;
  assert_int_equal(order_store_forget_keys(tx, "ORD-B", 10), 1);
  assert_int_equal(order_store_forget_keys(tx, "ORD-B", 10), 0);
  assert_int_equal(order_store_forget_history(tx, "ORD-B", 10), 1); /* not of ORD-1, which is not final */
  return storage_tx_status(tx);
}

static rpc_status look_for_keys(void *arg, storage_tx *tx) {
  rpc_arena arena;
  order_record order;
  size_t entries;
  (void)arg;
  rpc_arena_init(&arena, SIZE_MAX);
  assert_false(order_store_find_by_key(tx, "ORD-A", &arena, &order));
  assert_true(order_store_find_by_key(tx, "ORD-C", &arena, &order));
  assert_null(order_store_history(tx, "ORD-A", &arena, &entries));
  assert_non_null(order_store_history(tx, "ORD-C", &arena, &entries));
  assert_non_null(order_store_history(tx, "ORD-1", &arena, &entries));
  assert_true(order_store_find(tx, "ORD-A", &arena, &order)); /* the order itself is kept */
  rpc_arena_free(&arena);
  return storage_tx_status(tx);
}

static void keys_and_histories_of_old_final_orders_are_forgotten(void **state) {
  storage *db = *state;
  assert_int_equal(write_now(db, insert_keyed, "ORD-A").code, RPC_OK);
  assert_int_equal(write_now(db, insert_keyed, "ORD-C").code, RPC_OK);
  assert_int_equal(write_now(db, forget, NULL).code, RPC_OK);
  assert_int_equal(read_now(db, look_for_keys, NULL).code, RPC_OK);
}

/* --- starting and losing connections --- */

static void *open_and_close(void *database) {
  storage_close(open_inventory(database));
  return NULL;
}

static void of_replicas_that_start_at_once_one_migrates(void **state) {
  (void)state;
  enum { REPLICAS = 6 };
  if (!tests_use_postgres()) skip();
  const char *database = fresh_database("", "inventory");
  pthread_t threads[REPLICAS];
  for (int i = 0; i < REPLICAS; i++) pthread_create(&threads[i], NULL, open_and_close, (void *)database);
  for (int i = 0; i < REPLICAS; i++) pthread_join(threads[i], NULL);
  execute(
      "DO $$ BEGIN IF (SELECT COUNT(*) FROM inventory.products) <> 5 OR "
      "(SELECT MIN(version) FROM inventory.schema_version) <> 1 THEN RAISE 'migrated twice'; END IF; END $$");
}

static void jobs_outlive_connections_that_are_lost(void **state) {
  (void)state;
  enum { JOBS = 400, CUTS = 8 };
  if (!tests_use_postgres()) skip();
  storage *db = open_orders(fresh_database("", "order"));
  static waiting_job jobs[JOBS];
  static char ids[JOBS][VALIDATION_ID_SIZE];
  for (int i = 0; i < JOBS; i++) {
    snprintf(ids[i], sizeof ids[i], "ORD-%04d", i);
    begin_write(db, &jobs[i], insert, ids[i]);
    if (i % (JOBS / CUTS) == 0) {
      execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'order'");
    }
  }
  int made = 0, unknown = 0;
  for (int i = 0; i < JOBS; i++) {
    rpc_status status = end_write(&jobs[i]);
    if (status.code == RPC_OK) {
      made++;
    } else {
      assert_string_equal(status.reason, STORAGE_REASON_UNKNOWN); /* what else is no excuse */
      unknown++;
    }
  }
  char sql[256];
  snprintf(sql, sizeof sql,
           "DO $$ BEGIN IF (SELECT COUNT(*) FROM \"order\".orders) NOT BETWEEN %d AND %d THEN RAISE 'lost'; END IF; "
           "END $$",
           made, made + unknown);
  execute(sql);
  print_message("  %d jobs over %d cuts: %d made, %d of unknown outcome\n", JOBS, CUTS, made, unknown);
  char detail[64];
  assert_true(storage_healthy(db, detail, sizeof detail));
  storage_close(db);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(of_replicas_racing_for_the_last_item_one_gets_it_each_time),
      cmocka_unit_test(a_key_sent_to_two_replicas_at_once_is_charged_once_and_answered_alike),
      cmocka_unit_test_setup_teardown(an_order_is_taken_over_when_its_lease_has_ended_and_not_before, open_order,
                                      close_order),
      cmocka_unit_test_setup_teardown(who_is_alone_takes_all_that_is_not_its_own, open_order, close_order),
      cmocka_unit_test_setup_teardown(who_lost_an_order_cannot_go_on_with_it, open_order, close_order),
      cmocka_unit_test_setup_teardown(final_orders_are_nobodys, open_order, close_order),
      cmocka_unit_test(of_replicas_racing_for_an_order_one_gets_it),
      cmocka_unit_test_setup_teardown(keys_and_histories_of_old_final_orders_are_forgotten, open_order, close_order),
      cmocka_unit_test(of_replicas_that_start_at_once_one_migrates),
      cmocka_unit_test(jobs_outlive_connections_that_are_lost),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
