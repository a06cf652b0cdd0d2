/* Idempotency keys (the model is Stripe's): a write that carries a key answers the same when it is sent again, and is
 * refused where the request differs. The answer is kept in the transaction of the effect; a key whose call is still
 * under way in this process makes the second call wait for the first. Of two replicas at it at once one saves its
 * answer; the other's work is undone, and its call gets the winner's answer.
 *
 * Use: idempotency_begin; in its go do the work, and in the transaction idempotency_save the answer; then
 * idempotency_finish. */
#pragma once

#include "rpc/call.h"
#include "storage/storage.h"

typedef struct idempotency idempotency; /* the keys under way in this process */

/* SQL of its table, to be part of the service's migrations, and its statements, to stand in the service's table of
 * statements at IDEMPOTENCY_FIND … from index 0. */
#define IDEMPOTENCY_MIGRATION                                                                            \
  "CREATE TABLE idempotency_keys (method TEXT NOT NULL, key TEXT NOT NULL, fingerprint BYTEA NOT NULL, " \
  "answer BYTEA NOT NULL, created_ms BIGINT NOT NULL, PRIMARY KEY (method, key))" STORAGE_BY_KEY         \
  ";"                                                                                                    \
  "CREATE INDEX idempotency_keys_created ON idempotency_keys (created_ms);"
#define IDEMPOTENCY_STATEMENTS                                                                                   \
  "SELECT fingerprint, answer FROM idempotency_keys WHERE method = $1 AND key = $2",                             \
      "INSERT INTO idempotency_keys (method, key, fingerprint, answer, created_ms) VALUES ($1, $2, $3, $4, $5) " \
      "ON CONFLICT DO NOTHING",                                                                                  \
      "DELETE FROM idempotency_keys WHERE (method, key) IN "                                                     \
      "(SELECT method, key FROM idempotency_keys WHERE created_ms < $1 ORDER BY created_ms LIMIT $2)"
enum { IDEMPOTENCY_FIND, IDEMPOTENCY_INSERT, IDEMPOTENCY_EXPIRE, IDEMPOTENCY_STATEMENT_COUNT };

enum { IDEMPOTENCY_KEPT_HOURS = 24 };

/* Keys are kept for kept_hours; 0: IDEMPOTENCY_KEPT_HOURS. NULL without memory. storage and clock outlive it. */
idempotency *idempotency_create(storage *db, rpc_clock *clock, int64_t kept_hours);

/* Once no call is under way. NULL is ignored. */
void idempotency_destroy(idempotency *keys);

/* Looks at the call's idempotency-key, and either calls go, after which idempotency_finish must follow, or answers the
 * call, now or later: with the stored answer, or as refused. A call without a key always goes. go runs once, maybe
 * inside this function, maybe on a thread of the storage, and must not block. Key: 1 to 255 printable ASCII characters,
 * else INVALID_ARGUMENT. A different request under the same key: FAILED_PRECONDITION, reason IDEMPOTENCY_KEY_REUSED. */
void idempotency_begin(idempotency *keys, rpc_call *call, const ProtobufCMessage *request, void (*go)(void *arg),
                       void *arg);

/* In the transaction: keeps the answer, which is response where status is NULL, else the error. Nothing for a call
 * without a key, or that was not begun. Where another replica has kept one meanwhile the transaction fails
 * (UNAVAILABLE, reason IDEMPOTENCY_CONFLICT), and idempotency_finish with that status answers as the other did. */
void idempotency_save(idempotency *keys, storage_tx *tx, rpc_call *call, const ProtobufCMessage *response,
                      const rpc_status *status);

/* Answers the call, and the calls that waited for its key: with response where status is NULL, else with the error.
 * A call that was not begun is answered alone.
 * A call whose error is passing (UNAVAILABLE, nothing saved) leaves the key free to be tried again. */
void idempotency_finish(idempotency *keys, rpc_call *call, const ProtobufCMessage *response, const rpc_status *status);

/* --- for a service that keeps its keys with what they made (an order with its key) --- */

enum { IDEMPOTENCY_FINGERPRINT_SIZE = 32 }; /* SHA-256 of the request */

/* INVALID_ARGUMENT unless the key is 1 to 255 printable ASCII characters. */
rpc_status idempotency_check_key(const char *key);

/* False without memory. */
bool idempotency_fingerprint(rpc_call *call, const ProtobufCMessage *request,
                             uint8_t fingerprint[IDEMPOTENCY_FINGERPRINT_SIZE]);

/* What a key is answered that another request has used. */
rpc_status idempotency_key_reused(const char *key);
