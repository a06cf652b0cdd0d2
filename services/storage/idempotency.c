/* Idempotency keys: a table of the keys under way in this process in front of the table in the database. Called by the
 * handlers of methods that write. */
#include "storage/idempotency.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/envelope.h"
#include "storage/schedule.h"
#include "telemetry/sha256.h"

enum {
  KEY_MAX = 255,
  BUCKETS = 4096, /* chains are bounded by the server's bound of calls in flight */
  HOUR_MS = 60 * 60 * 1000,
  EXPIRE_INTERVAL_MS = 60 * 1000,
  EXPIRE_ROUND = 1000, /* keys deleted in one transaction */
};

/* Of the transaction that lost its key to another replica's. */
#define REASON_CONFLICT "IDEMPOTENCY_CONFLICT"

/* A call that waits for the first with its key; in its own call's arena. */
typedef struct waiter {
  struct waiter *next;
  rpc_call *call;
} waiter;

/* A key under way; in the arena of the call that came first. */
typedef struct key_entry {
  storage_job job; /* first: looks it up in the database */
  idempotency *keys;
  struct key_entry *next; /* in its bucket */
  rpc_call *call;
  const char *method, *key; /* live as long as the call */
  uint8_t fingerprint[IDEMPOTENCY_FINGERPRINT_SIZE];
  waiter *waiters;
  void (*go)(void *arg); /* NULL once it was called */
  void *arg;

  /* What was looked up: whether the key is there, the stored answer, and its message where status is RPC_OK. */
  bool found, differs;
  rpc_status status;
  ProtobufCMessage *response;
} key_entry;

struct idempotency {
  storage *db;
  rpc_clock *clock;
  int64_t kept_ms;
  storage_schedule *expiry;
  pthread_mutex_t lock; /* of the buckets and all in them */
  key_entry *buckets[BUCKETS];
};

static const char *key_of(const rpc_call *call) {
  return rpc_call_metadata(call, RPC_METADATA_IDEMPOTENCY_KEY);
}

rpc_status idempotency_check_key(const char *key) {
  size_t length = 0;
  while (key[length] >= 0x21 && key[length] <= 0x7e) length++;
  if (key[length] == '\0' && length >= 1 && length <= KEY_MAX) return rpc_status_ok();
  return rpc_status_invalid(RPC_METADATA_IDEMPOTENCY_KEY, "must be 1 to %d printable ASCII characters", KEY_MAX);
}

rpc_status idempotency_key_reused(const char *key) {
  return rpc_status_error(RPC_FAILED_PRECONDITION, "IDEMPOTENCY_KEY_REUSED",
                          "the idempotency key '%.64s' was used before for a different request", key);
}

/* Method and key are looked up together, so the request's bytes are all that can differ. */
bool idempotency_fingerprint(rpc_call *call, const ProtobufCMessage *request,
                             uint8_t fingerprint[IDEMPOTENCY_FINGERPRINT_SIZE]) {
  size_t size = protobuf_c_message_get_packed_size(request);
  uint8_t *packed = rpc_arena_alloc(rpc_call_arena(call), size + 1);
  if (!packed) return false;
  protobuf_c_message_pack(request, packed);
  return sha256_of(packed, size, fingerprint);
}

/* --- the keys under way --- */

/* FNV-1a */
static key_entry **bucket_of(idempotency *keys, const char *method, const char *key) {
  uint64_t hash = 14695981039346656037u;
  for (const char *at = method; *at; at++) hash = (hash ^ (uint8_t)*at) * 1099511628211u;
  for (const char *at = key; *at; at++) hash = (hash ^ (uint8_t)*at) * 1099511628211u;
  return &keys->buckets[hash % BUCKETS];
}

/* Where the entry is linked; where it would be, pointing to NULL, when there is none. Under the lock. */
static key_entry **find_entry(idempotency *keys, const char *method, const char *key) {
  key_entry **at = bucket_of(keys, method, key);
  while (*at && (strcmp((*at)->key, key) != 0 || strcmp((*at)->method, method) != 0)) at = &(*at)->next;
  return at;
}

typedef enum claim_result { CLAIM_FIRST, CLAIM_WAITS, CLAIM_DIFFERS } claim_result;

/* Puts the entry into the table or, where its key is under way, its call into the line of those who wait. */
static claim_result claim_key(idempotency *keys, key_entry *entry, waiter *line) {
  claim_result result = CLAIM_FIRST;
  pthread_mutex_lock(&keys->lock);
  key_entry **at = find_entry(keys, entry->method, entry->key);
  if (!*at) {
    *at = entry;
  } else if (memcmp((*at)->fingerprint, entry->fingerprint, IDEMPOTENCY_FINGERPRINT_SIZE) != 0) {
    result = CLAIM_DIFFERS;
  } else {
    *line = (waiter){(*at)->waiters, entry->call};
    (*at)->waiters = line;
    result = CLAIM_WAITS;
  }
  pthread_mutex_unlock(&keys->lock);
  return result;
}

static void answer(rpc_call *call, const ProtobufCMessage *response, const rpc_status *status) {
  if (status) {
    rpc_call_fail(call, status);
  } else {
    rpc_call_reply(call, response);
  }
}

/* Takes the call's key out of the table, and answers it and all that wait for it. */
static void answer_all(idempotency *keys, rpc_call *call, const ProtobufCMessage *response, const rpc_status *status) {
  const char *key = key_of(call);
  waiter *next = NULL;
  if (key) {
    pthread_mutex_lock(&keys->lock);
    key_entry **at = find_entry(keys, rpc_call_api(call)->name, key);
    if (*at && (*at)->call == call) {
      next = (*at)->waiters;
      *at = (*at)->next;
    }
    pthread_mutex_unlock(&keys->lock);
  }
  for (waiter *line = next; line; line = next) {
    next = line->next; /* the line's memory is its call's */
    answer(line->call, response, status);
  }
  answer(call, response, status); /* last: response and status may be in this call's arena */
}

/* --- the keys answered before --- */

static rpc_status unpack_answer(key_entry *entry, const void *bytes, size_t size) {
  rpc_arena *arena = rpc_call_arena(entry->call);
  Rpc__V1__Response *stored = rpc__v1__response__unpack(&arena->allocator, size, bytes);
  if (!stored) return rpc_status_error(RPC_DATA_LOSS, "STORED_ANSWER", "the stored answer cannot be read");
  entry->status = envelope_status(stored);
  if (entry->status.code != RPC_OK) return rpc_status_ok();
  rpc_status status;
  entry->response = envelope_unpack_payload(rpc_call_api(entry->call)->output, stored->payload, arena, &status);
  return status;
}

static rpc_status read_answer(storage_job *job, storage_tx *tx) {
  key_entry *entry = (key_entry *)job;
  entry->found = storage_find(tx, IDEMPOTENCY_FIND, "tt", entry->method, entry->key);
  if (!entry->found) return storage_tx_status(tx);
  size_t size;
  const void *bytes = storage_column_bytes(tx, IDEMPOTENCY_FIND, 0, &size);
  entry->differs = size != IDEMPOTENCY_FINGERPRINT_SIZE || memcmp(bytes, entry->fingerprint, size) != 0;
  if (entry->differs) return rpc_status_ok();
  bytes = storage_column_bytes(tx, IDEMPOTENCY_FIND, 1, &size);
  return unpack_answer(entry, bytes, size);
}

/* Goes on with a key that is not there; answers the call of one that is. */
static void answer_read(storage_job *job, const rpc_status *result) {
  key_entry *entry = (key_entry *)job;
  void (*go)(void *arg) = entry->go;
  rpc_status status = *result;
  entry->go = NULL;
  if (status.code == RPC_OK && !entry->found && go) {
    go(entry->arg);
    return;
  }
  if (status.code == RPC_OK && !entry->found) {
    status = rpc_status_error(RPC_UNAVAILABLE, REASON_CONFLICT, "another replica is answering this idempotency key");
  } else if (status.code == RPC_OK) {
    status = entry->differs ? idempotency_key_reused(entry->key) : entry->status;
  }
  answer_all(entry->keys, entry->call, entry->response, status.code == RPC_OK ? NULL : &status);
}

static void look_up(key_entry *entry) {
  entry->job = (storage_job){.run = read_answer, .done = answer_read, .is_single = true};
  storage_read(entry->keys->db, &entry->job);
}

static key_entry *entry_of(idempotency *keys, rpc_call *call) {
  const char *key = key_of(call);
  if (!key) return NULL;
  pthread_mutex_lock(&keys->lock);
  key_entry *entry = *find_entry(keys, rpc_call_api(call)->name, key);
  pthread_mutex_unlock(&keys->lock);
  return entry && entry->call == call ? entry : NULL;
}

void idempotency_finish(idempotency *keys, rpc_call *call, const ProtobufCMessage *response, const rpc_status *status) {
  key_entry *entry = entry_of(keys, call);
  if (entry && status && strcmp(status->reason, REASON_CONFLICT) == 0) {
    look_up(entry); /* the other's answer is committed: its key was in the way */
  } else {
    answer_all(keys, call, response, status);
  }
}

void idempotency_begin(idempotency *keys, rpc_call *call, const ProtobufCMessage *request, void (*go)(void *arg),
                       void *arg) {
  const char *key = key_of(call);
  if (!key) {
    go(arg);
    return;
  }
  rpc_status status = idempotency_check_key(key);
  rpc_arena *arena = rpc_call_arena(call);
  key_entry *entry = rpc_arena_alloc(arena, sizeof *entry);
  waiter *line = rpc_arena_alloc(arena, sizeof *line);
  if (status.code == RPC_OK && (!entry || !line || !idempotency_fingerprint(call, request, entry->fingerprint))) {
    status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory left for this call");
  }
  if (status.code == RPC_OK) {
    entry->keys = keys;
    entry->call = call;
    entry->method = rpc_call_api(call)->name;
    entry->key = key;
    entry->go = go;
    entry->arg = arg;
    claim_result claim = claim_key(keys, entry, line);
    if (claim == CLAIM_FIRST) look_up(entry);
    if (claim != CLAIM_DIFFERS) return;
    status = idempotency_key_reused(key);
  }
  rpc_call_fail(call, &status);
}

void idempotency_save(idempotency *keys, storage_tx *tx, rpc_call *call, const ProtobufCMessage *response,
                      const rpc_status *status) {
  const key_entry *entry = entry_of(keys, call);
  if (!entry) return;
  rpc_status ok = rpc_status_ok();
  nng_msg *packed = envelope_pack_response(status ? status : &ok, response);
  if (!packed) {
    rpc_status failure = rpc_status_error(RPC_UNAVAILABLE, "OUT_OF_MEMORY", "no memory to keep the answer");
    storage_tx_fail(tx, &failure);
    return;
  }
  storage_begin(tx, IDEMPOTENCY_INSERT);
  storage_bind_text(tx, IDEMPOTENCY_INSERT, 1, entry->method);
  storage_bind_text(tx, IDEMPOTENCY_INSERT, 2, entry->key);
  storage_bind_bytes(tx, IDEMPOTENCY_INSERT, 3, entry->fingerprint, IDEMPOTENCY_FINGERPRINT_SIZE);
  storage_bind_bytes(tx, IDEMPOTENCY_INSERT, 4, nng_msg_body(packed), nng_msg_len(packed));
  storage_bind_integer(tx, IDEMPOTENCY_INSERT, 5, rpc_clock_unix_ms(keys->clock));
  static const storage_condition is_new = {1, REASON_CONFLICT, "another replica is answering this idempotency key"};
  storage_send_begun(tx, IDEMPOTENCY_INSERT, &is_new);
  nng_msg_free(packed);
}

/* --- the keys that are old --- */

static rpc_status expire_keys(void *arg, storage_tx *tx, bool *more) {
  idempotency *keys = arg;
  int64_t oldest_ms = rpc_clock_unix_ms(keys->clock) - keys->kept_ms;
  *more = storage_run(tx, IDEMPOTENCY_EXPIRE, "ii", oldest_ms, (int64_t)EXPIRE_ROUND) == EXPIRE_ROUND;
  return storage_tx_status(tx);
}

idempotency *idempotency_create(storage *db, rpc_clock *clock, int64_t kept_hours) {
  idempotency *keys = calloc(1, sizeof *keys);
  if (!keys) return NULL;
  keys->db = db;
  keys->clock = clock;
  keys->kept_ms = (kept_hours ? kept_hours : IDEMPOTENCY_KEPT_HOURS) * HOUR_MS;
  pthread_mutex_init(&keys->lock, NULL);
  keys->expiry =
      storage_schedule_create(db, clock, EXPIRE_INTERVAL_MS, (storage_chore){.run = expire_keys, .arg = keys});
  if (keys->expiry) return keys;
  idempotency_destroy(keys);
  return NULL;
}

void idempotency_destroy(idempotency *keys) {
  if (!keys) return;
  storage_schedule_destroy(keys->expiry);
  pthread_mutex_destroy(&keys->lock);
  free(keys);
}
