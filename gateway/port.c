/* Sockets as the gateway wants them, and one filter. */
#include "gateway/port.h"

#include <errno.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
  SEND_TIMEOUT_MS = 30000,     /* for a client to take what it was sent */
  RECEIVE_BUFFER = 128 * 1024, /* bytes of a client that the kernel holds, and h2o reads at once */
};

static int open_port(const struct addrinfo *address) {
  int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, address->ai_protocol);
  if (fd < 0) return -1;
  int on = 1, send_timeout = SEND_TIMEOUT_MS, buffer = RECEIVE_BUFFER; /* all are inherited by accepted sockets */
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
  setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &send_timeout, sizeof send_timeout);
  if (bind(fd, address->ai_addr, address->ai_addrlen) == 0 && listen(fd, SOMAXCONN) == 0) return fd;
  int error = errno;
  close(fd);
  errno = error;
  return -1;
}

static uint16_t bound_port(int fd) {
  union {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
  } address = {.v6 = {.sin6_family = AF_UNSPEC}};
  socklen_t size = sizeof address;
  if (getsockname(fd, &address.any, &size) != 0) return 0;
  return ntohs(address.any.sa_family == AF_INET6 ? address.v6.sin6_port : address.v4.sin_port);
}

int port_open(const char *host, uint16_t *port, rpc_status *status) {
  char service[8];
  snprintf(service, sizeof service, "%u", *port);
  struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICSERV}, *addresses = NULL;
  int error = getaddrinfo(host, service, &hints, &addresses);
  if (error != 0) {
    *status = rpc_status_error(RPC_UNAVAILABLE, "LISTEN", "host '%s': %s", host, gai_strerror(error));
    return -1;
  }
  int fd = -1;
  for (struct addrinfo *at = addresses; at && fd < 0; at = at->ai_next) fd = open_port(at);
  int cause = errno;
  freeaddrinfo(addresses);
  char text[64];
  if (fd < 0) {
    *status = rpc_status_error(RPC_UNAVAILABLE, "LISTEN", "cannot listen on %s:%u: %s", host, *port,
                               strerror_r(cause, text, sizeof text));
    return -1;
  }
  *port = bound_port(fd);
  *status = rpc_status_ok();
  return fd;
}

/* On a socket that listens a filter sees each packet from its TCP header on: a SYN without an ACK begins a connection.
 * Accepted sockets inherit it, and see no such packet. */
void port_begin_no_more(int fd) {
  enum { FLAGS = 13, SYN = 0x02, ACK = 0x10, DROP = 0, WHOLE_PACKET = 0xffff };
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS),      BPF_STMT(BPF_ALU | BPF_AND | BPF_K, SYN | ACK),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYN, 0, 1), BPF_STMT(BPF_RET | BPF_K, DROP),
      BPF_STMT(BPF_RET | BPF_K, WHOLE_PACKET),
  };
  struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
  setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program); /* else some connect in vain, as they would */
}
