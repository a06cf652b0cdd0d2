/* See files.h. */
#include "gateway/files.h"

#include <string.h>

bool files_has(const built_in_file *file) {
  return file->size > 1; /* embed.cmake makes one byte of nothing */
}

void files_send(exchange *self, const built_in_file *file) {
  json_write_bytes(&self->body, (const char *)file->bytes, file->size);
  self->content_encoding = file->content_encoding;
  self->policy = file->policy;
  exchange_reply(self, 200, file->content_type);
  exchange_send(self);
}

void files_send_requested(exchange *self, const built_in_file *files, size_t count, const char *page) {
  h2o_iovec_t path = exchange_path(self);
  for (size_t i = 0; i < count; i++) {
    if (!h2o_memis(path.base, path.len, files[i].path, strlen(files[i].path)) || !files_has(&files[i])) continue;
    files_send(self, &files[i]);
    return;
  }
  rpc_status status = rpc_status_error(RPC_NOT_FOUND, "NO_SUCH_FILE", "%s has no such file", page);
  exchange_fail(self, &status, 0);
  exchange_send(self);
}
