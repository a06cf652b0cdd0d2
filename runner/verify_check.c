/* The pure half of verify.h: looks at a snapshot from each order, then from what belongs to no order, then from each
 * product. */
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runner/verify.h"
#include "store/v1/inventory.pb-c.h"
#include "store/v1/order.pb-c.h"
#include "store/v1/payment.pb-c.h"

/* A message under the id that it is looked up by. */
typedef struct ref {
  const char *key;
  const void *message;
} ref;

typedef struct ref_index {
  ref *refs; /* by key */
  size_t count;
} ref_index;

/* What the reservations say about one product. */
typedef struct product_sums {
  const Store__V1__Product *product;
  int64_t held, confirmed;
} product_sums;

typedef struct check {
  const runner_snapshot *snapshot;
  ref_index orders;                 /* by order_id */
  ref_index payments, reservations; /* those of an order, by order_id */
  product_sums *products;           /* by product_id */
  size_t product_count;
  runner_verify_violation_fn report;
  void *arg;
  size_t violations;
} check;

static bool is(const char *a, const char *b) {
  return strcmp(a, b) == 0;
}

__attribute__((format(printf, 2, 3))) static void violation(check *checker, const char *format, ...) {
  char line[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  checker->violations++;
  checker->report(checker->arg, line);
}

/* A checker out of memory cannot say that all is well; there is nothing to go on with. */
static void *allocate(size_t count, size_t size) {
  void *memory = calloc(count == 0 ? 1 : count, size);
  if (memory == NULL) {
    fputs("verify: out of memory\n", stderr);
    exit(2);
  }
  return memory;
}

static int compare_refs(const void *a, const void *b) {
  return strcmp(((const ref *)a)->key, ((const ref *)b)->key);
}

static int compare_products(const void *a, const void *b) {
  return strcmp(((const product_sums *)a)->product->product_id, ((const product_sums *)b)->product->product_id);
}

static const char *key_of_order(const ProtobufCMessage *message) {
  return ((const Store__V1__Order *)(const void *)message)->order_id;
}

static const char *key_of_payment(const ProtobufCMessage *message) {
  return ((const Store__V1__Payment *)(const void *)message)->order_id;
}

static const char *key_of_reservation(const ProtobufCMessage *message) {
  return ((const Store__V1__Reservation *)(const void *)message)->order_id;
}

static ref_index index_make(const runner_listing *listing, const char *(*key_of)(const ProtobufCMessage *)) {
  ref_index index = {.refs = allocate(listing->count, sizeof(ref))};
  for (size_t i = 0; i < listing->count; i++) {
    const char *key = key_of(listing->items[i]);
    if (key[0] != '\0') index.refs[index.count++] = (ref){key, listing->items[i]};
  }
  qsort(index.refs, index.count, sizeof(ref), compare_refs);
  return index;
}

/* The refs with this key: as a part of the index. */
static ref_index index_find(const ref_index *index, const char *key) {
  size_t low = 0, high = index->count;
  while (low < high) {
    size_t middle = low + (high - low) / 2;
    if (strcmp(index->refs[middle].key, key) < 0)
      low = middle + 1;
    else
      high = middle;
  }
  ref_index found = {.refs = index->refs + low};
  while (low + found.count < index->count && is(found.refs[found.count].key, key)) found.count++;
  return found;
}

static int64_t cents_of(double amount) {
  return llround(amount * 100);
}

static int64_t quantity_ordered(const Store__V1__Order *order, const char *product_id) {
  int64_t quantity = 0;
  for (size_t i = 0; i < order->n_items; i++) {
    if (is(order->items[i]->product_id, product_id)) quantity += order->items[i]->quantity;
  }
  return quantity;
}

static int64_t quantity_reserved(const Store__V1__Reservation *reservation, const char *product_id) {
  int64_t quantity = 0;
  for (size_t i = 0; i < reservation->n_items; i++) {
    if (is(reservation->items[i]->product_id, product_id)) quantity += reservation->items[i]->quantity;
  }
  return quantity;
}

/* The same quantity of each product: either may name a product in several lines. */
static bool same_items(const Store__V1__Order *order, const Store__V1__Reservation *reservation) {
  for (size_t i = 0; i < order->n_items; i++) {
    const char *id = order->items[i]->product_id;
    if (quantity_ordered(order, id) != quantity_reserved(reservation, id)) return false;
  }
  for (size_t i = 0; i < reservation->n_items; i++) {
    if (quantity_ordered(order, reservation->items[i]->product_id) == 0) return false;
  }
  return true;
}

static void check_payments_of_confirmed(check *checker, const Store__V1__Order *order, const ref_index *payments) {
  if (payments->count != 1) {
    violation(checker, "confirmed order %s has %zu payments instead of 1", order->order_id, payments->count);
  }
  for (size_t i = 0; i < payments->count; i++) {
    const Store__V1__Payment *payment = payments->refs[i].message;
    if (!is(payment->status, "completed")) {
      violation(checker, "confirmed order %s has payment %s with status %s", order->order_id, payment->payment_id,
                payment->status);
    }
    if (cents_of(payment->amount) != cents_of(order->total_amount)) {
      violation(checker, "confirmed order %s over %.2f has payment %s over %.2f", order->order_id, order->total_amount,
                payment->payment_id, payment->amount);
    }
    if (!is(order->payment_id, payment->payment_id)) {
      violation(checker, "confirmed order %s names payment '%s' but has %s", order->order_id, order->payment_id,
                payment->payment_id);
    }
  }
}

static void check_reservations_of_confirmed(check *checker, const Store__V1__Order *order,
                                            const ref_index *reservations) {
  size_t confirmed = 0;
  for (size_t i = 0; i < reservations->count; i++) {
    const Store__V1__Reservation *reservation = reservations->refs[i].message;
    if (!is(reservation->status, "confirmed")) continue;
    confirmed++;
    if (!same_items(order, reservation)) {
      violation(checker, "confirmed order %s has reservation %s of other items", order->order_id,
                reservation->reservation_id);
    }
    if (!is(order->reservation_id, reservation->reservation_id)) {
      violation(checker, "confirmed order %s names reservation '%s' but has %s", order->order_id, order->reservation_id,
                reservation->reservation_id);
    }
  }
  if (confirmed != 1) {
    violation(checker, "confirmed order %s has %zu confirmed reservations instead of 1", order->order_id, confirmed);
  }
}

static void check_failed(check *checker, const Store__V1__Order *order, const ref_index *payments,
                         const ref_index *reservations) {
  for (size_t i = 0; i < payments->count; i++) {
    const Store__V1__Payment *payment = payments->refs[i].message;
    if (is(payment->status, "completed")) {
      violation(checker, "failed order %s has completed payment %s", order->order_id, payment->payment_id);
    }
  }
  for (size_t i = 0; i < reservations->count; i++) {
    const Store__V1__Reservation *reservation = reservations->refs[i].message;
    if (is(reservation->status, "confirmed")) {
      violation(checker, "failed order %s has confirmed reservation %s", order->order_id, reservation->reservation_id);
    }
  }
}

static void check_nothing_held(check *checker, const Store__V1__Order *order, const ref_index *reservations) {
  for (size_t i = 0; i < reservations->count; i++) {
    const Store__V1__Reservation *reservation = reservations->refs[i].message;
    if (is(reservation->status, "held")) {
      violation(checker, "%s order %s still has held reservation %s", order->status, order->order_id,
                reservation->reservation_id);
    }
  }
}

static void check_order(check *checker, const Store__V1__Order *order) {
  ref_index payments = index_find(&checker->payments, order->order_id);
  ref_index reservations = index_find(&checker->reservations, order->order_id);
  bool confirmed = is(order->status, "confirmed");
  if (!confirmed && !is(order->status, "failed")) {
    violation(checker, "order %s is not final: %s", order->order_id, order->status);
    return;
  }
  if (confirmed) {
    check_payments_of_confirmed(checker, order, &payments);
    check_reservations_of_confirmed(checker, order, &reservations);
  } else {
    check_failed(checker, order, &payments, &reservations);
  }
  check_nothing_held(checker, order, &reservations);
}

static void check_orders(check *checker) {
  for (size_t i = 0; i < checker->orders.count; i++) {
    bool again = i > 0 && is(checker->orders.refs[i - 1].key, checker->orders.refs[i].key);
    if (again)
      violation(checker, "order %s is listed twice", checker->orders.refs[i].key);
    else
      check_order(checker, checker->orders.refs[i].message);
  }
}

/* What belongs to an order was looked at with the order: here is what names one that does not exist. */
static void check_strays(check *checker) {
  for (size_t i = 0; i < checker->payments.count; i++) {
    const Store__V1__Payment *payment = checker->payments.refs[i].message;
    if (is(payment->status, "completed") && index_find(&checker->orders, payment->order_id).count == 0) {
      violation(checker, "completed payment %s belongs to order %s, which does not exist", payment->payment_id,
                payment->order_id);
    }
  }
  for (size_t i = 0; i < checker->reservations.count; i++) {
    const Store__V1__Reservation *reservation = checker->reservations.refs[i].message;
    bool holds = is(reservation->status, "held") || is(reservation->status, "confirmed");
    if (holds && index_find(&checker->orders, reservation->order_id).count == 0) {
      violation(checker, "%s reservation %s belongs to order %s, which does not exist", reservation->status,
                reservation->reservation_id, reservation->order_id);
    }
  }
}

static product_sums *find_product(check *checker, const char *product_id) {
  Store__V1__Product wanted = STORE__V1__PRODUCT__INIT;
  wanted.product_id = (char *)(uintptr_t)product_id;
  product_sums key = {.product = &wanted};
  return bsearch(&key, checker->products, checker->product_count, sizeof key, compare_products);
}

static void sum_reservation(check *checker, const Store__V1__Reservation *reservation) {
  bool held = is(reservation->status, "held");
  if (!held && !is(reservation->status, "confirmed")) return;
  for (size_t i = 0; i < reservation->n_items; i++) {
    const Store__V1__ReservationItem *item = reservation->items[i];
    product_sums *sums = find_product(checker, item->product_id);
    if (sums == NULL) {
      violation(checker, "%s reservation %s is of product %s, which does not exist", reservation->status,
                reservation->reservation_id, item->product_id);
    } else {
      *(held ? &sums->held : &sums->confirmed) += item->quantity;
    }
  }
}

static void check_sum(check *checker, const char *product_id, const char *what, int64_t is_value, const char *source,
                      int64_t should_be) {
  if (is_value == should_be) return;
  violation(checker, "product %s: %s is %lld, but %s is %lld", product_id, what, (long long)is_value, source,
            (long long)should_be);
}

static void check_products(check *checker) {
  const runner_listing *reservations = &checker->snapshot->reservations;
  for (size_t i = 0; i < reservations->count; i++) sum_reservation(checker, (void *)reservations->items[i]);
  for (size_t i = 0; i < checker->product_count; i++) {
    const product_sums *sums = &checker->products[i];
    const Store__V1__Product *product = sums->product;
    const char *id = product->product_id;
    int64_t total = product->total_stock;
    check_sum(checker, id, "reserved", product->reserved, "the sum of held reservations", sums->held);
    check_sum(checker, id, "sold", product->sold, "the sum of confirmed reservations", sums->confirmed);
    check_sum(checker, id, "total_stock", total, "received - sold", (int64_t)product->received - product->sold);
    check_sum(checker, id, "available", product->available, "total_stock - reserved", total - product->reserved);
    if (product->available < 0) violation(checker, "product %s: available is %d", id, product->available);
  }
}

size_t runner_verify_check(const runner_snapshot *snapshot, runner_verify_violation_fn report, void *arg) {
  check checker = {
      .snapshot = snapshot,
      .orders = index_make(&snapshot->orders, key_of_order),
      .payments = index_make(&snapshot->payments, key_of_payment),
      .reservations = index_make(&snapshot->reservations, key_of_reservation),
      .products = allocate(snapshot->products.count, sizeof(product_sums)),
      .product_count = snapshot->products.count,
      .report = report,
      .arg = arg,
  };
  for (size_t i = 0; i < checker.product_count; i++) {
    checker.products[i].product = (const void *)snapshot->products.items[i];
  }
  qsort(checker.products, checker.product_count, sizeof(product_sums), compare_products);
  check_orders(&checker);
  check_strays(&checker);
  check_products(&checker);
  free(checker.orders.refs);
  free(checker.payments.refs);
  free(checker.reservations.refs);
  free(checker.products);
  return checker.violations;
}
