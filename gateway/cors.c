/* See cors.h. Nothing here goes with credentials (Access-Control-Allow-Credentials): a token is sent by the page
 * itself, in a header that it names in its preflight. */
#include "gateway/cors.h"

#include <stdio.h>
#include <string.h>

#include "gateway/pages.h"

#define ALLOWED_HEADERS "authorization, content-type, idempotency-key, request-timeout, traceparent, x-correlation-id"
#define EXPOSED_HEADERS "x-correlation-id, retry-after, www-authenticate"
#define PREFLIGHT_SECONDS "600"

bool cors_allows(const char *origins, const char *origin, size_t length) {
  if (!origins || length == 0) return false;
  if (strcmp(origins, "*") == 0) return true;
  for (const char *at = origins; *at;) {
    size_t size = strcspn(at, ", ");
    if (size == length && memcmp(at, origin, length) == 0) return true;
    at += size;
    at += strspn(at, ", ");
  }
  return false;
}

static h2o_iovec_t origin_of(const h2o_req_t *req) {
  ssize_t at = h2o_find_header_by_str(&req->headers, H2O_STRLIT("origin"), -1);
  return at < 0 ? h2o_iovec_init(NULL, 0) : req->headers.entries[at].value;
}

static bool is_allowed(const exchange *self) {
  h2o_iovec_t origin = origin_of(self->req);
  return cors_allows(self->listener->server->config.cors_origins, origin.base, origin.len);
}

static void add(h2o_req_t *req, const char *name, h2o_iovec_t value) {
  h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 0, NULL, value.base, value.len);
}

static void add_text(h2o_req_t *req, const char *name, const char *value) {
  add(req, name, h2o_iovec_init(value, strlen(value)));
}

void cors_add_headers(const exchange *self) {
  const char *origins = self->listener->server->config.cors_origins;
  h2o_req_t *req = self->req;
  if (!origins) return;
  bool is_any = strcmp(origins, "*") == 0;
  if (!is_any) add_text(req, "vary", "origin"); /* caches keep the answers apart */
  if (!is_allowed(self)) return;
  add(req, "access-control-allow-origin", is_any ? h2o_iovec_init(H2O_STRLIT("*")) : origin_of(req));
  add_text(req, "access-control-expose-headers", EXPOSED_HEADERS);
}

/* False where there is nothing at the path. */
static bool find_methods(exchange *self) {
  h2o_iovec_t path = exchange_path(self), method = self->req->method;
  route_match match = {.route = NULL};
  rpc_status status;
  if (h2o_memis(path.base, path.len, H2O_STRLIT("*"))) { /* RFC 9110 §9.3.7: the gateway as a whole */
    snprintf(self->allow, sizeof self->allow, "GET, HEAD, POST");
    return true;
  }
  if (pages_has(path)) {
    snprintf(self->allow, sizeof self->allow, "GET, HEAD");
    return true;
  }
  routes_match(self->listener->routes, method.base, method.len, path.base, path.len, &self->arena, &match, &status);
  memcpy(self->allow, match.allow, sizeof self->allow);
  return self->allow[0] != '\0';
}

void cors_answer_options(exchange *self) {
  if (!find_methods(self)) {
    rpc_status status = rpc_status_error(RPC_NOT_FOUND, "NO_SUCH_ENDPOINT", "there is nothing at this path");
    exchange_fail(self, &status, 0);
    exchange_send(self);
    return;
  }
  strncat(self->allow, ", OPTIONS", sizeof self->allow - strlen(self->allow) - 1);
  if (is_allowed(self)) {
    add(self->req, "access-control-allow-methods", h2o_strdup(&self->req->pool, self->allow, SIZE_MAX));
    add_text(self->req, "access-control-allow-headers", ALLOWED_HEADERS);
    add_text(self->req, "access-control-max-age", PREFLIGHT_SECONDS);
  }
  exchange_reply(self, 204, NULL);
  exchange_send(self);
}
