/* Settings that every call reads and now and then somebody changes: readers take no lock and never wait for each other.
 * Used by simulation.c alone. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>

#include "simulation/simulation.h"

enum { LIVE_SETTINGS_WORDS = sizeof(simulation_settings) / sizeof(uint64_t) };

/* A sequence lock: the version is odd while the words are being written, and readers look at it before and after. */
typedef struct live_settings {
  pthread_mutex_t lock; /* of whoever changes them */
  atomic_uint version;
  _Atomic uint64_t words[LIVE_SETTINGS_WORDS];
} live_settings;

void live_settings_init(live_settings *live, const simulation_settings *settings);
void live_settings_destroy(live_settings *live);

/* The settings of one moment, never half of a change. From any thread. */
void live_settings_read(live_settings *live, simulation_settings *settings);

/* While holding the lock. */
void live_settings_write(live_settings *live, const simulation_settings *settings);
