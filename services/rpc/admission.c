/* Atomics and a few comparisons. Threads that judge at the same moment may overwrite each other's opinion: it is one
 * about the last quarter of a second, and the next call has a newer one. */
#include "rpc/admission.h"

enum { EPOCH_US = 100000, LATE_TARGETS = 4 };

/* How much more is admitted than has ended, where the queue is short and where it is not; and how much of what was
 * counted by the end of an epoch still counts at the end of the next: three seconds' worth. */
static const double growth = 1.2, probing = 1.02, memory = 0.967;

void rpc_admission_init(rpc_admission *self, int64_t target_us) {
  *self = (rpc_admission){.target_us = target_us};
}

/* Keeps in *since_us when a condition began to hold, 0 while it does not; says whether it has held for so long. */
static bool has_held(_Atomic int64_t *since_us, bool holds, int64_t now_us, int64_t for_us) {
  int64_t since = atomic_load_explicit(since_us, memory_order_relaxed);
  int64_t kept = !holds ? 0 : since ? since : now_us;
  if (kept != since) atomic_store_explicit(since_us, kept, memory_order_relaxed);
  return kept != 0 && now_us - kept >= for_us;
}

/* Learns, every tenth of a second, how many calls the queue carries. */
static void keep_time(rpc_admission *self, int64_t now_us, rpc_load load) {
  int64_t end_us = atomic_load_explicit(&self->epoch_end_us, memory_order_relaxed);
  if (now_us < end_us) return;
  if (!atomic_compare_exchange_strong(&self->epoch_end_us, &end_us, now_us + EPOCH_US)) return;
  double ended = memory * atomic_load(&self->lately_ended) + atomic_exchange(&self->ended, 0);
  int64_t busy_before_us = atomic_exchange(&self->busy_us, load.busy_us);
  double busy = memory * atomic_load(&self->lately_busy) + (double)(load.busy_us - busy_before_us);
  atomic_store(&self->lately_ended, ended);
  atomic_store(&self->lately_busy, busy);
  bool is_known = ended >= 1 && busy >= EPOCH_US;
  double wanted = ended * (load.wait_us < self->target_us / 2 ? growth : probing);
  atomic_store(&self->interval_ns, is_known ? (int64_t)(1000 * busy / wanted) : 0);
}

/* The generic cell rate algorithm (ITU-T I.371): true where a call at this moment keeps to the rate, which it then
 * counts for. After a pause as many may come at once as are due in LATE_TARGETS times the target. */
static bool keeps_to_the_rate(rpc_admission *self, int64_t now_us) {
  int64_t interval_ns = atomic_load_explicit(&self->interval_ns, memory_order_relaxed);
  if (interval_ns == 0) return true;
  int64_t earliest_ns = (now_us - LATE_TARGETS * self->target_us) * 1000;
  int64_t due_ns = atomic_load_explicit(&self->next_ns, memory_order_relaxed), next_ns;
  do {
    if (due_ns > now_us * 1000) return false;
    next_ns = (due_ns > earliest_ns ? due_ns : earliest_ns) + interval_ns;
  } while (!atomic_compare_exchange_weak(&self->next_ns, &due_ns, next_ns));
  return true;
}

bool rpc_admission_notes(rpc_admission *self, int64_t now_us, rpc_load load) {
  if (self->target_us == 0) return false;
  keep_time(self, now_us, load);
  int64_t burst_us = RPC_ADMISSION_BURST * self->target_us;
  bool is_overloaded = atomic_load_explicit(&self->is_overloaded, memory_order_relaxed), was_overloaded = is_overloaded;
  if (!is_overloaded) {
    bool is_above = load.wait_us > self->target_us;
    is_overloaded = has_held(&self->above_since_us, is_above, now_us, burst_us) || load.wait_us > burst_us;
  } else if (has_held(&self->calm_since_us, load.wait_us < self->target_us / 2, now_us, RPC_ADMISSION_CALM_US)) {
    atomic_store_explicit(&self->above_since_us, 0, memory_order_relaxed);
    is_overloaded = false;
  }
  if (is_overloaded != was_overloaded) {
    atomic_store_explicit(&self->is_overloaded, is_overloaded, memory_order_relaxed);
  }
  return is_overloaded;
}

bool rpc_admission_admits(rpc_admission *self, int64_t now_us, rpc_load load) {
  if (!rpc_admission_notes(self, now_us, load)) return true;
  if (load.wait_us <= self->target_us && keeps_to_the_rate(self, now_us)) return true;
  atomic_store_explicit(&self->calm_since_us, 0, memory_order_relaxed);
  return false;
}

void rpc_admission_ended(rpc_admission *self) {
  atomic_fetch_add_explicit(&self->ended, 1, memory_order_relaxed);
}

bool rpc_admission_is_overloaded(const rpc_admission *self) {
  return atomic_load_explicit(&self->is_overloaded, memory_order_relaxed);
}
