/* How transactions reach SQLite's write-ahead log: each by one write, large ones and failed ones too, on disks of
 * either kind. Below is a VFS that counts what is written to the log, refuses it when told, and says what kind of disk
 * it is; as the default one it is what the log's VFS stands on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "storage/sqlite_log.h"

enum { ROW_SIZE = 3000 }; /* one a page */

#define SETTINGS "PRAGMA synchronous = FULL; PRAGMA cache_spill = OFF"

static struct {
  sqlite3_vfs vfs;
  sqlite3_vfs *unix_vfs;
  sqlite3_io_methods log_methods, file_methods; /* Unix', but for one each */
  const sqlite3_io_methods *unix_methods;
  int writes, traits;
  bool is_full;
} disk;

static int count_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset) {
  disk.writes++;
  if (disk.is_full) return SQLITE_FULL;
  return disk.unix_methods->xWrite(file, bytes, size, offset);
}

static int tell_traits(sqlite3_file *file) {
  (void)file;
  return disk.traits;
}

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out) {
  (void)vfs;
  int result = disk.unix_vfs->xOpen(disk.unix_vfs, name, file, flags, flags_out);
  if (result != SQLITE_OK) return result;
  if (flags & SQLITE_OPEN_WAL) {
    disk.unix_methods = file->pMethods;
    disk.log_methods = *file->pMethods;
    disk.log_methods.xWrite = count_write;
    file->pMethods = &disk.log_methods;
  } else if (flags & SQLITE_OPEN_MAIN_DB) {
    disk.file_methods = *file->pMethods;
    disk.file_methods.xDeviceCharacteristics = tell_traits;
    file->pMethods = &disk.file_methods;
  }
  return result;
}

static void use_disk(void) {
  disk.unix_vfs = sqlite3_vfs_find("unix");
  assert_non_null(disk.unix_vfs);
  disk.vfs = *disk.unix_vfs;
  disk.vfs.zName = "counting";
  disk.vfs.xOpen = open_file;
  assert_int_equal(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

typedef struct database {
  char path[64];
  sqlite3 *writer, *reader;
} database;

static sqlite3 *open_database(const char *path) {
  sqlite3 *db;
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  assert_int_equal(sqlite3_open_v2(path, &db, flags, sqlite_log_vfs()), SQLITE_OK);
  return db;
}

static int run(sqlite3 *db, const char *script) {
  return sqlite3_exec(db, script, NULL, NULL, NULL);
}

static int64_t number(sqlite3 *db, const char *query) {
  sqlite3_stmt *statement;
  assert_int_equal(sqlite3_prepare_v2(db, query, -1, &statement, NULL), SQLITE_OK);
  assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
  int64_t value = sqlite3_column_int64(statement, 0);
  sqlite3_finalize(statement);
  return value;
}

static int insert_rows(sqlite3 *db, int first, int count) {
  char script[512];
  snprintf(script, sizeof script,
           "WITH RECURSIVE n(i) AS (SELECT %d UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
           "INSERT INTO rows SELECT i, randomblob(%d) FROM n",
           first, first + count - 1, ROW_SIZE);
  return run(db, script);
}

static int set_up(void **state) {
  static database d;
  disk.writes = 0;
  disk.traits = SQLITE_IOCAP_POWERSAFE_OVERWRITE;
  disk.is_full = false;
  snprintf(d.path, sizeof d.path, "/tmp/test_sqlite_log-%ld.db", (long)getpid());
  d.writer = open_database(d.path);
  assert_int_equal(run(d.writer, "PRAGMA journal_mode = WAL; " SETTINGS), SQLITE_OK);
  assert_int_equal(run(d.writer, "CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB)"), SQLITE_OK);
  d.reader = open_database(d.path);
  *state = &d;
  return 0;
}

static int tear_down(void **state) {
  database *d = *state;
  char path[80];
  sqlite3_close(d->reader);
  sqlite3_close(d->writer);
  static const char *const ends[] = {"", "-wal", "-shm"};
  for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
    snprintf(path, sizeof path, "%s%s", d->path, ends[i]);
    unlink(path);
  }
  return 0;
}

/* What is there when nothing in memory helps: the file and the log as another process finds them. */
static int64_t rows_after_a_crash(const database *d) {
  char command[512];
  snprintf(command, sizeof command, "cp %s %s.copy && cp %s-wal %s.copy-wal", d->path, d->path, d->path, d->path);
  assert_int_equal(system(command), 0);
  snprintf(command, sizeof command, "%s.copy", d->path);
  sqlite3 *copy;
  assert_int_equal(sqlite3_open_v2(command, &copy, SQLITE_OPEN_READWRITE, "unix"), SQLITE_OK);
  int64_t count = number(copy, "SELECT count(*) FROM rows");
  assert_int_equal(number(copy, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
  sqlite3_close(copy);
  unlink(command);
  return count;
}

static void a_transaction_is_one_write_and_others_see_it(void **state) {
  database *d = *state;
  for (int round = 0; round < 5; round++) {
    disk.writes = 0;
    assert_int_equal(insert_rows(d->writer, 10 * round, 10), SQLITE_OK);
    assert_int_equal(disk.writes, 1);
    assert_int_equal(number(d->reader, "SELECT count(*) FROM rows"), 10 * (round + 1));
    assert_int_equal(rows_after_a_crash(d), 10 * (round + 1));
  }
}

static void a_large_transaction_is_written_in_pieces(void **state) {
  database *d = *state;
  disk.writes = 0;
  assert_int_equal(insert_rows(d->writer, 0, 200), SQLITE_OK);
  assert_in_range(disk.writes, 200 * 4096 / (128 * 1024), 200 * 4096 / (64 * 1024));
  assert_int_equal(number(d->reader, "SELECT count(*) FROM rows"), 200);
  assert_int_equal(rows_after_a_crash(d), 200);
}

/* With a small cache that may spill the writer puts pages into the log before the commit, and reads them from there. */
static void what_is_gathered_is_read_again(void **state) {
  database *d = *state;
  assert_int_equal(run(d->writer, "PRAGMA cache_spill = ON; PRAGMA cache_size = 10; BEGIN"), SQLITE_OK);
  assert_int_equal(insert_rows(d->writer, 0, 100), SQLITE_OK);
  assert_int_equal(run(d->writer, "UPDATE rows SET bytes = zeroblob(10) WHERE id % 2 = 0"), SQLITE_OK);
  assert_int_equal(number(d->writer, "SELECT sum(length(bytes)) FROM rows"), 50 * (10 + ROW_SIZE));
  assert_int_equal(number(d->reader, "SELECT count(*) FROM rows"), 0);
  assert_int_equal(run(d->writer, "COMMIT"), SQLITE_OK);
  assert_int_equal(number(d->reader, "SELECT sum(length(bytes)) FROM rows"), 50 * (10 + ROW_SIZE));
  assert_int_equal(rows_after_a_crash(d), 100);
}

static void a_write_that_fails_fails_the_commit_and_leaves_nothing(void **state) {
  database *d = *state;
  assert_int_equal(insert_rows(d->writer, 0, 10), SQLITE_OK);
  disk.is_full = true;
  assert_int_equal(insert_rows(d->writer, 10, 10), SQLITE_FULL);
  assert_int_equal(number(d->reader, "SELECT count(*) FROM rows"), 10);
  disk.is_full = false;
  assert_int_equal(number(d->writer, "SELECT count(*) FROM rows"), 10);
  assert_int_equal(insert_rows(d->writer, 20, 5), SQLITE_OK);
  assert_int_equal(number(d->reader, "SELECT count(*) FROM rows"), 15);
  assert_int_equal(rows_after_a_crash(d), 15);
}

static void nothing_is_left_of_a_transaction_that_is_rolled_back(void **state) {
  database *d = *state;
  assert_int_equal(run(d->writer, "PRAGMA cache_size = 10; BEGIN"), SQLITE_OK);
  disk.writes = 0;
  assert_int_equal(insert_rows(d->writer, 0, 100), SQLITE_OK);
  assert_int_equal(run(d->writer, "ROLLBACK"), SQLITE_OK);
  assert_int_equal(disk.writes, 0);
  sqlite3 *other = open_database(d->path);
  assert_int_equal(run(other, SETTINGS), SQLITE_OK);
  assert_int_equal(insert_rows(other, 0, 50), SQLITE_OK); /* where the log ends, as the first would have been */
  assert_int_equal(insert_rows(d->writer, 50, 10), SQLITE_OK);
  assert_int_equal(number(d->reader, "SELECT count(*) FROM rows"), 60);
  assert_int_equal(rows_after_a_crash(d), 60);
  sqlite3_close(other);
}

/* There SQLite fills the sector behind a commit, and syncs in the middle of a frame. */
static void a_disk_that_may_lose_what_lies_beside_a_write_has_it_all_too(void **state) {
  database *d = *state;
  sqlite3_close(d->reader);
  sqlite3_close(d->writer);
  disk.traits = 0;
  d->writer = open_database(d->path);
  assert_int_equal(run(d->writer, SETTINGS), SQLITE_OK);
  d->reader = open_database(d->path);
  for (int round = 0; round < 20; round++) {
    assert_int_equal(insert_rows(d->writer, 7 * round, 7), SQLITE_OK);
    assert_int_equal(number(d->reader, "SELECT count(*) FROM rows"), 7 * (round + 1));
    assert_int_equal(number(d->reader, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'"), 0);
    assert_int_equal(rows_after_a_crash(d), 7 * (round + 1));
  }
}

/* The page size is then not in what it writes, but in the file. */
static void a_log_that_was_there_is_gone_on_with(void **state) {
  database *d = *state;
  assert_int_equal(insert_rows(d->writer, 0, 10), SQLITE_OK);
  sqlite3 *other = open_database(d->path);
  assert_int_equal(run(other, SETTINGS), SQLITE_OK);
  disk.writes = 0;
  assert_int_equal(insert_rows(other, 10, 10), SQLITE_OK);
  assert_int_equal(disk.writes, 1);
  sqlite3_close(other);
  assert_int_equal(number(d->reader, "SELECT count(*) FROM rows"), 20);
  assert_int_equal(insert_rows(d->writer, 20, 10), SQLITE_OK);
  assert_int_equal(rows_after_a_crash(d), 30);
}

int main(void) {
  use_disk();
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(a_transaction_is_one_write_and_others_see_it, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_large_transaction_is_written_in_pieces, set_up, tear_down),
      cmocka_unit_test_setup_teardown(what_is_gathered_is_read_again, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_write_that_fails_fails_the_commit_and_leaves_nothing, set_up, tear_down),
      cmocka_unit_test_setup_teardown(nothing_is_left_of_a_transaction_that_is_rolled_back, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_disk_that_may_lose_what_lies_beside_a_write_has_it_all_too, set_up, tear_down),
      cmocka_unit_test_setup_teardown(a_log_that_was_there_is_gone_on_with, set_up, tear_down),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
