/* What the gateway is made of, for its own files; those outside see server.h. Everything here belongs to the event loop
 * unless it says otherwise. */
#pragma once

#include <h2o.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "gateway/access_log.h"
#include "gateway/connections.h"
#include "gateway/json_write.h"
#include "gateway/routes.h"
#include "gateway/server.h"

enum { HTTP_STATUS_END = 600, PAGES_COUNT = 10 };

/* Something that answers requests, a route or a page: where it leads, and what is counted of it. */
typedef struct gateway_endpoint {
  gateway *server;
  const gateway_backend *backend; /* NULL for pages */
  const char *method;             /* labels of the metrics */
  const char *path;
  metrics_series *duration;
  metrics_series *by_status[HTTP_STATUS_END]; /* looked up when a status first occurs */
} gateway_endpoint;

/* A port, and what is behind it. */
typedef struct gateway_listener {
  gateway *server;
  const gateway_backend *backend; /* NULL: all of them */
  routes *routes;
  gateway_endpoint *endpoints; /* in the order of the routes */
  json_writer index;           /* the text of GET / */
  uint16_t port;
  int fd;                   /* listening, until the loop takes it over */
  h2o_socket_t *socket;     /* NULL before the loop and once it stops listening */
  h2o_hostconf_t *hosts[2]; /* the one that this port has, and NULL */
  h2o_accept_ctx_t accept;
} gateway_listener;

struct gateway {
  gateway_config config;
  gateway_backend backends[GATEWAY_BACKENDS_MAX];
  gateway_replica replicas[GATEWAY_REPLICAS_MAX];
  gateway_listener listeners[GATEWAY_BACKENDS_MAX + 1]; /* one for each backend, then the one for all */
  size_t listener_count;
  gateway_endpoint unmatched; /* requests that no route and no page is for */
  gateway_endpoint pages[PAGES_COUNT];
  metrics_family *requests, *durations;
  metrics_series *in_flight;
  int64_t started_us;
  atomic_uint pending;    /* requests not answered yet; any thread, like the next three */
  atomic_uint alive;      /* requests whose memory is in use: not answered, or the answer not sent yet */
  atomic_int stage;       /* what the loop is told to do */
  atomic_bool is_stopped; /* set by the loop: it begins no more calls */
  pthread_t thread;
  sem_t is_ready;         /* posted by the loop once it runs */
  gateway_tls *tls;       /* NULL: none */
  access_log *access_log; /* NULL: none */
  h2o_globalconf_t h2o_config;
  h2o_context_t context;
  h2o_multithread_receiver_t replies;
  connections connections;
  struct events *events; /* NULL: none */
  bool is_loop_done;     /* set by the loop before it ends: all that it had is freed */
};

/* Who answers the service of that name (api_service); NULL where nobody that this gateway knows does. */
const gateway_backend *gateway_find_backend(const gateway *server, const char *name);

/* Sets the labels and looks up the series. */
void gateway_endpoint_init(gateway_endpoint *endpoint, gateway *server, const gateway_backend *backend,
                           const char *method, const char *path);
