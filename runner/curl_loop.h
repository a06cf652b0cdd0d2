/* libcurl's multi interface on epoll: curl_multi_poll looks at each of thousands of sockets every time, epoll tells
 * which have something. One thread turns the loop; any may wake it up. Used by door_gateway. */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct curl_loop {
  CURLM *multi;
  int epoll, wakeup;    /* wakeup: an eventfd */
  int64_t timer_due_ms; /* when libcurl wants to be called; -1: not at all */
} curl_loop;

/* connections: kept open at most. The loop must stay where it is. False without memory or descriptors; to be closed in
 * any case. */
bool curl_loop_open(curl_loop *loop, long connections);

/* When all easy handles are out of it. */
void curl_loop_close(curl_loop *loop);

/* Makes curl_loop_turn return, the one under way or the next one. From any thread. */
void curl_loop_wake(curl_loop *loop);

/* Waits for sockets, the timer or curl_loop_wake, and lets libcurl do what there is to do. */
void curl_loop_turn(curl_loop *loop);
