/* Jobs and reads: the writer thread with its group commit, and the pool of reader connections. What a statement is, and
 * what SQLite does with it, is connection.c. Called by the services' store.c. */
#include "storage/storage.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/connection.h"

enum {
  BATCH_MAX = 512, /* jobs in one transaction */
  READERS_MAX = 8, /* connections; more reads than that wait */
  MAX_QUEUED_DEFAULT = 65536,
};

struct storage {
  storage_config config;
  char *path; /* the storage's own copy */
  storage_tx *writer;

  pthread_mutex_t lock; /* of the queue */
  pthread_cond_t work;  /* the queue has jobs, or stopping is set */
  storage_job *head, *tail;
  uint32_t queued;
  bool stopping;
  bool draining; /* not threaded: a storage_write further up runs the queue */
  pthread_t thread;

  pthread_mutex_t readers_lock;
  pthread_cond_t reader_free;
  storage_tx *idle[READERS_MAX];
  size_t idle_count, reader_count;

  pthread_mutex_t health_lock;
  bool healthy;
  char trouble[256];

  metrics_series *commit_duration, *batch_jobs, *queue_jobs; /* NULL without metrics */
};

/* --- health --- */

static void set_health(storage *db, bool healthy, const char *detail) {
  pthread_mutex_lock(&db->health_lock);
  bool changed = db->healthy != healthy;
  db->healthy = healthy;
  snprintf(db->trouble, sizeof db->trouble, "%s", detail);
  pthread_mutex_unlock(&db->health_lock);
  if (!changed) return;
  if (healthy) {
    log_at(db->config.log, LOG_INFO, "storage takes writes again", LOG_TEXT("path", db->path));
  } else {
    log_at(db->config.log, LOG_ERROR, "storage takes no writes", LOG_TEXT("path", db->path), LOG_TEXT("error", detail));
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

/* --- the writer --- */

static int64_t monotonic_us(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

/* Runs the jobs from first to the one before end in one transaction; on an error nothing of them is left. */
static rpc_status run_transaction(storage *db, storage_job *first, const storage_job *end) {
  storage_tx *tx = db->writer;
  int64_t start_us = monotonic_us();
  rpc_status status = connection_run(tx, CONNECTION_BEGIN_WRITE);
  for (storage_job *job = first; status.code == RPC_OK && job != end; job = job->next) {
    status = job->run(job, tx);
    if (status.code == RPC_OK) status = storage_tx_status(tx);
  }
  if (status.code == RPC_OK) status = connection_run(tx, CONNECTION_COMMIT);
  if (status.code != RPC_OK) {
    if (connection_is_broken(tx)) set_health(db, false, status.message);
    connection_rollback(tx);
    if (db->config.audit) audit_discard(db->config.audit);
    return status;
  }
  if (db->commit_duration) metrics_observe_us(db->commit_duration, monotonic_us() - start_us);
  return status;
}

/* What is committed is acknowledged only once its audit lines are written. */
static rpc_status flush_audit(storage *db) {
  if (db->config.audit && !audit_flush(db->config.audit)) {
    set_health(db, false, "the audit log cannot be written");
    return rpc_status_error(RPC_UNAVAILABLE, STORAGE_REASON_AUDIT, "the audit log cannot be written");
  }
  set_health(db, true, "");
  return rpc_status_ok();
}

/* Tells the owners of the jobs from first to the one before end; a job's memory may be gone then. */
static void finish_jobs(storage_job *first, const storage_job *end, const rpc_status *status) {
  for (storage_job *job = first; job != end;) {
    storage_job *next = job->next;
    job->done(job, status);
    job = next;
  }
}

/* All in one transaction or, where one of them fails, each in its own. */
static void run_batch(storage *db, storage_job *batch) {
  rpc_status status = run_transaction(db, batch, NULL);
  if (status.code == RPC_OK || !batch->next) {
    if (status.code == RPC_OK) status = flush_audit(db);
    finish_jobs(batch, NULL, &status);
    return;
  }
  for (storage_job *job = batch; job;) {
    storage_job *next = job->next;
    status = run_transaction(db, job, next);
    if (status.code == RPC_OK) status = flush_audit(db);
    finish_jobs(job, next, &status);
    job = next;
  }
}

/* Takes up to BATCH_MAX jobs off the queue, which has some; under the lock. */
static storage_job *take_batch(storage *db) {
  storage_job *batch = db->head;
  storage_job *last = batch;
  uint32_t count = 1;
  while (last->next && count < BATCH_MAX) {
    last = last->next;
    count++;
  }
  db->head = last->next;
  if (!db->head) db->tail = NULL;
  last->next = NULL;
  db->queued -= count;
  if (db->batch_jobs) metrics_add(db->batch_jobs, count);
  if (db->queue_jobs) metrics_set(db->queue_jobs, db->queued);
  return batch;
}

/* Runs what is queued until the queue is empty; under the lock, which it lets go meanwhile. */
static void drain_queue(storage *db) {
  while (db->head) {
    storage_job *batch = take_batch(db);
    pthread_mutex_unlock(&db->lock);
    run_batch(db, batch);
    pthread_mutex_lock(&db->lock);
  }
}

static void *writer_main(void *arg) {
  storage *db = arg;
  pthread_mutex_lock(&db->lock);
  while (db->head || !db->stopping) {
    if (!db->head) pthread_cond_wait(&db->work, &db->lock);
    drain_queue(db);
  }
  pthread_mutex_unlock(&db->lock);
  return NULL;
}

void storage_write(storage *db, storage_job *job) {
  job->next = NULL;
  pthread_mutex_lock(&db->lock);
  if (db->queued >= db->config.max_queued) {
    pthread_mutex_unlock(&db->lock);
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "STORAGE_QUEUE_FULL", "too many writes are waiting");
    job->done(job, &status);
    return;
  }
  if (db->tail) {
    db->tail->next = job;
  } else {
    db->head = job;
  }
  db->tail = job;
  db->queued++;
  if (db->queue_jobs) metrics_set(db->queue_jobs, db->queued);
  if (db->config.threaded) {
    pthread_cond_signal(&db->work);
  } else if (!db->draining) {
    db->draining = true;
    drain_queue(db);
    db->draining = false;
  }
  pthread_mutex_unlock(&db->lock);
}

/* --- readers --- */

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
  reader = connection_open(db->path, true, db->config.statements, db->config.statement_count, NULL, status);
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

rpc_status storage_read(storage *db, rpc_status (*read)(void *arg, storage_tx *tx), void *arg) {
  rpc_status status = rpc_status_ok();
  /* Without threads there is one connection, which sees the same: no job is under way. */
  storage_tx *tx = db->config.threaded ? take_reader(db, &status) : db->writer;
  if (!tx) return status;
  status = connection_run(tx, CONNECTION_BEGIN_READ);
  if (status.code == RPC_OK) status = read(arg, tx);
  if (status.code == RPC_OK) status = storage_tx_status(tx);
  connection_rollback(tx); /* ends the snapshot and any statement left open */
  if (db->config.threaded) give_reader(db, tx);
  return status;
}

/* --- opening and closing --- */

static void define_metrics(storage *db) {
  metrics_registry *metrics = db->config.metrics;
  if (!metrics) return;
  db->commit_duration =
      metrics_series_get(metrics_define(metrics, METRICS_HISTOGRAM, "storage_commit_duration_seconds",
                                        "Time of a write transaction, from its begin to its commit.", NULL),
                         NULL);
  db->batch_jobs = metrics_series_get(
      metrics_define(metrics, METRICS_COUNTER, "storage_batch_jobs_total", "Jobs taken into batches.", NULL), NULL);
  db->queue_jobs = metrics_series_get(
      metrics_define(metrics, METRICS_GAUGE, "storage_queue_jobs", "Jobs that wait for the writer.", NULL), NULL);
}

static rpc_status open_writer(storage *db) {
  rpc_status status = rpc_status_ok();
  const storage_config *config = &db->config;
  db->writer = connection_open(db->path, false, config->statements, config->statement_count, config->audit, &status);
  if (status.code == RPC_OK) status = connection_migrate(db->writer, config->migrations);
  if (status.code == RPC_OK) status = connection_prepare_all(db->writer);
  if (status.code == RPC_OK && config->threaded && pthread_create(&db->thread, NULL, writer_main, db) != 0) {
    status = rpc_status_error(RPC_UNAVAILABLE, "NO_THREAD", "cannot start the writer thread");
  }
  return status;
}

static void free_storage(storage *db) {
  for (size_t i = 0; i < db->idle_count; i++) connection_close(db->idle[i]);
  connection_close(db->writer);
  pthread_mutex_destroy(&db->lock);
  pthread_cond_destroy(&db->work);
  pthread_mutex_destroy(&db->readers_lock);
  pthread_cond_destroy(&db->reader_free);
  pthread_mutex_destroy(&db->health_lock);
  free(db->path);
  free(db);
}

storage *storage_open(const storage_config *config, rpc_status *status) {
  storage *db = calloc(1, sizeof *db);
  char *path = strdup(config->path);
  if (!db || !path) {
    free(db);
    free(path);
    *status = rpc_status_error(RPC_UNAVAILABLE, "OUT_OF_MEMORY", "no memory for the storage");
    return NULL;
  }
  db->config = *config;
  db->path = path;
  db->healthy = true;
  if (config->max_queued == 0) db->config.max_queued = MAX_QUEUED_DEFAULT;
  pthread_mutex_init(&db->lock, NULL);
  pthread_cond_init(&db->work, NULL);
  pthread_mutex_init(&db->readers_lock, NULL);
  pthread_cond_init(&db->reader_free, NULL);
  pthread_mutex_init(&db->health_lock, NULL);
  define_metrics(db);
  *status = open_writer(db);
  if (status->code == RPC_OK) return db;
  free_storage(db);
  return NULL;
}

void storage_close(storage *db) {
  if (!db) return;
  if (db->config.threaded) {
    pthread_mutex_lock(&db->lock);
    db->stopping = true;
    pthread_cond_signal(&db->work);
    pthread_mutex_unlock(&db->lock);
    pthread_join(db->thread, NULL);
  }
  connection_checkpoint(db->writer);
  free_storage(db);
}
