/* SQLite as an engine: opening, preparing once, binding, stepping, what its errors mean, and its write-ahead log.
 * Called by connection.c through the table at the end. */
#include <pthread.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "storage/connection.h"
#include "storage/sqlite_log.h"

enum { BUSY_TIMEOUT_MS = 5000 };

/* What is prepared beside the service's statements: the engine's commands, and what undoes them. */
enum { COMMAND_ROLLBACK = CONNECTION_COMMIT + 1, COMMAND_COUNT };

static const char *const commands[COMMAND_COUNT] = {[CONNECTION_BEGIN_READ] = "BEGIN",
                                                    [CONNECTION_BEGIN_WRITE] = "BEGIN IMMEDIATE",
                                                    [CONNECTION_COMMIT] = "COMMIT",
                                                    [COMMAND_ROLLBACK] = "ROLLBACK"};

typedef struct sqlite_connection {
  storage_tx tx; /* first: engines' functions get it back as this */
  sqlite3 *db;
  sqlite3_stmt **statements; /* the service's, then one for each command; NULL: not prepared yet */
  void (*log_hook)(void *arg, int pages);
  void *log_arg;
} sqlite_connection;

static connection_trouble trouble_of(int result) {
  static const struct {
    int error;
    connection_trouble trouble;
  } troubles[] = {
      {SQLITE_FULL, TROUBLE_BROKEN},     {SQLITE_IOERR, TROUBLE_BROKEN},   {SQLITE_READONLY, TROUBLE_BROKEN},
      {SQLITE_CANTOPEN, TROUBLE_BROKEN}, {SQLITE_CORRUPT, TROUBLE_BROKEN}, {SQLITE_NOTADB, TROUBLE_BROKEN},
      {SQLITE_NOMEM, TROUBLE_BROKEN},    {SQLITE_BUSY, TROUBLE_CONFLICT},  {SQLITE_LOCKED, TROUBLE_CONFLICT},
  };
  for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
    if (troubles[i].error == (result & 0xff)) return troubles[i].trouble; /* without the extended part */
  }
  return TROUBLE_STATEMENT;
}

static void check(storage_tx *tx, int result, const char *doing) {
  sqlite_connection *self = (sqlite_connection *)tx;
  if (result == SQLITE_OK) return;
  connection_fail(tx, trouble_of(result), doing, self->db ? sqlite3_errmsg(self->db) : sqlite3_errstr(result));
}

static int take_value(void *value, int columns, char **texts, char **names) {
  (void)names;
  if (value && columns > 0 && texts[0]) *(int64_t *)value = strtoll(texts[0], NULL, 10);
  return 0;
}

static void sqlite_execute(storage_tx *tx, const char *script, int64_t *value) {
  check(tx, sqlite3_exec(((sqlite_connection *)tx)->db, script, take_value, value, NULL), "storage");
}

/* Of the whole library, which takes it only before its first use: no count of its memory, and no lock around each
 * allocation for it. */
static void configure(void) {
  sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
}

static storage_tx *sqlite_open(const connection_config *config) {
  sqlite_connection *self = calloc(1, sizeof *self);
  if (!self) return NULL;
  self->tx = (storage_tx){.engine = &connection_sqlite, .config = *config};
  self->statements = calloc(config->statement_count + COMMAND_COUNT, sizeof(sqlite3_stmt *));
  if (!self->statements) {
    free(self);
    return NULL;
  }
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, configure);
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (config->read_only ? 0 : SQLITE_OPEN_CREATE);
  check(&self->tx, sqlite3_open_v2(config->database, &self->db, flags, sqlite_log_vfs()), config->database);
  if (self->tx.status.code != RPC_OK) return &self->tx;
  sqlite3_busy_timeout(self->db, BUSY_TIMEOUT_MS);
  sqlite_execute(&self->tx,
                 "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;"
                 "PRAGMA journal_size_limit = 67108864; PRAGMA cache_spill = OFF;",
                 NULL);
  /* A process that was killed may have written what it did not come to sync. It is seen from here on, so it must not be
   * lost any more: a checkpoint syncs the log first. */
  sqlite_execute(&self->tx, config->read_only ? "PRAGMA query_only = 1;" : "PRAGMA wal_checkpoint(PASSIVE);", NULL);
  return &self->tx;
}

static void sqlite_close(storage_tx *tx) {
  sqlite_connection *self = (sqlite_connection *)tx;
  for (size_t i = 0; i < tx->config.statement_count + COMMAND_COUNT; i++) sqlite3_finalize(self->statements[i]);
  sqlite3_close(self->db);
  free(self->statements);
  free(self);
}

/* Prepares the statement where this connection has not yet; NULL after an error. */
static sqlite3_stmt *statement_at(storage_tx *tx, size_t index) {
  sqlite_connection *self = (sqlite_connection *)tx;
  size_t count = tx->config.statement_count;
  if (self->statements[index]) return self->statements[index];
  char *text = strdup(index < count ? tx->config.statements[index] : commands[index - count]);
  if (!text) {
    check(tx, SQLITE_NOMEM, "storage");
    return NULL;
  }
  /* To SQLite $1 is a name, numbered as it appears; ?1 is what PostgreSQL means by $1. */
  for (char *at = strchr(text, '$'); at; at = strchr(at, '$')) *at = '?';
  check(tx, sqlite3_prepare_v3(self->db, text, -1, SQLITE_PREPARE_PERSISTENT, &self->statements[index], NULL), text);
  free(text);
  return self->statements[index];
}

static void sqlite_prepare_all(storage_tx *tx) {
  for (size_t i = 0; i < tx->config.statement_count; i++) statement_at(tx, i);
}

static void sqlite_begin_migration(storage_tx *tx) {
  sqlite_execute(tx, "BEGIN IMMEDIATE", NULL);
}

static void sqlite_migrate(storage_tx *tx, const char *script) {
  sqlite_execute(tx, script, NULL);
}

static void sqlite_command(storage_tx *tx, connection_command command) {
  sqlite3_stmt *statement = statement_at(tx, tx->config.statement_count + command);
  if (!statement) return;
  sqlite3_step(statement);
  check(tx, sqlite3_reset(statement), commands[command]);
}

static void sqlite_end(storage_tx *tx, size_t index) {
  sqlite3_reset(((sqlite_connection *)tx)->statements[index]);
}

static void sqlite_rollback(storage_tx *tx) {
  sqlite3 *db = ((sqlite_connection *)tx)->db;
  for (size_t i = 0; i < tx->config.statement_count; i++) {
    sqlite3_stmt *statement = ((sqlite_connection *)tx)->statements[i];
    if (statement && sqlite3_stmt_busy(statement)) sqlite_end(tx, i);
  }
  /* Some errors, a full disk among them, have undone the transaction already. */
  if (sqlite3_get_autocommit(db)) return;
  sqlite3_stmt *statement = statement_at(tx, tx->config.statement_count + COMMAND_ROLLBACK);
  if (statement) {
    sqlite3_step(statement);
    sqlite3_reset(statement);
  } else {
    sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
  }
}

static void sqlite_begin(storage_tx *tx, size_t index) {
  if (statement_at(tx, index)) sqlite_end(tx, index);
}

static sqlite3_stmt *prepared(storage_tx *tx, size_t index) {
  return ((sqlite_connection *)tx)->statements[index];
}

static const char *text_of(storage_tx *tx, size_t index) {
  return tx->config.statements[index];
}

static void sqlite_bind_text(storage_tx *tx, size_t index, int parameter, const char *text) {
  check(tx, sqlite3_bind_text(prepared(tx, index), parameter, text, -1, SQLITE_STATIC), text_of(tx, index));
}

static void sqlite_bind_integer(storage_tx *tx, size_t index, int parameter, int64_t value) {
  check(tx, sqlite3_bind_int64(prepared(tx, index), parameter, value), text_of(tx, index));
}

static void sqlite_bind_bytes(storage_tx *tx, size_t index, int parameter, const void *bytes, size_t size) {
  check(tx, sqlite3_bind_blob64(prepared(tx, index), parameter, bytes, size, SQLITE_STATIC), text_of(tx, index));
}

static bool sqlite_step(storage_tx *tx, size_t index) {
  int result = sqlite3_step(prepared(tx, index));
  if (result == SQLITE_ROW) return true;
  if (result != SQLITE_DONE) check(tx, result, text_of(tx, index));
  sqlite_end(tx, index);
  return false;
}

static int64_t sqlite_changes(storage_tx *tx, size_t index) {
  return sqlite3_stmt_readonly(prepared(tx, index)) ? 0 : sqlite3_changes64(((sqlite_connection *)tx)->db);
}

static void sqlite_send(storage_tx *tx, size_t index, const storage_condition *condition) {
  while (sqlite_step(tx, index)) continue;
  connection_check_rows(tx, condition, sqlite_changes(tx, index));
}

static const char *sqlite_text(storage_tx *tx, size_t index, int column) {
  const unsigned char *text = sqlite3_column_text(prepared(tx, index), column);
  return text ? (const char *)text : "";
}

static int64_t sqlite_integer(storage_tx *tx, size_t index, int column) {
  return sqlite3_column_int64(prepared(tx, index), column);
}

static const void *sqlite_bytes(storage_tx *tx, size_t index, int column, size_t *size) {
  const void *bytes = sqlite3_column_blob(prepared(tx, index), column);
  *size = (size_t)sqlite3_column_bytes(prepared(tx, index), column);
  return bytes;
}

/* --- the write-ahead log --- */

static int call_hook(void *arg, sqlite3 *db, const char *name, int pages) {
  (void)db, (void)name;
  sqlite_connection *self = arg;
  self->log_hook(self->log_arg, pages);
  return SQLITE_OK;
}

void connection_watch_log(storage_tx *tx, void (*hook)(void *arg, int pages), void *arg) {
  sqlite_connection *self = (sqlite_connection *)tx;
  self->log_hook = hook;
  self->log_arg = arg;
  sqlite3_wal_hook(self->db, call_hook, self);
}

int connection_checkpoint(storage_tx *tx) {
  int in_log = 0, moved = 0;
  sqlite3_wal_checkpoint_v2(((sqlite_connection *)tx)->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &in_log, &moved);
  return in_log - moved;
}

const connection_engine connection_sqlite = {
    .open = sqlite_open,
    .close = sqlite_close,
    .prepare_all = sqlite_prepare_all,
    .execute = sqlite_execute,
    .begin_migration = sqlite_begin_migration,
    .migrate = sqlite_migrate,
    .command = sqlite_command,
    .rollback = sqlite_rollback,
    .begin = sqlite_begin,
    .bind_text = sqlite_bind_text,
    .bind_integer = sqlite_bind_integer,
    .bind_bytes = sqlite_bind_bytes,
    .step = sqlite_step,
    .send = sqlite_send,
    .changes = sqlite_changes,
    .end = sqlite_end,
    .column_text = sqlite_text,
    .column_integer = sqlite_integer,
    .column_bytes = sqlite_bytes,
};
