/* See threshold.h: a small parser, and one function per kind of metric in a table. */
#include "runner/threshold.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/report.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

typedef enum unit_kind { LATENCY, SHARE, RATE, PLAIN } unit_kind;

static const struct {
  unit_kind kind;
  const char *name;
  double factor;
} units[] = {
    {LATENCY, "us", 1}, {LATENCY, "ms", 1e3}, {LATENCY, "s", 1e6}, {LATENCY, "", 1e3}, {SHARE, "%", 0.01},
    {SHARE, "", 1},     {RATE, "/s", 1},      {RATE, "", 1},       {PLAIN, "", 1},
};

/* The histogram that a latency is taken of. NULL: none was recorded. */
static const runner_histogram *histogram_of(const runner_threshold *threshold, const runner_result *result) {
  if (strncmp(threshold->metric, "lag_", 4) == 0) return result->lag;
  if (threshold->operation >= 0) return result->kinds[threshold->operation].latency;
  for (size_t i = 0; i < result->failure_count && threshold->reason[0] != '\0'; i++) {
    if (strcmp(result->failures[i].reason, threshold->reason) == 0) return result->failures[i].latency;
  }
  return threshold->reason[0] != '\0' ? NULL : result->all;
}

static double latency(const runner_threshold *threshold, const runner_result *result, const runner_measured *measured) {
  (void)measured;
  const char *name = threshold->metric;
  if (strncmp(name, "lag_", 4) == 0) name += 4;
  const runner_histogram *histogram = histogram_of(threshold, result);
  if (histogram == NULL || runner_histogram_count(histogram) == 0) return NAN;
  if (strcmp(name, "min") == 0) return (double)runner_histogram_min(histogram);
  if (strcmp(name, "max") == 0) return (double)runner_histogram_max(histogram);
  if (strcmp(name, "mean") == 0) return runner_histogram_mean(histogram);
  return (double)runner_histogram_quantile(histogram, threshold->share);
}

static uint64_t finished_of(const runner_threshold *threshold, const runner_result *result) {
  if (threshold->stage >= 0) return runner_result_orders(result);
  return threshold->operation >= 0 ? result->kinds[threshold->operation].finished : result->finished;
}

static uint64_t succeeded_of(const runner_threshold *threshold, const runner_result *result) {
  if (threshold->stage >= 0) return runner_result_reached(result, (runner_outcome_stage)threshold->stage);
  return threshold->operation >= 0 ? result->kinds[threshold->operation].succeeded : result->succeeded;
}

static double success(const runner_threshold *threshold, const runner_result *result, const runner_measured *measured) {
  (void)measured;
  uint64_t finished = finished_of(threshold, result);
  return finished == 0 ? NAN : (double)succeeded_of(threshold, result) / (double)finished;
}

static double errors(const runner_threshold *threshold, const runner_result *result, const runner_measured *measured) {
  (void)measured;
  uint64_t finished = finished_of(threshold, result), count = 0;
  if (threshold->reason[0] == '\0' && threshold->code[0] == '\0') {
    return finished == 0 ? NAN : (double)(finished - succeeded_of(threshold, result)) / (double)finished;
  }
  for (size_t i = 0; i < result->failure_count; i++) {
    const runner_failure *failure = &result->failures[i];
    bool same_reason = threshold->reason[0] == '\0' || strcmp(threshold->reason, failure->reason) == 0;
    bool same_code = threshold->code[0] == '\0' || strcmp(threshold->code, rpc_code_name(failure->code)) == 0;
    if (same_reason && same_code) count += failure->count;
  }
  return finished == 0 ? NAN : (double)count / (double)finished;
}

static double rate(const runner_threshold *threshold, const runner_result *result, const runner_measured *measured) {
  if (measured->elapsed_us <= 0) return 0;
  return (double)finished_of(threshold, result) * 1e6 / (double)measured->elapsed_us;
}

static double count(const runner_threshold *threshold, const runner_result *result, const runner_measured *measured) {
  (void)measured;
  return (double)finished_of(threshold, result);
}

static double missed(const runner_threshold *threshold, const runner_result *result, const runner_measured *measured) {
  (void)threshold, (void)result;
  return (double)measured->missed;
}

enum { OPERATION = 1, REASON = 2, CODE = 4, STAGE = 8 };

static const struct {
  const char *name; /* "p": any percentile */
  unit_kind unit;
  unsigned labels; /* that it takes, one at most but for reason and code */
  double (*value)(const runner_threshold *threshold, const runner_result *result, const runner_measured *measured);
} metrics[] = {
    {"min", LATENCY, OPERATION | REASON, latency},
    {"mean", LATENCY, OPERATION | REASON, latency},
    {"max", LATENCY, OPERATION | REASON, latency},
    {"lag_mean", LATENCY, 0, latency},
    {"lag_max", LATENCY, 0, latency},
    {"success", SHARE, OPERATION | STAGE, success},
    {"errors", SHARE, OPERATION | REASON | CODE, errors},
    {"rate", RATE, OPERATION, rate},
    {"count", PLAIN, OPERATION, count},
    {"missed", PLAIN, 0, missed},
    {"lag_p", LATENCY, 0, latency},
    {"p", LATENCY, OPERATION | REASON, latency},
};

static bool read_percentile(const char *text, double *share) {
  char *end;
  double percent = strtod(text, &end);
  *share = percent / 100;
  return end != text && *end == '\0' && percent > 0 && percent <= 100;
}

/* The metric's row; -1: none. */
static int find_metric(runner_threshold *threshold) {
  for (size_t i = 0; i < COUNT(metrics); i++) {
    size_t length = strlen(metrics[i].name);
    bool percentile = metrics[i].name[length - 1] == 'p';
    if (!percentile && strcmp(metrics[i].name, threshold->metric) == 0) return (int)i;
    if (percentile && strncmp(metrics[i].name, threshold->metric, length) == 0 &&
        read_percentile(threshold->metric + length, &threshold->share)) {
      return (int)i;
    }
  }
  return -1;
}

static bool set_label(runner_threshold *threshold, unsigned allowed, const char *name, const char *value) {
  rpc_code code;
  if (strcmp(name, "operation") == 0 && (allowed & OPERATION)) {
    for (int i = 0; i < RUNNER_KIND_COUNT; i++) {
      if (strcmp(runner_kind_names[i], value) == 0) threshold->operation = i;
    }
    return threshold->operation >= 0;
  }
  if (strcmp(name, "stage") == 0 && (allowed & STAGE)) {
    for (size_t i = 0; i < runner_success_count; i++) {
      if (strcmp(runner_successes[i].name, value) == 0) threshold->stage = (int)runner_successes[i].stage;
    }
    return threshold->stage >= 0;
  }
  if (strcmp(name, "reason") == 0 && (allowed & REASON)) {
    snprintf(threshold->reason, sizeof threshold->reason, "%s", value);
    return value[0] != '\0';
  }
  if (strcmp(name, "code") == 0 && (allowed & CODE)) {
    snprintf(threshold->code, sizeof threshold->code, "%.23s", value);
    return rpc_code_from_name(value, &code);
  }
  return false;
}

/* "{name=value,...}" at the beginning of text; what follows is left in *text. */
static bool read_labels(runner_threshold *threshold, unsigned allowed, const char **text) {
  if (**text != '{') return true;
  const char *at = *text + 1;
  int labels = 0;
  for (;;) {
    char name[16], value[48];
    int length = 0;
    if (sscanf(at, "%15[a-z_]=%47[A-Za-z0-9_.-]%n", name, value, &length) != 2 || length == 0) return false;
    if (!set_label(threshold, allowed, name, value)) return false;
    labels++;
    at += length;
    if (*at == '}') break;
    if (*at++ != ',') return false;
  }
  *text = at + 1;
  return labels == 1 || (threshold->reason[0] != '\0' && threshold->code[0] != '\0' && labels == 2);
}

static bool read_limit(runner_threshold *threshold, unit_kind kind, const char *text) {
  char *end;
  double number = strtod(text, &end);
  if (end == text || !isfinite(number)) return false;
  while (*end == ' ') end++;
  for (size_t i = 0; i < COUNT(units); i++) {
    if (units[i].kind != kind || strcmp(units[i].name, end) != 0) continue;
    threshold->limit = number * units[i].factor;
    return true;
  }
  return false;
}

static bool parse(runner_threshold *threshold, const char *text) {
  size_t length = strcspn(text, "{<> ");
  if (length == 0 || length >= sizeof threshold->metric) return false;
  memcpy(threshold->metric, text, length);
  int metric = find_metric(threshold);
  text += length;
  if (metric < 0 || !read_labels(threshold, metrics[metric].labels, &text)) return false;
  while (*text == ' ') text++;
  if (*text != '<' && *text != '>') return false;
  threshold->comparison[0] = *text++;
  if (*text == '=') threshold->comparison[1] = *text++;
  return read_limit(threshold, metrics[metric].unit, text);
}

bool runner_threshold_parse(runner_threshold *threshold, const char *text, char *error, size_t error_size) {
  *threshold = (runner_threshold){.text = text, .operation = -1, .stage = -1};
  if (parse(threshold, text)) return true;
  snprintf(
      error, error_size,
      "'%s' is no threshold such as p99<2500ms, success>=63%%, errors{reason=OUT_OF_STOCK}<12%%, rate>100/s, missed<=0",
      text);
  return false;
}

static bool holds(double value, const char *comparison, double limit) {
  bool equal = comparison[1] == '=' && value == limit;
  return equal || (comparison[0] == '<' ? value < limit : value > limit);
}

static void show(char *text, size_t size, unit_kind kind, double value) {
  if (isnan(value)) {
    snprintf(text, size, "nothing to measure");
  } else if (kind == LATENCY) {
    snprintf(text, size, "%.3f ms", value / 1e3);
  } else if (kind == SHARE) {
    snprintf(text, size, "%.2f %%", 100 * value);
  } else {
    snprintf(text, size, kind == RATE ? "%.1f/s" : "%.0f", value);
  }
}

runner_verdict runner_threshold_check(const runner_threshold *threshold, const runner_result *result,
                                      const runner_measured *measured) {
  runner_threshold copy = *threshold;
  int metric = find_metric(&copy);
  runner_verdict verdict = {.threshold = threshold->text};
  verdict.value = metrics[metric].value(threshold, result, measured);
  verdict.passed = !isnan(verdict.value) && holds(verdict.value, threshold->comparison, threshold->limit);
  show(verdict.shown, sizeof verdict.shown, metrics[metric].unit, verdict.value);
  return verdict;
}
