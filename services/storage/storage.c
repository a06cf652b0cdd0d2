/* A service's database put together: its writer or writers, its readers, its health. What a statement is, and what the
 * database does with it, is connection.h; how jobs are run is pool.c. Called by the services. */
#include "storage/storage.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/checkpoint.h"
#include "storage/outbox.h"
#include "storage/pool.h"

enum {
  FILE_BATCH_MAX = 512,  /* jobs in one transaction of SQLite, */
  SHARED_BATCH_MAX = 64, /* and of PostgreSQL: what it locks others wait for */
  SHARED_WRITERS = 3,    /* connections to PostgreSQL, */
  SHARED_READERS = 2,
  READS_MAX = 32,  /* in one snapshot */
  READERS_MAX = 8, /* and to SQLite; more reads than that wait */
  MAX_QUEUED_DEFAULT = 65536,
};

struct storage {
  storage_config config;
  char *database;          /* the storage's own copy */
  const char **statements; /* the service's, then the outbox's */
  char audit_name[AUDIT_NAME_SIZE];
  bool is_shared;
  storage_tx *only;          /* not threaded: the connection of all jobs, the writers' */
  job_pool *writers;         /* one thread, or several where the database is shared */
  job_pool *remote_readers;  /* where it is shared */
  checkpointer *checkpoints; /* where it is a file, like what follows */
  pthread_mutex_t audit_lock;
  pthread_mutex_t gate; /* between transactions and checkpoints */
  _Atomic uint64_t generation;

  pthread_mutex_t readers_lock;
  pthread_cond_t reader_free;
  storage_tx *idle[READERS_MAX];
  size_t idle_count, reader_count;

  pthread_mutex_t health_lock;
  bool healthy;
  char trouble[256];
};

/* --- health --- */

/* A URL may contain a password. */
static const char *shown_name(const storage *db) {
  return db->is_shared ? db->config.schema : db->database;
}

static void set_health(void *arg, bool healthy, const char *detail) {
  storage *db = arg;
  pthread_mutex_lock(&db->health_lock);
  bool changed = db->healthy != healthy;
  db->healthy = healthy;
  snprintf(db->trouble, sizeof db->trouble, "%s", detail);
  pthread_mutex_unlock(&db->health_lock);
  if (!changed) return;
  if (healthy) {
    log_at(db->config.log, LOG_INFO, "storage takes writes again", LOG_TEXT("database", shown_name(db)));
  } else {
    log_at(db->config.log, LOG_ERROR, "storage takes no writes", LOG_TEXT("database", shown_name(db)),
           LOG_TEXT("error", detail));
  }
}

bool storage_healthy(void *arg, char *detail, size_t size) {
  storage *db = arg;
  pthread_mutex_lock(&db->health_lock);
  bool healthy = db->healthy;
  if (!healthy) snprintf(detail, size, "%s", db->trouble);
  pthread_mutex_unlock(&db->health_lock);
  return healthy;
}

bool storage_generation(const storage *db, uint64_t *generation) {
  *generation = atomic_load(&db->generation);
  return !db->is_shared;
}

/* --- jobs --- */

static trace_span start_span(const storage *db, const storage_job *job) {
  return trace_span_start(db->config.traces, "commit", db->is_shared ? TRACE_CLIENT : TRACE_INTERNAL, job->parent);
}

/* Thousands of jobs may wait: until here a job keeps of its span only when it began. */
static void end_span(storage_job *job, const rpc_status *status) {
  storage *db = job->db;
  const char *reason = status->reason[0] ? status->reason : rpc_code_name(status->code);
  trace_span span = start_span(db, job);
  span.start_unix_ns = job->began_unix_ns;
  span.start_monotonic_ns = job->began_monotonic_ns;
  trace_span_set_text(&span, "db.system.name", db->is_shared ? "postgresql" : "sqlite");
  trace_span_set_text(&span, "db.operation.name", "COMMIT");
  trace_span_end(db->config.traces, &span, (int)status->code, job->correlation_id,
                 status->code == RPC_OK ? NULL : reason);
  job->done = job->owner_done; /* the owner may queue it again */
  job->done(job, status);
}

void storage_write(storage *db, storage_job *job) {
  if (db->config.traces && job->parent) {
    job->db = db;
    job->owner_done = job->done;
    job->done = end_span;
    trace_span begun = start_span(db, job);
    job->began_unix_ns = begun.start_unix_ns;
    job->began_monotonic_ns = begun.start_monotonic_ns;
  }
  job_pool_add(db->writers, job);
}

rpc_load storage_load(void *db) {
  return job_pool_load(((storage *)db)->writers);
}

static connection_config connection_of(const storage *db, bool read_only) {
  return (connection_config){.database = db->database,
                             .schema = db->config.schema,
                             .statements = db->statements,
                             .statement_count = db->config.statement_count + OUTBOX_STATEMENTS,
                             .read_only = read_only,
                             .exclusive = db->config.exclusive};
}

/* A reader of the caller's own until give_reader; NULL with the reason in *status. */
static storage_tx *take_reader(storage *db, rpc_status *status) {
  pthread_mutex_lock(&db->readers_lock);
  while (db->idle_count == 0 && db->reader_count == READERS_MAX) {
    pthread_cond_wait(&db->reader_free, &db->readers_lock);
  }
  storage_tx *reader = db->idle_count > 0 ? db->idle[--db->idle_count] : NULL;
  if (!reader) db->reader_count++;
  pthread_mutex_unlock(&db->readers_lock);
  if (reader) return reader;
  connection_config config = connection_of(db, true);
  reader = connection_open(&config, status);
  if (reader) return reader;
  pthread_mutex_lock(&db->readers_lock);
  db->reader_count--;
  pthread_cond_signal(&db->reader_free);
  pthread_mutex_unlock(&db->readers_lock);
  return NULL;
}

static void give_reader(storage *db, storage_tx *reader) {
  pthread_mutex_lock(&db->readers_lock);
  db->idle[db->idle_count++] = reader;
  pthread_cond_signal(&db->reader_free);
  pthread_mutex_unlock(&db->readers_lock);
}

/* Gives the reader back before the job's owner goes on, who may do much. */
static void read_file(storage *db, storage_job *job) {
  rpc_status status;
  storage_tx *tx = take_reader(db, &status);
  if (tx) {
    status = job_pool_read(tx, job);
    give_reader(db, tx);
  }
  job->done(job, &status);
}

void storage_read(storage *db, storage_job *job) {
  if (db->remote_readers) {
    job_pool_add(db->remote_readers, job);
  } else if (db->config.threaded) {
    read_file(db, job);
  } else { /* there is one connection, which sees the same: no job is under way */
    rpc_status status = job_pool_read(db->only, job);
    job->done(job, &status);
  }
}

/* --- opening and closing --- */

static metrics_series *define_metric(storage *db, metrics_kind kind, const char *name, const char *help) {
  return metrics_series_get(metrics_define(db->config.metrics, kind, name, help, NULL), NULL);
}

static job_pool *create_writers(storage *db, storage_tx *first) {
  size_t threads = db->is_shared && !db->config.exclusive ? SHARED_WRITERS : 1;
  return job_pool_create(&(job_pool_config){
      .connection = connection_of(db, false),
      .first = first,
      .threads = db->config.threaded ? threads : 0,
      .batch_max = db->is_shared && !db->config.exclusive ? SHARED_BATCH_MAX : FILE_BATCH_MAX,
      .max_queued = db->config.max_queued,
      .audit = db->config.audit,
      .audit_lock = &db->audit_lock,
      .audit_name = db->audit_name,
      .faults = db->config.faults,
      .gate = db->checkpoints ? &db->gate : NULL,
      .generation = &db->generation,
      .report = set_health,
      .report_arg = db,
      .duration = define_metric(db, METRICS_HISTOGRAM, "storage_commit_duration_seconds",
                                "Time of a write transaction, from its begin to its commit."),
      .batch_jobs = define_metric(db, METRICS_COUNTER, "storage_batch_jobs_total", "Jobs taken into batches."),
      .queue_jobs = define_metric(db, METRICS_GAUGE, "storage_queue_jobs", "Jobs that wait for the writer.")});
}

static job_pool *create_readers(storage *db) {
  return job_pool_create(&(job_pool_config){
      .connection = connection_of(db, true),
      .threads = SHARED_READERS,
      .batch_max = READS_MAX,
      .max_queued = db->config.max_queued,
      .report = set_health,
      .report_arg = db,
      .queue_jobs = define_metric(db, METRICS_GAUGE, "storage_queue_reads", "Reads that wait for a connection.")});
}

/* The first connection brings the database up to date; then the threads may use it. */
static rpc_status open_database(storage *db) {
  rpc_status status = rpc_status_ok();
  connection_config config = connection_of(db, false);
  storage_tx *first = connection_open(&config, &status);
  if (status.code == RPC_OK) status = connection_migrate(first, db->config.migrations);
  if (status.code == RPC_OK) status = connection_prepare_all(first);
  if (status.code == RPC_OK && db->config.threaded && !db->is_shared) {
    db->checkpoints = checkpointer_create(&config, first, &db->gate, db->config.log, &status);
  }
  if (status.code != RPC_OK) {
    connection_close(first);
    return status;
  }
  db->only = first;
  db->writers = create_writers(db, first);
  if (db->config.threaded && db->is_shared) db->remote_readers = create_readers(db);
  if (db->writers && (db->remote_readers || !db->config.threaded || !db->is_shared)) return status;
  return rpc_status_error(RPC_UNAVAILABLE, "NO_THREAD", "no memory or threads for the storage");
}

storage *storage_open(const storage_config *config, rpc_status *status) {
  storage *db = calloc(1, sizeof *db);
  char *database = strdup(config->database);
  const char **statements = calloc(config->statement_count + OUTBOX_STATEMENTS, sizeof *statements);
  if (!db || !database || !statements) {
    free(db);
    free(database);
    free((void *)statements);
    *status = rpc_status_error(RPC_UNAVAILABLE, "OUT_OF_MEMORY", "no memory for the storage");
    return NULL;
  }
  db->config = *config;
  db->database = database;
  db->statements = statements;
  for (size_t i = 0; i < config->statement_count; i++) statements[i] = config->statements[i];
  for (size_t i = 0; i < OUTBOX_STATEMENTS; i++) statements[config->statement_count + i] = outbox_statements[i];
  db->is_shared = storage_is_shared(database);
  db->healthy = true;
  if (config->max_queued == 0) db->config.max_queued = MAX_QUEUED_DEFAULT;
  pthread_mutex_init(&db->audit_lock, NULL);
  pthread_mutex_init(&db->gate, NULL);
  pthread_mutex_init(&db->readers_lock, NULL);
  pthread_cond_init(&db->reader_free, NULL);
  pthread_mutex_init(&db->health_lock, NULL);
  if (db->is_shared && config->audit && !audit_name(config->audit, db->audit_name)) {
    *status = rpc_status_error(RPC_UNAVAILABLE, STORAGE_REASON_AUDIT, "the audit log's name cannot be kept");
  } else {
    *status = open_database(db);
  }
  if (status->code == RPC_OK) return db;
  storage_close(db);
  return NULL;
}

/* The writers' connection is closed after the checkpoints' thread, whose hook it calls, has nothing to do any more. */
void storage_close(storage *db) {
  if (!db) return;
  job_pool_destroy(db->remote_readers);
  job_pool_destroy(db->writers);
  checkpointer_destroy(db->checkpoints);
  for (size_t i = 0; i < db->idle_count; i++) connection_close(db->idle[i]);
  pthread_mutex_destroy(&db->audit_lock);
  pthread_mutex_destroy(&db->gate);
  pthread_mutex_destroy(&db->readers_lock);
  pthread_cond_destroy(&db->reader_free);
  pthread_mutex_destroy(&db->health_lock);
  free(db->database);
  free((void *)db->statements);
  free(db);
}
