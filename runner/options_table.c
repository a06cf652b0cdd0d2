/* See options_table.h: a new option is a line here and a field of runner_options. */
#include "runner/options_table.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(field) offsetof(runner_options, field)
#define TEXT_ROW(flag, environment, field, fallback, choices, help) \
  { flag, environment, TEXT, AT(field), fallback, 0, 0, choices, NULL, 0, help }
#define NUMBER_ROW(flag, environment, kind, field, fallback, min, max, help) \
  { flag, environment, kind, AT(field), fallback, min, max, NULL, NULL, 0, help }
#define SWITCH_ROW(flag, field, help) \
  { flag, NULL, SWITCH, AT(field), NULL, 0, 0, NULL, NULL, 0, help }
#define LIST_ROW(flag, field, help) \
  { flag, NULL, LIST, AT(field), NULL, 0, 0, NULL, NULL, 0, help }
#define SHARES_ROW(flag, field, fallback, max, names, count, help) \
  { flag, NULL, SHARES, AT(field), fallback, 0, max, NULL, names, count, help }
#define SERVICE_ROWS(index, name, NAME)                                                                           \
  TEXT_ROW("--" name "-address", "STORE_" NAME "_ADDRESS", services[index].address, NULL, NULL,                   \
           "RPC URLs of the " name " service"),                                                                   \
      NUMBER_ROW("--" name "-http-port", "STORE_" NAME "_HTTP_PORT", INTEGER, services[index].http_port, NULL, 1, \
                 65535, "the gateway's port for the " name " service")

const option_row option_rows[] = {
    TEXT_ROW("--scenario", "STORE_SCENARIO", scenario, "", NULL,
             "a scenario by name or file: see the command scenarios"),
    TEXT_ROW("--mode", "STORE_RUNNER_MODE", mode, "gateway", "gateway|rpc",
             "the door that operations go through: REST over HTTP, or RPC"),
    TEXT_ROW("--model", NULL, model, "", "batches|users|rate",
             "closed by batches, closed by users, open; by default what --rate, --think-time or --duration imply"),
    NUMBER_ROW("--num-orders", "NUM_ORDERS", INTEGER, num_orders, "100", 1, 1e9,
               "operations to do; without end where only a duration is given"),
    NUMBER_ROW("--concurrency", "CONCURRENT_REQUESTS", INTEGER, concurrency, "10", 1, 20000,
               "operations in a batch; users; or the most in flight at a rate (then 10000)"),
    NUMBER_ROW("--concurrent-requests", NULL, INTEGER, concurrency, NULL, 1, 20000, "the same"),
    NUMBER_ROW("--delay-between-batches", "DELAY_BETWEEN_BATCHES", DECIMAL, delay_between_batches, "0.1", 0, 3600,
               "seconds from the end of a batch to the next"),
    NUMBER_ROW("--think-time", NULL, DECIMAL, think_time, "0", 0, 3600,
               "seconds that a user thinks between operations, on average"),
    NUMBER_ROW("--rate", NULL, DECIMAL, rate, "0", 0, 1e6,
               "operations per second, whatever becomes of those before; latency counts from when each was due"),
    TEXT_ROW("--arrival", NULL, arrival, "even", "even|poisson", "at a rate: evenly, or at random as from strangers"),
    NUMBER_ROW("--duration", NULL, DECIMAL, duration, "0", 0, 1e6,
               "seconds of starting operations; 0: by their number"),
    NUMBER_ROW("--warm-up", NULL, DECIMAL, warm_up, "0", 0, 1e5, "seconds before that, whose operations do not count"),
    NUMBER_ROW("--request-timeout", "REQUEST_TIMEOUT", DECIMAL, request_timeout, "30.0", 0.001, 3600,
               "seconds that a request may take"),
    NUMBER_ROW("--threads", NULL, INTEGER, threads, "1", 1, RUNNER_THREADS_MAX,
               "threads, each with its share of the load and connections of its own"),
    NUMBER_ROW("--seed", "STORE_RUNNER_SEED", INTEGER, seed, "0", 0, 9007199254740992.0,
               "the same seed does the same operations; 0: a new one, named in the report"),
    TEXT_ROW("--data", NULL, data, "", NULL, "a CSV file of orders, instead of random ones"),
    SHARES_ROW("--mix", mix.weights, "place_order=1", 1e6, runner_kind_names, RUNNER_KIND_COUNT,
               "weights of operations: place_order=6,read_order=2,read_stock=1,reserve_release=1"),
    SHARES_ROW("--faults", mix.faults, "", 1, runner_fault_names, RUNNER_FAULT_COUNT,
               "shares of orders spoilt on purpose: unknown_product=0.05,wrong_price=0.05,too_many=0.05,"
               "bad_quantity=0.05,impatient=0.05,duplicate=0.05"),
    NUMBER_ROW("--search-to", NULL, DECIMAL, search_to, "0", 0, 1e6,
               "look for the highest rate up to this that keeps the thresholds"),
    NUMBER_ROW("--search-from", NULL, DECIMAL, search_from, "10", 0.1, 1e6, "the rate that a search begins with"),
    NUMBER_ROW("--search-probe", NULL, DECIMAL, search_probe, "5", 0.1, 3600, "seconds that a search tries each rate"),
    NUMBER_ROW("--search-tolerance", NULL, DECIMAL, search_tolerance, "0.05", 0.001, 1,
               "a search ends when it knows the rate to within this share"),
    LIST_ROW(
        "--threshold", thresholds,
        "what must hold, such as p99<2500ms, success>=63%, errors{reason=OUT_OF_STOCK}<12%; repeatable; else exit 3"),
    LIST_ROW("--plugin", plugins, "a shared object to load, by file or by name; repeatable"),
    SWITCH_ROW("--no-restock", no_restock, "do not put on the shelves what the run will need: watch them empty"),
    SWITCH_ROW("--verify", verify, "after the run, do what the command verify does"),
    NUMBER_ROW("--settle", NULL, DECIMAL, settle, "30", 0, 3600,
               "seconds that verify waits for orders to become final"),
    TEXT_ROW("--reports-dir", "DEMO_REPORTS_DIR", reports_dir, "./demo_reports", NULL,
             "folder that report files are written to"),
    TEXT_ROW("--junit", NULL, junit, "", NULL, "write the thresholds' outcome to this file, for CI"),
    TEXT_ROW("--csv", NULL, csv, "", NULL, "write the time series to this file"),
    TEXT_ROW("--gateway-url", "STORE_GATEWAY_URL", gateway_url, "", NULL,
             "one base URL for all services, such as http://127.0.0.1:8000"),
    TEXT_ROW("--gateway-host", "STORE_GATEWAY_HOST", gateway_host, NULL, NULL,
             "the gateway's host, where no --gateway-url is given"),
    TEXT_ROW("--http", NULL, http, "1.1", "1.1|2", "HTTP version; 2 without TLS by upgrade"),
    TEXT_ROW("--ca-file", "STORE_TLS_CA_FILE", ca_file, "", NULL, "PEM file of certificates to trust for https"),
    TEXT_ROW("--cert-file", "STORE_TLS_CERT_FILE", cert_file, "", NULL, "PEM file of a certificate to show"),
    TEXT_ROW("--key-file", "STORE_TLS_KEY_FILE", key_file, "", NULL, "PEM file of its key"),
    SWITCH_ROW("--insecure", insecure, "take any certificate"),
    SERVICE_ROWS(0, "order", "ORDER"),
    SERVICE_ROWS(1, "payment", "PAYMENT"),
    SERVICE_ROWS(2, "inventory", "INVENTORY"),
};
const size_t option_row_count = sizeof option_rows / sizeof option_rows[0];
_Static_assert(sizeof option_rows / sizeof option_rows[0] <= 64, "runner_options.given has a bit for each");

bool option_is_choice(const char *choices, const char *text) {
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

static bool set_share(double *shares, const option_row *row, const char *name, size_t length, const char *number,
                      double *sum) {
  size_t at = 0;
  while (at < row->name_count && (strlen(row->names[at]) != length || strncmp(row->names[at], name, length) != 0)) at++;
  char *end;
  double share = strtod(number, &end);
  if (at == row->name_count || end == number || (*end != ',' && *end != '\0')) return false;
  if (!isfinite(share) || share < 0 || share > row->max) return false;
  shares[at] = share;
  *sum += share;
  return true;
}

/* "place_order=6,read_order=4"; shares that are not named are 0. */
static bool set_shares(double *shares, const option_row *row, const char *text) {
  double sum = 0;
  for (size_t i = 0; i < row->name_count; i++) shares[i] = 0;
  while (*text != '\0') {
    const char *equals = strchr(text, '=');
    if (equals == NULL || !set_share(shares, row, text, (size_t)(equals - text), equals + 1, &sum)) return false;
    text = equals + strcspn(equals, ",");
    if (*text == ',') text++;
  }
  bool weights = row->max > 1; /* of which one must count, while shares may all be 0 and are parts of one */
  return weights ? sum > 0 : sum <= 1 + 1e-9;
}

static bool refuse_shares(const option_row *row, const char *name, const char *text, char *error, size_t error_size) {
  int length = snprintf(error, error_size, "%s takes NAME=NUMBER,…, numbers from 0 to %g, not '%s'; the names are",
                        name, row->max, text);
  for (size_t i = 0; i < row->name_count && length > 0 && (size_t)length < error_size; i++) {
    length += snprintf(error + length, error_size - (size_t)length, " %s", row->names[i]);
  }
  return false;
}

static bool add_to_list(runner_list *list, const char *name, const char *text, char *error, size_t error_size) {
  if (list->count == RUNNER_LIST_MAX) {
    snprintf(error, error_size, "%s may be given %d times", name, RUNNER_LIST_MAX);
    return false;
  }
  list->items[list->count++] = text;
  return true;
}

/* name: the flag or variable that the text comes from. */
bool option_store(runner_options *options, const option_row *row, const char *name, const char *text, char *error,
                  size_t error_size) {
  void *value = (char *)options + row->offset;
  double number = 0;
  switch (row->kind) {
    case SWITCH:
      *(bool *)value = true;
      return true;
    case TEXT:
      if (row->choices != NULL && text != row->fallback && !option_is_choice(row->choices, text)) {
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
    case LIST:
      return add_to_list(value, name, text, error, error_size);
    case SHARES:
      return set_shares(value, row, text) || refuse_shares(row, name, text, error, error_size);
  }
  return false;
}
