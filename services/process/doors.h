/* Who is let into a process, and with what it is let in elsewhere: certificates and tokens, by settings (rpc/tls.h,
 * auth/auth.h, STORE_TOKEN). For gateway/main.c and service_host.c. */
#pragma once

#include "auth/auth.h"
#include "rpc/tls.h"

typedef struct doors {
  rpc_tls *tls; /* NULL: none */
  auth *auth;   /* NULL: everybody may call */
  char *token;  /* for what the process calls itself; NULL: none */
} doors;

/* clock outlives them. A status other than RPC_OK, which names the setting, where one cannot be used. */
rpc_status doors_open(doors *self, rpc_clock *clock);

/* Once nothing that was made with them is left. */
void doors_close(doors *self);
