/* Life of an exchange. Its memory is its own, not h2o's: it ends when it is both answered and let go by the request's
 * pool, whichever comes last, so a completion never finds it gone. */
#include "gateway/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "gateway/accept.h"
#include "gateway/cors.h"
#include "gateway/problem.h"
#include "rpc/metadata.h"

enum { HEADERS_ARENA = 64 * 1024, STREAM_BUFFER = 64 * 1024 };

/* In the request's pool: tells the exchange that h2o is done with the request, sent or not. */
typedef struct pool_link {
  exchange *self;
} pool_link;

void gateway_endpoint_init(gateway_endpoint *endpoint, gateway *server, const gateway_backend *backend,
                           const char *method, const char *path) {
  endpoint->server = server;
  endpoint->backend = backend;
  endpoint->method = method;
  endpoint->path = path;
  endpoint->duration = metrics_series_get(server->durations, (const char *const[]){method, path});
}

static void count(const exchange *self) {
  gateway_endpoint *endpoint = self->endpoint;
  gateway *server = endpoint->server;
  metrics_series **series = &endpoint->by_status[self->http_status];
  if (!*series) {
    char code[12];
    snprintf(code, sizeof code, "%d", self->http_status);
    *series = metrics_series_get(server->requests, (const char *const[]){endpoint->method, endpoint->path, code});
  }
  metrics_add(*series, 1);
  metrics_observe_traced_us(endpoint->duration, rpc_clock_now_us(server->config.clock) - self->started_us,
                            &self->span.context);
  metrics_add(server->in_flight, -1);
}

static void exchange_free(exchange *self) {
  gateway *server = self->listener->server;
  json_writer_free(&self->body);
  rpc_arena_free(&self->arena);
  free(self);
  atomic_fetch_sub(&server->alive, 1);
}

static void on_request_gone(void *pointer) {
  exchange *self = ((pool_link *)pointer)->self;
  if (self->is_stream && !self->is_sending) connection_answer(self->client, 0); /* between parts it is owed nothing */
  connection_end_request(self->client, self->is_answered, self->sent);
  self->req = NULL;
  if (self->is_answered) exchange_free(self);
}

/* "GET http://host/path", as to a proxy, is for us too (RFC 9112 §3.2.2). */
static void strip_origin(h2o_req_t *req) {
  h2o_url_t url;
  bool is_path = req->path.len > 0 && (req->path.base[0] == '/' || req->path.base[0] == '*');
  if (is_path || h2o_url_parse(req->path.base, req->path.len, &url) != 0) return;
  const char *query = memchr(url.path.base, '?', url.path.len);
  req->path = url.path;
  req->query_at = query ? (size_t)(query - url.path.base) : SIZE_MAX;
}

exchange *exchange_begin(gateway_listener *listener, h2o_req_t *req) {
  gateway *server = listener->server;
  exchange *self = calloc(1, sizeof *self);
  if (!self) {
    h2o_send_error_503(req, "Service Unavailable", "no memory", 0);
    return NULL;
  }
  self->listener = listener;
  self->req = req;
  self->started_us = rpc_clock_now_us(server->config.clock);
  self->endpoint = &server->unmatched;
  self->body = json_writer_make(EXCHANGE_BODY_MAX);
  rpc_arena_init(&self->arena, HEADERS_ARENA);
  pool_link *link = h2o_mem_alloc_shared(&req->pool, sizeof *link, on_request_gone);
  link->self = self;
  self->client = connection_begin_request(req);
  strip_origin(req);
  atomic_fetch_add(&server->alive, 1);
  atomic_fetch_add(&server->pending, 1);
  metrics_add(server->in_flight, 1);
  rpc_status status;
  int http_status = 0;
  if (headers_read(req, &self->arena, server->config.random, &self->headers, &http_status, &status)) return self;
  req->http1_is_persistent = 0; /* who knows where the next request begins */
  exchange_fail(self, &status, http_status);
  exchange_send(self);
  return NULL;
}

h2o_iovec_t exchange_path(const exchange *self) {
  const h2o_req_t *req = self->req;
  return h2o_iovec_init(req->path.base, req->query_at != SIZE_MAX ? req->query_at : req->path.len);
}

h2o_iovec_t exchange_query(const exchange *self) {
  const h2o_req_t *req = self->req;
  if (req->query_at == SIZE_MAX) return h2o_iovec_init(NULL, 0);
  return h2o_iovec_init(req->path.base + req->query_at + 1, req->path.len - req->query_at - 1);
}

bool exchange_is(const exchange *self, const char *method) {
  return h2o_memis(self->req->method.base, self->req->method.len, method, strlen(method));
}

int exchange_accepts(const exchange *self, const char *type) {
  h2o_req_t *req = self->req;
  h2o_iovec_t all = h2o_iovec_init("", 0);
  for (ssize_t at = -1; (at = h2o_find_header(&req->headers, H2O_TOKEN_ACCEPT, at)) >= 0;) {
    h2o_iovec_t line = req->headers.entries[at].value;
    all = all.len == 0 ? line : h2o_concat(&req->pool, all, h2o_iovec_init(H2O_STRLIT(",")), line);
  }
  return accept_weight(all.base, all.len, type);
}

rpc_call_options exchange_call_options(exchange *self) {
  rpc_call_options options = {
      .idempotency_key = self->headers.idempotency_key,
      .correlation_id = self->headers.correlation_id,
      .parent = self->span.name ? &self->span.context : &self->headers.parent,
  };
  if (self->headers.authorization) {
    self->authorization = (rpc_metadata){RPC_METADATA_AUTHORIZATION, self->headers.authorization};
    options.metadata = &self->authorization;
    options.metadata_count = 1;
  }
  if (self->headers.timeout_ms) options.deadline_us = self->started_us + (int64_t)self->headers.timeout_ms * 1000;
  return options;
}

static void end_span(exchange *self, const rpc_status *status) {
  trace_span *span = &self->span;
  const char *reason = status->reason[0] ? status->reason : rpc_code_name(status->code);
  if (!span->name) return;
  trace_span_set_text(span, "http.request.method", self->endpoint->method);
  trace_span_set_text(span, "http.route", self->endpoint->path);
  trace_span_set_number(span, "http.response.status_code", self->http_status);
  trace_span_set_text(span, "url.scheme", self->listener->server->tls ? "https" : "http");
  trace_span_end(self->listener->server->config.traces, span, (int)status->code, self->headers.correlation_id,
                 status->code == RPC_OK ? NULL : reason);
}

static void settle(exchange *self, const rpc_status *status) {
  const gateway_config *config = &self->listener->server->config;
  end_span(self, status);
  if (status->code == RPC_OK || self->http_status < 500) return;
  log_at(config->log, LOG_WARN, "request failed", LOG_TEXT("path", self->endpoint->path),
         LOG_TEXT("code", rpc_code_name(status->code)), LOG_TEXT("reason", status->reason),
         LOG_TEXT("detail", status->message), LOG_TEXT("correlation_id", self->headers.correlation_id));
}

void exchange_reply(exchange *self, int http_status, const char *content_type) {
  if (self->body.failed) {
    rpc_status status = rpc_status_error(RPC_INTERNAL, "UNWRITABLE_RESPONSE", "the response cannot be written as JSON");
    exchange_fail(self, &status, 0);
    return;
  }
  self->http_status = http_status;
  self->content_type = content_type;
  rpc_status ok = rpc_status_ok();
  settle(self, &ok);
}

/* The error of RFC 6750 §3.1; a request without a token is only told what it takes. */
static const char *challenge_of(const rpc_status *status) {
  if (strcmp(status->reason, AUTH_REASON_INVALID) == 0) return "Bearer realm=\"store\", error=\"invalid_token\"";
  if (strcmp(status->reason, AUTH_REASON_SCOPE) == 0) return "Bearer realm=\"store\", error=\"insufficient_scope\"";
  return status->code == RPC_UNAUTHENTICATED ? "Bearer realm=\"store\"" : NULL;
}

static void set_retry_after(exchange *self, const rpc_status *status) {
  const char *seconds = rpc_status_fact_of(status, AUTH_FACT_RETRY_AFTER);
  bool is_temporary = self->http_status == 429 || self->http_status == 503;
  if (is_temporary) snprintf(self->retry_after, sizeof self->retry_after, "%s", seconds ? seconds : "1");
}

bool exchange_authorize(exchange *self, auth_scope scope) {
  auth *callers = self->listener->server->config.auth;
  if (!callers) return true;
  rpc_status status = auth_check(callers, scope, self->headers.authorization);
  if (status.code == RPC_OK) return true;
  exchange_fail(self, &status, 0);
  exchange_send(self);
  return false;
}

void exchange_fail(exchange *self, const rpc_status *status, int http_status) {
  self->http_status = http_status ? http_status : problem_http_status(status->code);
  self->challenge = challenge_of(status);
  set_retry_after(self, status);
  self->content_type = PROBLEM_CONTENT_TYPE;
  self->body.length = 0;
  self->body.failed = false;
  problem_write(&self->body, status, self->http_status, self->headers.correlation_id);
  settle(self, status);
}

static void add_header(h2o_req_t *req, const char *name, const char *value) {
  h2o_add_header_by_str(&req->pool, &req->res.headers, name, strlen(name), 1, NULL, value, strlen(value));
}

static void add_headers(h2o_req_t *req, const exchange *self) {
  if (self->content_type) add_header(req, "content-type", self->content_type);
  if (self->content_encoding) add_header(req, "content-encoding", self->content_encoding);
  add_header(req, "x-correlation-id", self->headers.correlation_id);
  if (self->policy) add_header(req, "content-security-policy", self->policy);
  if (self->vary) add_header(req, "vary", self->vary);
  if (self->allow[0]) add_header(req, "allow", self->allow);
  cors_add_headers(self);
  if (self->challenge) add_header(req, "www-authenticate", self->challenge);
  if (self->retry_after[0]) add_header(req, "retry-after", self->retry_after);
}

void exchange_send(exchange *self) {
  gateway *server = self->listener->server;
  h2o_req_t *req = self->req;
  count(self);
  self->is_answered = true;
  atomic_fetch_sub(&server->pending, 1);
  if (!req) {
    exchange_free(self);
    return;
  }
  static h2o_generator_t generator = {NULL, NULL}; /* all is sent at once: nothing to proceed with or to stop */
  req->res.status = self->http_status;
  req->res.reason = problem_http_phrase(self->http_status);
  req->res.content_length = self->body.length;
  add_headers(req, self);
  if (server->context.shutdown_requested) req->http1_is_persistent = 0;
  h2o_iovec_t body = h2o_iovec_init(self->body.bytes, self->body.length);
  bool has_body = body.len > 0 && !exchange_is(self, "HEAD");
  self->sent = body.len;
  connection_answer(self->client, body.len);
  h2o_start_response(req, &generator);
  h2o_send(req, &body, has_body ? 1 : 0, H2O_SEND_STATE_FINAL); /* the exchange may be gone after this */
}

void exchange_begin_stream(exchange *self, const char *content_type, h2o_generator_t *generator) {
  h2o_req_t *req = self->req;
  self->content_type = content_type;
  self->http_status = 200;
  count(self);
  self->is_answered = self->is_stream = true;
  atomic_fetch_sub(&self->listener->server->pending, 1);
  req->res.status = 200;
  req->res.reason = problem_http_phrase(200);
  req->res.mime_attr = &h2o_mime_attributes_as_is;
  add_headers(req, self);
  add_header(req, "cache-control", "no-store");
  h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
  int held = STREAM_BUFFER; /* by the kernel, for a client that takes nothing */
  if (socket) setsockopt(h2o_socket_get_fd(socket), SOL_SOCKET, SO_SNDBUF, &held, sizeof held);
  h2o_start_response(req, generator);
}

void exchange_send_part(exchange *self, const char *bytes, size_t length) {
  h2o_iovec_t part = h2o_iovec_init(bytes, length);
  self->sent = length;
  self->is_sending = true;
  connection_answer(self->client, length);
  h2o_send(self->req, &part, 1, H2O_SEND_STATE_IN_PROGRESS);
}

void exchange_part_taken(exchange *self) {
  connection_part_taken(self->client, self->sent);
  self->sent = 0;
  self->is_sending = false;
}

void exchange_end_stream(exchange *self) {
  self->is_sending = true; /* of its end */
  connection_answer(self->client, 0);
  self->req->http1_is_persistent = 0;
  h2o_send(self->req, NULL, 0, H2O_SEND_STATE_FINAL);
}

void exchange_post(exchange *self) {
  h2o_multithread_send_message(&self->listener->server->replies, &self->message);
}

void exchange_receive(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages) {
  (void)receiver;
  while (!h2o_linklist_is_empty(messages)) {
    exchange *self = H2O_STRUCT_FROM_MEMBER(exchange, message.link, messages->next);
    h2o_linklist_unlink(&self->message.link);
    exchange_send(self);
  }
}
