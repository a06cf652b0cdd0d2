/* Tokens, scopes and rates, on a clock moved by hand; and what is refused in the file of callers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "auth/auth.h"
#include "auth/token_bucket.h"

/* SHA-256 of "secret" and of "other". */
#define SECRET "2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b"
#define OTHER "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"

static auth *open_text(const char *text, rpc_clock *clock, rpc_status *status) {
  char path[] = "/tmp/test_auth.XXXXXX";
  int file = mkstemp(path);
  assert_true(file >= 0 && write(file, text, strlen(text)) == (ssize_t)strlen(text));
  close(file);
  auth *opened = auth_open(path, clock, status);
  unlink(path);
  return opened;
}

static void assert_refused(auth *callers, auth_scope scope, const char *authorization, rpc_code code,
                           const char *reason) {
  rpc_status status = auth_check(callers, scope, authorization);
  assert_int_equal(code, status.code);
  assert_string_equal(reason, status.reason);
}

static void a_token_opens_what_its_scopes_say(void **state) {
  (void)state;
  rpc_clock *clock = rpc_clock_create_virtual(0);
  rpc_status status;
  auth *callers = open_text("{\"callers\":[{\"name\":\"reader\",\"token_sha256\":\"" SECRET
                            "\",\"scopes\":[\"read\"]},"
                            "{\"name\":\"writer\",\"token_sha256\":\"" OTHER "\",\"scopes\":[\"read\",\"write\"]}]}",
                            clock, &status);
  assert_non_null(callers);
  assert_int_equal(RPC_OK, auth_check(callers, AUTH_READ, "Bearer secret").code);
  assert_int_equal(RPC_OK, auth_check(callers, AUTH_READ, "bearer secret").code);
  assert_int_equal(RPC_OK, auth_check(callers, AUTH_WRITE, "Bearer other").code);
  assert_refused(callers, AUTH_WRITE, "Bearer secret", RPC_PERMISSION_DENIED, AUTH_REASON_SCOPE);
  assert_refused(callers, AUTH_READ, NULL, RPC_UNAUTHENTICATED, AUTH_REASON_MISSING);
  static const char *const wrong[] = {"",       "Bearer",        "Bearer ", "Bearer secret2", "Basic secret",
                                      "secret", "Bearer  secret"};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    assert_refused(callers, AUTH_READ, wrong[i], RPC_UNAUTHENTICATED, AUTH_REASON_INVALID);
  }
  auth_close(callers);
  rpc_clock_destroy(clock);
}

static void methods_take_the_scope_that_their_proto_says(void **state) {
  (void)state;
  rpc_clock *clock = rpc_clock_create_virtual(0);
  rpc_status status;
  auth *callers = open_text("{\"callers\":[{\"name\":\"r\",\"token_sha256\":\"" SECRET "\",\"scopes\":[\"read\"]}]}",
                            clock, &status);
  assert_non_null(callers);
  for (size_t s = 0; s < api_service_count; s++) {
    for (size_t i = 0; i < api_services[s]->method_count; i++) {
      const api_method *method = &api_services[s]->methods[i];
      bool is_store = strncmp(method->name, "/store.", 7) == 0;
      bool is_health = strncmp(method->name, "/rpc.v1.Health/", 15) == 0;
      rpc_code expected = is_store && !method->no_side_effects ? RPC_PERMISSION_DENIED : RPC_OK;
      assert_int_equal(expected, auth_check_method(callers, method, "Bearer secret").code);
      assert_int_equal(is_health ? RPC_OK : RPC_UNAUTHENTICATED, auth_check_method(callers, method, NULL).code);
    }
  }
  auth_close(callers);
  rpc_clock_destroy(clock);
}

static void a_caller_past_its_rate_is_told_when_to_come_again(void **state) {
  (void)state;
  rpc_clock *clock = rpc_clock_create_virtual(0);
  rpc_status status;
  auth *callers = open_text("{\"callers\":[{\"name\":\"slow\",\"token_sha256\":\"" SECRET
                            "\",\"scopes\":[\"read\"],"
                            "\"rate_per_second\":0.4,\"burst\":2}]}",
                            clock, &status);
  assert_non_null(callers);
  assert_int_equal(RPC_OK, auth_check(callers, AUTH_READ, "Bearer secret").code);
  assert_int_equal(RPC_OK, auth_check(callers, AUTH_READ, "Bearer secret").code);
  status = auth_check(callers, AUTH_READ, "Bearer secret");
  assert_int_equal(RPC_RESOURCE_EXHAUSTED, status.code);
  assert_string_equal(AUTH_REASON_RATE, status.reason);
  assert_string_equal("3", rpc_status_fact_of(&status, AUTH_FACT_RETRY_AFTER)); /* 2.5 s, rounded up */
  auth_close(callers);
  rpc_clock_destroy(clock);
}

static void a_bucket_fills_with_time_up_to_its_burst(void **state) {
  (void)state;
  token_bucket bucket = token_bucket_make(10, 3, 0);
  for (int i = 0; i < 3; i++) assert_int_equal(0, token_bucket_take(&bucket, 0));
  assert_int_equal(100000, token_bucket_take(&bucket, 0));
  assert_int_equal(50000, token_bucket_take(&bucket, 50000));
  assert_int_equal(0, token_bucket_take(&bucket, 100000));
  for (int i = 0; i < 3; i++) assert_int_equal(0, token_bucket_take(&bucket, 60 * 1000000));
  assert_true(token_bucket_take(&bucket, 60 * 1000000) > 0);
  token_bucket endless = token_bucket_make(0, 0, 0);
  for (int i = 0; i < 1000; i++) assert_int_equal(0, token_bucket_take(&endless, 0));
}

static void a_wrong_file_is_refused_by_name(void **state) {
  (void)state;
#define CALLER(rest) "{\"callers\":[{\"name\":\"a\",\"token_sha256\":\"" SECRET "\",\"scopes\":[\"read\"]" rest "}]}"
  static const struct {
    const char *text, *told;
  } rows[] = {
      {"{", "line 1"},
      {"[]", "callers"},
      {"{\"callers\":{}}", "callers"},
      {"{\"callers\":[1]}", "callers[0]"},
      {"{\"callers\":[{\"name\":\"\",\"token_sha256\":\"" SECRET "\",\"scopes\":[\"read\"]}]}", "name"},
      {"{\"callers\":[{\"name\":\"a\",\"token_sha256\":\"zz\",\"scopes\":[\"read\"]}]}", "token_sha256"},
      {"{\"callers\":[{\"name\":\"a\",\"token_sha256\":\"" SECRET "\",\"scopes\":[]}]}", "scopes"},
      {"{\"callers\":[{\"name\":\"a\",\"token_sha256\":\"" SECRET "\",\"scopes\":[\"admin\"]}]}", "scopes"},
      {CALLER(",\"rate_per_second\":-1"), "rate_per_second"},
      {CALLER(",\"rate_per_second\":\"1\""), "rate_per_second"},
      {CALLER(",\"token\":\"secret\""), "expected name"},
  };
  rpc_clock *clock = rpc_clock_create_virtual(0);
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    rpc_status status;
    assert_null(open_text(rows[i].text, clock, &status));
    assert_int_equal(RPC_INVALID_ARGUMENT, status.code);
    assert_non_null(strstr(status.message, rows[i].told));
  }
  rpc_clock_destroy(clock);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_token_opens_what_its_scopes_say),
      cmocka_unit_test(methods_take_the_scope_that_their_proto_says),
      cmocka_unit_test(a_caller_past_its_rate_is_told_when_to_come_again),
      cmocka_unit_test(a_bucket_fills_with_time_up_to_its_burst),
      cmocka_unit_test(a_wrong_file_is_refused_by_name),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
