/* Who takes what (gateway/accept.h), and whose pages may call (gateway/cors.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "gateway/accept.h"
#include "gateway/cors.h"

static const char BROWSER[] = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";

/* In memory that ends where the value does, as h2o's may: a look past the end is an error of the address sanitizer. */
static char *exactly(const char *text) {
  return memcpy(malloc(strlen(text) ? strlen(text) : 1), text, strlen(text));
}

static void the_most_specific_range_decides(void **state) {
  (void)state;
  static const struct {
    const char *value, *type;
    int weight;
  } rows[] = {
      {"", "application/json", 1000},
      {" \t ", "application/json", 1000},
      {"*/*", "application/json", 1000},
      {"application/*", "application/json", 1000},
      {"application/json", "application/json", 1000},
      {"Application/JSON", "application/json", 1000},
      {"application/json; charset=utf-8", "application/json", 1000},
      {"text/html", "application/json", 0},
      {"text/*, image/png", "application/json", 0},
      {"application/jso", "application/json", 0},
      {"application/json5", "application/json", 0},
      {"application/", "application/json", 0},
      {"application", "application/json", 0},
      {"*", "application/json", 0},
      {",", "application/json", 0},
      {", ,application/json,", "application/json", 1000},
      {"application/json;q=0", "application/json", 0},
      {"application/json;q=0.000", "application/json", 0},
      {"application/json ; q=0.25", "application/json", 250},
      {"application/json;Q=0.5", "application/json", 500},
      {"application/json;q=1.000", "application/json", 1000},
      {"application/json;q=0.001", "application/json", 1},
      {"application/json;v=1;q=0.3;x=y", "application/json", 300},
      {"*/*;q=0.9, application/*;q=0.5, application/json;q=0.1", "application/json", 100},
      {"application/json;q=0.1, application/*;q=0.5, */*;q=0.9", "application/json", 100},
      {"application/json;q=0, */*", "application/json", 0},
      {"*/*;q=0, application/json", "application/json", 1000},
      {"application/json;q=0.2,application/json;q=0.7", "application/json", 700},
      {"application/json;q=0.7,application/json;q=0.2", "application/json", 700},
      {"application/json;q=", "application/json", 1000},
      {"application/json;q=high", "application/json", 1000},
      {"application/json;q=5", "application/json", 1000},
      {"application/json;q=99999999999999999999", "application/json", 1000},
      {"application/json;q=0.12345678901234567890", "application/json", 123},
      {"application/json;q", "application/json", 1000},
      {BROWSER, "text/html", 1000},
      {BROWSER, "text/plain", 800},
      {BROWSER, "application/json", 800},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *value = exactly(rows[i].value);
    int weight = accept_weight(value, strlen(rows[i].value), rows[i].type);
    free(value);
    if (weight != rows[i].weight) fail_msg("'%s' of %s: %d", rows[i].value, rows[i].type, weight);
  }
}

static void an_origin_must_be_one_of_those_told(void **state) {
  (void)state;
  static const struct {
    const char *origins, *origin;
    bool may;
  } rows[] = {
      {NULL, "https://a.example", false},
      {"", "https://a.example", false},
      {"*", "https://a.example", true},
      {"*", "null", true},
      {"*", "", false},
      {"https://a.example", "https://a.example", true},
      {"https://a.example", "https://a.example.evil", false},
      {"https://a.example", "https://a.exampl", false},
      {"https://a.example", "http://a.example", false},
      {"https://a.example", "https://a.example:8443", false},
      {"https://a.example", "*", false},
      {"https://b.example, https://a.example", "https://a.example", true},
      {"https://b.example,https://a.example", "https://b.example", true},
      {"https://b.example,,  https://a.example ,", "https://a.example", true},
      {"https://b.example, https://a.example", "https://b.example, https://a.example", false},
      {"https://b.example, https://a.example", "", false},
      {"https://b.example, *", "https://a.example", false},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char *origin = exactly(rows[i].origin);
    bool may = cors_allows(rows[i].origins, origin, strlen(rows[i].origin));
    free(origin);
    if (may != rows[i].may) fail_msg("'%s' of '%s'", rows[i].origin, rows[i].origins ? rows[i].origins : "none");
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_most_specific_range_decides),
      cmocka_unit_test(an_origin_must_be_one_of_those_told),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
