/* The REST door: one thread drives all transfers with libcurl's multi interface over kept connections, HTTP/1.1 or
 * HTTP/2. A method's route and its messages' descriptors say what to send, so no endpoint is coded here. */
#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "runner/curl_loop.h"
#include "runner/door.h"
#include "runner/json.h"
#include "runner/rest.h"

enum { MAX_TARGETS = 8, MAX_ANSWER = 16 << 20 };

typedef struct rest_exchange rest_exchange;

typedef struct gateway_door {
  runner_door super;
  runner_door_target targets[MAX_TARGETS]; /* addresses are copies */
  size_t target_count;
  uint32_t timeout_ms, max_in_flight;
  bool http2, insecure;
  char *ca_file; /* NULL: the system's */
  const char *cert_file, *key_file;
  char *token; /* NULL: none */
  curl_loop loop;
  pthread_t thread;

  pthread_mutex_t lock;
  rest_exchange *pending; /* not yet given to the thread; newest first */
  uint32_t in_flight;
  bool stopping;

  rest_exchange *running; /* the thread's own, like idle: ended handles, to be used again */
  rest_exchange *idle;
} gateway_door;

/* One call, and the handle that carries it. */
struct rest_exchange {
  gateway_door *door;
  rest_exchange *next, *previous;
  CURL *easy; /* NULL while pending */
  runner_rest_request request;
  struct curl_slist *headers;
  const api_method *method;
  uint32_t timeout_ms;
  char *answer; /* malloc'd */
  size_t answer_length, answer_capacity;
  runner_door_done_fn done;
  void *arg;
};

static size_t take_answer(char *data, size_t unit, size_t count, void *arg) {
  rest_exchange *exchange = arg;
  size_t length = unit * count;
  size_t needed = exchange->answer_length + length;
  if (needed > MAX_ANSWER) return 0; /* ends the transfer */
  if (needed > exchange->answer_capacity) {
    size_t capacity = needed < 1024 ? 1024 : 2 * needed;
    char *larger = realloc(exchange->answer, capacity);
    if (larger == NULL) return 0;
    exchange->answer = larger;
    exchange->answer_capacity = capacity;
  }
  memcpy(exchange->answer + exchange->answer_length, data, length);
  exchange->answer_length = needed;
  return length;
}

static void free_exchange(rest_exchange *exchange) {
  if (exchange->easy != NULL) curl_easy_cleanup(exchange->easy);
  runner_rest_request_free(&exchange->request);
  curl_slist_free_all(exchange->headers);
  free(exchange->answer);
  free(exchange);
}

/* The call makes room before it is told of: whoever then begins the next one finds it. */
static void complete(rest_exchange *exchange, const rpc_status *status, const ProtobufCMessage *response) {
  gateway_door *door = exchange->door;
  pthread_mutex_lock(&door->lock);
  door->in_flight--;
  pthread_mutex_unlock(&door->lock);
  exchange->done(exchange->arg, status, response);
}

/* A transfer that brought no answer. */
static rpc_status status_of_curl(CURLcode code, const rest_exchange *exchange) {
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return rpc_status_error(RPC_DEADLINE_EXCEEDED, "REQUEST_TIMEOUT", "no answer within %u ms", exchange->timeout_ms);
    case CURLE_COULDNT_CONNECT:
    case CURLE_COULDNT_RESOLVE_HOST:
      return rpc_status_error(RPC_UNAVAILABLE, "CONNECT_FAILED", "%s: %s", exchange->request.url,
                              curl_easy_strerror(code));
    default:
      return rpc_status_error(RPC_UNAVAILABLE, "CONNECTION_LOST", "%s: %s", exchange->request.url,
                              curl_easy_strerror(code));
  }
}

static void answer(rest_exchange *exchange, CURLcode code) {
  if (code != CURLE_OK) {
    rpc_status status = status_of_curl(code, exchange);
    complete(exchange, &status, NULL);
    return;
  }
  long http_status = 0;
  curl_easy_getinfo(exchange->easy, CURLINFO_RESPONSE_CODE, &http_status);
  rpc_arena arena;
  rpc_arena_init(&arena, (size_t)MAX_ANSWER * 4);
  ProtobufCMessage *response = NULL;
  rpc_status status = runner_rest_read_answer(http_status, exchange->answer, exchange->answer_length,
                                              exchange->method->output, &arena, &response);
  complete(exchange, &status, response);
  rpc_arena_free(&arena);
}

/* The exchange lends its easy handle, whose connection settings stay, to the next one. */
static void retire(gateway_door *door, rest_exchange *exchange) {
  if (exchange->previous != NULL)
    exchange->previous->next = exchange->next;
  else
    door->running = exchange->next;
  if (exchange->next != NULL) exchange->next->previous = exchange->previous;
  curl_multi_remove_handle(door->loop.multi, exchange->easy);
  exchange->next = door->idle;
  door->idle = exchange;
}

/* What is the same for every request. */
static void set_up(const gateway_door *door, CURL *easy) {
  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(easy, CURLOPT_NOPROXY, "*"); /* the store is near */
  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_answer);
  bool tls = strncmp(door->targets[0].address, "https:", 6) == 0;
  long version = CURL_HTTP_VERSION_1_1;
  /* Without TLS by upgrade: by prior knowledge, libcurl 7.88.1 cannot use a connection twice. */
  if (door->http2) version = tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_0;
  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, version);
  curl_easy_setopt(easy, CURLOPT_PIPEWAIT, door->http2 ? 1L : 0L); /* streams of one connection, not more of them */
  if (door->ca_file != NULL) curl_easy_setopt(easy, CURLOPT_CAINFO, door->ca_file);
  if (door->cert_file != NULL) curl_easy_setopt(easy, CURLOPT_SSLCERT, door->cert_file);
  if (door->key_file != NULL) curl_easy_setopt(easy, CURLOPT_SSLKEY, door->key_file);
  if (door->insecure) {
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
  }
}

/* Handles and buffers of an idle exchange go to a new one. */
static void equip(gateway_door *door, rest_exchange *exchange) {
  rest_exchange *idle = door->idle;
  if (idle == NULL) {
    exchange->easy = curl_easy_init();
    if (exchange->easy != NULL) set_up(door, exchange->easy);
    return;
  }
  door->idle = idle->next;
  exchange->easy = idle->easy;
  exchange->answer = idle->answer;
  exchange->answer_capacity = idle->answer_capacity;
  idle->easy = NULL;
  idle->answer = NULL;
  free_exchange(idle);
}

static void begin(gateway_door *door, rest_exchange *exchange) {
  equip(door, exchange);
  CURL *easy = exchange->easy;
  if (easy == NULL) {
    rpc_status status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for a request");
    complete(exchange, &status, NULL);
    free_exchange(exchange);
    return;
  }
  curl_easy_setopt(easy, CURLOPT_URL, exchange->request.url);
  curl_easy_setopt(easy, CURLOPT_HTTPHEADER, exchange->headers);
  curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)exchange->timeout_ms);
  curl_easy_setopt(easy, CURLOPT_WRITEDATA, exchange);
  curl_easy_setopt(easy, CURLOPT_PRIVATE, exchange);
  if (exchange->request.body != NULL) {
    curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, (long)strlen(exchange->request.body));
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, exchange->request.body);
  } else {
    curl_easy_setopt(easy, CURLOPT_HTTPGET, 1L);
  }
  curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, exchange->request.http_method);
  exchange->previous = NULL;
  exchange->next = door->running;
  if (door->running != NULL) door->running->previous = exchange;
  door->running = exchange;
  curl_multi_add_handle(door->loop.multi, easy);
}

/* Begins what was called for, in that order. True: the door is to be destroyed. */
static bool begin_pending(gateway_door *door) {
  pthread_mutex_lock(&door->lock);
  rest_exchange *newest_first = door->pending;
  door->pending = NULL;
  bool stopping = door->stopping;
  pthread_mutex_unlock(&door->lock);
  rest_exchange *oldest_first = NULL;
  while (newest_first != NULL) {
    rest_exchange *exchange = newest_first;
    newest_first = exchange->next;
    exchange->next = oldest_first;
    oldest_first = exchange;
  }
  while (oldest_first != NULL) {
    rest_exchange *exchange = oldest_first;
    oldest_first = exchange->next;
    begin(door, exchange);
  }
  return stopping;
}

static void end_finished(gateway_door *door) {
  int left;
  for (CURLMsg *message; (message = curl_multi_info_read(door->loop.multi, &left)) != NULL;) {
    if (message->msg != CURLMSG_DONE) continue;
    CURLcode code = message->data.result;
    rest_exchange *exchange;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&exchange);
    answer(exchange, code);
    retire(door, exchange);
  }
}

static void *drive(void *arg) {
  gateway_door *door = arg;
  while (!begin_pending(door)) {
    curl_loop_turn(&door->loop);
    end_finished(door);
  }
  rpc_status status = rpc_status_error(RPC_CANCELLED, "", "the door is closed");
  while (door->running != NULL) {
    rest_exchange *exchange = door->running;
    complete(exchange, &status, NULL);
    retire(door, exchange);
  }
  while (door->idle != NULL) {
    rest_exchange *exchange = door->idle;
    door->idle = exchange->next;
    free_exchange(exchange);
  }
  return NULL;
}

static const char *base_url_of(const gateway_door *door, const api_method *method) {
  for (size_t i = 0; i < door->target_count; i++) {
    const api_service *service = door->targets[i].service;
    for (size_t j = 0; j < service->method_count; j++) {
      if (method == &service->methods[j]) return door->targets[i].address;
    }
  }
  return NULL;
}

static bool add_header(struct curl_slist **headers, const char *name, const char *value) {
  char line[1200];
  if (value == NULL) return true;
  snprintf(line, sizeof line, "%s: %s", name, value);
  struct curl_slist *longer = curl_slist_append(*headers, line);
  if (longer != NULL) *headers = longer;
  return longer != NULL;
}

static bool add_token(struct curl_slist **headers, const char *token) {
  char bearer[1100];
  if (token == NULL) return true;
  snprintf(bearer, sizeof bearer, "Bearer %s", token);
  return add_header(headers, "Authorization", bearer);
}

static rest_exchange *make_exchange(gateway_door *door, const api_method *method, const ProtobufCMessage *request,
                                    const runner_door_options *options) {
  static const runner_door_options no_options = {0};
  if (options == NULL) options = &no_options;
  rest_exchange *exchange = calloc(1, sizeof *exchange);
  if (exchange == NULL) return NULL;
  exchange->door = door;
  exchange->method = method;
  exchange->timeout_ms = options->timeout_ms > 0 ? options->timeout_ms : door->timeout_ms;
  const char *type = method->routes[0].body[0] != '\0' ? "application/json" : NULL;
  if (!runner_rest_request_make(&exchange->request, base_url_of(door, method), &method->routes[0], request) ||
      !add_header(&exchange->headers, "Content-Type", type) ||
      !add_header(&exchange->headers, "X-Correlation-ID", options->correlation_id) ||
      !add_header(&exchange->headers, "Idempotency-Key", options->idempotency_key) ||
      !add_token(&exchange->headers, door->token)) {
    free_exchange(exchange);
    return NULL;
  }
  return exchange;
}

static void call(runner_door *super, const api_method *method, const ProtobufCMessage *request,
                 const runner_door_options *options, runner_door_done_fn done, void *arg) {
  gateway_door *door = (gateway_door *)super;
  rpc_status status = rpc_status_error(RPC_UNIMPLEMENTED, "NO_ROUTE", "no route to %s", method->name);
  rest_exchange *exchange = NULL;
  if (method->route_count == 0 || base_url_of(door, method) == NULL) goto refuse;
  status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "TOO_MANY_IN_FLIGHT", "%u requests are under way or memory is out",
                            door->max_in_flight);
  exchange = make_exchange(door, method, request, options);
  if (exchange == NULL) goto refuse;
  exchange->done = done;
  exchange->arg = arg;
  pthread_mutex_lock(&door->lock);
  bool full = door->in_flight >= door->max_in_flight, first = door->pending == NULL;
  if (!full) {
    door->in_flight++;
    exchange->next = door->pending;
    door->pending = exchange;
  }
  pthread_mutex_unlock(&door->lock);
  if (full) goto refuse;
  if (first) curl_loop_wake(&door->loop);
  return;

refuse:
  if (exchange != NULL) free_exchange(exchange);
  done(arg, &status, NULL);
}

static void free_door(gateway_door *door) {
  for (size_t i = 0; i < door->target_count; i++) free((char *)(uintptr_t)door->targets[i].address);
  free(door->ca_file);
  free(door->token);
  curl_loop_close(&door->loop);
  pthread_mutex_destroy(&door->lock);
  free(door);
}

static void destroy(runner_door *super) {
  gateway_door *door = (gateway_door *)super;
  pthread_mutex_lock(&door->lock);
  door->stopping = true;
  pthread_mutex_unlock(&door->lock);
  curl_loop_wake(&door->loop);
  pthread_join(door->thread, NULL);
  free_door(door);
}

runner_door *runner_door_create_gateway(const runner_door_config *config, rpc_status *status) {
  gateway_door *door = calloc(1, sizeof *door);
  assert(config->target_count >= 1 && config->target_count <= MAX_TARGETS);
  if (door == NULL) goto no_memory;
  door->super = (runner_door){.call = call, .destroy = destroy};
  door->timeout_ms = config->timeout_ms;
  door->max_in_flight = config->max_in_flight;
  door->http2 = config->http2;
  door->insecure = config->insecure;
  pthread_mutex_init(&door->lock, NULL);
  if (!curl_loop_open(&door->loop, (long)config->max_in_flight)) goto no_memory;
  door->cert_file = config->cert_file;
  door->key_file = config->key_file;
  if (config->token != NULL && (door->token = strdup(config->token)) == NULL) goto no_memory;
  if (config->ca_file != NULL && (door->ca_file = strdup(config->ca_file)) == NULL) goto no_memory;
  for (; door->target_count < config->target_count; door->target_count++) {
    runner_door_target *target = &door->targets[door->target_count];
    target->service = config->targets[door->target_count].service;
    target->address = strdup(config->targets[door->target_count].address);
    if (target->address == NULL) goto no_memory;
  }
  if (pthread_create(&door->thread, NULL, drive, door) != 0) goto no_memory;
  return &door->super;

no_memory:
  *status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory or thread for a door");
  if (door != NULL) free_door(door);
  return NULL;
}
