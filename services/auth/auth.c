/* The callers are few and looked at one by one, all of them each time, so that the time it takes says nothing about
 * which digest a token is close to. */
#include "auth/auth.h"

#include <jansson.h>
#include <math.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/token_bucket.h"
#include "rpc/settings.h"

enum { CALLERS_MAX = 1024, NAME_SIZE = 64, DIGEST_SIZE = 32 };

typedef struct auth_caller {
  char name[NAME_SIZE];
  uint8_t digest[DIGEST_SIZE];
  bool scopes[AUTH_WRITE + 1];
  pthread_mutex_t lock; /* of the bucket */
  token_bucket bucket;
} auth_caller;

struct auth {
  rpc_clock *clock;
  size_t count;
  auth_caller callers[];
};

static const char *const scope_names[] = {[AUTH_READ] = "read", [AUTH_WRITE] = "write"};

/* --- the file --- */

static bool read_digest(const char *text, uint8_t digest[DIGEST_SIZE]) {
  long size;
  if (!text || strlen(text) != 2 * DIGEST_SIZE || strspn(text, "0123456789abcdefABCDEF") != 2 * DIGEST_SIZE) {
    return false;
  }
  uint8_t *bytes = OPENSSL_hexstr2buf(text, &size);
  if (!bytes) return false;
  memcpy(digest, bytes, DIGEST_SIZE);
  OPENSSL_free(bytes);
  return true;
}

static bool read_scopes(const json_t *list, bool scopes[AUTH_WRITE + 1]) {
  size_t i;
  json_t *value;
  if (!json_is_array(list) || json_array_size(list) == 0) return false;
  json_array_foreach(list, i, value) {
    const char *name = json_string_value(value);
    size_t scope = 0;
    while (scope <= AUTH_WRITE && (!name || strcmp(name, scope_names[scope]) != 0)) scope++;
    if (scope > AUTH_WRITE) return false;
    scopes[scope] = true;
  }
  return true;
}

/* A positive number, or `fallback` where there is none; NAN where it is something else. */
static double read_number(const json_t *object, const char *key, double fallback) {
  const json_t *value = json_object_get(object, key);
  if (!value) return fallback;
  double number = json_number_value(value);
  return number > 0 && number <= 1e9 ? number : NAN;
}

static bool has_only_known_keys(json_t *object) {
  static const char *const known[] = {"name", "token_sha256", "scopes", "rate_per_second", "burst"};
  const char *key;
  json_t *value;
  json_object_foreach(object, key, value) {
    size_t i = 0;
    while (i < sizeof known / sizeof *known && strcmp(key, known[i]) != 0) i++;
    if (i == sizeof known / sizeof *known) return false;
  }
  return true;
}

/* NULL where all is well; else what is wrong. */
static const char *read_caller(auth_caller *caller, json_t *object, int64_t now_us) {
  const char *name = json_string_value(json_object_get(object, "name"));
  if (!json_is_object(object) || !has_only_known_keys(object))
    return "name, token_sha256, scopes, rate_per_second, burst";
  if (!name || !*name || strlen(name) >= NAME_SIZE) return "name: 1 to 63 characters";
  strcpy(caller->name, name);
  if (!read_digest(json_string_value(json_object_get(object, "token_sha256")), caller->digest)) {
    return "token_sha256: 64 hexadecimal digits";
  }
  if (!read_scopes(json_object_get(object, "scopes"), caller->scopes)) return "scopes: a list of read and write";
  double rate = read_number(object, "rate_per_second", 0);
  double burst = read_number(object, "burst", rate);
  if (isnan(rate) || isnan(burst)) return "rate_per_second, burst: numbers above 0";
  caller->bucket = token_bucket_make(rate, burst, now_us);
  return NULL;
}

static auth *read_callers(const char *file, json_t *list, rpc_clock *clock, rpc_status *status) {
  size_t count = json_array_size(list);
  if (!json_is_array(list) || count > CALLERS_MAX) {
    *status =
        rpc_status_error(RPC_INVALID_ARGUMENT, "TOKENS_FILE", "%s: callers: a list of at most %d", file, CALLERS_MAX);
    return NULL;
  }
  auth *self = calloc(1, sizeof *self + count * sizeof self->callers[0]);
  if (!self) {
    *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for the callers");
    return NULL;
  }
  self->clock = clock;
  for (; self->count < count; self->count++) {
    auth_caller *caller = &self->callers[self->count];
    pthread_mutex_init(&caller->lock, NULL);
    const char *wrong = read_caller(caller, json_array_get(list, self->count), rpc_clock_now_us(clock));
    if (!wrong) continue;
    *status = rpc_status_error(RPC_INVALID_ARGUMENT, "TOKENS_FILE", "%s: callers[%zu]: expected %s", file, self->count,
                               wrong);
    auth_close(self);
    return NULL;
  }
  return self;
}

auth *auth_open(const char *file, rpc_clock *clock, rpc_status *status) {
  json_error_t error;
  *status = rpc_status_ok();
  json_t *document = json_load_file(file, JSON_REJECT_DUPLICATES, &error);
  if (!document) {
    *status = rpc_status_error(RPC_INVALID_ARGUMENT, "TOKENS_FILE", "%s: line %d: %s", file, error.line, error.text);
    return NULL;
  }
  auth *self = read_callers(file, json_object_get(document, "callers"), clock, status);
  json_decref(document);
  return self;
}

auth *auth_open_from_settings(rpc_clock *clock, rpc_status *status) {
  const char *file = settings_text("STORE_TOKENS_FILE", NULL);
  *status = rpc_status_ok();
  return file ? auth_open(file, clock, status) : NULL;
}

void auth_close(auth *self) {
  if (!self) return;
  for (size_t i = 0; i < self->count; i++) pthread_mutex_destroy(&self->callers[i].lock);
  free(self);
}

/* --- a call --- */

static auth_caller *find_caller(auth *self, const char *token) {
  uint8_t digest[DIGEST_SIZE];
  auth_caller *found = NULL;
  if (EVP_Digest(token, strlen(token), digest, NULL, EVP_sha256(), NULL) != 1) return NULL;
  for (size_t i = 0; i < self->count; i++) {
    if (CRYPTO_memcmp(digest, self->callers[i].digest, DIGEST_SIZE) == 0) found = &self->callers[i];
  }
  return found;
}

static rpc_status check_rate(auth *self, auth_caller *caller) {
  pthread_mutex_lock(&caller->lock);
  int64_t wait_us = token_bucket_take(&caller->bucket, rpc_clock_now_us(self->clock));
  pthread_mutex_unlock(&caller->lock);
  if (wait_us == 0) return rpc_status_ok();
  char seconds[24];
  snprintf(seconds, sizeof seconds, "%lld", (long long)((wait_us + 999999) / 1000000));
  rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, AUTH_REASON_RATE, "%s may make %g calls a second",
                                       caller->name, caller->bucket.rate);
  rpc_status_set_fact(&status, AUTH_FACT_RETRY_AFTER, seconds);
  return status;
}

rpc_status auth_check(auth *self, auth_scope scope, const char *authorization) {
  static const char scheme[] = "Bearer "; /* of any case, RFC 9110 §11.1 */
  if (!authorization) {
    return rpc_status_error(RPC_UNAUTHENTICATED, AUTH_REASON_MISSING, "a bearer token is needed");
  }
  bool is_bearer = strncasecmp(authorization, scheme, sizeof scheme - 1) == 0;
  auth_caller *caller = is_bearer ? find_caller(self, authorization + sizeof scheme - 1) : NULL;
  if (!caller) return rpc_status_error(RPC_UNAUTHENTICATED, AUTH_REASON_INVALID, "the token is nobody's");
  if (!caller->scopes[scope]) {
    return rpc_status_error(RPC_PERMISSION_DENIED, AUTH_REASON_SCOPE, "%s has no scope %s", caller->name,
                            scope_names[scope]);
  }
  return check_rate(self, caller);
}

rpc_status auth_check_method(void *arg, const api_method *method, const char *authorization) {
  static const char health[] = "/rpc.v1.Health/";
  if (strncmp(method->name, health, sizeof health - 1) == 0) return rpc_status_ok();
  bool is_builtin = strncmp(method->name, "/rpc.v1.", 8) == 0; /* they only tell */
  return auth_check(arg, method->no_side_effects || is_builtin ? AUTH_READ : AUTH_WRITE, authorization);
}
