/* NNG's TLS configurations, made from PEM texts that are read once. */
#include "rpc/tls.h"

#include <errno.h>
#include <nng/supplemental/tls/tls.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/settings.h"

enum { PEM_MAX = 1024 * 1024 };

struct rpc_tls {
  char *ca, *cert, *key; /* PEM */
};

/* NULL, with the reason in *status, where there is no such file or it is no PEM. */
static char *read_pem(const char *path, rpc_status *status) {
  FILE *file = fopen(path, "re");
  char *text = file ? calloc(1, PEM_MAX) : NULL;
  size_t size = text ? fread(text, 1, PEM_MAX - 1, file) : 0;
  if (!file || !text || ferror(file)) {
    *status = rpc_status_error(RPC_INVALID_ARGUMENT, "TLS_FILE", "cannot read %s: %s", path, strerror(errno));
  } else if (size == PEM_MAX - 1 || !strstr(text, "-----BEGIN ")) {
    *status = rpc_status_error(RPC_INVALID_ARGUMENT, "TLS_FILE", "%s is not a PEM file", path);
  } else {
    fclose(file);
    return text;
  }
  if (file) fclose(file);
  free(text);
  return NULL;
}

/* The caller's, to be freed; NULL on failure, with NNG's error. */
static nng_tls_config *make_config(const rpc_tls *tls, nng_tls_mode mode, int *error) {
  nng_tls_config *config;
  if ((*error = nng_tls_config_alloc(&config, mode)) != 0) return NULL;
  *error = nng_tls_config_auth_mode(config, NNG_TLS_AUTH_MODE_REQUIRED);
  if (*error == 0) *error = nng_tls_config_ca_chain(config, tls->ca, NULL);
  if (*error == 0) *error = nng_tls_config_own_cert(config, tls->cert, tls->key, NULL);
  if (*error == 0) return config;
  nng_tls_config_free(config);
  return NULL;
}

rpc_tls *rpc_tls_create(const char *ca_file, const char *cert_file, const char *key_file, rpc_status *status) {
  rpc_tls *tls = calloc(1, sizeof *tls);
  if (!tls) {
    *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for certificates");
    return NULL;
  }
  *status = rpc_status_ok();
  if (!(tls->ca = read_pem(ca_file, status)) || !(tls->cert = read_pem(cert_file, status)) ||
      !(tls->key = read_pem(key_file, status))) {
    rpc_tls_destroy(tls);
    return NULL;
  }
  int error;
  nng_tls_config *config = make_config(tls, NNG_TLS_MODE_SERVER, &error);
  if (config) {
    nng_tls_config_free(config);
    return tls;
  }
  *status = rpc_status_error(RPC_INVALID_ARGUMENT, "TLS_FILE", "%s, %s and %s cannot be used together: %s", ca_file,
                             cert_file, key_file, nng_strerror(error));
  rpc_tls_destroy(tls);
  return NULL;
}

rpc_tls *rpc_tls_create_from_settings(rpc_status *status) {
  static const char *const names[] = {"STORE_TLS_CA_FILE", "STORE_TLS_CERT_FILE", "STORE_TLS_KEY_FILE"};
  enum { FILES = sizeof names / sizeof names[0] };
  const char *files[FILES], *missing = NULL;
  size_t given = 0;
  *status = rpc_status_ok();
  for (size_t i = 0; i < FILES; i++) {
    files[i] = settings_text(names[i], NULL);
    if (files[i]) given++;
    if (!files[i]) missing = names[i];
  }
  if (given == FILES) return rpc_tls_create(files[0], files[1], files[2], status);
  if (given > 0) *status = rpc_status_error(RPC_INVALID_ARGUMENT, "TLS_FILE", "%s is missing", missing);
  return NULL;
}

void rpc_tls_destroy(rpc_tls *tls) {
  if (!tls) return;
  if (tls->key) explicit_bzero(tls->key, strlen(tls->key));
  free(tls->ca);
  free(tls->cert);
  free(tls->key);
  free(tls);
}

static bool is_secure(const char *url) {
  return strncmp(url, "tls+", 4) == 0 || strncmp(url, "wss", 3) == 0;
}

static int dial_securely(const rpc_tls *tls, nng_socket socket, const char *url) {
  nng_url *parsed;
  nng_dialer dialer;
  int error = nng_url_parse(&parsed, url);
  if (error != 0) return error;
  nng_tls_config *config = make_config(tls, NNG_TLS_MODE_CLIENT, &error);
  if (config) error = nng_tls_config_server_name(config, parsed->u_hostname);
  nng_url_free(parsed);
  if (error == 0) error = nng_dialer_create(&dialer, socket, url);
  if (error == 0) {
    error = nng_dialer_set_ptr(dialer, NNG_OPT_TLS_CONFIG, config);
    if (error == 0) error = nng_dialer_start(dialer, NNG_FLAG_NONBLOCK);
    if (error != 0) nng_dialer_close(dialer);
  }
  if (config) nng_tls_config_free(config); /* the dialer holds it */
  return error;
}

int rpc_tls_dial(const rpc_tls *tls, nng_socket socket, const char *url) {
  if (!is_secure(url)) return nng_dial(socket, url, NULL, NNG_FLAG_NONBLOCK);
  return tls ? dial_securely(tls, socket, url) : NNG_ECRYPTO;
}

int rpc_tls_listen(const rpc_tls *tls, nng_socket socket, const char *url, nng_listener *listener) {
  if (!is_secure(url)) return nng_listen(socket, url, listener, 0);
  if (!tls) return NNG_ECRYPTO;
  int error;
  nng_tls_config *config = make_config(tls, NNG_TLS_MODE_SERVER, &error);
  if (!config) return error;
  error = nng_listener_create(listener, socket, url);
  if (error == 0) {
    error = nng_listener_set_ptr(*listener, NNG_OPT_TLS_CONFIG, config);
    if (error == 0) error = nng_listener_start(*listener, 0);
    if (error != 0) nng_listener_close(*listener);
  }
  nng_tls_config_free(config); /* the listener holds it */
  return error;
}
