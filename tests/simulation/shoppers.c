/* Goes on errands, and keeps what is answered. */
#include "simulation/errand.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
  QUANTITY_MAX = 12, /* few enough units to be sold out now and then */
  THINK_MAX_MS = 1500,
  AGAIN_MIN_MS = 50, /* after an answer that is none */
  AGAIN_MAX_MS = 2000,
  REPEAT_MAX_MS = 20000, /* after one that is */
  PATIENCE_MS = 45000,   /* of a call; some have less: */
  HURRY_MIN_MS = 300,
  HURRY_MAX_MS = 3000
};

const errand_product errand_products[ERRAND_PRODUCTS] = {
    {"LAPTOP-001", 50}, {"PHONE-002", 100}, {"TABLET-003", 75}, {"HEADPHONES-004", 200}, {"MONITOR-005", 30}};

static void next_errand(shopper *self);
static void send_ask(void *arg);

/* --- small things --- */

static int64_t draw(const shoppers *all, int64_t low, int64_t high) {
  return rpc_random_between(world_random(all->world), low, high);
}

static bool one_in(const shoppers *all, int64_t count) {
  return draw(all, 1, count) == 1;
}

static void wait_then(const shoppers *all, rpc_timer *timer, int64_t max_ms, rpc_timer_fn fn, void *arg) {
  rpc_clock *clock = world_clock(all->world);
  rpc_clock_set(clock, timer, rpc_clock_now_us(clock) + draw(all, AGAIN_MIN_MS, max_ms) * 1000, fn, arg);
}

__attribute__((format(printf, 2, 3))) static void complain(shoppers *all, const char *format, ...) {
  if (all->trouble[0]) return;
  va_list args;
  va_start(args, format);
  vsnprintf(all->trouble, sizeof all->trouble, format, args);
  va_end(args);
}

const char *errand_reason(const rpc_status *status) {
  return status->reason[0] ? status->reason : rpc_code_name(status->code);
}

/* --- answers --- */

/* Whether it says what became of the request, for ever. */
static bool is_final(const rpc_status *status) {
  switch (status->code) {
    case RPC_CANCELLED:
    case RPC_UNKNOWN:
    case RPC_RESOURCE_EXHAUSTED:
    case RPC_INTERNAL:
    case RPC_UNAVAILABLE:
    case RPC_DATA_LOSS:
      return false;
    case RPC_DEADLINE_EXCEEDED:
      return strcmp(status->reason, "ORDER_DEADLINE_EXCEEDED") == 0;
    default:
      return true;
  }
}

static answer answer_of(const rpc_status *status, const ProtobufCMessage *response) {
  answer got = {.status = *status};
  if (!response) return got;
  got.size = protobuf_c_message_get_packed_size(response);
  got.bytes = malloc(got.size + 1);
  if (!got.bytes) abort();
  protobuf_c_message_pack(response, got.bytes);
  return got;
}

static bool is_same(const answer *a, const answer *b) {
  return a->status.code == b->status.code && strcmp(a->status.reason, b->status.reason) == 0 &&
         strcmp(a->status.message, b->status.message) == 0 && a->size == b->size &&
         (a->size == 0 || memcmp(a->bytes, b->bytes, a->size) == 0);
}

void *errand_unpack(const answer *got, const ProtobufCMessageDescriptor *type) {
  ProtobufCMessage *message = protobuf_c_message_unpack(type, NULL, got->size, got->bytes);
  if (!message) abort();
  return message;
}

/* The identifier of what the first ask of an errand made; "" where it made nothing. */
static void take_id(errand *self) {
  const answer *got = &self->asks[0].first;
  const char *id = rpc_status_fact_of(&got->status, self->kind == ERRAND_ORDER ? "order_id" : "payment_id");
  if (id) snprintf(self->stored_id, sizeof self->stored_id, "%s", id);
  if (got->status.code != RPC_OK || self->kind == ERRAND_RESTOCK) return;
  ProtobufCMessage *message = errand_unpack(got, self->asks[0].method->output);
  const ProtobufCFieldDescriptor *field = protobuf_c_message_descriptor_get_field_by_name(
      message->descriptor, self->kind == ERRAND_ORDER     ? "order_id"
                           : self->kind == ERRAND_PAYMENT ? "payment_id"
                                                          : "reservation_id");
  snprintf(self->stored_id, sizeof self->stored_id, "%s", *(char **)(void *)((char *)message + field->offset));
  protobuf_c_message_free_unpacked(message, NULL);
}

/* --- asking --- */

static ask *add_ask(errand *self, const char *method, ProtobufCMessage *request, int32_t *amount) {
  ask *added = &self->asks[self->ask_count++];
  *added = (ask){.errand = self, .method = runner_door_method(method), .request = request};
  added->amount = amount;
  snprintf(added->key, sizeof added->key, "%s-%zu", self->id, self->ask_count);
  added->timeout_ms = one_in(self->all, 8) ? (uint32_t)draw(self->all, HURRY_MIN_MS, HURRY_MAX_MS) : PATIENCE_MS;
  return added;
}

/* What an errand asks for after it got its first answer; NULL: nothing. */
static ask *second_ask(errand *self) {
  if (self->ask_count == ERRAND_ASKS || self->asks[0].first.status.code != RPC_OK) return NULL;
  if (self->kind == ERRAND_PAYMENT && one_in(self->all, 2)) {
    self->refund = (Store__V1__RefundPaymentRequest)STORE__V1__REFUND_PAYMENT_REQUEST__INIT;
    self->refund.payment_id = self->stored_id;
    return add_ask(self, "/store.v1.PaymentService/RefundPayment", &self->refund.base, NULL);
  }
  if (self->kind != ERRAND_HOLD || one_in(self->all, 3)) return NULL; /* left until its lease is over */
  if (one_in(self->all, 2)) {
    self->confirm = (Store__V1__ConfirmReservationRequest)STORE__V1__CONFIRM_RESERVATION_REQUEST__INIT;
    self->confirm.reservation_id = self->stored_id;
    return add_ask(self, "/store.v1.InventoryService/ConfirmReservation", &self->confirm.base, NULL);
  }
  self->release = (Store__V1__ReleaseReservationRequest)STORE__V1__RELEASE_RESERVATION_REQUEST__INIT;
  self->release.reservation_id = self->stored_id;
  return add_ask(self, "/store.v1.InventoryService/ReleaseReservation", &self->release.base, NULL);
}

static void errand_goes_on(errand *self) {
  ask *next = second_ask(self);
  if (next) {
    send_ask(next);
  } else {
    next_errand(self->shopper);
  }
}

static void take_first(ask *self, const answer *got) {
  shoppers *all = self->errand->all;
  self->first = *got;
  self->is_answered = true;
  if (self == &self->errand->asks[0]) take_id(self->errand);
  self->is_changed = self->amount && one_in(all, 10);
  self->is_repeat = !self->is_changed && one_in(all, 3);
  if (self->is_changed || self->is_repeat) {
    wait_then(all, &self->timer, REPEAT_MAX_MS, send_ask, self);
  } else {
    errand_goes_on(self->errand);
  }
}

static void on_answer(rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  (void)done;
  ask *self = arg;
  shoppers *all = self->errand->all;
  if (status->code == RPC_INTERNAL) complain(all, "%s: INTERNAL: %s", self->key, status->message);
  if (!is_final(status)) {
    wait_then(all, &self->timer, AGAIN_MAX_MS, send_ask, self);
    return;
  }
  answer got = answer_of(status, response);
  if (!self->is_answered) {
    take_first(self, &got);
    return;
  }
  if (self->is_repeat && !is_same(&self->first, &got)) {
    complain(all, "%s: was answered %s, and asked again %s", self->key, errand_reason(&self->first.status),
             errand_reason(status));
  }
  if (self->is_changed && strcmp(status->reason, "IDEMPOTENCY_KEY_REUSED") != 0) {
    complain(all, "%s: another request under the same key was answered %s", self->key, errand_reason(status));
  }
  free(got.bytes);
  self->is_repeat = self->is_changed = false;
  errand_goes_on(self->errand);
}

static rpc_client *client_for(const shoppers *all, const api_method *method) {
  if (strstr(method->name, "OrderService")) return all->order;
  return strstr(method->name, "PaymentService") ? all->payment : all->inventory;
}

static void send_ask(void *arg) {
  ask *self = arg;
  shoppers *all = self->errand->all;
  errand *of = self->errand;
  all->requests++;
  if (self->is_changed) (*self->amount)++;
  of->payment.amount = of->quantity;
  rpc_call_options options = {.idempotency_key = self->key,
                              .correlation_id = self->key,
                              .deadline_us = rpc_clock_now_us(world_clock(all->world)) + self->timeout_ms * 1000};
  rpc_client_call(client_for(all, self->method), self->method, self->request, &options,
                  (rpc_completion){on_answer, NULL, self});
  if (self->is_changed) (*self->amount)--;
  self->timeout_ms = PATIENCE_MS; /* who was in a hurry is so once */
}

/* --- errands --- */

static void begin_errand(errand *self) {
  shoppers *all = self->all;
  static const errand_kind kinds[] = {ERRAND_ORDER, ERRAND_ORDER,   ERRAND_ORDER,   ERRAND_ORDER,
                                      ERRAND_ORDER, ERRAND_RESTOCK, ERRAND_PAYMENT, ERRAND_HOLD};
  self->kind = kinds[draw(all, 0, sizeof kinds / sizeof kinds[0] - 1)];
  self->product = (size_t)draw(all, 0, ERRAND_PRODUCTS - 1);
  self->quantity = (int32_t)draw(all, 1, QUANTITY_MAX);
  char *product = (char *)(uintptr_t)errand_products[self->product].id;
  switch (self->kind) {
    case ERRAND_ORDER:
      self->item = (Store__V1__OrderItem)STORE__V1__ORDER_ITEM__INIT;
      self->order = (Store__V1__CreateOrderRequest)STORE__V1__CREATE_ORDER_REQUEST__INIT;
      self->items = &self->item;
      self->item.product_id = product;
      self->order.customer_id = self->id;
      self->order.items = &self->items;
      self->order.n_items = 1;
      self->item.quantity = self->quantity;
      send_ask(add_ask(self, "/store.v1.OrderService/CreateOrder", &self->order.base, &self->item.quantity));
      break;
    case ERRAND_RESTOCK:
      self->restock = (Store__V1__RestockProductRequest)STORE__V1__RESTOCK_PRODUCT_REQUEST__INIT;
      self->restock.product_id = product;
      self->restock.quantity = self->quantity;
      send_ask(
          add_ask(self, "/store.v1.InventoryService/RestockProduct", &self->restock.base, &self->restock.quantity));
      break;
    case ERRAND_PAYMENT:
      self->payment = (Store__V1__ProcessPaymentRequest)STORE__V1__PROCESS_PAYMENT_REQUEST__INIT;
      self->payment.customer_id = self->id;
      send_ask(add_ask(self, "/store.v1.PaymentService/ProcessPayment", &self->payment.base, &self->quantity));
      break;
    case ERRAND_HOLD:
      self->held = (Store__V1__ReserveItem)STORE__V1__RESERVE_ITEM__INIT;
      self->hold = (Store__V1__ReserveInventoryRequest)STORE__V1__RESERVE_INVENTORY_REQUEST__INIT;
      self->held_items = &self->held;
      self->held.product_id = product;
      self->held.quantity = self->quantity;
      self->hold.items = &self->held_items;
      self->hold.n_items = 1;
      send_ask(add_ask(self, "/store.v1.InventoryService/ReserveInventory", &self->hold.base, &self->held.quantity));
      break;
  }
}

static void set_out(void *arg) {
  shopper *self = arg;
  begin_errand(self->next);
}

static void next_errand(shopper *self) {
  shoppers *all = self->all;
  if (self->next++ < self->last) {
    wait_then(all, &self->timer, THINK_MAX_MS, set_out, self);
  } else if (--all->away == 0) {
    all->are_back = true;
  }
}

static rpc_client *connect_to(store_world *world, const char *service) {
  return rpc_client_create(
      &(rpc_client_config){.target = service,
                           .transport = network_connect(NULL, host_node(world_host(world, service)), true),
                           .clock = world_clock(world),
                           .random = world_random(world),
                           .attempt_timeout_ms = 15000});
}

shoppers *shoppers_send(store_world *world, int count, int errands_each) {
  shoppers *all = calloc(1, sizeof *all);
  shopper *each = calloc((size_t)count, sizeof *each);
  size_t errand_count = (size_t)count * (size_t)errands_each;
  errand *errands = calloc(errand_count, sizeof *errands);
  if (!all || !each || !errands) abort();
  *all = (shoppers){.world = world, .away = count, .each = each, .errands = errands, .errand_count = errand_count};
  all->order = connect_to(world, "order");
  all->payment = connect_to(world, "payment");
  all->inventory = connect_to(world, "inventory");
  for (int i = 0; i < count; i++) {
    errand *its = &errands[i * errands_each];
    each[i] = (shopper){.all = all, .next = its, .last = &its[errands_each - 1]};
    for (int j = 0; j < errands_each; j++) {
      errand *self = &its[j];
      self->all = all;
      self->shopper = &each[i];
      snprintf(self->id, sizeof self->id, "shopper-%d-%d", i, j);
    }
    wait_then(all, &each[i].timer, THINK_MAX_MS, set_out, &each[i]);
  }
  return all;
}

const bool *shoppers_are_back(const shoppers *all) {
  return &all->are_back;
}

shoppers_totals shoppers_count(const shoppers *all) {
  shoppers_totals totals = {.requests = all->requests};
  for (size_t i = 0; i < all->errand_count; i++) {
    const errand *of = &all->errands[i];
    if (of->ask_count == 0) continue;
    bool is_order = of->kind == ERRAND_ORDER;
    totals.orders += is_order;
    totals.other_errands += !is_order;
    totals.confirmed += is_order && of->asks[0].is_answered && of->asks[0].first.status.code == RPC_OK;
  }
  return totals;
}
