/* How audit lines get from a transaction into the audit log exactly once, whatever crashes in between. The changes that
 * a transaction makes are written with it, as one row of the table audit_outbox; after the commit they go on to the
 * file, as lines that say which row they come from. A row is deleted once its lines are on the disk. What a crash, or a
 * commit whose answer was lost, has left in between is found again by comparing rows with lines.
 *
 * The file belongs to one process, so each replica has a file, a chain and rows of its own: under the log's name where
 * the database is shared. Each connection that writes has a slot, numbers its rows itself, and no other touches them.
 * One thread at a time uses an outbox; all of a log share its lock. Called by pool.c, private to this folder. */
#pragma once

#include <pthread.h>

#include "storage/audit_buffer.h"
#include "storage/storage.h"

enum { OUTBOX_STATEMENTS = 5 };

/* They come after the service's own in the statements of every connection. */
extern const char *const outbox_statements[OUTBOX_STATEMENTS];
extern const char *const outbox_schema; /* makes the table where it is missing */

typedef struct outbox {
  audit_log *audit; /* NULL: nothing is done */
  pthread_mutex_t *lock;
  const char *log; /* the log's name; "" where the database has but one. Outlives the outbox */
  int64_t slot;
  audit_buffer changes;  /* of the transaction under way: storage_audit puts them there */
  int64_t row;           /* the last one that was committed */
  int64_t delete_before; /* rows whose lines are on the disk; 0: none */
  int since_sync;        /* rows moved */
} outbox;

/* Last in the transaction: writes its changes, where there are any. Errors stick to tx. */
void outbox_put(outbox *self, storage_tx *tx);

/* After a rollback, or a commit that failed. */
void outbox_drop(outbox *self);

/* After the commit: moves the changes to the file. False where the file does not take them: they wait in memory, to be
 * written first, and in the table. */
bool outbox_move(outbox *self);

/* On a new connection, before anything else: makes sure that no commit of the slot's last connection is still to come,
 * and moves what is in the table, but not in the file. False with the reason in *status. */
bool outbox_recover(outbox *self, storage_tx *tx, rpc_status *status);

void outbox_free(outbox *self);
