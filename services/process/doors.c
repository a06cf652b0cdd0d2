/* See doors.h. */
#include "process/doors.h"

#include <stdlib.h>

#include "rpc/settings.h"

rpc_status doors_open(doors *self, rpc_clock *clock) {
  rpc_status status;
  *self = (doors){.tls = rpc_tls_create_from_settings(&status)};
  if (status.code != RPC_OK) return status;
  self->token = settings_secret("STORE_TOKEN");
  self->auth = auth_open_from_settings(clock, &status);
  return status;
}

void doors_close(doors *self) {
  auth_close(self->auth);
  free(self->token);
  rpc_tls_destroy(self->tls);
}
