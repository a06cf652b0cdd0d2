/* What the three service processes do alike around their service: settings, instance lock, clock, telemetry, server,
 * serving until SIGTERM, and the end in order. For their main.c alone: service_host_open, then make the service from
 * the host's parts and register it, service_host_serve, destroy the service, service_host_close.
 *
 * Settings: STORE_DATA_DIR (default .store), STORE_SEED (0: from the operating system), STORE_LOG_LEVEL (debug, info,
 * warn, error), and, with the service's name, STORE_<NAME>_LISTEN (default tcp://127.0.0.1:<port in the .proto>) and
 * STORE_MAX_IN_FLIGHT (1 to 1000000; default 16384). */
#pragma once

#include "rpc/server.h"
#include "telemetry/audit.h"
#include "telemetry/log.h"

/* Open for reading by main, which passes the parts on. */
typedef struct service_host {
  const api_service *api;
  const char *name;     /* "payment" */
  const char *data_dir; /* exists */
  char database[4096];  /* "<data_dir>/<name>.db" */
  rpc_clock *clock;
  rpc_random random;
  metrics_registry *metrics;
  trace_recorder *traces;
  log_sink *log;    /* to standard error */
  audit_log *audit; /* "<data_dir>/<name>-audit.jsonl" */
  rpc_server *server;
} service_host;

/* Ends the process with exit code 2 where a setting is wrong, 1 where something else is, with a line on standard
 * error. Before any thread is started. Of one STORE_SEED each service makes a sequence of its own. */
void service_host_open(service_host *host, const api_service *api);

/* Ends the process with exit code 1 unless status is RPC_OK: what a service could not do at its start. */
void service_host_check(service_host *host, const rpc_status *status);

/* Listens, waits for SIGTERM or SIGINT, drains, closes the sockets. Calls that have not ended after 20 s end the
 * process here, with exit code 1: what they wrote is safe, what they did not was not acknowledged. */
void service_host_serve(service_host *host);

/* Frees the parts and gives the instance lock back; after the service is destroyed. */
void service_host_close(service_host *host);
