/* A listening TCP port. Opened by server.c before the event loop takes it over, and closed without a client noticing.
 */
#pragma once

#include <stdint.h>

#include "rpc/status.h"

/* Listens on host (a name or an address); port 0: any free one. The socket does not block, and is the caller's; *port
 * is the one it got. Below 0 with the reason in *status. */
int port_open(const char *host, uint16_t *port, rpc_status *status);

/* The kernel takes no new connection for the socket; those that were begun still come to be, and want to be accepted.
 * Closing the socket at once would reset them, after their clients have sent a request. What comes now is not answered:
 * its client asks again a second later, and is refused once the socket is closed. */
void port_begin_no_more(int fd);
