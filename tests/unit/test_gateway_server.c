/* The gateway over real sockets, both sides: libcurl in front, RPC servers with handlers of this test behind. A handler
 * does what the id in its request says: the name of a status code fails with it, SLOW waits, all else is echoed. */
#include <curl/curl.h>
#include <jansson.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "gateway/server.h"
#include "rpc/listener.h"
#include "rpc/server.h"
#include "store/v1/order.pb-c.h"

enum { BACKENDS = 3, SLOW_MS = 300, TIMEOUT_S = 20 };

static const api_service *const services[BACKENDS] = {&api_store_v1_order_service, &api_store_v1_payment_service,
                                                      &api_store_v1_inventory_service};

typedef struct fixture {
  rpc_clock *clock;
  rpc_random random;
  metrics_registry *metrics;
  trace_recorder *traces;
  rpc_server *servers[BACKENDS];
  rpc_listener *listeners[BACKENDS];
  gateway_backend backends[BACKENDS];
  gateway *server;
  bool is_stopped;
} fixture;

/* -- behind the gateway ---------------------------------------------------------------------------------------------
 */

/* Orders are answered with what came beside the request, in fields that have nothing to do with it. */
static void reply(rpc_call *call, const char *id) {
  const ProtobufCMessageDescriptor *output = rpc_call_api(call)->output;
  ProtobufCMessage *message = rpc_arena_alloc(rpc_call_arena(call), output->sizeof_message);
  output->message_init(message);
  if (output == &store__v1__order__descriptor) {
    Store__V1__Order *order = (Store__V1__Order *)message;
    char *trace = rpc_arena_alloc(rpc_call_arena(call), TRACE_PARENT_SIZE);
    trace_context_format(rpc_call_trace(call), trace);
    const char *key = rpc_call_metadata(call, RPC_METADATA_IDEMPOTENCY_KEY);
    const char *authorization = rpc_call_metadata(call, RPC_METADATA_AUTHORIZATION);
    order->order_id = (char *)id;
    order->total_amount = 1999.98;
    order->correlation_id = (char *)rpc_call_correlation_id(call);
    order->shipping_address = trace;
    if (authorization) order->customer_id = (char *)authorization;
    if (key) order->payment_id = (char *)key;
  } else if (output == &store__v1__create_order_response__descriptor) {
    const char *key = rpc_call_metadata(call, RPC_METADATA_IDEMPOTENCY_KEY);
    if (key) ((Store__V1__CreateOrderResponse *)message)->order_id = (char *)key;
  }
  rpc_call_reply(call, message);
}

static void on_slow(void *arg) {
  reply(arg, "SLOW");
}

static bool invoke(const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *request) {
  (void)handlers;
  (void)method;
  (void)self;
  const ProtobufCFieldDescriptor *first = &request->descriptor->fields[0];
  const char *id = first->type == PROTOBUF_C_TYPE_STRING && first->label != PROTOBUF_C_LABEL_REPEATED
                       ? *(char *const *)(const void *)((const char *)request + first->offset)
                       : "";
  rpc_code code;
  if (strcmp(id, "SLOW") == 0) {
    int64_t due = rpc_clock_now_us(rpc_call_clock(call)) + SLOW_MS * 1000;
    rpc_clock_set(rpc_call_clock(call), rpc_call_timer(call), due, on_slow, call);
  } else if (rpc_code_from_name(id, &code) && code != RPC_OK) {
    rpc_status status = rpc_status_error(code, "SOME_REASON", "it is so");
    snprintf(status.field, sizeof status.field, "a.b[0]");
    rpc_status_set_fact(&status, "order_id", "ORD-7");
    rpc_call_fail(call, &status);
  } else {
    reply(call, id);
  }
  return true;
}

static void start_backend(fixture *f, int i) {
  f->servers[i] = rpc_server_create(
      &(rpc_server_config){.name = services[i]->name, .clock = f->clock, .random = &f->random, .metrics = f->metrics});
  rpc_server_add_service(f->servers[i], services[i], invoke, NULL, NULL);
  rpc_status status;
  f->listeners[i] = rpc_listener_create(f->servers[i], "tcp://127.0.0.1:0", NULL, &status);
  if (!f->listeners[i]) fail_msg("%s", status.message);
  char url[64];
  snprintf(url, sizeof url, "tcp://127.0.0.1:%u", rpc_listener_port(f->listeners[i]));
  rpc_client *client = rpc_client_create(&(rpc_client_config){.target = services[i]->name,
                                                              .transport = rpc_transport_create_nng(url, NULL, &status),
                                                              .clock = f->clock,
                                                              .random = &f->random,
                                                              .metrics = f->metrics,
                                                              .traces = f->traces,
                                                              .max_attempts = 1});
  assert_non_null(client);
  for (int waited = 0; !rpc_client_connected(client) && waited < 5000; waited++) usleep(1000);
  assert_true(rpc_client_connected(client));
  f->backends[i] = (gateway_backend){.name = services[i]->name, .client = client};
}

static fixture *start(gateway_config config) {
  fixture *f = calloc(1, sizeof *f);
  f->clock = rpc_clock_create();
  f->metrics = metrics_registry_create();
  f->traces = trace_recorder_create("gateway", 256);
  rpc_random_init(&f->random, 1);
  for (int i = 0; i < BACKENDS; i++) start_backend(f, i);
  config.backends = f->backends;
  config.backend_count = BACKENDS;
  config.clock = f->clock;
  config.random = &f->random;
  config.metrics = f->metrics;
  config.traces = f->traces;
  rpc_status status;
  f->server = gateway_create(&config, &status);
  if (!f->server) fail_msg("%s", status.message);
  return f;
}

static void stop(fixture *f) {
  if (!f->is_stopped) assert_true(gateway_stop(f->server, 10000));
  for (int i = 0; i < BACKENDS; i++) {
    rpc_client_destroy(f->backends[i].client);
    rpc_server_drain(f->servers[i], 5000);
    rpc_listener_destroy(f->listeners[i]);
    rpc_server_destroy(f->servers[i]);
  }
  gateway_destroy(f->server);
  trace_recorder_destroy(f->traces);
  metrics_registry_destroy(f->metrics);
  rpc_clock_destroy(f->clock);
  free(f);
}

/* -- in front of it -------------------------------------------------------------------------------------------------
 */

typedef struct text {
  char *bytes;
  size_t length;
} text;

typedef struct response {
  CURLcode outcome;
  long status;
  long connects;
  text headers;
  text body;
  json_t *json; /* NULL where the body is none */
} response;

typedef struct request {
  const char *method; /* NULL: GET */
  const char *path;
  const char *body;
  size_t body_size; /* 0: strlen */
  const char *headers[6];
  bool http2;
  long timeout_ms;
  int port; /* index of a backend + 1; 0: all services */
} request;

static size_t take(char *bytes, size_t size, size_t count, void *arg) {
  text *all = arg;
  all->bytes = realloc(all->bytes, all->length + size * count + 1);
  memcpy(all->bytes + all->length, bytes, size * count);
  all->length += size * count;
  all->bytes[all->length] = '\0';
  return size * count;
}

static struct curl_slist *prepare(CURL *curl, const fixture *f, const request *r, response *out) {
  char url[9000];
  int port = gateway_port(f->server, r->port ? (size_t)r->port - 1 : BACKENDS);
  snprintf(url, sizeof url, "http://127.0.0.1:%d%s", port, r->path);
  curl_easy_setopt(curl, CURLOPT_URL, url);
  curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
  curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, r->timeout_ms ? r->timeout_ms : TIMEOUT_S * 1000L);
  curl_easy_setopt(curl, CURLOPT_HTTP_VERSION,
                   r->http2 ? (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE : (long)CURL_HTTP_VERSION_1_1);
  struct curl_slist *headers = curl_slist_append(NULL, "Expect:");
  if (r->body) {
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, r->body);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE, r->body_size ? (long)r->body_size : (long)strlen(r->body));
    bool is_typed = r->headers[0] && strncasecmp(r->headers[0], "Content-Type", 12) == 0;
    if (!is_typed) headers = curl_slist_append(headers, "Content-Type: application/json");
  }
  for (int i = 0; i < 6 && r->headers[i]; i++) headers = curl_slist_append(headers, r->headers[i]);
  if (r->method && strcmp(r->method, "HEAD") == 0) curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
  if (r->method) curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, r->method);
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &out->body);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, take);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &out->headers);
  return headers;
}

static void finish(CURL *curl, response *out) {
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
  curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &out->connects);
  if (out->body.bytes) out->json = json_loadb(out->body.bytes, out->body.length, JSON_REJECT_DUPLICATES, NULL);
}

static void clear(response *out) {
  free(out->headers.bytes);
  free(out->body.bytes);
  json_decref(out->json);
  *out = (response){.status = 0};
}

static response ask_on(CURL *curl, const fixture *f, request r) {
  response out = {.status = 0};
  struct curl_slist *headers = prepare(curl, f, &r, &out);
  out.outcome = curl_easy_perform(curl);
  finish(curl, &out);
  curl_slist_free_all(headers);
  return out;
}

static response ask(const fixture *f, request r) {
  CURL *curl = curl_easy_init();
  response out = ask_on(curl, f, r);
  curl_easy_cleanup(curl);
  return out;
}

static const char *member(const response *r, const char *key) {
  const char *value = json_string_value(json_object_get(r->json, key));
  return value ? value : "";
}

/* A header line, as in the response. */
static bool has_header(const response *r, const char *line) {
  return r->headers.bytes && strcasestr(r->headers.bytes, line) != NULL;
}

static int connect_to(const fixture *f) {
  struct sockaddr_in address = {.sin_family = AF_INET,
                                .sin_port = htons(gateway_port(f->server, BACKENDS)),
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (connect(fd, (struct sockaddr *)&address, sizeof address) != 0) {
    close(fd);
    return -1;
  }
  return fd;
}

static int start_default(void **state) {
  *state = start((gateway_config){.max_body = 4096});
  return 0;
}

static int stop_default(void **state) {
  stop(*state);
  return 0;
}

/* -- tests ----------------------------------------------------------------------------------------------------------
 */

static void a_call_is_answered_over_http_1_and_2(void **state) {
  fixture *f = *state;
  for (int http2 = 0; http2 < 2; http2++) {
    response r = ask(f, (request){.path = "/orders/ORD-1", .http2 = http2});
    assert_int_equal(r.status, 200);
    assert_true(has_header(&r, http2 ? "HTTP/2 200" : "HTTP/1.1 200 OK"));
    assert_true(has_header(&r, "content-type: application/json\r\n"));
    assert_string_equal(member(&r, "order_id"), "ORD-1");
    assert_non_null(strstr(r.body.bytes, "\"total_amount\":1999.98,"));
    assert_true(json_is_array(json_object_get(r.json, "items")));
    assert_null(json_object_get(r.json, "failure"));
    clear(&r);
  }
}

static void a_write_without_a_key_gets_one_of_its_own(void **state) {
  fixture *f = *state;
  response first = ask(f, (request){.path = "/orders", .body = "{}"});
  response second = ask(f, (request){.path = "/orders", .body = "{}"});
  response keyed = ask(f, (request){.path = "/orders", .body = "{}", .headers = {"Idempotency-Key: mine"}});
  assert_int_equal(strlen(member(&first, "order_id")), 32);
  assert_int_equal(strlen(member(&second, "order_id")), 32);
  assert_string_not_equal(member(&first, "order_id"), member(&second, "order_id"));
  assert_string_equal(member(&keyed, "order_id"), "mine");
  clear(&first);
  clear(&second);
  clear(&keyed);
}

static void what_comes_beside_a_request_travels_with_the_call(void **state) {
  fixture *f = *state;
  response r =
      ask(f, (request){.path = "/orders/ORD-1",
                       .headers = {"X-Correlation-ID: corr-1", "Idempotency-Key: key-1", "Authorization: Bearer abc",
                                   "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}});
  assert_int_equal(r.status, 200);
  assert_true(has_header(&r, "x-correlation-id: corr-1\r\n"));
  assert_string_equal(member(&r, "correlation_id"), "corr-1");
  assert_string_equal(member(&r, "payment_id"), "key-1");
  assert_string_equal(member(&r, "customer_id"), "Bearer abc");
  assert_memory_equal(member(&r, "shipping_address"), "00-0af7651916cd43dd8448eb211c80319c-", 36);
  clear(&r);
  trace_record spans[8];
  size_t count = trace_recorder_find(f->traces, "corr-1", spans, 8);
  bool found = false;
  for (size_t i = 0; i < count; i++) {
    if (spans[i].kind != TRACE_SERVER) continue;
    found = true;
    assert_string_equal(spans[i].name, "GET /orders/{order_id}");
    assert_memory_equal(spans[i].parent_id, "\xb7\xad\x6b\x71\x69\x20\x33\x31", 8);
  }
  assert_true(found);
}

static void a_correlation_id_is_made_where_none_is_given(void **state) {
  fixture *f = *state;
  response r = ask(f, (request){.path = "/orders/ORD-1"});
  char header[128];
  assert_int_equal(strlen(member(&r, "correlation_id")), 32);
  snprintf(header, sizeof header, "x-correlation-id: %s\r\n", member(&r, "correlation_id"));
  assert_true(has_header(&r, header));
  clear(&r);
}

static void every_status_of_a_call_has_its_http_status_and_details(void **state) {
  fixture *f = *state;
  static const int http[RPC_CODE_COUNT] = {200, 499, 500, 400, 504, 404, 409, 403, 429,
                                           400, 409, 400, 501, 500, 503, 500, 401};
  for (int code = 1; code < RPC_CODE_COUNT; code++) {
    char path[64];
    snprintf(path, sizeof path, "/orders/%s", rpc_code_name((rpc_code)code));
    response r = ask(f, (request){.path = path});
    assert_int_equal(r.status, http[code]);
    assert_true(has_header(&r, "content-type: application/problem+json\r\n"));
    assert_string_equal(member(&r, "code"), rpc_code_name((rpc_code)code));
    assert_string_equal(member(&r, "type"), "/problems/some-reason");
    assert_string_equal(member(&r, "reason"), "SOME_REASON");
    assert_string_equal(member(&r, "detail"), "it is so");
    assert_string_equal(member(&r, "field"), "a.b[0]");
    assert_string_equal(member(&r, "order_id"), "ORD-7");
    assert_int_equal(json_integer_value(json_object_get(r.json, "status")), http[code]);
    assert_true(strlen(member(&r, "correlation_id")) > 0);
    clear(&r);
  }
}

static void requests_that_http_refuses_are_problems_too(void **state) {
  fixture *f = *state;
  static char large[8000], huge[80000], long_path[8500];
  memset(large, ' ', sizeof large - 1);
  memset(huge, ' ', sizeof huge - 1);
  memset(long_path, 'a', sizeof long_path - 1);
  memcpy(long_path, "/orders/", 8);
  char deep[2001];
  memset(deep, '[', sizeof deep - 1);
  deep[sizeof deep - 1] = '\0';
  const struct {
    request request;
    int status;
    const char *reason, *header;
  } rows[] = {
      {{.path = "/nope"}, 404, "NO_SUCH_ENDPOINT", ""},
      {{.path = "/orders/"}, 404, "NO_SUCH_ENDPOINT", ""},
      {{.path = "/orders", .method = "DELETE"}, 405, "METHOD_NOT_ALLOWED", "allow: GET, HEAD, POST\r\n"},
      {{.path = "/health", .method = "POST"}, 405, "METHOD_NOT_ALLOWED", "allow: GET, HEAD\r\n"},
      {{.path = "/orders/%zz"}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders?page_size=x"}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders", .body = "{\"customer_id\":5}"}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders", .body = "{"}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders", .body = deep}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders", .body = large}, 413, "BODY_TOO_LARGE", ""},
      {{.path = "/orders", .body = huge}, 413, "BODY_TOO_LARGE", "connection: close\r\n"},
      {{.path = "/orders", .body = large, .http2 = true}, 413, "BODY_TOO_LARGE", ""},
      {{.path = long_path}, 414, "URI_TOO_LONG", ""},
      {{.path = "/orders", .body = "x", .headers = {"Content-Type: text/plain"}}, 415, "UNSUPPORTED_MEDIA_TYPE", ""},
      {{.path = "/orders/1", .headers = {"X-Correlation-ID: a b"}}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders/1", .headers = {"X-Correlation-ID;"}}, 400, "INVALID_FIELD", ""},
      {{.path = "/orders/1", .headers = {"Request-Timeout: soon"}}, 400, "INVALID_FIELD", ""},
      {{.path = "/metrics?service=nope"}, 400, "INVALID_FIELD", ""},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    response r = ask(f, rows[i].request);
    if (r.status != rows[i].status || strcmp(member(&r, "reason"), rows[i].reason) != 0) {
      fail_msg("%.40s: %ld %s", rows[i].request.path, r.status,
               r.body.bytes ? r.body.bytes : curl_easy_strerror(r.outcome));
    }
    assert_true(has_header(&r, "content-type: application/problem+json\r\n"));
    assert_true(has_header(&r, "x-correlation-id: "));
    assert_true(has_header(&r, rows[i].header));
    assert_int_equal(json_integer_value(json_object_get(r.json, "status")), rows[i].status);
    clear(&r);
  }
}

static void a_body_without_content_type_or_in_chunks_is_taken(void **state) {
  fixture *f = *state;
  response r = ask(f, (request){.path = "/orders", .body = "{\"customer_id\":\"c\"}", .headers = {"Content-Type:"}});
  assert_int_equal(r.status, 200);
  clear(&r);
  r = ask(f,
          (request){.path = "/orders", .body = "{\"customer_id\":\"c\"}", .headers = {"Transfer-Encoding: chunked"}});
  assert_int_equal(r.status, 200);
  clear(&r);
}

static void head_is_get_without_the_body(void **state) {
  fixture *f = *state;
  for (int http2 = 0; http2 < 2; http2++) {
    response r = ask(f, (request){.method = "HEAD", .path = "/orders/ORD-1", .http2 = http2});
    assert_int_equal(r.status, 200);
    assert_int_equal(r.body.length, 0);
    assert_true(has_header(&r, "content-length: "));
    assert_false(has_header(&r, "content-length: 0\r\n"));
    clear(&r);
  }
}

static void a_connection_is_kept_for_the_next_request(void **state) {
  fixture *f = *state;
  CURL *curl = curl_easy_init();
  for (int i = 0; i < 5; i++) {
    response r = ask_on(curl, f, (request){.path = i % 2 ? "/orders/NOT_FOUND" : "/orders/ORD-1"});
    assert_int_equal(r.status, i % 2 ? 404 : 200);
    assert_int_equal(r.connects, i == 0 ? 1 : 0);
    clear(&r);
  }
  curl_easy_cleanup(curl);
}

static void a_request_timeout_becomes_the_deadline_of_the_call(void **state) {
  fixture *f = *state;
  response r = ask(f, (request){.path = "/orders/SLOW", .headers = {"Request-Timeout: 50ms"}});
  assert_int_equal(r.status, 504);
  assert_string_equal(member(&r, "code"), "DEADLINE_EXCEEDED");
  clear(&r);
  r = ask(f, (request){.path = "/orders/SLOW", .headers = {"Request-Timeout: 10s"}});
  assert_int_equal(r.status, 200);
  clear(&r);
}

static void a_port_of_a_service_has_its_routes_alone(void **state) {
  fixture *f = *state;
  static const struct {
    int port;
    const char *path;
    int status;
  } rows[] = {{0, "/orders/1", 200}, {0, "/payments/1", 200}, {0, "/inventory/1", 200},
              {1, "/orders/1", 200}, {1, "/payments/1", 404}, {1, "/inventory/1", 404},
              {2, "/orders/1", 404}, {2, "/payments/1", 200}, {3, "/inventory/1", 200}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    response r = ask(f, (request){.path = rows[i].path, .port = rows[i].port});
    assert_int_equal(r.status, rows[i].status);
    clear(&r);
  }
}

static void the_pages_answer_on_every_port(void **state) {
  fixture *f = *state;
  for (int port = 0; port <= BACKENDS; port++) {
    response r = ask(f, (request){.path = "/health", .port = port});
    assert_int_equal(r.status, 200);
    assert_string_equal(member(&r, "status"), "SERVING");
    assert_string_equal(member(&r, "service"), port ? services[port - 1]->name : "gateway");
    assert_int_equal(json_array_size(json_object_get(r.json, "services")), port ? 0 : BACKENDS);
    clear(&r);
    r = ask(f, (request){.path = "/metrics", .port = port});
    assert_int_equal(r.status, 200);
    assert_true(has_header(&r, "content-type: text/plain; version=0.0.4"));
    assert_non_null(strstr(r.body.bytes, "# TYPE process_cpu_seconds_total counter"));
    clear(&r);
    r = ask(f, (request){.path = "/openapi.json", .port = port});
    assert_string_equal(member(&r, "openapi"), "3.1.0");
    clear(&r);
    r = ask(f, (request){.path = "/", .port = port});
    assert_non_null(strstr(r.body.bytes, "GET /health"));
    assert_int_equal(strstr(r.body.bytes, "POST /orders") != NULL, port < 2);
    clear(&r);
  }
  response r = ask(f, (request){.path = "/metrics?service=payment"});
  assert_int_equal(r.status, 200);
  clear(&r);
}

static void requests_are_counted_by_route_and_status(void **state) {
  fixture *f = *state;
  for (int i = 0; i < 3; i++) {
    response r = ask(f, (request){.path = i ? "/payments/P1" : "/payments/NOT_FOUND"});
    clear(&r);
  }
  response r = ask(f, (request){.path = "/metrics"});
  assert_non_null(strstr(
      r.body.bytes, "http_server_requests_total{method=\"GET\",route=\"/payments/{payment_id}\",code=\"404\"} 1\n"));
  assert_non_null(strstr(r.body.bytes, "http_server_requests_in_flight 1\n")); /* the scrape itself */
  assert_non_null(strstr(
      r.body.bytes, "http_server_request_duration_seconds_count{method=\"GET\",route=\"/payments/{payment_id}\"}"));
  clear(&r);
}

static void health_is_503_while_a_service_is_not_serving(void **state) {
  (void)state;
  fixture *f = start((gateway_config){.max_body = 0});
  assert_true(rpc_server_drain(f->servers[1], 1000));
  static const int expected[] = {503, 200, 503, 200};
  for (int port = 0; port <= BACKENDS; port++) {
    response r = ask(f, (request){.path = "/health", .port = port});
    assert_int_equal(r.status, expected[port]);
    assert_string_equal(member(&r, "status"), expected[port] == 200 ? "SERVING" : "NOT_SERVING");
    clear(&r);
  }
  rpc_listener_destroy(f->listeners[1]);
  f->listeners[1] = NULL;
  response r = ask(f, (request){.path = "/health"});
  assert_int_equal(r.status, 503);
  assert_string_equal(
      json_string_value(json_object_get(json_array_get(json_object_get(r.json, "services"), 1), "service")), "payment");
  clear(&r);
  r = ask(f, (request){.path = "/payments/1"});
  assert_int_equal(r.status, 503);
  assert_true(has_header(&r, "retry-after: "));
  clear(&r);
  stop(f);
}

/* Many transfers at once; counts those that end with `status`. */
static int ask_many(const fixture *f, int count, const char *path, bool http2, long timeout_ms, long status) {
  CURLM *multi = curl_multi_init();
  curl_multi_setopt(multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING); /* curl 7.88 trips over itself otherwise */
  CURL **curls = calloc((size_t)count, sizeof *curls);
  response *responses = calloc((size_t)count, sizeof *responses);
  struct curl_slist **headers = calloc((size_t)count, sizeof *headers);
  for (int i = 0; i < count; i++) {
    curls[i] = curl_easy_init();
    headers[i] =
        prepare(curls[i], f, &(request){.path = path, .http2 = http2, .timeout_ms = timeout_ms}, &responses[i]);
    curl_multi_add_handle(multi, curls[i]);
  }
  int running = 1;
  while (running) {
    curl_multi_perform(multi, &running);
    if (running) curl_multi_poll(multi, NULL, 0, 1000, NULL);
  }
  int matching = 0;
  for (int i = 0; i < count; i++) {
    finish(curls[i], &responses[i]);
    if (responses[i].status == status) matching++;
    clear(&responses[i]);
    curl_multi_remove_handle(multi, curls[i]);
    curl_easy_cleanup(curls[i]);
    curl_slist_free_all(headers[i]);
  }
  free(curls);
  free(responses);
  free(headers);
  curl_multi_cleanup(multi);
  return matching;
}

static void a_hundred_requests_at_once_are_all_answered(void **state) {
  fixture *f = *state;
  for (int http2 = 0; http2 < 2; http2++) {
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    assert_int_equal(ask_many(f, 100, "/orders/SLOW", http2, 0, 200), 100);
    clock_gettime(CLOCK_MONOTONIC, &to);
    assert_true(to.tv_sec - from.tv_sec < 100 * SLOW_MS / 1000 / 2); /* not one after the other */
  }
}

static void clients_that_leave_early_harm_nobody(void **state) {
  fixture *f = *state;
  assert_int_equal(ask_many(f, 20, "/orders/SLOW", true, 100, 0), 20);
  assert_int_equal(ask_many(f, 20, "/orders/SLOW", false, 100, 0), 20);
  for (int i = 0; i < 20; i++) {
    int fd = connect_to(f);
    static const char half[] = "POST /orders HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"cus";
    assert_int_equal(write(fd, half, sizeof half - 1), sizeof half - 1);
    close(fd);
  }
  response r = ask(f, (request){.path = "/orders/ORD-1"});
  assert_int_equal(r.status, 200);
  clear(&r);
}

/* Whether the peer closes the connection within the time. */
static bool is_closed(int fd, int timeout_ms) {
  struct pollfd poller = {.fd = fd, .events = POLLIN};
  char byte[512];
  while (poll(&poller, 1, timeout_ms) == 1) {
    if (read(fd, byte, sizeof byte) <= 0) return true;
  }
  return false;
}

static void a_client_that_dawdles_is_let_go(void **state) {
  (void)state;
  fixture *f = start((gateway_config){.request_timeout_ms = 200});
  int fd = connect_to(f);
  static const char half[] = "GET /orders/1 HTTP/1.1\r\nHost: x\r\nX-Sl";
  assert_int_equal(write(fd, half, sizeof half - 1), sizeof half - 1);
  assert_true(is_closed(fd, 5000));
  close(fd);
  stop(f);
}

static void bytes_that_are_not_http_get_a_400_and_the_door(void **state) {
  fixture *f = *state;
  int fd = connect_to(f);
  static const char noise[] = "\x16\x03\x01 not http\r\n\r\n";
  assert_int_equal(write(fd, noise, sizeof noise - 1), sizeof noise - 1);
  char answer[64] = "";
  assert_true(read(fd, answer, sizeof answer - 1) > 0);
  assert_memory_equal(answer, "HTTP/1.1 400", 12);
  assert_true(is_closed(fd, 5000));
  close(fd);
}

static void past_the_bound_requests_are_refused_at_once(void **state) {
  (void)state;
  fixture *f = start((gateway_config){.max_in_flight = 10});
  assert_int_equal(ask_many(f, 15, "/orders/SLOW", false, 0, 429), 5);
  assert_int_equal(ask_many(f, 10, "/orders/SLOW", false, 0, 200), 10);
  stop(f);
}

static void past_the_bound_connections_wait_for_one_to_end(void **state) {
  (void)state;
  fixture *f = start((gateway_config){.max_connections = 2});
  int first = connect_to(f), second = connect_to(f);
  usleep(50000); /* both are accepted, or the third would be in their place and the test still pass */
  response r = ask(f, (request){.path = "/", .timeout_ms = 200});
  assert_int_equal(r.outcome, CURLE_OPERATION_TIMEDOUT);
  clear(&r);
  close(first);
  r = ask(f, (request){.path = "/"});
  assert_int_equal(r.status, 200);
  clear(&r);
  close(second);
  stop(f);
}

typedef struct background {
  fixture *f;
  response out;
} background;

static void *ask_slowly(void *arg) {
  background *b = arg;
  b->out = ask(b->f, (request){.path = "/orders/SLOW"});
  return NULL;
}

static void stopping_answers_what_is_in_flight_and_takes_no_more(void **state) {
  (void)state;
  fixture *f = start((gateway_config){.max_body = 0});
  int idle = connect_to(f);
  background b = {.f = f};
  pthread_t thread;
  pthread_create(&thread, NULL, ask_slowly, &b);
  usleep(SLOW_MS * 1000 / 3);
  assert_true(gateway_stop(f->server, 10000));
  f->is_stopped = true;
  pthread_join(thread, NULL);
  assert_int_equal(b.out.status, 200);
  assert_true(has_header(&b.out, "connection: close\r\n"));
  clear(&b.out);
  assert_int_equal(connect_to(f), -1);
  static const char late[] = "GET /orders/1 HTTP/1.1\r\nHost: x\r\n\r\n";
  assert_int_equal(write(idle, late, sizeof late - 1), sizeof late - 1);
  char answer[64] = "";
  assert_true(read(idle, answer, sizeof answer - 1) > 0);
  assert_memory_equal(answer, "HTTP/1.1 503", 12);
  close(idle);
  stop(f);
}

static void a_port_in_use_is_said_at_the_start(void **state) {
  fixture *f = *state;
  gateway_config config = {
      .port = gateway_port(f->server, 0), .clock = f->clock, .random = &f->random, .metrics = f->metrics};
  rpc_status status;
  assert_null(gateway_create(&config, &status));
  assert_string_equal(status.reason, "LISTEN");
  assert_non_null(strstr(status.message, "in use"));
}

int main(void) {
  curl_global_init(CURL_GLOBAL_DEFAULT);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(a_call_is_answered_over_http_1_and_2),
      cmocka_unit_test(a_write_without_a_key_gets_one_of_its_own),
      cmocka_unit_test(what_comes_beside_a_request_travels_with_the_call),
      cmocka_unit_test(a_correlation_id_is_made_where_none_is_given),
      cmocka_unit_test(every_status_of_a_call_has_its_http_status_and_details),
      cmocka_unit_test(requests_that_http_refuses_are_problems_too),
      cmocka_unit_test(a_body_without_content_type_or_in_chunks_is_taken),
      cmocka_unit_test(head_is_get_without_the_body),
      cmocka_unit_test(a_connection_is_kept_for_the_next_request),
      cmocka_unit_test(a_request_timeout_becomes_the_deadline_of_the_call),
      cmocka_unit_test(a_port_of_a_service_has_its_routes_alone),
      cmocka_unit_test(the_pages_answer_on_every_port),
      cmocka_unit_test(requests_are_counted_by_route_and_status),
      cmocka_unit_test(health_is_503_while_a_service_is_not_serving),
      cmocka_unit_test(a_hundred_requests_at_once_are_all_answered),
      cmocka_unit_test(clients_that_leave_early_harm_nobody),
      cmocka_unit_test(a_client_that_dawdles_is_let_go),
      cmocka_unit_test(bytes_that_are_not_http_get_a_400_and_the_door),
      cmocka_unit_test(past_the_bound_requests_are_refused_at_once),
      cmocka_unit_test(past_the_bound_connections_wait_for_one_to_end),
      cmocka_unit_test(stopping_answers_what_is_in_flight_and_takes_no_more),
      cmocka_unit_test(a_port_in_use_is_said_at_the_start),
  };
  int failures = cmocka_run_group_tests(tests, start_default, stop_default);
  curl_global_cleanup();
  return failures;
}
