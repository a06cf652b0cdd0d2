/* One connection to a database, which is also the storage_tx that jobs and reads see: the statements of storage.h act
 * on it. What is the same for every database is connection.c; what is not is a table of functions, the engine:
 * connection_sqlite.c and connection_postgres.c. Private to this folder. One thread at a time. */
#pragma once

#include "storage/audit_buffer.h"
#include "storage/storage.h"

typedef struct connection_config {
  const char *database, *schema; /* as in storage_config, like exclusive */
  const char *const *statements; /* their texts outlive the connection, like all pointers here */
  size_t statement_count;
  bool read_only; /* for reads */
  bool exclusive;
} connection_config;

typedef enum connection_command { CONNECTION_BEGIN_READ, CONNECTION_BEGIN_WRITE, CONNECTION_COMMIT } connection_command;

/* Where the first error since begin came from, and so what may be done about it. */
typedef enum connection_trouble {
  TROUBLE_NONE,      /* no error, or the job's own */
  TROUBLE_STATEMENT, /* the statement is wrong, or a constraint of the tables does not hold */
  TROUBLE_CONFLICT,  /* another transaction was in the way: run again, it may go well */
  TROUBLE_BROKEN,    /* the database cannot write: disk full, I/O error */
  TROUBLE_LOST,      /* the connection is gone, and the transaction with it: to be run again on a new one */
  TROUBLE_UNKNOWN,   /* the connection went while it committed */
} connection_trouble;

typedef struct connection_engine connection_engine;

/* Engines have a struct of their own that begins with this one. */
struct storage_tx {
  const connection_engine *engine;
  connection_config config;
  audit_buffer *audit; /* of storage_audit; NULL: nobody wants to know */
  rpc_status status;   /* the first error since begin */
  connection_trouble trouble;
};

/* Statements are named by index, and wait in these functions only where they say so; errors go through
 * connection_fail. After an error connection.c calls none of them but rollback, end and close. */
struct connection_engine {
  /* A connection whose status says whether it can be used; NULL without memory. */
  storage_tx *(*open)(const connection_config *config);
  void (*close)(storage_tx *tx);
  void (*prepare_all)(storage_tx *tx); /* so that a statement that is wrong shows at start-up */

  /* Runs a script; *value, where not NULL: the number in its last statement's first row. */
  void (*execute)(storage_tx *tx, const char *script, int64_t *value);
  void (*begin_migration)(storage_tx *tx); /* a transaction that waits for others of its kind, in the schema */
  void (*migrate)(storage_tx *tx, const char *script); /* execute, in the database's dialect */

  void (*command)(storage_tx *tx, connection_command command); /* commit waits */
  void (*rollback)(storage_tx *tx); /* ends all statements and the transaction, where there is one */

  void (*begin)(storage_tx *tx, size_t index);
  void (*bind_text)(storage_tx *tx, size_t index, int parameter, const char *text);
  void (*bind_integer)(storage_tx *tx, size_t index, int parameter, int64_t value);
  void (*bind_bytes)(storage_tx *tx, size_t index, int parameter, const void *bytes, size_t size);
  bool (*step)(storage_tx *tx, size_t index); /* waits */
  /* Runs it without waiting, where the engine can; connection_check_rows when it has run. */
  void (*send)(storage_tx *tx, size_t index, const storage_condition *condition);
  int64_t (*changes)(storage_tx *tx, size_t index); /* after the last step: rows that it wrote */
  void (*end)(storage_tx *tx, size_t index);
  const char *(*column_text)(storage_tx *tx, size_t index, int column);
  int64_t (*column_integer)(storage_tx *tx, size_t index, int column);
  const void *(*column_bytes)(storage_tx *tx, size_t index, int column, size_t *size);
};

extern const connection_engine connection_sqlite, connection_postgres;

/* Keeps the first error. TROUBLE_STATEMENT is INTERNAL, the others are UNAVAILABLE; what becomes part of the message.
 */
void connection_fail(storage_tx *tx, connection_trouble trouble, const char *what, const char *message);

/* Fails where that is not the number of rows that the condition, which may be NULL, wants. */
void connection_check_rows(storage_tx *tx, const storage_condition *condition, int64_t rows);

/* NULL on failure, with the reason in *status. */
storage_tx *connection_open(const connection_config *config, rpc_status *status);
void connection_close(storage_tx *tx); /* NULL is ignored */

/* Brings the database to the version that the scripts (ended by NULL) make of it; of several processes that try at
 * once one does it and the others wait for it. */
rpc_status connection_migrate(storage_tx *tx, const char *const *migrations);
rpc_status connection_prepare_all(storage_tx *tx);

/* As at a begin: earlier errors are over. */
void connection_forget_trouble(storage_tx *tx);

/* Begins or commits; begin forgets earlier errors. */
rpc_status connection_run(storage_tx *tx, connection_command command);
void connection_rollback(storage_tx *tx);

/* --- SQLite's write-ahead log, connection_sqlite.c --- */

/* Calls hook after each commit with the pages that the log holds, in place of SQLite's own checkpoints. */
void connection_watch_log(storage_tx *tx, void (*hook)(void *arg, int pages), void *arg);

/* Moves into the database file what can be moved without waiting for anybody; the pages that are left. */
int connection_checkpoint(storage_tx *tx);
