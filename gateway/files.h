/* Files that are built into the gateway (embed.cmake), as tables of the pages that they belong to: docs.c, console.c.
 */
#pragma once

#include "gateway/exchange.h"

typedef struct built_in_file {
  const char *path; /* of the request: "/docs/start.js" */
  const char *content_type;
  const char *content_encoding; /* of bytes that are compressed already; NULL: as they are */
  const char *policy;           /* Content-Security-Policy; NULL: none */
  const unsigned char *bytes;
  size_t size;
} built_in_file;

/* False for one that the build could not fetch: it is there, and empty. */
bool files_has(const built_in_file *file);

/* Answers with the file. */
void files_send(exchange *self, const built_in_file *file);

/* Answers with the file at the request's path, or with 404 where the page ("the console") has none. */
void files_send_requested(exchange *self, const built_in_file *files, size_t count, const char *page);
