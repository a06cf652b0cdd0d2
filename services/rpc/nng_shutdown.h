/* Closing an NNG socket without trusting it to come back. */
#pragma once

#include <nng/nng.h>
#include <stdbool.h>

/* Closes the socket, waiting for 2 s at most. False: NNG has not come back, and everything that its callbacks use must
 * be left in place. NNG 1.5.2 never returns from nng_close when a message is arriving at that moment: a receive that
 * stands between its header and its body is begun again on an aio that was stopped, which neither runs nor ends it.
 * Not from a callback of NNG. */
bool nng_shutdown_bounded(nng_socket socket);
