/* NNG alone: what REQ/REP carries when nothing is made of the bytes. The server of the bare h2o hop too.
 *
 *   nng_echo serve URL[,URL] REPLY_BYTES
 *   nng_echo load URL IN_FLIGHT SECONDS REQUEST_BYTES
 *
 * With the name of a command and "-limited", NNG has as few threads as the services give it (rpc/nng_threads.h). */
#include <nng/nng.h>
#include <nng/protocol/reqrep0/rep.h>
#include <nng/protocol/reqrep0/req.h>
#include <string.h>
#include <unistd.h>

#include "../load.h"
#include "rpc/nng_threads.h"

enum { SERVER_CONTEXTS = 512 };

static void must(int error, const char *what) {
  if (error == 0) return;
  fprintf(stderr, "nng_echo: %s: %s\n", what, nng_strerror(error));
  exit(1);
}

/* --- the server --- */

typedef struct answerer {
  nng_ctx context;
  nng_aio *aio;
  size_t reply_bytes;
  bool sending;
} answerer;

static void on_server_aio(void *arg) {
  answerer *self = arg;
  must(nng_aio_result(self->aio), "serve");
  if (self->sending) {
    self->sending = false;
    nng_ctx_recv(self->context, self->aio);
    return;
  }
  nng_msg *message = nng_aio_get_msg(self->aio);
  must(nng_msg_realloc(message, self->reply_bytes), "message");
  self->sending = true;
  nng_aio_set_msg(self->aio, message);
  nng_ctx_send(self->context, self->aio);
}

static _Noreturn void serve(char *urls, size_t reply_bytes) {
  nng_socket socket;
  must(nng_rep0_open(&socket), "socket");
  for (char *url = strtok(urls, ","); url; url = strtok(NULL, ",")) must(nng_listen(socket, url, NULL, 0), url);
  answerer *answerers = calloc(SERVER_CONTEXTS, sizeof *answerers);
  for (int i = 0; i < SERVER_CONTEXTS; i++) {
    answerers[i].reply_bytes = reply_bytes;
    must(nng_ctx_open(&answerers[i].context, socket), "context");
    must(nng_aio_alloc(&answerers[i].aio, on_server_aio, &answerers[i]), "aio");
    nng_ctx_recv(answerers[i].context, answerers[i].aio);
  }
  for (;;) pause(); /* until it is killed */
}

/* --- the load --- */

typedef struct asker {
  load *load;
  nng_ctx context;
  nng_aio *aio;
  size_t request_bytes;
  int64_t started_ns;
  bool receiving;
} asker;

static void ask(asker *self) {
  nng_msg *message;
  must(nng_msg_alloc(&message, self->request_bytes), "message");
  self->started_ns = load_now_ns();
  self->receiving = false;
  nng_aio_set_msg(self->aio, message);
  nng_ctx_send(self->context, self->aio);
}

static void on_load_aio(void *arg) {
  asker *self = arg;
  must(nng_aio_result(self->aio), "load");
  if (!self->receiving) {
    self->receiving = true;
    nng_ctx_recv(self->context, self->aio);
    return;
  }
  nng_msg_free(nng_aio_get_msg(self->aio));
  if (load_record(self->load, self->started_ns, true)) ask(self);
}

static int run_load(const char *url, int in_flight, double seconds, size_t request_bytes) {
  static load measured; /* large for a stack */
  nng_socket socket;
  must(nng_req0_open(&socket), "socket");
  must(nng_socket_set_ms(socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), "resend time");
  must(nng_dial(socket, url, NULL, 0), url);
  asker *askers = calloc((size_t)in_flight, sizeof *askers);
  load_start(&measured, in_flight, seconds);
  for (int i = 0; i < in_flight; i++) {
    askers[i].load = &measured;
    askers[i].request_bytes = request_bytes;
    must(nng_ctx_open(&askers[i].context, socket), "context");
    must(nng_aio_alloc(&askers[i].aio, on_load_aio, &askers[i]), "aio");
    ask(&askers[i]);
  }
  load_wait(&measured);
  load_print(&measured, "");
  return 0;
}

int main(int argc, char **argv) {
  char *limited = argc > 1 ? strstr(argv[1], "-limited") : NULL;
  if (limited) {
    *limited = '\0';
    nng_threads_limit(); /* until the process ends */
  }
  if (argc == 4 && strcmp(argv[1], "serve") == 0) serve(argv[2], (size_t)load_argument(argv[3]));
  if (argc == 6 && strcmp(argv[1], "load") == 0) {
    return run_load(argv[2], (int)load_argument(argv[3]), load_argument(argv[4]), (size_t)load_argument(argv[5]));
  }
  fprintf(stderr,
          "usage: nng_echo serve[-limited] URLS REPLY_BYTES | load[-limited] URL IN_FLIGHT SECONDS REQUEST_BYTES\n");
  return 2;
}
