/* See call_arguments.h. */
#include "runner/call_arguments.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double TIMEOUT_DEFAULT = 10, TIMEOUT_MAX = 3600;

static const struct {
  const char *name;
  int min, max; /* positional arguments after the command */
} commands[] = {{"list", 1, 1}, {"describe", 1, 2}, {"call", 2, 3}};

static bool take_header(runner_call_arguments *arguments, const char *text, char *error, size_t size) {
  const char *colon = strchr(text, ':');
  if (colon == NULL || colon == text) {
    snprintf(error, size, "-H takes key:value, not '%s'", text);
    return false;
  }
  if (arguments->header_count == RUNNER_CALL_HEADERS_MAX) {
    snprintf(error, size, "-H can be given %d times", RUNNER_CALL_HEADERS_MAX);
    return false;
  }
  arguments->headers[arguments->header_count++] = text;
  return true;
}

static bool take_timeout(runner_call_arguments *arguments, const char *text, char *error, size_t size) {
  char *end;
  arguments->timeout = strtod(text, &end);
  if (end != text && *end == '\0' && arguments->timeout >= 0.001 && arguments->timeout <= TIMEOUT_MAX) return true;
  snprintf(error, size, "--timeout takes seconds from 0.001 to %g, not '%s'", TIMEOUT_MAX, text);
  return false;
}

static const struct {
  const char *flag;
  bool (*take)(runner_call_arguments *arguments, const char *text, char *error, size_t size);
} flags[] = {{"-H", take_header}, {"--timeout", take_timeout}};

/* "--flag value" or "--flag=value"; *at is left on its last argument. */
static bool read_flag(runner_call_arguments *arguments, char **argv, int *at, char *error, size_t size) {
  const char *given = argv[*at];
  for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
    size_t length = strlen(flags[i].flag);
    if (strncmp(given, flags[i].flag, length) != 0 || (given[length] != '\0' && given[length] != '=')) continue;
    const char *text = given[length] == '=' ? given + length + 1 : argv[++*at]; /* argv ends with NULL */
    if (text != NULL) return flags[i].take(arguments, text, error, size);
    snprintf(error, size, "%s takes a value", given);
    return false;
  }
  snprintf(error, size, "no option '%s'", given);
  return false;
}

static bool check_count(const runner_call_arguments *arguments, int count, char *error, size_t size) {
  for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
    if (strcmp(commands[i].name, arguments->command) != 0) continue;
    if (count >= commands[i].min && count <= commands[i].max) return true;
  }
  snprintf(error, size, "%d arguments are too %s", count, count < 2 ? "few" : "many");
  return false;
}

bool runner_call_parse(runner_call_arguments *arguments, int argc, char **argv, char *error, size_t error_size) {
  *arguments = (runner_call_arguments){.command = argv[1], .json = "{}", .timeout = TIMEOUT_DEFAULT};
  const char **const positions[] = {&arguments->address, &arguments->symbol, &arguments->json};
  int count = 0;
  for (int i = 2; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
      arguments->help = true;
      return true;
    }
    if (argv[i][0] == '-' && argv[i][1] != '\0') {
      if (!read_flag(arguments, argv, &i, error, error_size)) return false;
      continue;
    }
    if (count < 3) *positions[count] = argv[i];
    count++;
  }
  return check_count(arguments, count, error, error_size);
}

void runner_call_print_usage(FILE *out) {
  fprintf(out,
          "usage: store-runner list     ADDRESS                  services and their methods\n"
          "       store-runner describe ADDRESS [SYMBOL]         a service, method, message or enum; all services\n"
          "       store-runner call     ADDRESS METHOD [JSON]    calls it; JSON '-' is read from standard input\n"
          "  ADDRESS              an NNG URL: tcp://127.0.0.1:9001, ipc:///run/order.ipc, ws://127.0.0.1:9101\n"
          "  METHOD               store.v1.OrderService/GetOrder\n"
          "  -H KEY:VALUE         metadata: x-correlation-id, idempotency-key (allows retries), traceparent, ...\n"
          "  --timeout SECONDS    for all that the command does (%g)\n"
          "What is known of the service is what it tells by rpc.v1.Reflection. The answer is JSON on standard output,\n"
          "an error JSON on standard error. Exit code: 0 for OK, 64 + the number of any other status code\n"
          "(67 INVALID_ARGUMENT, 68 DEADLINE_EXCEEDED, 69 NOT_FOUND, 78 UNAVAILABLE, ...), 2 for wrong usage.\n",
          TIMEOUT_DEFAULT);
}
