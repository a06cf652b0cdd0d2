/* The audit log under full disks, rollbacks and crashes: no line torn, lost or out of order. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "telemetry/audit.h"

static const int64_t noon_ms = 1764000000123; /* 2025-11-24T16:00:00.123Z */

typedef struct fixture {
  char dir[64];
  char path[80];
  audit_log *audit;
} fixture;

static int setup(void **state) {
  fixture *self = calloc(1, sizeof *self);
  strcpy(self->dir, "/tmp/store-audit-XXXXXX");
  if (mkdtemp(self->dir) == NULL) return -1;
  snprintf(self->path, sizeof self->path, "%s/audit.log", self->dir);
  self->audit = audit_open("order", self->path);
  *state = self;
  return self->audit == NULL ? -1 : 0;
}

static int teardown(void **state) {
  fixture *self = *state;
  audit_close(self->audit);
  unlink(self->path);
  rmdir(self->dir);
  free(self);
  return 0;
}

static void append(audit_log *audit, int number) {
  char id[24];
  snprintf(id, sizeof id, "ORD-%d", number);
  audit_append(audit, noon_ms, "order", id, "reserved", "charged", "corr", NULL);
}

/* The ids in the file, in order; every line must be a whole JSON object. Torn lines (allowed where a crash left one)
 * are counted instead. */
static size_t read_ids(const char *path, int *ids, size_t max, size_t *torn) {
  char line[8192];
  size_t count = 0;
  *torn = 0;
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fgets(line, sizeof line, file) != NULL) {
    json_t *object = line[strlen(line) - 1] == '\n' ? json_loads(line, JSON_REJECT_DUPLICATES, NULL) : NULL;
    const char *id = json_string_value(json_object_get(object, "id"));
    if (id == NULL) {
      (*torn)++;
    } else {
      assert_true(count < max);
      assert_int_equal(sscanf(id, "ORD-%d", &ids[count++]), 1);
    }
    json_decref(object);
  }
  fclose(file);
  return count;
}

static void assert_ids(const char *path, size_t torn_expected, const int *expected, size_t expected_count) {
  int ids[2048];
  size_t torn;
  assert_int_equal(read_ids(path, ids, sizeof ids / sizeof *ids, &torn), expected_count);
  assert_int_equal(torn, torn_expected);
  for (size_t i = 0; i < expected_count; i++) assert_int_equal(ids[i], expected[i]);
}

static void line_holds_the_change(void **state) {
  fixture *self = *state;
  audit_append(self->audit, noon_ms, "order", "ORD-1", "", "failed", "corr-\"1\"", "OUT_OF\nSTOCK \xFF");
  audit_append(self->audit, noon_ms, "order", "ORD-2", "a", "b", NULL, NULL);
  assert_true(audit_flush(self->audit));

  FILE *file = fopen(self->path, "r");
  assert_non_null(file);
  json_t *first = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
  json_t *second = json_loadf(file, JSON_DISABLE_EOF_CHECK, NULL);
  fclose(file);
  assert_int_equal(strlen(json_string_value(json_object_get(first, "hash"))), 64);
  assert_string_equal(json_string_value(json_object_get(second, "prev")),
                      json_string_value(json_object_get(first, "hash")));
  for (size_t i = 0; i < 3; i++) json_object_del(first, (const char *[]){"hash", "seq", "prev"}[i]);
  json_t *expected = json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "ts", "2025-11-24T16:00:00.123Z", "service",
                               "order", "entity", "order", "id", "ORD-1", "from", "", "to", "failed", "correlation_id",
                               "corr-\"1\"", "detail", "OUT_OF\nSTOCK \uFFFD");
  assert_true(json_equal(first, expected));
  assert_true(json_is_null(json_object_get(second, "correlation_id")));
  assert_true(json_is_null(json_object_get(second, "detail")));
  json_decref(expected);
  json_decref(first);
  json_decref(second);
}

static void file_is_for_its_owner_alone(void **state) {
  fixture *self = *state;
  struct stat file;
  assert_int_equal(stat(self->path, &file), 0);
  assert_int_equal(file.st_mode & 0777, 0600);
}

static void nothing_is_written_before_flush(void **state) {
  fixture *self = *state;
  append(self->audit, 1);
  assert_ids(self->path, 0, NULL, 0);
  assert_true(audit_flush(self->audit));
  assert_ids(self->path, 0, (int[]){1}, 1);
  assert_true(audit_flush(self->audit)); /* nothing left to write */
  assert_ids(self->path, 0, (int[]){1}, 1);
}

static void discarded_changes_are_never_written(void **state) {
  fixture *self = *state;
  append(self->audit, 1);
  assert_true(audit_flush(self->audit));
  append(self->audit, 2);
  audit_discard(self->audit);
  append(self->audit, 3);
  assert_true(audit_flush(self->audit));
  assert_ids(self->path, 0, (int[]){1, 3}, 2);
}

static void big_group_is_written_whole(void **state) {
  fixture *self = *state;
  int expected[2000];
  for (int i = 0; i < 2000; i++) {
    append(self->audit, i);
    expected[i] = i;
  }
  assert_true(audit_flush(self->audit));
  assert_ids(self->path, 0, expected, 2000);
}

static void log_reopened_goes_on_at_the_end(void **state) {
  fixture *self = *state;
  append(self->audit, 1);
  assert_true(audit_flush(self->audit));
  append(self->audit, 2); /* never flushed: never acknowledged */
  audit_close(self->audit);
  self->audit = audit_open("order", self->path);
  assert_non_null(self->audit);
  append(self->audit, 3);
  assert_true(audit_flush(self->audit));
  assert_ids(self->path, 0, (int[]){1, 3}, 2);
}

static void half_a_line_left_by_a_crash_does_not_spoil_the_next(void **state) {
  fixture *self = *state;
  append(self->audit, 1);
  append(self->audit, 2);
  assert_true(audit_flush(self->audit));
  audit_close(self->audit);
  struct stat file;
  assert_int_equal(stat(self->path, &file), 0);
  assert_int_equal(truncate(self->path, file.st_size - 10), 0);

  self->audit = audit_open("order", self->path);
  assert_non_null(self->audit);
  append(self->audit, 3);
  assert_true(audit_flush(self->audit));
  assert_ids(self->path, 1, (int[]){1, 3}, 2);
}

/* A limit on the file's size stands in for a disk with that much room: the write that crosses it is short, the next
 * one fails. */
static void limit_file_size(rlim_t bytes) {
  struct rlimit limit;
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = bytes < limit.rlim_max ? bytes : limit.rlim_max;
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void lines_a_full_disk_refused_are_written_when_there_is_room(void **state) {
  fixture *self = *state;
  struct stat file;
  for (int i = 1; i <= 4; i++) append(self->audit, i);
  assert_true(audit_flush(self->audit));
  assert_int_equal(stat(self->path, &file), 0);
  for (rlim_t room = 0; room < (rlim_t)file.st_size; room++) {
    assert_int_equal(truncate(self->path, 0), 0);
    for (int i = 1; i <= 4; i++) append(self->audit, i);
    limit_file_size(room);
    bool flushed = audit_flush(self->audit);
    int error = errno;
    append(self->audit, 5);
    audit_discard(self->audit); /* rolled back: takes nothing of what was committed */
    append(self->audit, 6);
    limit_file_size(RLIM_INFINITY);

    assert_false(flushed);
    assert_int_equal(error, EFBIG);
    assert_true(audit_flush(self->audit));
    assert_ids(self->path, 0, (int[]){1, 2, 3, 4, 6}, 5);
  }
}

static void flush_says_when_the_disk_is_full(void **state) {
  (void)state;
  audit_log *audit = audit_open("order", "/dev/full");
  assert_non_null(audit);
  assert_true(audit_flush(audit)); /* nothing to write */
  append(audit, 1);
  assert_false(audit_flush(audit));
  assert_int_equal(errno, ENOSPC);
  assert_false(audit_flush(audit)); /* still kept, still no room */
  audit_close(audit);
}

static void buffer_is_bounded_and_flush_says_what_was_lost(void **state) {
  fixture *self = *state;
  char detail[1001];
  memset(detail, 'd', sizeof detail - 1);
  detail[sizeof detail - 1] = '\0';
  for (int i = 0; i < 20000; i++) audit_append(self->audit, noon_ms, "order", "ORD-1", "a", "b", NULL, detail);
  assert_false(audit_flush(self->audit));
  assert_int_equal(errno, ENOBUFS);
  struct stat file;
  assert_int_equal(stat(self->path, &file), 0);
  assert_in_range(file.st_size, 15 << 20, 16 << 20);
  append(self->audit, 2); /* and it goes on */
  assert_true(audit_flush(self->audit));
}

static void log_that_cannot_be_opened_says_why(void **state) {
  (void)state;
  assert_null(audit_open("order", "/nowhere/at/all.log"));
  assert_int_equal(errno, ENOENT);
}

#define audit_test(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  signal(SIGXFSZ, SIG_IGN);
  const struct CMUnitTest tests[] = {
      audit_test(line_holds_the_change),
      audit_test(file_is_for_its_owner_alone),
      audit_test(nothing_is_written_before_flush),
      audit_test(discarded_changes_are_never_written),
      audit_test(big_group_is_written_whole),
      audit_test(log_reopened_goes_on_at_the_end),
      audit_test(half_a_line_left_by_a_crash_does_not_spoil_the_next),
      audit_test(lines_a_full_disk_refused_are_written_when_there_is_room),
      audit_test(buffer_is_bounded_and_flush_says_what_was_lost),
      cmocka_unit_test(flush_says_when_the_disk_is_full),
      cmocka_unit_test(log_that_cannot_be_opened_says_why),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
