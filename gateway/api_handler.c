/* A request for a method of a service: its route, its message, the call, and the answer as JSON. There is no code for
 * any one endpoint here: the tables in gen/ say it all. */
#include "gateway/api_handler.h"

#include <string.h>

#include "gateway/transcode.h"
#include "rpc/metadata.h"

enum { URI_MAX = 8192, MESSAGE_GROWTH_MAX = 16 /* a message may take that many times the size of its JSON */ };

/* On a thread of the RPC client, which spares the loop the writing of JSON. */
static void on_response(rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  (void)done;
  exchange *self = arg;
  if (status->code == RPC_OK) {
    json_write_message(&self->body, response);
    exchange_reply(self, 200, "application/json");
  } else {
    exchange_fail(self, status, 0);
  }
  exchange_post(self);
}

/* Finds the route. HTTP's own status is 0 where the code's will do. */
static rpc_status find_route(exchange *self, rpc_arena *arena, route_match *match, int *http_status) {
  h2o_iovec_t path = exchange_path(self), method = self->req->method;
  if (self->req->path.len > URI_MAX) {
    *http_status = 414;
    return rpc_status_error(RPC_INVALID_ARGUMENT, "URI_TOO_LONG", "path and query may have %d bytes", URI_MAX);
  }
  rpc_status status;
  if (!routes_match(self->listener->routes, method.base, method.len, path.base, path.len, arena, match, &status)) {
    return status;
  }
  if (match->route) return rpc_status_ok();
  int shown = path.len < 100 ? (int)path.len : 100;
  if (!match->allow[0]) {
    return rpc_status_error(RPC_NOT_FOUND, "NO_SUCH_ENDPOINT", "there is nothing at %.*s", shown, path.base);
  }
  *http_status = 405;
  memcpy(self->allow, match->allow, sizeof self->allow);
  return rpc_status_error(RPC_UNIMPLEMENTED, "METHOD_NOT_ALLOWED", "%.*s answers %s", shown, path.base, match->allow);
}

/* What can be said against the request before its body is looked into. */
static rpc_status check_request(const exchange *self, int *http_status) {
  const gateway *server = self->listener->server;
  const char *content_type = self->headers.content_type;
  if (self->req->entity.len > server->config.max_body) {
    *http_status = 413;
    return rpc_status_error(RPC_INVALID_ARGUMENT, "BODY_TOO_LARGE", "body: may have %zu bytes",
                            server->config.max_body);
  }
  if (exchange_accepts(self, "application/json") == 0) {
    *http_status = 406;
    return rpc_status_error(RPC_INVALID_ARGUMENT, "NOT_ACCEPTABLE", "accept: there is application/json only");
  }
  if (self->req->entity.len > 0 && content_type && !transcode_is_json(content_type, strlen(content_type))) {
    *http_status = 415;
    return rpc_status_error(RPC_INVALID_ARGUMENT, "UNSUPPORTED_MEDIA_TYPE", "content-type: must be application/json");
  }
  if (atomic_load(&server->pending) > server->config.max_in_flight) {
    return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "TOO_MANY_REQUESTS",
                            "the gateway has %u requests in flight already", server->config.max_in_flight);
  }
  return rpc_status_ok();
}

/* A write without a key gets one of its own: lost on its way to a replica that ends, it can be sent to another, which
 * the client would not dare. */
static void call(exchange *self, const api_method *method, const ProtobufCMessage *message) {
  rpc_call_options options = exchange_call_options(self);
  char key[RPC_RANDOM_UUID_SIZE];
  if (!options.idempotency_key && !method->idempotent) {
    const gateway_config *config = &self->listener->server->config;
    rpc_random_uuid(config->random, rpc_clock_unix_ms(config->clock), key);
    options.idempotency_key = key;
  }
  options.is_admitted = true; /* it was asked before */
  rpc_completion completion = {.thunk = on_response, .arg = self};
  rpc_client_call(self->endpoint->backend->client, method, message, &options,
                  completion); /* the exchange may be gone now */
}

void api_handle(exchange *self) {
  gateway *server = self->listener->server;
  rpc_arena arena; /* the request's message: packed, and needed no more, once the call has begun */
  rpc_arena_init(&arena, (server->config.max_body + URI_MAX) * MESSAGE_GROWTH_MAX);
  int http_status = 0;
  route_match match = {.route = NULL};
  ProtobufCMessage *message = NULL;
  rpc_status status = find_route(self, &arena, &match, &http_status);
  if (status.code == RPC_OK && match.route) {
    size_t count;
    self->endpoint = &self->listener->endpoints[match.route - routes_all(self->listener->routes, &count)];
    self->span = trace_span_start(server->config.traces, match.route->name, TRACE_SERVER, &self->headers.parent);
    auth *callers = server->config.auth;
    if (callers) status = auth_check_method(callers, match.route->method, self->headers.authorization);
    if (status.code == RPC_OK) status = check_request(self, &http_status);
    if (status.code == RPC_OK) rpc_client_admits(self->endpoint->backend->client, match.route->method, &status);
  }
  if (status.code == RPC_OK) {
    h2o_iovec_t query = exchange_query(self), body = self->req->entity;
    message = transcode_read(&match, &(transcode_request){query.base, query.len, body.base, body.len}, &arena, &status);
  }
  if (message) {
    call(self, match.route->method, message);
  } else {
    exchange_fail(self, &status, http_status);
    exchange_send(self);
  }
  rpc_arena_free(&arena);
}
