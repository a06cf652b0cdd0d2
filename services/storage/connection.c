/* SQLite behind storage's statements: opening, migrating, preparing once, binding, stepping, and what its errors mean.
 * storage.c runs jobs and reads on it; services reach it through the functions of storage.h. */
#include "storage/connection.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BUSY_TIMEOUT_MS = 5000 };

static const char *const commands[] = {
    [CONNECTION_BEGIN_READ] = "BEGIN", [CONNECTION_BEGIN_WRITE] = "BEGIN IMMEDIATE", [CONNECTION_COMMIT] = "COMMIT"};
enum { COMMAND_COUNT = sizeof commands / sizeof commands[0] };

struct storage_tx {
  sqlite3 *db;
  const char *const *texts; /* of the service's statements */
  size_t count;
  sqlite3_stmt **statements; /* the service's, then one for each command; NULL: not prepared yet */
  audit_log *audit;          /* NULL in readers */
  rpc_status status;         /* the first error since begin */
  int error;                 /* SQLite's primary code of that error; SQLITE_OK: not SQLite's */
};

static bool is_broken(int error) {
  static const int errors[] = {SQLITE_FULL,    SQLITE_IOERR,  SQLITE_READONLY, SQLITE_CANTOPEN,
                               SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_NOMEM};
  for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
    if (errors[i] == error) return true;
  }
  return false;
}

/* Keeps the first error; the caller may try again where the database was at fault, not the statement. */
static void set_error(storage_tx *tx, int result, const char *doing) {
  if (tx->status.code != RPC_OK) return;
  tx->error = result & 0xff; /* without the extended part */
  bool passing = is_broken(tx->error) || tx->error == SQLITE_BUSY || tx->error == SQLITE_LOCKED;
  tx->status = rpc_status_error(passing ? RPC_UNAVAILABLE : RPC_INTERNAL, "STORAGE_ERROR", "%s: %s", doing,
                                tx->db ? sqlite3_errmsg(tx->db) : sqlite3_errstr(result));
}

static rpc_status execute(storage_tx *tx, const char *sql) {
  int result = sqlite3_exec(tx->db, sql, NULL, NULL, NULL);
  if (result != SQLITE_OK) set_error(tx, result, "storage");
  return tx->status;
}

storage_tx *connection_open(const char *path, bool read_only, const char *const *statements, size_t count,
                            audit_log *audit, rpc_status *status) {
  storage_tx *tx = calloc(1, sizeof *tx);
  sqlite3_stmt **prepared = calloc(count + COMMAND_COUNT, sizeof *prepared);
  if (!tx || !prepared) {
    free(tx);
    free(prepared);
    *status = rpc_status_error(RPC_UNAVAILABLE, "OUT_OF_MEMORY", "no memory for a database connection");
    return NULL;
  }
  *tx = (storage_tx){.texts = statements, .count = count, .statements = prepared, .audit = audit};
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (read_only ? 0 : SQLITE_OPEN_CREATE);
  int result = sqlite3_open_v2(path, &tx->db, flags, NULL);
  if (result != SQLITE_OK) {
    set_error(tx, result, path);
  } else {
    sqlite3_busy_timeout(tx->db, BUSY_TIMEOUT_MS);
    execute(tx, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;");
    if (read_only) execute(tx, "PRAGMA query_only = 1;");
  }
  *status = tx->status;
  if (status->code == RPC_OK) return tx;
  connection_close(tx);
  return NULL;
}

void connection_close(storage_tx *tx) {
  if (!tx) return;
  for (size_t i = 0; i < tx->count + COMMAND_COUNT; i++) sqlite3_finalize(tx->statements[i]);
  sqlite3_close(tx->db);
  free(tx->statements);
  free(tx);
}

/* Prepares the statement where this connection has not yet; NULL after an error. */
static sqlite3_stmt *statement_at(storage_tx *tx, size_t index) {
  if (tx->statements[index]) return tx->statements[index];
  char *text = strdup(index < tx->count ? tx->texts[index] : commands[index - tx->count]);
  if (!text) {
    set_error(tx, SQLITE_NOMEM, "storage");
    return NULL;
  }
  /* To SQLite $1 is a name, numbered as it appears; ?1 is what PostgreSQL means by $1. */
  for (char *at = strchr(text, '$'); at; at = strchr(at, '$')) *at = '?';
  int result = sqlite3_prepare_v3(tx->db, text, -1, SQLITE_PREPARE_PERSISTENT, &tx->statements[index], NULL);
  if (result != SQLITE_OK) set_error(tx, result, text);
  free(text);
  return tx->statements[index];
}

rpc_status connection_prepare_all(storage_tx *tx) {
  for (size_t i = 0; i < tx->count; i++) statement_at(tx, i);
  return tx->status;
}

/* The schema's version is kept by SQLite's own pragma-free means, a table, as it would be in PostgreSQL. */
static rpc_status read_version(storage_tx *tx, size_t *version) {
  execute(tx,
          "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL);"
          "INSERT INTO schema_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM schema_version);");
  sqlite3_stmt *statement = NULL;
  int result = sqlite3_prepare_v2(tx->db, "SELECT version FROM schema_version", -1, &statement, NULL);
  if (result == SQLITE_OK) result = sqlite3_step(statement);
  if (result == SQLITE_ROW) {
    *version = (size_t)sqlite3_column_int64(statement, 0);
  } else {
    set_error(tx, result, "schema_version");
  }
  sqlite3_finalize(statement);
  return tx->status;
}

rpc_status connection_migrate(storage_tx *tx, const char *const *migrations) {
  size_t known = 0, version = 0;
  while (migrations[known]) known++;
  rpc_status status = execute(tx, "BEGIN IMMEDIATE"); /* of several processes that open at once, one migrates */
  if (status.code == RPC_OK) status = read_version(tx, &version);
  if (status.code == RPC_OK && version > known) {
    status = rpc_status_error(RPC_FAILED_PRECONDITION, "SCHEMA_TOO_NEW",
                              "the database has schema version %zu, this program knows %zu", version, known);
  }
  for (; status.code == RPC_OK && version < known; version++) {
    status = execute(tx, migrations[version]);
    if (status.code == RPC_OK) status = execute(tx, "UPDATE schema_version SET version = version + 1");
  }
  if (status.code == RPC_OK) status = execute(tx, "COMMIT");
  if (status.code != RPC_OK) connection_rollback(tx);
  return status;
}

rpc_status connection_run(storage_tx *tx, connection_command command) {
  if (command != CONNECTION_COMMIT) {
    tx->status = rpc_status_ok();
    tx->error = SQLITE_OK;
  }
  sqlite3_stmt *statement = statement_at(tx, tx->count + command);
  if (!statement) return tx->status;
  sqlite3_step(statement);
  int result = sqlite3_reset(statement);
  if (result != SQLITE_OK) set_error(tx, result, commands[command]);
  return tx->status;
}

void connection_rollback(storage_tx *tx) {
  for (size_t i = 0; i < tx->count; i++) storage_end(tx, i);
  /* Some errors, a full disk among them, have undone the transaction already. */
  if (!sqlite3_get_autocommit(tx->db)) sqlite3_exec(tx->db, "ROLLBACK", NULL, NULL, NULL);
}

bool connection_is_broken(const storage_tx *tx) {
  return is_broken(tx->error);
}

void connection_checkpoint(storage_tx *tx) {
  sqlite3_wal_checkpoint_v2(tx->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
}

/* --- storage.h: statements --- */

void storage_begin(storage_tx *tx, size_t index) {
  assert(index < tx->count);
  if (tx->status.code != RPC_OK || !statement_at(tx, index)) return;
  sqlite3_reset(tx->statements[index]);
}

/* After an error all that follows does nothing: the transaction will be rolled back. */
static sqlite3_stmt *open_statement(storage_tx *tx, size_t index) {
  return tx->status.code == RPC_OK ? tx->statements[index] : NULL;
}

static void check_bind(storage_tx *tx, int result, size_t index) {
  if (result != SQLITE_OK) set_error(tx, result, tx->texts[index]);
}

void storage_bind_text(storage_tx *tx, size_t index, int parameter, const char *text) {
  sqlite3_stmt *statement = open_statement(tx, index);
  if (statement) check_bind(tx, sqlite3_bind_text(statement, parameter, text, -1, SQLITE_TRANSIENT), index);
}

void storage_bind_integer(storage_tx *tx, size_t index, int parameter, int64_t value) {
  sqlite3_stmt *statement = open_statement(tx, index);
  if (statement) check_bind(tx, sqlite3_bind_int64(statement, parameter, value), index);
}

void storage_bind_bytes(storage_tx *tx, size_t index, int parameter, const void *bytes, size_t size) {
  sqlite3_stmt *statement = open_statement(tx, index);
  if (!statement) return;
  const void *data = bytes ? bytes : ""; /* no bytes are an empty value, not NULL */
  check_bind(tx, sqlite3_bind_blob64(statement, parameter, data, size, SQLITE_TRANSIENT), index);
}

bool storage_step(storage_tx *tx, size_t index) {
  sqlite3_stmt *statement = open_statement(tx, index);
  if (!statement) return false;
  int result = sqlite3_step(statement);
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) set_error(tx, result, tx->texts[index]);
  sqlite3_reset(statement);
  return false;
}

const char *storage_column_text(storage_tx *tx, size_t index, int column) {
  const unsigned char *text = sqlite3_column_text(tx->statements[index], column);
  return text ? (const char *)text : "";
}

void storage_copy_text(storage_tx *tx, size_t index, int column, char *text, size_t size) {
  snprintf(text, size, "%s", storage_column_text(tx, index, column));
}

int64_t storage_column_integer(storage_tx *tx, size_t index, int column) {
  return sqlite3_column_int64(tx->statements[index], column);
}

const void *storage_column_bytes(storage_tx *tx, size_t index, int column, size_t *size) {
  const void *bytes = sqlite3_column_blob(tx->statements[index], column);
  *size = (size_t)sqlite3_column_bytes(tx->statements[index], column);
  return bytes;
}

void storage_end(storage_tx *tx, size_t index) {
  if (tx->statements[index]) sqlite3_reset(tx->statements[index]);
}

static void begin_with(storage_tx *tx, size_t index, const char *format, va_list values) {
  storage_begin(tx, index);
  for (int parameter = 1; *format; format++, parameter++) {
    if (*format == 't') {
      storage_bind_text(tx, index, parameter, va_arg(values, const char *));
    } else {
      assert(*format == 'i');
      storage_bind_integer(tx, index, parameter, va_arg(values, int64_t));
    }
  }
}

int64_t storage_run(storage_tx *tx, size_t index, const char *format, ...) {
  va_list values;
  va_start(values, format);
  begin_with(tx, index, format, values);
  va_end(values);
  return storage_finish(tx, index);
}

int64_t storage_finish(storage_tx *tx, size_t index) {
  int64_t rows = 0;
  while (storage_step(tx, index)) rows++;
  if (tx->status.code != RPC_OK || rows > 0 || sqlite3_stmt_readonly(tx->statements[index])) return rows;
  return sqlite3_changes64(tx->db);
}

bool storage_find(storage_tx *tx, size_t index, const char *format, ...) {
  va_list values;
  va_start(values, format);
  begin_with(tx, index, format, values);
  va_end(values);
  return storage_step(tx, index);
}

rpc_status storage_tx_status(const storage_tx *tx) {
  return tx->status;
}

void storage_tx_fail(storage_tx *tx, const rpc_status *status) {
  if (tx->status.code == RPC_OK) tx->status = *status;
}

audit_log *storage_tx_audit(storage_tx *tx) {
  return tx->audit;
}
