/* NNG 1.5.2 has no such options and shows no descriptor: the pipe's is the one with its two addresses. */
#include "rpc/link_patience.h"

#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

typedef int (*address_fn)(int fd, struct sockaddr *address, socklen_t *size);

/* getsockname or getpeername gives what NNG calls so. */
static bool is_address(address_fn get, int fd, const nng_sockaddr *wanted) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } found = {.v6 = {.sin6_family = AF_UNSPEC}};
  socklen_t size = sizeof found;
  if (get(fd, &found.any, &size) != 0) return false;
  if (found.any.sa_family == AF_INET && wanted->s_family == NNG_AF_INET) {
    return found.v4.sin_port == wanted->s_in.sa_port && found.v4.sin_addr.s_addr == wanted->s_in.sa_addr;
  }
  if (found.any.sa_family == AF_INET6 && wanted->s_family == NNG_AF_INET6) {
    return found.v6.sin6_port == wanted->s_in6.sa_port &&
           memcmp(&found.v6.sin6_addr, wanted->s_in6.sa_addr, sizeof found.v6.sin6_addr) == 0;
  }
  return false;
}

static void set_options(int fd) {
  const struct {
    int level, name, value;
  } options[] = {
      {IPPROTO_TCP, TCP_USER_TIMEOUT, LINK_PATIENCE_MS}, /* rules how many probes there are, too */
      {IPPROTO_TCP, TCP_KEEPIDLE, 1},
      {IPPROTO_TCP, TCP_KEEPINTVL, 1},
      {SOL_SOCKET, SO_KEEPALIVE, 1},
  };
  for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
    setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof options[i].value);
  }
}

void link_patience_set(nng_pipe pipe) {
  nng_sockaddr local, remote;
  if (nng_pipe_get_addr(pipe, NNG_OPT_LOCADDR, &local) != 0) return;
  if (nng_pipe_get_addr(pipe, NNG_OPT_REMADDR, &remote) != 0) return;
  DIR *descriptors = opendir("/proc/self/fd");
  if (!descriptors) return;
  for (struct dirent *entry; (entry = readdir(descriptors)) != NULL;) {
    int fd = atoi(entry->d_name);
    if (!is_address(getsockname, fd, &local) || !is_address(getpeername, fd, &remote)) continue;
    set_options(fd);
    break;
  }
  closedir(descriptors);
}
