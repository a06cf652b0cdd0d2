/* What store-runner is asked to do: the command line over the environment over a scenario over defaults, from one table
 * of options. Main thread, at start-up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "api.h"
#include "runner/engine.h"
#include "runner/source.h"

enum { RUNNER_SERVICES = 3, RUNNER_ADDRESS_SIZE = 256, RUNNER_LIST_MAX = 32 };

/* The order, payment and inventory services, in the order of runner_options.services. */
extern const api_service *const runner_services[RUNNER_SERVICES];

typedef struct runner_service_options {
  const char *address;                /* --order-address: RPC URLs, comma-separated */
  int64_t http_port;                  /* --order-http-port */
  char http_url[RUNNER_ADDRESS_SIZE]; /* http://host:port */
  char default_address[RUNNER_ADDRESS_SIZE];
} runner_service_options;

/* The values of an option that may be given again and again. */
typedef struct runner_list {
  const char *items[RUNNER_LIST_MAX];
  int64_t count;
} runner_list;

/* Texts belong to argv, the environment, the scenario, or this struct. Durations in seconds. */
typedef struct runner_options {
  const char *command;  /* run, compare, scenarios, verify, health, audit or help */
  const char *scenario; /* a name or a file; empty: none */
  const char *mode;     /* gateway or rpc */

  const char *model;   /* batches, users or rate; empty: by what else is given */
  runner_model engine; /* the same */
  int64_t num_orders;  /* operations; 0: without end, since a duration is given */
  int64_t concurrency;
  double delay_between_batches, think_time;
  double rate;              /* operations per second; 0: no open model, unless phases are given */
  runner_arrivals phases;   /* of the scenario, which a rate replaces */
  const char *arrival;      /* even or poisson */
  double duration, warm_up; /* 0: none */
  double request_timeout;
  int64_t threads;
  int64_t seed; /* 0: one from the operating system */
  const char *data;
  runner_mix mix;
  double search_from, search_to, search_probe, search_tolerance; /* search_to 0: no search */
  bool no_restock;

  bool verify;   /* after the run */
  double settle; /* that verify waits for orders to become final */
  runner_list thresholds, plugins;
  const char *reports_dir, *junit, *csv; /* files: empty: none */

  const char *gateway_url; /* one for all services; empty: http://gateway_host:port of each */
  const char *gateway_host;
  const char *http; /* 1.1 or 2 */
  const char *ca_file, *cert_file, *key_file;
  bool insecure;
  runner_service_options services[RUNNER_SERVICES];
  char **addresses; /* what follows `health` (none: the default addresses), or the arguments of other commands */
  int address_count;

  json_t *scenario_json;   /* owned; NULL: none */
  const char *description; /* of the scenario */
  uint64_t given, named;   /* bit n: row n of the table is given on the command line or in the environment; or at all */
} runner_options;

/* False where an argument, a variable or the scenario cannot be used; error then names it and says what it takes.
 * options must stay where it is: it holds pointers into itself. To be freed in any case. */
bool runner_options_parse(runner_options *options, int argc, char **argv, char *error, size_t error_size);

/* Sets one option from the scenario by its name there ("num_orders" for --num-orders), unless it was given. */
bool runner_options_set(runner_options *options, const char *name, const char *text, char *error, size_t error_size);

/* Frees what parsing allocated. */
void runner_options_free(runner_options *options);

/* The manual, with the defaults as they are in this environment. */
void runner_options_print_help(FILE *out);
