/* The outcome of a call: a canonical gRPC status code, a message for people, and a reason for programs.
 * A plain value of fixed size: copied freely, owned by whoever holds it, nothing to free. */
#pragma once

#include <stdbool.h>

/* The canonical codes by name and number (rpc.v1.Code). */
typedef enum rpc_code {
  RPC_OK = 0,
  RPC_CANCELLED = 1,
  RPC_UNKNOWN = 2,
  RPC_INVALID_ARGUMENT = 3,
  RPC_DEADLINE_EXCEEDED = 4,
  RPC_NOT_FOUND = 5,
  RPC_ALREADY_EXISTS = 6,
  RPC_PERMISSION_DENIED = 7,
  RPC_RESOURCE_EXHAUSTED = 8,
  RPC_FAILED_PRECONDITION = 9,
  RPC_ABORTED = 10,
  RPC_OUT_OF_RANGE = 11,
  RPC_UNIMPLEMENTED = 12,
  RPC_INTERNAL = 13,
  RPC_UNAVAILABLE = 14,
  RPC_DATA_LOSS = 15,
  RPC_UNAUTHENTICATED = 16,
} rpc_code;

enum { RPC_CODE_COUNT = 17, RPC_STATUS_FACTS = 2 };

/* Reasons of RESOURCE_EXHAUSTED: the server is overloaded, nothing was begun; so it is, and was not even asked. */
#define RPC_REASON_OVERLOADED "OVERLOADED"
#define RPC_REASON_THROTTLED "THROTTLED"

/* A fact about an error, such as order_id: "ORD-…" (ErrorDetail.metadata). */
typedef struct rpc_status_fact {
  char key[24];
  char value[72];
} rpc_status_fact;

/* Strings too long for their field are cut at a UTF-8 boundary. Unused strings are empty. */
typedef struct rpc_status {
  rpc_code code;
  char reason[48];   /* UPPER_SNAKE_CASE, for programs */
  char field[96];    /* path of the request field at fault */
  char message[256]; /* for people */
  rpc_status_fact facts[RPC_STATUS_FACTS];
} rpc_status;

rpc_status rpc_status_ok(void);

/* An error. reason may be "" or NULL. The message is made as by printf. */
rpc_status rpc_status_error(rpc_code code, const char *reason, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* INVALID_ARGUMENT about one field: reason INVALID_FIELD; the message becomes "field: text". */
rpc_status rpc_status_invalid(const char *field, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Adds a fact or replaces the one of that key; dropped when all facts are in use. */
void rpc_status_set_fact(rpc_status *status, const char *key, const char *value);

/* NULL where the status has no such fact. Lives as long as the status. */
const char *rpc_status_fact_of(const rpc_status *status, const char *key);

/* "FAILED_PRECONDITION"; "UNKNOWN" for a number that is no code. */
const char *rpc_code_name(rpc_code code);

/* False where the name is no code's. */
bool rpc_code_from_name(const char *name, rpc_code *code);
