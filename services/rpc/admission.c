/* Two atomics and four comparisons. Threads that judge at the same moment may overwrite each other's opinion: it is one
 * about the last quarter of a second, and the next call has a newer one. */
#include "rpc/admission.h"

void rpc_admission_init(rpc_admission *self, int64_t target_us) {
  self->target_us = target_us;
  atomic_init(&self->above_since_us, 0);
  atomic_init(&self->is_overloaded, false);
}

static bool is_standing(rpc_admission *self, int64_t now_us) {
  int64_t since_us = atomic_load_explicit(&self->above_since_us, memory_order_relaxed);
  if (since_us == 0) atomic_store_explicit(&self->above_since_us, now_us, memory_order_relaxed);
  return since_us != 0 && now_us - since_us >= RPC_ADMISSION_BURST * self->target_us;
}

bool rpc_admission_admits(rpc_admission *self, int64_t now_us, int64_t wait_us) {
  if (self->target_us == 0) return true;
  bool is_overloaded = atomic_load_explicit(&self->is_overloaded, memory_order_relaxed);
  if (wait_us <= self->target_us) {
    if (atomic_load_explicit(&self->above_since_us, memory_order_relaxed) != 0) {
      atomic_store_explicit(&self->above_since_us, 0, memory_order_relaxed);
    }
    if (is_overloaded && wait_us < self->target_us / 2) {
      atomic_store_explicit(&self->is_overloaded, false, memory_order_relaxed);
    }
    return true;
  }
  if (is_overloaded) return false;
  bool is_too_much = is_standing(self, now_us) || wait_us > RPC_ADMISSION_BURST * self->target_us;
  if (is_too_much) atomic_store_explicit(&self->is_overloaded, true, memory_order_relaxed);
  return !is_too_much;
}

bool rpc_admission_is_overloaded(const rpc_admission *self) {
  return atomic_load_explicit(&self->is_overloaded, memory_order_relaxed);
}
