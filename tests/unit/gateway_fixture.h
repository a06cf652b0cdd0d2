/* What the gateway's tests stand on: a gateway over real sockets, with RPC servers of the tests behind it and libcurl
 * in front. A handler does what the id in its request says: the name of a status code fails with it, SLOW waits, all
 * else is echoed. What goes wrong here fails the test that runs. */
#pragma once

#include <curl/curl.h>
#include <jansson.h>
#include <stdbool.h>

#include "gateway/server.h"
#include "rpc/listener.h"
#include "rpc/server.h"

enum { BACKENDS = 3, SLOW_MS = 300 };

/* Of the backends, in their order. */
extern const api_service *const gateway_fixture_services[BACKENDS];

typedef struct fixture {
  rpc_clock *clock;
  rpc_random random;
  metrics_registry *metrics;
  trace_recorder *traces;
  rpc_server *servers[BACKENDS];
  rpc_listener *listeners[BACKENDS];
  gateway_backend backends[BACKENDS];
  gateway *server;
  bool is_stopped;
} fixture;

/* The backends, clients, clock and so on are filled in. */
fixture *fixture_start(gateway_config config);

/* Stops the gateway, unless is_stopped says that the test has, and ends all. */
void fixture_stop(fixture *f);

/* Group set-up and tear-down: *state is a fixture, whose bodies may have 4096 bytes. */
int fixture_set_up(void **state);
int fixture_tear_down(void **state);

typedef struct text {
  char *bytes;
  size_t length;
} text;

typedef struct response {
  CURLcode outcome;
  long status;
  long connects;
  text headers;
  text body;
  json_t *json; /* NULL where the body is none */
} response;

typedef struct request {
  const char *method; /* NULL: GET */
  const char *path;
  const char *body;
  size_t body_size; /* 0: strlen */
  const char *headers[6];
  bool http2;
  long timeout_ms;
  int port; /* index of a backend + 1; 0: all services */
} request;

/* Asks and waits for the answer, which is to be cleared; on a connection of its own, or on that of the handle. */
response ask(const fixture *f, request r);
response ask_on(CURL *curl, const fixture *f, request r);
void clear(response *out);

/* Many at once; how many of them end with `status`. */
int ask_many(const fixture *f, int count, const char *path, bool http2, long timeout_ms, long status);

/* A string of the answer's JSON; "" where it is absent. */
const char *member(const response *r, const char *key);

/* Whether the answer has a header line that begins so, whatever its case. */
bool has_header(const response *r, const char *line);

/* A plain connection to the port for all services; -1 where it is refused. */
int connect_to(const fixture *f);

/* Whether the peer closes it within the time. */
bool is_closed(int fd, int timeout_ms);
