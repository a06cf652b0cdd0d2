/* The HTTP side of the store: one event loop, a listener for all services and one for each, requests turned into RPC
 * calls by the generated table, and a few pages of the gateway's own (pages.c). HTTP/1.1
 * and HTTP/2 in cleartext (prior knowledge or upgrade) or over TLS (tls.h). Made by main, and by tests. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api.h"
#include "auth/auth.h"
#include "gateway/tls.h"
#include "rpc/client.h"
#include "rpc/clock.h"
#include "rpc/random.h"
#include "rpc/status.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "telemetry/trace.h"

enum { GATEWAY_BACKENDS_MAX = 16, GATEWAY_REPLICAS_MAX = 64 };

/* What stands for a 0 in gateway_config. */
enum {
  GATEWAY_BODY_DEFAULT = 1024 * 1024,
  GATEWAY_IN_FLIGHT_DEFAULT = 16384,
  GATEWAY_CONNECTIONS_DEFAULT = 16384,
  GATEWAY_BUFFERED_DEFAULT = 256 * 1024 * 1024,
  GATEWAY_REQUEST_TIMEOUT_MS_DEFAULT = 20000,
  GATEWAY_DRAIN_GRACE_MS_DEFAULT = 1500, /* the second GOAWAY comes after 1000 */
  GATEWAY_EVENT_STREAMS_DEFAULT = 64,
  GATEWAY_EVENT_INTERVAL_MS_DEFAULT = 1000,
};

/* A process behind the gateway, and how it is reached. */
typedef struct gateway_backend {
  const char *name; /* as in api_service: it answers all services of that name */
  rpc_client *client;
  uint16_t http_port; /* of the listener for this backend alone; 0: any free one */
} gateway_backend;

/* One process of a service that may have several, for what each has of its own: metrics and traces. */
typedef struct gateway_replica {
  const char *service; /* a backend's name */
  rpc_client *client;  /* to this process alone */
} gateway_replica;

/* Pointers outlive the gateway. Of bounds and times 0 is the default above. */
typedef struct gateway_config {
  const char *host;                /* address to listen on; NULL: "127.0.0.1" */
  uint16_t port;                   /* of the listener for all services; 0: any free one */
  const gateway_backend *backends; /* copied */
  size_t backend_count;
  const gateway_replica *replicas; /* copied; NULL: each backend is one process */
  size_t replica_count;
  rpc_clock *clock;
  rpc_random *random; /* for correlation ids */
  metrics_registry *metrics;
  trace_recorder *traces;      /* may be NULL */
  log_sink *log;               /* may be NULL */
  size_t max_body;             /* bytes of a request's body, past which it is refused with 413 */
  uint32_t max_in_flight;      /* requests being answered, past which one is refused with 429 */
  uint32_t max_connections;    /* past which no more are accepted until one ends. Never more
                                  than the process may have descriptors for */
  const char *cors_origins;    /* of other pages that may call, comma-separated, or "*"; NULL: none */
  const char *access_log;      /* a file or pipe for a line of JSON a request: access_log.h; NULL: none */
  auth *auth;                  /* who may call what; NULL: everybody may */
  gateway_tls_config tls;      /* its cert_file NULL: no TLS */
  uint32_t request_timeout_ms; /* for a request to arrive, for its answer to be taken (and again for each MiB of it),
                                  and for an idle connection */
  uint32_t drain_grace_ms;     /* how long a stopping gateway waits for requests on idle connections */
  size_t max_buffered;         /* bytes of all requests that arrive and answers that wait for their clients, past which
                                  the connections that hold the most are ended */
  uint32_t max_event_streams;  /* readers of GET /events at once */
  uint32_t event_interval_ms;  /* between two looks at the services for them */
} gateway_config;

typedef struct gateway gateway;

/* Listens and starts the loop's thread. NULL on failure, with the reason in *status. */
gateway *gateway_create(const gateway_config *config, rpc_status *status);

/* The port of a backend's listener, by its index in the configuration; of that for all services, for backend_count. */
uint16_t gateway_port(const gateway *server, size_t backend);

/* Stops listening, answers what is in flight and what still comes on connections from before, each the last there
 * (Connection: close, GOAWAY), until nothing is under way, timeout_ms at most; false where something still is. Idle
 * connections are waited for as long as drain_grace_ms. From here on no call is begun. */
bool gateway_stop(gateway *server, uint32_t timeout_ms);

/* Ends the loop and frees all. Stop first, then destroy the clients (which ends the calls that are still under way),
 * then this. NULL is ignored. */
void gateway_destroy(gateway *server);
