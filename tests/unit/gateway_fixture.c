/* See gateway_fixture.h. */
#include "gateway_fixture.h"

#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "store/v1/order.pb-c.h"

enum { TIMEOUT_S = 20 };

const api_service *const gateway_fixture_services[BACKENDS] = {
    &api_store_v1_order_service, &api_store_v1_payment_service, &api_store_v1_inventory_service};

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

static bool invoke(const void *handlers, size_t method, void *self, rpc_call *call, const ProtobufCMessage *asked) {
  (void)handlers;
  (void)method;
  (void)self;
  const ProtobufCFieldDescriptor *first = &asked->descriptor->fields[0];
  bool has_id = asked->descriptor->n_fields > 0 && first->type == PROTOBUF_C_TYPE_STRING;
  const char *id = has_id && first->label != PROTOBUF_C_LABEL_REPEATED
                       ? *(char *const *)(const void *)((const char *)asked + first->offset)
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
  f->servers[i] = rpc_server_create(&(rpc_server_config){
      .name = gateway_fixture_services[i]->name, .clock = f->clock, .random = &f->random, .metrics = f->metrics});
  rpc_server_add_service(f->servers[i], gateway_fixture_services[i], invoke, NULL, NULL);
  rpc_status status;
  f->listeners[i] = rpc_listener_create(f->servers[i], "tcp://127.0.0.1:0", NULL, &status);
  if (!f->listeners[i]) fail_msg("%s", status.message);
  char url[64];
  snprintf(url, sizeof url, "tcp://127.0.0.1:%u", rpc_listener_port(f->listeners[i]));
  rpc_client *client = rpc_client_create(&(rpc_client_config){.target = gateway_fixture_services[i]->name,
                                                              .transport = rpc_transport_create_nng(url, NULL, &status),
                                                              .clock = f->clock,
                                                              .random = &f->random,
                                                              .metrics = f->metrics,
                                                              .traces = f->traces,
                                                              .max_attempts = 1});
  assert_non_null(client);
  for (int waited = 0; !rpc_client_connected(client) && waited < 5000; waited++) usleep(1000);
  assert_true(rpc_client_connected(client));
  f->backends[i] = (gateway_backend){.name = gateway_fixture_services[i]->name, .client = client};
}

fixture *fixture_start(gateway_config config) {
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

void fixture_stop(fixture *f) {
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

static void take_outcome(CURL *curl, response *out) {
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &out->status);
  curl_easy_getinfo(curl, CURLINFO_NUM_CONNECTS, &out->connects);
  if (out->body.bytes) out->json = json_loadb(out->body.bytes, out->body.length, JSON_REJECT_DUPLICATES, NULL);
}

void clear(response *out) {
  free(out->headers.bytes);
  free(out->body.bytes);
  json_decref(out->json);
  *out = (response){.status = 0};
}

response ask_on(CURL *curl, const fixture *f, request r) {
  response out = {.status = 0};
  struct curl_slist *headers = prepare(curl, f, &r, &out);
  out.outcome = curl_easy_perform(curl);
  take_outcome(curl, &out);
  curl_slist_free_all(headers);
  return out;
}

response ask(const fixture *f, request r) {
  CURL *curl = curl_easy_init();
  response out = ask_on(curl, f, r);
  curl_easy_cleanup(curl);
  return out;
}

const char *member(const response *r, const char *key) {
  const char *value = json_string_value(json_object_get(r->json, key));
  return value ? value : "";
}

bool has_header(const response *r, const char *line) {
  return r->headers.bytes && strcasestr(r->headers.bytes, line) != NULL;
}

int connect_to(const fixture *f) {
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

int fixture_set_up(void **state) {
  *state = fixture_start((gateway_config){.max_body = 4096});
  return 0;
}

int fixture_tear_down(void **state) {
  fixture_stop(*state);
  return 0;
}

int ask_many(const fixture *f, int count, const char *path, bool http2, long timeout_ms, long status) {
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
    take_outcome(curls[i], &responses[i]);
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

bool is_closed(int fd, int timeout_ms) {
  struct pollfd poller = {.fd = fd, .events = POLLIN};
  char byte[512];
  while (poll(&poller, 1, timeout_ms) == 1) {
    if (read(fd, byte, sizeof byte) <= 0) return true;
  }
  return false;
}
