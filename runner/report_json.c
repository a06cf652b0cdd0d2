/* The report for programs. Times are in milliseconds, shares from 0 to 1. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "runner/report.h"

static json_t *milliseconds(double us) {
  return json_real(round(us) / 1000);
}

static json_t *json_of_latency(const runner_histogram *histogram) {
  json_t *latency = json_pack("{s:I, s:o, s:o}", "count", (json_int_t)runner_histogram_count(histogram), "min_ms",
                              milliseconds((double)runner_histogram_min(histogram)), "mean_ms",
                              milliseconds(runner_histogram_mean(histogram)));
  for (size_t i = 0; i < runner_percentile_count; i++) {
    char name[16];
    snprintf(name, sizeof name, "%s_ms", runner_percentiles[i].name);
    json_object_set_new(latency, name,
                        milliseconds((double)runner_histogram_quantile(histogram, runner_percentiles[i].share)));
  }
  json_object_set_new(latency, "max_ms", milliseconds((double)runner_histogram_max(histogram)));
  return latency;
}

static json_t *json_of_share(uint64_t count, uint64_t total) {
  return json_pack("{s:I, s:f}", "count", (json_int_t)count, "share", total == 0 ? 0.0 : (double)count / (double)total);
}

static json_t *json_of_success(const runner_result *result) {
  json_t *success = json_object();
  for (size_t i = 0; i < runner_success_count; i++) {
    json_object_set_new(success, runner_successes[i].name,
                        json_of_share(runner_result_reached(result, runner_successes[i].stage), result->finished));
  }
  double low, high;
  runner_wilson_interval(result->stages[RUNNER_OUTCOME_CONFIRMED], result->finished, &low, &high);
  json_object_set_new(success, "full_success_interval_95",
                      json_pack("{s:f, s:f, s:s}", "low", low, "high", high, "method", "wilson"));
  return success;
}

static json_t *json_of_failures(const runner_result *result) {
  json_t *failures = json_array();
  for (size_t i = 0; i < result->failure_count; i++) {
    const runner_failure *failure = runner_report_failure(result, i);
    json_t *json = json_of_share(failure->count, result->finished);
    json_object_set_new(json, "reason", json_string(failure->reason));
    json_object_set_new(json, "code", json_string(rpc_code_name(failure->code)));
    json_array_append_new(failures, json);
  }
  return failures;
}

static json_t *json_of_steps(const runner_result *result) {
  json_t *steps = json_array();
  for (size_t i = 0; i < result->step_count; i++) {
    const runner_step *step = &result->steps[i];
    json_array_append_new(steps, json_pack("{s:s, s:s, s:o}", "state", step->state, "service", step->service, "mean_ms",
                                           milliseconds(runner_step_mean_us(result, step))));
  }
  return json_pack("{s:I, s:o}", "orders_read", (json_int_t)result->steps_read, "mean", steps);
}

static json_t *json_of_bottleneck(const runner_result *result) {
  const runner_step *step = runner_result_bottleneck(result);
  if (step == NULL) return json_null();
  return json_pack("{s:s, s:s, s:o}", "state", step->state, "service", step->service, "mean_ms",
                   milliseconds(runner_step_mean_us(result, step)));
}

static json_t *json_of_settings(const runner_run_facts *facts) {
  return json_pack("{s:s, s:I, s:I, s:f, s:f, s:I, s:o}", "mode", facts->mode, "num_orders", (json_int_t)facts->orders,
                   "concurrency", (json_int_t)facts->concurrency, "delay_between_batches_s",
                   facts->delay_between_batches, "request_timeout_s", facts->request_timeout, "seed",
                   (json_int_t)facts->seed, "restocked_units",
                   facts->restocked < 0 ? json_null() : json_integer(facts->restocked));
}

static json_t *json_of_time(int64_t unix_ms) {
  time_t seconds = (time_t)(unix_ms / 1000);
  struct tm utc = {0};
  gmtime_r(&seconds, &utc);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  return json_sprintf("%s.%03dZ", text, (int)(unix_ms % 1000));
}

char *runner_report_json(const runner_run_facts *facts, const runner_result *result) {
  double seconds = (double)facts->elapsed_us / 1e6;
  double per_second = seconds > 0 ? 1 / seconds : 0;
  uint64_t confirmed = result->stages[RUNNER_OUTCOME_CONFIRMED];
  json_t *report = json_pack(
      "{s:s, s:s, s:o, s:f, s:b, s:o, s:I, s:I, s:I, s:o, s:I, s:o, s:{s:f, s:o, s:o}, s:{s:f, s:f}, s:o, s:o}",
      "schema", "store-runner-report/1", "run_id", facts->run_id, "started_at", json_of_time(facts->started_unix_ms),
      "elapsed_s", seconds, "interrupted", facts->interrupted, "settings", json_of_settings(facts), "orders",
      (json_int_t)result->finished, "confirmed", (json_int_t)confirmed, "failed",
      (json_int_t)(result->finished - confirmed), "success", json_of_success(result), "unclear",
      (json_int_t)result->unclear, "failures", json_of_failures(result), "latency", "relative_error",
      RUNNER_HISTOGRAM_RELATIVE_ERROR, "all", json_of_latency(result->all), "confirmed",
      json_of_latency(result->confirmed), "throughput", "orders_per_s", (double)result->finished * per_second,
      "confirmed_per_s", (double)confirmed * per_second, "steps", json_of_steps(result), "bottleneck",
      json_of_bottleneck(result));
  char *text = report == NULL ? NULL : json_dumps(report, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  json_decref(report);
  return text;
}
