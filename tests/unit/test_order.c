/* Orders in the simulated world: the demo's rates over 20,000 orders, faults of the network from many seeds, deadlines
 * and idempotency keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the four above first */
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "simulation/snapshot.h"

static void print_violation(void *arg, const char *line) {
  print_error("seed %llu: %s\n", *(unsigned long long *)arg, line);
}

/* All orders final, everything adds up. Returns how many orders there are. */
static size_t assert_store_adds_up(store_world *world, unsigned long long seed) {
  runner_snapshot snapshot;
  rpc_status status = world_snapshot(world, &snapshot);
  if (status.code != RPC_OK) fail_msg("%s", status.message);
  size_t violations = runner_verify_check(&snapshot, print_violation, &seed);
  size_t orders = snapshot.orders.count;
  runner_snapshot_free(&snapshot);
  assert_int_equal(violations, 0);
  return orders;
}

/* --- placing orders --- */

typedef struct order_load {
  store_world *world;
  int left, in_flight, confirmed, failed, other;
  double confirmed_ms;
  int64_t timeout_ms;
  bool ended;
  bool keyed;
} order_load;

static void place_next(order_load *load);

static void on_order(void *arg, const rpc_status *status, const Store__V1__CreateOrderResponse *response) {
  order_load *load = arg;
  load->in_flight--;
  if (response) {
    load->confirmed++;
    load->confirmed_ms += response->processing_time_ms;
  } else if (rpc_status_fact_of(status, "order_id")) {
    load->failed++;
  } else {
    load->other++;
  }
  if (load->left > 0) place_next(load);
  if (load->left == 0 && load->in_flight == 0) load->ended = true;
}

static void place(order_load *load, const char *product, int32_t quantity, const char *key) {
  Store__V1__OrderItem item = STORE__V1__ORDER_ITEM__INIT;
  Store__V1__OrderItem *items[] = {&item};
  item.product_id = (char *)product;
  item.quantity = quantity;
  Store__V1__CreateOrderRequest request = STORE__V1__CREATE_ORDER_REQUEST__INIT;
  request.customer_id = (char *)"customer";
  request.items = items;
  request.n_items = 1;
  rpc_call_options options = {.idempotency_key = key};
  if (load->timeout_ms) {
    options.deadline_us = rpc_clock_now_us(world_clock(load->world)) + load->timeout_ms * 1000;
  }
  load->in_flight++;
  store_v1_order_service_create_order(world_order(load->world), &request, &options, on_order, load);
}

static void place_next(order_load *load) {
  static const char *const products[] = {"LAPTOP-001", "PHONE-002", "TABLET-003", "HEADPHONES-004", "MONITOR-005"};
  char key[32];
  load->left--;
  snprintf(key, sizeof key, "key-%d", load->left);
  int64_t pick = rpc_random_between(world_random(load->world), 0, 4);
  place(load, products[pick], 1, load->keyed ? key : NULL);
}

static void run_load(order_load *load, int orders, int concurrency) {
  load->left = orders;
  for (int i = 0; i < concurrency && load->left > 0; i++) place_next(load);
  assert_true(world_run_until(load->world, &load->ended));
}

static void on_restocked(void *arg, const rpc_status *status, const Store__V1__Product *product) {
  assert_non_null(product);
  assert_int_equal(status->code, RPC_OK);
  *(bool *)arg = true;
}

static void restock_all(store_world *world, int32_t quantity) {
  static const char *const products[] = {"LAPTOP-001", "PHONE-002", "TABLET-003", "HEADPHONES-004", "MONITOR-005"};
  for (size_t i = 0; i < sizeof products / sizeof products[0]; i++) {
    Store__V1__RestockProductRequest request = STORE__V1__RESTOCK_PRODUCT_REQUEST__INIT;
    request.product_id = (char *)products[i];
    request.quantity = quantity;
    bool done = false;
    store_v1_inventory_service_restock_product(world_inventory(world), &request, NULL, on_restocked, &done);
    assert_true(world_run_until(world, &done));
  }
}

/* --- the demo's rates --- */

static double outcomes(store_world *world, const char *step, const char *outcome) {
  const char *service = strcmp(step, "charge") == 0 ? "payment" : "inventory";
  return (double)world_metric(world, service, "simulation_outcomes_total",
                              (const char *const[]){"step", "outcome", NULL}, (const char *const[]){step, outcome});
}

static void assert_share(const char *what, double part, double whole, double low, double high) {
  double share = part / whole;
  print_message("  %-40s %7.2f %%  (%.0f of %.0f; %.0f to %.0f %%)\n", what, 100 * share, part, whole, 100 * low,
                100 * high);
  if (share < low || share > high) fail_msg("%s: %.4f is not between %.2f and %.2f", what, share, low, high);
}

static void the_demo_shows_the_rates_it_promises(void **state) {
  (void)state;
  enum { ORDERS = 20000 };
  simulation_settings demo = simulation_settings_of(SIMULATION_DEMO);
  store_world *world = world_create(&(world_config){.seed = 20241, .simulation = demo});
  restock_all(world, ORDERS);
  order_load load = {.world = world};
  run_load(&load, ORDERS, 1000);

  double reservations = outcomes(world, "reserve", "done") + outcomes(world, "reserve", "refused");
  double charges = outcomes(world, "charge", "done") + outcomes(world, "charge", "refused");
  double timeouts = 0, errors = 0, attempts = reservations + charges + outcomes(world, "confirm", "done");
  const char *const steps[] = {"reserve", "charge", "confirm"};
  for (int i = 0; i < 3; i++) {
    timeouts += outcomes(world, steps[i], "timeout");
    errors += outcomes(world, steps[i], "error");
  }
  attempts += timeouts + errors;
  assert_int_equal(load.confirmed + load.failed, ORDERS);
  assert_share("orders confirmed", load.confirmed, ORDERS, .63, .70);
  assert_share("charges refused", outcomes(world, "charge", "refused"), charges, .27, .33);
  assert_share("reservations refused", outcomes(world, "reserve", "refused"), reservations, .08, .12);
  assert_share("attempts that timed out", timeouts, attempts, .04, .06);
  assert_share("attempts that met a temporary error", errors, attempts, .01, .03);
  double mean_ms = load.confirmed_ms / load.confirmed;
  print_message("  mean of confirmed orders %.0f ms (1600 to 2000 ms)\n", mean_ms);
  assert_true(mean_ms >= 1600 && mean_ms <= 2000);
  assert_int_equal(assert_store_adds_up(world, 20241), ORDERS);
  world_destroy(world);
}

/* --- faults --- */

static void lost_and_doubled_messages_leave_nothing_half_done(void **state) {
  (void)state;
  enum { SEEDS = 25, ORDERS = 60 };
  simulation_settings demo = simulation_settings_of(SIMULATION_DEMO);
  network_faults faults = {.drop_request = .15, .drop_reply = .15, .duplicate = .15};
  int64_t fault_count = 0, confirmed = 0;
  for (unsigned long long seed = 1; seed <= SEEDS; seed++) {
    store_world *world = world_create(&(world_config){.seed = seed, .simulation = demo, .faults = faults});
    order_load load = {.world = world, .keyed = true};
    run_load(&load, ORDERS, 20);
    world_run_for(world, 60000);
    assert_int_equal(assert_store_adds_up(world, seed), ORDERS);
    assert_int_equal(load.confirmed + load.failed, ORDERS);
    fault_count += network_fault_count(world_network(world));
    confirmed += load.confirmed;
    world_destroy(world);
  }
  print_message("  %d orders, %lld faults, %lld confirmed\n", SEEDS * ORDERS, (long long)fault_count,
                (long long)confirmed);
  assert_true(fault_count > SEEDS * ORDERS / 2 && confirmed > SEEDS * ORDERS / 2);
}

static void a_seed_repeats_its_run_exactly(void **state) {
  (void)state;
  simulation_settings demo = simulation_settings_of(SIMULATION_DEMO);
  network_faults faults = {.drop_request = .1, .drop_reply = .1, .duplicate = .1};
  double elapsed[2];
  int64_t end_us[2];
  for (int i = 0; i < 2; i++) {
    store_world *world = world_create(&(world_config){.seed = 77, .simulation = demo, .faults = faults});
    order_load load = {.world = world};
    run_load(&load, 100, 10);
    elapsed[i] = load.confirmed_ms;
    end_us[i] = rpc_clock_now_us(world_clock(world));
    world_run_for(world, 60000);
    world_destroy(world);
  }
  assert_true(elapsed[0] == elapsed[1]);
  assert_true(end_us[0] == end_us[1]);
}

/* --- deadlines --- */

static void an_order_past_its_deadline_is_undone(void **state) {
  (void)state;
  simulation_settings slow = simulation_settings_of(SIMULATION_DEMO);
  slow.timeout_rate = slow.error_rate = slow.steps[SIMULATION_CHARGE].failure_rate =
      slow.steps[SIMULATION_RESERVE].failure_rate = 0;
  store_world *world = world_create(&(world_config){.seed = 5, .simulation = slow});
  order_load load = {.world = world, .timeout_ms = 700}; /* over while charging */
  run_load(&load, 10, 10);
  assert_int_equal(load.confirmed, 0);
  assert_int_equal(load.other, 10); /* the client's own DEADLINE_EXCEEDED */
  world_run_for(world, 60000);
  assert_int_equal(assert_store_adds_up(world, 5), 10);
  int64_t late = world_metric(world, "order", "order_orders_total", (const char *const[]){"status", "reason", NULL},
                              (const char *const[]){"failed", "ORDER_DEADLINE_EXCEEDED"});
  assert_int_equal(late, 10);
  world_destroy(world);
}

/* --- keys --- */

typedef struct order_answer {
  rpc_status status;
  char order_id[32];
  bool done;
} order_answer;

static void on_answer(void *arg, const rpc_status *status, const Store__V1__CreateOrderResponse *response) {
  order_answer *answer = arg;
  answer->status = *status;
  const char *failed_id = rpc_status_fact_of(status, "order_id");
  snprintf(answer->order_id, sizeof answer->order_id, "%s", response ? response->order_id : failed_id ? failed_id : "");
  answer->done = true;
}

static void ask(store_world *world, const char *key, int32_t quantity, order_answer *answer) {
  Store__V1__OrderItem item = STORE__V1__ORDER_ITEM__INIT;
  Store__V1__OrderItem *items[] = {&item};
  item.product_id = (char *)"LAPTOP-001";
  item.quantity = quantity;
  Store__V1__CreateOrderRequest request = STORE__V1__CREATE_ORDER_REQUEST__INIT;
  request.customer_id = (char *)"customer";
  request.items = items;
  request.n_items = 1;
  memset(answer, 0, sizeof *answer);
  store_v1_order_service_create_order(world_order(world), &request, &(rpc_call_options){.idempotency_key = key},
                                      on_answer, answer);
}

static store_world *quiet_world(uint64_t seed) {
  simulation_settings slow = simulation_settings_of(SIMULATION_DEMO);
  slow.timeout_rate = slow.error_rate = slow.steps[SIMULATION_CHARGE].failure_rate =
      slow.steps[SIMULATION_RESERVE].failure_rate = 0;
  return world_create(&(world_config){.seed = seed, .simulation = slow});
}

static void the_same_key_gets_the_same_order_under_way_and_after(void **state) {
  (void)state;
  store_world *world = quiet_world(6);
  order_answer first, second, third;
  ask(world, "k", 1, &first);
  world_run_for(world, 300);
  ask(world, "k", 1, &second); /* while the first is charging */
  assert_true(world_run_until(world, &first.done) && world_run_until(world, &second.done));
  ask(world, "k", 1, &third);
  assert_true(world_run_until(world, &third.done));
  assert_int_equal(first.status.code, RPC_OK);
  assert_int_equal(second.status.code, RPC_OK);
  assert_int_equal(third.status.code, RPC_OK);
  assert_string_equal(first.order_id, second.order_id);
  assert_string_equal(first.order_id, third.order_id);
  assert_int_equal(assert_store_adds_up(world, 6), 1);
  world_destroy(world);
}

static void the_same_key_gets_the_same_failure(void **state) {
  (void)state;
  store_world *world = quiet_world(7);
  order_answer first, second;
  ask(world, "k", 51, &first); /* 50 laptops are in stock */
  assert_true(world_run_until(world, &first.done));
  restock_all(world, 100);
  ask(world, "k", 51, &second);
  assert_true(world_run_until(world, &second.done));
  assert_int_equal(first.status.code, RPC_FAILED_PRECONDITION);
  assert_string_equal(first.status.reason, "OUT_OF_STOCK");
  assert_int_equal(second.status.code, RPC_FAILED_PRECONDITION);
  assert_string_equal(second.status.message, first.status.message);
  assert_string_equal(second.order_id, first.order_id);
  world_destroy(world);
}

static void another_request_under_the_same_key_is_refused(void **state) {
  (void)state;
  store_world *world = quiet_world(8);
  order_answer first, second;
  ask(world, "k", 1, &first);
  ask(world, "k", 2, &second);
  assert_true(world_run_until(world, &first.done) && world_run_until(world, &second.done));
  /* The network may bring the second first: one is served, the other refused. */
  const order_answer *refused = first.status.code == RPC_OK ? &second : &first;
  assert_int_equal(refused->status.code, RPC_FAILED_PRECONDITION);
  assert_string_equal(refused->status.reason, "IDEMPOTENCY_KEY_REUSED");
  assert_int_equal(assert_store_adds_up(world, 8), 1);
  world_destroy(world);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_demo_shows_the_rates_it_promises),
      cmocka_unit_test(lost_and_doubled_messages_leave_nothing_half_done),
      cmocka_unit_test(a_seed_repeats_its_run_exactly),
      cmocka_unit_test(an_order_past_its_deadline_is_undone),
      cmocka_unit_test(the_same_key_gets_the_same_order_under_way_and_after),
      cmocka_unit_test(the_same_key_gets_the_same_failure),
      cmocka_unit_test(another_request_under_the_same_key_is_refused),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
