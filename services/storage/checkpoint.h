/* Moves SQLite's write-ahead log into the database file on a thread of its own, so that no commit does it. For
 * storage.c alone. */
#pragma once

#include <pthread.h>

#include "storage/connection.h"
#include "telemetry/log.h"

typedef struct checkpointer checkpointer;

/* Takes over from the checkpoints that `writer` would make; before writer is used by another thread. gate: held by
 * others during their transactions. log gets a line of debugging for each checkpoint; may be NULL. NULL on failure,
 * with the reason in *status. */
checkpointer *checkpointer_create(const connection_config *config, storage_tx *writer, pthread_mutex_t *gate,
                                  log_sink *log, rpc_status *status);

/* When writer is used no more. NULL is ignored. */
void checkpointer_destroy(checkpointer *self);
