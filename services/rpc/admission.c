/* Three atomics and a few comparisons. Threads that judge at the same moment may overwrite each other's opinion: it is
 * one about the last quarter of a second, and the next call has a newer one. */
#include "rpc/admission.h"

void rpc_admission_init(rpc_admission *self, int64_t target_us) {
  self->target_us = target_us;
  atomic_init(&self->above_since_us, 0);
  atomic_init(&self->calm_since_us, 0);
  atomic_init(&self->is_overloaded, false);
}

/* Keeps in *since_us when a condition began to hold, 0 while it does not; says whether it has held for so long. */
static bool has_held(_Atomic int64_t *since_us, bool holds, int64_t now_us, int64_t for_us) {
  int64_t since = atomic_load_explicit(since_us, memory_order_relaxed);
  int64_t kept = !holds ? 0 : since ? since : now_us;
  if (kept != since) atomic_store_explicit(since_us, kept, memory_order_relaxed);
  return kept != 0 && now_us - kept >= for_us;
}

bool rpc_admission_admits(rpc_admission *self, int64_t now_us, int64_t wait_us) {
  if (self->target_us == 0) return true;
  int64_t burst_us = RPC_ADMISSION_BURST * self->target_us;
  bool is_above = wait_us > self->target_us;
  if (!atomic_load_explicit(&self->is_overloaded, memory_order_relaxed)) {
    bool is_too_much = has_held(&self->above_since_us, is_above, now_us, burst_us) || wait_us > burst_us;
    if (is_too_much) atomic_store_explicit(&self->is_overloaded, true, memory_order_relaxed);
    return !is_too_much;
  }
  if (has_held(&self->calm_since_us, wait_us < self->target_us / 2, now_us, RPC_ADMISSION_CALM_US)) {
    atomic_store_explicit(&self->above_since_us, 0, memory_order_relaxed);
    atomic_store_explicit(&self->is_overloaded, false, memory_order_relaxed);
  }
  return !is_above;
}

bool rpc_admission_is_overloaded(const rpc_admission *self) {
  return atomic_load_explicit(&self->is_overloaded, memory_order_relaxed);
}
