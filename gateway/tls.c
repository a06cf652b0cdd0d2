/* OpenSSL's context, made anew when its files change. */
#include "gateway/tls.h"

#include <h2o.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LOOK_EVERY_US = 1000000, FILES = 3 };

typedef struct file_stamp {
  ino_t inode;
  off_t size;
  struct timespec changed;
} file_stamp;

struct gateway_tls {
  gateway_tls_config config;
  log_sink *log;
  SSL_CTX *context;
  file_stamp stamps[FILES];
  int64_t looked_us;
};

static void take_stamps(const gateway_tls_config *config, file_stamp stamps[FILES]) {
  const char *const files[FILES] = {config->cert_file, config->key_file, config->client_ca_file};
  memset(stamps, 0, FILES * sizeof stamps[0]);
  for (int i = 0; i < FILES; i++) {
    struct stat found;
    if (!files[i] || stat(files[i], &found) != 0) continue;
    stamps[i].inode = found.st_ino;
    stamps[i].size = found.st_size;
    stamps[i].changed = found.st_mtim;
  }
}

/* NULL, with the file at fault in *wrong, where one cannot be used. */
static SSL_CTX *make_context(const gateway_tls_config *config, const char **wrong) {
  SSL_CTX *context = SSL_CTX_new(TLS_server_method());
  *wrong = "no memory";
  if (!context) return NULL;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_id_context(context, (const unsigned char *)"store", 5);
  h2o_ssl_register_alpn_protocols(context, h2o_http2_alpn_protocols);
  *wrong = config->cert_file;
  if (SSL_CTX_use_certificate_chain_file(context, config->cert_file) != 1) goto fail;
  *wrong = config->key_file;
  if (SSL_CTX_use_PrivateKey_file(context, config->key_file, SSL_FILETYPE_PEM) != 1) goto fail;
  if (SSL_CTX_check_private_key(context) != 1) goto fail;
  if (config->client_auth == GATEWAY_CLIENT_NONE) return context;
  *wrong = config->client_ca_file;
  if (SSL_CTX_load_verify_file(context, config->client_ca_file) != 1) goto fail;
  SSL_CTX_set_client_CA_list(context, SSL_load_client_CA_file(config->client_ca_file));
  int mode = SSL_VERIFY_PEER;
  if (config->client_auth == GATEWAY_CLIENT_REQUIRED) mode |= SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
  SSL_CTX_set_verify(context, mode, NULL);
  return context;

fail:
  SSL_CTX_free(context);
  return NULL;
}

static void describe_error(char *text, size_t size) {
  ERR_error_string_n(ERR_get_error(), text, size);
  ERR_clear_error();
}

gateway_tls *gateway_tls_create(const gateway_tls_config *config, log_sink *log, rpc_status *status) {
  const char *wrong = config->key_file ? "" : "the key's file is missing";
  if (config->client_auth != GATEWAY_CLIENT_NONE && !config->client_ca_file) wrong = "the clients' CA is missing";
  gateway_tls *tls = calloc(1, sizeof *tls);
  if (tls && !*wrong) {
    tls->config = *config;
    tls->log = log;
    take_stamps(config, tls->stamps);
    tls->context = make_context(config, &wrong);
    *status = rpc_status_ok();
    if (tls->context) return tls;
  }
  char error[200];
  describe_error(error, sizeof error);
  *status = rpc_status_error(RPC_INVALID_ARGUMENT, "TLS_FILE", "%s: %s", wrong, error);
  free(tls);
  return NULL;
}

void gateway_tls_destroy(gateway_tls *tls) {
  if (!tls) return;
  SSL_CTX_free(tls->context);
  free(tls);
}

static void look_again(gateway_tls *tls) {
  file_stamp stamps[FILES];
  take_stamps(&tls->config, stamps);
  if (memcmp(stamps, tls->stamps, sizeof stamps) == 0) return;
  memcpy(tls->stamps, stamps, sizeof stamps);
  const char *wrong;
  SSL_CTX *context = make_context(&tls->config, &wrong);
  if (context) {
    SSL_CTX_free(tls->context); /* connections hold it */
    tls->context = context;
    log_at(tls->log, LOG_INFO, "took up new certificates", LOG_TEXT("file", tls->config.cert_file));
    return;
  }
  char error[200];
  describe_error(error, sizeof error);
  log_at(tls->log, LOG_ERROR, "keeping the old certificates", LOG_TEXT("file", wrong), LOG_TEXT("error", error));
}

SSL_CTX *gateway_tls_context(gateway_tls *tls, int64_t now_us) {
  if (now_us - tls->looked_us >= LOOK_EVERY_US) {
    tls->looked_us = now_us;
    look_again(tls);
  }
  return tls->context;
}
