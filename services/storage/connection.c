/* What connections of all engines have in common: the first error that sticks, migrations, statements by format. Called
 * by storage.c and the workers, and by services through the functions of storage.h. */
#include "storage/connection.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "storage/outbox.h"

bool storage_is_shared(const char *database) {
  return strncmp(database, "postgres://", 11) == 0 || strncmp(database, "postgresql://", 13) == 0;
}

void connection_fail(storage_tx *tx, connection_trouble trouble, const char *what, const char *message) {
  if (tx->status.code != RPC_OK) return;
  tx->trouble = trouble;
  const char *reason = trouble == TROUBLE_UNKNOWN ? STORAGE_REASON_UNKNOWN : "STORAGE_ERROR";
  tx->status = rpc_status_error(trouble == TROUBLE_STATEMENT ? RPC_INTERNAL : RPC_UNAVAILABLE, reason, "%s: %.*s", what,
                                (int)strcspn(message, "\n"), message);
}

void connection_check_rows(storage_tx *tx, const storage_condition *condition, int64_t rows) {
  if (!condition || condition->rows == rows || tx->status.code != RPC_OK) return;
  tx->status = rpc_status_error(RPC_UNAVAILABLE, condition->reason, "%s", condition->message);
}

storage_tx *connection_open(const connection_config *config, rpc_status *status) {
  const connection_engine *engine = storage_is_shared(config->database) ? &connection_postgres : &connection_sqlite;
  storage_tx *tx = engine->open(config);
  if (!tx) {
    *status = rpc_status_error(RPC_UNAVAILABLE, "OUT_OF_MEMORY", "no memory for a database connection");
    return NULL;
  }
  *status = tx->status;
  if (status->code == RPC_OK) return tx;
  engine->close(tx);
  return NULL;
}

void connection_close(storage_tx *tx) {
  if (tx) tx->engine->close(tx);
}

rpc_status connection_prepare_all(storage_tx *tx) {
  tx->engine->prepare_all(tx);
  return tx->status;
}

static void execute(storage_tx *tx, const char *script, int64_t *value) {
  if (tx->status.code == RPC_OK) tx->engine->execute(tx, script, value);
}

rpc_status connection_migrate(storage_tx *tx, const char *const *migrations) {
  int64_t known = 0, version = 0;
  while (migrations[known]) known++;
  tx->engine->begin_migration(tx);
  execute(tx, "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL);", NULL);
  if (tx->status.code == RPC_OK) tx->engine->migrate(tx, outbox_schema);
  execute(tx, "INSERT INTO schema_version SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM schema_version);", NULL);
  execute(tx, "SELECT version FROM schema_version", &version);
  if (version > known) {
    rpc_status status = rpc_status_error(RPC_FAILED_PRECONDITION, "SCHEMA_TOO_NEW",
                                         "the database has schema version %lld, this program knows %lld",
                                         (long long)version, (long long)known);
    storage_tx_fail(tx, &status);
  }
  for (; tx->status.code == RPC_OK && version < known; version++) {
    tx->engine->migrate(tx, migrations[version]);
    execute(tx, "UPDATE schema_version SET version = version + 1", NULL);
  }
  execute(tx, "COMMIT", NULL);
  if (tx->status.code != RPC_OK) connection_rollback(tx);
  return tx->status;
}

void connection_forget_trouble(storage_tx *tx) {
  tx->status = rpc_status_ok();
  tx->trouble = TROUBLE_NONE;
}

rpc_status connection_run(storage_tx *tx, connection_command command) {
  if (command != CONNECTION_COMMIT) connection_forget_trouble(tx);
  if (tx->status.code == RPC_OK) tx->engine->command(tx, command);
  return tx->status;
}

void connection_rollback(storage_tx *tx) {
  tx->engine->rollback(tx);
}

/* --- storage.h: statements. After an error all of them do nothing: the transaction will be rolled back --- */

void storage_begin(storage_tx *tx, size_t index) {
  assert(index < tx->config.statement_count);
  if (tx->status.code == RPC_OK) tx->engine->begin(tx, index);
}

void storage_bind_text(storage_tx *tx, size_t index, int parameter, const char *text) {
  if (tx->status.code == RPC_OK) tx->engine->bind_text(tx, index, parameter, text);
}

void storage_bind_integer(storage_tx *tx, size_t index, int parameter, int64_t value) {
  if (tx->status.code == RPC_OK) tx->engine->bind_integer(tx, index, parameter, value);
}

void storage_bind_bytes(storage_tx *tx, size_t index, int parameter, const void *bytes, size_t size) {
  const void *data = bytes ? bytes : ""; /* no bytes are an empty value, not NULL */
  if (tx->status.code == RPC_OK) tx->engine->bind_bytes(tx, index, parameter, data, size);
}

bool storage_step(storage_tx *tx, size_t index) {
  return tx->status.code == RPC_OK && tx->engine->step(tx, index);
}

const char *storage_column_text(storage_tx *tx, size_t index, int column) {
  return tx->engine->column_text(tx, index, column);
}

void storage_copy_text(storage_tx *tx, size_t index, int column, char *text, size_t size) {
  const char *value = storage_column_text(tx, index, column);
  size_t length = strnlen(value, size - 1);
  memcpy(text, value, length);
  text[length] = '\0';
}

int64_t storage_column_integer(storage_tx *tx, size_t index, int column) {
  return tx->engine->column_integer(tx, index, column);
}

const void *storage_column_bytes(storage_tx *tx, size_t index, int column, size_t *size) {
  return tx->engine->column_bytes(tx, index, column, size);
}

void storage_end(storage_tx *tx, size_t index) {
  tx->engine->end(tx, index);
}

int64_t storage_finish(storage_tx *tx, size_t index) {
  int64_t rows = 0;
  while (storage_step(tx, index)) rows++;
  if (tx->status.code != RPC_OK || rows > 0) return rows;
  return tx->engine->changes(tx, index);
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

void storage_send(storage_tx *tx, size_t index, const storage_condition *condition, const char *format, ...) {
  va_list values;
  va_start(values, format);
  begin_with(tx, index, format, values);
  va_end(values);
  storage_send_begun(tx, index, condition);
}

void storage_send_begun(storage_tx *tx, size_t index, const storage_condition *condition) {
  if (tx->status.code == RPC_OK) tx->engine->send(tx, index, condition);
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

void storage_audit(storage_tx *tx, int64_t unix_ms, const char *entity, const char *id, const char *from,
                   const char *to, const char *correlation_id, const char *detail) {
  if (tx->audit) audit_buffer_add(tx->audit, &(audit_change){unix_ms, entity, id, from, to, correlation_id, detail});
}
