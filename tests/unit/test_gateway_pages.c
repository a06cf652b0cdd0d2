/* What the gateway answers by itself: its pages, and requests that it refuses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway_fixture.h"

static void requests_that_http_refuses_are_problems_too(void **state) {
  fixture *f = *state;
  static char large[8000], huge[80000], long_path[8500];
  memset(large, ' ', sizeof large - 1);
  memset(huge, ' ', sizeof huge - 1);
  memset(long_path, 'a', sizeof long_path - 1);
  memcpy(long_path, "/orders/", 8);
  char deep[2001];
  memset(deep, '[', sizeof deep - 1);
  deep[sizeof deep - 1] = '\0';
  const struct {
    request request;
    int status;
    const char *reason, *header;
  } rows[] = {
      {{.path = "/nope"}, 404, "NO_SUCH_ENDPOINT", ""},
      {{.path = "/orders/"}, 404, "NO_SUCH_ENDPOINT", ""},
      {{.path = "/orders", .method = "DELETE"}, 405, "METHOD_NOT_ALLOWED", "allow: GET, HEAD, POST\r\n"},
      {{.path = "/health", .method = "POST"}, 405, "METHOD_NOT_ALLOWED", "allow: GET, HEAD\r\n"},
      {{.path = "/orders/%zz"}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders?page_size=x"}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders", .body = "{\"customer_id\":5}"}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders", .body = "{"}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders", .body = deep}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders", .body = large}, 413, "BODY_TOO_LARGE", ""},
      {{.path = "/orders", .body = huge}, 413, "BODY_TOO_LARGE", "connection: close\r\n"},
      {{.path = "/orders", .body = large, .http2 = true}, 413, "BODY_TOO_LARGE", ""},
      {{.path = long_path}, 414, "URI_TOO_LONG", ""},
      {{.path = "/orders", .body = "x", .headers = {"Content-Type: text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE", ""},
      {{.path = "/orders/1", .headers = {"X-Correlation-ID: a b"}}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders/1", .headers = {"X-Correlation-ID;"}}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders/1", .headers = {"Request-Timeout: soon"}}, 400, "INVALID_FIELD", ""},
      {{.path = "/metrics?service=nope"}, 400, "INVALID_FIELD", ""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    response r = ask(f, rows[i].request);
    if (r.status != rows[i].status || strcmp(member(&r, "reason"), rows[i].reason) != 0) {
      fail_msg("%.40s: %ld %s", rows[i].request.path, r.status,
               r.body.bytes ? r.body.bytes : curl_easy_strerror(r.outcome));
    }
    assert_true(has_header(&r, "content-type: application/problem+json\r\n"));
    assert_true(has_header(&r, "x-correlation-id: "));
    assert_true(has_header(&r, rows[i].header));
    assert_int_equal(json_integer_value(json_object_get(r.json, "status")), rows[i].status);
    clear(&r);
  }
}

static void the_pages_answer_on_every_port(void **state) {
  fixture *f = *state;
  for (int port = 0; port <= BACKENDS; port++) {
    response r = ask(f, (request){.path = "/health", .port = port});
    assert_int_equal(r.status, 200);
    assert_string_equal(member(&r, "status"), "SERVING");
    assert_string_equal(member(&r, "service"), port ? gateway_fixture_services[port - 1]->name : "gateway");
    assert_int_equal(json_array_size(json_object_get(r.json, "services")), port ? 0 : BACKENDS);
    clear(&r);
    r = ask(f, (request){.path = "/metrics", .port = port});
    assert_int_equal(r.status, 200);
    assert_true(has_header(&r, "content-type: text/plain; version=0.0.4"));
    assert_non_null(strstr(r.body.bytes, "# TYPE process_cpu_seconds_total counter"));
    clear(&r);
    r = ask(f, (request){.path = "/openapi.json", .port = port});
    assert_string_equal(member(&r, "openapi"), "3.1.0");
    clear(&r);
    r = ask(f, (request){.path = "/", .port = port});
    assert_non_null(strstr(r.body.bytes, "GET /health"));
    assert_int_equal(strstr(r.body.bytes, "POST /orders") != NULL, port < 2);
    clear(&r);
  }
  response r = ask(f, (request){.path = "/metrics?service=payment"});
  assert_int_equal(r.status, 200);
  clear(&r);
}

static void requests_are_counted_by_route_and_status(void **state) {
  fixture *f = *state;
  for (int i = 0; i < 3; i++) {
    response r = ask(f, (request){.path = i ? "/payments/P1" : "/payments/NOT_FOUND"});
    clear(&r);
  }
  response r = ask(f, (request){.path = "/metrics"});
  assert_non_null(strstr(
      r.body.bytes, "http_server_requests_total{method=\"GET\",route=\"/payments/{payment_id}\",code=\"404\"} 1\n"));
  assert_non_null(strstr(r.body.bytes, "http_server_requests_in_flight 1\n")); /* the scrape itself */
  assert_non_null(strstr(
      r.body.bytes, "http_server_request_duration_seconds_count{method=\"GET\",route=\"/payments/{payment_id}\"}"));
  clear(&r);
}

static void health_is_503_while_a_service_is_not_serving(void **state) {
  (void)state;
  fixture *f = fixture_start((gateway_config){.max_body = 0});
  assert_true(rpc_server_drain(f->servers[1], 1000));
  static const int expected[] = {503, 200, 503, 200};
  for (int port = 0; port <= BACKENDS; port++) {
    response r = ask(f, (request){.path = "/health", .port = port});
    assert_int_equal(r.status, expected[port]);
    assert_string_equal(member(&r, "status"), expected[port] == 200 ? "SERVING" : "NOT_SERVING");
    clear(&r);
  }
  rpc_listener_destroy(f->listeners[1]);
  f->listeners[1] = NULL;
  response r = ask(f, (request){.path = "/health"});
  assert_int_equal(r.status, 503);
  assert_string_equal(
      json_string_value(json_object_get(json_array_get(json_object_get(r.json, "services"), 1), "service")), "payment");
  clear(&r);
  r = ask(f, (request){.path = "/payments/1"});
  assert_int_equal(r.status, 503);
  assert_true(has_header(&r, "retry-after: "));
  clear(&r);
  fixture_stop(f);
}

static void bytes_that_are_not_http_get_a_400_and_the_door(void **state) {
  fixture *f = *state;
  int fd = connect_to(f);
  static const char noise[] = "\x16\x03\x01 not http\r\n\r\n";
  assert_int_equal(write(fd, noise, sizeof noise - 1), sizeof noise - 1);
  char answer[64] = "";
  assert_true(read(fd, answer, sizeof answer - 1) > 0);
  assert_memory_equal(answer, "HTTP/1.1 400", 12);
  assert_true(is_closed(fd, 5000));
  close(fd);
}

int main(void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_that_http_refuses_are_problems_too),
      cmocka_unit_test(the_pages_answer_on_every_port),
      cmocka_unit_test(requests_are_counted_by_route_and_status),
      cmocka_unit_test(health_is_503_while_a_service_is_not_serving),
      cmocka_unit_test(bytes_that_are_not_http_get_a_400_and_the_door),
  };
  int failures = cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
  curl_global_cleanup();
  return failures;
}
