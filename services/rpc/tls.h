/* The certificates of this process, for tls+tcp:// (and wss://) between processes. Both ends show a certificate, and
 * both must be signed by the CA given here: a peer without one gets nothing. The one that dials also checks that the
 * certificate is of the host in its URL (RFC 6125; NNG's TLS, mbedTLS, looks at DNS names only, so an address must
 * stand among them as text). Called by transport_nng.c and listener.c, and by mains for the settings. */
#pragma once

#include <nng/nng.h>

#include "rpc/status.h"

typedef struct rpc_tls rpc_tls;

/* PEM files: certificates to trust, this process's own certificate (its chain below it), and its key. NULL where one
 * cannot be read or used, with a line that names it in *status. */
rpc_tls *rpc_tls_create(const char *ca_file, const char *cert_file, const char *key_file, rpc_status *status);

/* As STORE_TLS_CA_FILE, STORE_TLS_CERT_FILE and STORE_TLS_KEY_FILE say: all of them, or none: NULL then, with RPC_OK.
 */
rpc_tls *rpc_tls_create_from_settings(rpc_status *status);

/* What was made with it keeps what it needs. NULL is ignored. */
void rpc_tls_destroy(rpc_tls *tls);

/* Connects in the background, and listens; like nng_dial and nng_listen, with these certificates where the URL asks for
 * TLS. tls may be NULL: such URLs are refused then, with NNG_ECRYPTO. Return an error of NNG. */
int rpc_tls_dial(const rpc_tls *tls, nng_socket socket, const char *url);
int rpc_tls_listen(const rpc_tls *tls, nng_socket socket, const char *url, nng_listener *listener);
