/* A server that lies: whatever a response envelope holds, a call of a client ends exactly once, and what the gateway
 * writes of its outcome (the message, or problem details) is JSON. The first byte picks the method; then come the
 * answers to the attempts, each two bytes of length and so many bytes, the last of them repeated for further attempts.
 */
#include <jansson.h>

#include "fuzz.h"
#include "gateway/json_write.h"
#include "gateway/problem.h"
#include "rpc/client.h"
#include "rpc/envelope.h"
#include "rpc/message_check.h"

typedef struct liar {
  rpc_transport base;
  rpc_clock *clock;
  rpc_exchange *exchange;
  rpc_timer timer;
  fuzz_input answers, last;
} liar;

static void answer(void *arg) {
  liar *self = arg;
  if (self->answers.left > 0) {
    size_t length = (size_t)fuzz_take_byte(&self->answers) << 8;
    length |= fuzz_take_byte(&self->answers);
    self->last = fuzz_take(&self->answers, length);
  }
  nng_msg *message;
  if (nng_msg_alloc(&message, self->last.left) != 0) abort();
  if (self->last.left) memcpy(nng_msg_body(message), self->last.at, self->last.left);
  rpc_status ok = rpc_status_ok();
  self->exchange->done(self->exchange, message, &ok);
}

static bool start(rpc_transport *base, rpc_exchange *exchange, nng_msg *request, rpc_status *status) {
  liar *self = (liar *)base;
  nng_msg_free(request);
  *status = rpc_status_ok();
  self->exchange = exchange;
  exchange->slot = self;
  rpc_clock_set(self->clock, &self->timer, rpc_clock_now_us(self->clock) + 1, answer, self);
  return true;
}

static void cancel(rpc_transport *base, rpc_exchange *exchange) {
  (void)base;
  (void)exchange;
  abort(); /* answered at once: nothing is ever cancelled */
}

static bool connected(rpc_transport *base) {
  (void)base;
  return true;
}

static void nothing(rpc_transport *base) {
  (void)base;
}

static void check_is_json(json_writer *writer) {
  json_t *json = writer->failed ? NULL : json_loadb(writer->bytes, writer->length, JSON_REJECT_DUPLICATES, NULL);
  FUZZ_CHECK(writer->failed || json_is_object(json));
  json_decref(json);
  json_writer_free(writer);
}

/* A service that passes an error on sends an envelope that says the same. */
static void check_relay(const rpc_status *status) {
  rpc_arena arena;
  rpc_arena_init(&arena, 1024 * 1024);
  nng_msg *message = envelope_pack_response(status, NULL);
  FUZZ_CHECK(message);
  const Rpc__V1__Response *response = envelope_unpack_response(message, &arena);
  FUZZ_CHECK(response);
  rpc_status again = envelope_status(response);
  FUZZ_CHECK(again.code == status->code && strcmp(again.message, status->message) == 0);
  FUZZ_CHECK(strcmp(again.reason, status->reason) == 0 && strcmp(again.field, status->field) == 0);
  for (int i = 0; i < RPC_STATUS_FACTS; i++) {
    FUZZ_CHECK(strcmp(again.facts[i].key, status->facts[i].key) == 0);
    FUZZ_CHECK(!again.facts[i].key[0] || strcmp(again.facts[i].value, status->facts[i].value) == 0);
  }
  rpc_arena_free(&arena);
  nng_msg_free(message);
}

static void on_done(rpc_any_fn done, void *arg, const rpc_status *status, const ProtobufCMessage *response) {
  (void)done;
  ++*(int *)arg;
  FUZZ_CHECK((status->code == RPC_OK) == (response != NULL));
  json_writer writer = json_writer_make(16 * 1024 * 1024);
  if (response) {
    FUZZ_CHECK(message_check_text(response).code == RPC_OK);
    json_write_message(&writer, response);
  } else {
    check_relay(status);
    problem_write(&writer, status, 0, "an-id");
    FUZZ_CHECK(!writer.failed);
  }
  check_is_json(&writer);
}

static const api_method *find_method(const fuzz_input *name) {
  for (size_t s = 0; s < api_service_count; s++) {
    for (size_t m = 0; m < api_services[s]->method_count; m++) {
      const api_method *method = &api_services[s]->methods[m];
      if (strlen(method->name) == name->left && memcmp(method->name, name->at, name->left) == 0) return method;
    }
  }
  return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  fuzz_input answers = {data, size};
  fuzz_input name = fuzz_take_until(&answers, '\n');
  const api_method *method = find_method(&name);
  if (!method) return 0;
  rpc_random random;
  rpc_random_init(&random, 1);
  rpc_clock *clock = rpc_clock_create_virtual(1700000000000);
  liar server = {
      .base = {.start = start, .cancel = cancel, .connected = connected, .close = nothing, .destroy = nothing},
      .clock = clock,
      .answers = answers};
  rpc_client *client = rpc_client_create(
      &(rpc_client_config){.target = "liar", .transport = &server.base, .clock = clock, .random = &random});
  ProtobufCMessage *request = calloc(1, method->input->sizeof_message);
  if (!request) abort();
  method->input->message_init(request);
  int done = 0;
  rpc_client_call(client, method, request, &(rpc_call_options){.idempotency_key = "k"},
                  (rpc_completion){.thunk = on_done, .arg = &done});
  while (rpc_clock_advance(clock)) continue;
  FUZZ_CHECK(done == 1);
  free(request);
  rpc_client_destroy(client);
  rpc_clock_destroy(clock);
  return 0;
}
