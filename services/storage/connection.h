/* One connection to a SQLite database, which is also the storage_tx that jobs and reads see: the statements of
 * storage.h act on it. Private to this folder. One thread at a time. */
#pragma once

#include "storage/storage.h"

/* path as in storage_config; read_only: for readers. The texts of statements outlive the connection. audit: what
 * storage_tx_audit gives. NULL on failure, with the reason in *status. */
storage_tx *connection_open(const char *path, bool read_only, const char *const *statements, size_t count,
                            audit_log *audit, rpc_status *status);
void connection_close(storage_tx *tx);

/* Brings the database to the version that the scripts (ended by NULL) make of it. */
rpc_status connection_migrate(storage_tx *tx, const char *const *migrations);

/* Prepares all statements, so that one that is wrong shows at start-up. */
rpc_status connection_prepare_all(storage_tx *tx);

typedef enum connection_command { CONNECTION_BEGIN_READ, CONNECTION_BEGIN_WRITE, CONNECTION_COMMIT } connection_command;

/* Begins or commits; begin forgets earlier errors. */
rpc_status connection_run(storage_tx *tx, connection_command command);

/* Ends all statements and undoes the transaction, where there is one. */
void connection_rollback(storage_tx *tx);

/* True: the last error was the database's own (disk full, I/O), not a statement's. */
bool connection_is_broken(const storage_tx *tx);

/* Moves what the write-ahead log holds into the database file. */
void connection_checkpoint(storage_tx *tx);
