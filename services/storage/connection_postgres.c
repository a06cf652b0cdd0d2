/* PostgreSQL as an engine, through libpq in pipeline mode: what is sent waits for its answer only where somebody looks
 * at it. Called by connection.c through the table at the end.
 *
 * Every statement is prepared, takes its parameters as text (bytes as bytes) and gives its rows in binary. Between two
 * synchronisation points the server skips what follows an error, so that the first error is the one that counts. */
#include <errno.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "storage/connection.h"
#include "storage/postgres_values.h"

enum {
  SENT_MAX = 256,            /* answers under way; past it the next statement waits */
  ANSWER_TIMEOUT_MS = 30000, /* past it the connection counts as lost */
};

/* Commands are prepared as statements, after the service's. */
enum { ROLLBACK = CONNECTION_COMMIT + 1, LOCK, COMMAND_COUNT };
enum { SYNC = -1 }; /* among what was sent: not a statement but a synchronisation point */

typedef struct postgres_connection {
  storage_tx tx; /* first: engines' functions get it back as this */
  PGconn *link;
  postgres_statement *statements; /* the service's, then one for each command */
  char lock_text[64];             /* of the command LOCK */
  bool is_prepared;
  bool is_lost;
  struct {
    int index; /* of the statement, or SYNC */
    const storage_condition *condition;
  } sent[SENT_MAX + 2]; /* whose answers have not been read */
  size_t sent_count;
  bool has_conditions; /* among what was sent */
} postgres_connection;

/* FNV-1a: what the advisory locks of a schema are known by. */
static int64_t lock_number(const char *schema, const char *purpose) {
  uint64_t hash = 14695981039346656037u;
  for (const char *at = schema; *at; at++) hash = (hash ^ (uint8_t)*at) * 1099511628211u;
  for (const char *at = purpose; *at; at++) hash = (hash ^ (uint8_t)*at) * 1099511628211u;
  return (int64_t)hash;
}

static const char *text_of(const postgres_connection *self, size_t index) {
  static const char *const commands[COMMAND_COUNT] = {
      [CONNECTION_BEGIN_READ] = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
      [CONNECTION_BEGIN_WRITE] = "BEGIN", /* READ COMMITTED: updates see what they waited for */
      [CONNECTION_COMMIT] = "COMMIT",
      [ROLLBACK] = "ROLLBACK",
  };
  size_t count = self->tx.config.statement_count;
  if (index < count) return self->tx.config.statements[index];
  return index == count + LOCK ? self->lock_text : commands[index - count];
}

/* --- errors --- */

/* By the longest prefix of PostgreSQL's five-letter code (its documentation, appendix A). */
static connection_trouble trouble_of(const char *code) {
  static const struct {
    const char *prefix;
    connection_trouble trouble;
  } troubles[] = {
      {"08", TROUBLE_LOST},        {"57P", TROUBLE_LOST},    {"25P03", TROUBLE_LOST},
      {"25006", TROUBLE_LOST},     {"40", TROUBLE_CONFLICT}, {"55P", TROUBLE_CONFLICT},
      {"57014", TROUBLE_CONFLICT}, {"53", TROUBLE_BROKEN},   {"58", TROUBLE_BROKEN},
  };
  if (!code) return TROUBLE_LOST; /* libpq's own: the connection broke */
  for (size_t i = 0; i < sizeof troubles / sizeof troubles[0]; i++) {
    if (strncmp(code, troubles[i].prefix, strlen(troubles[i].prefix)) == 0) return troubles[i].trouble;
  }
  return TROUBLE_STATEMENT;
}

static void lose(postgres_connection *self) {
  self->is_lost = true;
  self->sent_count = 0;
  const char *why = PQerrorMessage(self->link);
  connection_fail(&self->tx, TROUBLE_LOST, "PostgreSQL", why[0] ? why : "no answer");
}

static void take_error(postgres_connection *self, const PGresult *result, const char *doing) {
  connection_trouble trouble = trouble_of(PQresultErrorField(result, PG_DIAG_SQLSTATE));
  if (trouble == TROUBLE_LOST) self->is_lost = true;
  const char *message = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
  connection_fail(&self->tx, trouble, trouble == TROUBLE_STATEMENT ? doing : "PostgreSQL",
                  message ? message : PQresultErrorMessage(result));
}

/* --- sending and waiting --- */

/* PQgetResult, but not for ever. */
static PGresult *next_result(postgres_connection *self) {
  while (PQisBusy(self->link)) {
    struct pollfd socket = {.fd = PQsocket(self->link), .events = POLLIN};
    int ready = poll(&socket, 1, ANSWER_TIMEOUT_MS);
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0 || !PQconsumeInput(self->link)) {
      lose(self);
      return NULL;
    }
  }
  return PQgetResult(self->link);
}

static bool has_failed(const PGresult *result) {
  ExecStatusType status = PQresultStatus(result);
  return status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK && status != PGRES_PIPELINE_SYNC;
}

/* Reads the answer to an entry of sent; NULL after an error. */
static PGresult *take_answer(postgres_connection *self, size_t entry) {
  int index = self->sent[entry].index;
  PGresult *result = next_result(self);
  if (!result) {
    if (!self->is_lost) lose(self);
    return NULL;
  }
  if (has_failed(result)) {
    if (PQresultStatus(result) != PGRES_PIPELINE_ABORTED) take_error(self, result, text_of(self, (size_t)index));
    PQclear(result);
    result = NULL;
  }
  const storage_condition *condition = self->sent[entry].condition;
  if (result && condition) connection_check_rows(&self->tx, condition, strtoll(PQcmdTuples(result), NULL, 10));
  if (index != SYNC && !self->is_lost) PQclear(next_result(self)); /* the NULL that ends a statement's answers */
  return result;
}

static void push(postgres_connection *self, int index, const storage_condition *condition) {
  self->sent[self->sent_count].index = index;
  self->sent[self->sent_count++].condition = condition;
  if (condition) self->has_conditions = true;
}

/* Waits for all that was sent; the last statement's result, or NULL where anything failed. */
static PGresult *wait_for_all(postgres_connection *self) {
  PGresult *last = NULL;
  if (self->is_lost || !PQpipelineSync(self->link)) {
    lose(self);
    return NULL;
  }
  push(self, SYNC, NULL);
  for (size_t i = 0; i < self->sent_count && !self->is_lost; i++) {
    PGresult *result = take_answer(self, i);
    if (self->sent[i].index == SYNC) {
      PQclear(result);
    } else {
      PQclear(last);
      last = result;
    }
  }
  self->sent_count = 0;
  self->has_conditions = false;
  if (self->tx.status.code == RPC_OK) return last;
  PQclear(last);
  return NULL;
}

static void send_statement(postgres_connection *self, size_t index, const storage_condition *condition) {
  postgres_statement *statement = &self->statements[index];
  if (self->is_lost || self->sent_count >= SENT_MAX) PQclear(wait_for_all(self));
  if (self->tx.status.code != RPC_OK) return;
  if (postgres_statement_send(statement, self->link)) {
    push(self, (int)index, condition);
  } else {
    lose(self);
  }
}

/* --- opening --- */

static void ignore_notice(void *arg, const PGresult *result) {
  (void)arg, (void)result;
}

static void postgres_execute(storage_tx *tx, const char *script, int64_t *value) {
  postgres_connection *self = (postgres_connection *)tx;
  PGresult *result = PQexec(self->link, script);
  if (!result || has_failed(result)) {
    take_error(self, result, "storage");
  } else if (value && PQntuples(result) > 0) {
    *value = strtoll(PQgetvalue(result, 0, 0), NULL, 10);
  }
  PQclear(result);
}

static bool make_statements(postgres_connection *self) {
  size_t count = self->tx.config.statement_count + COMMAND_COUNT;
  self->statements = calloc(count, sizeof *self->statements);
  if (!self->statements) return false;
  snprintf(self->lock_text, sizeof self->lock_text, "SELECT pg_advisory_xact_lock(%lld)",
           (long long)lock_number(self->tx.config.schema, ":writes"));
  for (size_t i = 0; i < count; i++) postgres_statement_init(&self->statements[i], i, text_of(self, i));
  return true;
}

static storage_tx *postgres_open(const connection_config *config) {
  postgres_connection *self = calloc(1, sizeof *self);
  if (!self) return NULL;
  self->tx = (storage_tx){.engine = &connection_postgres, .config = *config};
  /* In this order, so that the URL may say otherwise. */
  const char *const keys[] = {"application_name", "connect_timeout", "tcp_user_timeout", "dbname", NULL};
  const char *const values[] = {config->schema, "3", "10000", config->database, NULL};
  if (make_statements(self)) self->link = PQconnectdbParams(keys, values, 1);
  if (!self->link) {
    free(self->statements);
    free(self);
    return NULL;
  }
  if (PQstatus(self->link) != CONNECTION_OK) {
    lose(self);
    return &self->tx;
  }
  PQsetNoticeReceiver(self->link, ignore_notice, NULL);
  /* A replica that stops in the middle of a transaction must not hold its locks for ever. */
  char settings[256];
  snprintf(settings, sizeof settings,
           "SET search_path TO \"%s\"; SET client_encoding TO 'UTF8'; SET statement_timeout TO %d; "
           "SET idle_in_transaction_session_timeout TO %d",
           config->schema, ANSWER_TIMEOUT_MS / 2, ANSWER_TIMEOUT_MS / 2);
  postgres_execute(&self->tx, settings, NULL);
  return &self->tx;
}

static void postgres_close(storage_tx *tx) {
  postgres_connection *self = (postgres_connection *)tx;
  for (size_t i = 0; i < tx->config.statement_count + COMMAND_COUNT; i++) {
    postgres_statement_free(&self->statements[i]);
  }
  PQfinish(self->link);
  free(self->statements);
  free(self);
}

static void postgres_prepare_all(storage_tx *tx) {
  postgres_connection *self = (postgres_connection *)tx;
  if (self->is_prepared) return;
  if (!PQenterPipelineMode(self->link)) lose(self);
  for (size_t i = 0; i < tx->config.statement_count + COMMAND_COUNT && tx->status.code == RPC_OK; i++) {
    if (!PQsendPrepare(self->link, self->statements[i].name, text_of(self, i), 0, NULL)) lose(self);
    push(self, (int)i, NULL);
  }
  if (tx->status.code == RPC_OK) PQclear(wait_for_all(self));
  self->is_prepared = true;
}

static void postgres_begin_migration(storage_tx *tx) {
  char script[256];
  snprintf(script, sizeof script, "BEGIN; SELECT pg_advisory_xact_lock(%lld); CREATE SCHEMA IF NOT EXISTS \"%s\"",
           (long long)lock_number(tx->config.schema, ":migrations"), tx->config.schema);
  postgres_execute(tx, script, NULL);
}

static void postgres_migrate(storage_tx *tx, const char *script) {
  char *translated = postgres_translate(script);
  if (translated) {
    postgres_execute(tx, translated, NULL);
  } else {
    connection_fail(tx, TROUBLE_BROKEN, "storage", "no memory for a migration");
  }
  free(translated);
}

/* --- transactions --- */

static void send_command(postgres_connection *self, int command) {
  send_statement(self, self->tx.config.statement_count + (size_t)command, NULL);
}

static void postgres_command(storage_tx *tx, connection_command command) {
  postgres_connection *self = (postgres_connection *)tx;
  if (command == CONNECTION_COMMIT && self->has_conditions) PQclear(wait_for_all(self)); /* they may forbid it */
  if (tx->status.code == RPC_OK) send_command(self, (int)command);
  if (command == CONNECTION_BEGIN_WRITE && tx->config.exclusive) send_command(self, LOCK);
  if (command != CONNECTION_COMMIT || tx->status.code != RPC_OK) return;
  PGresult *result = wait_for_all(self);
  if (result && strcmp(PQcmdStatus(result), "COMMIT") != 0) {
    connection_fail(tx, TROUBLE_STATEMENT, "PostgreSQL", "the transaction was rolled back");
  }
  PQclear(result);
  if (tx->trouble == TROUBLE_LOST) { /* after the COMMIT was on its way */
    tx->status = rpc_status_ok();
    connection_fail(tx, TROUBLE_UNKNOWN, "PostgreSQL", "the connection broke while a transaction was committed");
  }
}

/* After a read without errors nobody waits for the end of its transaction. */
static void postgres_rollback(storage_tx *tx) {
  postgres_connection *self = (postgres_connection *)tx;
  for (size_t i = 0; i < tx->config.statement_count; i++) postgres_statement_end(&self->statements[i]);
  if (self->is_lost) return;
  if (!self->is_prepared) { /* in a migration */
    PQclear(PQexec(self->link, "ROLLBACK"));
    return;
  }
  rpc_status status = tx->status; /* keeps what is known of the failure while what follows it is done */
  connection_trouble trouble = tx->trouble;
  tx->status = rpc_status_ok();
  bool waits = status.code != RPC_OK || self->sent_count > 0 || !tx->config.read_only;
  if (self->sent_count > 0) PQclear(wait_for_all(self)); /* past what the server skips after an error */
  if (!self->is_lost) tx->status = rpc_status_ok();
  send_command(self, ROLLBACK);
  if (!self->is_lost && PQpipelineSync(self->link)) push(self, SYNC, NULL);
  if (waits && !self->is_lost) PQclear(wait_for_all(self));
  tx->status = status;
  tx->trouble = self->is_lost && trouble != TROUBLE_UNKNOWN ? TROUBLE_LOST : trouble;
}

/* --- statements --- */

static postgres_statement *statement_at(storage_tx *tx, size_t index) {
  return &((postgres_connection *)tx)->statements[index];
}

static void postgres_begin(storage_tx *tx, size_t index) {
  postgres_statement_end(statement_at(tx, index));
}

static void check_room(storage_tx *tx, bool has_room) {
  if (!has_room) connection_fail(tx, TROUBLE_BROKEN, "storage", "no memory for a statement's parameters");
}

static void postgres_bind_text(storage_tx *tx, size_t index, int parameter, const char *text) {
  check_room(tx, postgres_statement_bind(statement_at(tx, index), parameter, text, text ? strlen(text) + 1 : 0, false));
}

static void postgres_bind_integer(storage_tx *tx, size_t index, int parameter, int64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%lld", (long long)value);
  postgres_bind_text(tx, index, parameter, text);
}

static void postgres_bind_bytes(storage_tx *tx, size_t index, int parameter, const void *bytes, size_t size) {
  check_room(tx, postgres_statement_bind(statement_at(tx, index), parameter, bytes, size, true));
}

static bool postgres_step(storage_tx *tx, size_t index) {
  postgres_statement *statement = statement_at(tx, index);
  if (!statement->rows) {
    send_statement((postgres_connection *)tx, index, NULL);
    if (tx->status.code == RPC_OK) statement->rows = wait_for_all((postgres_connection *)tx);
    statement->row = -1;
  }
  return statement->rows && ++statement->row < PQntuples(statement->rows);
}

static void postgres_send(storage_tx *tx, size_t index, const storage_condition *condition) {
  send_statement((postgres_connection *)tx, index, condition);
}

static int64_t postgres_changes(storage_tx *tx, size_t index) {
  return strtoll(PQcmdTuples(statement_at(tx, index)->rows), NULL, 10);
}

static void postgres_end(storage_tx *tx, size_t index) {
  postgres_statement_end(statement_at(tx, index));
}

static const char *postgres_text(storage_tx *tx, size_t index, int column) {
  const postgres_statement *statement = statement_at(tx, index);
  return PQgetvalue(statement->rows, statement->row, column);
}

static int64_t postgres_integer(storage_tx *tx, size_t index, int column) {
  return postgres_statement_integer(statement_at(tx, index), column);
}

static const void *postgres_bytes(storage_tx *tx, size_t index, int column, size_t *size) {
  const postgres_statement *statement = statement_at(tx, index);
  *size = (size_t)PQgetlength(statement->rows, statement->row, column);
  return PQgetvalue(statement->rows, statement->row, column);
}

const connection_engine connection_postgres = {
    .open = postgres_open,
    .close = postgres_close,
    .prepare_all = postgres_prepare_all,
    .execute = postgres_execute,
    .begin_migration = postgres_begin_migration,
    .migrate = postgres_migrate,
    .command = postgres_command,
    .rollback = postgres_rollback,
    .begin = postgres_begin,
    .bind_text = postgres_bind_text,
    .bind_integer = postgres_bind_integer,
    .bind_bytes = postgres_bind_bytes,
    .step = postgres_step,
    .send = postgres_send,
    .changes = postgres_changes,
    .end = postgres_end,
    .column_text = postgres_text,
    .column_integer = postgres_integer,
    .column_bytes = postgres_bytes,
};
