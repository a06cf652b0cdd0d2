/* h2o alone, on one thread: answers every request with the same JSON, by itself or (the hop) after one exchange with an
 * nng_echo server. What the gateway is measured against.
 *
 *   h2o_bare PORT BODY_BYTES [NNG_URL REQUEST_BYTES] */
#include <errno.h>
#include <h2o.h>
#include <netinet/in.h>
#include <nng/nng.h>
#include <nng/protocol/reqrep0/req.h>
#include <signal.h>

#include "../load.h"

typedef struct hop hop;

typedef struct bare {
  h2o_handler_t super; /* first: h2o knows the program by it */
  h2o_context_t context;
  h2o_accept_ctx_t accept;
  char *body;
  size_t body_bytes;
  nng_socket socket;
  size_t request_bytes; /* 0: no hop */
  h2o_multithread_receiver_t replies;
  hop *idle; /* the loop's */
} bare;

/* A context that carries one request at a time, from the loop to NNG and back. */
struct hop {
  h2o_multithread_message_t message; /* first */
  bare *self;
  hop *next;
  h2o_req_t *req; /* NULL once the client is gone */
  nng_ctx context;
  nng_aio *aio;
  bool receiving;
};

static void must(int error, const char *what) {
  if (error == 0) return;
  fprintf(stderr, "h2o_bare: %s: %s\n", what, nng_strerror(error));
  exit(1);
}

static void answer(bare *self, h2o_req_t *req) {
  static h2o_generator_t generator = {NULL, NULL};
  h2o_iovec_t body = h2o_iovec_init(self->body, self->body_bytes);
  req->res.status = 200;
  req->res.reason = "OK";
  req->res.content_length = body.len;
  h2o_add_header(&req->pool, &req->res.headers, H2O_TOKEN_CONTENT_TYPE, NULL, H2O_STRLIT("application/json"));
  h2o_start_response(req, &generator);
  h2o_send(req, &body, 1, H2O_SEND_STATE_FINAL);
}

/* --- the hop --- */

static void on_aio(void *arg) {
  hop *self = arg;
  must(nng_aio_result(self->aio), "hop");
  if (self->receiving) {
    h2o_multithread_send_message(&self->self->replies, &self->message);
  } else {
    self->receiving = true;
    nng_ctx_recv(self->context, self->aio);
  }
}

static void on_replies(h2o_multithread_receiver_t *receiver, h2o_linklist_t *messages) {
  (void)receiver;
  while (!h2o_linklist_is_empty(messages)) {
    hop *done = (hop *)H2O_STRUCT_FROM_MEMBER(h2o_multithread_message_t, link, messages->next);
    h2o_linklist_unlink(&done->message.link);
    nng_msg_free(nng_aio_get_msg(done->aio));
    if (done->req) answer(done->self, done->req);
    done->next = done->self->idle;
    done->self->idle = done;
  }
}

static hop *take_hop(bare *self) {
  hop *taken = self->idle;
  if (taken) {
    self->idle = taken->next;
    return taken;
  }
  taken = calloc(1, sizeof *taken);
  taken->self = self;
  must(nng_ctx_open(&taken->context, self->socket), "context");
  must(nng_aio_alloc(&taken->aio, on_aio, taken), "aio");
  return taken;
}

static void on_request_gone(void *arg) {
  hop *taken = *(hop **)arg;
  taken->req = NULL;
}

static void start_hop(bare *self, h2o_req_t *req) {
  hop *taken = take_hop(self);
  taken->req = req;
  taken->receiving = false;
  hop **link = h2o_mem_alloc_shared(&req->pool, sizeof *link, on_request_gone);
  *link = taken;
  nng_msg *message;
  must(nng_msg_alloc(&message, self->request_bytes), "message");
  nng_aio_set_msg(taken->aio, message);
  nng_ctx_send(taken->context, taken->aio);
}

/* --- the server --- */

static int on_request(h2o_handler_t *super, h2o_req_t *req) {
  bare *self = (bare *)super;
  if (self->request_bytes) {
    start_hop(self, req);
  } else {
    answer(self, req);
  }
  return 0;
}

static void on_accept(h2o_socket_t *listener, const char *error) {
  if (error) return;
  bare *self = listener->data;
  h2o_socket_t *socket;
  while ((socket = h2o_evloop_socket_accept(listener)) != NULL) h2o_accept(&self->accept, socket);
}

static int listen_on(uint16_t port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0) {
    perror("h2o_bare");
    exit(1);
  }
  return fd;
}

static void make_body(bare *self, size_t bytes) {
  static const char head[] = "{\"text\":\"", tail[] = "\"}";
  self->body_bytes = bytes < sizeof head + sizeof tail ? sizeof head + sizeof tail : bytes;
  self->body = malloc(self->body_bytes);
  memset(self->body, 'x', self->body_bytes);
  memcpy(self->body, head, sizeof head - 1);
  memcpy(self->body + self->body_bytes - (sizeof tail - 1), tail, sizeof tail - 1);
}

int main(int argc, char **argv) {
  if (argc != 3 && argc != 5) {
    fprintf(stderr, "usage: h2o_bare PORT BODY_BYTES [NNG_URL REQUEST_BYTES]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  static h2o_globalconf_t config;
  h2o_config_init(&config);
  h2o_hostconf_t *host = h2o_config_register_host(&config, h2o_iovec_init(H2O_STRLIT("default")), 65535);
  h2o_pathconf_t *path = h2o_config_register_path(host, "/", 0);
  bare *self = (bare *)h2o_create_handler(path, sizeof *self);
  self->super.on_req = on_request;
  make_body(self, (size_t)load_argument(argv[2]));
  h2o_context_init(&self->context, h2o_evloop_create(), &config);
  self->accept = (h2o_accept_ctx_t){.ctx = &self->context, .hosts = config.hosts};
  h2o_multithread_register_receiver(self->context.queue, &self->replies, on_replies);
  if (argc == 5) {
    self->request_bytes = (size_t)load_argument(argv[4]);
    must(nng_req0_open(&self->socket), "socket");
    must(nng_socket_set_ms(self->socket, NNG_OPT_REQ_RESENDTIME, NNG_DURATION_INFINITE), "resend time");
    must(nng_dial(self->socket, argv[3], NULL, 0), argv[3]);
  }
  int fd = listen_on((uint16_t)load_argument(argv[1]));
  h2o_socket_t *listener = h2o_evloop_socket_create(self->context.loop, fd, H2O_SOCKET_FLAG_DONT_READ);
  listener->data = self;
  h2o_socket_read_start(listener, on_accept);
  while (h2o_evloop_run(self->context.loop, INT32_MAX) == 0 || errno == EINTR) continue;
  return 1;
}
