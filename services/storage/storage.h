/* A service's database: SQLite behind a small interface of jobs and statements.
 *
 * Writes are jobs. One writer thread takes all that wait, runs them in one transaction and commits once (group
 * commit), then flushes the audit log, then tells each job's owner. A job that fails alone is alone rolled back: the
 * transaction is undone and its jobs are run again one by one; so a job's run may be called more than once, and must
 * depend on the database and its argument only. Reads run at once on the caller's thread, never from within a job, on a
 * connection of their own that sees what is committed and does not wait for the writer.
 *
 * Statements are written in the dialect that SQLite and PostgreSQL share ($1 parameters, ON CONFLICT, RETURNING), named
 * by an index in the service's table, and prepared once per connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/status.h"
#include "telemetry/audit.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"

typedef struct storage storage;
typedef struct storage_tx storage_tx; /* the connection, inside a job */

typedef struct storage_config {
  const char *path;              /* the database file, made where missing; ":memory:" only where threaded is false */
  const char *const *migrations; /* SQL scripts, ended by NULL: number n brings version n to n+1; each runs once */
  const char *const *statements; /* by index */
  size_t statement_count;
  bool threaded;             /* false: jobs run and end inside storage_write, for simulation */
  uint32_t max_queued;       /* jobs waiting; 0: 65536; past it storage_write fails with RESOURCE_EXHAUSTED */
  audit_log *audit;          /* may be NULL; outlives the storage, like the pointers below */
  metrics_registry *metrics; /* may be NULL */
  log_sink *log;             /* may be NULL */
} storage_config;

/* Opens and migrates. NULL on failure, with the reason in *status. */
storage *storage_open(const storage_config *config, rpc_status *status);

/* Ends the jobs that are queued, checkpoints, closes. NULL is ignored. */
void storage_close(storage *db);

/* For health: false, with a detail, once the database no longer takes writes (disk full, I/O error): until a write
 * succeeds again. */
bool storage_healthy(void *db, char *detail, size_t size);

/* The reason of a write that was made, but whose audit lines wait for the log to take them: not to be acknowledged as
 * done, and to be found there by whoever tries again. */
#define STORAGE_REASON_AUDIT "AUDIT_UNAVAILABLE"

/* A write. The job's memory is its owner's (the call's arena) until done returns or hands it on. */
typedef struct storage_job storage_job;
struct storage_job {
  /* In the transaction, on the writer thread. Returning an error other than RPC_OK rolls back what this job did; a
   * refusal that writes nothing may as well return RPC_OK and keep its answer in the job's own state. */
  rpc_status (*run)(storage_job *job, storage_tx *tx);
  /* After the commit (status OK: durable, audit lines too) or the failure (UNAVAILABLE: storage did not take it, or
   * took it without its audit lines, reason STORAGE_REASON_AUDIT; else what run gave). On the writer thread; must not
   * block. Inside storage_write where that fails with RESOURCE_EXHAUSTED or is not threaded. */
  void (*done)(storage_job *job, const rpc_status *status);
  storage_job *next; /* private */
};

/* Queues a job, in order. From any thread. */
void storage_write(storage *db, storage_job *job);

/* Runs read on this thread, on a reader connection, in one snapshot. Returns what read returned, or UNAVAILABLE. */
rpc_status storage_read(storage *db, rpc_status (*read)(void *arg, storage_tx *tx), void *arg);

/* --- inside a job or a read: statements --- */

/* Starts statement `index`: binds come next (parameters from 1), then storage_step until false. Statements of different
 * indexes may be open at the same time; starting one again ends what it was doing. */
void storage_begin(storage_tx *tx, size_t index);
void storage_bind_text(storage_tx *tx, size_t index, int parameter, const char *text); /* NULL: SQL NULL; copied */
void storage_bind_integer(storage_tx *tx, size_t index, int parameter, int64_t value);
void storage_bind_bytes(storage_tx *tx, size_t index, int parameter, const void *bytes, size_t size); /* copied */

/* True: a row is ready. False: the statement is done, or failed; errors stick to the tx (storage_tx_status). */
bool storage_step(storage_tx *tx, size_t index);

/* Columns of the ready row, from 0. Text is "" for NULL and lives until the next step or begin of that statement. */
const char *storage_column_text(storage_tx *tx, size_t index, int column);
/* The same, into a buffer of size bytes; cut where it is too long. */
void storage_copy_text(storage_tx *tx, size_t index, int column, char *text, size_t size);

int64_t storage_column_integer(storage_tx *tx, size_t index, int column);
const void *storage_column_bytes(storage_tx *tx, size_t index, int column, size_t *size);

/* Ends a statement before its last row; begin does so too. */
void storage_end(storage_tx *tx, size_t index);

/* All steps, for statements whose rows are not wanted: returns the number of rows stepped or changed. */
int64_t storage_finish(storage_tx *tx, size_t index);

/* begin + binds + finish. Format letters, one per parameter: t text (const char *), i integer (int64_t: cast what is
 * not). */
int64_t storage_run(storage_tx *tx, size_t index, const char *format, ...);

/* begin + binds, then the first step: true with a row ready. Format as storage_run. */
bool storage_find(storage_tx *tx, size_t index, const char *format, ...);

/* RPC_OK, or the first error any statement of this job or read met. A run or read function ends with it. */
rpc_status storage_tx_status(const storage_tx *tx);

/* Makes the transaction fail with this error, as a failed statement does; an earlier error stays. */
void storage_tx_fail(storage_tx *tx, const rpc_status *status);

/* The audit log, for lines that belong to this transaction; NULL in reads and where there is none. */
audit_log *storage_tx_audit(storage_tx *tx);
