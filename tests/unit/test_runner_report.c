/* runner/result and the reports: what samples and histories add up to, as JSON, as text and as files. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/v1/traces.pb-c.h"
#include "runner/report.h"
#include "store/v1/order.pb-c.h"

static const runner_run_facts facts = {
    .run_id = "run-0000cafe",
    .mode = "gateway",
    .orders = 100,
    .concurrency = 10,
    .delay_between_batches = 0.1,
    .request_timeout = 30,
    .seed = 42,
    .restocked = 120,
    .started_unix_ms = 1795570053123, /* 2026-11-25T01:27:33.123Z */
    .elapsed_us = 20000000,
};

static void add(runner_result *result, uint64_t count, rpc_code code, const char *reason, const char *order_id,
                int64_t latency_us) {
  rpc_status status = code == RPC_OK ? rpc_status_ok() : rpc_status_error(code, reason, "as the test wants");
  if (code != RPC_OK && order_id != NULL) rpc_status_set_fact(&status, "order_id", order_id);
  runner_outcome outcome = runner_outcome_of_order(&status, order_id);
  for (uint64_t i = 0; i < count; i++) {
    runner_engine_sample sample = {.index = result->finished, .latency_us = latency_us, .outcome = &outcome};
    runner_result_add(result, &sample);
  }
}

/* 66 confirmed, 20 declined, 8 conflicts, 4 unclear, 2 never created. */
static runner_result *result_of_a_run(void) {
  runner_result *result = runner_result_create(facts.orders, 0);
  add(result, 66, RPC_OK, NULL, "ORD-C", 1800000);
  add(result, 8, RPC_ABORTED, "RESERVATION_CONFLICT", "ORD-R", 100000);
  add(result, 20, RPC_FAILED_PRECONDITION, "PAYMENT_DECLINED", "ORD-P", 1700000);
  add(result, 4, RPC_UNAVAILABLE, "NETWORK_TIMEOUT", "ORD-T", 2000000);
  add(result, 2, RPC_UNAVAILABLE, "CONNECT_FAILED", NULL, 1000);
  return result;
}

/* What the door below answers to GetTrace: an order of 1,800 ms, 1,500 of them in a fraud check, that each of two
 * services tells its part of, and the gateway all. */
static void get_trace(runner_door_done_fn done, void *arg) {
  static const struct {
    const char *id, *parent, *service, *name;
    double start_ms, duration_ms;
  } rows[] = {
      {"01", "", "order", "CreateOrder", 1000, 1800},
      {"02", "01", "order", "ProcessPayment", 1150, 1510},
      {"03", "02", "payment", "ProcessPayment", 1155, 1502},
      {"04", "03", "payment", "fraud check", 1156, 1500},
  };
  enum { SPANS = sizeof rows / sizeof rows[0] };
  Rpc__V1__Span spans[SPANS], *pointers[SPANS];
  for (size_t i = 0; i < SPANS; i++) {
    spans[i] = (Rpc__V1__Span)RPC__V1__SPAN__INIT;
    spans[i].span_id = (char *)(uintptr_t)rows[i].id;
    spans[i].parent_span_id = (char *)(uintptr_t)rows[i].parent;
    spans[i].service = (char *)(uintptr_t)rows[i].service;
    spans[i].name = (char *)(uintptr_t)rows[i].name;
    spans[i].start_unix_ms = rows[i].start_ms;
    spans[i].duration_ms = rows[i].duration_ms;
    pointers[i] = &spans[i];
  }
  Rpc__V1__GetTraceResponse response = RPC__V1__GET_TRACE_RESPONSE__INIT;
  response.spans = pointers;
  response.n_spans = SPANS;
  rpc_status status = rpc_status_ok();
  done(arg, &status, &response.base);
}

/* A door that answers GetOrder with histories. */
static void get_order(runner_door *door, const api_method *method, const ProtobufCMessage *message,
                      const runner_door_options *options, runner_door_done_fn done, void *arg) {
  (void)door, (void)options;
  if (strcmp(method->name, "/rpc.v1.Traces/GetTrace") == 0) {
    get_trace(done, arg);
    return;
  }
  assert_string_equal(method->name, "/store.v1.OrderService/GetOrder");
  const Store__V1__GetOrderRequest *request = (const void *)message;
  bool confirmed = strcmp(request->order_id, "ORD-C") == 0;
  static const struct {
    const char *state;
    int32_t at_ms;
  } histories[2][4] = {
      {{"reserving", 0}, {"charging", 50}, {"releasing", 900}, {"failed", 950}},
      {{"reserving", 0}, {"charging", 150}, {"confirming", 1650}, {"confirmed", 1750}},
  };
  Store__V1__OrderStateChange changes[4], *pointers[4];
  Google__Protobuf__Timestamp times[4];
  for (size_t i = 0; i < 4; i++) {
    times[i] = (Google__Protobuf__Timestamp)GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    times[i].seconds = 1795570053 + histories[confirmed][i].at_ms / 1000;
    times[i].nanos = histories[confirmed][i].at_ms % 1000 * 1000000;
    changes[i] = (Store__V1__OrderStateChange)STORE__V1__ORDER_STATE_CHANGE__INIT;
    changes[i].status = (char *)(uintptr_t)histories[confirmed][i].state;
    changes[i].at = &times[i];
    pointers[i] = &changes[i];
  }
  Store__V1__Order order = STORE__V1__ORDER__INIT;
  order.correlation_id = (char *)(uintptr_t) "trace-1";
  order.n_history = 4;
  order.history = pointers;
  rpc_status status = rpc_status_ok();
  done(arg, &status, &order.base);
}

static runner_report report_of(const runner_result *result) {
  return (runner_report){.facts = facts, .result = result};
}

static json_t *report_json(const runner_result *result) {
  runner_report report = report_of(result);
  char *text = runner_report_json(&report);
  assert_non_null(text);
  json_error_t error;
  json_t *json = json_loads(text, 0, &error);
  if (json == NULL) fail_msg("line %d: %s", error.line, error.text);
  free(text);
  return json;
}

static json_int_t count_at(const json_t *json, const char *outer, const char *inner) {
  return json_integer_value(json_object_get(json_object_get(json_object_get(json, outer), inner), "count"));
}

static double number_at(const json_t *json, const char *outer, const char *middle, const char *inner) {
  const json_t *at = json_object_get(json_object_get(json, outer), middle);
  return json_number_value(inner == NULL ? at : json_object_get(at, inner));
}

static void stages_count_those_that_got_as_far_or_further(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  assert_int_equal(runner_result_reached(result, RUNNER_OUTCOME_CREATED), 98);
  assert_int_equal(runner_result_reached(result, RUNNER_OUTCOME_RESERVED), 86);
  assert_int_equal(runner_result_reached(result, RUNNER_OUTCOME_CHARGED), 66);
  assert_int_equal(runner_result_reached(result, RUNNER_OUTCOME_CONFIRMED), 66);
  assert_int_equal(result->unclear, 4);
  runner_result_destroy(result);
}

static void histories_read_back_tell_steps_and_unclear_stages(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  runner_door door = {.call = get_order};
  runner_result_read_back(result, &door);
  assert_int_equal(result->steps_read, 66);
  const runner_step *bottleneck = runner_result_bottleneck(result);
  assert_string_equal(bottleneck->state, "charging");
  assert_string_equal(bottleneck->service, "payment");
  assert_true(runner_step_mean_us(result, bottleneck) == 1500000);
  assert_int_equal(result->unclear, 0);
  assert_int_equal(runner_result_reached(result, RUNNER_OUTCOME_RESERVED), 90); /* the four had got to charging */
  assert_int_equal(runner_result_reached(result, RUNNER_OUTCOME_CREATED), 98);
  runner_result_destroy(result);
}

static void traces_name_the_fraud_check_and_count_no_span_twice(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  runner_door door = {.call = get_order};
  runner_result_read_back(result, &door);
  runner_critical_read(&result->critical, &door);
  const runner_critical *critical = &result->critical;
  assert_int_equal(critical->traces, RUNNER_TRACES_MAX); /* of 66 confirmed */
  assert_string_equal(critical->parts[0].service, "payment");
  assert_string_equal(critical->parts[0].name, "fraud check");
  assert_true(fabs(critical->parts[0].total_ms - 1500.0 * RUNNER_TRACES_MAX) < 1);
  assert_string_equal(critical->parts[1].name, "CreateOrder"); /* 1800 - 1510 of its own */
  assert_true(fabs(critical->whole_ms - 1800.0 * RUNNER_TRACES_MAX) < 1);
  json_t *json = report_json(result);
  const json_t *parts = json_object_get(json_object_get(json, "critical_path"), "parts");
  assert_int_equal(json_array_size(parts), 4);
  assert_true(fabs(json_number_value(json_object_get(json_array_get(parts, 0), "share")) - 1500.0 / 1800) < 1e-6);
  json_decref(json);
  runner_report report = report_of(result);
  char *text = runner_report_text(&report);
  assert_non_null(strstr(text, "By measurement an order waits longest for payment: fraud check"));
  free(text);
  runner_result_destroy(result);
}

static void json_parses_and_adds_up(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  runner_door door = {.call = get_order};
  runner_result_read_back(result, &door);
  json_t *json = report_json(result);
  json_int_t orders = json_integer_value(json_object_get(json, "orders"));
  json_int_t confirmed = json_integer_value(json_object_get(json, "confirmed"));
  assert_int_equal(orders, 100);
  assert_int_equal(confirmed + json_integer_value(json_object_get(json, "failed")), orders);
  assert_int_equal(count_at(json, "success", "order_created"), 98);
  assert_int_equal(count_at(json, "success", "inventory_updated"), 90);
  assert_int_equal(count_at(json, "success", "payment_processed"), 66);
  assert_int_equal(count_at(json, "success", "full_success"), confirmed);
  assert_int_equal(count_at(json, "latency", "all"), orders);
  assert_int_equal(count_at(json, "latency", "confirmed"), confirmed);
  json_int_t failures = 0;
  size_t index;
  const json_t *failure;
  json_array_foreach(json_object_get(json, "failures"), index, failure) {
    failures += json_integer_value(json_object_get(failure, "count"));
  }
  assert_int_equal(failures, orders - confirmed);
  assert_true(fabs(number_at(json, "latency", "confirmed", "p50_ms") - 1800) <= 1800 * RUNNER_HISTOGRAM_RELATIVE_ERROR);
  assert_true(fabs(number_at(json, "latency", "confirmed", "mean_ms") - 1800) < 1e-6);
  assert_true(fabs(number_at(json, "throughput", "orders_per_s", NULL) - 5) < 1e-9);
  assert_string_equal(json_string_value(json_object_get(json_object_get(json, "bottleneck"), "service")), "payment");
  assert_string_equal(json_string_value(json_object_get(json, "started_at")), "2026-11-25T01:27:33.123Z");
  json_decref(json);
  runner_result_destroy(result);
}

static void failures_are_told_largest_first(void **state) {
  (void)state;
  static const char *const reasons[] = {"PAYMENT_DECLINED", "RESERVATION_CONFLICT", "NETWORK_TIMEOUT",
                                        "CONNECT_FAILED"};
  runner_result *result = result_of_a_run();
  for (size_t i = 0; i < 4; i++) assert_string_equal(runner_report_failure(result, i)->reason, reasons[i]);
  assert_null(runner_report_failure(result, 4));
  runner_result_destroy(result);
}

/* As many reasons as orders: none is lost, however many kinds there are. */
static void too_many_kinds_of_failure_end_up_as_other(void **state) {
  (void)state;
  runner_result *result = runner_result_create(1000, 0);
  for (int i = 0; i < 1000; i++) {
    char reason[48];
    snprintf(reason, sizeof reason, "REASON_%d", i);
    add(result, 1, RPC_INTERNAL, reason, NULL, 1);
  }
  assert_int_equal(result->failure_count, RUNNER_REASONS_MAX);
  assert_string_equal(runner_report_failure(result, 0)->reason, "OTHER");
  uint64_t sum = 0;
  for (size_t i = 0; i < result->failure_count; i++) sum += result->failures[i].count;
  assert_int_equal(sum, 1000);
  runner_result_destroy(result);
}

static void an_empty_run_reports_nothing_and_divides_by_nothing(void **state) {
  (void)state;
  runner_result *result = runner_result_create(100, 0);
  json_t *json = report_json(result);
  assert_int_equal(json_integer_value(json_object_get(json, "orders")), 0);
  assert_true(json_is_null(json_object_get(json, "bottleneck")));
  assert_true(number_at(json, "success", "full_success", "share") == 0);
  json_decref(json);
  runner_report report = report_of(result);
  char *text = runner_report_text(&report);
  assert_null(strstr(text, "nan"));
  assert_non_null(strstr(text, "none"));
  free(text);
  runner_result_destroy(result);
}

/* What defines the interval: at either end the share seen is 1.96 standard errors of that end away. */
static void wilson_interval_ends_where_the_score_test_does(void **state) {
  (void)state;
  static const uint64_t cases[][2] = {{66, 100}, {1, 10}, {9, 10}, {1320, 2000}, {1, 1000000}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    double n = (double)cases[i][1], share = (double)cases[i][0] / n, ends[2];
    runner_wilson_interval(cases[i][0], cases[i][1], &ends[0], &ends[1]);
    assert_true(0 < ends[0] && ends[0] < share && share < ends[1] && ends[1] < 1);
    for (int end = 0; end < 2; end++) {
      double errors = fabs(share - ends[end]) / sqrt(ends[end] * (1 - ends[end]) / n);
      if (fabs(errors - 1.96) > 1e-3) fail_msg("%g of %g: %g standard errors", share * n, n, errors);
    }
  }
}

static void wilson_interval_of_all_or_nothing_stays_within_zero_and_one(void **state) {
  (void)state;
  double low, high;
  runner_wilson_interval(0, 10, &low, &high);
  assert_true(low == 0 && fabs(high - 0.27753) < 1e-4); /* z² / (n + z²) */
  runner_wilson_interval(10, 10, &low, &high);
  assert_true(high <= 1 && fabs(low - 0.72247) < 1e-4);
  runner_wilson_interval(0, 0, &low, &high);
  assert_true(low == 0 && high == 1);
}

static void text_tells_success_its_spread_failures_and_bottleneck(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  runner_door door = {.call = get_order};
  runner_result_read_back(result, &door);
  runner_report report = report_of(result);
  char *text = runner_report_text(&report);
  static const char *const words[] = {
      "100 orders: success 66.0 %, 95 % interval 56–75 % (Wilson)",
      "order created",
      "FAILED_PRECONDITION, PAYMENT_DECLINED",
      "p99.9",
      "Bottleneck: charging, the payment service (fraud check and charge)",
      "restocked   120 units",
  };
  for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
    if (strstr(text, words[i]) == NULL) fail_msg("no '%s' in:\n%s", words[i], text);
  }
  free(text);
  runner_result_destroy(result);
}

static void assert_file_holds(const char *dir, const char *name, const char *text) {
  char path[256], content[64] = "";
  snprintf(path, sizeof path, "%s/%s", dir, name);
  FILE *file = fopen(path, "r");
  if (file == NULL) fail_msg("no %s", path);
  assert_true(fread(content, 1, sizeof content - 1, file) > 0);
  fclose(file);
  assert_string_equal(content, text);
  unlink(path);
}

static void files_are_written_under_their_time_and_as_latest(void **state) {
  (void)state;
  char root[] = "/tmp/runner-report-XXXXXX", dir[64], path[256];
  assert_non_null(mkdtemp(root));
  snprintf(dir, sizeof dir, "%s/a/b", root);
  const runner_report_file old[] = {{"json", "old"}, {"txt", "old"}}, files[] = {{"json", "{}"}, {"txt", "text"}};
  rpc_status status = runner_report_write(dir, facts.started_unix_ms, old, 2, path, sizeof path);
  status = runner_report_write(dir, facts.started_unix_ms, files, 2, path, sizeof path);
  assert_int_equal(status.code, RPC_OK);
  assert_non_null(strstr(path, "/report-20261125T012733.123Z.json"));
  assert_file_holds(dir, "report-20261125T012733.123Z.json", "{}");
  assert_file_holds(dir, "report-20261125T012733.123Z.txt", "text");
  assert_file_holds(dir, "latest.json", "{}");
  assert_file_holds(dir, "latest.txt", "text");
  assert_int_equal(rmdir(dir), 0); /* nothing else is left in it */
  snprintf(dir, sizeof dir, "%s/a", root);
  assert_int_equal(rmdir(dir), 0);
  assert_int_equal(rmdir(root), 0);
}

static void a_folder_that_cannot_be_made_is_told(void **state) {
  (void)state;
  char path[256];
  rpc_status status = runner_report_write("/dev/null/reports", facts.started_unix_ms,
                                          &(runner_report_file){"json", "{}"}, 1, path, sizeof path);
  assert_int_equal(status.code, RPC_INTERNAL);
  assert_non_null(strstr(status.message, "/dev/null"));
}

static runner_verdict verdicts[] = {{.threshold = "p99<2s", .passed = true, .shown = "1800.0 ms"},
                                    {.threshold = "errors{reason=\"<&>\"}<1%", .shown = "34 %"}};

static void each_report_tells_the_thresholds_and_harms_no_markup(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  runner_report report = report_of(result);
  report.verdicts = verdicts;
  report.verdict_count = 2;
  char *text = runner_report_text(&report), *html = runner_report_html(&report), *junit = runner_report_junit(&report);
  assert_non_null(strstr(text, "ok     p99<2s (1800.0 ms)"));
  assert_non_null(strstr(text, "FAILED errors"));
  assert_non_null(strstr(html, "p99&lt;2s"));
  assert_null(strstr(html, "\"<&>\""));
  assert_non_null(strstr(junit, "tests=\"2\" failures=\"1\""));
  assert_non_null(strstr(junit, "errors{reason=&quot;&lt;&amp;&gt;&quot;}&lt;1%"));
  free(text);
  free(html);
  free(junit);
  runner_result_destroy(result);
}

static void the_page_has_its_charts_and_refers_to_nothing_outside(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  runner_door door = {.call = get_order};
  runner_result_read_back(result, &door);
  runner_report report = report_of(result);
  char *html = runner_report_html(&report);
  size_t charts = 0;
  for (const char *at = html; (at = strstr(at, "<svg")) != NULL; at++) charts++;
  assert_int_equal(charts, 3); /* latency, percentiles over time, rate; failures and steps are bars of the page */
  static const char *const outside[] = {"http:",   "https:",  "src=", "href=", "url(",
                                        "@import", "<script", "nan",  "inf\""};
  for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
    if (strstr(html, outside[i]) != NULL) fail_msg("the page has %s", outside[i]);
  }
  assert_non_null(strstr(html, "payment declined"));
  assert_non_null(strstr(html, "charging: payment"));
  free(html);
  runner_result_destroy(result);
}

static void the_series_has_a_line_for_each_interval(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  runner_report report = report_of(result);
  char *csv = runner_report_csv(&report);
  assert_int_equal(strncmp(csv, "t_s,interval_s,finished,failed,rate_per_s,p50_ms", 48), 0);
  size_t lines = 0;
  for (const char *at = csv; (at = strchr(at, '\n')) != NULL; at++) lines++;
  assert_int_equal(lines, 1 + result->series->count);
  free(csv);
  runner_result_destroy(result);
}

static void what_the_warm_up_did_is_not_counted(void **state) {
  (void)state;
  runner_result *result = runner_result_create(10, 1000000);
  rpc_status status = rpc_status_ok();
  runner_outcome outcome = runner_outcome_of_order(&status, "ORD-1");
  runner_engine_sample early = {.latency_us = 5, .warm_up = true, .outcome = &outcome};
  runner_engine_sample late = {.start_us = 1500000, .latency_us = 7, .outcome = &outcome};
  runner_result_add(result, &early);
  runner_result_add(result, &late);
  assert_int_equal(result->finished, 1);
  assert_int_equal(result->warm_up, 1);
  assert_int_equal(runner_histogram_max(result->all), 7);
  assert_int_equal(result->series->intervals[0].finished, 1); /* the series begins where the warm-up ends */
  runner_result_destroy(result);
}

static void results_of_threads_add_up(void **state) {
  (void)state;
  runner_result *one = result_of_a_run(), *other = result_of_a_run();
  add(other, 5, RPC_INTERNAL, "NEW", NULL, 10);
  runner_result_merge(one, other);
  assert_int_equal(one->finished, 205);
  assert_int_equal(runner_result_reached(one, RUNNER_OUTCOME_CONFIRMED), 132);
  assert_int_equal(runner_histogram_count(one->all), 205);
  assert_int_equal(one->failure_count, other->failure_count);
  assert_string_equal(runner_report_failure(one, 0)->reason, "PAYMENT_DECLINED");
  assert_int_equal(runner_report_failure(one, 0)->count, 40);
  assert_int_equal(one->unclear, 8);
  assert_in_range(one->confirmed_orders.count, 100, RUNNER_READ_BACK_MAX);
  runner_result_destroy(one);
  runner_result_destroy(other);
}

static void a_runner_that_could_not_keep_up_says_so(void **state) {
  (void)state;
  runner_result *result = result_of_a_run();
  runner_report report = report_of(result);
  char text[256];
  assert_false(runner_report_warning(&report, text, sizeof text));
  report.facts.missed = 3;
  assert_true(runner_report_warning(&report, text, sizeof text));
  assert_non_null(strstr(text, "3 operations"));
  report.facts.missed = 0;
  report.facts.cpu_share = 0.97;
  assert_true(runner_report_warning(&report, text, sizeof text));
  report.facts.cpu_share = 0;
  for (int i = 0; i < 5000; i++) runner_histogram_record(result->lag, 500000);
  assert_true(runner_report_warning(&report, text, sizeof text));
  assert_non_null(strstr(text, "late"));
  runner_result_destroy(result);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stages_count_those_that_got_as_far_or_further),
      cmocka_unit_test(histories_read_back_tell_steps_and_unclear_stages),
      cmocka_unit_test(traces_name_the_fraud_check_and_count_no_span_twice),
      cmocka_unit_test(json_parses_and_adds_up),
      cmocka_unit_test(failures_are_told_largest_first),
      cmocka_unit_test(too_many_kinds_of_failure_end_up_as_other),
      cmocka_unit_test(an_empty_run_reports_nothing_and_divides_by_nothing),
      cmocka_unit_test(wilson_interval_ends_where_the_score_test_does),
      cmocka_unit_test(wilson_interval_of_all_or_nothing_stays_within_zero_and_one),
      cmocka_unit_test(text_tells_success_its_spread_failures_and_bottleneck),
      cmocka_unit_test(files_are_written_under_their_time_and_as_latest),
      cmocka_unit_test(a_folder_that_cannot_be_made_is_told),
      cmocka_unit_test(each_report_tells_the_thresholds_and_harms_no_markup),
      cmocka_unit_test(the_page_has_its_charts_and_refers_to_nothing_outside),
      cmocka_unit_test(the_series_has_a_line_for_each_interval),
      cmocka_unit_test(what_the_warm_up_did_is_not_counted),
      cmocka_unit_test(results_of_threads_add_up),
      cmocka_unit_test(a_runner_that_could_not_keep_up_says_so),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
