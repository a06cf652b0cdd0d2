/* runner/verify: a snapshot in which everything adds up, and one in which it does not for each invariant. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "runner/verify.h"
#include "store/v1/inventory.pb-c.h"
#include "store/v1/order.pb-c.h"
#include "store/v1/payment.pb-c.h"

#define TEXT(text) ((char *)(uintptr_t)(text))

enum { CONFIRMED, FAILED, UNPAID, ORDERS = 3 };

/* Three orders: one confirmed, one failed after a refund, one failed at its reservation; and beside them a payment and
 * a held reservation that belong to no order. */
typedef struct store_books {
  Store__V1__Order orders[ORDERS + 1];
  Store__V1__OrderItem order_items[ORDERS + 1][2], *order_item_pointers[ORDERS + 1][2];
  Store__V1__Payment payments[4];
  Store__V1__Reservation reservations[4];
  Store__V1__ReservationItem reservation_items[4][2], *reservation_item_pointers[4][2];
  Store__V1__Product products[2];
  ProtobufCMessage *order_pointers[ORDERS + 1], *payment_pointers[4], *reservation_pointers[4], *product_pointers[2];
  runner_snapshot snapshot;
  char lines[1024]; /* what was reported */
} store_books;

static void add_order(store_books *books, const char *id, const char *status, double total, const char *payment_id,
                      const char *reservation_id) {
  size_t at = books->snapshot.orders.count++;
  Store__V1__Order *order = &books->orders[at];
  *order = (Store__V1__Order)STORE__V1__ORDER__INIT;
  order->order_id = TEXT(id);
  order->status = TEXT(status);
  order->total_amount = total;
  order->payment_id = TEXT(payment_id);
  order->reservation_id = TEXT(reservation_id);
  order->n_items = 2;
  order->items = books->order_item_pointers[at];
  for (size_t i = 0; i < 2; i++) {
    books->order_items[at][i] = (Store__V1__OrderItem)STORE__V1__ORDER_ITEM__INIT;
    books->order_items[at][i].product_id = TEXT(i == 0 ? "LAPTOP" : "PHONE");
    books->order_items[at][i].quantity = i == 0 ? 1 : 2;
    books->order_item_pointers[at][i] = &books->order_items[at][i];
  }
  books->order_pointers[at] = &order->base;
}

static void add_payment(store_books *books, const char *id, const char *order_id, const char *status, double amount) {
  size_t at = books->snapshot.payments.count++;
  Store__V1__Payment *payment = &books->payments[at];
  *payment = (Store__V1__Payment)STORE__V1__PAYMENT__INIT;
  payment->payment_id = TEXT(id);
  payment->order_id = TEXT(order_id);
  payment->status = TEXT(status);
  payment->amount = amount;
  books->payment_pointers[at] = &payment->base;
}

static void add_reservation(store_books *books, const char *id, const char *order_id, const char *status) {
  size_t at = books->snapshot.reservations.count++;
  Store__V1__Reservation *reservation = &books->reservations[at];
  *reservation = (Store__V1__Reservation)STORE__V1__RESERVATION__INIT;
  reservation->reservation_id = TEXT(id);
  reservation->order_id = TEXT(order_id);
  reservation->status = TEXT(status);
  reservation->n_items = 2;
  reservation->items = books->reservation_item_pointers[at];
  for (size_t i = 0; i < 2; i++) {
    books->reservation_items[at][i] = (Store__V1__ReservationItem)STORE__V1__RESERVATION_ITEM__INIT;
    books->reservation_items[at][i].product_id = TEXT(i == 0 ? "PHONE" : "LAPTOP");
    books->reservation_items[at][i].quantity = i == 0 ? 2 : 1;
    books->reservation_item_pointers[at][i] = &books->reservation_items[at][i];
  }
  books->reservation_pointers[at] = &reservation->base;
}

/* Of which one confirmed and one held reservation took some. */
static void add_product(store_books *books, const char *id, int32_t taken) {
  size_t at = books->snapshot.products.count++;
  Store__V1__Product *product = &books->products[at];
  *product = (Store__V1__Product)STORE__V1__PRODUCT__INIT;
  product->product_id = TEXT(id);
  product->received = 50;
  product->sold = taken;
  product->reserved = taken;
  product->total_stock = 50 - taken;
  product->available = 50 - 2 * taken;
  books->product_pointers[at] = &product->base;
}

static void write_books(store_books *books) {
  memset(books, 0, sizeof *books);
  books->snapshot.orders.items = books->order_pointers;
  books->snapshot.payments.items = books->payment_pointers;
  books->snapshot.reservations.items = books->reservation_pointers;
  books->snapshot.products.items = books->product_pointers;
  add_order(books, "ORD-C", "confirmed", 2199.97, "PAY-C", "RES-C");
  add_order(books, "ORD-F", "failed", 2199.97, "PAY-F", "RES-F");
  add_order(books, "ORD-U", "failed", 0, "", "");
  add_payment(books, "PAY-C", "ORD-C", "completed", 2199.97);
  add_payment(books, "PAY-F", "ORD-F", "refunded", 2199.97);
  add_payment(books, "PAY-X", "", "completed", 5);
  add_reservation(books, "RES-C", "ORD-C", "confirmed");
  add_reservation(books, "RES-F", "ORD-F", "released");
  add_reservation(books, "RES-X", "", "held");
  add_product(books, "LAPTOP", 1);
  add_product(books, "PHONE", 2);
}

static void note(void *arg, const char *line) {
  store_books *books = arg;
  size_t length = strlen(books->lines);
  snprintf(books->lines + length, sizeof books->lines - length, "%s\n", line);
}

static void books_that_add_up_have_no_violation(void **state) {
  (void)state;
  store_books books;
  write_books(&books);
  assert_int_equal(runner_verify_check(&books.snapshot, note, &books), 0);
  assert_string_equal(books.lines, "");
}

static void an_empty_store_has_no_violation(void **state) {
  (void)state;
  runner_snapshot empty = {0};
  assert_int_equal(runner_verify_check(&empty, note, NULL), 0);
}

static void an_order_may_name_a_product_in_several_lines(void **state) {
  (void)state;
  store_books books;
  write_books(&books);
  books.order_items[CONFIRMED][0].product_id = TEXT("PHONE"); /* 1 + 2 */
  books.reservations[CONFIRMED].n_items = 1;
  books.reservation_items[CONFIRMED][0].quantity = 3;
  books.products[0] = (Store__V1__Product)STORE__V1__PRODUCT__INIT;
  books.products[0].product_id = TEXT("LAPTOP");
  books.products[0].reserved = 1; /* RES-X */
  books.products[0].received = books.products[0].total_stock = 1;
  books.products[1].sold = 3;
  books.products[1].total_stock = 47;
  books.products[1].available = 45;
  runner_verify_check(&books.snapshot, note, &books);
  assert_string_equal(books.lines, "");
}

/* --- one change each --- */
static void not_final(store_books *books) {
  books->orders[UNPAID].status = TEXT("charging");
}
static void listed_twice(store_books *books) {
  add_order(books, "ORD-U", "failed", 0, "", "");
}
static void unpaid(store_books *books) {
  books->payments[0].order_id = TEXT("");
}
static void paid_twice(store_books *books) {
  add_payment(books, "PAY-C2", "ORD-C", "completed", 2199.97);
}
static void payment_declined(store_books *books) {
  books->payments[0].status = TEXT("declined");
}
static void wrong_amount(store_books *books) {
  books->payments[0].amount = 2199.96;
}
static void other_payment_named(store_books *books) {
  books->orders[CONFIRMED].payment_id = TEXT("PAY-Z");
}
static void reservation_expired(store_books *books) {
  books->reservations[0].status = TEXT("expired");
  for (size_t i = 0; i < 2; i++) {
    books->products[i].total_stock += books->products[i].sold;
    books->products[i].available += books->products[i].sold;
    books->products[i].sold = 0;
  }
}
static void other_items_reserved(store_books *books) {
  books->order_items[CONFIRMED][1].quantity = 1;
}
static void more_items_reserved(store_books *books) {
  books->orders[CONFIRMED].n_items = 1;
}
static void other_reservation_named(store_books *books) {
  books->orders[CONFIRMED].reservation_id = TEXT("RES-Z");
}
static void failed_but_charged(store_books *books) {
  books->payments[1].status = TEXT("completed");
}
static void failed_but_held(store_books *books) {
  books->reservations[1].status = TEXT("held");
  for (size_t i = 0; i < 2; i++) {
    books->products[i].available -= books->products[i].reserved;
    books->products[i].reserved *= 2;
  }
}
static void failed_but_sold(store_books *books) {
  books->reservations[1].status = TEXT("confirmed");
  for (size_t i = 0; i < 2; i++) {
    books->products[i].total_stock -= books->products[i].sold;
    books->products[i].available -= books->products[i].sold;
    books->products[i].sold *= 2;
  }
}
static void stray_payment(store_books *books) {
  books->payments[2].order_id = TEXT("ORD-Z");
}
static void stray_hold(store_books *books) {
  books->reservations[2].order_id = TEXT("ORD-Z");
}
static void reserved_off(store_books *books) {
  books->products[0].reserved += 1;
  books->products[0].available -= 1;
}
static void sold_off(store_books *books) {
  books->products[0].sold += 1;
  books->products[0].total_stock -= 1;
  books->products[0].available -= 1;
}
static void stock_lost(store_books *books) {
  books->products[0].total_stock -= 1;
  books->products[0].available -= 1;
}
static void available_off(store_books *books) {
  books->products[1].available += 1;
}
static void oversold(store_books *books) {
  books->products[0].received = 1;
  books->products[0].total_stock = 0;
  books->products[0].available = -1;
}
static void product_unknown(store_books *books) {
  books->order_items[CONFIRMED][0].product_id = TEXT("CAR");
  books->reservation_items[0][1].product_id = TEXT("CAR");
  books->products[0].sold = 0;
  books->products[0].total_stock = 50;
  books->products[0].available = 49;
}

static void each_invariant_broken_is_reported_alone_and_with_its_ids(void **state) {
  (void)state;
  static const struct {
    void (*change)(store_books *books);
    const char *lines;
  } cases[] = {
      {not_final, "order ORD-U is not final: charging\n"},
      {listed_twice, "order ORD-U is listed twice\n"},
      {unpaid, "confirmed order ORD-C has 0 payments instead of 1\n"},
      {paid_twice,
       "confirmed order ORD-C has 2 payments instead of 1\nconfirmed order ORD-C names payment 'PAY-C' but has "
       "PAY-C2\n"},
      {payment_declined, "confirmed order ORD-C has payment PAY-C with status declined\n"},
      {wrong_amount, "confirmed order ORD-C over 2199.97 has payment PAY-C over 2199.96\n"},
      {other_payment_named, "confirmed order ORD-C names payment 'PAY-Z' but has PAY-C\n"},
      {reservation_expired, "confirmed order ORD-C has 0 confirmed reservations instead of 1\n"},
      {other_items_reserved, "confirmed order ORD-C has reservation RES-C of other items\n"},
      {more_items_reserved, "confirmed order ORD-C has reservation RES-C of other items\n"},
      {other_reservation_named, "confirmed order ORD-C names reservation 'RES-Z' but has RES-C\n"},
      {failed_but_charged, "failed order ORD-F has completed payment PAY-F\n"},
      {failed_but_held, "failed order ORD-F still has held reservation RES-F\n"},
      {failed_but_sold, "failed order ORD-F has confirmed reservation RES-F\n"},
      {stray_payment, "completed payment PAY-X belongs to order ORD-Z, which does not exist\n"},
      {stray_hold, "held reservation RES-X belongs to order ORD-Z, which does not exist\n"},
      {reserved_off, "product LAPTOP: reserved is 2, but the sum of held reservations is 1\n"},
      {sold_off, "product LAPTOP: sold is 2, but the sum of confirmed reservations is 1\n"},
      {stock_lost, "product LAPTOP: total_stock is 48, but received - sold is 49\n"},
      {available_off, "product PHONE: available is 47, but total_stock - reserved is 46\n"},
      {oversold, "product LAPTOP: available is -1\n"},
      {product_unknown, "confirmed reservation RES-C is of product CAR, which does not exist\n"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    store_books books;
    write_books(&books);
    cases[i].change(&books);
    size_t count = runner_verify_check(&books.snapshot, note, &books);
    assert_string_equal(books.lines, cases[i].lines);
    size_t lines = 0;
    for (const char *at = books.lines; (at = strchr(at, '\n')) != NULL; at++) lines++;
    assert_int_equal(count, lines);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(books_that_add_up_have_no_violation),
      cmocka_unit_test(an_empty_store_has_no_violation),
      cmocka_unit_test(an_order_may_name_a_product_in_several_lines),
      cmocka_unit_test(each_invariant_broken_is_reported_alone_and_with_its_ids),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
