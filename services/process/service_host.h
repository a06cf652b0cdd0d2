/* What the three service processes do alike around their service: settings, instance lock, clock, telemetry, server,
 * serving until SIGTERM, and the end in order. For their main.c alone: service_host_open, then make the service from
 * the host's parts and register it, service_host_serve, destroy the service, service_host_close.
 *
 * Settings: STORE_DATA_DIR (default .store), STORE_DATABASE_URL (postgres://…: a database that replicas share, each
 * service in a schema named after it; default: a SQLite file in the data folder), STORE_RETENTION_HOURS (1 to 1000000;
 * default 24: how long idempotency keys are kept), STORE_SEED (0: from the operating system), STORE_LOG_LEVEL (debug,
 * info, warn, error), and, with the service's name, STORE_<NAME>_LISTEN (default tcp://127.0.0.1:<port in the .proto>)
 * and STORE_MAX_IN_FLIGHT (1 to 1000000; default 16384), STORE_QUEUE_TARGET_MS (0 to 3600000; default 25), see
 * rpc/admission.h; STORE_RPC_THREADS, see rpc/nng_threads.h; STORE_AUDIT_MAX_BYTES (4096 and more; default 256 MiB) and
 * STORE_AUDIT_FILES_KEPT (1 to 1000; default 8), see telemetry/audit.h; STORE_TLS_CA_FILE, STORE_TLS_CERT_FILE and
 * STORE_TLS_KEY_FILE, see rpc/tls.h; STORE_TOKENS_FILE and STORE_TOKEN, see auth/auth.h; those of process/tracing.h. */
#pragma once

#include "process/doors.h"
#include "process/tracing.h"
#include "rpc/nng_threads.h"
#include "rpc/nng_watch.h"
#include "rpc/server.h"
#include "telemetry/audit.h"
#include "telemetry/log.h"

/* Open for reading by main, which passes the parts on. */
typedef struct service_host {
  const api_service *api;
  const char *name;     /* "payment" */
  const char *data_dir; /* exists */
  char database[4096];  /* STORE_DATABASE_URL, or "<data_dir>/<name>.db" */
  int64_t retention_hours;
  nng_threads *nng;
  rpc_clock *clock;
  nng_watch *watch;
  rpc_random random;
  metrics_registry *metrics;
  tracing tracing;
  trace_recorder *traces; /* its recorder */
  fault_plan *faults;     /* NULL unless STORE_FAULT_POINT is set: see rpc/fault_plan.h */
  fault_plan fault_plan;
  log_sink *log;    /* to standard error */
  audit_log *audit; /* "<data_dir>/<name>-audit.jsonl" */
  doors doors;
  rpc_server *server;
} service_host;

/* Ends the process with exit code 2 where a setting is wrong, 1 where something else is, with a line on standard
 * error. Before any thread is started. Of one STORE_SEED each service makes a sequence of its own. */
void service_host_open(service_host *host, const api_service *api);

/* Ends the process with exit code 1 unless status is RPC_OK: what a service could not do at its start. */
void service_host_check(service_host *host, const rpc_status *status);

/* Listens, waits for SIGTERM or SIGINT, drains, closes the sockets. Calls that have not ended after 20 s end the
 * process here, with exit code 1: what they wrote is safe, what they did not was not acknowledged. SIGUSR1, or NNG's
 * being stuck (rpc/nng_watch.h), begins the process anew, with two seconds for its calls. */
void service_host_serve(service_host *host);

/* Frees the parts and gives the instance lock back; after the service is destroyed. */
void service_host_close(service_host *host);
