/* What store-runner is asked to do: the command line over the environment over defaults, from one table. Main thread,
 * at start-up. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "api.h"

enum { RUNNER_SERVICES = 3, RUNNER_ADDRESS_SIZE = 256 };

/* The order, payment and inventory services, in the order of runner_options.services. */
extern const api_service *const runner_services[RUNNER_SERVICES];

typedef struct runner_service_options {
  const char *address;                /* --order-address: RPC URLs, comma-separated */
  int64_t http_port;                  /* --order-http-port */
  char http_url[RUNNER_ADDRESS_SIZE]; /* http://host:port */
  char default_address[RUNNER_ADDRESS_SIZE];
} runner_service_options;

/* Texts belong to argv, the environment, or this struct. */
typedef struct runner_options {
  const char *command; /* run, verify, health, audit or help */
  const char *mode;    /* gateway or rpc */
  int64_t num_orders;
  int64_t concurrency;
  double delay_between_batches; /* seconds */
  double request_timeout;       /* seconds */
  int64_t seed;                 /* 0: one from the operating system */
  bool no_restock;
  bool verify;   /* after the run */
  double settle; /* seconds that verify waits for orders to become final */
  const char *reports_dir;
  const char *gateway_url; /* one for all services; empty: http://gateway_host:port of each */
  const char *gateway_host;
  runner_service_options services[RUNNER_SERVICES];
  char **addresses; /* what follows `health` (none: the default addresses), or the files after `audit` */
  int address_count;
} runner_options;

/* False where an argument or variable cannot be used; error then names it and says what it takes. options must stay
 * where it is: it holds pointers into itself. */
bool runner_options_parse(runner_options *options, int argc, char **argv, char *error, size_t error_size);

/* The manual, with the defaults as they are in this environment. */
void runner_options_print_help(FILE *out);
