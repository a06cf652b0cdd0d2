/* Jobs that wait, and the threads that run them, each on a connection of its own. storage.c has one pool for writes
 * and, on PostgreSQL, one for reads. Private to this folder. */
#pragma once

#include <pthread.h>

#include "storage/connection.h"

typedef struct job_pool job_pool;

typedef struct job_pool_config {
  connection_config connection; /* read_only: of reads, which commit nothing */
  storage_tx *first;            /* a connection that is open already, for the first thread: the pool's from here on */
  size_t threads;               /* 0: jobs run on `first` inside job_pool_add, and none of them is tried again */
  uint32_t batch_max;           /* jobs that share a transaction */
  uint32_t max_queued;
  audit_log *audit;             /* NULL: none; a log takes lines from one thread at a time, */
  pthread_mutex_t *audit_lock;  /* the one that holds this */
  const char *audit_name;       /* the log's among those of the database's users, see outbox.h */
  fault_plan *faults;           /* may be NULL */
  pthread_mutex_t *gate;        /* held during each transaction; may be NULL */
  _Atomic uint64_t *generation; /* grows with each transaction, before its jobs are done; NULL: of reads */
  /* Tells whether the database takes jobs. From any thread of the pool, whenever it is known anew. */
  void (*report)(void *arg, bool is_healthy, const char *detail);
  void *report_arg;
  metrics_series *duration, *batch_jobs, *queue_jobs; /* NULL without metrics */
} job_pool_config;

/* NULL without memory or threads; first is closed then. */
job_pool *job_pool_create(const job_pool_config *config);

/* Ends the jobs that are queued, then the threads. NULL is ignored. */
void job_pool_destroy(job_pool *pool);

/* From any thread; see storage_write. */
void job_pool_add(job_pool *pool, storage_job *job);

/* The wait of a job that is added now is reckoned by what jobs have cost of late when there were many, beyond the
 * commit that is under way: a single slow one, or a database that has stopped, does not show. From any thread. */
rpc_load job_pool_load(const job_pool *pool);

/* On this thread, on a connection that nobody else uses: runs a job that reads, and leaves done to the caller. */
rpc_status job_pool_read(storage_tx *tx, storage_job *job);
