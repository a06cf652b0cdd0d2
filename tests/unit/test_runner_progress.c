/* runner/progress: plain lines where nobody watches, a view that is redrawn in place on a terminal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "runner/progress.h"

enum { OPERATIONS = 100, TICK_US = 100000 };

/* Shows a run of OPERATIONS, one each tick, of which every tenth fails. */
static void show_run(FILE *out, bool colour) {
  runner_progress progress = runner_progress_begin(out, OPERATIONS, 0, colour);
  runner_live live = {.latency = runner_histogram_create()};
  for (uint64_t i = 1; i <= OPERATIONS; i++) {
    runner_histogram_record(live.latency, 50000);
    live.finished = i;
    live.succeeded = i - i / 10;
    runner_engine_progress engine = {.started = i, .finished = i, .elapsed_us = (int64_t)i * TICK_US, .in_flight = 3};
    runner_progress_show(&progress, &engine, &live, i == OPERATIONS);
  }
  runner_histogram_destroy(live.latency);
  fflush(out);
}

static size_t count(const char *text, const char *what) {
  size_t found = 0;
  for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what)) found++;
  return found;
}

static void plain_lines_come_every_tenth_and_every_two_seconds(void **state) {
  (void)state;
  char *text = NULL;
  size_t length;
  FILE *out = open_memstream(&text, &length);
  show_run(out, true);
  fclose(out);
  assert_int_equal(count(text, "\n"), 10); /* a tenth each second: none goes two seconds without */
  assert_int_equal(count(text, "\033"), 0);
  assert_int_equal(count(text, "\r"), 0);
  assert_non_null(
      strstr(text, "100/100 operations, 90.0 % success, 10.0/s, p50 50 ms, p99 50 ms, 3 in flight, 10.0 s\n"));
  free(text);
}

/* What the run shows on a terminal. */
static char *show_on_terminal(bool colour) {
  int master, slave;
  assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
  FILE *out = fdopen(slave, "w");
  char *text = calloc(1, 1 << 20);
  size_t length = 0;
  pid_t child = fork();
  assert_true(child >= 0);
  if (child == 0) {
    show_run(out, colour);
    _exit(0);
  }
  fclose(out);
  for (ssize_t got; (got = read(master, text + length, (1 << 20) - 1 - length)) > 0;) length += (size_t)got;
  close(master);
  return text;
}

static void a_terminal_has_three_lines_that_are_drawn_again_and_again(void **state) {
  (void)state;
  char *text = show_on_terminal(true);
  assert_int_equal(count(text, "\n"), 3 * OPERATIONS);
  assert_int_equal(count(text, "\033[3A"), OPERATIONS - 1);
  assert_int_equal(count(text, "\033[?7l"), 1); /* no wrapping while it is drawn, */
  assert_int_equal(count(text, "\033[?7h"), 1); /* and again after it */
  assert_non_null(strstr(text, "100 %  100/100 operations"));
  assert_non_null(strstr(text, "10 failed"));
  assert_non_null(strstr(text, "▁▁")); /* the sparkline, still flat at its left */
  assert_non_null(strstr(text, "\033[32m"));
  free(text);
}

static void without_colour_there_is_none(void **state) {
  (void)state;
  char *text = show_on_terminal(false);
  assert_int_equal(count(text, "\033[3A"), OPERATIONS - 1);
  assert_null(strstr(text, "\033[32m"));
  assert_null(strstr(text, "\033[0m"));
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(plain_lines_come_every_tenth_and_every_two_seconds),
      cmocka_unit_test(a_terminal_has_three_lines_that_are_drawn_again_and_again),
      cmocka_unit_test(without_colour_there_is_none),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
