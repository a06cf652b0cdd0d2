/* The rules of stock and reservations, as tables. */
#include "inventory/reservation.h"
#include "service_fixture.h"

static reservation_line line(const char *product_id, int32_t quantity, int64_t expected_cents, int32_t available) {
  return (reservation_line){product_id, quantity, expected_cents, true, 1999, available};
}

static void lines_are_judged_in_a_fixed_order(void **state) {
  (void)state;
  reservation_line unknown = line("GONE-1", 1, -1, 0);
  unknown.known = false;
  static const rpc_code OK = RPC_OK;
  const struct {
    reservation_line lines[3];
    size_t count;
    bool conflict;
    rpc_code code;
    const char *reason, *field;
  } cases[] = {
      {{line("A", 5, -1, 5)}, 1, false, OK, "", ""},
      {{line("A", 5, 1999, 5)}, 1, false, OK, "", ""},
      {{line("A", 6, -1, 5)}, 1, false, RPC_FAILED_PRECONDITION, "OUT_OF_STOCK", "items[0].quantity"},
      {{line("A", 1, 2000, 5)}, 1, false, RPC_INVALID_ARGUMENT, "PRICE_MISMATCH", "items[0].price"},
      {{line("A", 1, -1, 5), unknown}, 2, false, RPC_NOT_FOUND, "PRODUCT_NOT_FOUND", "items[1].product_id"},
      {{line("A", 1, -1, 5)}, 1, true, RPC_ABORTED, "RESERVATION_CONFLICT", ""},
      /* the first that holds wins, whichever line it is on */
      {{line("A", 9, 1, 5), unknown}, 2, true, RPC_NOT_FOUND, "PRODUCT_NOT_FOUND", "items[1].product_id"},
      {{line("A", 9, -1, 5), line("B", 1, 1, 5)}, 2, true, RPC_INVALID_ARGUMENT, "PRICE_MISMATCH", "items[1].price"},
      {{line("A", 9, -1, 5)}, 1, true, RPC_FAILED_PRECONDITION, "OUT_OF_STOCK", "items[0].quantity"},
      /* one product on several lines: together */
      {{line("A", 3, -1, 5), line("B", 5, -1, 5), line("A", 2, -1, 5)}, 3, false, OK, "", ""},
      {{line("A", 3, -1, 5), line("B", 5, -1, 5), line("A", 3, -1, 5)},
       3,
       false,
       RPC_FAILED_PRECONDITION,
       "OUT_OF_STOCK",
       "items[2].quantity"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    rpc_status status = reservation_check(cases[i].lines, cases[i].count, cases[i].conflict);
    assert_int_equal(status.code, cases[i].code);
    assert_string_equal(status.reason, cases[i].reason);
    assert_string_equal(status.field, cases[i].field);
  }
}

static void quantities_that_would_overflow_an_int_are_short_of_stock(void **state) {
  (void)state;
  reservation_line lines[] = {line("A", INT32_MAX, -1, INT32_MAX), line("A", INT32_MAX, -1, INT32_MAX)};
  assert_string_equal(reservation_check(lines, 2, false).reason, "OUT_OF_STOCK");
}

static void a_stock_out_names_the_product_and_what_is_left(void **state) {
  (void)state;
  reservation_line short_line = line("LAPTOP-001", 7, -1, 5);
  rpc_status status = reservation_check(&short_line, 1, false);
  assert_non_null(strstr(status.message, "LAPTOP-001"));
  assert_string_equal(rpc_status_fact_of(&status, "product_id"), "LAPTOP-001");
  assert_string_equal(rpc_status_fact_of(&status, "available"), "5");
}

/* Every status, every action, before and after the lease's end. */
static void each_action_on_each_status_has_its_outcome(void **state) {
  (void)state;
  enum { LEASE_END = 1000 };
  static const struct {
    reservation_status status;
    reservation_action action;
    int64_t now_ms;
    reservation_status to;
    bool changed;
    const char *reason;
  } cases[] = {
      {RESERVATION_HELD, RESERVATION_CONFIRM, LEASE_END - 1, RESERVATION_CONFIRMED, true, ""},
      {RESERVATION_HELD, RESERVATION_RELEASE, LEASE_END - 1, RESERVATION_RELEASED, true, ""},
      {RESERVATION_HELD, RESERVATION_EXPIRE, LEASE_END - 1, RESERVATION_HELD, false, ""},
      {RESERVATION_HELD, RESERVATION_CONFIRM, LEASE_END, RESERVATION_EXPIRED, true, "RESERVATION_EXPIRED"},
      {RESERVATION_HELD, RESERVATION_RELEASE, LEASE_END, RESERVATION_EXPIRED, true, ""},
      {RESERVATION_HELD, RESERVATION_EXPIRE, LEASE_END, RESERVATION_EXPIRED, true, ""},
      {RESERVATION_CONFIRMED, RESERVATION_CONFIRM, LEASE_END, RESERVATION_CONFIRMED, false, ""},
      {RESERVATION_CONFIRMED, RESERVATION_RELEASE, 0, RESERVATION_CONFIRMED, false, "RESERVATION_CONFIRMED"},
      {RESERVATION_CONFIRMED, RESERVATION_EXPIRE, LEASE_END, RESERVATION_CONFIRMED, false, ""},
      {RESERVATION_RELEASED, RESERVATION_CONFIRM, 0, RESERVATION_RELEASED, false, "RESERVATION_RELEASED"},
      {RESERVATION_RELEASED, RESERVATION_RELEASE, LEASE_END, RESERVATION_RELEASED, false, ""},
      {RESERVATION_RELEASED, RESERVATION_EXPIRE, LEASE_END, RESERVATION_RELEASED, false, ""},
      {RESERVATION_EXPIRED, RESERVATION_CONFIRM, 0, RESERVATION_EXPIRED, false, "RESERVATION_EXPIRED"},
      {RESERVATION_EXPIRED, RESERVATION_RELEASE, LEASE_END, RESERVATION_EXPIRED, false, ""},
      {RESERVATION_EXPIRED, RESERVATION_EXPIRE, LEASE_END, RESERVATION_EXPIRED, false, ""},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    reservation_decision decision = reservation_decide(cases[i].status, LEASE_END, cases[i].now_ms, cases[i].action);
    assert_int_equal(decision.to, cases[i].to);
    assert_int_equal(decision.changed, cases[i].changed);
    assert_string_equal(decision.answer.reason, cases[i].reason);
    assert_int_equal(decision.answer.code, cases[i].reason[0] ? RPC_FAILED_PRECONDITION : RPC_OK);
  }
}

static void every_end_of_a_hold_frees_it_and_only_a_sale_takes_stock(void **state) {
  (void)state;
  const reservation_status ends[] = {RESERVATION_CONFIRMED, RESERVATION_RELEASED, RESERVATION_EXPIRED};
  for (size_t i = 0; i < 3; i++) {
    reservation_effect effect = reservation_effect_of(ends[i]);
    assert_int_equal(effect.reserved, -1);
    assert_int_equal(effect.sold, ends[i] == RESERVATION_CONFIRMED ? 1 : 0);
    assert_int_equal(effect.total_stock, -effect.sold); /* total_stock = received - sold, always */
  }
}

static void names_of_statuses_go_both_ways(void **state) {
  (void)state;
  for (int i = 0; i < RESERVATION_STATUS_COUNT; i++) {
    reservation_status back;
    assert_true(reservation_status_from_name(reservation_status_name((reservation_status)i), &back));
    assert_int_equal(back, i);
  }
  reservation_status none;
  assert_false(reservation_status_from_name("sold", &none));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(lines_are_judged_in_a_fixed_order),
      cmocka_unit_test(quantities_that_would_overflow_an_int_are_short_of_stock),
      cmocka_unit_test(a_stock_out_names_the_product_and_what_is_left),
      cmocka_unit_test(each_action_on_each_status_has_its_outcome),
      cmocka_unit_test(every_end_of_a_hold_frees_it_and_only_a_sale_takes_stock),
      cmocka_unit_test(names_of_statuses_go_both_ways),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
