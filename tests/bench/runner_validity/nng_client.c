/* NNG alone as a client: sends the same bytes over and over, N at once, and counts the answers. What tests/bench/runner
 * holds store-runner --mode rpc against.
 *
 *   nng_client URL IN_FLIGHT SECONDS MESSAGE_IN_HEX */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <string.h>

#include "../load.h"

enum { MESSAGE_MAX = 4096 };

static void must(int error, const char *what) {
  if (error == 0) return;
  fprintf(stderr, "nng_client: %s: %s\n", what, nng_strerror(error));
  exit(1);
}

typedef struct message {
  size_t length;
  unsigned char bytes[MESSAGE_MAX];
} message;

typedef struct asker {
  load *load;
  const message *message;
  nng_ctx context;
  nng_aio *aio;
  int64_t started_ns;
  bool receiving;
} asker;

static void ask(asker *self) {
  nng_msg *request;
  must(nng_msg_alloc(&request, 0), "message");
  must(nng_msg_append(request, self->message->bytes, self->message->length), "message");
  self->started_ns = load_now_ns();
  self->receiving = false;
  nng_aio_set_msg(self->aio, request);
  nng_ctx_send(self->context, self->aio);
}

static void on_aio(void *arg) {
  asker *self = arg;
  must(nng_aio_result(self->aio), "exchange");
  if (!self->receiving) {
    self->receiving = true;
    nng_ctx_recv(self->context, self->aio);
    return;
  }
  nng_msg *answer = nng_aio_get_msg(self->aio);
  bool ok = nng_msg_len(answer) > 16; /* an error of ours is longer, but there is none to expect of this request */
  nng_msg_free(answer);
  if (load_record(self->load, self->started_ns, ok)) ask(self);
}

static message read_hex(const char *text) {
  message made = {0};
  for (unsigned byte; made.length < MESSAGE_MAX && sscanf(text, "%2x", &byte) == 1; text += 2) {
    made.bytes[made.length++] = (unsigned char)byte;
  }
  return made;
}

int main(int argc, char **argv) {
  static load measured; /* large for a stack */
  if (argc != 5) {
    fprintf(stderr, "usage: nng_client URL IN_FLIGHT SECONDS MESSAGE_IN_HEX\n");
    return 2;
  }
  int in_flight = (int)load_argument(argv[2]);
  message request = read_hex(argv[4]);
  nng_socket socket;
  must(nng_req0_open(&socket), "socket");
  must(nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), "resend time");
  must(nng_dial(socket, argv[1], NULL, 0), argv[1]);
  asker *askers = calloc((size_t)in_flight, sizeof *askers);
  load_start(&measured, in_flight, load_argument(argv[3]));
  for (int i = 0; i < in_flight; i++) {
    askers[i].load = &measured;
    askers[i].message = &request;
    must(nng_ctx_open(&askers[i].context, socket), "context");
    must(nng_aio_alloc(&askers[i].aio, on_aio, &askers[i]), "aio");
    ask(&askers[i]);
  }
  load_wait(&measured);
  load_print(&measured, "");
  return 0;
}
