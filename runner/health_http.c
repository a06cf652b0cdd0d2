/* See health_http.h. */
#include "runner/health_http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "gateway/json_write.h"
#include "rpc/settings.h"
#include "rpc/status.h"
#include "runner/call.h"
#include "runner/health.h"
#include "runner/json.h"

enum { ANSWER_MAX = 1024 * 1024, URL_MAX = 1024 };

static size_t take_body(char *bytes, size_t size, size_t count, void *arg) {
  json_writer *body = arg;
  json_write_bytes(body, bytes, size * count);
  return body->failed ? 0 : size * count;
}

static void write_health(json_writer *line, const json_writer *body) {
  json_t *health = json_loadb(body->bytes ? body->bytes : "", body->length, JSON_REJECT_DUPLICATES, NULL);
  if (!health) return;
  json_write_key(line, "health");
  json_write_bytes(line, body->bytes, body->length);
  json_decref(health);
}

static int print_line(const char *url, CURLcode outcome, long http_status, const json_writer *body) {
  json_writer line = json_writer_make(2 * ANSWER_MAX);
  json_write_open(&line, '{');
  json_write_key(&line, "address");
  json_write_text(&line, url);
  if (outcome == CURLE_OK) {
    json_write_key(&line, "http_status");
    json_write_integer(&line, http_status);
    write_health(&line, body);
  } else {
    json_write_key(&line, "code");
    json_write_text(&line, rpc_code_name(RPC_UNAVAILABLE));
    json_write_key(&line, "message");
    json_write_text(&line, curl_easy_strerror(outcome));
  }
  json_write_close(&line, '}');
  printf("%.*s\n", (int)line.length, line.bytes);
  json_writer_free(&line);
  if (outcome != CURLE_OK) return RUNNER_CALL_EXIT_BASE + RPC_UNAVAILABLE;
  return http_status == 200 ? 0 : RUNNER_HEALTH_EXIT_NOT_SERVING;
}

static void use_file(CURL *curl, CURLoption option, const char *setting) {
  const char *file = settings_text(setting, NULL);
  if (file) curl_easy_setopt(curl, option, file);
}

int runner_health_get(const char *url, long timeout_ms) {
  char target[URL_MAX];
  snprintf(target, sizeof target, "%s/health", url);
  json_writer body = json_writer_make(ANSWER_MAX);
  CURL *curl = curl_easy_init();
  long http_status = 0;
  CURLcode outcome = curl ? CURLE_OK : CURLE_OUT_OF_MEMORY;
  if (curl) {
    curl_easy_setopt(curl, CURLOPT_URL, target);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, timeout_ms);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    use_file(curl, CURLOPT_CAINFO, "STORE_TLS_CA_FILE");
    use_file(curl, CURLOPT_SSLCERT, "STORE_TLS_CERT_FILE");
    use_file(curl, CURLOPT_SSLKEY, "STORE_TLS_KEY_FILE");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    outcome = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &http_status);
    curl_easy_cleanup(curl);
  }
  int code = print_line(url, outcome, http_status, &body);
  json_writer_free(&body);
  return code;
}
