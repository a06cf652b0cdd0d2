/* Request envelopes, as they come from anybody who reaches a socket, to the three services with all their handlers, in
 * the simulated store. An input is a list of requests, each a byte that picks the service (and with its highest bit
 * says that the next is sent before this one is answered), two bytes of length and so many bytes. Every request must
 * get one answer, which must be an envelope. The store is new for each input and made from one seed: the ids it gives
 * are the same every time, so that inputs can name them. */
#include "rpc/envelope.h"
#include "fuzz.h"
#include "simulation/world.h"

enum { REQUESTS_MAX = 16, SEED = 2 };

typedef struct answers {
  int sent, received;
  int each[REQUESTS_MAX];
  bool all;        /* of those sent */
  bool is_refused; /* every one, before a handler could change anything */
} answers;

typedef struct pending {
  answers *of;
  int index;
} pending;

static void take_answer(void *arg, nng_msg *message) {
  const pending *request = arg;
  answers *of = request->of;
  FUZZ_CHECK(of->each[request->index]++ == 0);
  of->all = ++of->received == of->sent;
  rpc_arena arena;
  rpc_arena_init(&arena, 16 * 1024 * 1024);
  const Rpc__V1__Response *response = envelope_unpack_response(message, &arena);
  FUZZ_CHECK(response && response->code <= RPC__V1__CODE__UNAUTHENTICATED);
  FUZZ_CHECK(response->code == RPC__V1__CODE__OK || (response->message[0] && !response->payload.len));
  bool refused = response->code == RPC__V1__CODE__INVALID_ARGUMENT || response->code == RPC__V1__CODE__UNIMPLEMENTED;
  of->is_refused = of->is_refused && refused;
  rpc_arena_free(&arena);
  nng_msg_free(message);
}

/* True where the next one is to be sent at once. */
static bool send_request(store_world *world, fuzz_input *input, pending *request) {
  static const char *const services[] = {"order", "payment", "inventory"};
  uint8_t first = fuzz_take_byte(input);
  size_t length = (size_t)fuzz_take_byte(input) << 8;
  length |= fuzz_take_byte(input);
  fuzz_input bytes = fuzz_take(input, length);
  nng_msg *message;
  if (nng_msg_alloc(&message, bytes.left) != 0) abort();
  if (bytes.left) memcpy(nng_msg_body(message), bytes.at, bytes.left);
  request->of->sent++;
  request->of->all = false;
  rpc_server_handle(host_server(world_host(world, services[first % 3])), message, take_answer, request);
  return first & 0x80;
}

static void send_requests(store_world *world, fuzz_input input, answers *replies) {
  pending requests[REQUESTS_MAX];
  for (int i = 0; i < REQUESTS_MAX && input.left > 0; i++) {
    requests[i] = (pending){replies, i};
    bool hurry = send_request(world, &input, &requests[i]);
    if (!hurry) FUZZ_CHECK(world_run_until(world, &replies->all));
  }
  FUZZ_CHECK(world_run_until(world, &replies->all));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static store_world *world; /* kept while it is as new: making one takes most of the time */
  if (!world)
    world = world_create(&(world_config){.seed = SEED, .simulation = simulation_settings_of(SIMULATION_DEMO)});
  rpc_random_init(world_random(world), SEED);
  answers replies = {.all = true, .is_refused = true};
  send_requests(world, (fuzz_input){data, size}, &replies);
  if (replies.is_refused) return 0;
  world_run_for(world, 60000); /* orders whose callers have their answer are carried to their end */
  world_destroy(world);
  world = NULL;
  return 0;
}
