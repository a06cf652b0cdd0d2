/* h2o's parts that are public do for all this: its lists of requests, the bytes that a socket has read, and what lies
 * in its buffer. The body of a request over HTTP/2 is not to be seen before it is complete, so what it holds is
 * estimated from the bytes that were read since nothing was incomplete. */
#include "gateway/connections.h"

#include <linux/tcp.h>
#include <malloc.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "auth/token_bucket.h"

enum {
  LOOK_EVERY_MS = 100,
  MIB = 1024 * 1024,
  RESETS_PER_SECOND = 20, /* a page that is left resets what it has under way: a hundred at once, now and then */
  RESETS_AT_ONCE = 200,
  IDLE_TIMEOUTS = 2, /* h2o ends an idle connection after one, and says so: this is for those that keep it awake */
  STEP_MS = 10,
  STEPS = 100,
  HTTP_2 = 0x200,
};

struct connection {
  h2o_linklist_t link;
  connections *owner;
  h2o_socket_t *socket;
  bool is_ended;
  int64_t active_us; /* a request began or ended */
  unsigned requests; /* that have arrived, and are not done with */
  token_bucket resets;
  unsigned answers; /* that h2o has, and the client has not */
  size_t answer_bytes;
  int64_t taken_us; /* the client took one, or was owed none until then */
  /* over HTTP/2 */
  unsigned incoming;       /* requests that have not arrived as a whole, at the last look */
  size_t incoming_headers; /* bytes of memory */
  bool is_slow;            /* one of them is */
  uint64_t received;       /* bytes, when there were some and none before; 0: there are none */
  uint64_t bodies;         /* bytes of those that became complete since */
};

static const char *const reason_names[CONNECTION_REASONS] = {
    [CONNECTION_SLOW_REQUEST] = "slow_request", [CONNECTION_SLOW_ANSWER] = "slow_answer", [CONNECTION_IDLE] = "idle",
    [CONNECTION_BUFFERS] = "buffers",           [CONNECTION_RESETS] = "resets",
};

static connection *connection_of(const h2o_req_t *req) {
  h2o_socket_t *socket = req->conn->callbacks->get_socket(req->conn);
  return socket ? socket->on_close.data : NULL; /* none in the middle of an upgrade */
}

/* h2o sees that its client is gone, once it has read what is there already. The client sees a reset: what the kernel
 * holds for it goes at once, too. */
static void end(connection *self, connections_reason reason) {
  if (self->is_ended) return;
  self->is_ended = true;
  int fd = h2o_socket_get_fd(self->socket);
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1, .l_linger = 0}, sizeof(struct linger));
  shutdown(fd, SHUT_RDWR);
  metrics_add(self->owner->ended[reason], 1);
}

/* -- a look at all of them ------------------------------------------------------------------------------------------
 */

static int look_at_request(h2o_req_t *req, void *arg) {
  const connections *self = arg;
  connection *client = connection_of(req);
  bool has_begun = req->timestamps.request_begin_at.tv_sec != 0, has_arrived = req->processed_at.at.tv_sec != 0;
  if (!client || !has_begun || has_arrived) return 0;
  struct timeval now = *h2o_get_timestamp(self->context, NULL, NULL);
  int64_t taken_us = h2o_timeval_subtract(&req->timestamps.request_begin_at, &now);
  client->incoming++;
  client->incoming_headers += req->headers.size * 2 * sizeof *req->headers.entries;
  if (taken_us > (int64_t)self->limits.request_timeout_ms * 1000) client->is_slow = true;
  return 0;
}

static uint64_t received_bytes(const connection *self) {
  struct tcp_info info = {.tcpi_bytes_received = 0};
  socklen_t size = sizeof info;
  getsockopt(h2o_socket_get_fd(self->socket), IPPROTO_TCP, TCP_INFO, &info, &size);
  return info.tcpi_bytes_received;
}

/* Of bodies that are incomplete; never less than they hold, but for what came in within the first look. */
static size_t incoming_bodies(connection *self) {
  if (self->incoming == 0) {
    self->received = 0;
    return 0;
  }
  uint64_t now = received_bytes(self);
  if (self->received == 0) {
    self->received = now;
    self->bodies = 0;
  }
  uint64_t most = self->incoming * (uint64_t)self->owner->context->globalconf->max_request_entity_size;
  uint64_t complete = self->received + self->bodies, held = now > complete ? now - complete : 0;
  return held < most ? held : most;
}

static size_t held_bytes(connection *self) {
  return self->socket->input->size + incoming_bodies(self) + self->incoming_headers + self->answer_bytes;
}

static void judge(connection *self, int64_t now_us) {
  int64_t timeout_us = (int64_t)self->owner->limits.request_timeout_ms * 1000;
  int64_t answer_us = timeout_us * (int64_t)(1 + self->answer_bytes / MIB);
  if (self->is_slow) end(self, CONNECTION_SLOW_REQUEST);
  if (self->answers > 0 && now_us - self->taken_us > answer_us) end(self, CONNECTION_SLOW_ANSWER);
  if (self->requests == 0 && now_us - self->active_us > IDLE_TIMEOUTS * timeout_us) end(self, CONNECTION_IDLE);
}

/* Who holds more than an equal share of half of the bound: without them all others are within that half. */
static void end_holders(connections *self, size_t held) {
  size_t share = self->limits.buffered / 2 / self->count;
  for (h2o_linklist_t *at = self->all.next; at != &self->all && held > self->limits.buffered; at = at->next) {
    connection *client = H2O_STRUCT_FROM_MEMBER(connection, link, at);
    size_t its = held_bytes(client);
    if (client->is_ended || its <= share) continue;
    end(client, CONNECTION_BUFFERS);
    held -= its;
  }
}

static void look(h2o_timeout_entry_t *entry) {
  connections *self = H2O_STRUCT_FROM_MEMBER(connections, look, entry);
  if (self->count == 0) return; /* connections_add begins anew */
  for (h2o_linklist_t *at = self->all.next; at != &self->all; at = at->next) {
    connection *client = H2O_STRUCT_FROM_MEMBER(connection, link, at);
    client->incoming = 0;
    client->incoming_headers = 0;
  }
  self->context->globalconf->http2.callbacks.foreach_request(self->context, look_at_request, self);
  int64_t now_us = rpc_clock_now_us(self->clock);
  size_t held = 0;
  for (h2o_linklist_t *at = self->all.next; at != &self->all; at = at->next) {
    connection *client = H2O_STRUCT_FROM_MEMBER(connection, link, at);
    judge(client, now_us);
    if (!client->is_ended) held += held_bytes(client);
  }
  if (held > self->limits.buffered) {
    end_holders(self, held);
    self->is_swollen = true;
  } else if (self->is_swollen) { /* they are gone, and what they held is not kept for the next ones */
    self->is_swollen = malloc_trim(0) < 0;
  }
  h2o_timeout_link(self->context->loop, &self->interval, &self->look);
}

/* -- their life -----------------------------------------------------------------------------------------------------
 */

void connections_define_metrics(connections *self, metrics_registry *metrics) {
  self->open = metrics_series_get(metrics_define(metrics, METRICS_GAUGE, "http_server_connections",
                                                 "Connections of clients that are open.", (const char *const[]){NULL}),
                                  NULL);
  metrics_family *ended =
      metrics_define(metrics, METRICS_COUNTER, "http_server_connections_ended_total",
                     "Connections that were ended for what their client did.", (const char *const[]){"reason", NULL});
  for (int i = 0; i < CONNECTION_REASONS; i++) self->ended[i] = metrics_series_get(ended, &reason_names[i]);
}

void connections_open(connections *self, h2o_context_t *context) {
  self->context = context;
  h2o_linklist_init_anchor(&self->all);
  h2o_timeout_init(context->loop, &self->interval, LOOK_EVERY_MS);
  self->look.cb = look;
}

void connections_close(connections *self) {
  if (h2o_timeout_is_linked(&self->look)) h2o_timeout_unlink(&self->look);
  h2o_timeout_dispose(self->context->loop, &self->interval);
}

bool connections_full(const connections *self) {
  return self->count >= self->limits.connections;
}

static void on_closed(void *data) {
  connection *closed = data;
  connections *self = closed->owner;
  bool was_full = connections_full(self);
  h2o_linklist_unlink(&closed->link);
  free(closed);
  self->count--;
  metrics_add(self->open, -1);
  if (was_full) self->on_room(self->arg);
}

bool connections_add(connections *self, h2o_socket_t *socket) {
  connection *opened = calloc(1, sizeof *opened);
  if (!opened) {
    h2o_socket_close(socket);
    return false;
  }
  int64_t now_us = rpc_clock_now_us(self->clock);
  opened->owner = self;
  opened->socket = socket;
  opened->active_us = now_us;
  opened->resets = token_bucket_make(RESETS_PER_SECOND, RESETS_AT_ONCE, now_us);
  h2o_linklist_insert(&self->all, &opened->link);
  socket->on_close.cb = on_closed;
  socket->on_close.data = opened;
  self->count++;
  metrics_add(self->open, 1);
  if (!h2o_timeout_is_linked(&self->look)) h2o_timeout_link(self->context->loop, &self->interval, &self->look);
  return true;
}

connection *connection_begin_request(h2o_req_t *req) {
  connection *self = connection_of(req);
  self->active_us = rpc_clock_now_us(self->owner->clock);
  self->requests++;
  if (req->version >= HTTP_2) self->bodies += req->entity.len;
  return self;
}

bool connection_is_ended(const connection *self) {
  return self->is_ended;
}

void connection_answer(connection *self, size_t bytes) {
  if (self->answers++ == 0) self->taken_us = rpc_clock_now_us(self->owner->clock);
  self->answer_bytes += bytes;
}

void connection_part_taken(connection *self, size_t bytes) {
  self->answers--;
  self->answer_bytes -= bytes;
  self->taken_us = self->active_us = rpc_clock_now_us(self->owner->clock);
}

void connection_end_request(connection *self, bool is_answered, size_t bytes) {
  self->active_us = rpc_clock_now_us(self->owner->clock);
  self->requests--;
  if (is_answered) {
    self->answers--;
    self->answer_bytes -= bytes;
    self->taken_us = self->active_us;
  } else if (token_bucket_take(&self->resets, self->active_us) > 0) {
    end(self, CONNECTION_RESETS);
  }
}

/* -- their end ------------------------------------------------------------------------------------------------------
 */

/* h2o 2.2.5 spins for ever over a CONTINUATION that reaches a connection after its second GOAWAY: requests whose
 * headers are incomplete by then must be gone before. */
static int end_incomplete_headers(h2o_req_t *req, void *arg) {
  bool has_begun = req->timestamps.request_begin_at.tv_sec != 0;
  connection *client = connection_of(req);
  if (!client || !has_begun || req->input.method.len > 0) return 0;
  end(client, CONNECTION_SLOW_REQUEST);
  *(bool *)arg = true;
  return 0;
}

static bool has_incomplete_headers(connections *self) {
  bool found = false;
  self->context->globalconf->http2.callbacks.foreach_request(self->context, end_incomplete_headers, &found);
  return found;
}

static void say_second_goaway(connections *self) {
  h2o_timeout_cb say = self->second_goaway;
  self->second_goaway = NULL;
  if (say) say(&self->context->http2._graceful_shutdown_timeout);
}

static void on_second_goaway(h2o_timeout_entry_t *entry) {
  connections *self = H2O_STRUCT_FROM_MEMBER(connections, goaway, entry);
  if (has_incomplete_headers(self)) {
    h2o_timeout_link(self->context->loop, &self->context->hundred_ms_timeout, &self->goaway);
  } else {
    say_second_goaway(self);
  }
}

void connections_begin_drain(connections *self) {
  h2o_timeout_entry_t *theirs = &self->context->http2._graceful_shutdown_timeout;
  h2o_context_request_shutdown(self->context);
  if (!h2o_timeout_is_linked(theirs)) return;
  h2o_timeout_unlink(theirs);
  self->second_goaway = theirs->cb;
  self->goaway.cb = on_second_goaway;
  h2o_timeout_link(self->context->loop, &self->context->one_sec_timeout, &self->goaway);
}

/* An idle connection sees its client's end: h2o has no way of its own to be told. */
bool connections_end_all(connections *self) {
  h2o_loop_t *loop = self->context->loop;
  if (h2o_timeout_is_linked(&self->goaway)) h2o_timeout_unlink(&self->goaway);
  for (int step = 0; step < STEPS && has_incomplete_headers(self); step++) h2o_evloop_run(loop, STEP_MS);
  if (!has_incomplete_headers(self)) say_second_goaway(self);
  h2o_evloop_run(loop, 0);
  for (h2o_linklist_t *at = self->all.next; at != &self->all; at = at->next) {
    shutdown(h2o_socket_get_fd(H2O_STRUCT_FROM_MEMBER(connection, link, at)->socket), SHUT_RD);
  }
  for (int step = 0; step < STEPS && self->count > 0; step++) h2o_evloop_run(loop, STEP_MS);
  return self->count == 0;
}
