/* Runs the simulated world from many seeds: orders and other errands from outside, while hosts are killed, lose power,
 * run out of disk and of network; then all must be answered, stored as answered, and add up. Each seed has a process
 * of its own, so that it may leave behind what ended early, and may itself die. Started by tests/simulation/run and by
 * ctest. */
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "simulation/shoppers.h"
#include "simulation/snapshot.h"
#include "simulation/trouble.h"

enum {
  SHOPPERS = 8,
  ERRANDS_EACH = 6,
  TROUBLE_MS = 60000,
  PATIENCE_MS = 1800000, /* for all to be answered once nothing goes wrong any more */
  LEASE_MS = 40000,
  SEED_SECONDS = 300, /* of real time, until a seed counts as hanging */
  JOBS_MAX = 64,
  TWICE_EVERY = 10 /* every tenth seed is run twice, and must do the same */
};

typedef struct outcome {
  uint64_t seed, hash, events;
  size_t violations;
  shoppers_totals totals;
  int64_t troubles[TROUBLE_KIND_COUNT], network_faults, simulated_ms;
} outcome;

typedef struct options {
  uint64_t first, count;
  int jobs;
  bool is_printed;
  bool stops; /* at the first violation */
} options;

/* --- one seed --- */

static void print_violation(void *arg, const char *line) {
  fprintf(stderr, "seed %" PRIu64 ": %s\n", *(const uint64_t *)arg, line);
}

static bool wait_for_all(store_world *world, const bool *done, int64_t milliseconds) {
  for (int64_t waited_ms = 0; !*done && waited_ms < milliseconds; waited_ms += 1000) world_run_for(world, 1000);
  return *done;
}

static void check(store_world *world, shoppers *all, outcome *result) {
  runner_snapshot snapshot;
  rpc_status status = world_snapshot(world, &snapshot);
  if (status.code != RPC_OK) {
    print_violation(&result->seed, status.message);
    result->violations++;
    return;
  }
  result->violations += runner_verify_check(&snapshot, print_violation, &result->seed);
  result->violations += shoppers_check(all, &snapshot, print_violation, &result->seed);
}

static outcome run_seed(uint64_t seed, bool is_printed) {
  event_journal journal;
  journal_init(&journal, is_printed);
  outcome result = {.seed = seed};
  store_world *world =
      world_create(&(world_config){.seed = seed,
                                   .simulation = simulation_settings_of(SIMULATION_DEMO),
                                   .faults = {.drop_request = .03, .drop_reply = .03, .duplicate = .05, .delay = .05},
                                   .has_disks = true,
                                   .lease_ms = LEASE_MS,
                                   .journal = &journal});
  shoppers *all = shoppers_send(world, SHOPPERS, ERRANDS_EACH);
  trouble *troubles = trouble_begin(world, result.troubles);
  world_run_for(world, TROUBLE_MS);
  trouble_end(troubles);
  wait_for_all(world, shoppers_are_back(all), PATIENCE_MS);
  world_run_for(world, 2 * LEASE_MS); /* sagas whose callers went away, and leases */
  check(world, all, &result);
  result.totals = shoppers_count(all);
  result.network_faults = network_fault_count(world_network(world));
  result.simulated_ms = rpc_clock_now_us(world_clock(world)) / 1000;
  result.hash = journal.hash;
  result.events = journal.events;
  return result;
}

/* --- many --- */

typedef struct job {
  pid_t pid;
  uint64_t seed;
} job;

static pid_t start_job(uint64_t seed, int results) {
  fflush(NULL);
  pid_t pid = fork();
  if (pid != 0) return pid;
  alarm(SEED_SECONDS);
  outcome result = run_seed(seed, false);
  if (seed % TWICE_EVERY == 0) {
    outcome again = run_seed(seed, false);
    if (again.hash != result.hash) {
      print_violation(&seed, "a second run of it did something else");
      result.violations++;
    }
  }
  _exit(write(results, &result, sizeof result) == sizeof result ? 0 : 1);
}

static void add(outcome *sum, const outcome *one) {
  sum->events += one->events;
  sum->violations += one->violations;
  sum->totals.orders += one->totals.orders;
  sum->totals.confirmed += one->totals.confirmed;
  sum->totals.other_errands += one->totals.other_errands;
  sum->totals.requests += one->totals.requests;
  sum->network_faults += one->network_faults;
  sum->simulated_ms += one->simulated_ms;
  for (int i = 0; i < TROUBLE_KIND_COUNT; i++) sum->troubles[i] += one->troubles[i];
}

/* Waits for one of the jobs to end; false where it failed. */
static bool end_job(job *jobs, int count, int results, outcome *sum) {
  int status, at = 0;
  pid_t pid = wait(&status);
  while (at < count && jobs[at].pid != pid) at++;
  if (at == count) return true;
  uint64_t seed = jobs[at].seed;
  jobs[at].pid = 0;
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    fprintf(stderr, "seed %" PRIu64 ": ended by %s %d\n", seed, WIFSIGNALED(status) ? "signal" : "exit code",
            WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    sum->violations++;
    return false;
  }
  outcome one; /* of this job or another that has written its */
  if (read(results, &one, sizeof one) != (ssize_t)sizeof one) abort();
  add(sum, &one);
  return one.violations == 0;
}

static void print_table(const outcome *sum, uint64_t seeds, uint64_t failed) {
  printf("%" PRIu64 " seeds: %" PRId64 " orders (%" PRId64 " confirmed), %" PRId64 " other errands, %" PRId64
         " requests, %" PRIu64 " events in %.1f simulated hours\n",
         seeds, sum->totals.orders, sum->totals.confirmed, sum->totals.other_errands, sum->totals.requests, sum->events,
         (double)sum->simulated_ms / 3600e3);
  int64_t faults = sum->network_faults;
  for (int i = 0; i < TROUBLE_KIND_COUNT; i++) {
    printf("  %9" PRId64 "  %s\n", sum->troubles[i], trouble_names[i]);
    faults += sum->troubles[i];
  }
  printf("  %9" PRId64 "  message lost, doubled or delayed\n", sum->network_faults);
  printf("%" PRId64 " faults, %zu violations in %" PRIu64 " seeds\n", faults, sum->violations, failed);
}

static int run_many(const options *chosen) {
  outcome sum = {0};
  job jobs[JOBS_MAX] = {0};
  int pipes[2], running = 0;
  uint64_t failed = 0;
  if (pipe(pipes) != 0) return 2;
  uint64_t begun = 0;
  for (; begun < chosen->count && !(chosen->stops && failed > 0); begun++) {
    if (running == chosen->jobs) {
      failed += !end_job(jobs, chosen->jobs, pipes[0], &sum);
      running--;
    }
    int at = 0;
    while (jobs[at].pid != 0) at++;
    jobs[at] = (job){start_job(chosen->first + begun, pipes[1]), chosen->first + begun};
    if (jobs[at].pid < 0) return 2;
    running++;
  }
  for (; running > 0; running--) failed += !end_job(jobs, chosen->jobs, pipes[0], &sum);
  print_table(&sum, begun, failed);
  return failed > 0;
}

static int run_printed(uint64_t seed) {
  outcome result = run_seed(seed, true);
  print_table(&result, 1, result.violations > 0);
  fflush(NULL);
  _exit(result.violations > 0);
}

int main(int argc, char **argv) {
  static const struct option names[] = {
      {"first", required_argument, NULL, 'f'}, {"seeds", required_argument, NULL, 'n'},
      {"jobs", required_argument, NULL, 'j'},  {"stop", no_argument, NULL, 's'},
      {"journal", no_argument, NULL, 'v'},     {NULL, 0, NULL, 0}};
  options chosen = {.first = 1, .count = 200, .jobs = (int)sysconf(_SC_NPROCESSORS_ONLN)};
  for (int name; (name = getopt_long(argc, argv, "", names, NULL)) != -1;) {
    if (name == 'f') chosen.first = strtoull(optarg, NULL, 10);
    if (name == 'n') chosen.count = strtoull(optarg, NULL, 10);
    if (name == 'j') chosen.jobs = atoi(optarg);
    if (name == 's') chosen.stops = true;
    if (name == 'v') chosen.is_printed = true;
    if (name == '?') return 2;
  }
  if (chosen.first == 0 || chosen.jobs < 1 || chosen.jobs > JOBS_MAX || optind < argc) {
    fprintf(stderr,
            "usage: simulate [--first SEED] [--seeds COUNT] [--jobs COUNT] [--stop]\n"
            "       simulate --first SEED --journal     one seed, every event a line\n");
    return 2;
  }
  return chosen.is_printed ? run_printed(chosen.first) : run_many(&chosen);
}
