/* Readers, and what each has been sent. */
#include "gateway/events.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/event_round.h"

enum { HEARTBEAT_MS = 5000, FRAME_MAX = 4 * 1024 * 1024 };

static const char *const kind_names[EVENTS_KINDS] = {"services", "stock", "orders", "simulation", "bottleneck"};

/* The newest of a kind; id 0: there is none yet. */
typedef struct event {
  char *json;
  size_t length;
  uint64_t id;
} event;

struct events {
  gateway *server;
  event newest[EVENTS_KINDS];
  uint64_t last_id;
  h2o_linklist_t streams;
  unsigned stream_count;
  event_round *collector;
  int64_t interval_us, round_us; /* between rounds, and when the last began */
  h2o_timeout_t ticks;           /* as often as that, but never rarer than heartbeats */
  h2o_timeout_entry_t tick;
  metrics_series *open;
};

typedef struct stream {
  h2o_generator_t super;
  h2o_linklist_t link;
  events *owner;
  exchange *exchange;
  uint64_t sent_id[EVENTS_KINDS];
  int64_t sent_us;
  json_writer frame; /* under way */
  bool is_ending;
} stream;

static int64_t now_us(const events *self) {
  return rpc_clock_now_us(self->server->config.clock);
}

/* -- one reader ---------------------------------------------------------------------------------------------------- */

static void stream_free(stream *self) {
  events *owner = self->owner;
  h2o_linklist_unlink(&self->link);
  owner->stream_count--;
  metrics_add(owner->open, -1);
  json_writer_free(&self->frame);
  free(self);
  if (owner->stream_count > 0) return;
  for (int kind = 0; kind < EVENTS_KINDS; kind++) { /* what is old by the time that somebody comes */
    free(owner->newest[kind].json);
    owner->newest[kind] = (event){.json = NULL};
  }
  event_round_forget(owner->collector);
}

static void stream_end(stream *self) {
  exchange *sent = self->exchange;
  stream_free(self);
  exchange_end_stream(sent);
}

static void write_text(json_writer *frame, const char *text) {
  json_write_bytes(frame, text, strlen(text));
}

static void write_event(json_writer *frame, const char *name, const event *newest) {
  char head[80];
  snprintf(head, sizeof head, "id: %llu\nevent: %s\ndata: ", (unsigned long long)newest->id, name);
  write_text(frame, head);
  json_write_bytes(frame, newest->json, newest->length);
  write_text(frame, "\n\n");
}

/* Sends what the reader has not got yet, and where that is nothing for as long as between two heartbeats (about: ticks
 * need not be exact) one of those; nothing while it has not taken what was sent before. */
static void stream_send(stream *self) {
  events *owner = self->owner;
  if (self->exchange->is_sending) return;
  self->frame.length = 0;
  if (self->sent_us == 0) write_text(&self->frame, "retry: 2000\n\n");
  for (int kind = 0; kind < EVENTS_KINDS; kind++) {
    const event *newest = &owner->newest[kind];
    if (newest->id == self->sent_id[kind] || newest->id == 0) continue;
    write_event(&self->frame, kind_names[kind], newest);
    self->sent_id[kind] = newest->id;
  }
  if (self->frame.length == 0 && now_us(owner) - self->sent_us >= HEARTBEAT_MS * 900) write_text(&self->frame, ":\n\n");
  if (self->frame.failed) {
    stream_end(self);
  } else if (self->frame.length > 0) {
    self->sent_us = now_us(owner);
    exchange_send_part(self->exchange, self->frame.bytes, self->frame.length);
  }
}

static void on_part_taken(h2o_generator_t *generator, h2o_req_t *req) {
  (void)req;
  stream *self = (stream *)generator;
  exchange_part_taken(self->exchange);
  if (self->is_ending) {
    stream_end(self);
  } else {
    stream_send(self);
  }
}

static void on_reader_gone(h2o_generator_t *generator, h2o_req_t *req) {
  (void)req;
  stream_free((stream *)generator);
}

/* -- all of them --------------------------------------------------------------------------------------------------- */

static void send_all(events *self) {
  for (h2o_linklist_t *at = self->streams.next, *next; at != &self->streams; at = next) {
    next = at->next;
    stream_send(H2O_STRUCT_FROM_MEMBER(stream, link, at));
  }
}

/* Where the last one began so long ago, about. */
static void begin_round(events *self, int64_t interval_us) {
  int64_t now = now_us(self);
  if (now - self->round_us < interval_us * 9 / 10) return;
  self->round_us = now;
  event_round_begin(self->collector);
}

static void on_tick(h2o_timeout_entry_t *entry) {
  events *self = H2O_STRUCT_FROM_MEMBER(events, tick, entry);
  if (self->stream_count == 0) return; /* the next reader begins anew */
  begin_round(self, self->interval_us);
  send_all(self);
  h2o_timeout_link(self->server->context.loop, &self->ticks, &self->tick);
}

static void on_round_over(void *arg) {
  send_all(arg);
}

void events_publish(events *self, events_kind kind, const char *json, size_t length) {
  event *newest = &self->newest[kind];
  if (self->stream_count == 0) return;
  if (newest->id != 0 && newest->length == length && memcmp(newest->json, json, length) == 0) return;
  char *copy = realloc(newest->json, length + 1);
  if (!copy) return;
  memcpy(copy, json, length);
  *newest = (event){copy, length, ++self->last_id};
}

void events_page(exchange *self) {
  gateway *server = self->listener->server;
  events *all = server->events;
  unsigned max = server->config.max_event_streams;
  rpc_status status = rpc_status_ok();
  stream *new = NULL;
  if (server->context.shutdown_requested) {
    status = rpc_status_error(RPC_UNAVAILABLE, RPC_REASON_DRAINING, "the gateway is stopping");
  } else if (!all || all->stream_count >= max) {
    status =
        rpc_status_error(RPC_RESOURCE_EXHAUSTED, "TOO_MANY_STREAMS", "there are %u readers of events already", max);
  } else if (!exchange_is(self, "HEAD") && !(new = calloc(1, sizeof *new))) {
    status = rpc_status_error(RPC_RESOURCE_EXHAUSTED, "OUT_OF_MEMORY", "no memory for another reader");
  }
  if (!new) {
    if (status.code != RPC_OK) exchange_fail(self, &status, 0);
    if (status.code == RPC_OK) exchange_reply(self, 200, "text/event-stream");
    exchange_send(self);
    return;
  }
  *new = (stream){.super = {on_part_taken, on_reader_gone}, .owner = all, .exchange = self};
  new->frame = json_writer_make(FRAME_MAX);
  h2o_linklist_insert(&all->streams, &new->link);
  all->stream_count++;
  metrics_add(all->open, 1);
  exchange_begin_stream(self, "text/event-stream", &new->super);
  if (all->stream_count == 1) begin_round(all, 0);
  if (!h2o_timeout_is_linked(&all->tick)) h2o_timeout_link(server->context.loop, &all->ticks, &all->tick);
  stream_send(new);
}

/* -- the loop's beginning and end ---------------------------------------------------------------------------------- */

void events_open(gateway *server) {
  events *self = calloc(1, sizeof *self);
  if (!self) return;
  self->server = server;
  self->collector = event_round_create(server, self, on_round_over);
  if (!self->collector) {
    free(self);
    return;
  }
  h2o_linklist_init_anchor(&self->streams);
  uint32_t interval_ms = server->config.event_interval_ms;
  self->interval_us = (int64_t)interval_ms * 1000;
  h2o_timeout_init(server->context.loop, &self->ticks, interval_ms < HEARTBEAT_MS ? interval_ms : HEARTBEAT_MS);
  self->tick.cb = on_tick;
  self->open = metrics_series_get(
      metrics_define(server->config.metrics, METRICS_GAUGE, "http_server_event_streams", "Readers of /events.", NULL),
      NULL);
  server->events = self;
}

void events_drain(gateway *server) {
  events *self = server->events;
  if (!self) return;
  for (h2o_linklist_t *at = self->streams.next, *next; at != &self->streams; at = next) {
    next = at->next;
    stream *reader = H2O_STRUCT_FROM_MEMBER(stream, link, at);
    reader->is_ending = true; /* once it has taken what is under way */
    if (!reader->exchange->is_sending) stream_end(reader);
  }
}

void events_close(gateway *server) {
  events *self = server->events;
  if (!self) return;
  if (h2o_timeout_is_linked(&self->tick)) h2o_timeout_unlink(&self->tick);
  h2o_timeout_dispose(server->context.loop, &self->ticks);
  event_round_destroy(self->collector);
  for (int kind = 0; kind < EVENTS_KINDS; kind++) free(self->newest[kind].json);
  free(self);
  server->events = NULL;
}
