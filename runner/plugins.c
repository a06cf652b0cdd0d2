/* See plugins.h. */
#include "runner/plugins.h"

#include <dlfcn.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rpc/settings.h"

#define DEFAULT_PLUGIN "analytics"

enum { SECTION_TEXT_MAX = 64 * 1024 };

typedef struct loaded_plugin {
  void *library;
  const runner_plugin *plugin;
  void *self;
} loaded_plugin;

struct runner_plugins {
  pthread_mutex_t lock; /* held while a plugin runs */
  loaded_plugin loaded[RUNNER_LIST_MAX];
  size_t count;
  runner_section sections[RUNNER_SECTIONS_MAX];
  size_t section_count;
};

/* What a plugin's lines go through: knows whose they are. */
typedef struct section_writer {
  runner_plugin_report super;
  runner_plugins *plugins;
  const char *plugin;
} section_writer;

static void find_file(const char *name, char path[PATH_MAX]) {
  const char *dir = settings_text("STORE_PLUGINS_DIR", NULL);
  char program[PATH_MAX - 64];
  ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
  program[length < 0 ? 0 : length] = '\0';
  char *slash = strrchr(program, '/');
  if (slash != NULL) *slash = '\0';
  if (strchr(name, '/') != NULL) {
    snprintf(path, PATH_MAX, "%s", name);
  } else if (dir != NULL) {
    snprintf(path, PATH_MAX, "%s/%s.so", dir, name);
  } else {
    snprintf(path, PATH_MAX, "%s/plugins/%s.so", program, name);
  }
}

static bool load(loaded_plugin *into, const char *name, char *error, size_t error_size) {
  char path[PATH_MAX];
  find_file(name, path);
  into->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (into->library == NULL) {
    snprintf(error, error_size, "cannot load the plugin %s: %s", name, dlerror());
    return false;
  }
  const runner_plugin *(*entry)(void);
  *(void **)&entry = dlsym(into->library, "runner_plugin_entry");
  into->plugin = entry == NULL ? NULL : entry();
  if (into->plugin != NULL && into->plugin->abi == RUNNER_PLUGIN_ABI && into->plugin->name != NULL) return true;
  if (into->plugin == NULL)
    snprintf(error, error_size, "%s is no plugin: it has no runner_plugin_entry", path);
  else
    snprintf(error, error_size, "the plugin %s is of version %u, not %u: compile it again with runner/plugin.h", path,
             into->plugin->abi, RUNNER_PLUGIN_ABI);
  dlclose(into->library);
  return false;
}

runner_plugins *runner_plugins_load(const runner_list *names, char *error, size_t error_size) {
  runner_plugins *plugins = calloc(1, sizeof *plugins);
  if (plugins == NULL) {
    snprintf(error, error_size, "out of memory");
    return NULL;
  }
  pthread_mutex_init(&plugins->lock, NULL);
  char path[PATH_MAX];
  find_file(DEFAULT_PLUGIN, path);
  static const runner_list defaults = {.items = {DEFAULT_PLUGIN}, .count = 1};
  if (names->count == 0 && access(path, R_OK) == 0) names = &defaults;
  for (int64_t i = 0; i < names->count; i++) {
    if (!load(&plugins->loaded[plugins->count], names->items[i], error, error_size)) {
      runner_plugins_destroy(plugins);
      return NULL;
    }
    plugins->count++;
  }
  return plugins;
}

void runner_plugins_destroy(runner_plugins *plugins) {
  if (plugins == NULL) return;
  for (size_t i = 0; i < plugins->section_count; i++) free(plugins->sections[i].text);
  for (size_t i = 0; i < plugins->count; i++) dlclose(plugins->loaded[i].library);
  pthread_mutex_destroy(&plugins->lock);
  free(plugins);
}

void runner_plugins_start(runner_plugins *plugins, const runner_plugin_run *run) {
  pthread_mutex_lock(&plugins->lock);
  for (size_t i = 0; i < plugins->count; i++) {
    loaded_plugin *loaded = &plugins->loaded[i];
    loaded->self = loaded->plugin->run_start == NULL ? NULL : loaded->plugin->run_start(run);
  }
  pthread_mutex_unlock(&plugins->lock);
}

void runner_plugins_sample(void *self, const runner_engine_sample *sample) {
  const runner_plugins_tap *tap = self;
  runner_plugins *plugins = tap->plugins;
  runner_result_add(tap->result, sample);
  if (plugins->count == 0 || sample->warm_up) return;
  const runner_outcome *outcome = sample->outcome;
  runner_plugin_request request = {
      .index = sample->index,
      .operation = runner_kind_names[outcome->kind],
      .start_us = sample->start_us,
      .latency_us = sample->latency_us,
      .success = outcome->code == RPC_OK,
      .code = rpc_code_name(outcome->code),
      .reason = outcome->reason,
      .order_id = outcome->order_id,
  };
  pthread_mutex_lock(&plugins->lock);
  for (size_t i = 0; i < plugins->count; i++) {
    const loaded_plugin *loaded = &plugins->loaded[i];
    if (loaded->plugin->request_done != NULL) loaded->plugin->request_done(loaded->self, &request);
  }
  pthread_mutex_unlock(&plugins->lock);
}

void runner_plugins_tick(runner_plugins *plugins, const runner_engine_progress *progress) {
  runner_plugin_tick tick = {progress->elapsed_us, progress->started, progress->finished, progress->in_flight};
  pthread_mutex_lock(&plugins->lock);
  for (size_t i = 0; i < plugins->count; i++) {
    const loaded_plugin *loaded = &plugins->loaded[i];
    if (loaded->plugin->tick != NULL) loaded->plugin->tick(loaded->self, &tick);
  }
  pthread_mutex_unlock(&plugins->lock);
}

static runner_section *section_of(runner_plugins *plugins, const char *plugin, const char *title) {
  for (size_t i = 0; i < plugins->section_count; i++) {
    runner_section *section = &plugins->sections[i];
    if (section->plugin == plugin && strcmp(section->title, title) == 0) return section;
  }
  if (plugins->section_count == RUNNER_SECTIONS_MAX) return NULL;
  runner_section *added = &plugins->sections[plugins->section_count];
  *added = (runner_section){.plugin = plugin, .text = calloc(1, 1)};
  if (added->text == NULL) return NULL;
  snprintf(added->title, sizeof added->title, "%s", title);
  plugins->section_count++;
  return added;
}

static void write_line(const runner_plugin_report *report, const char *title, const char *text) {
  const section_writer *writer = (const section_writer *)report;
  runner_section *section = section_of(writer->plugins, writer->plugin, title);
  if (section == NULL) return;
  size_t before = strlen(section->text), length = strlen(text);
  if (before + length + 2 > SECTION_TEXT_MAX) return;
  char *longer = realloc(section->text, before + length + 2);
  if (longer == NULL) return;
  snprintf(longer + before, length + 2, "%s\n", text);
  section->text = longer;
}

void runner_plugins_end(runner_plugins *plugins, const runner_result *result, int64_t elapsed_us) {
  runner_plugin_step steps[RUNNER_STEPS_MAX];
  for (size_t i = 0; i < result->step_count; i++) {
    const runner_step *step = &result->steps[i];
    steps[i] = (runner_plugin_step){step->state, step->service, step->work, runner_step_mean_us(result, step)};
  }
  runner_plugin_end end = {elapsed_us, result->finished, result->succeeded, steps, result->step_count};
  pthread_mutex_lock(&plugins->lock);
  for (size_t i = 0; i < plugins->count; i++) {
    const loaded_plugin *loaded = &plugins->loaded[i];
    section_writer writer = {.super = {write_line}, .plugins = plugins, .plugin = loaded->plugin->name};
    if (loaded->plugin->run_end != NULL) loaded->plugin->run_end(loaded->self, &end, &writer.super);
  }
  pthread_mutex_unlock(&plugins->lock);
}

const runner_section *runner_plugins_sections(const runner_plugins *plugins, size_t *count) {
  *count = plugins->section_count;
  return plugins->sections;
}
