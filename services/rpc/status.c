/* Status values: names of the codes, and making errors whose strings never split a UTF-8 sequence. */
#include "rpc/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "telemetry/utf8.h"

/* A message before it is cut to its field: longer, so that the cut is the one between characters. */
enum { TEXT_SIZE = 512 };

static const char *const code_names[RPC_CODE_COUNT] = {
    "OK",        "CANCELLED",       "UNKNOWN",           "INVALID_ARGUMENT",   "DEADLINE_EXCEEDED",
    "NOT_FOUND", "ALREADY_EXISTS",  "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
    "ABORTED",   "OUT_OF_RANGE",    "UNIMPLEMENTED",     "INTERNAL",           "UNAVAILABLE",
    "DATA_LOSS", "UNAUTHENTICATED",
};

rpc_status rpc_status_ok(void) {
  rpc_status status; /* a call makes a dozen: only what makes its texts empty is written */
  status.code = RPC_OK;
  status.reason[0] = status.field[0] = status.message[0] = '\0';
  for (int i = 0; i < RPC_STATUS_FACTS; i++) status.facts[i].key[0] = status.facts[i].value[0] = '\0';
  return status;
}

rpc_status rpc_status_error(rpc_code code, const char *reason, const char *format, ...) {
  rpc_status status = {.code = code};
  utf8_copy(status.reason, sizeof status.reason, reason);
  char text[TEXT_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  utf8_copy(status.message, sizeof status.message, text);
  return status;
}

rpc_status rpc_status_invalid(const char *field, const char *format, ...) {
  rpc_status status = {.code = RPC_INVALID_ARGUMENT, .reason = "INVALID_FIELD"};
  utf8_copy(status.field, sizeof status.field, field);
  char text[TEXT_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  size_t used = (size_t)snprintf(status.message, sizeof status.message, "%s: ", status.field);
  utf8_copy(status.message + used, sizeof status.message - used, text);
  return status;
}

void rpc_status_set_fact(rpc_status *status, const char *key, const char *value) {
  char kept[sizeof status->facts[0].key] = ""; /* long keys may differ and be the same as kept */
  utf8_copy(kept, sizeof kept, key);
  for (int i = 0; i < RPC_STATUS_FACTS; i++) {
    rpc_status_fact *fact = &status->facts[i];
    if (fact->key[0] != '\0' && strcmp(fact->key, kept) != 0) continue;
    memcpy(fact->key, kept, sizeof kept);
    utf8_copy(fact->value, sizeof fact->value, value);
    return;
  }
}

const char *rpc_status_fact_of(const rpc_status *status, const char *key) {
  for (int i = 0; i < RPC_STATUS_FACTS; i++) {
    if (strcmp(status->facts[i].key, key) == 0) return status->facts[i].value;
  }
  return NULL;
}

const char *rpc_code_name(rpc_code code) {
  return (unsigned)code < RPC_CODE_COUNT ? code_names[code] : "UNKNOWN";
}

bool rpc_code_from_name(const char *name, rpc_code *code) {
  for (int i = 0; i < RPC_CODE_COUNT; i++) {
    if (strcmp(code_names[i], name) != 0) continue;
    *code = (rpc_code)i;
    return true;
  }
  return false;
}
