/* How path, query and body make up a request message, and how errors become problem details. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/headers.h"
#include "gateway/problem.h"
#include "gateway/transcode.h"
#include "json_types.h"

static const api_route type_routes[] = {
    {"GET", "/types", ""},
    {"GET", "/types/{a_string}", ""},
    {"POST", "/types", "*"},
    {"POST", "/types/{a_string}", "*"},
    {"PUT", "/types/{a_string}", "child"},
    {"PUT", "/numbers/{child.an_int32}", "many_an_int32"},
};
static const api_method type_method = {
    "/t.Types/Do", &types_descriptor, &types_descriptor, false, false, type_routes, 6};
static const api_service type_service = {"t.Types", "types", 1, 2, 3, &type_method, 1};

typedef struct fixture {
  routes *table;
  rpc_arena arena;
  rpc_status status;
} fixture;

static const types *read_request(fixture *f, const char *request, const char *body) {
  rpc_arena_init(&f->arena, 4 * 1024 * 1024);
  size_t method = strcspn(request, " ");
  const char *path = request + method + 1;
  size_t path_length = strcspn(path, "?");
  const char *query = path[path_length] ? path + path_length + 1 : "";
  route_match match;
  assert_true(routes_match(f->table, request, method, path, path_length, &f->arena, &match, &f->status));
  assert_non_null(match.route);
  transcode_request parts = {query, strlen(query), body, strlen(body)};
  return (const types *)transcode_read(&match, &parts, &f->arena, &f->status);
}

static int make_table(void **state) {
  static fixture f;
  f.table = routes_create((const api_service *const[]){&type_service}, 1, &f.status);
  *state = &f;
  return f.table ? 0 : -1;
}

static int free_table(void **state) {
  routes_destroy(((fixture *)*state)->table);
  return 0;
}

static void fields_come_from_path_query_and_body(void **state) {
  fixture *f = *state;
  const types *message = read_request(f,
                                      "GET /types/a%2Fb?an_int32=5&many_a_string=x+y&manyAString=%26&child.a_bool=true"
                                      "&an_enum=NOT_FOUND&at=2026-01-31T12:00:00Z&&choice_text=",
                                      "");
  if (!message) fail_msg("%s", f->status.message);
  assert_string_equal(message->a_string, "a/b");
  assert_int_equal(message->an_int32, 5);
  assert_int_equal(message->n_many_a_string, 2);
  assert_string_equal(message->many_a_string[0], "x y");
  assert_string_equal(message->many_a_string[1], "&");
  assert_int_equal(message->child->a_bool, 1);
  assert_int_equal(message->an_enum, 5);
  assert_int_equal(message->at->seconds, 1769860800);
  assert_int_equal(message->choice_case, 109);
  rpc_arena_free(&f->arena);

  message = read_request(f, "POST /types/T1", "{\"an_int32\":7,\"aString\":\"T1\"}");
  if (!message) fail_msg("%s", f->status.message);
  assert_string_equal(message->a_string, "T1");
  assert_int_equal(message->an_int32, 7);
  rpc_arena_free(&f->arena);

  message = read_request(f, "POST /types/T1", "");
  assert_string_equal(message->a_string, "T1");
  rpc_arena_free(&f->arena);

  message = read_request(f, "PUT /types/T1?an_int32=3", "{\"a_double\":0.5}");
  if (!message) fail_msg("%s", f->status.message);
  assert_string_equal(message->a_string, "T1");
  assert_int_equal(message->an_int32, 3);
  assert_true(message->child->a_double == 0.5);
  rpc_arena_free(&f->arena);

  message = read_request(f, "PUT /numbers/9", " null\n");
  if (!message) fail_msg("%s", f->status.message);
  assert_int_equal(message->n_many_an_int32, 0);
  rpc_arena_free(&f->arena);

  message = read_request(f, "PUT /numbers/9", "[1,2]\r\n\t ");
  if (!message) fail_msg("%s", f->status.message);
  assert_int_equal(message->child->an_int32, 9);
  assert_int_equal(message->n_many_an_int32, 2);
  rpc_arena_free(&f->arena);
}

static void integers_past_64_bits_are_read_where_they_fit(void **state) {
  fixture *f = *state;
  const char *body =
      "{\"a_string\":\"99999999999999999999 [\\\" 99999999999999999999\",\"a_double\":100000000000000000000,"
      "\"a_uint64\":18446744073709551615,\"many_a_uint64\":[ 9223372036854775808,1],"
      "\"many_a_double\":[-99999999999999999999,9999999999999999999.5]}";
  const types *message = read_request(f, "POST /types", body);
  if (!message) fail_msg("%s", f->status.message);
  assert_string_equal(message->a_string, "99999999999999999999 [\" 99999999999999999999");
  assert_true(message->a_double == 1e20);
  assert_true(message->a_uint64 == UINT64_MAX);
  assert_true(message->many_a_uint64[0] == UINT64_C(9223372036854775808));
  assert_true(message->many_a_double[0] == -1e20 && message->many_a_double[1] == 1e19);
  rpc_arena_free(&f->arena);
}

static void a_switch_passes_over_unknown_fields(void **state) {
  fixture *f = *state;
  static const struct {
    const char *request, *body;
  } rows[] = {
      {"POST /types?allow-unknown-fields", "{\"nope\":{\"deep\":[1]},\"an_int32\":5,\"child\":{\"nope\":1}}"},
      {"POST /types?allow-unknown-fields=true", "{\"an_int32\":5,\"nope\":null,\"child\":{}}"},
      {"GET /types?an_int32=5&nope=1&child.nope=2&child.an_int32=0&a.b.c=3&allow-unknown-fields", ""},
      {"PUT /types/x?nope=1&allow-unknown-fields=true&an_int32=5", "{\"nope\":1}"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    const types *message = read_request(f, rows[i].request, rows[i].body);
    if (!message) fail_msg("%s: %s", rows[i].request, f->status.message);
    assert_int_equal(message->an_int32, 5);
    assert_non_null(message->child);
    rpc_arena_free(&f->arena);
  }
}

static void requests_that_are_refused_name_the_field(void **state) {
  fixture *f = *state;
  static const struct {
    const char *request, *body, *field, *text;
  } rows[] = {
      {"POST /types", "{", "body", "line 1"},
      {"POST /types", "{\"an_int32\":1,}", "body", "not valid JSON"},
      {"POST /types", "{\"an_int32\":1} x", "body", "not valid JSON"},
      {"POST /types", "[1]", "body", "expected an object"},
      {"POST /types", "\"x\"", "body", "expected an object"},
      {"POST /types", "null", "body", "expected an object"},
      {"POST /types", "{\"a_string\":\"\xff\"}", "body", "not valid JSON"},
      {"POST /types", "{\"an_int32\":1,\"an_int32\":2}", "body", "duplicate"},
      {"POST /types", "{\"a_string\":\"\\u0000\"}", "a_string", "U+0000"},
      {"POST /types", "{\"a\\u0000b\":1}", "body", "NUL"},
      {"POST /types", "{\"child\\u0000\":{}}", "body", "NUL"},
      {"POST /types", "{\"a_string\":\"\\ud800\"}", "body", "not valid JSON"},
      {"POST /types", "{\"a_string\":\"\\uDC00\\ud800\"}", "body", "not valid JSON"},
      {"POST /types", "{\"a_string\":\"\xc0\x80\"}", "body", "not valid JSON"},
      {"POST /types", "{\"a_string\":\"\xed\xa0\x80\"}", "body", "not valid JSON"},
      {"POST /types", "{\"by_number\":{\"1\":\"\xf5\x80\x80\x80\"}}", "body", "not valid JSON"},
      {"POST /types", "{\"by_number\":{\"1\":\"a\",\"1\":\"a\"}}", "body", "not valid JSON"},
      {"POST /types", "{\"nope\":1,}", "body", "not valid JSON"},
      {"POST /types", "{\"an_int32\":01}", "body", "not valid JSON"},
      {"POST /types", "{\"a_string\":\"\t\"}", "body", "not valid JSON"},
      {"POST /types", "/* */{}", "body", "not valid JSON"},
      {"POST /types", "{} \"", "body", "not valid JSON"},
      {"POST /types", "{}1", "body", "not valid JSON"},
      {"POST /types", "{}\n/*", "body", "not valid JSON"},
      {"PUT /types/x", "{}{", "body", "not valid JSON"},
      {"PUT /numbers/1", "[1]t", "body", "not valid JSON"},
      {"PUT /numbers/1", "null t", "body", "not valid JSON"},
      {"POST /types", "{\f}", "body", "not valid JSON"},
      {"POST /types", "{}\v", "body", "not valid JSON"},
      {"POST /types", "\xef\xbb\xbf{}", "body", "not valid JSON"},
      {"POST /types", " ", "body", "not valid JSON"},
      {"POST /types?allow-unknown-fields", "{\"nope\":{\"a\":1,\"a\":2}}", "body", "duplicate"},
      {"POST /types?allow-unknown-fields", "{\"nope\":1,\"nope\":1}", "body", "duplicate"},
      {"POST /types?allow-unknown-fields", "{\"nope\":\"\xff\"}", "body", "not valid JSON"},
      {"POST /types?allow-unknown-fields", "{\"\xff\":1}", "body", "not valid JSON"},
      {"POST /types", "{\"an_int32\":99999999999999999999}", "an_int32", "integer"},
      {"POST /types", "{\"a_string\":99999999999999999999}", "a_string", "expected a string"},
      {"POST /types", "{\"an_int32\":1,\"a_double\":99999999999999999999,}", "body", "not valid JSON"},
      {"POST /types", "{\"a_uint64\":18446744073709551616}", "a_uint64", "unsigned"},
      {"POST /types", "{\"a_double\":1e999}", "body", "overflow"},
      {"POST /types", "{\"a_double\":NaN}", "body", "not valid JSON"},
      {"POST /types?an_int32=1", "{}", "an_int32", "no query parameters"},
      {"POST /types/T1", "{\"a_string\":\"T2\"}", "a_string", "differ"},
      {"GET /types", "{}", "body", "no body"},
      {"GET /types?nope=1", "", "nope", "unknown field"},
      {"GET /types?child.nope=1", "", "child.nope", "unknown field"},
      {"GET /types?many_an_int32=1&many_an_int32=x", "", "many_an_int32", "integer"},
      {"GET /types?an_enum=NOPE", "", "an_enum", "enum"},
      {"GET /types?allow-unknown-fields=yes", "", "allow-unknown-fields", "unknown field"},
      {"GET /types?nope=1&allow-unknown-fields=false", "", "nope", "unknown field"},
      {"POST /types?allow-unknown-fields", "{\"child\":{\"an_int32\":\"x\"}}", "child.an_int32", "integer"},
      {"POST /types?nope=1&allow-unknown-fields", "{}", "nope", "no query parameters"},
      {"GET /types?an_int32=x", "", "an_int32", "integer"},
      {"GET /types?an_int32", "", "an_int32", "integer"},
      {"GET /types?an_int32=1&an_int32=1", "", "an_int32", "given twice"},
      {"GET /types?a_string=%00", "", "a_string", "percent-encoded"},
      {"GET /types?a_string=%zz", "", "a_string", "percent-encoded"},
      {"GET /types?%ff=1", "", "query", "percent-encoded"},
      {"GET /types?choice_number=1&choice_text=x", "", "choice_text", "oneof"},
      {"GET /types/T1?a_string=T1", "", "a_string", "given twice"},
      {"GET /types/T1?aString=T2", "", "aString", "given twice"},
      {"GET /types?an_int32=1&anInt32=2", "", "anInt32", "given twice"},
      {"GET /types?=1", "", "query", "no name"},
      {"PUT /types/T1?child=x", "{}", "child", "given twice"},
      {"PUT /types/T1?child.an_int32=1", "{}", "child.an_int32", "given twice"},
      {"PUT /numbers/x", "[]", "child.an_int32", "integer"},
      {"PUT /numbers/1", "{}", "many_an_int32", "expected an array"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (read_request(f, rows[i].request, rows[i].body)) fail_msg("%s %s was read", rows[i].request, rows[i].body);
    assert_int_equal(f->status.code, RPC_INVALID_ARGUMENT);
    if (strcmp(f->status.field, rows[i].field) != 0 || !strstr(f->status.message, rows[i].text)) {
      fail_msg("%s %s: %s: %s", rows[i].request, rows[i].body, f->status.field, f->status.message);
    }
    rpc_arena_free(&f->arena);
  }
}

static void json_nested_past_all_bounds_is_an_error_not_a_crash(void **state) {
  fixture *f = *state;
  enum { DEPTH = 300000 };
  char *body = malloc(DEPTH + 1);
  memset(body, '[', DEPTH);
  body[DEPTH] = '\0';
  assert_null(read_request(f, "POST /types", body));
  assert_string_equal(f->status.field, "body");
  assert_non_null(strstr(f->status.message, "depth"));
  rpc_arena_free(&f->arena);
  free(body);
}

static void a_query_of_too_many_parameters_is_refused(void **state) {
  fixture *f = *state;
  char request[8192] = "GET /types?";
  for (int i = 0; i < 257; i++) strcat(request, "many_a_bool=true&");
  assert_null(read_request(f, request, ""));
  assert_non_null(strstr(f->status.message, "too many"));
  rpc_arena_free(&f->arena);
}

static void content_types_that_are_json(void **state) {
  (void)state;
  static const struct {
    const char *type;
    bool is_json;
  } rows[] = {
      {"application/json", true},
      {"Application/JSON", true},
      {"application/json; charset=utf-8", true},
      {"application/json;charset=\"UTF-8\"", true},
      {"application/merge-patch+json", true},
      {"application/json; profile=x; charset=utf-8", true},
      {"application/json; charset=latin1", false},
      {"application/x-www-form-urlencoded", false},
      {"text/json", false},
      {"text/plain", false},
      {"application/notjson", false},
      {"application/jsonp", false},
      {"", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    if (transcode_is_json(rows[i].type, strlen(rows[i].type)) != rows[i].is_json) fail_msg("%s", rows[i].type);
  }
}

static void timeouts_of_requests(void **state) {
  (void)state;
  static const struct {
    const char *text;
    uint32_t ms; /* 0: refused */
  } rows[] = {{"1", 1},    {"1500", 1500}, {"500ms", 500}, {"5s", 5000},     {"600s", 600000}, {"600001", 0},
              {"601s", 0}, {"0", 0},       {"0s", 0},      {"-1", 0},        {"", 0},          {"s", 0},
              {"1m", 0},   {"1.5s", 0},    {"1s ", 0},     {"4294967297", 0}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    uint32_t ms = 0;
    assert_int_equal(headers_parse_timeout(rows[i].text, &ms), rows[i].ms > 0);
    if (rows[i].ms) assert_int_equal(ms, rows[i].ms);
  }
}

static void statuses_become_problem_details(void **state) {
  (void)state;
  static const struct {
    rpc_code code;
    int http_status;
  } rows[] = {
      {RPC_OK, 200},
      {RPC_CANCELLED, 499},
      {RPC_UNKNOWN, 500},
      {RPC_INVALID_ARGUMENT, 400},
      {RPC_DEADLINE_EXCEEDED, 504},
      {RPC_NOT_FOUND, 404},
      {RPC_ALREADY_EXISTS, 409},
      {RPC_PERMISSION_DENIED, 403},
      {RPC_RESOURCE_EXHAUSTED, 429},
      {RPC_FAILED_PRECONDITION, 400},
      {RPC_ABORTED, 409},
      {RPC_OUT_OF_RANGE, 400},
      {RPC_UNIMPLEMENTED, 501},
      {RPC_INTERNAL, 500},
      {RPC_UNAVAILABLE, 503},
      {RPC_DATA_LOSS, 500},
      {RPC_UNAUTHENTICATED, 401},
      {(rpc_code)99, 500},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    assert_int_equal(problem_http_status(rows[i].code), rows[i].http_status);
    assert_string_not_equal(problem_http_phrase(rows[i].http_status), "");
  }
}

static void a_problem_has_the_members_of_rfc_9457_and_the_facts(void **state) {
  (void)state;
  rpc_status status = rpc_status_error(RPC_FAILED_PRECONDITION, "OUT_OF_STOCK", "LAPTOP-001: %d left", 3);
  rpc_status_set_fact(&status, "order_id", "ORD-1");
  rpc_status_set_fact(&status, "status", "cannot replace a member");
  json_writer writer = json_writer_make(4096);
  problem_write(&writer, &status, 0, "corr-1");
  const char *expected =
      "{\"type\":\"/problems/out-of-stock\",\"title\":\"Out of stock\",\"status\":400,\"detail\":\"LAPTOP-001: 3 "
      "left\","
      "\"code\":\"FAILED_PRECONDITION\",\"reason\":\"OUT_OF_STOCK\",\"correlation_id\":\"corr-1\",\"order_id\":\"ORD-"
      "1\"}";
  assert_int_equal(writer.length, strlen(expected));
  assert_memory_equal(writer.bytes, expected, writer.length);
  json_writer_free(&writer);

  status = rpc_status_error(RPC_NOT_FOUND, NULL, "no \"such\" \xff");
  writer = json_writer_make(4096);
  problem_write(&writer, &status, 0, "c");
  expected =
      "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"no \\\"such\\\" \xef\xbf\xbd\","
      "\"code\":\"NOT_FOUND\",\"correlation_id\":\"c\"}";
  assert_int_equal(writer.length, strlen(expected));
  assert_memory_equal(writer.bytes, expected, writer.length);
  json_writer_free(&writer);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(fields_come_from_path_query_and_body),
      cmocka_unit_test(integers_past_64_bits_are_read_where_they_fit),
      cmocka_unit_test(a_switch_passes_over_unknown_fields),
      cmocka_unit_test(requests_that_are_refused_name_the_field),
      cmocka_unit_test(json_nested_past_all_bounds_is_an_error_not_a_crash),
      cmocka_unit_test(a_query_of_too_many_parameters_is_refused),
      cmocka_unit_test(content_types_that_are_json),
      cmocka_unit_test(timeouts_of_requests),
      cmocka_unit_test(statuses_become_problem_details),
      cmocka_unit_test(a_problem_has_the_members_of_rfc_9457_and_the_facts),
  };
  return cmocka_run_group_tests(tests, make_table, free_table);
}
