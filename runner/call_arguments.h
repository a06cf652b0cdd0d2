/* What a command line of `store-runner list`, `describe` or `call` asks for. Main thread; called by call.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { RUNNER_CALL_HEADERS_MAX = 12 }; /* the client adds some of its own to the 16 that an envelope has room for */

/* Texts belong to argv. */
typedef struct runner_call_arguments {
  const char *command;                          /* "list", "describe" or "call" */
  bool help;                                    /* nothing but the usage is asked for */
  const char *address;                          /* RPC URLs, comma-separated */
  const char *symbol;                           /* describe: NULL for all services; call: the method */
  const char *json;                             /* call: the request; "-": it is on standard input */
  const char *headers[RUNNER_CALL_HEADERS_MAX]; /* "key:value", the key not empty */
  size_t header_count;
  double timeout; /* seconds, for all that the command does */
} runner_call_arguments;

/* argv[1] is the command. False where the rest cannot be used; error then says why. */
bool runner_call_parse(runner_call_arguments *arguments, int argc, char **argv, char *error, size_t error_size);

void runner_call_print_usage(FILE *out);
