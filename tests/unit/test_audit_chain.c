/* The audit log's chain and rotation, as `store-runner audit` verifies them: whatever is done to a line shows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "runner/audit.h"
#include "telemetry/audit.h"

enum { LINES = 5, TEXT_MAX = 64 << 10 };

typedef struct fixture {
  char dir[64];
  char path[128];
  char text[TEXT_MAX]; /* of the file, as read or to be written */
  size_t length;
  char report[TEXT_MAX];
} fixture;

static int setup(void **state) {
  fixture *self = calloc(1, sizeof *self);
  strcpy(self->dir, "/tmp/store-chain-XXXXXX");
  if (mkdtemp(self->dir) == NULL) return -1;
  snprintf(self->path, sizeof self->path, "%s/audit.jsonl", self->dir);
  *state = self;
  return 0;
}

static int teardown(void **state) {
  fixture *self = *state;
  char path[200];
  for (int i = 0; i < 20; i++) {
    snprintf(path, sizeof path, i == 0 ? "%s" : "%s.%d", self->path, i);
    unlink(path);
  }
  assert_int_equal(rmdir(self->dir), 0); /* nothing else was left */
  free(self);
  return 0;
}

static void append_lines(audit_log *audit, int count) {
  for (int i = 0; i < count; i++) {
    audit_append(audit, 1764000000123 + i, "order", "ORD-1", "reserving", "charging", "corr", NULL);
    assert_true(audit_flush(audit));
  }
}

static void write_log(fixture *self, int count) {
  audit_log *audit = audit_open("order", self->path);
  assert_non_null(audit);
  append_lines(audit, count);
  audit_close(audit);
}

static void read_text(fixture *self) {
  FILE *file = fopen(self->path, "r");
  assert_non_null(file);
  self->length = fread(self->text, 1, TEXT_MAX - 1, file);
  self->text[self->length] = '\0';
  fclose(file);
}

static void write_text(const fixture *self) {
  FILE *file = fopen(self->path, "w");
  assert_non_null(file);
  assert_int_equal(fwrite(self->text, 1, self->length, file), self->length);
  fclose(file);
}

/* Of line `number`, from 0; where the text ends for the one after the last. */
static char *line_at(fixture *self, int number) {
  char *at = self->text;
  for (int i = 0; i < number; i++) at = strchr(at, '\n') + 1;
  return at;
}

static int verify(fixture *self) {
  FILE *out = fmemopen(self->report, sizeof self->report, "w");
  assert_non_null(out);
  int code = runner_audit_run(self->path, out);
  fclose(out);
  return code;
}

static void untouched_log_is_whole(void **state) {
  fixture *self = *state;
  write_log(self, LINES);
  assert_int_equal(verify(self), 0);
  assert_non_null(strstr(self->report, "5 lines in 1 file, 1 to 5: the chain is whole"));
}

static void empty_log_is_whole(void **state) {
  fixture *self = *state;
  write_log(self, 0);
  assert_int_equal(verify(self), 0);
}

static void log_that_is_not_there_is_unreadable(void **state) {
  fixture *self = *state;
  assert_int_equal(verify(self), 2);
}

static void any_changed_byte_shows(void **state) {
  fixture *self = *state;
  write_log(self, 3);
  read_text(self);
  for (size_t i = 0; i < self->length; i++) {
    char kept = self->text[i];
    bool last_line = &self->text[i] >= line_at(self, 2);
    bool ends_line = kept == '\n' || (kept == '}' && self->text[i + 1] == '\n');
    if (last_line && ends_line) continue; /* as if a crash had torn it */
    self->text[i] = kept == 'x' ? 'y' : 'x';
    write_text(self);
    if (verify(self) != 1) fail_msg("byte %zu, '%c', was changed and %s", i, kept, self->report);
    self->text[i] = kept;
  }
}

static void each_removed_line_but_the_last_shows(void **state) {
  fixture *self = *state;
  for (int removed = 0; removed < LINES - 1; removed++) {
    unlink(self->path);
    write_log(self, LINES);
    read_text(self);
    char *from = line_at(self, removed), *rest = line_at(self, removed + 1);
    self->length -= (size_t)(rest - from);
    memmove(from, rest, strlen(rest) + 1);
    write_text(self);
    /* A log that begins late may have lost its oldest files by rotation: that the first line is gone shows as that. */
    assert_int_equal(verify(self), removed == 0 ? 0 : 1);
    if (removed == 0) assert_non_null(strstr(self->report, "4 lines in 1 file, 2 to 5"));
  }
}

static void repeated_line_shows(void **state) {
  fixture *self = *state;
  write_log(self, LINES);
  read_text(self);
  char *third = line_at(self, 2), *fourth = line_at(self, 3);
  size_t size = (size_t)(fourth - third);
  memmove(fourth + size, fourth, strlen(fourth) + 1);
  memcpy(fourth, third, size);
  self->length += size;
  write_text(self);
  assert_int_equal(verify(self), 1);
}

static void line_made_elsewhere_shows(void **state) {
  fixture *self = *state;
  write_log(self, LINES);
  read_text(self);
  strcpy(self->text + self->length, "{\"ts\":\"2025-11-24T16:00:00.123Z\",\"entity\":\"order\"}\n");
  self->length = strlen(self->text);
  write_text(self);
  assert_int_equal(verify(self), 1);
}

static void chain_goes_on_after_each_way_a_crash_may_tear_the_last_line(void **state) {
  fixture *self = *state;
  write_log(self, 3);
  read_text(self);
  size_t whole = self->length, last = (size_t)(line_at(self, 2) - self->text);
  for (size_t length = last; length <= whole; length++) {
    self->length = length;
    write_text(self);
    write_log(self, 2);
    assert_int_equal(verify(self), 0);
    bool survived = length >= whole - 1; /* only its newline is missing */
    assert_non_null(strstr(self->report, survived ? "5 lines in 1 file, 1 to 5" : "4 lines in 1 file, 1 to 4"));
    assert_true((strstr(self->report, "1 torn by a crash") != NULL) == (length > last && !survived));
  }
}

static void discarded_lines_leave_no_gap(void **state) {
  fixture *self = *state;
  audit_log *audit = audit_open("order", self->path);
  append_lines(audit, 2);
  audit_append(audit, 0, "order", "ORD-2", "", "reserving", NULL, NULL);
  audit_discard(audit);
  append_lines(audit, 2);
  audit_close(audit);
  assert_int_equal(verify(self), 0);
  assert_non_null(strstr(self->report, "4 lines"));
}

static void rotation_bounds_the_files_and_the_chain_runs_through(void **state) {
  fixture *self = *state;
  audit_log *audit = audit_open("order", self->path);
  audit_rotate_at(audit, 4096, 3);
  append_lines(audit, 200);
  audit_close(audit);
  struct stat file;
  char path[200];
  for (int i = 0; i <= 4; i++) {
    snprintf(path, sizeof path, i == 0 ? "%s" : "%s.%d", self->path, i);
    assert_int_equal(stat(path, &file), i <= 3 ? 0 : -1);
    if (i <= 3) assert_in_range(file.st_size, 0, 4096 + 512);
  }
  assert_int_equal(verify(self), 0);
  assert_non_null(strstr(self->report, "in 4 files"));
  assert_non_null(strstr(self->report, "to 200: the chain is whole"));

  snprintf(path, sizeof path, "%s.2", self->path);
  assert_int_equal(truncate(path, 0), 0); /* a whole file of lines is gone */
  assert_int_equal(verify(self), 1);
}

static void log_reopened_right_after_a_rotation_goes_on(void **state) {
  fixture *self = *state;
  audit_log *audit = audit_open("order", self->path);
  audit_rotate_at(audit, 1, 3); /* at every flush */
  append_lines(audit, 2);
  audit_close(audit);
  write_log(self, 1);
  assert_int_equal(verify(self), 0);
  assert_non_null(strstr(self->report, "3 lines in 3 files, 1 to 3"));
}

#define chain_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      chain_test(untouched_log_is_whole),
      chain_test(empty_log_is_whole),
      chain_test(log_that_is_not_there_is_unreadable),
      chain_test(any_changed_byte_shows),
      chain_test(each_removed_line_but_the_last_shows),
      chain_test(repeated_line_shows),
      chain_test(line_made_elsewhere_shows),
      chain_test(chain_goes_on_after_each_way_a_crash_may_tear_the_last_line),
      chain_test(discarded_lines_leave_no_gap),
      chain_test(rotation_bounds_the_files_and_the_chain_runs_through),
      chain_test(log_reopened_right_after_a_rotation_goes_on),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
