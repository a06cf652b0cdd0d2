/* Payments: the rules as tables, then the service as its callers see it, on a virtual clock and a database in memory.
 */
#include <math.h>

#include "bank_fixture.h"
#include "payment/charge.h"
#include "store/v1/payment.rpc.h"

enum { PROCESS, GET, LIST, REFUND };

/* --- the rules --- */

static void a_refused_charge_is_declined_for_the_reason_that_the_roll_picks(void **state) {
  (void)state;
  static const struct {
    double roll;
    const char *reason;
    bool fraud;
  } cases[] = {
      {0, "PAYMENT_DECLINED", false},      {.599, "PAYMENT_DECLINED", false}, {.6, "INSUFFICIENT_FUNDS", false},
      {.849, "INSUFFICIENT_FUNDS", false}, {.85, "FRAUD_SUSPECTED", true},    {.9999, "FRAUD_SUSPECTED", true},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    charge_decline decline = charge_decide(true, cases[i].roll);
    assert_string_equal(decline.reason, cases[i].reason);
    assert_int_equal(decline.fraud, cases[i].fraud);
    assert_string_equal(charge_decide(false, cases[i].roll).reason, "");
  }
}

static void only_what_was_taken_is_given_back_and_once(void **state) {
  (void)state;
  static const struct {
    payment_status status, to;
    bool changed;
    const char *reason;
  } cases[] = {
      {PAYMENT_COMPLETED, PAYMENT_REFUNDED, true, ""},
      {PAYMENT_REFUNDED, PAYMENT_REFUNDED, false, ""},
      {PAYMENT_DECLINED, PAYMENT_DECLINED, false, "PAYMENT_NOT_REFUNDABLE"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    refund_decision decision = charge_refund(cases[i].status);
    assert_int_equal(decision.to, cases[i].to);
    assert_int_equal(decision.changed, cases[i].changed);
    assert_string_equal(decision.answer.reason, cases[i].reason);
    assert_int_equal(decision.answer.code, cases[i].reason[0] ? RPC_FAILED_PRECONDITION : RPC_OK);
  }
}

/* --- the service --- */

static int make_bank(void **state) {
  bank *b = calloc(1, sizeof *b);
  open_bank(b, fresh_database(":memory:", "payment"), simulation_settings_of(SIMULATION_NONE));
  *state = b;
  return 0;
}

static int free_bank(void **state) {
  close_bank(*state);
  free(*state);
  return 0;
}

/* A bank that declines every charge, or none. */
static simulation_settings declining(double rate) {
  simulation_settings settings = simulation_settings_of(SIMULATION_NONE);
  settings.steps[SIMULATION_CHARGE].failure_rate = rate;
  return settings;
}

static rpc_status call(bank *b, call_reply *reply, int method, const ProtobufCMessage *request, const char *key) {
  send_call(b->f.server, reply, &api_store_v1_payment_service.methods[method], request, key, 0);
  await_reply(&b->f, reply);
  return reply->status;
}

/* Charges; the payment's id, of a declined one too. */
static rpc_status charge(bank *b, const char *order_id, double amount, const char *key, char id[64]) {
  Store__V1__ProcessPaymentRequest request = STORE__V1__PROCESS_PAYMENT_REQUEST__INIT;
  request.customer_id = "alice";
  request.order_id = (char *)order_id;
  request.amount = amount;
  call_reply reply;
  rpc_status status = call(b, &reply, PROCESS, &request.base, key);
  const char *declined = rpc_status_fact_of(&status, "payment_id");
  if (status.code == RPC_OK) {
    const Store__V1__ProcessPaymentResponse *response = (const Store__V1__ProcessPaymentResponse *)reply.message;
    assert_true(response->success);
    assert_string_equal(response->status, "completed");
    assert_true(response->amount == amount);
    snprintf(id, 64, "%s", response->payment_id);
  } else {
    snprintf(id, 64, "%s", declined ? declined : "");
  }
  free_reply(&reply);
  return status;
}

static rpc_status refund(bank *b, const char *id) {
  Store__V1__RefundPaymentRequest request = STORE__V1__REFUND_PAYMENT_REQUEST__INIT;
  request.payment_id = (char *)id;
  call_reply reply;
  rpc_status status = call(b, &reply, REFUND, &request.base, NULL);
  if (status.code == RPC_OK) assert_string_equal(((Store__V1__Payment *)reply.message)->status, "refunded");
  free_reply(&reply);
  return status;
}

static void assert_payment(bank *b, const char *id, const char *status, const char *decline_reason, double amount) {
  Store__V1__GetPaymentRequest request = STORE__V1__GET_PAYMENT_REQUEST__INIT;
  request.payment_id = (char *)id;
  call_reply reply;
  assert_int_equal(call(b, &reply, GET, &request.base, NULL).code, RPC_OK);
  const Store__V1__Payment *payment = (const Store__V1__Payment *)reply.message;
  assert_string_equal(payment->status, status);
  assert_string_equal(payment->decline_reason, decline_reason);
  assert_true(payment->amount == amount);
  assert_string_equal(payment->customer_id, "alice");
  assert_int_equal(payment->created_at->seconds, FIXTURE_START_MS);
  assert_int_equal(payment->refunded_at != NULL, strcmp(status, "refunded") == 0);
  free_reply(&reply);
}

static int64_t counter(bank *b, const char *name, const char *label, const char *value) {
  return fixture_metric(&b->f, METRICS_COUNTER, name, label, value);
}

static void a_charge_is_kept_and_counted(void **state) {
  bank *b = *state;
  char id[64];
  assert_int_equal(charge(b, "ORD-1", 1999.98, NULL, id).code, RPC_OK);
  assert_memory_equal(id, "PAY-", 4);
  assert_payment(b, id, "completed", "", 1999.98);
  assert_int_equal(counter(b, "payment_charged_cents_total", NULL, NULL), 199998);
  assert_int_equal(counter(b, "payment_charges_total", "outcome", "completed"), 1);
  assert_int_equal(counter(b, "payment_fraud_checks_total", "result", "passed"), 1);
}

static void a_declined_charge_is_an_error_that_names_the_payment_kept(void **state) {
  (void)state;
  bank b;
  open_bank(&b, fresh_database(":memory:", "payment"), declining(1));
  int frauds = 0;
  for (int i = 0; i < 40; i++) {
    char id[64];
    rpc_status status = charge(&b, "ORD-1", 10, NULL, id);
    assert_int_equal(status.code, RPC_FAILED_PRECONDITION);
    assert_payment(&b, id, "declined", status.reason, 10);
    frauds += strcmp(status.reason, "FRAUD_SUSPECTED") == 0;
    assert_string_equal(refund(&b, id).reason, "PAYMENT_NOT_REFUNDABLE");
  }
  assert_in_range(frauds, 1, 20);
  assert_int_equal(counter(&b, "payment_charges_total", "outcome", "declined"), 40);
  assert_int_equal(counter(&b, "payment_charged_cents_total", NULL, NULL), 0);
  assert_int_equal(counter(&b, "payment_fraud_checks_total", "result", "suspected"), frauds);
  close_bank(&b);
}

static void a_repeated_charge_takes_money_once_and_a_repeated_decline_stays_one(void **state) {
  (void)state;
  bank b;
  open_bank(&b, fresh_database(":memory:", "payment"), declining(.5));
  int completed = 0;
  for (int i = 0; i < 50; i++) {
    char key[16], first[64], again[64];
    snprintf(key, sizeof key, "key-%d", i);
    rpc_status status = charge(&b, "ORD-1", 1, key, first);
    assert_string_equal(charge(&b, "ORD-1", 1, key, again).reason, status.reason);
    assert_string_equal(again, first);
    completed += status.code == RPC_OK;
  }
  assert_in_range(completed, 10, 40);
  assert_int_equal(counter(&b, "payment_charged_cents_total", NULL, NULL), 100 * completed);
  close_bank(&b);
}

static void refunding_gives_the_money_back_once(void **state) {
  bank *b = *state;
  char id[64];
  charge(b, "", 12.34, NULL, id);
  for (int i = 0; i < 3; i++) assert_int_equal(refund(b, id).code, RPC_OK);
  assert_payment(b, id, "refunded", "", 12.34);
  assert_int_equal(counter(b, "payment_refunded_cents_total", NULL, NULL), 1234);
}

static void unknown_payments_are_not_found(void **state) {
  bank *b = *state;
  assert_string_equal(refund(b, "PAY-NONE").reason, "PAYMENT_NOT_FOUND");
  Store__V1__GetPaymentRequest request = STORE__V1__GET_PAYMENT_REQUEST__INIT;
  request.payment_id = "PAY-NONE";
  call_reply reply;
  rpc_status status = call(b, &reply, GET, &request.base, NULL);
  assert_int_equal(status.code, RPC_NOT_FOUND);
  assert_string_equal(status.reason, "PAYMENT_NOT_FOUND");
  free_reply(&reply);
}

static void a_wrong_charge_names_its_field(void **state) {
  bank *b = *state;
  const double amounts[] = {0, -1, 0.001, 10.999, 1000000.01, NAN, INFINITY};
  char id[64];
  for (size_t i = 0; i < sizeof amounts / sizeof amounts[0]; i++) {
    assert_string_equal(charge(b, "ORD-1", amounts[i], NULL, id).field, "amount");
  }
  assert_string_equal(charge(b, "no order", 1, NULL, id).field, "order_id");
  Store__V1__ProcessPaymentRequest request = STORE__V1__PROCESS_PAYMENT_REQUEST__INIT;
  request.amount = 1;
  call_reply reply;
  assert_string_equal(call(b, &reply, PROCESS, &request.base, NULL).field, "customer_id");
  free_reply(&reply);
  assert_int_equal(charge(b, "ORD-1", 1000000, NULL, id).code, RPC_OK);
  assert_int_equal(charge(b, "ORD-1", 0.01, NULL, id).code, RPC_OK);
}

static size_t list(bank *b, const char *order_id, int32_t page_size, char ids[][64]) {
  char token[64] = "";
  size_t seen = 0;
  do {
    Store__V1__ListPaymentsRequest request = STORE__V1__LIST_PAYMENTS_REQUEST__INIT;
    request.page_size = page_size;
    request.page_token = token;
    request.order_id = (char *)order_id;
    call_reply reply;
    assert_int_equal(call(b, &reply, LIST, &request.base, NULL).code, RPC_OK);
    const Store__V1__ListPaymentsResponse *page = (const Store__V1__ListPaymentsResponse *)reply.message;
    for (size_t i = 0; i < page->n_payments; i++) snprintf(ids[seen++], 64, "%s", page->payments[i]->payment_id);
    snprintf(token, sizeof token, "%s", page->next_page_token);
    free_reply(&reply);
  } while (token[0]);
  return seen;
}

static void payments_are_listed_newest_first_and_by_order(void **state) {
  bank *b = *state;
  char made[5][64], listed[8][64];
  for (int i = 0; i < 5; i++) {
    pass_time(&b->f, 10);
    charge(b, i % 2 ? "ORD-ODD" : "ORD-EVEN", 1, NULL, made[i]);
  }
  assert_int_equal(list(b, "", 2, listed), 5);
  for (int i = 0; i < 5; i++) assert_string_equal(listed[i], made[4 - i]);
  assert_int_equal(list(b, "ORD-ODD", 1, listed), 2);
  assert_string_equal(listed[0], made[3]);
  assert_string_equal(listed[1], made[1]);
  assert_int_equal(list(b, "ORD-NONE", 0, listed), 0);
}

static void a_charge_in_profile_demo_takes_the_time_of_its_fraud_check(void **state) {
  (void)state;
  simulation_settings settings = simulation_settings_of(SIMULATION_DEMO);
  settings.timeout_rate = settings.error_rate = settings.steps[SIMULATION_CHARGE].failure_rate = 0;
  bank b;
  open_bank(&b, fresh_database(":memory:", "payment"), settings);
  Store__V1__ProcessPaymentRequest request = STORE__V1__PROCESS_PAYMENT_REQUEST__INIT;
  request.customer_id = "alice";
  request.amount = 1;
  call_reply reply;
  assert_int_equal(call(&b, &reply, PROCESS, &request.base, NULL).code, RPC_OK);
  double ms = ((Store__V1__ProcessPaymentResponse *)reply.message)->processing_time_ms;
  assert_true(ms >= 1050 && ms <= 2150);
  free_reply(&reply);
  close_bank(&b);
}

static void payments_outlive_the_process(void **state) {
  (void)state;
  char folder[64], path[128], id[64];
  make_folder(folder);
  snprintf(path, sizeof path, "%s/payment.db", folder);
  const char *database = fresh_database(path, "payment");
  bank b;
  open_bank(&b, database, simulation_settings_of(SIMULATION_NONE));
  charge(&b, "ORD-1", 5, NULL, id);
  close_bank(&b);
  open_bank(&b, database, simulation_settings_of(SIMULATION_NONE));
  assert_payment(&b, id, "completed", "", 5);
  close_bank(&b);
  remove_folder(folder, (const char *const[]){"payment.db", NULL});
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_refused_charge_is_declined_for_the_reason_that_the_roll_picks),
      cmocka_unit_test(only_what_was_taken_is_given_back_and_once),
      cmocka_unit_test_setup_teardown(a_charge_is_kept_and_counted, make_bank, free_bank),
      cmocka_unit_test(a_declined_charge_is_an_error_that_names_the_payment_kept),
      cmocka_unit_test(a_repeated_charge_takes_money_once_and_a_repeated_decline_stays_one),
      cmocka_unit_test_setup_teardown(refunding_gives_the_money_back_once, make_bank, free_bank),
      cmocka_unit_test_setup_teardown(unknown_payments_are_not_found, make_bank, free_bank),
      cmocka_unit_test_setup_teardown(a_wrong_charge_names_its_field, make_bank, free_bank),
      cmocka_unit_test_setup_teardown(payments_are_listed_newest_first_and_by_order, make_bank, free_bank),
      cmocka_unit_test(a_charge_in_profile_demo_takes_the_time_of_its_fraud_check),
      cmocka_unit_test(payments_outlive_the_process),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
