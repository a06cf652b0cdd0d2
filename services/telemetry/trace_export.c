/* A bounded queue that calls put spans into, and a thread that takes all of it, in exchange for an empty one, so that
 * no call waits while spans are copied, and posts it in batches with libcurl. What may be tried again, and how, is
 * OTLP's: on 429, 502, 503, 504 and lost connections, with growing waits. */
#include "telemetry/trace_export.h"

#include <curl/curl.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "telemetry/monotonic.h"
#include "telemetry/trace_otlp.h"

enum {
  DEFAULT_QUEUE = 2048,
  DEFAULT_BATCH = 512,
  DEFAULT_INTERVAL_MS = 1000,
  DEFAULT_TIMEOUT_MS = 10000,
  DEFAULT_ATTEMPTS = 5,
  DEFAULT_BACKOFF_MS = 500,
  DEFAULT_SHUTDOWN_MS = 2000,
  POLL_MS = 50, /* how often a post under way looks whether it must end */
};

typedef enum post_outcome { POST_TAKEN, POST_AGAIN, POST_REFUSED } post_outcome;

struct trace_exporter {
  trace_exporter_config config;
  char *url, *service;
  char instance[128];
  struct curl_slist *headers;
  CURLM *multi; /* these two are the thread's */
  CURL *post;
  metrics_series *exported, *dropped_queue_full, *dropped_by_collector;
  pthread_t thread;
  pthread_mutex_t lock; /* for the fields below */
  pthread_cond_t changed;
  bool stopping;
  int64_t stop_by_ms; /* once stopping */
  size_t queued;
  trace_record *queue;
  trace_record *taken; /* the thread's, like what it writes of it: */
  trace_otlp_text text;
};

void trace_exporter_offer(void *arg, const trace_record *record) {
  trace_exporter *exporter = arg;
  pthread_mutex_lock(&exporter->lock);
  bool fits = exporter->queued < exporter->config.queue_spans;
  if (fits) {
    exporter->queue[exporter->queued++] = *record;
    if (exporter->queued == exporter->config.batch_spans) pthread_cond_signal(&exporter->changed);
  }
  pthread_mutex_unlock(&exporter->lock);
  if (!fits) metrics_add(exporter->dropped_queue_full, 1);
}

/* Waits until `until_ms` or stopping, or while `enough` spans are not there yet; under the lock. */
static void wait_for(trace_exporter *exporter, int64_t until_ms, size_t enough) {
  struct timespec until = {.tv_sec = until_ms / 1000, .tv_nsec = until_ms % 1000 * 1000000};
  while (!exporter->stopping && exporter->queued < enough &&
         pthread_cond_timedwait(&exporter->changed, &exporter->lock, &until) != ETIMEDOUT) {
    continue;
  }
}

/* When a post that is begun now must have ended. */
static int64_t post_deadline(trace_exporter *exporter, int64_t timeout_at_ms) {
  pthread_mutex_lock(&exporter->lock);
  bool sooner = exporter->stopping && exporter->stop_by_ms < timeout_at_ms;
  int64_t deadline_ms = sooner ? exporter->stop_by_ms : timeout_at_ms;
  pthread_mutex_unlock(&exporter->lock);
  return deadline_ms;
}

static size_t ignore_body(const char *bytes, size_t size, size_t count, void *arg) {
  (void)bytes, (void)arg;
  return size * count;
}

static post_outcome judge(CURLcode result, long http_status) {
  if (result != CURLE_OK) return POST_AGAIN;
  if (http_status >= 200 && http_status < 300) return POST_TAKEN;
  bool again = http_status == 429 || http_status == 502 || http_status == 503 || http_status == 504;
  return again ? POST_AGAIN : POST_REFUSED;
}

/* One post, watched so that a stop cuts it short: libcurl's own timeout could not be changed meanwhile. */
static post_outcome post(trace_exporter *exporter, const char *body, size_t length) {
  curl_easy_setopt(exporter->post, CURLOPT_POSTFIELDS, body);
  curl_easy_setopt(exporter->post, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)length);
  if (curl_multi_add_handle(exporter->multi, exporter->post) != CURLM_OK) return POST_AGAIN;
  int64_t timeout_at_ms = monotonic_ms() + exporter->config.timeout_ms;
  int running = 1;
  CURLcode result = CURLE_OPERATION_TIMEDOUT;
  while (curl_multi_perform(exporter->multi, &running) == CURLM_OK && running > 0 &&
         monotonic_ms() < post_deadline(exporter, timeout_at_ms)) {
    curl_multi_poll(exporter->multi, NULL, 0, POLL_MS, NULL);
  }
  int left;
  const CURLMsg *message = curl_multi_info_read(exporter->multi, &left);
  if (message != NULL && message->msg == CURLMSG_DONE) result = message->data.result;
  long http_status = 0;
  curl_easy_getinfo(exporter->post, CURLINFO_RESPONSE_CODE, &http_status);
  curl_multi_remove_handle(exporter->multi, exporter->post);
  return judge(result, http_status);
}

/* False: it is time to end, with the batch not sent. */
static bool back_off(trace_exporter *exporter, uint32_t attempt) {
  int64_t wait_ms = (int64_t)exporter->config.backoff_ms << (attempt < 16 ? attempt : 16);
  pthread_mutex_lock(&exporter->lock);
  if (!exporter->stopping) wait_for(exporter, monotonic_ms() + wait_ms, SIZE_MAX);
  bool go_on = !exporter->stopping || monotonic_ms() < exporter->stop_by_ms;
  bool stopping = exporter->stopping;
  pthread_mutex_unlock(&exporter->lock);
  if (go_on && stopping) nanosleep(&(struct timespec){.tv_nsec = POLL_MS * 1000000L}, NULL);
  return go_on;
}

static void send_batch(trace_exporter *exporter, const trace_record *records, size_t count) {
  trace_resource resource = {exporter->service, exporter->instance};
  bool is_written = trace_otlp_write(&exporter->text, &resource, records, count);
  post_outcome outcome = POST_REFUSED;
  for (uint32_t attempt = 0; is_written && attempt < exporter->config.attempts; attempt++) {
    outcome = post(exporter, exporter->text.bytes, exporter->text.length);
    if (outcome != POST_AGAIN || !back_off(exporter, attempt)) break;
  }
  metrics_add(outcome == POST_TAKEN ? exporter->exported : exporter->dropped_by_collector, (int64_t)count);
}

static bool may_go_on(trace_exporter *exporter) {
  pthread_mutex_lock(&exporter->lock);
  bool may = !exporter->stopping || monotonic_ms() < exporter->stop_by_ms;
  pthread_mutex_unlock(&exporter->lock);
  return may;
}

/* In batches; what there is no time for any more is dropped. */
static void send_taken(trace_exporter *exporter, size_t count) {
  size_t sent = 0;
  while (sent < count && may_go_on(exporter)) {
    size_t left = count - sent, batch = exporter->config.batch_spans;
    if (batch > left) batch = left;
    send_batch(exporter, exporter->taken + sent, batch);
    sent += batch;
  }
  metrics_add(exporter->dropped_by_collector, (int64_t)(count - sent));
}

static void *run(void *arg) {
  trace_exporter *exporter = arg;
  bool is_last = false;
  while (!is_last) {
    pthread_mutex_lock(&exporter->lock);
    wait_for(exporter, monotonic_ms() + exporter->config.interval_ms, exporter->config.batch_spans);
    trace_record *taken = exporter->queue;
    size_t count = exporter->queued;
    exporter->queue = exporter->taken;
    exporter->queued = 0;
    is_last = exporter->stopping; /* nobody offers any more */
    pthread_mutex_unlock(&exporter->lock);
    exporter->taken = taken;
    send_taken(exporter, count);
  }
  return NULL;
}

/* --- making and ending --- */

static void configure(trace_exporter *exporter, const trace_exporter_config *given) {
  exporter->config = *given;
  trace_exporter_config *config = &exporter->config;
  if (config->queue_spans == 0) config->queue_spans = DEFAULT_QUEUE;
  if (config->batch_spans == 0) config->batch_spans = DEFAULT_BATCH;
  if (config->batch_spans > config->queue_spans) config->batch_spans = config->queue_spans;
  if (config->interval_ms == 0) config->interval_ms = DEFAULT_INTERVAL_MS;
  if (config->timeout_ms == 0) config->timeout_ms = DEFAULT_TIMEOUT_MS;
  if (config->attempts == 0) config->attempts = DEFAULT_ATTEMPTS;
  if (config->backoff_ms == 0) config->backoff_ms = DEFAULT_BACKOFF_MS;
  if (config->shutdown_ms == 0) config->shutdown_ms = DEFAULT_SHUTDOWN_MS;
  char host[64] = "";
  gethostname(host, sizeof host - 1);
  snprintf(exporter->instance, sizeof exporter->instance, "%s:%ld", host, (long)getpid());
  metrics_family *spans =
      metrics_define(config->metrics, METRICS_COUNTER, "telemetry_spans_total",
                     "Sampled spans, by what became of them.", (const char *const[]){"result", NULL});
  exporter->exported = metrics_series_get(spans, (const char *const[]){"exported"});
  exporter->dropped_queue_full = metrics_series_get(spans, (const char *const[]){"dropped_queue_full"});
  exporter->dropped_by_collector = metrics_series_get(spans, (const char *const[]){"dropped_by_collector"});
}

static bool add_header(trace_exporter *exporter, const char *line) {
  struct curl_slist *longer = curl_slist_append(exporter->headers, line);
  if (longer != NULL) exporter->headers = longer;
  return longer != NULL;
}

/* "key=value,key=value" as lines "key: value". */
static bool add_headers(trace_exporter *exporter, const char *list) {
  char line[1024];
  if (!add_header(exporter, "Content-Type: application/json") || !add_header(exporter, "Expect:")) return false;
  for (const char *at = list; at != NULL && *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
    int length = (int)strcspn(at, ","), key = (int)strcspn(at, "=,");
    if (key >= length) continue;
    snprintf(line, sizeof line, "%.*s: %.*s", key, at, length - key - 1, at + key + 1);
    if (!add_header(exporter, line)) return false;
  }
  return true;
}

static bool is_usable(const char *url) {
  CURLU *parsed = curl_url();
  bool usable = parsed != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK;
  curl_url_cleanup(parsed);
  return usable && (strncmp(url, "http://", 7) == 0 || strncmp(url, "https://", 8) == 0);
}

static bool open_curl(trace_exporter *exporter) {
  exporter->multi = curl_multi_init();
  exporter->post = curl_easy_init();
  return exporter->multi != NULL && exporter->post != NULL &&
         curl_easy_setopt(exporter->post, CURLOPT_URL, exporter->url) == CURLE_OK &&
         curl_easy_setopt(exporter->post, CURLOPT_HTTPHEADER, exporter->headers) == CURLE_OK &&
         curl_easy_setopt(exporter->post, CURLOPT_WRITEFUNCTION, ignore_body) == CURLE_OK &&
         curl_easy_setopt(exporter->post, CURLOPT_NOSIGNAL, 1L) == CURLE_OK;
}

static void free_exporter(trace_exporter *exporter) {
  curl_easy_cleanup(exporter->post);
  if (exporter->multi != NULL) curl_multi_cleanup(exporter->multi);
  curl_slist_free_all(exporter->headers);
  curl_global_cleanup();
  pthread_cond_destroy(&exporter->changed);
  pthread_mutex_destroy(&exporter->lock);
  free(exporter->queue);
  free(exporter->taken);
  trace_otlp_free(&exporter->text);
  free(exporter->service);
  free(exporter->url);
  free(exporter);
}

trace_exporter *trace_exporter_create(const trace_exporter_config *config) {
  trace_exporter *exporter = calloc(1, sizeof *exporter);
  if (exporter == NULL) return NULL;
  configure(exporter, config);
  curl_global_init(CURL_GLOBAL_DEFAULT);
  pthread_condattr_t monotonic;
  pthread_condattr_init(&monotonic);
  pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
  pthread_mutex_init(&exporter->lock, NULL);
  pthread_cond_init(&exporter->changed, &monotonic);
  pthread_condattr_destroy(&monotonic);
  exporter->url = strdup(config->url);
  exporter->service = strdup(config->service);
  exporter->queue = calloc(exporter->config.queue_spans, sizeof *exporter->queue);
  exporter->taken = calloc(exporter->config.queue_spans, sizeof *exporter->taken);
  if (exporter->url != NULL && exporter->service != NULL && exporter->queue != NULL && exporter->taken != NULL &&
      is_usable(exporter->url) && add_headers(exporter, config->headers) && open_curl(exporter) &&
      pthread_create(&exporter->thread, NULL, run, exporter) == 0) {
    return exporter;
  }
  free_exporter(exporter);
  return NULL;
}

void trace_exporter_destroy(trace_exporter *exporter) {
  if (exporter == NULL) return;
  pthread_mutex_lock(&exporter->lock);
  exporter->stopping = true;
  exporter->stop_by_ms = monotonic_ms() + exporter->config.shutdown_ms;
  pthread_cond_signal(&exporter->changed);
  pthread_mutex_unlock(&exporter->lock);
  pthread_join(exporter->thread, NULL);
  free_exporter(exporter);
}
