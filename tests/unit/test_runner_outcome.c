/* runner/outcome: how far an order got, as its answer tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include "runner/outcome.h"

static runner_outcome fail_with(rpc_code code, const char *reason, const char *order_id) {
  rpc_status status = rpc_status_error(code, reason, "as the test wants");
  if (order_id != NULL) rpc_status_set_fact(&status, "order_id", order_id);
  return runner_outcome_of_order(&status, NULL);
}

static void a_confirmed_order_did_all_steps(void **state) {
  (void)state;
  rpc_status status = rpc_status_ok();
  runner_outcome outcome = runner_outcome_of_order(&status, "ORD-1");
  assert_int_equal(outcome.stage, RUNNER_OUTCOME_CONFIRMED);
  assert_true(outcome.certain);
  assert_string_equal(outcome.order_id, "ORD-1");
  assert_string_equal(outcome.reason, "");
}

static void a_reason_tells_the_step_that_refused(void **state) {
  (void)state;
  static const struct {
    const char *reason;
    runner_outcome_stage stage;
    bool certain;
  } cases[] = {
      {"OUT_OF_STOCK", RUNNER_OUTCOME_CREATED, true},
      {"RESERVATION_CONFLICT", RUNNER_OUTCOME_CREATED, true},
      {"PAYMENT_DECLINED", RUNNER_OUTCOME_RESERVED, true},
      {"PAYMENT_METHOD_EXPIRED", RUNNER_OUTCOME_RESERVED, true}, /* any PAYMENT_… */
      {"FRAUD_SUSPECTED", RUNNER_OUTCOME_RESERVED, true},
      {"INSUFFICIENT_FUNDS", RUNNER_OUTCOME_RESERVED, true},
      {"NETWORK_TIMEOUT", RUNNER_OUTCOME_CREATED, false}, /* at any step */
      {"TEMPORARY_ERROR", RUNNER_OUTCOME_CREATED, false},
      {"", RUNNER_OUTCOME_CREATED, false},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    runner_outcome outcome = fail_with(RPC_FAILED_PRECONDITION, cases[i].reason, "ORD-2");
    if (outcome.stage != cases[i].stage) fail_msg("'%s': stage %d", cases[i].reason, (int)outcome.stage);
    if (outcome.certain != cases[i].certain) fail_msg("'%s': certain %d", cases[i].reason, (int)outcome.certain);
    assert_string_equal(outcome.order_id, "ORD-2");
  }
}

static void an_error_without_order_id_created_none(void **state) {
  (void)state;
  runner_outcome outcome = fail_with(RPC_UNAVAILABLE, "PAYMENT_DECLINED", NULL);
  assert_int_equal(outcome.stage, RUNNER_OUTCOME_NOT_CREATED);
  assert_true(outcome.certain);
}

static void a_failure_without_reason_goes_by_its_code(void **state) {
  (void)state;
  assert_string_equal(fail_with(RPC_UNAVAILABLE, NULL, NULL).reason, "UNAVAILABLE");
}

static void a_state_of_an_order_tells_its_stage(void **state) {
  (void)state;
  assert_int_equal(runner_outcome_stage_of_state("reserving"), RUNNER_OUTCOME_CREATED);
  assert_int_equal(runner_outcome_stage_of_state("charging"), RUNNER_OUTCOME_RESERVED);
  assert_int_equal(runner_outcome_stage_of_state("confirming"), RUNNER_OUTCOME_CHARGED);
  assert_int_equal(runner_outcome_stage_of_state("refunding"), RUNNER_OUTCOME_CHARGED);
  assert_int_equal(runner_outcome_stage_of_state("confirmed"), RUNNER_OUTCOME_CONFIRMED);
  assert_int_equal(runner_outcome_stage_of_state("releasing"), RUNNER_OUTCOME_CREATED);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_confirmed_order_did_all_steps),
      cmocka_unit_test(a_reason_tells_the_step_that_refused),
      cmocka_unit_test(an_error_without_order_id_created_none),
      cmocka_unit_test(a_failure_without_reason_goes_by_its_code),
      cmocka_unit_test(a_state_of_an_order_tells_its_stage),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
