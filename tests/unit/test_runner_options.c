/* runner/options: the command line over the environment over defaults, and what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the headers above */
#include <cmocka.h>

#include "runner/options.h"

enum { ARGUMENTS_MAX = 16 };

static runner_options options;
static char error[256];

/* Arguments up to a NULL. */
static bool parse(const char *first, ...) {
  static char *argv[ARGUMENTS_MAX];
  int argc = 0;
  argv[argc++] = (char *)(uintptr_t) "store-runner";
  va_list arguments;
  va_start(arguments, first);
  for (const char *argument = first; argument != NULL; argument = va_arg(arguments, const char *)) {
    argv[argc++] = (char *)(uintptr_t)argument;
  }
  va_end(arguments);
  error[0] = '\0';
  return runner_options_parse(&options, argc, argv, error, sizeof error);
}

static int clear_environment(void **state) {
  (void)state;
  static const char *const names[] = {"NUM_ORDERS",
                                      "CONCURRENT_REQUESTS",
                                      "DELAY_BETWEEN_BATCHES",
                                      "REQUEST_TIMEOUT",
                                      "DEMO_REPORTS_DIR",
                                      "DOCKER_ENV",
                                      "STORE_RUNNER_MODE",
                                      "STORE_RUNNER_SEED",
                                      "STORE_GATEWAY_URL",
                                      "STORE_GATEWAY_HOST",
                                      "STORE_ORDER_ADDRESS",
                                      "STORE_PAYMENT_ADDRESS",
                                      "STORE_INVENTORY_ADDRESS",
                                      "STORE_ORDER_HTTP_PORT",
                                      "STORE_PAYMENT_HTTP_PORT",
                                      "STORE_INVENTORY_HTTP_PORT"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) unsetenv(names[i]);
  return 0;
}

static void nothing_given_means_the_documented_defaults(void **state) {
  (void)state;
  assert_true(parse(NULL));
  assert_string_equal(options.command, "run");
  assert_string_equal(options.mode, "gateway");
  assert_int_equal(options.num_orders, 100);
  assert_int_equal(options.concurrency, 10);
  assert_true(options.delay_between_batches == 0.1);
  assert_true(options.request_timeout == 30.0);
  assert_string_equal(options.reports_dir, "./demo_reports");
  assert_false(options.no_restock);
  assert_false(options.verify);
  assert_string_equal(options.services[0].address, "tcp://127.0.0.1:9001");
  assert_string_equal(options.services[1].address, "tcp://127.0.0.1:9002");
  assert_string_equal(options.services[2].address, "tcp://127.0.0.1:9003");
  assert_string_equal(options.services[0].http_url, "http://127.0.0.1:8001");
  assert_string_equal(options.services[2].http_url, "http://127.0.0.1:8003");
}

static void environment_overrides_defaults_and_flags_override_it(void **state) {
  (void)state;
  setenv("NUM_ORDERS", "500", 1);
  setenv("CONCURRENT_REQUESTS", "50", 1);
  setenv("DELAY_BETWEEN_BATCHES", "0", 1);
  setenv("REQUEST_TIMEOUT", "2.5", 1);
  setenv("DEMO_REPORTS_DIR", "/tmp/reports", 1);
  setenv("STORE_RUNNER_MODE", "rpc", 1);
  assert_true(parse("--num-orders", "7", "--request-timeout=1.5", "--verify", "--no-restock", NULL));
  assert_int_equal(options.num_orders, 7);
  assert_int_equal(options.concurrency, 50);
  assert_true(options.delay_between_batches == 0);
  assert_true(options.request_timeout == 1.5);
  assert_string_equal(options.reports_dir, "/tmp/reports");
  assert_string_equal(options.mode, "rpc");
  assert_true(options.verify);
  assert_true(options.no_restock);
}

static void an_empty_variable_counts_as_unset(void **state) {
  (void)state;
  setenv("NUM_ORDERS", "", 1);
  assert_true(parse(NULL));
  assert_int_equal(options.num_orders, 100);
}

static void concurrent_requests_is_another_name_of_concurrency(void **state) {
  (void)state;
  assert_true(parse("--concurrent-requests", "33", NULL));
  assert_int_equal(options.concurrency, 33);
}

static void docker_env_makes_the_services_names_the_hosts(void **state) {
  (void)state;
  setenv("DOCKER_ENV", "true", 1);
  assert_true(parse(NULL));
  assert_string_equal(options.services[0].address, "tcp://order-service:9001");
  assert_string_equal(options.services[1].address, "tcp://payment-service:9002");
  assert_string_equal(options.services[2].address, "tcp://inventory-service:9003");
  assert_string_equal(options.services[0].http_url, "http://gateway:8001");
}

static void addresses_and_ports_can_be_set_one_by_one(void **state) {
  (void)state;
  setenv("STORE_PAYMENT_ADDRESS", "ipc:///tmp/payment.ipc", 1);
  setenv("STORE_GATEWAY_HOST", "gate.example", 1);
  setenv("STORE_ORDER_HTTP_PORT", "18001", 1);
  assert_true(parse("--inventory-address", "tcp://10.0.0.1:1,tcp://10.0.0.2:1", NULL));
  assert_string_equal(options.services[0].http_url, "http://gate.example:18001");
  assert_string_equal(options.services[1].address, "ipc:///tmp/payment.ipc");
  assert_string_equal(options.services[2].address, "tcp://10.0.0.1:1,tcp://10.0.0.2:1");
}

static void one_gateway_url_serves_all_services(void **state) {
  (void)state;
  assert_true(parse("--gateway-url", "https://store.example", NULL));
  for (size_t i = 0; i < RUNNER_SERVICES; i++) {
    assert_string_equal(options.services[i].http_url, "https://store.example");
  }
}

static void commands_are_known_by_name(void **state) {
  (void)state;
  assert_true(parse("verify", "--settle", "0", NULL));
  assert_string_equal(options.command, "verify");
  assert_true(options.settle == 0);
  assert_true(parse("health", "tcp://a:1", "tcp://b:2", NULL));
  assert_string_equal(options.command, "health");
  assert_int_equal(options.address_count, 2);
  assert_string_equal(options.addresses[1], "tcp://b:2");
  assert_true(parse("--num-orders", "5", "--help", "--what", NULL));
  assert_string_equal(options.command, "help");
}

/* What is refused, and the words that the message must contain. */
static void a_bad_value_is_refused_by_the_name_of_its_flag(void **state) {
  (void)state;
  static const struct {
    const char *arguments[2], *words;
  } cases[] = {
      {{"--mode", "carrier-pigeon"}, "--mode takes one of gateway|rpc"},
      {{"--mode", "gate"}, "--mode"},
      {{"--mode", ""}, "--mode"},
      {{"--num-orders", "0"}, "--num-orders takes a whole number from 1 to"},
      {{"--num-orders", "1.5"}, "--num-orders"},
      {{"--num-orders", "ten"}, "--num-orders"},
      {{"--num-orders", ""}, "--num-orders"},
      {{"--num-orders", "99999999999999999999"}, "--num-orders"},
      {{"--num-orders", NULL}, "--num-orders takes a value"},
      {{"--concurrency", "20001"}, "--concurrency"},
      {{"--delay-between-batches", "-1"}, "--delay-between-batches takes a number from 0"},
      {{"--request-timeout", "nan"}, "--request-timeout"},
      {{"--request-timeout", "inf"}, "--request-timeout"},
      {{"--request-timeout", "0"}, "--request-timeout"},
      {{"--verify=yes", NULL}, "--verify takes no value"},
      {{"--order-http-port", "65536"}, "--order-http-port"},
      {{"--num-order", "1"}, "no option --num-order"},
      {{"-n", "1"}, "no option -n"},
      {{"walk", NULL}, "'walk'"},
      {{"run", "verify"}, "'verify'"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    if (parse(cases[i].arguments[0], cases[i].arguments[1], NULL)) fail_msg("%s was taken", cases[i].arguments[0]);
    if (strstr(error, cases[i].words) == NULL) fail_msg("'%s' lacks '%s'", error, cases[i].words);
  }
}

static void a_bad_variable_is_refused_by_its_name(void **state) {
  (void)state;
  setenv("CONCURRENT_REQUESTS", "many", 1);
  assert_false(parse(NULL));
  assert_non_null(strstr(error, "CONCURRENT_REQUESTS takes a whole number"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup(nothing_given_means_the_documented_defaults, clear_environment),
      cmocka_unit_test_setup(environment_overrides_defaults_and_flags_override_it, clear_environment),
      cmocka_unit_test_setup(an_empty_variable_counts_as_unset, clear_environment),
      cmocka_unit_test_setup(concurrent_requests_is_another_name_of_concurrency, clear_environment),
      cmocka_unit_test_setup(docker_env_makes_the_services_names_the_hosts, clear_environment),
      cmocka_unit_test_setup(addresses_and_ports_can_be_set_one_by_one, clear_environment),
      cmocka_unit_test_setup(one_gateway_url_serves_all_services, clear_environment),
      cmocka_unit_test_setup(commands_are_known_by_name, clear_environment),
      cmocka_unit_test_setup(a_bad_value_is_refused_by_the_name_of_its_flag, clear_environment),
      cmocka_unit_test_setup(a_bad_variable_is_refused_by_its_name, clear_environment),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
