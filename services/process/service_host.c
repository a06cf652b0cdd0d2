/* The life of a service process, apart from its service. Called by the main.c of order, payment and inventory. */
#include "process/service_host.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/listener.h"
#include "rpc/process.h"
#include "rpc/settings.h"

enum { DRAIN_MS = 20000, RESTART_DRAIN_MS = 2000, MAX_IN_FLIGHT = 1000000, MAX_IN_FLIGHT_DEFAULT = 16384 };
enum { QUEUE_TARGET_DEFAULT_MS = 25, QUEUE_TARGET_MAX_MS = 3600000 };
enum { AUDIT_BYTES_DEFAULT = 256 << 20, AUDIT_KEPT_DEFAULT = 8 };

/* "payment-service": in the pid file and in messages. */
static const char *process_name(const service_host *host, char buffer[64]) {
  snprintf(buffer, 64, "%s-service", host->name);
  return buffer;
}

static void fail(const service_host *host, const char *what, const char *why) {
  fprintf(stderr, "%s-service: %s: %s\n", host->name, what, why);
  exit(EXIT_FAILURE);
}

void service_host_check(service_host *host, const rpc_status *status) {
  if (status->code == RPC_OK) return;
  log_at(host->log, LOG_ERROR, "cannot start", LOG_TEXT("reason", status->reason), LOG_TEXT("error", status->message));
  exit(EXIT_FAILURE);
}

static void open_telemetry(service_host *host) {
  int64_t audit_bytes = settings_integer("STORE_AUDIT_MAX_BYTES", AUDIT_BYTES_DEFAULT, 4096, INT64_MAX);
  int64_t audit_kept = settings_integer("STORE_AUDIT_FILES_KEPT", AUDIT_KEPT_DEFAULT, 1, 1000);
  host->log = log_open(host->name, NULL, process_log_level());
  if (!host->log) fail(host, "log", strerror(errno));
  char path[sizeof host->database];
  snprintf(path, sizeof path, "%s/%s-audit.jsonl", host->data_dir, host->name);
  host->audit = audit_open(host->name, path);
  if (!host->audit) fail(host, path, strerror(errno));
  audit_rotate_at(host->audit, audit_bytes, (int)audit_kept);
  host->metrics = metrics_registry_create();
  if (!host->metrics || !tracing_open(&host->tracing, host->name, host->metrics)) {
    fail(host, "telemetry", "out of memory");
  }
  host->traces = host->tracing.recorder;
}

/* FNV-1a of the name, mixed in: services that share a seed must not make the same identifiers. */
static uint64_t seed_of(const char *name, uint64_t seed) {
  if (seed == 0) return 0;
  for (; *name; name++) seed = (seed ^ (uint8_t)*name) * 1099511628211u;
  return seed;
}

static void choose_database(service_host *host) {
  const char *url = settings_text("STORE_DATABASE_URL", NULL);
  if (!url) {
    snprintf(host->database, sizeof host->database, "%s/%s.db", host->data_dir, host->name);
  } else if (strncmp(url, "postgres", 8) == 0 && strstr(url, "://") && strlen(url) < sizeof host->database) {
    strcpy(host->database, url);
  } else {
    fprintf(stderr, "STORE_DATABASE_URL must be a URL such as postgres://user@host/database\n");
    exit(2);
  }
}

void service_host_open(service_host *host, const api_service *api) {
  memset(host, 0, sizeof *host);
  host->api = api;
  host->name = api->name;
  process_block_signals();
  process_set_scheduling();
  host->nng = nng_threads_limit();
  host->data_dir = settings_data_dir();
  choose_database(host);
  host->retention_hours = settings_integer("STORE_RETENTION_HOURS", 24, 1, 1000000);
  uint64_t seed = (uint64_t)settings_integer("STORE_SEED", 0, 0, INT64_MAX);
  int64_t max_in_flight = settings_integer("STORE_MAX_IN_FLIGHT", MAX_IN_FLIGHT_DEFAULT, 1, MAX_IN_FLIGHT);
  int64_t queue_target_ms = settings_integer("STORE_QUEUE_TARGET_MS", QUEUE_TARGET_DEFAULT_MS, 0, QUEUE_TARGET_MAX_MS);
  char name[64];
  rpc_status claimed = process_claim(host->data_dir, process_name(host, name));
  if (claimed.code != RPC_OK) fail(host, "pid file", claimed.message);
  open_telemetry(host);
  rpc_random_init(&host->random, seed_of(host->name, seed));
  host->clock = rpc_clock_create();
  if (!host->clock) fail(host, "clock", "out of memory");
  host->watch = nng_watch_create(host->clock, process_nng_is_stuck, host->log);
  if (!host->watch) fail(host, "watch", "out of memory");
  const char *planned_fault = settings_text("STORE_FAULT_POINT", NULL);
  if (planned_fault) {
    fault_plan_parse(&host->fault_plan, planned_fault);
    host->faults = &host->fault_plan;
  }
  rpc_status opened = doors_open(&host->doors, host->clock);
  if (opened.code != RPC_OK) fail(host, "certificates and tokens", opened.message);
  host->server = rpc_server_create(&(rpc_server_config){.name = host->name,
                                                        .clock = host->clock,
                                                        .random = &host->random,
                                                        .metrics = host->metrics,
                                                        .traces = host->traces,
                                                        .faults = host->faults,
                                                        .authorize = host->doors.auth ? auth_check_method : NULL,
                                                        .authorize_arg = host->doors.auth,
                                                        .max_in_flight = (uint32_t)max_in_flight,
                                                        .queue_target_ms = (uint32_t)queue_target_ms});
  if (!host->server) fail(host, "server", "out of memory");
}

void service_host_serve(service_host *host) {
  char name[64], fallback[64];
  snprintf(fallback, sizeof fallback, "tcp://127.0.0.1:%u", (unsigned)host->api->rpc_port);
  const char *urls = settings_text(settings_name(name, host->name, "LISTEN"), fallback);
  rpc_status status;
  rpc_listener *listener = rpc_listener_create(host->server, urls, host->doors.tls, &status);
  if (!listener) service_host_check(host, &status);
  log_at(host->log, LOG_INFO, "listening", LOG_TEXT("urls", urls));
  bool is_restart = process_wait_for_end() == PROCESS_RESTART;
  log_write(host->log, LOG_INFO, "draining", NULL, 0);
  bool is_drained = rpc_server_drain(host->server, is_restart ? RESTART_DRAIN_MS : DRAIN_MS);
  if (is_restart) process_restart(process_name(host, name));
  if (!is_drained) {
    log_write(host->log, LOG_ERROR, "calls are still under way: stopping without them", NULL, 0);
    _Exit(EXIT_FAILURE);
  }
  rpc_listener_destroy(listener);
  log_write(host->log, LOG_INFO, "stopped", NULL, 0);
}

void service_host_close(service_host *host) {
  char name[64];
  rpc_server_destroy(host->server);
  doors_close(&host->doors);
  rpc_clock_destroy(host->clock);
  nng_watch_destroy(host->watch);
  nng_threads_release(host->nng);
  tracing_close(&host->tracing);
  metrics_registry_destroy(host->metrics);
  audit_close(host->audit);
  log_close(host->log);
  process_release(host->data_dir, process_name(host, name));
}
