/* Requests that become calls: what travels with them, what comes back, over HTTP/1.1 and HTTP/2. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway_fixture.h"

static void a_call_is_answered_over_http_1_and_2(void **state) {
  fixture *f = *state;
  for (int http2 = 0; http2 < 2; http2++) {
    response r = ask(f, (request){.path = "/orders/ORD-1", .http2 = http2});
    assert_int_equal(r.status, 200);
    assert_true(has_header(&r, http2 ? "HTTP/2 200" : "HTTP/1.1 200 OK"));
    assert_true(has_header(&r, "content-type: application/json\r\n"));
    assert_string_equal(member(&r, "order_id"), "ORD-1");
    assert_non_null(strstr(r.body.bytes, "\"total_amount\":1999.98,"));
    assert_true(json_is_array(json_object_get(r.json, "items")));
    assert_null(json_object_get(r.json, "failure"));
    clear(&r);
  }
}

static void a_write_without_a_key_gets_one_of_its_own(void **state) {
  fixture *f = *state;
  response first = ask(f, (request){.path = "/orders", .body = "{}"});
  response second = ask(f, (request){.path = "/orders", .body = "{}"});
  response keyed = ask(f, (request){.path = "/orders", .body = "{}", .headers = {"Idempotency-Key: mine"}});
  assert_int_equal(strlen(member(&first, "order_id")), 36);
  assert_int_equal(strlen(member(&second, "order_id")), 36);
  assert_string_not_equal(member(&first, "order_id"), member(&second, "order_id"));
  assert_string_equal(member(&keyed, "order_id"), "mine");
  clear(&first);
  clear(&second);
  clear(&keyed);
}

static void what_comes_beside_a_request_travels_with_the_call(void **state) {
  fixture *f = *state;
  response r =
      ask(f, (request){.path = "/orders/ORD-1",
                       .headers = {"X-Correlation-ID: corr-1", "Idempotency-Key: key-1", "Authorization: Bearer abc",
                                   "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}});
  assert_int_equal(r.status, 200);
  assert_true(has_header(&r, "x-correlation-id: corr-1\r\n"));
  assert_string_equal(member(&r, "correlation_id"), "corr-1");
  assert_string_equal(member(&r, "payment_id"), "key-1");
  assert_string_equal(member(&r, "customer_id"), "Bearer abc");
  assert_memory_equal(member(&r, "shipping_address"), "00-0af7651916cd43dd8448eb211c80319c-", 36);
  clear(&r);
  trace_record spans[8];
  size_t count = trace_recorder_find(f->traces, "corr-1", spans, 8);
  bool found = false;
  for (size_t i = 0; i < count; i++) {
    if (spans[i].kind != TRACE_SERVER) continue;
    found = true;
    assert_string_equal(spans[i].name, "GET /orders/{order_id}");
    assert_memory_equal(spans[i].parent_id, "\xb7\xad\x6b\x71\x69\x20\x33\x31", 8);
  }
  assert_true(found);
}

static void a_correlation_id_is_made_where_none_is_given(void **state) {
  fixture *f = *state;
  response r = ask(f, (request){.path = "/orders/ORD-1"});
  char header[128];
  assert_int_equal(strlen(member(&r, "correlation_id")), 32);
  snprintf(header, sizeof header, "x-correlation-id: %s\r\n", member(&r, "correlation_id"));
  assert_true(has_header(&r, header));
  clear(&r);
}

static void every_status_of_a_call_has_its_http_status_and_details(void **state) {
  fixture *f = *state;
  static const int http[RPC_CODE_COUNT] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                           400, 409, 400, 501, 500, 503, 500, 401};
  for (int code = 1; code < RPC_CODE_COUNT; code++) {
    char path[64];
    snprintf(path, sizeof path, "/orders/%s", rpc_code_name((rpc_code)code));
    response r = ask(f, (request){.path = path});
    assert_int_equal(r.status, http[code]);
    assert_true(has_header(&r, "content-type: application/problem+json\r\n"));
    assert_string_equal(member(&r, "code"), rpc_code_name((rpc_code)code));
    assert_string_equal(member(&r, "type"), "/problems/some-reason");
    assert_string_equal(member(&r, "reason"), "SOME_REASON");
    assert_string_equal(member(&r, "detail"), "it is so");
    assert_string_equal(member(&r, "field"), "a.b[0]");
    assert_string_equal(member(&r, "order_id"), "ORD-7");
    assert_int_equal(json_integer_value(json_object_get(r.json, "status")), http[code]);
    assert_true(strlen(member(&r, "correlation_id")) > 0);
    clear(&r);
  }
}

static void a_body_without_content_type_or_in_chunks_is_taken(void **state) {
  fixture *f = *state;
  response r = ask(f, (request){.path = "/orders", .body = "{\"customer_id\":\"c\"}", .headers = {"Content-Type:"}});
  assert_int_equal(r.status, 200);
  clear(&r);
  r = ask(f,
          (request){.path = "/orders", .body = "{\"customer_id\":\"c\"}", .headers = {"Transfer-Encoding: chunked"}});
  assert_int_equal(r.status, 200);
  clear(&r);
}

static void head_is_get_without_the_body(void **state) {
  fixture *f = *state;
  for (int http2 = 0; http2 < 2; http2++) {
    response r = ask(f, (request){.method = "HEAD", .path = "/orders/ORD-1", .http2 = http2});
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.length, 0);
    assert_true(has_header(&r, "content-length: "));
    assert_false(has_header(&r, "content-length: 0\r\n"));
    clear(&r);
  }
}

static void a_request_timeout_becomes_the_deadline_of_the_call(void **state) {
  fixture *f = *state;
  response r = ask(f, (request){.path = "/orders/SLOW", .headers = {"Request-Timeout: 50ms"}});
  assert_int_equal(r.status, 504);
  assert_string_equal(member(&r, "code"), "DEADLINE_EXCEEDED");
  clear(&r);
  r = ask(f, (request){.path = "/orders/SLOW", .headers = {"Request-Timeout: 10s"}});
  assert_int_equal(r.status, 200);
  clear(&r);
}

static void a_port_of_a_service_has_its_routes_alone(void **state) {
  fixture *f = *state;
  static const struct {
    int port;
    const char *path;
    int status;
  } rows[] = {{0, "/orders/1", 200}, {0, "/payments/1", 200}, {0, "/inventory/1", 200},
              {1, "/orders/1", 200}, {1, "/payments/1", 404}, {1, "/inventory/1", 404},
              {2, "/orders/1", 404}, {2, "/payments/1", 200}, {3, "/inventory/1", 200}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    response r = ask(f, (request){.path = rows[i].path, .port = rows[i].port});
    assert_int_equal(r.status, rows[i].status);
    clear(&r);
  }
}

int main(void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_is_answered_over_http_1_and_2),
      cmocka_unit_test(a_write_without_a_key_gets_one_of_its_own),
      cmocka_unit_test(what_comes_beside_a_request_travels_with_the_call),
      cmocka_unit_test(a_correlation_id_is_made_where_none_is_given),
      cmocka_unit_test(every_status_of_a_call_has_its_http_status_and_details),
      cmocka_unit_test(a_body_without_content_type_or_in_chunks_is_taken),
      cmocka_unit_test(head_is_get_without_the_body),
      cmocka_unit_test(a_request_timeout_becomes_the_deadline_of_the_call),
      cmocka_unit_test(a_port_of_a_service_has_its_routes_alone),
  };
  int failures = cmocka_run_group_tests(tests, fixture_set_up, fixture_tear_down);
  curl_global_cleanup();
  return failures;
}
