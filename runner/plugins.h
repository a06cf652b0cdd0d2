/* Loads plugins (plugin.h), passes a run's events on to them, and keeps the sections that they write. */
#pragma once

#include <stddef.h>

#include "runner/engine.h"
#include "runner/options.h"
#include "runner/plugin.h"
#include "runner/result.h"

/* Lines under a title, from a plugin. */
typedef struct runner_section {
  char title[64];
  const char *plugin; /* its name */
  char *text;         /* lines, each with its end */
} runner_section;

enum { RUNNER_SECTIONS_MAX = 16 };

typedef struct runner_plugins runner_plugins;

/* Loads each: a file where the name has a slash, else NAME.so from the folder "plugins" beside the program or in
 * STORE_PLUGINS_DIR. Without names: the one called analytics, where it is there. NULL where one cannot be loaded or is
 * of another version; error says why. */
runner_plugins *runner_plugins_load(const runner_list *names, char *error, size_t error_size);
void runner_plugins_destroy(runner_plugins *plugins);

void runner_plugins_start(runner_plugins *plugins, const runner_plugin_run *run);
void runner_plugins_tick(runner_plugins *plugins, const runner_engine_progress *progress);
void runner_plugins_end(runner_plugins *plugins, const runner_result *result, int64_t elapsed_us);

/* An engine_observer's sample that counts it with this result and tells the plugins; self is a runner_plugins_tap. */
typedef struct runner_plugins_tap {
  runner_result *result;
  runner_plugins *plugins;
} runner_plugins_tap;
void runner_plugins_sample(void *self, const runner_engine_sample *sample);

/* What they wrote by the end of the run. */
const runner_section *runner_plugins_sections(const runner_plugins *plugins, size_t *count);
