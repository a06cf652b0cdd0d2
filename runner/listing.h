/* Everything that one of the API's List methods has to tell, page by page: the catalogue for the workload, all orders,
 * payments, reservations and products for verify. */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>

#include "api.h"
#include "rpc/status.h"
#include "runner/door.h"

enum { RUNNER_LISTING_PAGE_SIZE = 1000 };

/* Messages of one type, such as Store__V1__Order. */
typedef struct runner_listing {
  ProtobufCMessage **items;
  size_t count, capacity;
} runner_listing;

/* Reads all pages into an empty listing. method: one whose request has page_size and page_token and whose response has
 * one repeated message and next_page_token. Blocks; on failure the listing is empty. */
rpc_status runner_listing_read(runner_door *door, const api_method *method, runner_listing *listing);

/* Frees the items and empties the listing. */
void runner_listing_free(runner_listing *listing);
