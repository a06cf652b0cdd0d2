/* What requests may contain: each bound from both sides. */
#include <math.h>

#include "service_fixture.h"
#include "validation/validation.h"

static void assert_refuses(rpc_status status, const char *field) {
  assert_int_equal(status.code, RPC_INVALID_ARGUMENT);
  assert_string_equal(status.field, field);
  assert_memory_equal(status.message, field, strlen(field));
}

static void text_is_bounded_and_has_no_control_characters(void **state) {
  (void)state;
  assert_int_equal(validation_check_text("name", "", 0, 5).code, RPC_OK);
  assert_int_equal(validation_check_text("name", "12345", 1, 5).code, RPC_OK);
  assert_int_equal(validation_check_text("name", "Zo\xc3\xab", 1, 5).code, RPC_OK);
  assert_refuses(validation_check_text("name", "", 1, 5), "name");
  assert_refuses(validation_check_text("name", "123456", 1, 5), "name");
  assert_refuses(validation_check_text("name", "a\nb", 1, 5), "name");
  assert_refuses(validation_check_text("name", "a\x7f", 1, 5), "name");
}

static void identifiers_are_short_and_plain(void **state) {
  (void)state;
  char longest[VALIDATION_ID_MAX + 2];
  memset(longest, 'x', sizeof longest);
  longest[VALIDATION_ID_MAX] = '\0';
  assert_int_equal(validation_check_id("id", "LAPTOP-001").code, RPC_OK);
  assert_int_equal(validation_check_id("id", "a.B_9").code, RPC_OK);
  assert_int_equal(validation_check_id("id", longest).code, RPC_OK);
  longest[VALIDATION_ID_MAX] = 'x';
  longest[VALIDATION_ID_MAX + 1] = '\0';
  const char *const wrong[] = {"", "a b", "a/b", "caf\xc3\xa9", "'; DROP TABLE products", longest};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_refuses(validation_check_id("id", wrong[i]), "id");
}

static void ranges_include_their_ends(void **state) {
  (void)state;
  assert_int_equal(validation_check_range("quantity", 1, 1, 10).code, RPC_OK);
  assert_int_equal(validation_check_range("quantity", 10, 1, 10).code, RPC_OK);
  assert_refuses(validation_check_range("quantity", 0, 1, 10), "quantity");
  assert_refuses(validation_check_range("quantity", 11, 1, 10), "quantity");
}

static void page_size_defaults_and_is_bounded(void **state) {
  (void)state;
  int32_t size;
  assert_int_equal(validation_check_page("page_size", 0, &size).code, RPC_OK);
  assert_int_equal(size, VALIDATION_PAGE_DEFAULT);
  assert_int_equal(validation_check_page("page_size", VALIDATION_PAGE_MAX, &size).code, RPC_OK);
  assert_int_equal(size, VALIDATION_PAGE_MAX);
  assert_refuses(validation_check_page("page_size", -1, &size), "page_size");
  assert_refuses(validation_check_page("page_size", VALIDATION_PAGE_MAX + 1, &size), "page_size");
}

static void every_cent_survives_the_wire(void **state) {
  (void)state;
  for (int64_t cents = 1; cents <= 100000000; cents += 7919) {
    int64_t back;
    assert_int_equal(validation_check_money("amount", validation_money(cents), 1, 100000000, &back).code, RPC_OK);
    assert_int_equal(back, cents);
  }
}

static void money_that_is_no_amount_of_cents_is_refused(void **state) {
  (void)state;
  const double wrong[] = {0,           -0.01,      -5,    0.001,  0.009, 0.011,    1.005,     0.1 + 0.2, 999.999,
                          1000000.001, 1000000.01, 1e300, -1e300, NAN,   INFINITY, -INFINITY, 1e-320};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    int64_t cents = -1;
    assert_refuses(validation_check_money("amount", wrong[i], 1, 100000000, &cents), "amount");
    assert_int_equal(cents, 0);
  }
  int64_t cents;
  assert_int_equal(validation_check_money("price", 0, 0, 100, &cents).code, RPC_OK);
}

static void new_identifiers_sort_by_age_and_differ(void **state) {
  (void)state;
  rpc_random random;
  rpc_random_init(&random, 1);
  char older[VALIDATION_ID_SIZE], newer[VALIDATION_ID_SIZE], twin[VALIDATION_ID_SIZE];
  validation_make_id(older, "ORD-", 1700000000000, &random);
  validation_make_id(newer, "ORD-", 1700000000001, &random);
  validation_make_id(twin, "ORD-", 1700000000001, &random);
  assert_true(strcmp(older, newer) < 0);
  assert_string_not_equal(newer, twin);
  assert_int_equal(strlen(newer), 24);
  assert_int_equal(validation_check_id("id", newer).code, RPC_OK);
}

static void times_become_seconds_and_nanoseconds(void **state) {
  (void)state;
  rpc_arena arena;
  rpc_arena_init(&arena, 1024);
  Google__Protobuf__Timestamp *time = validation_time(&arena, 1700000000123);
  assert_int_equal(time->seconds, 1700000000);
  assert_int_equal(time->nanos, 123000000);
  assert_null(validation_time(&arena, 0));
  rpc_arena_free(&arena);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(text_is_bounded_and_has_no_control_characters),
      cmocka_unit_test(identifiers_are_short_and_plain),
      cmocka_unit_test(ranges_include_their_ends),
      cmocka_unit_test(page_size_defaults_and_is_bounded),
      cmocka_unit_test(every_cent_survives_the_wire),
      cmocka_unit_test(money_that_is_no_amount_of_cents_is_refused),
      cmocka_unit_test(new_identifiers_sort_by_age_and_differ),
      cmocka_unit_test(times_become_seconds_and_nanoseconds),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
