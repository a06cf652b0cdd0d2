/* Which route a request line leads to, and what its path is decoded to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/routes.h"

static const api_route things_routes[] = {
    {"GET", "/things", ""},
    {"POST", "/things", "*"},
    {"GET", "/things/{thing_id}", ""},
    {"POST", "/things/reserve", "*"},
    {"PUT", "/things/{thing_id}/parts/{part.name}", "*"},
    {"GET", "/things/{thing_id}/parts/all", ""},
    {"GET", "/{any}/{other}", ""},
};
static const api_method things_method = {"/t.Things/Do", NULL, NULL, false, false, things_routes, 7};
static const api_service things = {"t.Things", "things", 1, 2, 3, &things_method, 1};

static routes *make_table(void) {
  rpc_status status;
  routes *table = routes_create((const api_service *const[]){&things}, 1, &status);
  assert_non_null(table);
  return table;
}

static void requests_lead_to_the_most_specific_route(void **state) {
  (void)state;
  static const struct {
    const char *method, *path, *pattern; /* NULL: none */
    const char *allow;                   /* of those that end in 405 */
    const char *values[4];               /* by segment */
  } rows[] = {
      {"GET", "/things", "GET /things", NULL, {NULL}},
      {"HEAD", "/things", "GET /things", NULL, {NULL}},
      {"POST", "/things", "POST /things", NULL, {NULL}},
      {"GET", "/things/T1", "GET /things/{thing_id}", NULL, {NULL, "T1"}},
      {"POST", "/things/reserve", "POST /things/reserve", NULL, {NULL}},
      {"GET", "/things/reserve", "GET /things/{thing_id}", NULL, {NULL, "reserve"}},
      {"PUT", "/things/a/parts/b", "PUT /things/{thing_id}/parts/{part.name}", NULL, {NULL, "a", NULL, "b"}},
      {"GET", "/things/a/parts/all", "GET /things/{thing_id}/parts/all", NULL, {NULL, "a"}},
      {"GET", "/x/y", "GET /{any}/{other}", NULL, {"x", "y"}},
      {"GET", "/things/a%20b%2Fc%C3%A9+", "GET /things/{thing_id}", NULL, {NULL, "a b/c\xc3\xa9+"}},
      {"DELETE", "/things", NULL, "GET, HEAD, POST", {NULL}},
      {"DELETE", "/things/T1", NULL, "GET, HEAD", {NULL}},
      {"get", "/things", NULL, "GET, HEAD, POST", {NULL}},
      {"GET", "/things/a/parts/b", NULL, "PUT", {NULL}},
      {"GET", "/thing", NULL, "", {NULL}},
      {"GET", "/things/", NULL, "", {NULL}},
      {"GET", "/things//parts/all", NULL, "", {NULL}},
      {"GET", "things", NULL, "", {NULL}},
      {"GET", "", NULL, "", {NULL}},
      {"GET", "*", NULL, "", {NULL}},
      {"GET", "/", NULL, "", {NULL}},
      {"GET", "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16/17", NULL, "", {NULL}},
  };
  routes *table = make_table();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    rpc_arena arena;
    rpc_arena_init(&arena, 65536);
    route_match match;
    rpc_status status;
    assert_true(routes_match(table, rows[i].method, strlen(rows[i].method), rows[i].path, strlen(rows[i].path), &arena,
                             &match, &status));
    if (!rows[i].pattern) {
      if (match.route) fail_msg("%s %s led to %s", rows[i].method, rows[i].path, match.route->name);
      assert_string_equal(match.allow, rows[i].allow);
    } else {
      if (!match.route) fail_msg("%s %s led nowhere", rows[i].method, rows[i].path);
      assert_string_equal(match.route->name, rows[i].pattern);
      for (size_t s = 0; s < match.route->segment_count; s++) {
        assert_int_equal(match.values[s] != NULL, rows[i].values[s] != NULL);
        if (match.values[s]) assert_string_equal(match.values[s], rows[i].values[s]);
      }
    }
    rpc_arena_free(&arena);
  }
  routes_destroy(table);
}

static void paths_that_are_not_well_formed_name_the_variable(void **state) {
  (void)state;
  static const char *const paths[] = {"/things/%",     "/things/%4",  "/things/%zz",
                                      "/things/a%00b", "/things/%ff", "/things/%c3%28"};
  routes *table = make_table();
  for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
    rpc_arena arena;
    rpc_arena_init(&arena, 65536);
    route_match match;
    rpc_status status;
    assert_false(routes_match(table, "GET", 3, paths[i], strlen(paths[i]), &arena, &match, &status));
    assert_int_equal(status.code, RPC_INVALID_ARGUMENT);
    assert_string_equal(status.field, "thing_id");
    rpc_arena_free(&arena);
  }
  routes_destroy(table);
}

static void patterns_that_are_not_understood_stop_the_start(void **state) {
  (void)state;
  static const char *const patterns[] = {"", "things", "/", "//", "/a/", "/{}", "/{a", "/a}", "/{a=b}", "/**", "/a{b}"};
  for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
    api_route bad = {"GET", patterns[i], ""};
    api_method method = {"/t.Bad/Do", NULL, NULL, false, false, &bad, 1};
    api_service service = {"t.Bad", "bad", 1, 2, 3, &method, 1};
    rpc_status status;
    if (routes_create((const api_service *const[]){&service}, 1, &status)) fail_msg("'%s' was taken", patterns[i]);
    assert_int_equal(status.code, RPC_INTERNAL);
  }
}

static void every_route_of_the_api_leads_to_its_own_method(void **state) {
  (void)state;
  rpc_status status;
  routes *table = routes_create(api_services, api_service_count, &status);
  assert_non_null(table);
  size_t count;
  const route *all = routes_all(table, &count);
  assert_true(count >= 10);
  for (size_t i = 0; i < count; i++) {
    char path[256] = "";
    for (size_t s = 0; s < all[i].segment_count; s++) {
      const route_segment *segment = &all[i].segments[s];
      strcat(path, "/");
      strncat(path, segment->is_variable ? "X-1" : segment->text, segment->is_variable ? 3 : segment->length);
    }
    rpc_arena arena;
    rpc_arena_init(&arena, 65536);
    route_match match;
    assert_true(routes_match(table, all[i].api->http_method, strlen(all[i].api->http_method), path, strlen(path),
                             &arena, &match, &status));
    assert_ptr_equal(match.route, &all[i]);
    rpc_arena_free(&arena);
  }
  routes_destroy(table);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(requests_lead_to_the_most_specific_route),
      cmocka_unit_test(paths_that_are_not_well_formed_name_the_variable),
      cmocka_unit_test(patterns_that_are_not_understood_stop_the_start),
      cmocka_unit_test(every_route_of_the_api_leads_to_its_own_method),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
