/* GET /events: what a reader gets, what the services are asked for it, and readers that are many, slow, or there at the
 * end. */
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/event_totals.h"
#include "gateway_fixture.h"

enum { INTERVAL_MS = 20, READ_MS = 1500 };

static int64_t counted(const fixture *f, const char *method) {
  metrics_family *family = metrics_define(f->metrics, METRICS_COUNTER, "rpc_server_requests_total", "",
                                          (const char *const[]){"method", "code", NULL});
  return metrics_value(metrics_series_get(family, (const char *const[]){method, "OK"}));
}

static int64_t readers(const fixture *f) {
  return metrics_value(
      metrics_series_get(metrics_define(f->metrics, METRICS_GAUGE, "http_server_event_streams", "", NULL), NULL));
}

static void await_readers(const fixture *f, int64_t count) {
  for (int waited = 0; readers(f) != count && waited < 10000; waited++) usleep(1000);
  assert_int_equal(readers(f), count);
}

/* The last event of a kind in what was read, as JSON. */
static json_t *last_event(const char *body, const char *kind) {
  char line[64];
  snprintf(line, sizeof line, "\nevent: %s\ndata: ", kind);
  const char *found = NULL;
  for (const char *at = body; (at = strstr(at, line)); at += strlen(line)) {
    if (strstr(at, "\n\n")) found = at + strlen(line);
  }
  if (!found) fail_msg("no event %s in: %.400s", kind, body);
  return json_loadb(found, strcspn(found, "\n"), 0, NULL);
}

static void a_reader_gets_every_kind_of_event_whole(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.event_interval_ms = INTERVAL_MS});
  static const char *const kinds[] = {"services", "stock", "orders", "simulation", "bottleneck"};
  for (int http2 = 0; http2 < 2; http2++) {
    response r = ask(f, (request){.path = "/events",
                                  .http2 = http2,
                                  .timeout_ms = READ_MS,
                                  .headers = {"Accept: text/event-stream", "Accept-Encoding: gzip"}});
    assert_int_equal(r.outcome, CURLE_OPERATION_TIMEDOUT); /* it goes on and on */
    assert_int_equal(r.status, 200);
    assert_true(has_header(&r, "content-type: text/event-stream\r\n"));
    assert_false(has_header(&r, "content-encoding:"));
    assert_memory_equal(r.body.bytes, "retry: 2000\n\nid: ", 17);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) json_decref(last_event(r.body.bytes, kinds[i]));
    json_t *services = last_event(r.body.bytes, "services");
    json_t *list = json_object_get(services, "services");
    assert_int_equal(json_array_size(list), 1 + BACKENDS);
    for (size_t i = 0; i < json_array_size(list); i++) {
      json_t *one = json_array_get(list, i);
      assert_string_equal(json_string_value(json_object_get(one, "status")), "SERVING");
      assert_true(json_is_integer(json_object_get(one, "requests")));
    }
    json_decref(services);
    clear(&r);
  }
  fixture_stop(f);
}

static void an_event_is_sent_again_only_when_it_changed(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.event_interval_ms = INTERVAL_MS});
  response r = ask(f, (request){.path = "/events", .timeout_ms = READ_MS});
  int services = 0, stocks = 0;
  for (const char *at = r.body.bytes; (at = strstr(at, "\nevent: services\n")); at++) services++;
  for (const char *at = r.body.bytes; (at = strstr(at, "\nevent: stock\n")); at++) stocks++;
  assert_true(services > 3);
  assert_int_equal(stocks, 1);
  clear(&r);
  fixture_stop(f);
}

static void readers_share_one_collector_and_without_them_nobody_is_asked(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.event_interval_ms = 200});
  static const char method[] = "/store.v1.OrderService/ListOrders";
  usleep(500000);
  assert_int_equal(counted(f, method), 0);
  assert_int_equal(ask_many(f, 20, "/events", false, 1100, 200), 20);
  int64_t asked = counted(f, method); /* 2 to 6 times in 1.1 s; on a machine under load 20 readers may not overlap */
  assert_true(asked >= 2 && asked < 20);
  await_readers(f, 0);
  usleep(300000); /* a round may have been under way */
  asked = counted(f, method);
  usleep(600000);
  assert_int_equal(counted(f, method), asked);
  fixture_stop(f);
}

static void a_reader_is_told_now_and_then_that_the_stream_lives(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.event_interval_ms = 60000});
  response r = ask(f, (request){.path = "/events", .timeout_ms = 7000});
  assert_non_null(strstr(r.body.bytes, "\n\n:\n\n"));
  clear(&r);
  fixture_stop(f);
}

static int open_stream(const fixture *f) {
  int fd = connect_to(f);
  static const char get[] = "GET /events HTTP/1.1\r\nHost: x\r\n\r\n";
  assert_int_equal(write(fd, get, sizeof get - 1), sizeof get - 1);
  return fd;
}

static void past_the_bound_readers_are_refused(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.max_event_streams = 2});
  int first = open_stream(f), second = open_stream(f);
  await_readers(f, 2);
  response r = ask(f, (request){.path = "/events"});
  assert_int_equal(r.status, 429);
  assert_string_equal(member(&r, "reason"), "TOO_MANY_STREAMS");
  assert_true(has_header(&r, "retry-after: "));
  clear(&r);
  close(first);
  await_readers(f, 1);
  r = ask(f, (request){.path = "/events", .timeout_ms = 300});
  assert_int_equal(r.status, 200);
  clear(&r);
  close(second);
  fixture_stop(f);
}

static void a_reader_that_takes_nothing_is_let_go(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.event_interval_ms = 2, .request_timeout_ms = 500});
  int fd = open_stream(f);
  struct pollfd end = {.fd = fd, .events = 0}; /* its end, not what there is to read */
  assert_int_equal(poll(&end, 1, 60000), 1);
  await_readers(f, 0);
  close(fd);
  fixture_stop(f);
}

static void a_quiet_reader_outlives_the_time_for_requests(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.event_interval_ms = 300, .request_timeout_ms = 200});
  for (int http2 = 0; http2 < 2; http2++) {
    response r = ask(f, (request){.path = "/events", .http2 = http2, .timeout_ms = 2000});
    assert_int_equal(r.outcome, CURLE_OPERATION_TIMEDOUT);
    clear(&r);
  }
  fixture_stop(f);
}

typedef struct background {
  fixture *f;
  bool http2;
  response out;
} background;

static void *read_events(void *arg) {
  background *b = arg;
  b->out = ask(b->f, (request){.path = "/events", .http2 = b->http2});
  return NULL;
}

static void stopping_ends_the_streams_in_order(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.event_interval_ms = INTERVAL_MS});
  background b[2] = {{.f = f}, {.f = f, .http2 = true}};
  pthread_t threads[2];
  for (int i = 0; i < 2; i++) pthread_create(&threads[i], NULL, read_events, &b[i]);
  await_readers(f, 2);
  assert_true(gateway_stop(f->server, 10000));
  f->is_stopped = true;
  for (int i = 0; i < 2; i++) {
    pthread_join(threads[i], NULL);
    assert_int_equal(b[i].out.outcome, CURLE_OK); /* not torn */
    assert_int_equal(b[i].out.status, 200);
    clear(&b[i].out);
  }
  fixture_stop(f);
}

static void totals_are_read_out_of_a_metrics_page(void **state) {
  (void)state;
  static const char page[] =
      "# TYPE rpc_server_requests_total counter\n"
      "rpc_server_requests_total{service=\"order\",method=\"/store.v1.OrderService/CreateOrder\",code=\"OK\"} 7\n"
      "rpc_server_requests_total{method=\"/store.v1.OrderService/CreateOrder\",code=\"UNAVAILABLE\"} 2\n"
      "rpc_server_requests_total{method=\"/store.v1.OrderService/CreateOrder\",code=\"FAILED_PRECONDITION\"} 3\n"
      "rpc_server_requests_total{method=\"/store.v1.OrderService/ListOrders\",code=\"OK\"} 100\n"
      "rpc_server_requests_total{method=\"/rpc.v1.Health/Check\",code=\"OK\"} 100\n"
      "http_server_requests_total{method=\"POST\",route=\"/orders\",code=\"503\"} 1\n"
      "http_server_requests_total{method=\"GET\",route=\"/health\",code=\"503\"} 100\n"
      "rpc_server_request_duration_seconds_bucket{method=\"/store.v1.OrderService/CreateOrder\",le=\"0.5\"} 4\n"
      "rpc_server_request_duration_seconds_bucket{method=\"/store.v1.OrderService/CreateOrder\",le=\"+Inf\"} 12\n"
      "rpc_server_request_duration_seconds_bucket{method=\"/store.v1.OrderService/GetOrder\",le=\"0.1\"} 1\n"
      "rpc_server_request_duration_seconds_bucket{method=\"/store.v1.OrderService/GetOrder\",le=\"0.5\"} 2\n"
      "process_open_fds 9\n"
      "broken{le=\"\n"
      "broken{";
  event_totals totals = {.requests = 0};
  event_totals_read(&totals, page, sizeof page - 1);
  assert_int_equal(totals.requests, 13);
  assert_int_equal(totals.refused, 3);
  assert_int_equal(totals.errors, 3);
  assert_int_equal(totals.bucket_count, 3);
  assert_int_equal(totals.buckets[0].count, 1);
  assert_int_equal(totals.buckets[1].count, 6);
  event_totals twice = totals;
  event_totals_add(&twice, &totals);
  assert_int_equal(twice.requests, 26);
  assert_int_equal(twice.buckets[2].count, 24);
}

int main(void) {
  signal(SIGPIPE, SIG_IGN); /* as every process of the store */
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_reader_gets_every_kind_of_event_whole),
      cmocka_unit_test(an_event_is_sent_again_only_when_it_changed),
      cmocka_unit_test(readers_share_one_collector_and_without_them_nobody_is_asked),
      cmocka_unit_test(a_reader_is_told_now_and_then_that_the_stream_lives),
      cmocka_unit_test(past_the_bound_readers_are_refused),
      cmocka_unit_test(a_reader_that_takes_nothing_is_let_go),
      cmocka_unit_test(a_quiet_reader_outlives_the_time_for_requests),
      cmocka_unit_test(stopping_ends_the_streams_in_order),
      cmocka_unit_test(totals_are_read_out_of_a_metrics_page),
  };
  int failures = cmocka_run_group_tests(tests, NULL, NULL);
  curl_global_cleanup();
  return failures;
}
