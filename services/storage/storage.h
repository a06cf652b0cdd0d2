/* A service's database behind a small interface of jobs and statements: SQLite, a file of the process's own, or
 * PostgreSQL, which replicas share.
 *
 * Writes are jobs. A writer takes all that wait, runs them in one transaction and commits once (group commit), moves
 * the audit lines that were committed with it to the audit log (outbox.h), then tells each job's owner. A job that
 * fails alone is alone rolled back: the transaction is undone and its jobs are run again one by one; so a job's run may
 * be called more than once, and must depend on the database and its argument only. SQLite has one writer thread;
 * PostgreSQL has several, each with its connection, so that jobs under way at once end in any order, and a statement
 * may meet what another replica did a moment ago: what a job read counts only as the condition of the update that uses
 * it. There a job that lost against another (a deadlock, say) is run again; while there is no connection jobs wait up
 * to STORAGE_PATIENCE_MS.
 *
 * Reads are jobs too, in a snapshot that sees what is committed and waits for no writer. On SQLite they run and end
 * inside storage_read; on PostgreSQL on threads of their own. Never from within a job's run.
 *
 * Statements are written in the dialect that SQLite and PostgreSQL share ($1 parameters, ON CONFLICT, RETURNING), named
 * by an index in the service's table, and prepared once per connection. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/fault_plan.h"
#include "rpc/load.h"
#include "rpc/status.h"
#include "telemetry/audit.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/trace.h"

typedef struct storage storage;
typedef struct storage_tx storage_tx; /* the connection, inside a job */

enum { STORAGE_PATIENCE_MS = 10000 };

typedef struct storage_config {
  const char *database; /* a file, made where missing; ":memory:" only where threaded is false; or postgres://… */
  const char *schema;   /* PostgreSQL's schema for these tables, made where missing: a name of a-z and _ */
  const char *const *migrations; /* SQL scripts, ended by NULL: number n brings version n to n+1; each runs once */
  const char *const *statements; /* by index */
  size_t statement_count;
  bool threaded; /* false: jobs run and end inside storage_write and storage_read, for simulation */
  /* Batches of all replicas run one after another, by a lock of the database: for tables where most jobs meet in the
   * same few rows, and would wait for each other one by one, or in a deadlock. Costs nothing else: SQLite is so anyway.
   */
  bool exclusive;
  uint32_t max_queued;       /* jobs waiting; 0: 65536; past it they fail with RESOURCE_EXHAUSTED */
  audit_log *audit;          /* may be NULL; outlives the storage, like the pointers below */
  metrics_registry *metrics; /* may be NULL */
  trace_recorder *traces;    /* may be NULL */
  log_sink *log;             /* may be NULL */
  fault_plan *faults;        /* may be NULL */
} storage_config;

/* Ends a CREATE TABLE in a migration: SQLite then keeps its rows in the primary key's index, which is one tree less to
 * write to, of pages less to sync, for each row. Says nothing to PostgreSQL. */
#define STORAGE_BY_KEY " WITHOUT ROWID"

/* How often this database has been written to: as long as it stays the same, so does what a read that began after it
 * was asked for has found. Grows before a write is acknowledged. False on a database that others write to as well. From
 * any thread. */
bool storage_generation(const storage *db, uint64_t *generation);

/* True: the database is one that several processes share, PostgreSQL. */
bool storage_is_shared(const char *database);

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

/* The reason of a write of which nobody knows whether it was made: the connection broke while it was committed. */
#define STORAGE_REASON_UNKNOWN "STORAGE_OUTCOME_UNKNOWN"

/* A write or a read. The job's memory is its owner's (the call's arena) until done returns or hands it on. */
typedef struct storage_job storage_job;
struct storage_job {
  /* In the transaction. Returning an error other than RPC_OK rolls back what this job did; a refusal that writes
   * nothing may as well return RPC_OK and keep its answer in the job's own state. */
  rpc_status (*run)(storage_job *job, storage_tx *tx);
  /* After the commit (status OK: durable, audit lines too) or the failure (UNAVAILABLE: storage did not take it, or
   * took it without its audit lines, reason STORAGE_REASON_AUDIT, or nobody knows, STORAGE_REASON_UNKNOWN: to be safe
   * to repeat is up to the job; else what run gave). On a thread of the storage, several of which may be at it with
   * different jobs; must not block. Inside storage_write or storage_read where that fails with RESOURCE_EXHAUSTED, is
   * not threaded, or reads SQLite. */
  void (*done)(storage_job *job, const rpc_status *status);
  /* A write that has a parent shows as a span below it, from its queueing to its commit. Both may be NULL, and live
   * until done. */
  const trace_context *parent;
  const char *correlation_id;
  bool is_single;    /* a read of one statement, which is a snapshot by itself */
  bool is_upkeep;    /* nobody waits for it: crash tests do not count its commit */
  storage_job *next; /* these are private */
  int64_t queued_us;
  storage *db;
  int64_t began_unix_ns, began_monotonic_ns; /* of its span */
  void (*owner_done)(storage_job *job, const rpc_status *status);
};

/* Queues a job. From any thread. */
void storage_write(storage *db, storage_job *job);

/* Of writes; db: a storage. For rpc_server_watch_queue. From any thread. */
rpc_load storage_load(void *db);

/* Runs a job that only reads, in one snapshot. From any thread, but a job's run. */
void storage_read(storage *db, storage_job *job);

/* --- inside a job or a read: statements --- */

/* Starts statement `index`: binds come next (parameters from 1), then storage_step until false. Statements of different
 * indexes may be open at the same time; starting one again ends what it was doing. Texts and bytes that are bound are
 * the caller's, and stay as they are until the statement has ended or, after storage_send, that has returned. */
void storage_begin(storage_tx *tx, size_t index);
void storage_bind_text(storage_tx *tx, size_t index, int parameter, const char *text); /* NULL: SQL NULL */
void storage_bind_integer(storage_tx *tx, size_t index, int parameter, int64_t value);
void storage_bind_bytes(storage_tx *tx, size_t index, int parameter, const void *bytes, size_t size);

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

/* How many rows a statement must write for its transaction to go on; else it fails (UNAVAILABLE, with this reason and
 * message): what was read before has changed meanwhile. */
typedef struct storage_condition {
  int64_t rows;
  const char *reason, *message;
} storage_condition;

/* begin + binds + finish where nobody looks at the rows: what comes next need not wait for it, and its error, or that
 * of its condition, shows at the next statement that is waited for, or at the commit. condition may be NULL; lives as
 * long as the tx. */
void storage_send(storage_tx *tx, size_t index, const storage_condition *condition, const char *format, ...);

/* The same for a statement that was begun, and had its parameters bound, one by one. */
void storage_send_begun(storage_tx *tx, size_t index, const storage_condition *condition);

/* begin + binds, then the first step: true with a row ready. Format as storage_run. */
bool storage_find(storage_tx *tx, size_t index, const char *format, ...);

/* RPC_OK, or the first error any statement of this job or read met. A run or read function ends with it. */
rpc_status storage_tx_status(const storage_tx *tx);

/* Makes the transaction fail with this error, as a failed statement does; an earlier error stays. */
void storage_tx_fail(storage_tx *tx, const rpc_status *status);

/* A line of the audit log (see audit_append) about a change that this transaction makes: committed with it, and in the
 * file before the change is acknowledged. Nothing happens where there is no log. */
void storage_audit(storage_tx *tx, int64_t unix_ms, const char *entity, const char *id, const char *from,
                   const char *to, const char *correlation_id, const char *detail);
