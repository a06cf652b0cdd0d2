/* Live switches: what a change does to the calls after it, what is refused, and that readers on other threads never see
 * half of a change. */
#include <math.h>
#include <pthread.h>

#include "bank_fixture.h"
#include "simulation/live_settings.h"
#include "store/v1/payment.rpc.h"

enum { PROCESS = 0, GET_SIMULATION = 4, UPDATE_SIMULATION = 5 };

static simulation_settings switchable(simulation_profile profile) {
  simulation_settings settings = simulation_settings_of(profile);
  settings.is_switchable = true;
  return settings;
}

static rpc_status call(bank *b, call_reply *reply, int method, const ProtobufCMessage *request) {
  send_call(b->f.server, reply, &api_store_v1_payment_service.methods[method], request, NULL, 0);
  await_reply(&b->f, reply);
  return reply->status;
}

static rpc_status update(bank *b, const Store__V1__UpdateSimulationRequest *request) {
  call_reply reply;
  rpc_status status = call(b, &reply, UPDATE_SIMULATION, &request->base);
  free_reply(&reply);
  return status;
}

/* A charge; how long it took. */
static rpc_status charge(bank *b, int64_t *elapsed_us) {
  Store__V1__ProcessPaymentRequest request = STORE__V1__PROCESS_PAYMENT_REQUEST__INIT;
  request.customer_id = "alice";
  request.amount = 1;
  call_reply reply;
  int64_t start_us = rpc_clock_now_us(b->f.clock);
  rpc_status status = call(b, &reply, PROCESS, &request.base);
  *elapsed_us = rpc_clock_now_us(b->f.clock) - start_us;
  free_reply(&reply);
  return status;
}

static void a_change_holds_from_the_next_call_on(void **state) {
  (void)state;
  bank b;
  open_bank(&b, fresh_database(":memory:", "payment"), switchable(SIMULATION_NONE));
  int64_t us;
  assert_int_equal(charge(&b, &us).code, RPC_OK);
  assert_int_equal(us, 0);

  Store__V1__SimulationStepChange step = STORE__V1__SIMULATION_STEP_CHANGE__INIT, *steps[] = {&step};
  step.step = "charge";
  step.optional_failure_rate_case = STORE__V1__SIMULATION_STEP_CHANGE__OPTIONAL_FAILURE_RATE_FAILURE_RATE;
  step.failure_rate = 1;
  step.optional_min_delay_ms_case = STORE__V1__SIMULATION_STEP_CHANGE__OPTIONAL_MIN_DELAY_MS_MIN_DELAY_MS;
  step.optional_max_delay_ms_case = STORE__V1__SIMULATION_STEP_CHANGE__OPTIONAL_MAX_DELAY_MS_MAX_DELAY_MS;
  step.min_delay_ms = step.max_delay_ms = 300;
  Store__V1__UpdateSimulationRequest request = STORE__V1__UPDATE_SIMULATION_REQUEST__INIT;
  request.steps = steps;
  request.n_steps = 1;
  request.optional_time_scale_case = STORE__V1__UPDATE_SIMULATION_REQUEST__OPTIONAL_TIME_SCALE_TIME_SCALE;
  request.time_scale = 0.5;
  assert_int_equal(update(&b, &request).code, RPC_OK);
  assert_int_equal(charge(&b, &us).code, RPC_FAILED_PRECONDITION);
  assert_int_equal(us, 150000);

  Store__V1__UpdateSimulationRequest none = STORE__V1__UPDATE_SIMULATION_REQUEST__INIT;
  none.profile = "none";
  assert_int_equal(update(&b, &none).code, RPC_OK);
  assert_int_equal(charge(&b, &us).code, RPC_OK);
  assert_int_equal(us, 0);
  close_bank(&b);
}

static void the_answer_tells_the_profile_and_whether_it_was_changed(void **state) {
  (void)state;
  bank b;
  open_bank(&b, fresh_database(":memory:", "payment"), simulation_settings_of(SIMULATION_DEMO));
  Store__V1__GetSimulationRequest get = STORE__V1__GET_SIMULATION_REQUEST__INIT;
  call_reply reply;
  assert_int_equal(call(&b, &reply, GET_SIMULATION, &get.base).code, RPC_OK);
  const Store__V1__Simulation *told = (const Store__V1__Simulation *)reply.message;
  assert_string_equal(told->service, "payment");
  assert_string_equal(told->profile, "demo");
  assert_true(told->is_switchable && !told->is_changed);
  assert_int_equal(told->n_steps, 2);
  assert_string_equal(told->steps[0]->step, "charge");
  assert_int_equal(told->steps[0]->max_delay_ms, 2150);
  free_reply(&reply);

  Store__V1__UpdateSimulationRequest request = STORE__V1__UPDATE_SIMULATION_REQUEST__INIT;
  request.optional_error_rate_case = STORE__V1__UPDATE_SIMULATION_REQUEST__OPTIONAL_ERROR_RATE_ERROR_RATE;
  request.error_rate = 0.5;
  assert_int_equal(call(&b, &reply, UPDATE_SIMULATION, &request.base).code, RPC_OK);
  told = (const Store__V1__Simulation *)reply.message;
  assert_true(told->is_changed && told->error_rate == 0.5 && told->timeout_rate == 0.05);
  free_reply(&reply);
  close_bank(&b);
}

/* One field of a request, and what of it is refused. */
typedef struct refused_change {
  const char *profile, *step, *field;
  double time_scale, rate;
  int32_t min_ms, max_ms;
} refused_change;

static void a_value_out_of_its_range_changes_nothing_and_names_its_field(void **state) {
  (void)state;
  static const refused_change cases[] = {
      {"fast", "charge", "profile", 1, 0, 0, 0},
      {"demo", "charge", "time_scale", 100.5, 0, 0, 0},
      {"demo", "charge", "time_scale", -1, 0, 0, 0},
      {"demo", "reserve", "steps[0].step", 1, 0, 0, 0}, /* another service's */
      {"demo", "", "steps[0].step", 1, 0, 0, 0},
      {"demo", "charge", "steps[0].failure_rate", 1, 1.01, 0, 0},
      {"demo", "charge", "steps[0].failure_rate", 1, NAN, 0, 0},
      {"demo", "charge", "steps[0].min_delay_ms", 1, 0, -1, 0},
      {"demo", "charge", "steps[0].max_delay_ms", 1, 0, 10, 9},
      {"demo", "charge", "steps[0].max_delay_ms", 1, 0, 0, 600001},
  };
  bank b;
  open_bank(&b, fresh_database(":memory:", "payment"), switchable(SIMULATION_NONE));
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    Store__V1__SimulationStepChange step = STORE__V1__SIMULATION_STEP_CHANGE__INIT, *steps[] = {&step};
    step.step = (char *)cases[i].step;
    step.optional_failure_rate_case = STORE__V1__SIMULATION_STEP_CHANGE__OPTIONAL_FAILURE_RATE_FAILURE_RATE;
    step.failure_rate = cases[i].rate;
    step.optional_min_delay_ms_case = STORE__V1__SIMULATION_STEP_CHANGE__OPTIONAL_MIN_DELAY_MS_MIN_DELAY_MS;
    step.min_delay_ms = cases[i].min_ms;
    step.optional_max_delay_ms_case = STORE__V1__SIMULATION_STEP_CHANGE__OPTIONAL_MAX_DELAY_MS_MAX_DELAY_MS;
    step.max_delay_ms = cases[i].max_ms;
    Store__V1__UpdateSimulationRequest request = STORE__V1__UPDATE_SIMULATION_REQUEST__INIT;
    request.profile = (char *)cases[i].profile;
    request.optional_time_scale_case = STORE__V1__UPDATE_SIMULATION_REQUEST__OPTIONAL_TIME_SCALE_TIME_SCALE;
    request.time_scale = cases[i].time_scale;
    request.steps = steps;
    request.n_steps = 1;
    rpc_status status = update(&b, &request);
    assert_int_equal(status.code, RPC_INVALID_ARGUMENT);
    assert_string_equal(status.field, cases[i].field);
    int64_t us;
    assert_int_equal(charge(&b, &us).code, RPC_OK);
    assert_int_equal(us, 0);
  }
  close_bank(&b);
}

static void a_process_that_is_fixed_takes_no_change(void **state) {
  (void)state;
  bank b;
  open_bank(&b, fresh_database(":memory:", "payment"), simulation_settings_of(SIMULATION_NONE));
  Store__V1__UpdateSimulationRequest request = STORE__V1__UPDATE_SIMULATION_REQUEST__INIT;
  request.profile = "demo";
  rpc_status status = update(&b, &request);
  assert_int_equal(status.code, RPC_PERMISSION_DENIED);
  assert_string_equal(status.reason, "SIMULATION_FIXED");
  int64_t us;
  assert_int_equal(charge(&b, &us).code, RPC_OK);
  assert_int_equal(us, 0);
  close_bank(&b);
}

/* --- threads --- */

enum { READERS = 3, CHANGES = 20000 };

typedef struct race {
  live_settings live;
  atomic_bool is_over;
  atomic_int torn;
} race;

/* In every settings that are written all rates are the same number. */
static void *read_all_along(void *arg) {
  race *at = arg;
  while (!atomic_load(&at->is_over)) {
    simulation_settings seen;
    live_settings_read(&at->live, &seen);
    bool whole = seen.timeout_rate == seen.error_rate;
    for (int i = 0; i < SIMULATION_STEP_COUNT; i++) whole = whole && seen.steps[i].failure_rate == seen.error_rate;
    if (!whole) atomic_fetch_add(&at->torn, 1);
  }
  return NULL;
}

static void a_reader_never_sees_half_of_a_change(void **state) {
  (void)state;
  static race at;
  simulation_settings settings = simulation_settings_of(SIMULATION_NONE);
  live_settings_init(&at.live, &settings);
  pthread_t readers[READERS];
  for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&readers[i], NULL, read_all_along, &at), 0);
  for (int n = 1; n <= CHANGES; n++) {
    settings.timeout_rate = settings.error_rate = 1.0 / n;
    for (int i = 0; i < SIMULATION_STEP_COUNT; i++) settings.steps[i].failure_rate = 1.0 / n;
    live_settings_write(&at.live, &settings);
  }
  atomic_store(&at.is_over, true);
  for (int i = 0; i < READERS; i++) pthread_join(readers[i], NULL);
  assert_int_equal(atomic_load(&at.torn), 0);
  live_settings_destroy(&at.live);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_change_holds_from_the_next_call_on),
      cmocka_unit_test(the_answer_tells_the_profile_and_whether_it_was_changed),
      cmocka_unit_test(a_value_out_of_its_range_changes_nothing_and_names_its_field),
      cmocka_unit_test(a_process_that_is_fixed_takes_no_change),
      cmocka_unit_test(a_reader_never_sees_half_of_a_change),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
