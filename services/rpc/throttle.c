/* Counts in atomics, evaluated by whichever call is the first of a new epoch. */
#include "rpc/throttle.h"

/* After so many epochs without a call nothing is known any more. */
enum { EPOCHS_REMEMBERED = 20 };

static const double probing = 1.02, growth = 0.05, growth_max = 1.5, fall = 0.7, least = 0.1;

/* The next epoch's share by what the one that ends has seen; quiet: so many epochs, it included, saw no refusal. */
static double next_share(double share, double offered, double passed, double refused, unsigned quiet) {
  double accepted = passed > refused ? passed - refused : 0;
  double wanted = quiet ? share * (1 + quiet * growth) : offered > 0 ? probing * accepted / offered : share;
  if (wanted > share * growth_max) wanted = share * growth_max;
  if (wanted < share * fall) wanted = share * fall;
  if (wanted < least) wanted = least;
  if (wanted * offered < 1) wanted = offered > 0 ? 1 / offered : 1; /* one call, too */
  return wanted < 1 ? wanted : 1;
}

static void keep_time(rpc_throttle *self, int64_t now_us) {
  int64_t end_us = atomic_load_explicit(&self->epoch_end_us, memory_order_relaxed);
  if (now_us < end_us) return;
  if (!atomic_compare_exchange_strong(&self->epoch_end_us, &end_us, now_us + RPC_THROTTLE_EPOCH_US)) return;
  double offered = atomic_exchange(&self->offered, 0), passed = atomic_exchange(&self->passed, 0);
  double refused = atomic_exchange(&self->refused, 0);
  bool is_forgotten = now_us - end_us >= (int64_t)EPOCHS_REMEMBERED * RPC_THROTTLE_EPOCH_US;
  double share = 1 - (double)atomic_load(&self->kept_back) / UINT32_MAX;
  if (refused > 0) {
    atomic_store(&self->quiet, 0);
  } else {
    atomic_fetch_add(&self->quiet, 1);
  }
  share = is_forgotten ? 1 : next_share(share, offered, passed, refused, atomic_load(&self->quiet));
  atomic_store(&self->kept_back, (unsigned)((1 - share) * UINT32_MAX));
  if (share >= 1 && (is_forgotten || refused <= 0)) atomic_store(&self->is_active, false);
}

bool rpc_throttle_passes(rpc_throttle *self, int64_t now_us) {
  if (!atomic_load_explicit(&self->is_active, memory_order_relaxed)) return true;
  keep_time(self, now_us);
  atomic_fetch_add_explicit(&self->offered, 1, memory_order_relaxed);
  unsigned part = atomic_load_explicit(&self->kept_back, memory_order_relaxed);
  unsigned before = atomic_fetch_add_explicit(&self->phase, part, memory_order_relaxed);
  if (before + part < before) return false;
  atomic_fetch_add_explicit(&self->passed, 1, memory_order_relaxed);
  return true;
}

void rpc_throttle_refused(rpc_throttle *self, int64_t now_us) {
  atomic_fetch_add_explicit(&self->refused, 1, memory_order_relaxed);
  if (atomic_load_explicit(&self->is_active, memory_order_relaxed)) return;
  atomic_store(&self->epoch_end_us, now_us + RPC_THROTTLE_EPOCH_US);
  atomic_store(&self->is_active, true);
}
