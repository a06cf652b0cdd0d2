/* store-runner: places load on either door and reports what it saw; compares reports; checks the store's books; asks
 * after its health. The wiring of one process; `store-runner --help` is the manual. */
#include <curl/curl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "rpc/clock.h"
#include "rpc/nng_threads.h"
#include "rpc/process.h"
#include "rpc/random.h"
#include "runner/audit.h"
#include "runner/call.h"
#include "runner/compare.h"
#include "runner/health.h"
#include "runner/options.h"
#include "runner/run.h"
#include "runner/scenario.h"
#include "runner/verify.h"

enum { EXIT_USAGE = 2, EXIT_UNREADABLE = 2 };

static int help(const runner_options *options, rpc_clock *clock, rpc_random *random) {
  (void)options, (void)clock, (void)random;
  runner_options_print_help(stdout);
  return 0;
}

/* Over RPC as the services do it: with all of NNG's threads, which meet at one lock, it would measure those. */
static int run(const runner_options *options, rpc_clock *clock, rpc_random *random) {
  nng_threads *nng = strcmp(options->mode, "rpc") == 0 ? nng_threads_limit() : NULL;
  int code = runner_run(options, clock, random);
  nng_threads_release(nng);
  return code;
}

static int verify(const runner_options *options, rpc_clock *clock, rpc_random *random) {
  runner_door *door = runner_open_door(options, "rpc", 1, clock, random);
  if (door == NULL) return EXIT_UNREADABLE;
  int code = runner_verify_run(door, llround(options->settle * 1000));
  runner_door_destroy(door);
  return code;
}

static int health(const runner_options *options, rpc_clock *clock, rpc_random *random) {
  const char *defaults[RUNNER_SERVICES];
  for (size_t i = 0; i < RUNNER_SERVICES; i++) defaults[i] = options->services[i].address;
  bool given = options->address_count > 0;
  return runner_health_run(given ? (const char *const *)options->addresses : defaults,
                           given ? (size_t)options->address_count : RUNNER_SERVICES, clock, random);
}

static int audit(const runner_options *options, rpc_clock *clock, rpc_random *random) {
  (void)clock, (void)random;
  int worst = options->address_count > 0 ? 0 : EXIT_USAGE;
  if (worst != 0) fputs("store-runner: audit takes the files to check (see --help)\n", stderr);
  for (int i = 0; i < options->address_count; i++) {
    int code = runner_audit_run(options->addresses[i], stdout);
    if (code > worst) worst = code;
  }
  return worst;
}

static int scenarios(const runner_options *options, rpc_clock *clock, rpc_random *random) {
  (void)clock, (void)random;
  const char *name = options->address_count > 0 ? options->addresses[0] : NULL;
  if (runner_scenario_print(stdout, name)) return 0;
  fprintf(stderr, "store-runner: there is no scenario '%s' (see the command scenarios)\n", name);
  return EXIT_USAGE;
}

static int compare(const runner_options *options, rpc_clock *clock, rpc_random *random) {
  (void)clock, (void)random;
  if (options->address_count == 2) return runner_compare(stdout, options->addresses[0], options->addresses[1]);
  fputs("store-runner: compare takes two reports, A.json and B.json\n", stderr);
  return EXIT_USAGE;
}

static const struct {
  const char *name;
  int (*run)(const runner_options *options, rpc_clock *clock, rpc_random *random);
} commands[] = {{"run", run},     {"verify", verify},       {"health", health},
                {"audit", audit}, {"scenarios", scenarios}, {"compare", compare},
                {"help", help}};

/* Each order in flight may have a connection. */
static void raise_descriptor_limit(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv) {
  bool by_reflection = argc > 1 && runner_call_is_command(argv[1]); /* these have arguments of their own */
  runner_options options = {.command = ""};
  char error[512];
  if (!by_reflection && !runner_options_parse(&options, argc, argv, error, sizeof error)) {
    fprintf(stderr, "store-runner: %s\n", error);
    runner_options_free(&options);
    return EXIT_USAGE;
  }
  if (strcmp(options.command, "run") == 0) process_block_signals();
  raise_descriptor_limit();
  curl_global_init(CURL_GLOBAL_DEFAULT);
  rpc_random random;
  rpc_random_init(&random, 0);
  rpc_clock *clock = rpc_clock_create();
  int code = 1;
  if (clock == NULL) fputs("store-runner: cannot start a clock\n", stderr);
  for (size_t i = 0; i < sizeof commands / sizeof commands[0] && clock != NULL; i++) {
    if (strcmp(commands[i].name, options.command) == 0) code = commands[i].run(&options, clock, &random);
  }
  if (by_reflection && clock != NULL) code = runner_call_main(argc, argv, clock, &random);
  rpc_clock_destroy(clock);
  runner_options_free(&options);
  curl_global_cleanup();
  return code;
}
