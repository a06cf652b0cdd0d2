/* Who may call what: bearer tokens (RFC 6750), a file of them with the scopes and the rate of each caller. The gateway
 * asks at its door, the services at theirs, each with the same file. Without a file everybody may do everything, which
 * is the default on the loopback address.
 *
 *   {"callers": [{"name": "demo-runner", "token_sha256": "<64 hexadecimal digits>", "scopes": ["read", "write"],
 *                 "rate_per_second": 100, "burst": 200}]}
 *
 * The file has digests, no tokens: whoever reads it can call nothing. rate_per_second and burst may be left out: no
 * limit, and a second's worth. */
#pragma once

#include "api.h"
#include "rpc/clock.h"
#include "rpc/status.h"

typedef struct auth auth;

typedef enum auth_scope {
  AUTH_READ,  /* methods with NO_SIDE_EFFECTS in their .proto; metrics, traces, reflection */
  AUTH_WRITE, /* all others */
} auth_scope;

/* Reasons of refusals. */
#define AUTH_REASON_MISSING "TOKEN_MISSING" /* UNAUTHENTICATED */
#define AUTH_REASON_INVALID "TOKEN_INVALID" /* UNAUTHENTICATED */
#define AUTH_REASON_SCOPE "SCOPE_MISSING"   /* PERMISSION_DENIED */
#define AUTH_REASON_RATE "RATE_LIMITED"     /* RESOURCE_EXHAUSTED, with the fact: */
#define AUTH_FACT_RETRY_AFTER "retry_after" /* whole seconds, as in the HTTP header */

/* Reads the file. NULL where it cannot be read or something in it is wrong, with a line that names it in *status. The
 * clock outlives it. */
auth *auth_open(const char *file, rpc_clock *clock, rpc_status *status);

/* As STORE_TOKENS_FILE says; NULL, with RPC_OK, where it is not set. */
auth *auth_open_from_settings(rpc_clock *clock, rpc_status *status);

/* NULL is ignored. */
void auth_close(auth *auth);

/* Whether the caller whose token stands in `authorization` (the header's value; NULL: absent) has the scope, and has
 * not used up its rate, of which this takes one. From any thread. */
rpc_status auth_check(auth *auth, auth_scope scope, const char *authorization);

/* The same for a method, with an auth as arg: an rpc_authorize_fn. Health is open to all, for probes. */
rpc_status auth_check_method(void *arg, const api_method *method, const char *authorization);
