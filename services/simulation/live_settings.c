/* Without fences, which the thread sanitizer does not know: a reader that sees a word of a change also sees the odd
 * version that was stored before it (release, acquire), and so reads again. */
#include "simulation/live_settings.h"

#include <string.h>

_Static_assert(sizeof(simulation_settings) % sizeof(uint64_t) == 0, "the settings are whole words");

void live_settings_init(live_settings *live, const simulation_settings *settings) {
  pthread_mutex_init(&live->lock, NULL);
  atomic_init(&live->version, 0);
  live_settings_write(live, settings);
}

void live_settings_destroy(live_settings *live) {
  pthread_mutex_destroy(&live->lock);
}

void live_settings_read(live_settings *live, simulation_settings *settings) {
  uint64_t words[LIVE_SETTINGS_WORDS];
  unsigned before, after;
  do {
    before = atomic_load_explicit(&live->version, memory_order_acquire);
    for (int i = 0; i < LIVE_SETTINGS_WORDS; i++) {
      words[i] = atomic_load_explicit(&live->words[i], memory_order_acquire);
    }
    after = atomic_load_explicit(&live->version, memory_order_relaxed);
  } while (before != after || before % 2 != 0);
  memcpy(settings, words, sizeof *settings);
}

void live_settings_write(live_settings *live, const simulation_settings *settings) {
  uint64_t words[LIVE_SETTINGS_WORDS];
  memcpy(words, settings, sizeof words);
  unsigned version = atomic_load_explicit(&live->version, memory_order_relaxed);
  atomic_store_explicit(&live->version, version + 1, memory_order_relaxed);
  for (int i = 0; i < LIVE_SETTINGS_WORDS; i++) {
    atomic_store_explicit(&live->words[i], words[i], memory_order_release);
  }
  atomic_store_explicit(&live->version, version + 2, memory_order_release);
}
