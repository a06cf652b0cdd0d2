/* See options.h: one table of options, and what reads it. */
#include "runner/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rpc/settings.h"

const api_service *const runner_services[RUNNER_SERVICES] = {
    &api_store_v1_order_service,
    &api_store_v1_payment_service,
    &api_store_v1_inventory_service,
};

typedef enum option_kind { SWITCH, TEXT, INTEGER, DECIMAL } option_kind;

typedef struct option_row {
  const char *flag;
  const char *environment; /* NULL: none */
  option_kind kind;
  size_t offset;        /* of its value in runner_options */
  const char *fallback; /* NULL: worked out by set_service_defaults */
  double min, max;      /* of numbers */
  const char *choices;  /* of texts: "gateway|rpc"; NULL: any */
  const char *help;
} option_row;

#define AT(field) offsetof(runner_options, field)
#define SERVICE_ROWS(index, name, NAME)                                                                               \
  {"--" name "-address",                                                                                              \
   "STORE_" NAME "_ADDRESS",                                                                                          \
   TEXT,                                                                                                              \
   AT(services[index].address),                                                                                       \
   NULL,                                                                                                              \
   0,                                                                                                                 \
   0,                                                                                                                 \
   NULL,                                                                                                              \
   "RPC URLs of the " name " service"},                                                                               \
  {                                                                                                                   \
    "--" name "-http-port", "STORE_" NAME "_HTTP_PORT", INTEGER, AT(services[index].http_port), NULL, 1, 65535, NULL, \
        "the gateway's port for the " name " service"                                                                 \
  }

static const option_row rows[] = {
    {"--mode", "STORE_RUNNER_MODE", TEXT, AT(mode), "gateway", 0, 0, "gateway|rpc",
     "the door that orders go through: REST over HTTP, or RPC"},
    {"--num-orders", "NUM_ORDERS", INTEGER, AT(num_orders), "100", 1, 1e8, NULL, "orders to place"},
    {"--concurrency", "CONCURRENT_REQUESTS", INTEGER, AT(concurrency), "10", 1, 20000, NULL,
     "orders in a batch, under way at once"},
    {"--concurrent-requests", NULL, INTEGER, AT(concurrency), NULL, 1, 20000, NULL, "the same"},
    {"--delay-between-batches", "DELAY_BETWEEN_BATCHES", DECIMAL, AT(delay_between_batches), "0.1", 0, 3600, NULL,
     "seconds from the end of a batch to the next"},
    {"--request-timeout", "REQUEST_TIMEOUT", DECIMAL, AT(request_timeout), "30.0", 0.001, 3600, NULL,
     "seconds that a request may take"},
    {"--seed", "STORE_RUNNER_SEED", INTEGER, AT(seed), "0", 0, 9007199254740992.0, NULL,
     "the same seed places the same orders; 0: a new one, named in the report"},
    {"--no-restock", NULL, SWITCH, AT(no_restock), NULL, 0, 0, NULL,
     "do not put on the shelves what the run will need: watch them empty"},
    {"--verify", NULL, SWITCH, AT(verify), NULL, 0, 0, NULL, "after the run, do what the command verify does"},
    {"--settle", NULL, DECIMAL, AT(settle), "30", 0, 3600, NULL,
     "seconds that verify waits for orders to become final"},
    {"--reports-dir", "DEMO_REPORTS_DIR", TEXT, AT(reports_dir), "./demo_reports", 0, 0, NULL,
     "folder that report files are written to"},
    {"--gateway-url", "STORE_GATEWAY_URL", TEXT, AT(gateway_url), "", 0, 0, NULL,
     "one base URL for all services, such as http://127.0.0.1:8000"},
    {"--gateway-host", "STORE_GATEWAY_HOST", TEXT, AT(gateway_host), NULL, 0, 0, NULL,
     "the gateway's host, where no --gateway-url is given"},
    SERVICE_ROWS(0, "order", "ORDER"),
    SERVICE_ROWS(1, "payment", "PAYMENT"),
    SERVICE_ROWS(2, "inventory", "INVENTORY"),
};

static const struct {
  const char *name, *help;
} commands[] = {
    {"run", "place orders and report (the default)"},
    {"verify", "check that orders, payments, reservations and stock add up; 1: they do not, 2: unreadable"},
    {"health", "exit with 0 when the services at these addresses (default: all) are SERVING, else with 1"},
    {"audit", "check the chains of these audit logs; 1: lines were edited, removed or inserted, 2: unreadable"},
    {"list", "what an RPC address answers, by reflection, as JSON (these three: store-runner call --help)"},
    {"describe", "a service, method, message or enum of it"},
    {"call", "call any method of it with a request in JSON"},
    {"help", "print this"},
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool is_choice(const char *choices, const char *text) {
  size_t length = strlen(text);
  for (const char *at = choices; at != NULL && length > 0;) {
    if (strncmp(at, text, length) == 0 && (at[length] == '|' || at[length] == '\0')) return true;
    at = strchr(at, '|');
    if (at != NULL) at++;
  }
  return false;
}

static bool parse_number(const option_row *row, const char *text, double *number) {
  char *end;
  errno = 0;
  if (row->kind == INTEGER) {
    *number = (double)strtoll(text, &end, 10);
  } else {
    *number = strtod(text, &end);
  }
  return end != text && *end == '\0' && errno == 0 && isfinite(*number) && *number >= row->min && *number <= row->max;
}

/* name: the flag or variable that the text comes from. */
static bool set_value(runner_options *options, const option_row *row, const char *name, const char *text, char *error,
                      size_t error_size) {
  void *value = (char *)options + row->offset;
  double number = 0;
  switch (row->kind) {
    case SWITCH:
      *(bool *)value = true;
      return true;
    case TEXT:
      if (row->choices != NULL && !is_choice(row->choices, text)) {
        snprintf(error, error_size, "%s takes one of %s, not '%s'", name, row->choices, text);
        return false;
      }
      *(const char **)value = text;
      return true;
    case INTEGER:
    case DECIMAL:
      if (!parse_number(row, text, &number)) {
        snprintf(error, error_size, "%s takes a%s number from %.15g to %.15g, not '%s'", name,
                 row->kind == INTEGER ? " whole" : "", row->min, row->max, text);
        return false;
      }
      if (row->kind == INTEGER)
        *(int64_t *)value = (int64_t)number;
      else
        *(double *)value = number;
      return true;
  }
  return false;
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
  for (size_t i = 0; i < COUNT(rows); i++) {
    if (rows[i].fallback != NULL) set_value(options, &rows[i], rows[i].flag, rows[i].fallback, unused, sizeof unused);
  }
}

static bool read_environment(runner_options *options, char *error, size_t error_size) {
  for (size_t i = 0; i < COUNT(rows); i++) {
    const char *text = rows[i].environment == NULL ? NULL : settings_text(rows[i].environment, NULL);
    if (text == NULL) continue;
    if (!set_value(options, &rows[i], rows[i].environment, text, error, error_size)) return false;
  }
  return true;
}

static const option_row *find_row(const char *flag, size_t length) {
  for (size_t i = 0; i < COUNT(rows); i++) {
    if (strlen(rows[i].flag) == length && strncmp(rows[i].flag, flag, length) == 0) return &rows[i];
  }
  return NULL;
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
    } else if (strcmp(options->command, "health") == 0 || strcmp(options->command, "audit") == 0) {
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
  make_urls(options);
  return true;
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
  }
}

void runner_options_print_help(FILE *out) {
  static const char *const values[] = {[SWITCH] = "", [TEXT] = " TEXT", [INTEGER] = " N", [DECIMAL] = " X"};
  runner_options defaults;
  set_defaults(&defaults);
  fputs(
      "usage: store-runner [COMMAND] [OPTION]...\n\nPlaces orders with the store and reports what it "
      "saw.\n\ncommands:\n",
      out);
  for (size_t i = 0; i < COUNT(commands); i++) fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
  fputs("\noptions, each with its default and the variable that also sets it:\n", out);
  for (size_t i = 0; i < COUNT(rows); i++) {
    char usage[64];
    snprintf(usage, sizeof usage, "%s%s", rows[i].flag, rows[i].choices != NULL ? " NAME" : values[rows[i].kind]);
    fprintf(out, "  %-26s %s", usage, rows[i].help);
    if (rows[i].choices != NULL) fprintf(out, ": %s", rows[i].choices);
    print_default(out, &rows[i], &defaults);
    if (rows[i].environment != NULL) fprintf(out, " [%s]", rows[i].environment);
    fputc('\n', out);
  }
  fputs(
      "\nDOCKER_ENV=true makes the services' names in compose.yaml the default hosts.\n"
      "A run exits with 0 when orders could be placed (failed ones too), 1 when none could or --verify found\n"
      "violations, 2 for a usage error. Ctrl-C ends it with a report of what ran; twice, at once.\n",
      out);
}
