/* One HTTP request from its arrival to its answer, inside the gateway. The event loop begins it; the answer is made on
 * whichever thread has it (exchange_reply or exchange_fail, once), then sent on the loop: with exchange_send from the
 * loop itself, with exchange_post from any other thread. The client may be gone by then; the exchange knows. */
#pragma once

#include <h2o.h>
#include <stdbool.h>

#include "gateway/gateway.h"
#include "gateway/headers.h"
#include "gateway/json_write.h"

enum { EXCHANGE_BODY_MAX = 16 * 1024 * 1024 };

typedef struct exchange {
  h2o_multithread_message_t message; /* on its way to the loop */
  gateway_listener *listener;
  gateway_endpoint *endpoint;
  h2o_req_t *req;     /* NULL once the client is gone; the loop's */
  bool is_answered;   /* nothing is under way any more; the loop's, as what follows */
  connection *client; /* valid while req is */
  size_t sent;        /* bytes of the answer that h2o was given, and the client may not have taken yet */
  bool is_stream;     /* the answer goes in parts, */
  bool is_sending;    /* one of which is under way */
  rpc_arena arena;
  request_headers headers;
  rpc_metadata authorization; /* the header, for the services */
  trace_span span;            /* its name is NULL where none was opened */
  int64_t started_us;
  /* the answer */
  int http_status;
  const char *content_type;
  const char *content_encoding; /* of a body that is compressed already; NULL for any other */
  const char *policy;           /* Content-Security-Policy, of a page for browsers; NULL: none */
  const char *vary;             /* the request's header that the answer depends on; NULL: none */
  char allow[ROUTE_ALLOW_SIZE]; /* of a 405 */
  const char *challenge;        /* of a 401 or 403; NULL: none */
  char retry_after[16];         /* seconds; of a 429 or 503 */
  json_writer body;
} exchange;

/* Begins the exchange of a request. NULL: it has been answered already, since its headers cannot be used. */
exchange *exchange_begin(gateway_listener *listener, h2o_req_t *req);

/* The request's path and query (without '?'), as sent; whether its method is `method`. On the loop, while nothing is
 * under way. */
h2o_iovec_t exchange_path(const exchange *self);
h2o_iovec_t exchange_query(const exchange *self);
bool exchange_is(const exchange *self, const char *method);

/* How much the client wants that media type, from 0 to ACCEPT_WEIGHT_MAX: accept.h, over all lines of its Accept (RFC
 * 9110 §5.3). As exchange_path. */
int exchange_accepts(const exchange *self, const char *type);

/* What to say beside a call made for this exchange; valid until it is answered. */
rpc_call_options exchange_call_options(exchange *self);

/* False where the caller may not: the exchange is answered then. */
bool exchange_authorize(exchange *self, auth_scope scope);

/* A success, whose body has been written to self->body. content_type: a literal, or in the exchange's arena. */
void exchange_reply(exchange *self, int http_status, const char *content_type);

/* An error, as problem details. http_status 0: that of the code. */
void exchange_fail(exchange *self, const rpc_status *status, int http_status);

/* From here on the exchange is not the caller's. */
void exchange_send(exchange *self);
void exchange_post(exchange *self);

/* A success that is sent in parts, as they come; nothing of it may be compressed or stored on the way. It counts as
 * answered from here on. generator: proceed is called when a part has been taken (and then calls exchange_part_taken),
 * stop when the client is gone, with the exchange still there. On the loop. */
void exchange_begin_stream(exchange *self, const char *content_type, h2o_generator_t *generator);

/* Sends a part while none is under way; the bytes live until it is taken. */
void exchange_send_part(exchange *self, const char *bytes, size_t length);
void exchange_part_taken(exchange *self);

/* Ends the stream while no part is under way: neither function of the generator is called any more, and the exchange is
 * not the caller's. */
void exchange_end_stream(exchange *self);

/* Sends what was posted: the callback of the receiver on the loop's queue. */
void exchange_receive(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages);
