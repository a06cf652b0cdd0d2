/* See compare.h. Each round of the bootstrap draws both runs anew from what they saw: every count of a histogram, of a
 * second, of successes, is replaced by a Poisson number of that mean (the Poisson bootstrap, which needs no list of all
 * samples). The spread of the change over the rounds is the interval. */
#include "runner/compare.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/random.h"

enum { ROUNDS = 2000, METRICS = 8 };

/* Together the intervals are 95 % sure, so each is more (Bonferroni). */
static const double sureness = 1 - 0.05 / METRICS;

/* A change of a latency that is smaller than two buckets of the histogram is not told from none. */
static const double resolution = 0.016;

static const struct {
  const char *name, *unit;
  double quantile;                 /* of latency; 0: another metric */
  bool more_is_better, difference; /* difference: of shares, in points, instead of a ratio */
} metrics[METRICS] = {
    {"mean", "ms", 0, false, false},   {"p50", "ms", 0.5, false, false},  {"p90", "ms", 0.9, false, false},
    {"p95", "ms", 0.95, false, false}, {"p99", "ms", 0.99, false, false}, {"p99.9", "ms", 0.999, false, false},
    {"success", "%", 0, true, true},   {"rate", "/s", 0, true, false},
};
enum { MEAN = 0, SUCCESS = 6, RATE = 7 };

typedef struct run_data {
  json_t *json;
  double *tops_ms, *counts, *seconds; /* of the histogram, of operations in each interval */
  size_t buckets, intervals;
  double interval_s, succeeded, failed;
} run_data;

static double number_at(const json_t *json, const char *outer, const char *inner) {
  return json_number_value(json_object_get(json_object_get(json, outer), inner));
}

static bool read_histogram(run_data *run) {
  const json_t *all = json_object_get(json_object_get(run->json, "distribution"), "all");
  const json_t *tops = json_object_get(all, "top_us"), *counts = json_object_get(all, "count");
  run->buckets = json_array_size(tops);
  if (run->buckets == 0 || json_array_size(counts) != run->buckets) return false;
  run->tops_ms = calloc(run->buckets, sizeof(double));
  run->counts = calloc(run->buckets, sizeof(double));
  if (run->tops_ms == NULL || run->counts == NULL) return false;
  for (size_t i = 0; i < run->buckets; i++) {
    run->tops_ms[i] = json_number_value(json_array_get(tops, i)) / 1e3;
    run->counts[i] = json_number_value(json_array_get(counts, i));
  }
  return true;
}

static bool read_series(run_data *run) {
  const json_t *points = json_object_get(json_object_get(run->json, "series"), "points");
  run->intervals = json_array_size(points);
  if (run->intervals > 2) run->intervals--; /* the last one is not whole */
  run->interval_s = number_at(run->json, "series", "interval_s");
  run->seconds = calloc(run->intervals + 1, sizeof(double));
  if (run->seconds == NULL || run->interval_s <= 0) return false;
  for (size_t i = 0; i < run->intervals; i++) {
    run->seconds[i] = json_number_value(json_object_get(json_array_get(points, i), "finished"));
  }
  return true;
}

static bool read_run(run_data *run, const char *path) {
  json_error_t error;
  run->json = json_load_file(path, 0, &error);
  const char *schema = json_string_value(json_object_get(run->json, "schema"));
  if (run->json == NULL) {
    fprintf(stderr, "store-runner: %s: %s\n", path, error.text);
  } else if (schema == NULL || strcmp(schema, "store-runner-report/1") != 0 || !read_histogram(run) ||
             !read_series(run)) {
    fprintf(stderr, "store-runner: %s is no report of store-runner with operations in it\n", path);
  } else {
    run->succeeded = number_at(run->json, "operations", "succeeded");
    run->failed = number_at(run->json, "operations", "finished") - run->succeeded;
    return true;
  }
  return false;
}

static void free_run(run_data *run) {
  json_decref(run->json);
  free(run->tops_ms);
  free(run->counts);
  free(run->seconds);
}

static double draw_normal(rpc_random *random) {
  double unit = 1 - rpc_random_unit(random);
  return sqrt(-2 * log(unit)) * cos(2 * 3.14159265358979 * rpc_random_unit(random));
}

/* Poisson of this mean; the normal one above 30. random NULL: the mean itself. */
static double draw(double mean, rpc_random *random) {
  if (random == NULL) return mean;
  if (mean > 30) return fmax(0, round(mean + sqrt(mean) * draw_normal(random)));
  double limit = exp(-mean), product = rpc_random_unit(random);
  int count = 0;
  for (; product > limit; count++) product *= rpc_random_unit(random);
  return count;
}

static void measure_latency(const run_data *run, rpc_random *random, double *drawn, double values[METRICS]) {
  double total = 0, sum = 0, seen = 0;
  for (size_t i = 0; i < run->buckets; i++) {
    drawn[i] = draw(run->counts[i], random);
    total += drawn[i];
    sum += drawn[i] * run->tops_ms[i];
  }
  values[MEAN] = total > 0 ? sum / total : 0;
  size_t metric = MEAN + 1;
  for (size_t i = 0; i < run->buckets && metric < SUCCESS; i++) {
    seen += drawn[i];
    while (metric < SUCCESS && (seen >= ceil(metrics[metric].quantile * total) || i + 1 == run->buckets)) {
      values[metric++] = run->tops_ms[i];
    }
  }
}

/* The metrics of a run; random: of one drawn from it. drawn: room for as many as the buckets. */
static void measure(const run_data *run, rpc_random *random, double *drawn, double values[METRICS]) {
  measure_latency(run, random, drawn, values);
  double succeeded = draw(run->succeeded, random), failed = draw(run->failed, random);
  values[SUCCESS] = succeeded + failed > 0 ? 100 * succeeded / (succeeded + failed) : 0;
  double finished = 0;
  for (size_t i = 0; i < run->intervals; i++) { /* whole intervals: what happens within one is not independent */
    size_t at = random == NULL ? i : (size_t)rpc_random_between(random, 0, (int64_t)run->intervals - 1);
    finished += run->seconds[at];
  }
  values[RATE] = run->intervals > 0 ? finished / ((double)run->intervals * run->interval_s) : 0;
}

static double change_of(size_t metric, double a, double b) {
  if (metrics[metric].difference) return b - a;
  return a > 0 ? 100 * (b / a - 1) : 0;
}

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

/* Prints a metric's line. True: it got worse. */
static bool judge(FILE *out, size_t metric, double a, double b, double *changes) {
  qsort(changes, ROUNDS, sizeof *changes, by_value);
  size_t tail = (size_t)(ROUNDS * (1 - sureness) / 2);
  double low = changes[tail], high = changes[ROUNDS - 1 - tail], change = change_of(metric, a, b);
  bool latency = metric < SUCCESS;
  bool changed = (low > 0 || high < 0) && !(latency && fabs(change) < 100 * resolution);
  bool better = metrics[metric].more_is_better == (change > 0);
  const char *kind = metrics[metric].difference ? " points" : " %";
  fprintf(out, "  %-8s %10.2f %-2s %10.2f %-2s  %+8.2f%s (%+.2f to %+.2f)  %s\n", metrics[metric].name, a,
          metrics[metric].unit, b, metrics[metric].unit, change, kind, low, high,
          !changed ? "no change beyond chance"
          : better ? "BETTER"
                   : "WORSE");
  return changed && !better;
}

static bool compare(FILE *out, const run_data *a, const run_data *b) {
  rpc_random random;
  rpc_random_init(&random, 1);
  double *drawn = calloc(a->buckets + b->buckets, sizeof *drawn), seen_a[METRICS], seen_b[METRICS];
  double(*changes)[ROUNDS] = calloc(METRICS, sizeof *changes);
  bool worse = false;
  if (drawn == NULL || changes == NULL) abort();
  measure(a, NULL, drawn, seen_a);
  measure(b, NULL, drawn, seen_b);
  for (size_t round = 0; round < ROUNDS; round++) {
    double values_a[METRICS], values_b[METRICS];
    measure(a, &random, drawn, values_a);
    measure(b, &random, drawn, values_b);
    for (size_t i = 0; i < METRICS; i++) changes[i][round] = change_of(i, values_a[i], values_b[i]);
  }
  for (size_t i = 0; i < METRICS; i++) worse = judge(out, i, seen_a[i], seen_b[i], changes[i]) || worse;
  free(changes);
  free(drawn);
  return worse;
}

static void note_differences(FILE *out, const run_data *a, const run_data *b) {
  static const char *const names[] = {"scenario", "mode",   "model", "num_orders", "concurrency",
                                      "threads",  "phases", "mix",   "faults"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    const json_t *of_a = json_object_get(json_object_get(a->json, "settings"), names[i]);
    const json_t *of_b = json_object_get(json_object_get(b->json, "settings"), names[i]);
    if (of_a == of_b || json_equal(of_a, of_b)) continue;
    fprintf(out, "  note: the runs differ in %s: they did not do the same\n", names[i]);
  }
}

int runner_compare(FILE *out, const char *path_a, const char *path_b) {
  run_data a = {0}, b = {0};
  int code = RUNNER_COMPARE_UNREADABLE;
  if (read_run(&a, path_a) && read_run(&b, path_b)) {
    fprintf(out, "A: %s, %.0f operations\nB: %s, %.0f operations\n\n  %-8s %13s %13s   change from A to B\n", path_a,
            a.succeeded + a.failed, path_b, b.succeeded + b.failed, "", "A", "B");
    code = compare(out, &a, &b) ? RUNNER_COMPARE_WORSE : 0;
    fprintf(out,
            "\n  Intervals: bootstrap, %d rounds, together 95 %% sure. They tell what happens within a run from\n"
            "  chance; what differs from run to run (a machine's mood) only more runs tell.\n",
            ROUNDS);
    note_differences(out, &a, &b);
  }
  free_run(&a);
  free_run(&b);
  return code;
}
