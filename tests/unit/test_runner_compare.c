/* runner/compare on reports of the test's making: chance is not a change, a change is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "rpc/random.h"
#include "runner/compare.h"
#include "runner/report.h"

enum { OPERATIONS = 2000, SECONDS = 20 };

/* A report of OPERATIONS over SECONDS, with latencies from 100 ms to 200 ms times slower, of which a share fails. */
static void write_report(const char *path, uint64_t seed, double slower, double failing) {
  rpc_random random;
  rpc_random_init(&random, seed);
  runner_result *result = runner_result_create(OPERATIONS, 0);
  for (uint64_t i = 0; i < OPERATIONS; i++) {
    rpc_status status = rpc_status_ok();
    if (rpc_random_unit(&random) < failing) status = rpc_status_error(RPC_ABORTED, "RESERVATION_CONFLICT", "no");
    runner_outcome outcome = runner_outcome_of_order(&status, "ORD-1");
    runner_engine_sample sample = {.index = i,
                                   .start_us = (int64_t)i * SECONDS * 1000000 / OPERATIONS,
                                   .latency_us = (int64_t)(slower * (100000 + 100000 * rpc_random_unit(&random))),
                                   .outcome = &outcome};
    runner_result_add(result, &sample);
  }
  runner_report report = {
      .facts = {.run_id = "run-1", .mode = "rpc", .orders = OPERATIONS, .elapsed_us = SECONDS * 1000000},
      .result = result};
  char *json = runner_report_json(&report);
  assert_int_equal(runner_report_write_file(path, json).code, RPC_OK);
  free(json);
  runner_result_destroy(result);
}

typedef struct comparison {
  int code;
  char *text;
} comparison;

static comparison compare(uint64_t seed_b, double slower, double failing) {
  char folder[] = "/tmp/compare-XXXXXX", a[64], b[64];
  assert_non_null(mkdtemp(folder));
  snprintf(a, sizeof a, "%s/a.json", folder);
  snprintf(b, sizeof b, "%s/b.json", folder);
  write_report(a, 1, 1, 0.3);
  write_report(b, seed_b, slower, failing);
  comparison made = {.text = NULL};
  size_t length;
  FILE *out = open_memstream(&made.text, &length);
  made.code = runner_compare(out, a, b);
  fclose(out);
  unlink(a);
  unlink(b);
  rmdir(folder);
  return made;
}

/* What is said of a metric. */
static bool says(const comparison *of, const char *metric, const char *verdict) {
  char start[32];
  snprintf(start, sizeof start, "\n  %-8s ", metric);
  const char *line = strstr(of->text, start);
  if (line == NULL) return false;
  const char *found = strstr(line, verdict);
  return found != NULL && found < strchr(line + 1, '\n');
}

static void runs_that_differ_by_chance_alone_show_no_change(void **state) {
  (void)state;
  static const char *const metrics[] = {"mean", "p50", "p90", "p95", "p99", "p99.9", "success", "rate"};
  for (uint64_t seed = 2; seed < 5; seed++) {
    comparison same = compare(seed, 1, 0.3);
    for (size_t i = 0; i < 8; i++) {
      if (!says(&same, metrics[i], "no change beyond chance")) fail_msg("%s:\n%s", metrics[i], same.text);
    }
    assert_int_equal(same.code, 0);
    free(same.text);
  }
}

static void a_slower_run_is_worse(void **state) {
  (void)state;
  comparison slower = compare(2, 1.1, 0.3);
  assert_true(says(&slower, "mean", "WORSE"));
  assert_true(says(&slower, "p50", "WORSE"));
  assert_true(says(&slower, "p99", "WORSE"));
  assert_true(says(&slower, "success", "no change"));
  assert_int_equal(slower.code, RUNNER_COMPARE_WORSE);
  free(slower.text);
}

static void a_faster_run_is_better_and_no_failure(void **state) {
  (void)state;
  comparison faster = compare(2, 0.9, 0.3);
  assert_true(says(&faster, "p50", "BETTER"));
  assert_int_equal(faster.code, 0);
  free(faster.text);
}

static void fewer_successes_are_worse(void **state) {
  (void)state;
  comparison failing = compare(2, 1, 0.4);
  assert_true(says(&failing, "success", "WORSE"));
  assert_true(says(&failing, "p50", "no change"));
  assert_int_equal(failing.code, RUNNER_COMPARE_WORSE);
  free(failing.text);
}

static void what_is_no_report_cannot_be_compared(void **state) {
  (void)state;
  char path[] = "/tmp/compare-XXXXXX";
  int file = mkstemp(path);
  assert_int_equal(write(file, "{}", 2), 2);
  close(file);
  assert_int_equal(runner_compare(stdout, path, path), RUNNER_COMPARE_UNREADABLE);
  assert_int_equal(runner_compare(stdout, "/nothing/there.json", path), RUNNER_COMPARE_UNREADABLE);
  unlink(path);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_that_differ_by_chance_alone_show_no_change),
      cmocka_unit_test(a_slower_run_is_worse),
      cmocka_unit_test(a_faster_run_is_better_and_no_failure),
      cmocka_unit_test(fewer_successes_are_worse),
      cmocka_unit_test(what_is_no_report_cannot_be_compared),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
