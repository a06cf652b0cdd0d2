/* Which method answers a request line: the routes of some services, from the generated table. One table per port; built
 * at start-up, immutable after, read by the event loop. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "api.h"
#include "rpc/arena.h"
#include "rpc/status.h"

enum { ROUTE_SEGMENTS_MAX = 16, ROUTE_ALLOW_SIZE = 64, ROUTE_NAME_SIZE = 128 };

/* One segment of a path's pattern: a word to be matched, or a variable that takes the segment. */
typedef struct route_segment {
  const char *text;
  size_t length;
  bool is_variable; /* text is then the path of a field of the input */
} route_segment;

typedef struct route {
  const api_service *service;
  const api_method *method;
  const api_route *api;
  char name[ROUTE_NAME_SIZE]; /* "GET /orders/{order_id}": of spans */
  route_segment segments[ROUTE_SEGMENTS_MAX];
  size_t segment_count;
} route;

typedef struct route_match {
  const route *route;               /* NULL where no path matches (404), or none with this method (405) */
  char allow[ROUTE_ALLOW_SIZE];     /* the methods that the path answers: "GET, HEAD"; empty where no path matches */
  char *values[ROUTE_SEGMENTS_MAX]; /* what each variable took, decoded, in the arena; NULL for words */
} route_match;

typedef struct routes routes;

/* The routes of the services. NULL without memory or where a pattern is not understood, with the reason in *status. */
routes *routes_create(const api_service *const *services, size_t count, rpc_status *status);
void routes_destroy(routes *table);

/* Finds the route of a request: a word wins over a variable, HEAD goes where GET does. path: without its query, still
 * percent-encoded. False where the path is not well-formed, with INVALID_ARGUMENT in *status. */
bool routes_match(const routes *table, const char *method, size_t method_length, const char *path, size_t path_length,
                  rpc_arena *arena, route_match *match, rpc_status *status);

/* All of them, in the order in which they are tried. */
const route *routes_all(const routes *table, size_t *count);

/* A percent-encoded text, decoded into the arena. plus: '+' is a space, as in a query. NULL where it is not well-formed
 * or what it says is not UTF-8 or contains NUL, or the arena is exhausted. */
char *routes_decode(rpc_arena *arena, const char *text, size_t length, bool plus);
