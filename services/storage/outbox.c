/* See outbox.h. */
#include "storage/outbox.h"

#include <stdlib.h>

#include "storage/connection.h"

enum { SYNC_EVERY = 64 }; /* rows: as many may be there after a crash, and share the wait for the disk */

enum { OUTBOX_INSERT, OUTBOX_FENCE, OUTBOX_DELETE, OUTBOX_RANGE, OUTBOX_LIST };

const char *const outbox_statements[OUTBOX_STATEMENTS] = {
    [OUTBOX_INSERT] = "INSERT INTO audit_outbox (log, slot, entry, changes) VALUES ($1, $2, $3, $4)",
    [OUTBOX_FENCE] =
        "INSERT INTO audit_outbox (log, slot, entry, changes) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
    [OUTBOX_DELETE] = "DELETE FROM audit_outbox WHERE log = $1 AND slot = $2 AND entry < $3",
    [OUTBOX_RANGE] = "SELECT min(entry), max(entry) FROM audit_outbox WHERE log = $1 AND slot = $2",
    [OUTBOX_LIST] = "SELECT entry, changes FROM audit_outbox WHERE log = $1 AND slot = $2 ORDER BY entry",
};

const char *const outbox_schema =
    "CREATE TABLE IF NOT EXISTS audit_outbox (log TEXT NOT NULL, slot BIGINT NOT NULL, entry BIGINT NOT NULL,"
    "  changes BYTEA NOT NULL, PRIMARY KEY (log, slot, entry))" STORAGE_BY_KEY ";";

/* The index of one of the statements above on this connection. */
static size_t at(const storage_tx *tx, size_t statement) {
  return tx->config.statement_count - OUTBOX_STATEMENTS + statement;
}

static void insert(const outbox *self, storage_tx *tx, size_t statement, const audit_buffer *changes) {
  size_t index = at(tx, statement);
  storage_begin(tx, index);
  storage_bind_text(tx, index, 1, self->log);
  storage_bind_integer(tx, index, 2, self->slot);
  storage_bind_integer(tx, index, 3, self->row + 1);
  storage_bind_bytes(tx, index, 4, changes->bytes, changes->used);
  storage_send_begun(tx, index, NULL);
}

void outbox_put(outbox *self, storage_tx *tx) {
  if (!self->audit || self->changes.used == 0) return;
  if (self->changes.lost) {
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for the audit lines");
    storage_tx_fail(tx, &status);
    return;
  }
  insert(self, tx, OUTBOX_INSERT, &self->changes);
  if (self->delete_before == 0) return;
  storage_send(tx, at(tx, OUTBOX_DELETE), NULL, "tii", self->log, self->slot, self->delete_before);
}

void outbox_drop(outbox *self) {
  audit_buffer_clear(&self->changes);
}

/* Now and then: waits for the disk, so that rows can go; the last one stays, and with it the count. The lock is held.
 */
static void sync_rows(outbox *self) {
  if (++self->since_sync < SYNC_EVERY || !audit_sync(self->audit)) return;
  self->delete_before = self->row;
  self->since_sync = 0;
}

bool outbox_move(outbox *self) {
  if (!self->audit) return true;
  bool is_row = self->changes.used > 0;
  if (is_row) {
    self->row++;
    self->delete_before = 0; /* done by this very transaction */
  }
  pthread_mutex_lock(self->lock);
  audit_source(self->audit, self->slot, self->row);
  bool complete = audit_buffer_flush(&self->changes, self->audit);
  if (complete && is_row) sync_rows(self);
  pthread_mutex_unlock(self->lock);
  return complete;
}

/* Appends what the file has not of the rows from first to last; the lock is held. */
static bool move_missing(outbox *self, storage_tx *tx, int64_t first, int64_t last) {
  size_t list = at(tx, OUTBOX_LIST), rows = (size_t)(last - first + 1);
  int64_t *lines = calloc(rows, sizeof *lines);
  bool complete = lines && audit_flush(self->audit) && audit_count_lines(self->audit, self->slot, first, lines, rows);
  for (bool found = complete && storage_find(tx, list, "ti", self->log, self->slot); found;
       found = complete && storage_step(tx, list)) {
    int64_t row = storage_column_integer(tx, list, 0);
    size_t size;
    const void *bytes = storage_column_bytes(tx, list, 1, &size);
    audit_source(self->audit, self->slot, row);
    audit_buffer_append(bytes, size, (size_t)lines[row - first], self->audit);
    complete = audit_flush(self->audit);
  }
  storage_end(tx, list);
  free(lines);
  return complete;
}

/* A commit whose answer was lost, or whose process ended, may still be under way at a server. Its row has the number
 * after the last: whoever is first there, that transaction or this, the other can come no more. */
static void fence(outbox *self, storage_tx *tx) {
  static const audit_buffer none = {0};
  size_t range = at(tx, OUTBOX_RANGE);
  connection_run(tx, CONNECTION_BEGIN_WRITE);
  if (storage_find(tx, range, "ti", self->log, self->slot)) self->row = storage_column_integer(tx, range, 1);
  storage_end(tx, range);
  insert(self, tx, OUTBOX_FENCE, &none);
  connection_run(tx, CONNECTION_COMMIT);
  if (storage_tx_status(tx).code != RPC_OK) connection_rollback(tx);
}

bool outbox_recover(outbox *self, storage_tx *tx, rpc_status *status) {
  *status = rpc_status_ok();
  if (!self->audit) return true;
  bool is_shared = self->log[0] != '\0', complete = true;
  if (is_shared) fence(self, tx);
  *status = storage_tx_status(tx);
  if (status->code != RPC_OK) return false;
  connection_run(tx, CONNECTION_BEGIN_READ);
  size_t range = at(tx, OUTBOX_RANGE);
  if (storage_find(tx, range, "ti", self->log, self->slot)) {
    int64_t first = storage_column_integer(tx, range, 0);
    self->row = storage_column_integer(tx, range, 1);
    storage_end(tx, range);
    pthread_mutex_lock(self->lock);
    if (self->row > 0) complete = move_missing(self, tx, first, self->row);
    pthread_mutex_unlock(self->lock);
  }
  *status = storage_tx_status(tx);
  connection_rollback(tx);
  if (complete || status->code != RPC_OK) return status->code == RPC_OK;
  *status = rpc_status_error(RPC_UNAVAILABLE, STORAGE_REASON_AUDIT, "the audit log cannot be written");
  return false;
}

void outbox_free(outbox *self) {
  audit_buffer_free(&self->changes);
}
