/* A read, a wait, a read, …, on the call's own timer and memory. Called by driver.c. */
#include "order/watch.h"

#include <stdio.h>

enum { ASK_FIRST_MS = 10, ASK_MAX_MS = 250, SPARE_MS = 100 /* for the answer's way back */ };

typedef struct watch {
  storage_job job; /* first: run and done get it back as their watch */
  order_watch_config config;
  rpc_call *call;
  char order_id[VALIDATION_ID_SIZE];
  order_record order;
  rpc_arena arena; /* of what was read last */
  int64_t wait_ms;
} watch;

static rpc_status read_order(storage_job *job, storage_tx *tx) {
  watch *self = (watch *)job;
  rpc_arena_free(&self->arena);
  rpc_arena_init(&self->arena, SIZE_MAX);
  if (order_store_find(tx, self->order_id, &self->arena, &self->order)) return rpc_status_ok();
  rpc_status status = storage_tx_status(tx);
  if (status.code != RPC_OK) return status;
  return rpc_status_error(RPC_NOT_FOUND, "ORDER_NOT_FOUND", "no order '%s'", self->order_id);
}

static void order_was_read(storage_job *job, const rpc_status *status);

static void ask(void *arg) {
  watch *self = arg;
  self->job = (storage_job){.run = read_order, .done = order_was_read};
  storage_read(self->config.db, &self->job);
}

static void order_was_read(storage_job *job, const rpc_status *status) {
  watch *self = (watch *)job;
  rpc_call *call = self->call;
  rpc_arena arena = self->arena; /* the watch is the call's, which is gone once it is answered */
  rpc_status failure = *status;
  if (failure.code == RPC_OK && saga_is_final(self->order.state)) {
    self->config.answer(call, &self->order);
    rpc_arena_free(&arena);
    return;
  }
  if (failure.code == RPC_OK && self->config.attach(self->config.arg, self->order_id, call)) {
    rpc_arena_free(&arena);
    return;
  }
  rpc_clock *clock = rpc_call_clock(call);
  int64_t again_us = rpc_clock_now_us(clock) + self->wait_ms * 1000;
  if (failure.code == RPC_OK && again_us >= rpc_call_deadline_us(call) - SPARE_MS * 1000) {
    failure =
        rpc_status_error(RPC_UNAVAILABLE, "ORDER_IN_PROGRESS", "order %s is under way: ask again", self->order_id);
  }
  if (failure.code == RPC_OK) {
    self->wait_ms = self->wait_ms < ASK_MAX_MS / 2 ? self->wait_ms * 2 : ASK_MAX_MS;
    rpc_clock_set(clock, rpc_call_timer(call), again_us, ask, self);
  } else {
    rpc_call_fail(call, &failure);
    rpc_arena_free(&arena);
  }
}

void order_watch(const order_watch_config *config, rpc_call *call, const char *order_id) {
  watch *self = rpc_arena_alloc(rpc_call_arena(call), sizeof *self);
  if (!self) {
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory left for this call");
    rpc_call_fail(call, &status);
    return;
  }
  self->config = *config;
  self->call = call;
  self->wait_ms = ASK_FIRST_MS;
  snprintf(self->order_id, sizeof self->order_id, "%s", order_id);
  rpc_arena_init(&self->arena, SIZE_MAX);
  ask(self);
}
