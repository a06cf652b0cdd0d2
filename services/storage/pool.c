/* The queue, group commit, what is tried again, and what becomes of jobs while there is no connection. Called by
 * storage.c. */
#include "storage/pool.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "storage/outbox.h"
#include "telemetry/monotonic.h"

/* What a batch costs is a part that is the same however many share it, commit and audit log, and a part for each job.
 * Both are the lesser of the last two batches, since one that met a slow disk says nothing about the next; a batch of a
 * few jobs can only lower the latter. So few as QUEUE_BEGINS are no queue. */
enum { COSTS_KEPT = 2, TELLING_BATCH = 16, QUEUE_BEGINS = 64 };
enum { RECONNECT_FIRST_MS = 50, RECONNECT_MAX_MS = 1000, CONFLICT_WAIT_MAX_MS = 64 };

typedef struct pool_thread {
  job_pool *pool;
  storage_tx *tx; /* NULL: not connected */
  outbox outbox;
  uint32_t reconnects; /* failed ones in a row */
  int64_t ended_us;    /* its last batch; under the lock */
  int64_t shared_us;   /* of the batch at hand: what it took that is the same for one job */
  pthread_t thread;
} pool_thread;

struct job_pool {
  job_pool_config config;
  pthread_mutex_t lock; /* of the queue */
  pthread_cond_t work;  /* the queue has jobs, or stopping is set */
  storage_job *head, *tail;
  uint32_t queued;
  bool stopping;
  bool draining; /* no threads: a job_pool_add further up runs the queue */
  int64_t job_costs_ns[COSTS_KEPT], batch_costs_us[COSTS_KEPT];
  size_t costs_seen;
  /* For job_pool_load, from any thread: queued, the least of the costs, and how long all batches took. */
  _Atomic int64_t waiting, job_ns, batch_us, busy_us;
  size_t started;
  pool_thread threads[];
};

/* Half of that to all of it, so that those who met once do not meet again. */
static void sleep_ms(int64_t milliseconds) {
  int64_t half_us = milliseconds * 500;
  int64_t us = half_us + monotonic_us() % (half_us + 1);
  nanosleep(&(struct timespec){.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000}, NULL);
}

static bool is_old(const storage_job *job) {
  return monotonic_us() - job->queued_us >= (int64_t)STORAGE_PATIENCE_MS * 1000;
}

/* --- the queue; under the lock --- */

static void count_queued(job_pool *pool, int64_t change) {
  pool->queued = (uint32_t)((int64_t)pool->queued + change);
  metrics_set(pool->config.queue_jobs, pool->queued);
  atomic_store_explicit(&pool->waiting, pool->queued, memory_order_relaxed);
}

/* The first job and up to max - 1 that follow. */
static storage_job *take_jobs(job_pool *pool, uint32_t max) {
  storage_job *batch = pool->head;
  storage_job *last = batch;
  uint32_t count = 1;
  while (last->next && count < max) {
    last = last->next;
    count++;
  }
  pool->head = last->next;
  if (!pool->head) pool->tail = NULL;
  last->next = NULL;
  count_queued(pool, -(int64_t)count);
  metrics_add(pool->config.batch_jobs, count);
  return batch;
}

/* Puts jobs back to where they were taken from. */
static void give_back(job_pool *pool, storage_job *batch) {
  storage_job *last = batch;
  int64_t count = 1;
  for (; last->next; last = last->next) count++;
  pthread_mutex_lock(&pool->lock);
  last->next = pool->head;
  pool->head = batch;
  if (!pool->tail) pool->tail = last;
  count_queued(pool, count);
  pthread_mutex_unlock(&pool->lock);
}

/* Tells the owners of the jobs from first to the one before end; a job's memory may be gone then. */
static void finish_jobs(storage_job *first, const storage_job *end, const rpc_status *status) {
  for (storage_job *job = first; job != end;) {
    storage_job *next = job->next;
    job->done(job, status);
    job = next;
  }
}

/* --- transactions --- */

static void report(const job_pool *pool, bool is_healthy, const char *detail) {
  pool->config.report(pool->config.report_arg, is_healthy, detail);
}

/* Runs the jobs from first to the one before end in one transaction; on an error nothing of them is left. */
static rpc_status run_transaction(pool_thread *self, storage_job *first, const storage_job *end) {
  const job_pool_config *config = &self->pool->config;
  storage_tx *tx = self->tx;
  fault_plan *faults = NULL;
  for (const storage_job *job = first; job != end && !faults; job = job->next) {
    if (!job->is_upkeep) faults = config->faults;
  }
  int64_t start_us = monotonic_us();
  if (config->gate) pthread_mutex_lock(config->gate);
  rpc_status status = connection_run(tx, CONNECTION_BEGIN_WRITE);
  self->shared_us += monotonic_us() - start_us;
  for (storage_job *job = first; status.code == RPC_OK && job != end; job = job->next) {
    status = job->run(job, tx);
    if (status.code == RPC_OK) status = tx->status;
  }
  if (status.code == RPC_OK) {
    outbox_put(&self->outbox, tx);
    status = tx->status;
  }
  fault_plan_reach(faults, FAULT_BEFORE_COMMIT);
  int64_t commit_us = monotonic_us();
  if (status.code == RPC_OK) status = connection_run(tx, CONNECTION_COMMIT);
  if (config->generation) atomic_fetch_add(config->generation, 1); /* a commit that failed may have been one */
  fault_plan_reach(faults, FAULT_AFTER_COMMIT);
  if (status.code != RPC_OK) connection_rollback(tx);
  if (config->gate) pthread_mutex_unlock(config->gate);
  int64_t end_us = monotonic_us();
  self->shared_us += end_us - commit_us;
  if (status.code == RPC_OK) {
    metrics_observe_us(config->duration, end_us - start_us);
    return status;
  }
  if (tx->trouble >= TROUBLE_BROKEN) report(self->pool, false, status.message);
  outbox_drop(&self->outbox);
  return status;
}

/* What is committed is acknowledged only once its audit lines are written. */
static rpc_status flush_audit(pool_thread *self) {
  int64_t start_us = monotonic_us();
  bool is_moved = outbox_move(&self->outbox);
  self->shared_us += monotonic_us() - start_us;
  if (!is_moved) {
    report(self->pool, false, "the audit log cannot be written");
    return rpc_status_error(RPC_UNAVAILABLE, STORAGE_REASON_AUDIT, "the audit log cannot be written");
  }
  report(self->pool, true, "");
  return rpc_status_ok();
}

static void disconnect(pool_thread *self) {
  connection_close(self->tx);
  self->tx = NULL;
}

/* True: the connection was lost and the jobs wait in the queue for the next. */
static bool give_back_lost(pool_thread *self, storage_job *first) {
  if (self->pool->config.threads == 0 || self->tx->trouble < TROUBLE_LOST) return false;
  bool is_unknown = self->tx->trouble == TROUBLE_UNKNOWN;
  disconnect(self);
  if (is_unknown || !first) return false;
  give_back(self->pool, first);
  return true;
}

/* Runs one job, again while others are in its way. */
static rpc_status run_alone(pool_thread *self, storage_job *job) {
  int64_t wait_ms = 1;
  for (;;) {
    rpc_status status = run_transaction(self, job, job->next);
    if (status.code == RPC_OK) return flush_audit(self);
    if (self->tx->trouble != TROUBLE_CONFLICT || is_old(job)) return status;
    sleep_ms(wait_ms);
    if (wait_ms < CONFLICT_WAIT_MAX_MS) wait_ms *= 2;
  }
}

/* All in one transaction or, where one of them fails, each in its own. */
static void run_writes(pool_thread *self, storage_job *batch) {
  rpc_status status;
  if (batch->next) {
    status = run_transaction(self, batch, NULL);
    if (status.code == RPC_OK) status = flush_audit(self);
    bool is_unknown = self->tx->trouble == TROUBLE_UNKNOWN;
    if (give_back_lost(self, batch)) return;
    if (is_unknown || status.code == RPC_OK || strcmp(status.reason, STORAGE_REASON_AUDIT) == 0) {
      finish_jobs(batch, NULL, &status);
      return;
    }
  }
  for (storage_job *job = batch; job;) {
    storage_job *next = job->next;
    status = run_alone(self, job);
    if (give_back_lost(self, job)) return;
    finish_jobs(job, next, &status);
    job = next;
    if (!self->tx && job) { /* it is not known what became of the last one; these have not been begun */
      give_back(self->pool, job);
      return;
    }
  }
}

static rpc_status run_read(storage_tx *tx, storage_job *job) {
  rpc_status status = tx->status;
  if (status.code == RPC_OK) status = job->run(job, tx);
  return tx->status.code != RPC_OK ? tx->status : status;
}

rpc_status job_pool_read(storage_tx *tx, storage_job *job) {
  if (job->is_single) {
    connection_forget_trouble(tx);
  } else {
    connection_run(tx, CONNECTION_BEGIN_READ);
  }
  rpc_status status = run_read(tx, job);
  connection_rollback(tx); /* ends the snapshot and any statement left open */
  return status;
}

/* All in one snapshot, unless the transaction fails on the way. */
static void run_reads(pool_thread *self, storage_job *batch) {
  for (storage_job *job = batch; job;) {
    storage_job *next = job->next;
    if (job == batch || self->tx->status.code != RPC_OK) {
      if (job != batch) connection_rollback(self->tx);
      connection_run(self->tx, CONNECTION_BEGIN_READ);
    }
    rpc_status status = run_read(self->tx, job);
    if (self->tx->trouble >= TROUBLE_LOST) {
      report(self->pool, false, status.message);
      give_back_lost(self, job);
      return;
    }
    job->done(job, &status);
    job = next;
  }
  connection_rollback(self->tx);
}

static void run_batch(pool_thread *self, storage_job *batch) {
  if (self->pool->config.connection.read_only) {
    run_reads(self, batch);
  } else {
    run_writes(self, batch);
  }
}

/* --- threads --- */

/* Without a connection: those who have waited long enough are told, and when the pool stops all are. */
static void fail_waiting(job_pool *pool, const rpc_status *status) {
  storage_job *batch = NULL;
  pthread_mutex_lock(&pool->lock);
  uint32_t count = 0;
  for (storage_job *job = pool->head; job && (pool->stopping || is_old(job)); job = job->next) count++;
  if (count > 0) batch = take_jobs(pool, count);
  pthread_mutex_unlock(&pool->lock);
  finish_jobs(batch, NULL, status);
}

/* Of a new connection: what an earlier one has left is done before anything else. */
static rpc_status use_audit(pool_thread *self) {
  rpc_status status;
  if (!outbox_recover(&self->outbox, self->tx, &status)) return status;
  if (self->outbox.audit) self->tx->audit = &self->outbox.changes;
  return status;
}

/* One attempt, and a wait after one that failed. */
static void try_to_connect(pool_thread *self) {
  rpc_status status;
  self->tx = connection_open(&self->pool->config.connection, &status);
  if (self->tx) status = connection_prepare_all(self->tx);
  if (self->tx && status.code == RPC_OK) status = use_audit(self);
  if (status.code == RPC_OK) {
    self->reconnects = 0;
    report(self->pool, true, "");
    return;
  }
  if (self->tx) disconnect(self);
  report(self->pool, false, status.message);
  rpc_status failure = rpc_status_error(RPC_UNAVAILABLE, "STORAGE_ERROR", "%s", status.message);
  fail_waiting(self->pool, &failure);
  int64_t wait_ms = (int64_t)RECONNECT_FIRST_MS << (self->reconnects < 10 ? self->reconnects : 10);
  self->reconnects++;
  sleep_ms(wait_ms < RECONNECT_MAX_MS ? wait_ms : RECONNECT_MAX_MS);
}

static int64_t least(const int64_t costs[COSTS_KEPT]) {
  return costs[0] < costs[1] ? costs[0] : costs[1];
}

/* Takes from a batch what it cost, waits for the processor included. Under the lock. */
static void learn_cost(pool_thread *self, int64_t begun_us, int64_t jobs) {
  job_pool *pool = self->pool;
  if (self->ended_us > begun_us) begun_us = self->ended_us;
  self->ended_us = monotonic_us();
  atomic_fetch_add_explicit(&pool->busy_us, self->ended_us - begun_us, memory_order_relaxed);
  int64_t job_ns = (self->ended_us - begun_us - self->shared_us) * 1000 / jobs;
  if (jobs < TELLING_BATCH && job_ns >= atomic_load(&pool->job_ns)) return;
  size_t slot = pool->costs_seen++ % COSTS_KEPT;
  pool->job_costs_ns[slot] = job_ns;
  pool->batch_costs_us[slot] = self->shared_us;
  if (pool->costs_seen < COSTS_KEPT) return;
  atomic_store_explicit(&pool->job_ns, least(pool->job_costs_ns), memory_order_relaxed);
  atomic_store_explicit(&pool->batch_us, least(pool->batch_costs_us), memory_order_relaxed);
}

/* While a commit is under way a queue forms in any case: of what the jobs cost, what hides behind one is no wait. */
static int64_t wait_us(const job_pool *pool) {
  int64_t jobs = atomic_load_explicit(&pool->waiting, memory_order_relaxed);
  if (jobs < QUEUE_BEGINS) return 0;
  int64_t job_ns = atomic_load_explicit(&pool->job_ns, memory_order_relaxed);
  int64_t batch_us = atomic_load_explicit(&pool->batch_us, memory_order_relaxed);
  int64_t all_us = jobs * job_ns / 1000 - batch_us;
  if (all_us < 0) all_us = 0;
  all_us += jobs / pool->config.batch_max * batch_us;
  return all_us / (int64_t)pool->config.threads; /* there are threads where jobs wait */
}

rpc_load job_pool_load(const job_pool *pool) {
  int64_t busy_us = atomic_load_explicit(&pool->busy_us, memory_order_relaxed);
  size_t threads = pool->config.threads;
  return (rpc_load){.wait_us = wait_us(pool), .busy_us = threads > 1 ? busy_us / (int64_t)threads : busy_us};
}

/* Under the lock, which it lets go meanwhile. */
static void run_next(pool_thread *self) {
  job_pool *pool = self->pool;
  int64_t oldest_us = pool->head->queued_us, queued = pool->queued;
  storage_job *batch = self->tx ? take_jobs(pool, pool->config.batch_max) : NULL;
  int64_t taken = queued - (int64_t)pool->queued;
  pthread_mutex_unlock(&pool->lock);
  self->shared_us = 0;
  if (batch) {
    run_batch(self, batch);
  } else {
    try_to_connect(self);
  }
  pthread_mutex_lock(&pool->lock);
  if (batch) learn_cost(self, oldest_us, taken);
}

static void *thread_main(void *arg) {
  pool_thread *self = arg;
  job_pool *pool = self->pool;
  if (!self->tx) try_to_connect(self); /* a job may be long in coming, and audit lines wait */
  pthread_mutex_lock(&pool->lock);
  while (pool->head || !pool->stopping) {
    if (pool->head) {
      run_next(self);
    } else {
      pthread_cond_wait(&pool->work, &pool->lock);
    }
  }
  pthread_mutex_unlock(&pool->lock);
  return NULL;
}

void job_pool_add(job_pool *pool, storage_job *job) {
  job->next = NULL;
  job->queued_us = monotonic_us();
  pthread_mutex_lock(&pool->lock);
  if (pool->queued >= pool->config.max_queued) {
    pthread_mutex_unlock(&pool->lock);
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "STORAGE_QUEUE_FULL", "too many jobs are waiting");
    job->done(job, &status);
    return;
  }
  if (pool->tail) {
    pool->tail->next = job;
  } else {
    pool->head = job;
  }
  pool->tail = job;
  count_queued(pool, 1);
  if (pool->config.threads > 0) {
    pthread_cond_signal(&pool->work);
  } else if (!pool->draining) {
    pool->draining = true;
    while (pool->head) run_next(&pool->threads[0]);
    pool->draining = false;
  }
  pthread_mutex_unlock(&pool->lock);
}

/* --- the pool --- */

static bool start_thread(job_pool *pool, size_t index) {
  const job_pool_config *config = &pool->config;
  pool_thread *self = &pool->threads[index];
  self->pool = pool;
  self->outbox =
      (outbox){.audit = config->audit, .lock = config->audit_lock, .log = config->audit_name, .slot = (int64_t)index};
  if (index == 0 && config->first) {
    self->tx = config->first;
    rpc_status status = use_audit(self);
    if (status.code != RPC_OK) report(pool, false, status.message);
    if (status.code != RPC_OK && config->threads > 0) disconnect(self); /* and tries again */
  }
  if (config->threads == 0) return true;
  if (pthread_create(&self->thread, NULL, thread_main, self) != 0) return false;
  pool->started++;
  return true;
}

job_pool *job_pool_create(const job_pool_config *config) {
  size_t places = config->threads > 0 ? config->threads : 1;
  job_pool *pool = calloc(1, sizeof *pool + places * sizeof pool->threads[0]);
  if (!pool) {
    connection_close(config->first);
    return NULL;
  }
  pool->config = *config;
  pthread_mutex_init(&pool->lock, NULL);
  pthread_cond_init(&pool->work, NULL);
  for (size_t i = 0; i < places; i++) {
    if (start_thread(pool, i)) continue;
    job_pool_destroy(pool);
    return NULL;
  }
  return pool;
}

void job_pool_destroy(job_pool *pool) {
  if (!pool) return;
  pthread_mutex_lock(&pool->lock);
  pool->stopping = true;
  pthread_cond_broadcast(&pool->work);
  pthread_mutex_unlock(&pool->lock);
  for (size_t i = 0; i < pool->started; i++) pthread_join(pool->threads[i].thread, NULL);
  size_t places = pool->config.threads > 0 ? pool->config.threads : 1;
  for (size_t i = 0; i < places; i++) {
    connection_close(pool->threads[i].tx);
    outbox_free(&pool->threads[i].outbox);
  }
  pthread_mutex_destroy(&pool->lock);
  pthread_cond_destroy(&pool->work);
  free(pool);
}
