/* Storage: jobs, group commit, what a failing job leaves behind, reads, migrations, a disk that is full. */
#include <pthread.h>

#include <sys/stat.h>

#include "database_fixture.h"
#include "telemetry/audit_chain.h"

enum { INSERT, COUNT, SWAPPED, NO_ROOM, ROOM, STATEMENT_COUNT };

static const char *const migrations[] = {"CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL);", NULL};
static const char *const statements[STATEMENT_COUNT] = {
    [INSERT] = "INSERT INTO notes (id, text) VALUES ($1, $2)",
    [COUNT] = "SELECT COUNT(*) FROM notes",
    [SWAPPED] = "SELECT $2, $1, $2",
    [NO_ROOM] = "PRAGMA max_page_count = 12", /* SQLite's own way to run out of room */
    [ROOM] = "PRAGMA max_page_count = 1000",
};
static const char schema[] = "test_storage";

/* PostgreSQL takes no pragmas. */
static size_t usable_statements(void) {
  return tests_use_postgres() ? NO_ROOM : STATEMENT_COUNT;
}

typedef struct files {
  char folder[64];
  char file[128], audit[128];
  const char *database;
} files;

static int make_files(void **state) {
  files *f = calloc(1, sizeof *f);
  make_folder(f->folder);
  snprintf(f->file, sizeof f->file, "%s/test.db", f->folder);
  f->database = fresh_database(f->file, schema);
  snprintf(f->audit, sizeof f->audit, "%s/audit.jsonl", f->folder);
  *state = f;
  return 0;
}

static int remove_files(void **state) {
  files *f = *state;
  remove_folder(f->folder, (const char *const[]){"test.db", "audit.jsonl", "audit.jsonl.name", NULL});
  free(f);
  return 0;
}

static storage *open_storage(const char *path, bool threaded, audit_log *audit, metrics_registry *metrics) {
  rpc_status status;
  storage *db = storage_open(&(storage_config){.database = path,
                                               .schema = schema,
                                               .exclusive = true, /* one writer, as with SQLite */
                                               .migrations = migrations,
                                               .statements = statements,
                                               .statement_count = usable_statements(),
                                               .threaded = threaded,
                                               .audit = audit,
                                               .metrics = metrics},
                             &status);
  assert_int_equal(status.code, RPC_OK);
  assert_non_null(db);
  return db;
}

/* Inserts a note; says how often it ran, and how it ended. */
typedef struct note {
  storage_job job;
  int64_t id;
  const char *text;
  bool refuses;        /* fails after its insert */
  sem_t *began, *gate; /* once inserted, posts the one and waits for the other, the first time; NULL: does not */
  sem_t *done;         /* posted at the end; may be NULL */
  storage *seen_in;    /* reads the number of notes at the end; may be NULL */
  int runs, ended;
  rpc_status status;
  int64_t seen;
} note;

static rpc_status run_note(storage_job *job, storage_tx *tx) {
  note *n = (note *)job;
  storage_run(tx, INSERT, "it", n->id, n->text ? n->text : "");
  if (n->runs++ == 0 && n->gate) {
    sem_post(n->began);
    sem_wait(n->gate);
  }
  storage_audit(tx, 0, "note", n->text ? n->text : "", "", "new", NULL, NULL);
  return n->refuses ? rpc_status_error(RPC_ABORTED, "REFUSED", "refused") : rpc_status_ok();
}

static rpc_status read_count(void *arg, storage_tx *tx) {
  *(int64_t *)arg = storage_find(tx, COUNT, "") ? storage_column_integer(tx, COUNT, 0) : -1;
  return storage_tx_status(tx);
}

static void end_note(storage_job *job, const rpc_status *status) {
  note *n = (note *)job;
  n->status = *status;
  n->ended++;
  if (n->seen_in) read_now(n->seen_in, read_count, &n->seen);
  if (n->done) sem_post(n->done);
}

static note new_note(int64_t id) {
  return (note){.job = {.run = run_note, .done = end_note}, .id = id};
}

static int64_t count_notes(storage *db) {
  int64_t count = -1;
  assert_int_equal(read_now(db, read_count, &count).code, RPC_OK);
  return count;
}

static void without_threads_a_job_ends_inside_storage_write(void **state) {
  (void)state;
  storage *db = open_storage(fresh_database(":memory:", schema), false, NULL, NULL);
  note n = new_note(1);
  storage_write(db, &n.job);
  assert_int_equal(n.ended, 1);
  assert_int_equal(n.status.code, RPC_OK);
  assert_int_equal(count_notes(db), 1);
  storage_close(db);
}

static void what_is_written_is_there_after_reopening(void **state) {
  files *f = *state;
  storage *db = open_storage(f->database, true, NULL, NULL);
  sem_t done;
  sem_init(&done, 0, 0);
  note n = new_note(1);
  n.done = &done;
  storage_write(db, &n.job);
  sem_wait(&done);
  assert_int_equal(n.status.code, RPC_OK);
  storage_close(db);

  db = open_storage(f->database, true, NULL, NULL); /* migrations do not run again */
  assert_int_equal(count_notes(db), 1);
  storage_close(db);
}

static void jobs_that_wait_share_one_commit(void **state) {
  files *f = *state;
  enum { WAITING = 100 };
  metrics_registry *metrics = metrics_registry_create();
  storage *db = open_storage(f->database, true, NULL, metrics);
  sem_t began, gate, done;
  sem_init(&began, 0, 0);
  sem_init(&gate, 0, 0);
  sem_init(&done, 0, 0);
  note first = new_note(0);
  first.began = &began;
  first.gate = &gate;
  first.done = &done;
  storage_write(db, &first.job);
  sem_wait(&began);
  note rest[WAITING];
  for (int i = 0; i < WAITING; i++) {
    rest[i] = new_note(i + 1);
    rest[i].done = &done;
  }
  /* The first holds the writer until all the others wait. */
  for (int i = 0; i < WAITING; i++) storage_write(db, &rest[i].job);
  sem_post(&gate);
  for (int i = 0; i < WAITING + 1; i++) sem_wait(&done);

  metrics_series *commits =
      metrics_series_get(metrics_define(metrics, METRICS_HISTOGRAM, "storage_commit_duration_seconds", "", NULL), NULL);
  assert_int_equal(metrics_value(commits), 2);
  assert_int_equal(count_notes(db), WAITING + 1);
  storage_close(db);
  metrics_registry_destroy(metrics);
}

static void a_job_that_fails_is_alone_rolled_back(void **state) {
  files *f = *state;
  audit_log *audit = audit_open("test", f->audit);
  storage *db = open_storage(f->database, true, audit, NULL);
  sem_t began, gate, done;
  sem_init(&began, 0, 0);
  sem_init(&gate, 0, 0);
  sem_init(&done, 0, 0);
  note notes[4];
  static const char *const texts[] = {"holder", "before", "refused", "after"};
  for (int i = 0; i < 4; i++) {
    notes[i] = new_note(i);
    notes[i].text = texts[i];
    notes[i].done = &done;
  }
  notes[0].began = &began;
  notes[0].gate = &gate;
  notes[2].refuses = true;
  for (int i = 0; i < 4; i++) {
    storage_write(db, &notes[i].job);
    if (i == 0) sem_wait(&began); /* it holds the writer until the others wait together */
  }
  sem_post(&gate);
  for (int i = 0; i < 4; i++) sem_wait(&done);

  assert_int_equal(notes[1].status.code, RPC_OK);
  assert_string_equal(notes[2].status.reason, "REFUSED");
  assert_int_equal(notes[3].status.code, RPC_OK);
  for (int i = 0; i < 4; i++) assert_int_equal(notes[i].ended, 1);
  assert_int_equal(count_notes(db), 3);
  storage_close(db);
  audit_close(audit);

  char text[4096] = "";
  FILE *lines = fopen(f->audit, "r");
  size_t size = fread(text, 1, sizeof text - 1, lines);
  fclose(lines);
  text[size] = '\0';
  for (int i = 0; i < 4; i++) { /* one line for each change that was made, none for the one that was not */
    char *once = strstr(text, texts[i]);
    assert_int_equal(once != NULL, i != 2);
    if (once) assert_null(strstr(once + 1, texts[i]));
  }
}

static void a_statement_that_fails_fails_its_job(void **state) {
  (void)state;
  storage *db = open_storage(fresh_database(":memory:", schema), false, NULL, NULL);
  note first = new_note(1), twin = new_note(1), other = new_note(2);
  storage_write(db, &first.job);
  storage_write(db, &twin.job);
  storage_write(db, &other.job);
  assert_int_equal(twin.status.code, RPC_INTERNAL);
  assert_int_equal(other.status.code, RPC_OK);
  assert_int_equal(count_notes(db), 2);
  char detail[64];
  assert_true(storage_healthy(db, detail, sizeof detail));
  storage_close(db);
}

static void when_done_is_called_the_change_is_committed_and_audited(void **state) {
  files *f = *state;
  audit_log *audit = audit_open("test", f->audit);
  storage *db = open_storage(f->database, true, audit, NULL);
  sem_t done;
  sem_init(&done, 0, 0);
  note n = new_note(1);
  n.text = "audited";
  n.done = &done;
  n.seen_in = db; /* on a connection of its own, from within done */
  storage_write(db, &n.job);
  sem_wait(&done);
  assert_int_equal(n.seen, 1);
  FILE *lines = fopen(f->audit, "r"); /* before anything is closed */
  char line[512] = "";
  assert_non_null(fgets(line, sizeof line, lines));
  fclose(lines);
  assert_non_null(strstr(line, "\"audited\""));
  storage_close(db);
  audit_close(audit);
}

/* Writes notes one by one, under the names note-FIRST, … */
static void write_notes(storage *db, int64_t first, int64_t count) {
  sem_t done;
  sem_init(&done, 0, 0);
  for (int64_t id = first; id < first + count; id++) {
    char text[32];
    snprintf(text, sizeof text, "note-%lld", (long long)id);
    note n = new_note(id);
    n.text = text;
    n.done = &done;
    storage_write(db, &n.job);
    sem_wait(&done);
    assert_int_equal(n.status.code, RPC_OK);
  }
  sem_destroy(&done);
}

/* That the notes from 0 to count - 1 have one whole line each. */
static void assert_lines(const files *f, int64_t count) {
  FILE *lines = fopen(f->audit, "r");
  char line[1024];
  int64_t seen = 0;
  assert_non_null(lines);
  while (fgets(line, sizeof line, lines)) {
    audit_link link;
    size_t length = strcspn(line, "\n");
    if (audit_chain_read(line, length, &link) == AUDIT_LINE_TORN) continue;
    char wanted[48];
    snprintf(wanted, sizeof wanted, "\"id\":\"note-%lld\"", (long long)seen);
    if (!strstr(line, wanted)) fail_msg("no %s in %s", wanted, line);
    assert_int_equal(link.seq, ++seen);
  }
  fclose(lines);
  assert_int_equal(seen, count);
}

/* The end of the log, as a crash may leave it: any number of bytes that had not got there. */
static void lines_that_a_crash_kept_from_the_audit_log_are_there_after_it(void **state) {
  files *f = *state;
  static const long lost[] = {0, 1, 100, 400, 1000, 1500}; /* of what is not known to be on the disk */
  enum { ROUND = 70 };                                     /* more than wait for the disk together */
  for (int round = 0; round < (int)(sizeof lost / sizeof lost[0]); round++) {
    audit_log *audit = audit_open("test", f->audit);
    storage *db = open_storage(f->database, true, audit, NULL);
    assert_lines(f, round * ROUND);
    write_notes(db, round * ROUND, ROUND);
    storage_close(db);
    audit_close(audit);
    struct stat file;
    assert_int_equal(stat(f->audit, &file), 0);
    assert_int_equal(truncate(f->audit, file.st_size - lost[round] * (round > 0)), 0);
  }
  audit_log *audit = audit_open("test", f->audit);
  storage *db = open_storage(f->database, true, audit, NULL);
  storage_close(db);
  audit_close(audit);
  assert_lines(f, (int64_t)(sizeof lost / sizeof lost[0]) * ROUND);
}

static void a_change_whose_audit_line_cannot_be_written_is_not_acknowledged(void **state) {
  (void)state;
  audit_log *audit = audit_open("test", "/dev/full");
  assert_non_null(audit);
  storage *db = open_storage(fresh_database(":memory:", schema), false, audit, NULL);
  note n = new_note(1);
  storage_write(db, &n.job);
  assert_int_equal(n.runs, 1);
  assert_int_equal(n.status.code, RPC_UNAVAILABLE);
  assert_string_equal(n.status.reason, "AUDIT_UNAVAILABLE");
  char detail[64];
  assert_false(storage_healthy(db, detail, sizeof detail));
  storage_close(db);
  audit_close(audit);
}

static void the_queue_is_bounded(void **state) {
  files *f = *state;
  rpc_status status;
  storage *db = storage_open(&(storage_config){.database = f->database,
                                               .schema = schema,
                                               .exclusive = true,
                                               .migrations = migrations,
                                               .statements = statements,
                                               .statement_count = usable_statements(),
                                               .threaded = true,
                                               .max_queued = 2},
                             &status);
  sem_t began, gate;
  sem_init(&began, 0, 0);
  sem_init(&gate, 0, 0);
  note notes[4]; /* one that holds the writer, two that wait, one too many */
  for (int i = 0; i < 4; i++) notes[i] = new_note(i);
  notes[0].began = &began;
  notes[0].gate = &gate;
  for (int i = 0; i < 4; i++) {
    storage_write(db, &notes[i].job);
    if (i == 0) sem_wait(&began);
  }
  assert_int_equal(notes[3].ended, 1);
  assert_int_equal(notes[3].status.code, RPC_RESOURCE_EXHAUSTED);
  sem_post(&gate);
  storage_close(db); /* ends what is queued */
  for (int i = 0; i < 4; i++) assert_int_equal(notes[i].ended, 1);
}

static void the_wait_grows_with_the_queue_once_jobs_have_shown_their_cost(void **state) {
  files *f = *state;
  storage *db = open_storage(f->database, true, NULL, NULL);
  enum { JOBS = 1201 }; /* three batches */
  static note notes[2 * JOBS];
  for (int i = 0; i < 2 * JOBS; i++) notes[i] = new_note(i);
  assert_int_equal(storage_load(db).wait_us, 0);
  for (int round = 0; round < 2; round++) { /* the first of each holds the writer while the others queue up */
    sem_t began, gate, done;
    sem_init(&began, 0, 0);
    sem_init(&gate, 0, 0);
    sem_init(&done, 0, 0);
    note *first = &notes[round * JOBS];
    first->began = &began;
    first->gate = &gate;
    first[JOBS - 1].done = &done;
    for (int i = 0; i < JOBS; i++) {
      storage_write(db, &first[i].job);
      if (i == 0) sem_wait(&began);
      if (round == 1 && i == 50) assert_int_equal(storage_load(db).wait_us, 0); /* one commit takes those */
      if (round == 1 && i == JOBS / 2) first->seen = storage_load(db).wait_us;
    }
    int64_t wait_us = storage_load(db).wait_us;
    if (round == 0) assert_int_equal(wait_us, 0);
    if (round == 1) assert_true(first->seen > 0 && wait_us > first->seen);
    sem_post(&gate);
    sem_wait(&done);
  }
  storage_close(db);
  for (int i = 0; i < 2 * JOBS; i++) assert_int_equal(notes[i].status.code, RPC_OK);
}

static void reads_neither_wait_for_the_writer_nor_see_what_is_not_committed(void **state) {
  files *f = *state;
  storage *db = open_storage(f->database, true, NULL, NULL);
  sem_t began, gate, done;
  sem_init(&began, 0, 0);
  sem_init(&gate, 0, 0);
  sem_init(&done, 0, 0);
  note n = new_note(1);
  n.began = &began;
  n.gate = &gate;
  n.done = &done;
  storage_write(db, &n.job);
  sem_wait(&began);                     /* inserted, not committed */
  assert_int_equal(count_notes(db), 0); /* would hang here if it waited */
  sem_post(&gate);
  sem_wait(&done);
  assert_int_equal(count_notes(db), 1);
  storage_close(db);
}

typedef struct reading {
  storage *db;
  int64_t count;
} reading;

static void *read_often(void *arg) {
  reading *r = arg;
  for (int i = 0; i < 200; i++) {
    int64_t count = -1;
    if (read_now(r->db, read_count, &count).code != RPC_OK || count < r->count) return NULL;
    r->count = count;
  }
  return arg;
}

static void more_readers_than_connections_all_read_and_never_go_back(void **state) {
  files *f = *state;
  enum { READERS = 12, NOTES = 300 };
  storage *db = open_storage(f->database, true, NULL, NULL);
  pthread_t threads[READERS];
  reading readings[READERS];
  for (int i = 0; i < READERS; i++) {
    readings[i] = (reading){.db = db};
    pthread_create(&threads[i], NULL, read_often, &readings[i]);
  }
  sem_t done;
  sem_init(&done, 0, 0);
  static note notes[NOTES];
  for (int i = 0; i < NOTES; i++) {
    notes[i] = new_note(i);
    notes[i].done = &done;
    storage_write(db, &notes[i].job);
  }
  for (int i = 0; i < NOTES; i++) sem_wait(&done);
  for (int i = 0; i < READERS; i++) {
    void *result;
    pthread_join(threads[i], &result);
    assert_non_null(result);
  }
  assert_int_equal(count_notes(db), NOTES);
  storage_close(db);
}

static rpc_status read_swapped(void *arg, storage_tx *tx) {
  (void)arg;
  assert_true(storage_find(tx, SWAPPED, "it", (int64_t)5, "five"));
  assert_string_equal(storage_column_text(tx, SWAPPED, 0), "five");
  assert_int_equal(storage_column_integer(tx, SWAPPED, 1), 5);
  assert_string_equal(storage_column_text(tx, SWAPPED, 2), "five");
  assert_false(storage_step(tx, SWAPPED));
  return storage_tx_status(tx);
}

static void parameters_are_numbered_whatever_their_order(void **state) {
  (void)state;
  storage *db = open_storage(fresh_database(":memory:", schema), false, NULL, NULL);
  assert_int_equal(read_now(db, read_swapped, NULL).code, RPC_OK);
  storage_close(db);
}

static void a_statement_that_is_no_sql_shows_at_opening(void **state) {
  (void)state;
  rpc_status status;
  assert_null(storage_open(&(storage_config){.database = fresh_database(":memory:", schema),
                                             .schema = schema,
                                             .migrations = migrations,
                                             .statements = (const char *const[]){"SELECT nothing FROM nowhere"},
                                             .statement_count = 1},
                           &status));
  assert_int_equal(status.code, RPC_INTERNAL);
}

static void a_database_of_a_newer_version_is_refused_and_an_older_one_brought_up(void **state) {
  files *f = *state;
  storage_close(open_storage(f->database, false, NULL, NULL));
  static const char *const newer[] = {"CREATE TABLE notes (id BIGINT PRIMARY KEY, text TEXT NOT NULL);",
                                      "INSERT INTO notes VALUES (77, 'by the second migration');", NULL};
  storage_config config = {.database = f->database,
                           .schema = schema,
                           .migrations = newer,
                           .statements = statements,
                           .statement_count = usable_statements()};
  rpc_status status;
  storage *db = storage_open(&config, &status);
  assert_non_null(db);
  assert_int_equal(count_notes(db), 1);
  storage_close(db);

  config.migrations = migrations;
  assert_null(storage_open(&config, &status));
  assert_string_equal(status.reason, "SCHEMA_TOO_NEW");
}

static void a_migration_that_fails_leaves_nothing_behind(void **state) {
  files *f = *state;
  static const char *const broken[] = {"CREATE TABLE half (id BIGINT);", "CREATE TABLE notes (id BIGINT); SELECT oops;",
                                       NULL};
  storage_config config = {.database = f->database, .schema = schema, .migrations = broken};
  rpc_status status;
  assert_null(storage_open(&config, &status));
  storage_close(open_storage(f->database, false, NULL, NULL)); /* would fail if version or table were there */
}

static rpc_status limit_room(void *arg, storage_tx *tx) {
  storage_run(tx, *(size_t *)arg, "");
  return storage_tx_status(tx);
}

static void a_full_disk_fails_writes_until_there_is_room_again(void **state) {
  files *f = *state;
  if (tests_use_postgres()) skip();
  storage *db = open_storage(f->database, false, NULL, NULL);
  char *large = malloc(20001);
  memset(large, 'x', 20000);
  large[20000] = '\0';
  note notes[4];
  for (int i = 0; i < 4; i++) {
    notes[i] = new_note(i);
    notes[i].text = large;
  }
  char detail[128];
  assert_int_equal(read_now(db, limit_room, &(size_t){NO_ROOM}).code, RPC_OK);
  storage_write(db, &notes[0].job);
  assert_int_equal(notes[0].status.code, RPC_OK);
  storage_write(db, &notes[1].job);
  storage_write(db, &notes[2].job);
  assert_int_equal(notes[2].status.code, RPC_UNAVAILABLE);
  assert_false(storage_healthy(db, detail, sizeof detail));
  assert_non_null(strstr(detail, "full"));

  assert_int_equal(read_now(db, limit_room, &(size_t){ROOM}).code, RPC_OK);
  storage_write(db, &notes[3].job);
  assert_int_equal(notes[3].status.code, RPC_OK);
  assert_true(storage_healthy(db, detail, sizeof detail));
  storage_close(db);
  free(large);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(without_threads_a_job_ends_inside_storage_write),
      cmocka_unit_test_setup_teardown(what_is_written_is_there_after_reopening, make_files, remove_files),
      cmocka_unit_test_setup_teardown(jobs_that_wait_share_one_commit, make_files, remove_files),
      cmocka_unit_test_setup_teardown(a_job_that_fails_is_alone_rolled_back, make_files, remove_files),
      cmocka_unit_test(a_statement_that_fails_fails_its_job),
      cmocka_unit_test_setup_teardown(when_done_is_called_the_change_is_committed_and_audited, make_files,
                                      remove_files),
      cmocka_unit_test_setup_teardown(lines_that_a_crash_kept_from_the_audit_log_are_there_after_it, make_files,
                                      remove_files),
      cmocka_unit_test(a_change_whose_audit_line_cannot_be_written_is_not_acknowledged),
      cmocka_unit_test_setup_teardown(the_queue_is_bounded, make_files, remove_files),
      cmocka_unit_test_setup_teardown(the_wait_grows_with_the_queue_once_jobs_have_shown_their_cost, make_files,
                                      remove_files),
      cmocka_unit_test_setup_teardown(reads_neither_wait_for_the_writer_nor_see_what_is_not_committed, make_files,
                                      remove_files),
      cmocka_unit_test_setup_teardown(more_readers_than_connections_all_read_and_never_go_back, make_files,
                                      remove_files),
      cmocka_unit_test(parameters_are_numbered_whatever_their_order),
      cmocka_unit_test(a_statement_that_is_no_sql_shows_at_opening),
      cmocka_unit_test_setup_teardown(a_database_of_a_newer_version_is_refused_and_an_older_one_brought_up, make_files,
                                      remove_files),
      cmocka_unit_test_setup_teardown(a_migration_that_fails_leaves_nothing_behind, make_files, remove_files),
      cmocka_unit_test_setup_teardown(a_full_disk_fails_writes_until_there_is_room_again, make_files, remove_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
