/* The process store-gateway: settings and wiring.
 *
 * Settings: STORE_DATA_DIR (default .store), STORE_GATEWAY_HOST (127.0.0.1), STORE_GATEWAY_HTTP_PORT (8000), and for
 * each service STORE_<NAME>_HTTP_PORT and STORE_<NAME>_ADDRESS (by default the ports in its .proto); 0: any free port.
 * The log's line "listening" has the ports. HTTPS on all ports: STORE_GATEWAY_TLS_CERT_FILE, _KEY_FILE, and for
 * clients' certificates _CLIENT_AUTH (none, optional, required) and _CLIENT_CA_FILE, see tls.h. Tokens and certificates
 * towards the services as theirs: auth/auth.h, rpc/tls.h. STORE_GATEWAY_CORS_ORIGINS, STORE_GATEWAY_ACCESS_LOG,
 * STORE_GATEWAY_MAX_CONNECTIONS, STORE_GATEWAY_MAX_BUFFERED_BYTES, STORE_GATEWAY_REQUEST_TIMEOUT_MS,
 * STORE_GATEWAY_DRAIN_GRACE_MS, STORE_GATEWAY_MAX_EVENT_STREAMS and STORE_GATEWAY_EVENT_INTERVAL_MS: server.h. And
 * those of process/tracing.h. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "gateway/server.h"
#include "process/doors.h"
#include "process/tracing.h"
#include "rpc/nng_threads.h"
#include "rpc/nng_watch.h"
#include "rpc/process.h"
#include "rpc/settings.h"

enum {
  HTTP_PORT = 8000,
  DRAIN_MS = 20000,
  RESTART_DRAIN_MS = 2000,
  ATTEMPTS = 8, /* with backoff about 1.5 s: a service's restart, for calls that may be sent again */
};

static const char NAME[] = "store-gateway";

typedef struct process {
  const char *data_dir;
  nng_threads *nng;
  rpc_clock *clock;
  nng_watch *watch;
  rpc_random random;
  metrics_registry *metrics;
  tracing tracing;
  log_sink *log;
  doors doors;
  gateway_backend backends[GATEWAY_BACKENDS_MAX];
  size_t backend_count;
  gateway_replica replicas[GATEWAY_REPLICAS_MAX];
  size_t replica_count;
} process;

static void check(const process *self, bool ok, const char *what) {
  if (ok) return;
  if (self->log) log_at(self->log, LOG_ERROR, "cannot start", LOG_TEXT("error", what));
  if (!self->log) fprintf(stderr, "%s: %s\n", NAME, what);
  exit(EXIT_FAILURE);
}

/* Each client is a descriptor: as many as the process may have. */
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

static uint16_t port_setting(const char *name, uint16_t fallback) {
  char variable[64];
  return (uint16_t)settings_integer(settings_name(variable, name, "HTTP_PORT"), fallback, 0, UINT16_MAX);
}

static bool is_known(const process *self, const char *name) {
  for (size_t i = 0; i < self->backend_count; i++) {
    if (strcmp(self->backends[i].name, name) == 0) return true;
  }
  return false;
}

/* urls: of one process or, comma-separated, of several that calls are shared among. */
static rpc_client *connect_to(process *self, const char *service, const char *urls) {
  rpc_status status;
  rpc_transport *transport = rpc_transport_create_nng(urls, self->doors.tls, &status);
  check(self, transport, status.message);
  rpc_client *client = rpc_client_create(&(rpc_client_config){.target = service,
                                                              .transport = transport,
                                                              .clock = self->clock,
                                                              .max_attempts = ATTEMPTS,
                                                              .random = &self->random,
                                                              .metrics = self->metrics,
                                                              .token = self->doors.token,
                                                              .traces = self->tracing.recorder});
  check(self, client, "out of memory");
  return client;
}

/* Where there are several processes each gets a client of its own. */
static void add_replicas(process *self, const gateway_backend *backend, const char *urls) {
  size_t length;
  for (const char *at = urls; *at; at += length + (at[length] == ',')) {
    char url[512];
    length = strcspn(at, ",");
    check(self, self->replica_count < GATEWAY_REPLICAS_MAX && length < sizeof url, "too many addresses");
    snprintf(url, sizeof url, "%.*s", (int)length, at);
    rpc_client *client = strchr(urls, ',') ? connect_to(self, backend->name, url) : backend->client;
    self->replicas[self->replica_count++] = (gateway_replica){backend->name, client};
  }
}

static void add_backend(process *self, const api_service *service) {
  char variable[64], fallback[64];
  snprintf(fallback, sizeof fallback, "tcp://127.0.0.1:%u", service->rpc_port);
  const char *urls = settings_text(settings_name(variable, service->name, "ADDRESS"), fallback);
  check(self, self->backend_count < GATEWAY_BACKENDS_MAX, "too many services");
  gateway_backend *backend = &self->backends[self->backend_count++];
  *backend = (gateway_backend){service->name, connect_to(self, service->name, urls),
                               port_setting(service->name, service->http_port)};
  add_replicas(self, backend, urls);
}

static void destroy_clients(process *self) {
  for (size_t i = 0; i < self->replica_count; i++) {
    bool is_own = true;
    for (size_t b = 0; b < self->backend_count; b++)
      is_own = is_own && self->backends[b].client != self->replicas[i].client;
    if (is_own) rpc_client_destroy(self->replicas[i].client);
  }
  for (size_t i = 0; i < self->backend_count; i++) rpc_client_destroy(self->backends[i].client);
}

static void open_process(process *self) {
  self->log = log_open("gateway", NULL, process_log_level());
  check(self, self->log, strerror(errno));
  rpc_status claimed = process_claim(self->data_dir, NAME);
  check(self, claimed.code == RPC_OK, claimed.message);
  rpc_random_init(&self->random, 0);
  self->clock = rpc_clock_create();
  self->watch = self->clock ? nng_watch_create(self->clock, process_nng_is_stuck, self->log) : NULL;
  self->metrics = metrics_registry_create();
  bool is_traced = self->metrics && tracing_open(&self->tracing, "gateway", self->metrics);
  check(self, self->watch && is_traced, "out of memory");
  rpc_status opened = doors_open(&self->doors, self->clock);
  check(self, opened.code == RPC_OK, opened.message);
  for (size_t i = 0; i < api_service_count; i++) {
    const char *name = api_services[i]->name;
    if (name[0] != '\0' && !is_known(self, name)) add_backend(self, api_services[i]);
  }
}

/* libh2o makes remarks on stderr, one at each frame of a type that it does not know, which browsers send and anybody
 * may: they become lines of the log. (The log itself writes to the descriptor.) */
static ssize_t on_remark(void *log, const char *text, size_t size) {
  char line[256];
  bool is_usual = strncmp(text, "skipping frame", strlen("skipping frame")) == 0;
  snprintf(line, sizeof line, "%.*s", (int)(size > 0 && text[size - 1] == '\n' ? size - 1 : size), text);
  log_at(log, is_usual ? LOG_DEBUG : LOG_WARN, "a library's remark", LOG_TEXT("text", line));
  return (ssize_t)size;
}

static FILE *take_remarks(log_sink *log) {
  FILE *remarks = fopencookie(log, "w", (cookie_io_functions_t){.write = on_remark}), *before = stderr;
  if (!remarks) return NULL;
  setvbuf(remarks, NULL, _IOLBF, BUFSIZ);
  stderr = remarks;
  return before;
}

static void leave_remarks(FILE *before) {
  if (!before) return;
  fclose(stderr);
  stderr = before;
}

static void log_ports(const process *self, const gateway *server) {
  log_field fields[GATEWAY_BACKENDS_MAX + 1];
  for (size_t i = 0; i < self->backend_count; i++) {
    fields[i] = LOG_NUMBER(self->backends[i].name, gateway_port(server, i));
  }
  fields[self->backend_count] = LOG_NUMBER("gateway", gateway_port(server, self->backend_count));
  log_write(self->log, LOG_INFO, "listening", fields, (unsigned)self->backend_count + 1);
}

static gateway_tls_config tls_settings(void) {
  static const char *const choices[] = {[GATEWAY_CLIENT_NONE] = "none",
                                        [GATEWAY_CLIENT_OPTIONAL] = "optional",
                                        [GATEWAY_CLIENT_REQUIRED] = "required",
                                        NULL};
  return (gateway_tls_config){.cert_file = settings_text("STORE_GATEWAY_TLS_CERT_FILE", NULL),
                              .key_file = settings_text("STORE_GATEWAY_TLS_KEY_FILE", NULL),
                              .client_ca_file = settings_text("STORE_GATEWAY_TLS_CLIENT_CA_FILE", NULL),
                              .client_auth = (gateway_client_auth)settings_choice("STORE_GATEWAY_TLS_CLIENT_AUTH",
                                                                                  GATEWAY_CLIENT_NONE, choices)};
}

static void close_process(process *self) {
  doors_close(&self->doors);
  rpc_clock_destroy(self->clock);
  nng_watch_destroy(self->watch);
  nng_threads_release(self->nng);
  tracing_close(&self->tracing);
  metrics_registry_destroy(self->metrics);
  log_close(self->log);
  process_release(self->data_dir, NAME);
}

int main(void) {
  process self = {.data_dir = settings_data_dir()};
  const char *host = settings_text("STORE_GATEWAY_HOST", "127.0.0.1");
  uint16_t port = port_setting("gateway", HTTP_PORT);
  uint32_t max_in_flight = (uint32_t)settings_integer("STORE_MAX_IN_FLIGHT", GATEWAY_IN_FLIGHT_DEFAULT, 1, 1000000);
  uint32_t max_connections =
      (uint32_t)settings_integer("STORE_GATEWAY_MAX_CONNECTIONS", GATEWAY_CONNECTIONS_DEFAULT, 1, 1000000);
  uint32_t request_timeout_ms =
      (uint32_t)settings_integer("STORE_GATEWAY_REQUEST_TIMEOUT_MS", GATEWAY_REQUEST_TIMEOUT_MS_DEFAULT, 100, 3600000);
  uint32_t drain_grace_ms =
      (uint32_t)settings_integer("STORE_GATEWAY_DRAIN_GRACE_MS", GATEWAY_DRAIN_GRACE_MS_DEFAULT, 1, DRAIN_MS - 1000);
  size_t max_buffered =
      (size_t)settings_integer("STORE_GATEWAY_MAX_BUFFERED_BYTES", GATEWAY_BUFFERED_DEFAULT, 1 << 20, (int64_t)1 << 40);
  uint32_t max_event_streams =
      (uint32_t)settings_integer("STORE_GATEWAY_MAX_EVENT_STREAMS", GATEWAY_EVENT_STREAMS_DEFAULT, 1, 10000);
  uint32_t event_interval_ms =
      (uint32_t)settings_integer("STORE_GATEWAY_EVENT_INTERVAL_MS", GATEWAY_EVENT_INTERVAL_MS_DEFAULT, 100, 60000);
  raise_descriptor_limit();
  process_block_signals();
  process_set_scheduling();
  self.nng = nng_threads_limit();
  open_process(&self);
  FILE *plain_stderr = take_remarks(self.log);

  rpc_status status;
  gateway *server = gateway_create(&(gateway_config){.host = host,
                                                     .port = port,
                                                     .backends = self.backends,
                                                     .backend_count = self.backend_count,
                                                     .replicas = self.replicas,
                                                     .replica_count = self.replica_count,
                                                     .clock = self.clock,
                                                     .random = &self.random,
                                                     .metrics = self.metrics,
                                                     .traces = self.tracing.recorder,
                                                     .log = self.log,
                                                     .auth = self.doors.auth,
                                                     .cors_origins = settings_text("STORE_GATEWAY_CORS_ORIGINS", NULL),
                                                     .access_log = settings_text("STORE_GATEWAY_ACCESS_LOG", NULL),
                                                     .max_connections = max_connections,
                                                     .max_buffered = max_buffered,
                                                     .request_timeout_ms = request_timeout_ms,
                                                     .drain_grace_ms = drain_grace_ms,
                                                     .max_event_streams = max_event_streams,
                                                     .event_interval_ms = event_interval_ms,
                                                     .tls = tls_settings(),
                                                     .max_in_flight = max_in_flight},
                                   &status);
  check(&self, server, status.message);
  log_ports(&self, server);
  bool is_restart = process_wait_for_end() == PROCESS_RESTART;

  log_write(self.log, LOG_INFO, "draining", NULL, 0);
  bool is_drained = gateway_stop(server, is_restart ? RESTART_DRAIN_MS : DRAIN_MS);
  if (is_restart) process_restart(NAME);
  destroy_clients(&self);
  tracing_flush(&self.tracing); /* spans are named by the routes */
  gateway_destroy(server);
  leave_remarks(plain_stderr);
  log_write(self.log, is_drained ? LOG_INFO : LOG_WARN, is_drained ? "stopped" : "stopped with requests unanswered",
            NULL, 0);
  close_process(&self);
  return 0;
}
