/* HTTPS: the gateway's certificate, and whose certificates it asks its clients for. HTTP/2 is agreed on by ALPN (RFC
 * 7301), TLS is 1.2 or later. A certificate that has been replaced is taken up within a second, by connections that
 * come after; one that cannot be used is not, and the log says so. Called by server.c, on the event loop's thread,
 * apart from creation and destruction. */
#pragma once

#include <openssl/ssl.h>
#include <stdint.h>

#include "rpc/status.h"
#include "telemetry/log.h"

typedef struct gateway_tls gateway_tls;

typedef enum gateway_client_auth {
  GATEWAY_CLIENT_NONE,
  GATEWAY_CLIENT_OPTIONAL,
  GATEWAY_CLIENT_REQUIRED
} gateway_client_auth;

typedef struct gateway_tls_config {
  const char *cert_file, *key_file; /* PEM; the chain below the certificate. NULL: no TLS */
  gateway_client_auth client_auth;
  const char *client_ca_file; /* whose clients are trusted; needed unless GATEWAY_CLIENT_NONE */
} gateway_tls_config;

/* NULL, with the reason in *status, where a file cannot be used. log may be NULL. */
gateway_tls *gateway_tls_create(const gateway_tls_config *config, log_sink *log, rpc_status *status);

/* NULL is ignored. Connections made with it may outlive it. */
void gateway_tls_destroy(gateway_tls *tls);

/* For the next connection; now_us: any monotonic clock's. */
SSL_CTX *gateway_tls_context(gateway_tls *tls, int64_t now_us);
