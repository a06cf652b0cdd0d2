/* See curl_loop.h. */
#include "runner/curl_loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "telemetry/monotonic.h"

enum { EVENTS = 256 };

/* libcurl says what it waits for on a socket. known: what curl_multi_assign left there. */
static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *arg, void *known) {
  (void)easy;
  curl_loop *loop = arg;
  struct epoll_event event = {.data.fd = socket};
  if (what & CURL_POLL_IN) event.events |= EPOLLIN;
  if (what & CURL_POLL_OUT) event.events |= EPOLLOUT;
  if (what == CURL_POLL_REMOVE) {
    epoll_ctl(loop->epoll, EPOLL_CTL_DEL, socket, NULL);
  } else if (known != NULL) {
    epoll_ctl(loop->epoll, EPOLL_CTL_MOD, socket, &event);
  } else {
    epoll_ctl(loop->epoll, EPOLL_CTL_ADD, socket, &event);
    curl_multi_assign(loop->multi, socket, loop);
  }
  return 0;
}

static int set_timer(CURLM *multi, long timeout_ms, void *arg) {
  (void)multi;
  curl_loop *loop = arg;
  loop->timer_due_ms = timeout_ms < 0 ? -1 : monotonic_ms() + timeout_ms;
  return 0;
}

bool curl_loop_open(curl_loop *loop, long connections) {
  *loop = (curl_loop){
      .multi = curl_multi_init(),
      .epoll = epoll_create1(EPOLL_CLOEXEC),
      .wakeup = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK),
      .timer_due_ms = -1,
  };
  if (loop->multi == NULL || loop->epoll < 0 || loop->wakeup < 0) return false;
  curl_multi_setopt(loop->multi, CURLMOPT_MAXCONNECTS, connections);
  curl_multi_setopt(loop->multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
  curl_multi_setopt(loop->multi, CURLMOPT_SOCKETDATA, loop);
  curl_multi_setopt(loop->multi, CURLMOPT_TIMERFUNCTION, set_timer);
  curl_multi_setopt(loop->multi, CURLMOPT_TIMERDATA, loop);
  struct epoll_event event = {.events = EPOLLIN, .data.fd = loop->wakeup};
  return epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wakeup, &event) == 0;
}

void curl_loop_close(curl_loop *loop) {
  if (loop->multi != NULL) curl_multi_cleanup(loop->multi);
  if (loop->epoll >= 0) close(loop->epoll);
  if (loop->wakeup >= 0) close(loop->wakeup);
}

void curl_loop_wake(curl_loop *loop) {
  uint64_t one = 1;
  while (write(loop->wakeup, &one, sizeof one) < 0 && errno == EINTR) continue;
}

static void take_event(curl_loop *loop, const struct epoll_event *event) {
  int running, flags = 0;
  uint64_t ignored;
  if (event->data.fd == loop->wakeup) {
    while (read(loop->wakeup, &ignored, sizeof ignored) < 0 && errno == EINTR) continue;
    return;
  }
  if (event->events & EPOLLIN) flags |= CURL_CSELECT_IN;
  if (event->events & EPOLLOUT) flags |= CURL_CSELECT_OUT;
  if (event->events & (EPOLLERR | EPOLLHUP)) flags |= CURL_CSELECT_ERR;
  curl_multi_socket_action(loop->multi, event->data.fd, flags, &running);
}

void curl_loop_turn(curl_loop *loop) {
  struct epoll_event events[EVENTS];
  int64_t wait_ms = -1;
  int running;
  int64_t left_ms = loop->timer_due_ms - monotonic_ms();
  if (loop->timer_due_ms >= 0) wait_ms = left_ms > 0 ? left_ms : 0;
  int count = epoll_wait(loop->epoll, events, EVENTS, (int)wait_ms);
  for (int i = 0; i < count; i++) take_event(loop, &events[i]);
  if (loop->timer_due_ms >= 0 && monotonic_ms() >= loop->timer_due_ms) {
    loop->timer_due_ms = -1;
    curl_multi_socket_action(loop->multi, CURL_SOCKET_TIMEOUT, 0, &running);
  }
}
