/* See scenario.h. The files in runner/scenarios are built into the program, so that it runs them wherever it is. */
#include "runner/scenario.h"

#include <errno.h>
#include <string.h>

/* Made from the files by the build. */
#include "baseline_json.h"
#include "default_json.h"
#include "error_scenario_json.h"
#include "faults_json.h"
#include "high_load_json.h"
#include "mixed_workload_json.h"
#include "ramp_to_break_json.h"
#include "soak_json.h"
#include "spike_json.h"

static const struct {
  const char *name;
  const unsigned char *text;
  size_t length;
} built_in[] = {
    {"default", default_json, sizeof default_json},
    {"baseline", baseline_json, sizeof baseline_json},
    {"high-load", high_load_json, sizeof high_load_json},
    {"error-scenario", error_scenario_json, sizeof error_scenario_json},
    {"mixed-workload", mixed_workload_json, sizeof mixed_workload_json},
    {"spike", spike_json, sizeof spike_json},
    {"soak", soak_json, sizeof soak_json},
    {"ramp-to-break", ramp_to_break_json, sizeof ramp_to_break_json},
    {"faults", faults_json, sizeof faults_json},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Its place among the built-in ones; COUNT(built_in) where it is none. */
static size_t find(const char *name) {
  size_t at = 0;
  while (at < COUNT(built_in) && strcmp(built_in[at].name, name) != 0) at++;
  return at;
}

static json_t *load_built_in(size_t at, json_error_t *where) {
  return json_loadb((const char *)built_in[at].text, built_in[at].length, JSON_REJECT_DUPLICATES, where);
}

static bool refuse(char *error, size_t error_size, const char *text) {
  snprintf(error, error_size, "%s", text);
  return false;
}

/* {"duration": s, "rate": r} or {"duration": s, "from": r, "to": r} */
static bool read_phase(const json_t *json, runner_phase *phase, char *error, size_t error_size) {
  double duration = 0;
  json_error_t where;
  int got = json_unpack_ex((json_t *)(uintptr_t)json, &where, JSON_STRICT, "{s:F, s:F}", "duration", &duration, "rate",
                           &phase->from);
  phase->to = phase->from;
  if (got != 0) {
    got = json_unpack_ex((json_t *)(uintptr_t)json, &where, JSON_STRICT, "{s:F, s:F, s:F}", "duration", &duration,
                         "from", &phase->from, "to", &phase->to);
  }
  bool valid = got == 0 && duration >= 0.001 && duration <= 1e6 && phase->from >= 0 && phase->from <= 1e6 &&
               phase->to >= 0 && phase->to <= 1e6 && phase->from + phase->to > 0;
  phase->duration_us = valid ? (int64_t)(duration * 1e6) : 0;
  return valid ||
         refuse(error, error_size, "a phase has a duration in seconds, and a rate, or from and to, per second");
}

static bool read_phases(runner_arrivals *phases, const json_t *json, char *error, size_t error_size) {
  size_t index;
  const json_t *phase;
  if (!json_is_array(json) || json_array_size(json) == 0 || json_array_size(json) >= RUNNER_PHASES_MAX) {
    return refuse(error, error_size, "phases is an array of 1 to 31 phases");
  }
  json_array_foreach(json, index, phase) {
    if (!read_phase(phase, &phases->phases[index], error, error_size)) return false;
  }
  phases->count = json_array_size(json);
  return true;
}

/* An object of numbers as the option's text: "place_order=6,read_order=4". */
static bool set_numbers(runner_options *options, const char *name, const json_t *json, char *error, size_t error_size) {
  char text[1024] = "";
  size_t length = 0;
  const char *key;
  const json_t *value;
  json_object_foreach((json_t *)(uintptr_t)json, key, value) {
    if (!json_is_number(value)) return refuse(error, error_size, "mix and faults hold numbers");
    length += (size_t)snprintf(text + length, sizeof text - length, "%s%s=%.10g", length == 0 ? "" : ",", key,
                               json_number_value(value));
    if (length >= sizeof text) return refuse(error, error_size, "mix or faults is too long");
  }
  return runner_options_set(options, name, text, error, error_size);
}

/* An array of texts, each for the option whose name has no s at its end. */
static bool set_texts(runner_options *options, const char *name, const json_t *json, char *error, size_t error_size) {
  char singular[64];
  snprintf(singular, sizeof singular, "%.*s", (int)strlen(name) - 1, name);
  size_t index;
  const json_t *value;
  json_array_foreach(json, index, value) {
    if (!json_is_string(value)) return refuse(error, error_size, "thresholds and plugins hold texts");
    if (!runner_options_set(options, singular, json_string_value(value), error, error_size)) return false;
  }
  return true;
}

static bool set_member(runner_options *options, const char *name, const json_t *value, char *error, size_t error_size) {
  char number[64];
  switch (json_typeof(value)) {
    case JSON_STRING:
      return runner_options_set(options, name, json_string_value(value), error, error_size);
    case JSON_INTEGER:
      snprintf(number, sizeof number, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
      return runner_options_set(options, name, number, error, error_size);
    case JSON_REAL:
      snprintf(number, sizeof number, "%.10g", json_real_value(value));
      return runner_options_set(options, name, number, error, error_size);
    case JSON_TRUE:
      return runner_options_set(options, name, "true", error, error_size);
    case JSON_FALSE:
      return runner_options_set(options, name, "false", error, error_size);
    default:
      return refuse(error, error_size, "a member is neither text nor number nor true or false");
  }
}

static bool apply_member(runner_options *options, const char *name, const json_t *value, char *error,
                         size_t error_size) {
  if (strcmp(name, "name") == 0) return json_is_string(value) || refuse(error, error_size, "name is a text");
  if (strcmp(name, "description") == 0) {
    options->description = json_string_value(value);
    return options->description != NULL || refuse(error, error_size, "description is a text");
  }
  if (strcmp(name, "phases") == 0) return read_phases(&options->phases, value, error, error_size);
  bool numbers = strcmp(name, "mix") == 0 || strcmp(name, "faults") == 0;
  if (numbers && json_is_object(value)) return set_numbers(options, name, value, error, error_size);
  bool texts = strcmp(name, "thresholds") == 0 || strcmp(name, "plugins") == 0;
  if (texts && json_is_array(value)) return set_texts(options, name, value, error, error_size);
  return set_member(options, name, value, error, error_size);
}

static json_t *load(const char *name, char *error, size_t error_size) {
  json_error_t where;
  size_t at = find(name);
  json_t *json =
      at < COUNT(built_in) ? load_built_in(at, &where) : json_load_file(name, JSON_REJECT_DUPLICATES, &where);
  if (json != NULL && json_is_object(json)) return json;
  if (json == NULL && where.line < 0) {
    snprintf(error, error_size, "there is no scenario '%s' (see the command scenarios), and no such file: %s", name,
             strerror(errno));
  } else {
    snprintf(error, error_size, "scenario %s, line %d: %s", name, json == NULL ? where.line : 1,
             json == NULL ? where.text : "an object is expected");
  }
  json_decref(json);
  return NULL;
}

bool runner_scenario_apply(runner_options *options, const char *name, char *error, size_t error_size) {
  options->scenario_json = load(name, error, error_size);
  if (options->scenario_json == NULL) return false;
  const char *key;
  const json_t *value;
  char why[512];
  json_object_foreach(options->scenario_json, key, value) {
    if (apply_member(options, key, value, why, sizeof why)) continue;
    snprintf(error, error_size, "scenario %s, %s: %s", name, key, why);
    return false;
  }
  const char *own_name = json_string_value(json_object_get(options->scenario_json, "name"));
  if (own_name != NULL) options->scenario = own_name;
  return true;
}

bool runner_scenario_print(FILE *out, const char *name) {
  size_t at = name == NULL ? 0 : find(name);
  if (name != NULL) return at < COUNT(built_in) && fwrite(built_in[at].text, 1, built_in[at].length, out) > 0;
  for (; at < COUNT(built_in); at++) {
    json_t *json = load_built_in(at, NULL);
    fprintf(out, "%-16s %s\n", built_in[at].name, json_string_value(json_object_get(json, "description")));
    json_decref(json);
  }
  return true;
}
