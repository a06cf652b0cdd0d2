/* Spans on their way out: what is sampled, the JSON they become, and an exporter whose collector is slow, refuses, or
 * is not there. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "telemetry/metrics.h"
#include "telemetry/trace.h"
#include "telemetry/trace_export.h"
#include "telemetry/trace_otlp.h"

/* --- a collector: one connection at a time, answers each post with the status at hand --- */

typedef struct collector {
  int listener;
  uint16_t port;
  pthread_t thread;
  atomic_int status; /* 0: reads the post and never answers */
  atomic_int posts;
  atomic_int spans; /* in posts that were answered with 200 */
  atomic_bool stop;
} collector;

static int count_spans(const char *body) {
  json_t *document = json_loads(body, JSON_REJECT_DUPLICATES, NULL);
  json_t *resource = json_array_get(json_object_get(document, "resourceSpans"), 0);
  json_t *scope = json_array_get(json_object_get(resource, "scopeSpans"), 0);
  int count = (int)json_array_size(json_object_get(scope, "spans"));
  json_decref(document);
  return count;
}

/* The body of a request, read whole into buffer; NULL where the client has gone. */
static const char *read_post(int fd, char *buffer, size_t size) {
  size_t length = 0;
  for (;;) {
    ssize_t count = recv(fd, buffer + length, size - 1 - length, 0);
    if (count <= 0) return NULL;
    length += (size_t)count;
    buffer[length] = '\0';
    const char *body = strstr(buffer, "\r\n\r\n"), *field = strcasestr(buffer, "content-length:");
    if (body == NULL || field == NULL) continue;
    body += 4;
    if (length - (size_t)(body - buffer) >= strtoul(field + strlen("content-length:"), NULL, 10)) return body;
  }
}

static void serve(collector *self, int fd) {
  enum { SIZE = 4 << 20 };
  char *buffer = malloc(SIZE), answer[128];
  const char *body;
  while ((body = read_post(fd, buffer, SIZE)) != NULL) {
    int status = atomic_load(&self->status);
    atomic_fetch_add(&self->posts, 1);
    if (status == 0) continue;
    if (status == 200) atomic_fetch_add(&self->spans, count_spans(body));
    int length = snprintf(answer, sizeof answer, "HTTP/1.1 %d Status\r\nContent-Length: 2\r\n\r\n{}", status);
    if (send(fd, answer, (size_t)length, MSG_NOSIGNAL) != length) break;
  }
  free(buffer);
}

static void *collector_main(void *arg) {
  collector *self = arg;
  while (!atomic_load(&self->stop)) {
    struct pollfd wait = {.fd = self->listener, .events = POLLIN};
    if (poll(&wait, 1, 20) <= 0) continue;
    int fd = accept(self->listener, NULL, NULL);
    if (fd < 0) continue;
    serve(self, fd);
    close(fd);
  }
  return NULL;
}

static int setup(void **state) {
  collector *self = calloc(1, sizeof *self);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  self->listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(self->listener, (struct sockaddr *)&address, size) != 0 || listen(self->listener, 8) != 0) return -1;
  getsockname(self->listener, (struct sockaddr *)&address, &size);
  self->port = ntohs(address.sin_port);
  atomic_store(&self->status, 200);
  *state = self;
  return pthread_create(&self->thread, NULL, collector_main, self);
}

static int teardown(void **state) {
  collector *self = *state;
  atomic_store(&self->stop, true);
  pthread_join(self->thread, NULL);
  close(self->listener);
  free(self);
  return 0;
}

/* --- exporters --- */

typedef struct sender {
  metrics_registry *metrics;
  trace_exporter *exporter;
  trace_recorder *recorder;
} sender;

static sender make_sender(uint16_t port, trace_exporter_config config) {
  char url[64];
  snprintf(url, sizeof url, "http://127.0.0.1:%u/v1/traces", port);
  sender made = {.metrics = metrics_registry_create(), .recorder = trace_recorder_create("order", 16)};
  config.url = url;
  config.service = "order";
  config.metrics = made.metrics;
  made.exporter = trace_exporter_create(&config);
  assert_non_null(made.exporter);
  trace_recorder_export(made.recorder, trace_exporter_offer, made.exporter);
  return made;
}

static void send_spans(const sender *from, int count) {
  for (int i = 0; i < count; i++) {
    trace_span span = trace_span_start(from->recorder, "work", TRACE_SERVER, NULL);
    trace_span_end(from->recorder, &span, 0, "corr", NULL);
  }
}

static int64_t counted(const sender *from, const char *result) {
  metrics_family *family =
      metrics_define(from->metrics, METRICS_COUNTER, "telemetry_spans_total", "", (const char *[]){"result", NULL});
  return metrics_value(metrics_series_get(family, (const char *[]){result}));
}

static void end_sender(sender *ended) {
  trace_exporter_destroy(ended->exporter);
  ended->exporter = NULL;
}

static void free_sender(sender *freed) {
  trace_exporter_destroy(freed->exporter);
  trace_recorder_destroy(freed->recorder);
  metrics_registry_destroy(freed->metrics);
}

static int64_t now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_until(atomic_int *value, int at_least) {
  int64_t until = now_ms() + 20000;
  while (atomic_load(value) < at_least && now_ms() < until) nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
  assert_true(atomic_load(value) >= at_least);
}

/* --- tests --- */

static void spans_are_sent_in_batches_and_the_rest_at_the_end(void **state) {
  collector *to = *state;
  sender from = make_sender(to->port, (trace_exporter_config){.batch_spans = 100, .interval_ms = 60000});
  send_spans(&from, 100);
  wait_until(&to->spans, 100); /* a whole batch does not wait for the interval */
  send_spans(&from, 7);
  end_sender(&from);
  assert_int_equal(atomic_load(&to->spans), 107);
  assert_int_equal(atomic_load(&to->posts), 2);
  assert_int_equal(counted(&from, "exported"), 107);
  free_sender(&from);
}

static void busy_collector_is_asked_again(void **state) {
  collector *to = *state;
  atomic_store(&to->status, 503);
  sender from = make_sender(to->port, (trace_exporter_config){.interval_ms = 1, .backoff_ms = 1, .attempts = 1000});
  send_spans(&from, 3);
  wait_until(&to->posts, 3);
  atomic_store(&to->status, 200);
  wait_until(&to->spans, 3);
  end_sender(&from);
  assert_int_equal(counted(&from, "exported"), 3);
  assert_int_equal(counted(&from, "dropped_by_collector"), 0);
  free_sender(&from);
}

static void refused_batch_is_dropped_at_once_and_counted(void **state) {
  collector *to = *state;
  atomic_store(&to->status, 400);
  sender from = make_sender(to->port, (trace_exporter_config){.interval_ms = 1});
  send_spans(&from, 3);
  wait_until(&to->posts, 1);
  end_sender(&from);
  assert_int_equal(atomic_load(&to->posts) <= 3, true); /* no span is sent twice */
  assert_int_equal(counted(&from, "dropped_by_collector"), 3);
  free_sender(&from);
}

static void collector_that_never_answers_costs_spans_but_not_time(void **state) {
  collector *to = *state;
  atomic_store(&to->status, 0);
  sender from =
      make_sender(to->port, (trace_exporter_config){.queue_spans = 50, .batch_spans = 50, .shutdown_ms = 200});
  send_spans(&from, 50);
  wait_until(&to->posts, 1);
  int64_t before_ms = now_ms();
  send_spans(&from, 1000); /* far more than the queue holds */
  assert_true(now_ms() - before_ms < 5000);
  assert_int_equal(counted(&from, "dropped_queue_full"), 950);
  before_ms = now_ms();
  end_sender(&from);
  assert_true(now_ms() - before_ms < 5000); /* the post's own timeout is 10 s */
  assert_int_equal(counted(&from, "dropped_by_collector"), 100);
  free_sender(&from);
}

static void collector_that_is_not_there_costs_spans_only(void **state) {
  (void)state;
  sender from = make_sender(1, (trace_exporter_config){.interval_ms = 1, .backoff_ms = 1, .attempts = 2});
  send_spans(&from, 9);
  end_sender(&from);
  assert_int_equal(counted(&from, "dropped_by_collector"), 9);
  assert_int_equal(counted(&from, "exported"), 0);
  free_sender(&from);
}

static void url_that_is_none_is_refused(void **state) {
  (void)state;
  metrics_registry *metrics = metrics_registry_create();
  static const char *const urls[] = {"", "127.0.0.1:4318", "ftp://127.0.0.1/v1/traces", "http://"};
  for (size_t i = 0; i < sizeof urls / sizeof *urls; i++) {
    assert_null(trace_exporter_create(&(trace_exporter_config){.url = urls[i], .service = "s", .metrics = metrics}));
  }
  metrics_registry_destroy(metrics);
}

static void count_export(void *arg, const trace_record *record) {
  (void)record;
  (*(int *)arg)++;
}

static void ratio_samples_about_that_share_and_children_follow_their_parent(void **state) {
  (void)state;
  static const struct {
    double ratio;
    int least, most;
  } cases[] = {{0, 0, 0}, {0.25, 400, 600}, {1, 2000, 2000}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trace_recorder *recorder = trace_recorder_create("order", 16);
    int exported = 0, sampled = 0;
    trace_recorder_sample(recorder, cases[i].ratio);
    trace_recorder_export(recorder, count_export, &exported);
    for (int n = 0; n < 2000; n++) {
      trace_span root = trace_span_start(recorder, "root", TRACE_SERVER, NULL);
      trace_span child = trace_span_start(recorder, "child", TRACE_CLIENT, &root.context);
      assert_int_equal(child.context.sampled, root.context.sampled);
      sampled += root.context.sampled;
      trace_span_end(recorder, &child, 0, NULL, NULL);
      trace_span_end(recorder, &root, 0, NULL, NULL);
    }
    assert_in_range(sampled, cases[i].least, cases[i].most);
    assert_int_equal(exported, 2 * sampled);
    trace_context decided = {.trace_id = {[15] = 1}, .span_id = {1}, .sampled = cases[i].ratio < 1};
    trace_span span = trace_span_start(recorder, "child", TRACE_SERVER, &decided);
    assert_int_equal(span.context.sampled, decided.sampled); /* whatever the ratio says */
    trace_recorder_destroy(recorder);
  }
}

static void json_has_ids_times_status_and_attributes_as_otlp_wants_them(void **state) {
  (void)state;
  trace_record record = {.trace_id = {[0] = 0xab, [15] = 1},
                         .span_id = {[7] = 2},
                         .parent_id = {[7] = 3},
                         .kind = TRACE_CLIENT,
                         .code = 14,
                         .name = "work \"\\\n",
                         .start_unix_ns = 1764000000123456789,
                         .duration_ns = 1000000001,
                         .correlation_id = "c\xff",
                         .detail = "LOST",
                         .attributes = {{"rpc.system", "nng", 3}, {"rpc.attempts", NULL, -2}, {"cut", "abcdef", 3}},
                         .attribute_count = 3};
  trace_otlp_text text = {0};
  trace_record many[1000]; /* more than there is room for at first */
  for (size_t i = 0; i < sizeof many / sizeof many[0]; i++) many[i] = record;
  assert_true(trace_otlp_write(&text, &(trace_resource){"order", "host:1"}, many, sizeof many / sizeof many[0]));
  json_t *all = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
  assert_non_null(all);
  json_decref(all);
  assert_true(trace_otlp_write(&text, &(trace_resource){"order", "host:1"}, &record, 1));
  json_t *document = json_loadb(text.bytes, text.length, JSON_REJECT_DUPLICATES, NULL);
  json_t *resource = json_array_get(json_object_get(document, "resourceSpans"), 0);
  json_t *scope = json_array_get(json_object_get(resource, "scopeSpans"), 0);
  json_t *span = json_array_get(json_object_get(scope, "spans"), 0);
  json_t *expected = json_loads(
      "{\"traceId\":\"ab000000000000000000000000000001\",\"spanId\":\"0000000000000002\","
      "\"parentSpanId\":\"0000000000000003\",\"name\":\"work \\\"\\\\\\n\",\"kind\":3,"
      "\"startTimeUnixNano\":\"1764000000123456789\",\"endTimeUnixNano\":\"1764000001123456790\","
      "\"attributes\":[{\"key\":\"rpc.system\",\"value\":{\"stringValue\":\"nng\"}},"
      "{\"key\":\"rpc.attempts\",\"value\":{\"intValue\":\"-2\"}},{\"key\":\"cut\",\"value\":{\"stringValue\":\"abc\"}}"
      ","
      "{\"key\":\"store.correlation_id\",\"value\":{\"stringValue\":\"c\xEF\xBF\xBD\"}},"
      "{\"key\":\"error.type\",\"value\":{\"stringValue\":\"LOST\"}}],"
      "\"status\":{\"code\":2,\"message\":\"LOST\"},\"flags\":1}",
      0, NULL);
  assert_non_null(expected);
  assert_true(json_equal(span, expected));
  json_decref(expected);
  json_decref(document);
  trace_otlp_free(&text);
}

static void only_its_own_failures_are_a_servers_errors(void **state) {
  (void)state;
  static const struct {
    trace_kind kind;
    int code;
    bool is_error;
  } cases[] = {{TRACE_SERVER, 0, false}, {TRACE_SERVER, 9, false}, {TRACE_SERVER, 5, false},
               {TRACE_SERVER, 13, true}, {TRACE_SERVER, 14, true}, {TRACE_SERVER, 4, true},
               {TRACE_CLIENT, 0, false}, {TRACE_CLIENT, 9, true},  {TRACE_INTERNAL, 14, true}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    trace_record record = {.kind = cases[i].kind, .code = cases[i].code};
    assert_int_equal(trace_record_is_error(&record), cases[i].is_error);
  }
}

#define with_collector(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
  const struct CMUnitTest tests[] = {
      with_collector(spans_are_sent_in_batches_and_the_rest_at_the_end),
      with_collector(busy_collector_is_asked_again),
      with_collector(refused_batch_is_dropped_at_once_and_counted),
      with_collector(collector_that_never_answers_costs_spans_but_not_time),
      cmocka_unit_test(collector_that_is_not_there_costs_spans_only),
      cmocka_unit_test(url_that_is_none_is_refused),
      cmocka_unit_test(ratio_samples_about_that_share_and_children_follow_their_parent),
      cmocka_unit_test(json_has_ids_times_status_and_attributes_as_otlp_wants_them),
      cmocka_unit_test(only_its_own_failures_are_a_servers_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
