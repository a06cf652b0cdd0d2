/* The clients' connections: how many there are, how slow each may be, and how much all of them may hold. Over HTTP/1.1
 * h2o itself bounds the time that a request may take to arrive; what it leaves open is looked at here, ten times a
 * second:
 *   - a request over HTTP/2 that takes longer than request_timeout_ms to arrive, its headers or its body
 *   - an answer that is not taken in that time, and that time again for each MiB of it
 *   - a connection that has had no request for twice that time, whatever else it sends (PING, SETTINGS, …)
 *   - requests that arrive and answers that wait, past max_buffered bytes in all: those who hold more than their share
 * go
 *   - streams that are reset before they are answered, past a rate (CVE-2023-44487)
 * Each ends the connection, and is counted. Called by server.c and exchange.c, on the event loop. */
#pragma once

#include <h2o.h>
#include <stdbool.h>

#include "rpc/clock.h"
#include "telemetry/metrics.h"

typedef enum connections_reason {
  CONNECTION_SLOW_REQUEST,
  CONNECTION_SLOW_ANSWER,
  CONNECTION_IDLE,
  CONNECTION_BUFFERS,
  CONNECTION_RESETS,
  CONNECTION_REASONS
} connections_reason;

typedef struct connections_limits {
  unsigned connections;
  uint32_t request_timeout_ms;
  size_t buffered; /* bytes */
} connections_limits;

/* One of them. */
typedef struct connection connection;

typedef struct connections {
  connections_limits limits;
  rpc_clock *clock;
  void (*on_room)(void *arg); /* called when there is room again, after they were full */
  void *arg;
  unsigned count;
  /* the rest is its own */
  h2o_linklist_t all;
  h2o_context_t *context;
  h2o_timeout_t interval;
  h2o_timeout_entry_t look;
  h2o_timeout_entry_t goaway;   /* the second one's, */
  h2o_timeout_cb second_goaway; /* which is h2o's; NULL: said, or not begun */
  bool is_swollen;              /* they held too much at the last look */
  metrics_series *open;
  metrics_series *ended[CONNECTION_REASONS];
} connections;

/* limits, clock, on_room and arg are set. From any thread, before anything else; metrics may be NULL. */
void connections_define_metrics(connections *self, metrics_registry *metrics);

/* Once the context is there, and before it goes. */
void connections_open(connections *self, h2o_context_t *context);
void connections_close(connections *self);

bool connections_full(const connections *self);

/* Takes a socket that has been accepted, before h2o gets it. False without memory: it is closed then. */
bool connections_add(connections *self, h2o_socket_t *socket);

/* Tells every client to begin no more requests here: HTTP/1.1 with its next answer (Connection: close), HTTP/2 by
 * GOAWAY, and once more, with the last stream that is answered, a second later. */
void connections_begin_drain(connections *self);

/* Nothing is under way any more: sends that GOAWAY, if that is still to be done, and ends all. False where some take
 * their time; the context's memory is in use then. */
bool connections_end_all(connections *self);

/* A request has arrived as a whole; its connection, which outlives it. */
connection *connection_begin_request(h2o_req_t *req);

/* Whether it has been ended: what still arrives on it is not worth a call. */
bool connection_is_ended(const connection *self);

/* The request's answer, so many bytes, has been handed to h2o. */
void connection_answer(connection *self, size_t bytes);

/* The client has taken a part of an answer, so many bytes, and is owed none until the next one. */
void connection_part_taken(connection *self, size_t bytes);

/* h2o is done with the request: the answer has been sent (bytes as above), or never was: the client reset it. */
void connection_end_request(connection *self, bool is_answered, size_t bytes);
