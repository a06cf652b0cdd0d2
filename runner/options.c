/* See options.h: where options come from, and what follows from them. */
#include "runner/options.h"

#include <math.h>
#include <string.h>

#include "rpc/settings.h"
#include "runner/options_table.h"
#include "runner/scenario.h"

const api_service *const runner_services[RUNNER_SERVICES] = {
    &api_store_v1_order_service,
    &api_store_v1_payment_service,
    &api_store_v1_inventory_service,
};

static const struct {
  const char *name, *help;
} commands[] = {
    {"run", "do a run and report (the default)"},
    {"scenarios", "list the scenarios that are built in; with a name: print that one, to start one's own from"},
    {"compare", "say what changed between two reports (A.json B.json), chance apart; 3: something got worse"},
    {"verify", "check that orders, payments, reservations and stock add up; 1: they do not, 2: unreadable"},
    {"health", "a line of JSON for each service (default: all); exit 0: SERVING, 1: NOT_SERVING, 64 + code: no answer"},
    {"audit", "check the chains of these audit logs; 1: lines were edited, removed or inserted, 2: unreadable"},
    {"list", "what an RPC address answers, by reflection, as JSON (these three: store-runner call --help)"},
    {"describe", "a service, method, message or enum of it"},
    {"call", "call any method of it with a request in JSON"},
    {"help", "print this"},
};

#define AT(field) offsetof(runner_options, field)
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Rows that set the same value count as one. */
static uint64_t bit_of(const option_row *row) {
  size_t at = 0;
  while (option_rows[at].offset != row->offset) at++;
  return UINT64_C(1) << at;
}

/* As store_value, for what was given. */
static bool set_value(runner_options *options, const option_row *row, const char *name, const char *text, char *error,
                      size_t error_size) {
  options->given |= bit_of(row);
  options->named |= bit_of(row);
  return option_store(options, row, name, text, error, error_size);
}

static void set_defaults(runner_options *options) {
  bool docker = strcmp(settings_text("DOCKER_ENV", ""), "true") == 0;
  *options = (runner_options){.command = "run", .gateway_host = docker ? "gateway" : "127.0.0.1"};
  for (size_t i = 0; i < RUNNER_SERVICES; i++) {
    const api_service *service = runner_services[i];
    runner_service_options *into = &options->services[i];
    snprintf(into->default_address, sizeof into->default_address, "tcp://%s%s:%u", docker ? service->name : "127.0.0.1",
             docker ? "-service" : "", service->rpc_port);
    into->address = into->default_address;
    into->http_port = service->http_port;
  }
  char unused[1];
  for (size_t i = 0; i < option_row_count; i++) {
    if (option_rows[i].fallback != NULL)
      option_store(options, &option_rows[i], option_rows[i].flag, option_rows[i].fallback, unused, sizeof unused);
  }
}

static bool read_environment(runner_options *options, char *error, size_t error_size) {
  for (size_t i = 0; i < option_row_count; i++) {
    const char *text = option_rows[i].environment == NULL ? NULL : settings_text(option_rows[i].environment, NULL);
    if (text == NULL) continue;
    if (!set_value(options, &option_rows[i], option_rows[i].environment, text, error, error_size)) return false;
  }
  return true;
}

static const option_row *find_row(const char *flag, size_t length) {
  for (size_t i = 0; i < option_row_count; i++) {
    if (strlen(option_rows[i].flag) == length && strncmp(option_rows[i].flag, flag, length) == 0)
      return &option_rows[i];
  }
  return NULL;
}

bool runner_options_set(runner_options *options, const char *name, const char *text, char *error, size_t error_size) {
  char flag[64] = "--";
  snprintf(flag + 2, sizeof flag - 2, "%s", name);
  for (char *at = flag + 2; *at != '\0'; at++) {
    if (*at == '_') *at = '-';
  }
  const option_row *row = find_row(flag, strlen(flag));
  if (row == NULL || row->offset == AT(scenario)) {
    snprintf(error, error_size, "there is no '%s'", name);
    return false;
  }
  if (row->kind != LIST && (options->given & bit_of(row)) != 0) return true;
  if (row->kind == SWITCH && strcmp(text, "false") == 0) return true;
  options->named |= bit_of(row);
  return option_store(options, row, name, text, error, error_size);
}

static bool is_named(const runner_options *options, size_t offset) {
  for (size_t i = 0; i < option_row_count; i++) {
    if (option_rows[i].offset == offset) return (options->named & bit_of(&option_rows[i])) != 0;
  }
  return false;
}

static bool find_command(const char *name) {
  for (size_t i = 0; i < COUNT(commands); i++) {
    if (strcmp(commands[i].name, name) == 0) return true;
  }
  return false;
}

/* One flag, "--name value" or "--name=value"; *at is left on its last argument. */
static bool read_flag(runner_options *options, int argc, char **argv, int *at, char *error, size_t error_size) {
  const char *flag = argv[*at];
  const char *equals = strchr(flag, '=');
  size_t length = equals == NULL ? strlen(flag) : (size_t)(equals - flag);
  const option_row *row = find_row(flag, length);
  if (row == NULL) {
    snprintf(error, error_size, "no option %.*s (see --help)", (int)length, flag);
    return false;
  }
  const char *text = equals == NULL ? NULL : equals + 1;
  if (row->kind == SWITCH && text != NULL) {
    snprintf(error, error_size, "%s takes no value", row->flag);
    return false;
  }
  if (row->kind != SWITCH && text == NULL) {
    if (++*at >= argc) {
      snprintf(error, error_size, "%s takes a value (see --help)", row->flag);
      return false;
    }
    text = argv[*at];
  }
  return set_value(options, row, row->flag, text, error, error_size);
}

static bool read_arguments(runner_options *options, int argc, char **argv, char *error, size_t error_size) {
  for (int i = 1; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      options->command = "help";
      return true;
    }
    if (argv[i][0] == '-') {
      if (!read_flag(options, argc, argv, &i, error, error_size)) return false;
    } else if (i == 1 && find_command(argv[i])) {
      options->command = argv[i];
    } else if (option_is_choice("health|audit|compare|scenarios", options->command)) {
      options->addresses = &argv[i]; /* all that follows */
      options->address_count = argc - i;
      return true;
    } else {
      snprintf(error, error_size, "no command or option '%s' (see --help)", argv[i]);
      return false;
    }
  }
  return true;
}

/* What the number of operations and the model are where only other options tell. */
static void choose_model(runner_options *options) {
  bool rate = options->rate > 0 || options->phases.count > 0 || options->search_to > 0;
  bool users = options->think_time > 0 || (options->duration > 0 && !is_named(options, AT(delay_between_batches)));
  options->engine = rate ? RUNNER_RATE : users ? RUNNER_USERS : RUNNER_BATCHES;
  if (strcmp(options->model, "batches") == 0) options->engine = RUNNER_BATCHES;
  if (strcmp(options->model, "users") == 0) options->engine = RUNNER_USERS;
  if (strcmp(options->model, "rate") == 0) options->engine = RUNNER_RATE;
  bool timed = options->duration > 0 || (options->engine == RUNNER_RATE && options->rate <= 0);
  if (timed && !is_named(options, AT(num_orders))) options->num_orders = 0;
  if (options->engine == RUNNER_RATE && !is_named(options, AT(concurrency))) options->concurrency = 10000;
}

/* The open model's schedule: one rate in place of the scenario's. */
static bool make_schedule(runner_options *options, char *error, size_t error_size) {
  if (options->engine != RUNNER_RATE || options->search_to > 0) return true;
  runner_arrivals *phases = &options->phases;
  if (options->rate > 0) {
    double duration = options->duration > 0 ? options->duration : (double)options->num_orders / options->rate;
    *phases = (runner_arrivals){.phases = {{llround(duration * 1e6), options->rate, options->rate}}, .count = 1};
  }
  if (phases->count > 0) return true;
  snprintf(error, error_size, "the model 'rate' takes a --rate, or a scenario with phases");
  return false;
}

static void make_urls(runner_options *options) {
  for (size_t i = 0; i < RUNNER_SERVICES; i++) {
    runner_service_options *service = &options->services[i];
    if (options->gateway_url[0] != '\0') {
      snprintf(service->http_url, sizeof service->http_url, "%s", options->gateway_url);
    } else {
      snprintf(service->http_url, sizeof service->http_url, "http://%s:%d", options->gateway_host,
               (int)service->http_port);
    }
  }
}

bool runner_options_parse(runner_options *options, int argc, char **argv, char *error, size_t error_size) {
  set_defaults(options);
  if (!read_environment(options, error, error_size)) return false;
  if (!read_arguments(options, argc, argv, error, error_size)) return false;
  if (options->scenario[0] != '\0' && !runner_scenario_apply(options, options->scenario, error, error_size))
    return false;
  choose_model(options);
  make_urls(options);
  return make_schedule(options, error, error_size);
}

void runner_options_free(runner_options *options) {
  json_decref(options->scenario_json);
  options->scenario_json = NULL;
}

static void print_default(FILE *out, const option_row *row, const runner_options *defaults) {
  const void *value = (const char *)defaults + row->offset;
  switch (row->kind) {
    case SWITCH:
      break;
    case TEXT:
      if ((*(const char *const *)value)[0] != '\0') fprintf(out, " (%s)", *(const char *const *)value);
      break;
    case INTEGER:
      fprintf(out, " (%lld)", (long long)*(const int64_t *)value);
      break;
    case DECIMAL:
      fprintf(out, " (%g)", *(const double *)value);
      break;
    case LIST:
    case SHARES:
      if (row->fallback != NULL && row->fallback[0] != '\0') fprintf(out, " (%s)", row->fallback);
      break;
  }
}

void runner_options_print_help(FILE *out) {
  static const char *const values[] = {
      [SWITCH] = "", [TEXT] = " TEXT", [INTEGER] = " N", [DECIMAL] = " X", [LIST] = " TEXT", [SHARES] = " LIST"};
  runner_options defaults;
  set_defaults(&defaults);
  fputs("usage: store-runner [COMMAND] [OPTION]...\n\nPlaces load on the store and reports what it saw.\n\ncommands:\n",
        out);
  for (size_t i = 0; i < COUNT(commands); i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
  fputs("\noptions, each with its default and the variable that also sets it:\n", out);
  for (size_t i = 0; i < option_row_count; i++) {
    char usage[64];
    snprintf(usage, sizeof usage, "%s%s", option_rows[i].flag,
             option_rows[i].choices != NULL ? " NAME" : values[option_rows[i].kind]);
    fprintf(out, "  %-26s %s", usage, option_rows[i].help);
    if (option_rows[i].choices != NULL) fprintf(out, ": %s", option_rows[i].choices);
    print_default(out, &option_rows[i], &defaults);
    if (option_rows[i].environment != NULL) fprintf(out, " [%s]", option_rows[i].environment);
    fputc('\n', out);
  }
  fputs(
      "\nDOCKER_ENV=true makes the services' names in compose.yaml the default hosts.\n"
      "A run exits with 0 when operations could be done (failed ones too), 1 when none could or --verify found\n"
      "violations, 2 for a usage error, 3 when a threshold does not hold. Ctrl-C ends it with a report of what ran;\n"
      "twice, at once.\n",
      out);
}
