/* runner/scenario and the options that it sets: the built-in files, what overrides them, and what is refused. */
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

#include "runner/options.h"
#include "runner/scenario.h"
#include "runner/threshold.h"

enum { ARGUMENTS_MAX = 16 };

static char error[1024];

/* Arguments up to a NULL. To be freed in any case. */
static bool parse(runner_options *options, const char *first, ...) {
  static char *argv[ARGUMENTS_MAX];
  int argc = 0;
  argv[argc++] = (char *)(uintptr_t) "store-runner";
  va_list arguments;
  va_start(arguments, first);
  for (const char *argument = first; argument != NULL; argument = va_arg(arguments, const char *)) {
    argv[argc++] = (char *)(uintptr_t)argument;
  }
  va_end(arguments);
  error[0] = '\0';
  return runner_options_parse(options, argc, argv, error, sizeof error);
}

/* Applies a scenario with this text from a file. */
static bool parse_file(runner_options *options, const char *text) {
  char path[] = "/tmp/scenario-XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0);
  assert_int_equal(write(file, text, strlen(text)), strlen(text));
  close(file);
  bool taken = parse(options, "--scenario", path, NULL);
  unlink(path);
  return taken;
}

static void every_scenario_that_is_listed_can_be_run(void **state) {
  (void)state;
  char *text = NULL;
  size_t length, count = 0;
  FILE *out = open_memstream(&text, &length);
  assert_true(runner_scenario_print(out, NULL));
  fclose(out);
  for (char *line = text; *line != '\0'; line = strchr(line, '\n') + 1, count++) {
    char name[32];
    assert_int_equal(sscanf(line, "%31s", name), 1);
    runner_options options;
    if (!parse(&options, "--scenario", name, NULL)) fail_msg("%s", error);
    assert_string_equal(options.scenario, name);
    assert_non_null(options.description);
    for (int64_t i = 0; i < options.thresholds.count; i++) {
      runner_threshold threshold;
      if (!runner_threshold_parse(&threshold, options.thresholds.items[i], error, sizeof error)) fail_msg("%s", error);
    }
    bool ends = options.num_orders > 0 || options.duration > 0 || options.phases.count > 0 || options.search_to > 0;
    assert_true(ends);
    runner_options_free(&options);
  }
  free(text);
  assert_int_equal(count, 9);
}

static void what_is_given_overrides_the_scenario(void **state) {
  (void)state;
  runner_options options;
  setenv("CONCURRENT_REQUESTS", "7", 1);
  assert_true(parse(&options, "--scenario", "high-load", "--num-orders", "33", NULL));
  unsetenv("CONCURRENT_REQUESTS");
  assert_int_equal(options.num_orders, 33);
  assert_int_equal(options.concurrency, 7);
  assert_int_equal(options.engine, RUNNER_USERS);
  runner_options_free(&options);
  assert_true(parse(&options, "--rate", "50", "--duration", "3", "--scenario", "spike", NULL));
  assert_int_equal(options.phases.count, 1);
  assert_true(runner_arrivals_total(&options.phases) == 150);
  runner_options_free(&options);
}

static void members_set_what_their_options_would(void **state) {
  (void)state;
  runner_options options;
  const char *text =
      "{\"name\":\"mine\",\"description\":\"d\",\"num_orders\":5,\"think_time\":0.25,\"mode\":\"rpc\",\"no_restock\":"
      "true,"
      "\"verify\":false,\"mix\":{\"read_stock\":3,\"place_order\":1},\"faults\":{\"impatient\":0.5},"
      "\"thresholds\":[\"p99<1s\",\"missed<=0\"]}";
  if (!parse_file(&options, text)) fail_msg("%s", error);
  assert_string_equal(options.scenario, "mine");
  assert_int_equal(options.num_orders, 5);
  assert_int_equal(options.engine, RUNNER_USERS);
  assert_true(options.think_time == 0.25);
  assert_string_equal(options.mode, "rpc");
  assert_true(options.no_restock && !options.verify);
  assert_true(options.mix.weights[RUNNER_READ_STOCK] == 3 && options.mix.weights[RUNNER_PLACE_ORDER] == 1);
  assert_true(options.mix.faults[RUNNER_FAULT_IMPATIENT] == 0.5);
  assert_int_equal(options.thresholds.count, 2);
  assert_string_equal(options.thresholds.items[1], "missed<=0");
  runner_options_free(&options);
}

static void phases_make_the_open_model_without_a_count(void **state) {
  (void)state;
  runner_options options;
  const char *text = "{\"phases\":[{\"duration\":2,\"rate\":10},{\"duration\":4,\"from\":10,\"to\":20}]}";
  if (!parse_file(&options, text)) fail_msg("%s", error);
  assert_int_equal(options.engine, RUNNER_RATE);
  assert_int_equal(options.num_orders, 0);
  assert_int_equal(options.phases.count, 2);
  assert_true(runner_arrivals_total(&options.phases) == 20 + 60);
  runner_options_free(&options);
}

/* What is refused, and words that the message must contain. */
static void what_no_option_takes_no_scenario_takes(void **state) {
  (void)state;
  static const struct {
    const char *text, *words;
  } cases[] = {
      {"{", "line 1"},
      {"[]", "object"},
      {"{\"num_order\":5}", "num_order: there is no 'num_order'"},
      {"{\"num_orders\":0}", "whole number from 1"},
      {"{\"num_orders\":1.5}", "whole number"},
      {"{\"num_orders\":null}", "num_orders"},
      {"{\"num_orders\":1,\"num_orders\":2}", "duplicate"},
      {"{\"mode\":\"pigeon\"}", "gateway|rpc"},
      {"{\"name\":5}", "name"},
      {"{\"scenario\":\"spike\"}", "there is no 'scenario'"},
      {"{\"mix\":{\"fly\":1}}", "place_order"},
      {"{\"mix\":{\"place_order\":\"much\"}}", "numbers"},
      {"{\"mix\":{\"place_order\":0}}", "mix takes"},
      {"{\"faults\":{\"impatient\":0.6,\"duplicate\":0.6}}", "faults takes"},
      {"{\"phases\":[]}", "phases"},
      {"{\"phases\":[{\"duration\":1}]}", "a phase has"},
      {"{\"phases\":[{\"duration\":1,\"rate\":1,\"to\":2}]}", "a phase has"},
      {"{\"phases\":[{\"duration\":-1,\"rate\":1}]}", "a phase has"},
      {"{\"phases\":[{\"duration\":1,\"rate\":0}]}", "a phase has"},
      {"{\"thresholds\":[5]}", "texts"},
      {"{\"thresholds\":\"p99<1s\"}", "there is no 'thresholds'"},
      {"{\"model\":\"rate\"}", "takes a --rate"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    runner_options options;
    if (parse_file(&options, cases[i].text)) fail_msg("%s was taken", cases[i].text);
    if (strstr(error, cases[i].words) == NULL) fail_msg("%s: '%s' lacks '%s'", cases[i].text, error, cases[i].words);
    runner_options_free(&options);
  }
}

static void a_scenario_that_is_not_there_is_told_by_its_name(void **state) {
  (void)state;
  runner_options options;
  assert_false(parse(&options, "--scenario", "no-such", NULL));
  assert_non_null(strstr(error, "no scenario 'no-such'"));
  runner_options_free(&options);
}

static void shares_are_read_by_name_and_the_rest_is_none(void **state) {
  (void)state;
  runner_options options;
  assert_true(parse(&options, "--mix", "read_order=2,reserve_release=0.5", "--faults", "duplicate=1", NULL));
  assert_true(options.mix.weights[RUNNER_PLACE_ORDER] == 0);
  assert_true(options.mix.weights[RUNNER_READ_ORDER] == 2);
  assert_true(options.mix.weights[RUNNER_RESERVE_RELEASE] == 0.5);
  assert_true(options.mix.faults[RUNNER_FAULT_DUPLICATE] == 1);
  runner_options_free(&options);
  static const char *const bad[] = {
      "",   "place_order",     "place_order=",   "place_order=-1", "place_order=1;read_order=1",
      "=1", "place_order=nan", "place_order=1,,"};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    if (parse(&options, "--mix", bad[i], NULL)) fail_msg("--mix '%s' was taken", bad[i]);
    runner_options_free(&options);
  }
}

static void the_model_follows_from_what_is_given(void **state) {
  (void)state;
  static const struct {
    const char *arguments[4];
    runner_model model;
    int64_t num_orders;
  } cases[] = {
      {{NULL}, RUNNER_BATCHES, 100},
      {{"--duration", "5", NULL}, RUNNER_USERS, 0},
      {{"--duration", "5", "--delay-between-batches", "1"}, RUNNER_BATCHES, 0},
      {{"--duration", "5", "--num-orders", "7"}, RUNNER_USERS, 7},
      {{"--think-time", "1", NULL}, RUNNER_USERS, 100},
      {{"--rate", "5", NULL}, RUNNER_RATE, 100},
      {{"--rate", "5", "--duration", "2"}, RUNNER_RATE, 0},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    runner_options options;
    const char *const *a = cases[i].arguments;
    assert_true(parse(&options, a[0], a[1], a[2], a[3], NULL));
    assert_int_equal(options.engine, cases[i].model);
    assert_int_equal(options.num_orders, cases[i].num_orders);
    runner_options_free(&options);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_scenario_that_is_listed_can_be_run),
      cmocka_unit_test(what_is_given_overrides_the_scenario),
      cmocka_unit_test(members_set_what_their_options_would),
      cmocka_unit_test(phases_make_the_open_model_without_a_count),
      cmocka_unit_test(what_no_option_takes_no_scenario_takes),
      cmocka_unit_test(a_scenario_that_is_not_there_is_told_by_its_name),
      cmocka_unit_test(shares_are_read_by_name_and_the_rest_is_none),
      cmocka_unit_test(the_model_follows_from_what_is_given),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
