/* runner/threshold: what is a threshold, and whether it holds of a result of the test's making. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <string.h>

#include "runner/threshold.h"

static void add(runner_result *result, uint64_t count, runner_kind kind, rpc_code code, const char *reason,
                int64_t latency_us) {
  rpc_status status = code == RPC_OK ? rpc_status_ok() : rpc_status_error(code, reason, "as the test wants");
  if (code != RPC_OK) rpc_status_set_fact(&status, "order_id", "ORD-1");
  runner_outcome outcome =
      kind == RUNNER_PLACE_ORDER ? runner_outcome_of_order(&status, "ORD-1") : runner_outcome_of_call(kind, &status);
  for (uint64_t i = 0; i < count; i++) {
    runner_engine_sample sample = {.index = i, .latency_us = latency_us, .lag_us = 2000, .outcome = &outcome};
    runner_result_add(result, &sample);
  }
}

/* 100 orders, of which 70 succeed in 1800 ms, 20 are declined in 1500 and 10 find no stock in 100; 100 reads in 5. */
static runner_result *result_of_a_run(void) {
  runner_result *result = runner_result_create(200, 0);
  add(result, 70, RUNNER_PLACE_ORDER, RPC_OK, NULL, 1800000);
  add(result, 20, RUNNER_PLACE_ORDER, RPC_FAILED_PRECONDITION, "PAYMENT_DECLINED", 1500000);
  add(result, 10, RUNNER_PLACE_ORDER, RPC_FAILED_PRECONDITION, "OUT_OF_STOCK", 100000);
  add(result, 100, RUNNER_READ_STOCK, RPC_OK, NULL, 5000);
  return result;
}

static void thresholds_hold_or_do_not_as_the_numbers_say(void **state) {
  (void)state;
  static const struct {
    const char *text;
    bool holds;
  } cases[] = {
      {"p99<2500ms", true},
      {"p99<1799ms", false},
      {"p99.9<2s", true},
      {"p50{operation=place_order}>1790", true},
      {"p99{operation=read_stock}<=5.1ms", true},
      {"max{reason=OUT_OF_STOCK}<101ms", true},
      {"max{reason=OUT_OF_STOCK}<99ms", false},
      {"min>=5ms", true},
      {"mean{operation=read_stock}<5001us", true},
      {"success>=85%", true},
      {"success>85%", false},
      {"success{operation=place_order}>=0.7", true},
      {"success{stage=inventory_updated}>=90%", true},
      {"success{stage=inventory_updated}>90%", false},
      {"errors<=15%", true},
      {"errors{reason=OUT_OF_STOCK}<5.1%", true},
      {"errors{reason=OUT_OF_STOCK}<5%", false},
      {"errors{code=FAILED_PRECONDITION}<15%", false},
      {"errors{code=FAILED_PRECONDITION,reason=PAYMENT_DECLINED}<=10%", true},
      {"errors{reason=NEVER_SEEN}<=0%", true},
      {"errors{operation=read_stock}<=0", true},
      {"rate>=20/s", true},
      {"rate{operation=read_stock}>=10.5", false},
      {"count>=200", true},
      {"missed<=3", true},
      {"missed<3", false},
      {"lag_p99<3ms", true},
      {"lag_max<1ms", false},
  };
  runner_result *result = result_of_a_run();
  runner_measured measured = {.elapsed_us = 10000000, .missed = 3};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    runner_threshold threshold;
    char error[512];
    if (!runner_threshold_parse(&threshold, cases[i].text, error, sizeof error)) fail_msg("%s", error);
    runner_verdict verdict = runner_threshold_check(&threshold, result, &measured);
    if (verdict.passed != cases[i].holds)
      fail_msg("%s: %s (%s)", cases[i].text, verdict.passed ? "holds" : "does not", verdict.shown);
    assert_string_equal(verdict.threshold, cases[i].text);
  }
  runner_result_destroy(result);
}

static void a_latency_of_no_operation_does_not_hold_whatever_the_limit(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  runner_measured measured = {.elapsed_us = 1};
  for (int i = 0; i < 2; i++) {
    runner_threshold threshold;
    char error[512];
    const char *text = i == 0 ? "p99{operation=read_order}<1s" : "p99{operation=read_order}>1s";
    assert_true(runner_threshold_parse(&threshold, text, error, sizeof error));
    assert_false(runner_threshold_check(&threshold, result, &measured).passed);
  }
  runner_result_destroy(result);
}

static void what_is_no_threshold_is_refused_with_its_text(void **state) {
  (void)state;
  static const char *const cases[] = {"",
                                      "p99",
                                      "p99<",
                                      "p99<fast",
                                      "p0<1ms",
                                      "p101<1ms",
                                      "p99<5%",
                                      "success<5ms",
                                      "speed>9000",
                                      "p99=5ms",
                                      "p99{operation=fly}<1s",
                                      "p99{<1s",
                                      "p99{}<1s",
                                      "errors{code=NOPE}<1%",
                                      "missed{operation=place_order}<1",
                                      "success{reason=X}>1%",
                                      "p99<1ms and more",
                                      "success{stage=halfway}>1%",
                                      "errors{reason=A,operation=place_order}<1%",
                                      "p99{operation=place_order,}<1s",
                                      "lag_p99{operation=place_order}<1s",
                                      "p99<nan",
                                      "p99<inf"};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    runner_threshold threshold;
    char error[512];
    if (runner_threshold_parse(&threshold, cases[i], error, sizeof error)) fail_msg("'%s' was taken", cases[i]);
    assert_non_null(strstr(error, cases[i]));
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(thresholds_hold_or_do_not_as_the_numbers_say),
      cmocka_unit_test(a_latency_of_no_operation_does_not_hold_whatever_the_limit),
      cmocka_unit_test(what_is_no_threshold_is_refused_with_its_text),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
