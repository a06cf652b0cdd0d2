/* The access log's thread (gateway/access_log.h), with files, and with readers that do not read. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/access_log.h"

enum { WAIT_MS = 30000, STEP_MS = 10 };

static char dir[64], path[128], old[128];

static int make_folder(void **state) {
  (void)state;
  snprintf(dir, sizeof dir, "/tmp/test-access-log.XXXXXX");
  if (!mkdtemp(dir)) return -1;
  snprintf(path, sizeof path, "%s/log", dir);
  snprintf(old, sizeof old, "%s/log.1", dir);
  return 0;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(path);
  unlink(old);
  return rmdir(dir);
}

static int64_t lines_counted(metrics_registry *metrics, const char *outcome) {
  metrics_family *family = metrics_define(metrics, METRICS_COUNTER, "http_access_log_lines_total", "",
                                          (const char *const[]){"outcome", NULL});
  return metrics_value(metrics_series_get(family, &outcome));
}

static access_log *open_log(const char *file, metrics_registry *metrics) {
  rpc_status status;
  access_log *log = access_log_open(file, metrics, &status);
  if (!log) fail_msg("%s", status.message);
  return log;
}

static void lines_arrive_whole_and_in_order(void **state) {
  (void)state;
  enum { LINES = 5000 };
  metrics_registry *metrics = metrics_registry_create();
  access_log *log = open_log(path, metrics);
  for (int i = 0; i < LINES; i++) {
    char line[32];
    int length = snprintf(line, sizeof line, "line %d\n", i);
    access_log_append(log, line, (size_t)length);
  }
  access_log_close(log);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  int number;
  for (int i = 0; i < LINES; i++) {
    assert_int_equal(fscanf(file, "line %d\n", &number), 1);
    assert_int_equal(number, i);
  }
  assert_int_equal(fgetc(file), EOF);
  fclose(file);
  assert_int_equal(lines_counted(metrics, "written"), LINES);
  assert_int_equal(lines_counted(metrics, "dropped"), 0);
  metrics_registry_destroy(metrics);
}

static void a_reader_that_stalls_costs_lines_and_nothing_else(void **state) {
  (void)state;
  enum { LINES = 4000 };
  static char line[1000];
  memset(line, 'x', sizeof line - 1);
  line[sizeof line - 1] = '\n';
  assert_int_equal(mkfifo(path, 0600), 0);
  int reader = open(path, O_RDONLY | O_NONBLOCK);
  metrics_registry *metrics = metrics_registry_create();
  access_log *log = open_log(path, metrics);
  for (int i = 0; i < LINES; i++) access_log_append(log, line, sizeof line); /* it would wait for ever, if it waited */
  assert_true(lines_counted(metrics, "dropped") >= LINES - 2 * ACCESS_LOG_BUFFER / (int)sizeof line - 100);
  access_log_close(log);
  assert_int_equal(lines_counted(metrics, "written") + lines_counted(metrics, "dropped"), LINES);
  close(reader);
  metrics_registry_destroy(metrics);
}

static void a_disk_that_is_full_costs_lines_and_nothing_else(void **state) {
  (void)state;
  metrics_registry *metrics = metrics_registry_create();
  access_log *log = open_log("/dev/full", metrics);
  access_log_append(log, "line\n", 5);
  access_log_close(log);
  assert_int_equal(lines_counted(metrics, "dropped"), 1);
  metrics_registry_destroy(metrics);
}

static long size_of(const char *file) {
  struct stat found;
  return stat(file, &found) == 0 ? (long)found.st_size : -1;
}

static void a_file_that_is_moved_away_is_made_anew(void **state) {
  (void)state;
  access_log *log = open_log(path, NULL);
  access_log_append(log, "old\n", 4);
  for (int waited = 0; size_of(path) < 4 && waited < WAIT_MS; waited += STEP_MS) usleep(STEP_MS * 1000);
  assert_int_equal(rename(path, old), 0);
  for (int waited = 0; size_of(path) < 4 && waited < WAIT_MS; waited += STEP_MS) {
    access_log_append(log, "new\n", 4);
    usleep(STEP_MS * 1000);
  }
  access_log_close(log);
  assert_true(size_of(path) >= 4);
  assert_true(size_of(old) >= 4);
}

static void a_path_that_cannot_be_written_is_said_at_the_start(void **state) {
  (void)state;
  rpc_status status;
  assert_null(access_log_open("/nowhere/log", NULL, &status));
  assert_string_equal(status.reason, "ACCESS_LOG");
  assert_non_null(strstr(status.message, "/nowhere/log: No such file"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(lines_arrive_whole_and_in_order, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(a_reader_that_stalls_costs_lines_and_nothing_else, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(a_disk_that_is_full_costs_lines_and_nothing_else, make_folder, remove_folder),
      cmocka_unit_test_setup_teardown(a_file_that_is_moved_away_is_made_anew, make_folder, remove_folder),
      cmocka_unit_test(a_path_that_cannot_be_written_is_said_at_the_start),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
