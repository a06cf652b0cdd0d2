/* Connections between processes have the kernel's patience bounded, at both ends. */
#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/tcp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "rpc/link_patience.h"
#include "rpc/listener.h"
#include "rpc/transport.h"

enum { WAIT_STEPS = 2000 };

/* Of this process's TCP connections, those that were given up on after LINK_PATIENCE_MS. */
static size_t count_impatient(void) {
  size_t count = 0;
  DIR *descriptors = opendir("/proc/self/fd");
  for (struct dirent *entry; (entry = readdir(descriptors)) != NULL;) {
    int fd = atoi(entry->d_name), patience = 0, keepalive = 0;
    socklen_t size = sizeof patience, keepalive_size = sizeof keepalive;
    if (getsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, &size) != 0) continue;
    getsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keepalive, &keepalive_size);
    count += patience == LINK_PATIENCE_MS && keepalive;
  }
  closedir(descriptors);
  return count;
}

static void both_ends_of_a_connection_notice_a_lost_machine(const char *host) {
  rpc_clock *clock = rpc_clock_create();
  rpc_random random;
  rpc_random_init(&random, 1);
  metrics_registry *metrics = metrics_registry_create();
  rpc_server *server =
      rpc_server_create(&(rpc_server_config){.name = "test", .clock = clock, .random = &random, .metrics = metrics});
  rpc_status status;
  char url[64];
  snprintf(url, sizeof url, "tcp://%s:0", host);
  rpc_listener *listener = rpc_listener_create(server, url, NULL, &status);
  assert_non_null(listener);
  snprintf(url, sizeof url, "tcp://%s:%u", host, rpc_listener_port(listener));
  rpc_transport *transport = rpc_transport_create_nng(url, NULL, &status);
  assert_non_null(transport);
  for (int step = 0; step < WAIT_STEPS && count_impatient() < 2; step++) {
    nanosleep(&(struct timespec){.tv_nsec = 5 * 1000000}, NULL);
  }
  assert_int_equal(count_impatient(), 2);
  transport->close(transport);
  transport->destroy(transport);
  rpc_listener_destroy(listener);
  rpc_server_destroy(server);
  metrics_registry_destroy(metrics);
  rpc_clock_destroy(clock);
}

static void over_ipv4(void **state) {
  (void)state;
  both_ends_of_a_connection_notice_a_lost_machine("127.0.0.1");
}

static void over_ipv6(void **state) {
  (void)state;
  int fd = socket(AF_INET6, SOCK_STREAM, 0);
  struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
  bool has_ipv6 = fd >= 0 && bind(fd, (struct sockaddr *)&loopback, sizeof loopback) == 0;
  if (fd >= 0) close(fd);
  if (!has_ipv6) skip();
  both_ends_of_a_connection_notice_a_lost_machine("[::1]");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(over_ipv4), cmocka_unit_test(over_ipv6)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}
