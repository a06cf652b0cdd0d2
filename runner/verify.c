/* The reading half of verify.h, and the command. */
#include "runner/verify.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "store/v1/order.pb-c.h"
#include "telemetry/monotonic.h"

enum { READ_AGAIN_MS = 250 };

static size_t count_not_final(const runner_listing *orders) {
  size_t count = 0;
  for (size_t i = 0; i < orders->count; i++) {
    const char *status = ((const Store__V1__Order *)(const void *)orders->items[i])->status;
    if (strcmp(status, "confirmed") != 0 && strcmp(status, "failed") != 0) count++;
  }
  return count;
}

static rpc_status read_settled_orders(runner_door *door, int64_t settle_ms, runner_listing *orders) {
  const api_method *method = runner_door_method("/store.v1.OrderService/ListOrders");
  int64_t give_up_ms = monotonic_ms() + settle_ms;
  for (;;) {
    rpc_status status = runner_listing_read(door, method, orders);
    if (status.code != RPC_OK || count_not_final(orders) == 0 || monotonic_ms() >= give_up_ms) return status;
    runner_listing_free(orders);
    nanosleep(&(struct timespec){.tv_nsec = READ_AGAIN_MS * 1000000L}, NULL);
  }
}

/* Orders first: what they led to is then as old as they are, or younger. */
rpc_status runner_verify_read(runner_door *door, int64_t settle_ms, runner_snapshot *snapshot) {
  *snapshot = (runner_snapshot){0};
  rpc_status status = read_settled_orders(door, settle_ms, &snapshot->orders);
  const struct {
    const char *method;
    runner_listing *listing;
  } rest[] = {
      {"/store.v1.PaymentService/ListPayments", &snapshot->payments},
      {"/store.v1.InventoryService/ListReservations", &snapshot->reservations},
      {"/store.v1.InventoryService/ListProducts", &snapshot->products},
  };
  for (size_t i = 0; i < sizeof rest / sizeof rest[0] && status.code == RPC_OK; i++) {
    status = runner_listing_read(door, runner_door_method(rest[i].method), rest[i].listing);
  }
  if (status.code != RPC_OK) runner_snapshot_free(snapshot);
  return status;
}

void runner_snapshot_free(runner_snapshot *snapshot) {
  runner_listing_free(&snapshot->orders);
  runner_listing_free(&snapshot->payments);
  runner_listing_free(&snapshot->reservations);
  runner_listing_free(&snapshot->products);
}

static void print_violation(void *arg, const char *line) {
  (void)arg;
  printf("violation: %s\n", line);
}

int runner_verify_run(runner_door *door, int64_t settle_ms) {
  runner_snapshot snapshot;
  rpc_status status = runner_verify_read(door, settle_ms, &snapshot);
  if (status.code != RPC_OK) {
    fprintf(stderr, "verify: cannot read the store: %s: %s\n", rpc_code_name(status.code), status.message);
    return 2;
  }
  size_t violations = runner_verify_check(&snapshot, print_violation, NULL);
  printf("verify: %zu orders, %zu payments, %zu reservations, %zu products: ", snapshot.orders.count,
         snapshot.payments.count, snapshot.reservations.count, snapshot.products.count);
  if (violations == 0)
    puts("no violation");
  else
    printf("%zu violation%s\n", violations, violations == 1 ? "" : "s");
  runner_snapshot_free(&snapshot);
  return violations == 0 ? 0 : 1;
}
