/* The report for programs, as runner/report.schema.json describes it. Times are in milliseconds where their names say
 * _ms, shares from 0 to 1. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
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
    json_object_set_new(
        success, runner_successes[i].name,
        json_of_share(runner_result_reached(result, runner_successes[i].stage), runner_result_orders(result)));
  }
  double low, high;
  runner_wilson_interval(result->stages[RUNNER_OUTCOME_CONFIRMED], runner_result_orders(result), &low, &high);
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
    if (failure->latency != NULL) json_object_set_new(json, "latency", json_of_latency(failure->latency));
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

static json_t *json_of_critical(const runner_critical *critical) {
  json_t *parts = json_array();
  double traces = (double)critical->traces;
  for (size_t i = 0; i < critical->part_count; i++) {
    const runner_part *part = &critical->parts[i];
    json_array_append_new(parts,
                          json_pack("{s:s, s:s, s:f, s:f}", "service", part->service, "span", part->name, "mean_ms",
                                    part->total_ms / traces, "share", part->total_ms / critical->whole_ms));
  }
  return json_pack("{s:I, s:o}", "traces_read", (json_int_t)critical->traces, "parts", parts);
}

static json_t *json_of_bottleneck(const runner_result *result) {
  const runner_step *step = runner_result_bottleneck(result);
  if (step == NULL) return json_null();
  return json_pack("{s:s, s:s, s:o}", "state", step->state, "service", step->service, "mean_ms",
                   milliseconds(runner_step_mean_us(result, step)));
}

static json_t *json_of_names(const double *numbers, const char *const *names, size_t count) {
  json_t *object = json_object();
  for (size_t i = 0; i < count; i++) {
    if (numbers[i] > 0) json_object_set_new(object, names[i], json_real(numbers[i]));
  }
  return object;
}

static json_t *json_of_phases(const runner_arrivals *arrivals) {
  json_t *phases = json_array();
  for (size_t i = 0; i < arrivals->count; i++) {
    const runner_phase *phase = &arrivals->phases[i];
    json_array_append_new(phases, json_pack("{s:f, s:f, s:f}", "duration_s", (double)phase->duration_us / 1e6, "from",
                                            phase->from, "to", phase->to));
  }
  return phases;
}

static json_t *json_of_settings(const runner_run_facts *facts) {
  json_t *settings = json_pack(
      "{s:s?, s:s, s:s, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:I, s:o}", "scenario", facts->scenario, "mode",
      facts->mode, "model", runner_model_names[facts->model], "num_orders", (json_int_t)facts->orders, "concurrency",
      (json_int_t)facts->concurrency, "threads", (json_int_t)facts->threads, "delay_between_batches_s",
      facts->delay_between_batches, "think_time_s", facts->think_time, "duration_s", facts->duration, "warm_up_s",
      facts->warm_up, "request_timeout_s", facts->request_timeout, "seed", (json_int_t)facts->seed, "restocked_units",
      facts->restocked < 0 ? json_null() : json_integer(facts->restocked));
  json_object_set_new(settings, "arrival", json_string(facts->poisson ? "poisson" : "even"));
  json_object_set_new(settings, "phases", json_of_phases(&facts->arrivals));
  json_object_set_new(settings, "mix", json_of_names(facts->mix.weights, runner_kind_names, RUNNER_KIND_COUNT));
  json_object_set_new(settings, "faults", json_of_names(facts->mix.faults, runner_fault_names, RUNNER_FAULT_COUNT));
  return settings;
}

static json_t *json_of_kinds(const runner_result *result) {
  json_t *kinds = json_object();
  for (size_t i = 0; i < RUNNER_KIND_COUNT; i++) {
    const runner_kind_result *kind = &result->kinds[i];
    if (kind->finished == 0) continue;
    json_object_set_new(kinds, runner_kind_names[i],
                        json_pack("{s:I, s:I, s:o}", "finished", (json_int_t)kind->finished, "succeeded",
                                  (json_int_t)kind->succeeded, "latency", json_of_latency(kind->latency)));
  }
  return kinds;
}

static json_t *json_of_operations(const runner_report *report) {
  const runner_result *result = report->result;
  return json_pack("{s:I, s:I, s:I, s:I, s:o}", "finished", (json_int_t)result->finished, "succeeded",
                   (json_int_t)result->succeeded, "warm_up", (json_int_t)result->warm_up, "missed",
                   (json_int_t)report->facts.missed, "by_kind", json_of_kinds(result));
}

static json_t *json_of_runner(const runner_report *report) {
  char warning[256];
  bool warned = runner_report_warning(report, warning, sizeof warning);
  return json_pack("{s:f, s:f, s:o, s:b, s:o}", "cpu_s", report->facts.cpu_s, "cpu_share", report->facts.cpu_share,
                   "lag", json_of_latency(report->result->lag), "kept_up", !warned, "warning",
                   warned ? json_string(warning) : json_null());
}

static json_t *json_of_thresholds(const runner_report *report) {
  json_t *thresholds = json_array();
  for (size_t i = 0; i < report->verdict_count; i++) {
    const runner_verdict *verdict = &report->verdicts[i];
    json_array_append_new(thresholds, json_pack("{s:s, s:b, s:s}", "threshold", verdict->threshold, "passed",
                                                verdict->passed, "value", verdict->shown));
  }
  return thresholds;
}

static json_t *json_of_lines(const char *text) {
  json_t *lines = json_array();
  for (; *text != '\0'; text = strchr(text, '\n') + 1) {
    json_array_append_new(lines, json_stringn(text, strcspn(text, "\n")));
  }
  return lines;
}

static json_t *json_of_sections(const runner_report *report) {
  json_t *sections = json_array();
  for (size_t i = 0; i < report->section_count; i++) {
    const runner_section *section = &report->sections[i];
    json_array_append_new(sections, json_pack("{s:s, s:s, s:o}", "plugin", section->plugin, "title", section->title,
                                              "lines", json_of_lines(section->text)));
  }
  return sections;
}

static json_t *json_of_search(const runner_report *report) {
  if (report->probe_count == 0) return json_null();
  json_t *probes = json_array();
  double best = 0;
  for (size_t i = 0; i < report->probe_count; i++) {
    const runner_probe *probe = &report->probes[i];
    if (probe->passed && probe->rate > best) best = probe->rate;
    json_array_append_new(
        probes, json_pack("{s:f, s:f, s:b, s:o, s:o, s:s}", "rate", probe->rate, "achieved", probe->achieved, "passed",
                          probe->passed, "p50_ms", milliseconds((double)probe->p50_us), "p99_ms",
                          milliseconds((double)probe->p99_us), "failing", probe->failing));
  }
  return json_pack("{s:f, s:o}", "best_rate", best, "probes", probes);
}

static json_t *json_of_series(const runner_series *series) {
  json_t *points = json_array();
  for (size_t i = 0; i < series->count; i++) {
    const runner_interval *interval = &series->intervals[i];
    json_t *point = json_pack("{s:f, s:I, s:I}", "t_s", (double)i * (double)series->interval_us / 1e6, "finished",
                              (json_int_t)interval->finished, "failed", (json_int_t)interval->failed);
    for (size_t j = 0; j < runner_percentile_count && interval->latency != NULL; j++) {
      char name[16];
      snprintf(name, sizeof name, "%s_ms", runner_percentiles[j].name);
      json_object_set_new(
          point, name, milliseconds((double)runner_histogram_quantile(interval->latency, runner_percentiles[j].share)));
    }
    json_array_append_new(points, point);
  }
  return json_pack("{s:f, s:o}", "interval_s", (double)series->interval_us / 1e6, "points", points);
}

/* The histogram itself, for compare and whoever wants another percentile: values up to and including top_us. */
static json_t *json_of_distribution(const runner_histogram *histogram) {
  json_t *tops = json_array(), *counts = json_array();
  for (size_t i = 0; i < runner_histogram_buckets(); i++) {
    int64_t top;
    uint64_t count = runner_histogram_bucket(histogram, i, &top);
    if (count == 0) continue;
    json_array_append_new(tops, json_integer(top));
    json_array_append_new(counts, json_integer((json_int_t)count));
  }
  return json_pack("{s:o, s:o}", "top_us", tops, "count", counts);
}

static json_t *json_of_time(int64_t unix_ms) {
  time_t seconds = (time_t)(unix_ms / 1000);
  struct tm utc = {0};
  gmtime_r(&seconds, &utc);
  char text[32];
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc);
  return json_sprintf("%s.%03dZ", text, (int)(unix_ms % 1000));
}

char *runner_report_json(const runner_report *report) {
  const runner_run_facts *facts = &report->facts;
  const runner_result *result = report->result;
  double seconds = (double)facts->elapsed_us / 1e6;
  double per_second = seconds > 0 ? 1 / seconds : 0;
  uint64_t orders = runner_result_orders(result), confirmed = result->stages[RUNNER_OUTCOME_CONFIRMED];
  json_t *json = json_pack(
      "{s:s, s:s, s:o, s:f, s:b, s:o, s:I, s:I, s:I, s:o, s:I, s:o, s:{s:f, s:o, s:o}, s:{s:f, s:f, s:f}, s:o, s:o}",
      "schema", "store-runner-report/1", "run_id", facts->run_id, "started_at", json_of_time(facts->started_unix_ms),
      "elapsed_s", seconds, "interrupted", facts->interrupted, "settings", json_of_settings(facts), "orders",
      (json_int_t)orders, "confirmed", (json_int_t)confirmed, "failed", (json_int_t)(orders - confirmed), "success",
      json_of_success(result), "unclear", (json_int_t)result->unclear, "failures", json_of_failures(result), "latency",
      "relative_error", RUNNER_HISTOGRAM_RELATIVE_ERROR, "all", json_of_latency(result->all), "confirmed",
      json_of_latency(result->confirmed), "throughput", "operations_per_s", (double)result->finished * per_second,
      "orders_per_s", (double)orders * per_second, "confirmed_per_s", (double)confirmed * per_second, "steps",
      json_of_steps(result), "bottleneck", json_of_bottleneck(result));
  json_t *more =
      json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o}}", "critical_path",
                json_of_critical(&result->critical), "operations", json_of_operations(report), "runner",
                json_of_runner(report), "thresholds", json_of_thresholds(report), "sections", json_of_sections(report),
                "search", json_of_search(report), "series", json_of_series(result->series), "distribution", "all",
                json_of_distribution(result->all), "confirmed", json_of_distribution(result->confirmed));
  char *text = NULL;
  if (json != NULL && more != NULL && json_object_update(json, more) == 0) {
    text = json_dumps(json, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  }
  json_decref(more);
  json_decref(json);
  return text;
}
