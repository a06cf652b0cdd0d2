/* The event loop and its listeners. All of h2o is made, run and torn down on the loop's thread; other threads reach it
 * only through the queue of replies and the stage, an atomic that the loop looks at whenever it wakes up. */
#include "gateway/server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "gateway/access_log.h"
#include "gateway/api_handler.h"
#include "gateway/connections.h"
#include "gateway/cors.h"
#include "gateway/error_pages.h"
#include "gateway/events.h"
#include "gateway/gateway.h"
#include "gateway/pages.h"
#include "gateway/port.h"

enum {
  SERVICES_MAX = 256,
  BODY_GRACE = 4,          /* h2o reads bodies that many times too long, so that their 413 is read too */
  DESCRIPTORS_SPARED = 64, /* of the process's limit, for all that is not an HTTP connection */
  STOP_STEP_MS = 10,
  LAST_HANDSHAKES_MS = 50, /* connections that have begun as a drain does come to be */
};

/* What is smaller is not worth a client's time: a packet is a packet. */
enum { COMPRESSED_BYTES = 2048, GZIP_QUALITY = 1 };

enum { STAGE_RUNNING, STAGE_DRAINING, STAGE_STOPPING, STAGE_ENDING };

/* An h2o handler leads to the listener whose port the request came in on. */
typedef struct port_handler {
  h2o_handler_t super;
  gateway_listener *listener;
} port_handler;

/* What is not worth a call, on a connection that is there. */
static rpc_status check_client(const exchange *self) {
  const gateway *server = self->listener->server;
  if (atomic_load(&server->is_stopped)) {
    return rpc_status_error(RPC_UNAVAILABLE, RPC_REASON_DRAINING, "the gateway is stopping");
  }
  if (connection_is_ended(self->client)) {
    return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "CONNECTION_ENDED", "this connection has been ended");
  }
  return rpc_status_ok();
}

static int on_request(h2o_handler_t *handler, h2o_req_t *req) {
  exchange *self = exchange_begin(((port_handler *)handler)->listener, req);
  if (!self) return 0;
  rpc_status status = check_client(self);
  if (status.code != RPC_OK) {
    exchange_fail(self, &status, 0);
    exchange_send(self);
  } else if (exchange_is(self, "OPTIONS")) {
    cors_answer_options(self);
  } else if (!pages_handle(self)) {
    api_handle(self);
  }
  return 0;
}

/* -- on the loop ------------------------------------------------------------------------------------------------- */

static void on_accept(h2o_socket_t *socket, const char *error);

static void set_accepting(gateway *server, bool is_accepting) {
  for (size_t i = 0; i < server->listener_count; i++) {
    h2o_socket_t *socket = server->listeners[i].socket;
    if (!socket) continue;
    if (is_accepting) {
      h2o_socket_read_start(socket, on_accept);
    } else {
      h2o_socket_read_stop(socket);
    }
  }
}

static void on_room(void *server) {
  set_accepting(server, true);
}

static void on_accept(h2o_socket_t *socket, const char *error) {
  gateway_listener *listener = socket->data;
  gateway *server = listener->server;
  if (error) return;
  while (!connections_full(&server->connections)) {
    h2o_socket_t *accepted = h2o_evloop_socket_accept(socket);
    if (!accepted || !connections_add(&server->connections, accepted)) return;
    if (server->tls) {
      listener->accept.ssl_ctx = gateway_tls_context(server->tls, rpc_clock_now_us(server->config.clock));
    }
    h2o_accept(&listener->accept, accepted);
  }
  set_accepting(server, false);
}

static void set_up(gateway *server) {
  h2o_evloop_t *loop = h2o_evloop_create();
  h2o_context_init(&server->context, loop, &server->h2o_config);
  h2o_multithread_register_receiver(server->context.queue, &server->replies, exchange_receive);
  connections_open(&server->connections, &server->context);
  events_open(server);
  for (size_t i = 0; i < server->listener_count; i++) {
    gateway_listener *listener = &server->listeners[i];
    listener->accept = (h2o_accept_ctx_t){.ctx = &server->context, .hosts = listener->hosts};
    listener->socket = h2o_evloop_socket_create(loop, listener->fd, H2O_SOCKET_FLAG_DONT_READ);
    listener->socket->data = listener;
  }
  set_accepting(server, true);
}

static void begin_drain(gateway *server) {
  for (size_t i = 0; i < server->listener_count; i++) {
    port_begin_no_more(h2o_socket_get_fd(server->listeners[i].socket));
  }
  connections_begin_drain(&server->connections);
  events_drain(server);
}

static void close_ports(gateway *server) {
  for (size_t i = 0; i < server->listener_count; i++) {
    h2o_socket_t *socket = server->listeners[i].socket;
    if (!socket) continue;
    on_accept(socket, NULL); /* who has come since the last look */
    h2o_socket_read_stop(socket);
    h2o_socket_close(socket);
    server->listeners[i].socket = NULL;
  }
}

/* Goes on with a drain that has begun so long ago. Every client is given the time to see that its connection is not to
 * be used again, those that are idle, too: a connection that is closed as a request is under way to it loses that. */
static void go_on_with_drain(gateway *server, int64_t elapsed_us) {
  if (elapsed_us > LAST_HANDSHAKES_MS * 1000) close_ports(server);
  bool is_port_open = server->listener_count > 0 && server->listeners[0].socket;
  bool is_time_up = elapsed_us > (int64_t)server->config.drain_grace_ms * 1000;
  bool is_anybody_there = is_port_open || (server->connections.count > 0 && !is_time_up);
  if (!is_anybody_there && atomic_load(&server->alive) == 0) atomic_store(&server->is_stopped, true);
}

static void tear_down(gateway *server) {
  h2o_evloop_t *loop = server->context.loop;
  close_ports(server);
  server->is_loop_done = connections_end_all(&server->connections);
  if (!server->is_loop_done) return; /* a client that takes its time: the process ends before it */
  h2o_evloop_run(loop, 0);           /* frees the sockets that were closed last */
  connections_close(&server->connections);
  events_close(server);
  h2o_multithread_unregister_receiver(server->context.queue, &server->replies);
  h2o_context_dispose(&server->context);
  h2o_evloop_destroy(loop);
  h2o_config_dispose(&server->h2o_config);
}

/* Draining, requests on connections from before are still answered, and the last of each: what is sent to a gateway
 * that nobody has told of its end is not lost. Then there are no more calls. */
static void *run(void *arg) {
  gateway *server = arg;
  set_up(server);
  sem_post(&server->is_ready);
  int64_t draining_since_us = 0;
  int stage;
  while ((stage = atomic_load(&server->stage)) != STAGE_ENDING || atomic_load(&server->pending) > 0) {
    bool is_draining = stage != STAGE_RUNNING;
    int64_t now_us = rpc_clock_now_us(server->config.clock);
    if (is_draining && draining_since_us == 0) {
      draining_since_us = now_us;
      begin_drain(server);
    }
    if (is_draining) go_on_with_drain(server, now_us - draining_since_us);
    if (stage > STAGE_DRAINING) atomic_store(&server->is_stopped, true);
    h2o_evloop_run(server->context.loop, is_draining ? STOP_STEP_MS : INT32_MAX);
  }
  if (draining_since_us == 0) connections_begin_drain(&server->connections);
  events_drain(server); /* nobody, where it has been done */
  tear_down(server);
  return NULL;
}

static void set_stage(gateway *server, int stage) {
  atomic_store(&server->stage, stage);
  h2o_multithread_send_message(&server->replies, NULL); /* wakes the loop */
}

/* -- making and ending ------------------------------------------------------------------------------------------- */

const gateway_backend *gateway_find_backend(const gateway *server, const char *name) {
  for (size_t i = 0; i < server->config.backend_count; i++) {
    if (strcmp(server->backends[i].name, name) == 0) return &server->backends[i];
  }
  return NULL;
}

static rpc_status add_routes(gateway *server, gateway_listener *listener) {
  const api_service *services[SERVICES_MAX];
  size_t count = 0;
  for (size_t i = 0; i < api_service_count && count < SERVICES_MAX; i++) {
    const gateway_backend *backend = gateway_find_backend(server, api_services[i]->name);
    if (backend && (!listener->backend || listener->backend == backend)) services[count++] = api_services[i];
  }
  rpc_status status;
  listener->routes = routes_create(services, count, &status);
  if (!listener->routes) return status;
  const route *all = routes_all(listener->routes, &count);
  listener->endpoints = calloc(count + 1, sizeof *listener->endpoints);
  if (!listener->endpoints) return rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory");
  for (size_t i = 0; i < count; i++) {
    gateway_endpoint_init(&listener->endpoints[i], server, gateway_find_backend(server, all[i].service->name),
                          all[i].api->http_method, all[i].api->path);
  }
  pages_write_index(listener);
  return rpc_status_ok();
}

static void add_host(gateway *server, gateway_listener *listener) {
  char name[24];
  int length = snprintf(name, sizeof name, "port-%u", listener->port);
  h2o_hostconf_t *host = h2o_config_register_host(&server->h2o_config, h2o_iovec_init(name, (size_t)length), 65535);
  h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
  port_handler *handler = (port_handler *)h2o_create_handler(path, sizeof *handler);
  handler->super.on_req = on_request;
  handler->listener = listener;
  error_pages_register(&host->fallback_path, server->config.random);
  h2o_compress_args_t large = {.min_size = COMPRESSED_BYTES, .gzip = {GZIP_QUALITY}, .brotli = {-1}};
  h2o_compress_register(path, &large);
  if (server->access_log) access_log_register(server->access_log, path);
  listener->hosts[0] = host;
}

static rpc_status add_listener(gateway *server, const gateway_backend *backend, uint16_t port) {
  gateway_listener *listener = &server->listeners[server->listener_count++];
  listener->server = server;
  listener->backend = backend;
  listener->port = port;
  rpc_status status;
  listener->fd = port_open(server->config.host, &listener->port, &status);
  if (listener->fd < 0) return status;
  add_host(server, listener);
  return add_routes(server, listener);
}

static void define_metrics(gateway *server) {
  metrics_registry *registry = server->config.metrics;
  server->requests = metrics_define(registry, METRICS_COUNTER, "http_server_requests_total", "HTTP requests answered.",
                                    (const char *const[]){"method", "route", "code", NULL});
  server->durations =
      metrics_define(registry, METRICS_HISTOGRAM, "http_server_request_duration_seconds",
                     "Time from a request's arrival to its answer.", (const char *const[]){"method", "route", NULL});
  server->in_flight = metrics_series_get(metrics_define(registry, METRICS_GAUGE, "http_server_requests_in_flight",
                                                        "HTTP requests being answered.", (const char *const[]){NULL}),
                                         NULL);
  connections_define_metrics(&server->connections, registry);
  gateway_endpoint_init(&server->unmatched, server, NULL, "any", "unmatched");
  pages_init(server);
}

static void take_replicas(gateway *server) {
  gateway_config *config = &server->config;
  bool are_given = config->replicas != NULL;
  if (!are_given) config->replica_count = config->backend_count;
  for (size_t i = 0; i < config->replica_count; i++) {
    const gateway_backend *backend = &server->backends[i];
    server->replicas[i] = are_given ? config->replicas[i] : (gateway_replica){backend->name, backend->client};
  }
  config->replicas = server->replicas;
}

static void configure(gateway *server) {
  gateway_config *config = &server->config;
  if (!config->host) config->host = "127.0.0.1";
  if (!config->max_body) config->max_body = GATEWAY_BODY_DEFAULT;
  if (!config->max_in_flight) config->max_in_flight = GATEWAY_IN_FLIGHT_DEFAULT;
  if (!config->max_connections) config->max_connections = GATEWAY_CONNECTIONS_DEFAULT;
  if (!config->max_buffered) config->max_buffered = GATEWAY_BUFFERED_DEFAULT;
  if (!config->drain_grace_ms) config->drain_grace_ms = GATEWAY_DRAIN_GRACE_MS_DEFAULT;
  if (!config->request_timeout_ms) config->request_timeout_ms = GATEWAY_REQUEST_TIMEOUT_MS_DEFAULT;
  if (!config->max_event_streams) config->max_event_streams = GATEWAY_EVENT_STREAMS_DEFAULT;
  if (!config->event_interval_ms) config->event_interval_ms = GATEWAY_EVENT_INTERVAL_MS_DEFAULT;
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur > 2 * DESCRIPTORS_SPARED &&
      config->max_connections > limit.rlim_cur - DESCRIPTORS_SPARED) {
    config->max_connections = (uint32_t)(limit.rlim_cur - DESCRIPTORS_SPARED);
  }
  for (size_t i = 0; i < config->backend_count; i++) server->backends[i] = config->backends[i];
  config->backends = server->backends;
  take_replicas(server);
  server->started_us = rpc_clock_now_us(config->clock);
  h2o_config_init(&server->h2o_config);
  server->h2o_config.server_name = h2o_iovec_init(H2O_STRLIT("store-gateway"));
  server->h2o_config.max_request_entity_size = config->max_body * BODY_GRACE;
  server->h2o_config.http1.req_timeout = config->request_timeout_ms;
  server->h2o_config.http2.idle_timeout = config->request_timeout_ms;
  if (server->h2o_config.handshake_timeout > config->request_timeout_ms) {
    server->h2o_config.handshake_timeout = config->request_timeout_ms;
  }
  server->connections = (connections){
      .limits = {config->max_connections, config->request_timeout_ms, config->max_buffered},
      .clock = config->clock,
      .on_room = on_room,
      .arg = server,
  };
  define_metrics(server);
}

static void free_listeners(gateway *server) {
  for (size_t i = 0; i < server->listener_count; i++) {
    routes_destroy(server->listeners[i].routes);
    free(server->listeners[i].endpoints);
    json_writer_free(&server->listeners[i].index);
  }
}

gateway *gateway_create(const gateway_config *config, rpc_status *status) {
  *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "", "no memory or no threads");
  bool fits = config->backend_count <= GATEWAY_BACKENDS_MAX && config->replica_count <= GATEWAY_REPLICAS_MAX;
  gateway *server = fits ? calloc(1, sizeof *server) : NULL;
  if (!server) return NULL;
  server->config = *config;
  configure(server);
  rpc_status outcome = rpc_status_ok();
  if (config->access_log) server->access_log = access_log_open(config->access_log, config->metrics, &outcome);
  if (config->tls.cert_file) server->tls = gateway_tls_create(&config->tls, config->log, &outcome);
  for (size_t i = 0; i < config->backend_count && outcome.code == RPC_OK; i++) {
    outcome = add_listener(server, &server->backends[i], server->backends[i].http_port);
  }
  if (outcome.code == RPC_OK) outcome = add_listener(server, NULL, config->port);
  sem_init(&server->is_ready, 0, 0);
  if (outcome.code == RPC_OK && pthread_create(&server->thread, NULL, run, server) == 0) {
    while (sem_wait(&server->is_ready) != 0) continue; /* EINTR */
    *status = rpc_status_ok();
    return server;
  }
  if (outcome.code != RPC_OK) *status = outcome;
  for (size_t i = 0; i < server->listener_count; i++) {
    if (server->listeners[i].fd >= 0) close(server->listeners[i].fd);
  }
  h2o_config_dispose(&server->h2o_config);
  free_listeners(server);
  gateway_tls_destroy(server->tls);
  access_log_close(server->access_log);
  sem_destroy(&server->is_ready);
  free(server);
  return NULL;
}

uint16_t gateway_port(const gateway *server, size_t backend) {
  return server->listeners[backend].port;
}

bool gateway_stop(gateway *server, uint32_t timeout_ms) {
  set_stage(server, STAGE_DRAINING);
  for (uint32_t waited = 0; !atomic_load(&server->is_stopped); waited += STOP_STEP_MS) {
    if (waited >= timeout_ms) set_stage(server, STAGE_STOPPING);
    nanosleep(&(struct timespec){.tv_nsec = STOP_STEP_MS * 1000000L}, NULL);
  }
  return atomic_load(&server->alive) == 0;
}

void gateway_destroy(gateway *server) {
  if (!server) return;
  set_stage(server, STAGE_ENDING);
  pthread_join(server->thread, NULL);
  access_log_close(server->access_log);
  if (!server->is_loop_done) return; /* its memory is still in use, and the process about to end */
  free_listeners(server);
  gateway_tls_destroy(server->tls);
  sem_destroy(&server->is_ready);
  free(server);
}
