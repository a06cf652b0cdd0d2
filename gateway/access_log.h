/* The access log: a line of JSON for each request, at its end. The event loop only appends to a buffer; a thread of its
 * own writes that, so neither a slow disk nor a pipe whose reader stalls holds a request up. What does not fit into the
 * buffer meanwhile is dropped, and counted (http_access_log_lines_total). Made by server.c.
 *
 * A line, as telemetry/json_line.h writes it: ts (when the request ended), client (address), method, path, query (with
 * its '?'), protocol, status (0: the client was gone before its answer), bytes (of the body), duration_us (from the
 * first byte of the request to the last of the answer), correlation_id, user_agent. What is not there is null. */
#pragma once

#include <h2o.h>

#include "rpc/status.h"
#include "telemetry/metrics.h"

enum { ACCESS_LOG_BUFFER = 1 << 20 /* bytes that wait for the thread; as many are being written at most */ };

typedef struct access_log access_log;

/* Appends to the file, which is made where it is new. A FIFO needs a reader by now. A file that is moved away or
 * removed while it is written (logrotate) is opened anew within a second, without a signal. NULL, with the reason in
 * *status, where the path cannot be written to. metrics may be NULL. */
access_log *access_log_open(const char *path, metrics_registry *metrics, rpc_status *status);

/* From here on requests that end up in the path are logged. Their loop has ended before access_log_close. */
void access_log_register(access_log *log, h2o_pathconf_t *path);

/* Appends one line, which ends in '\n'; never waits for the file. From any thread. */
void access_log_append(access_log *log, const char *line, size_t length);

/* Writes what waits, unless that takes more than two seconds, and ends the thread. NULL is ignored. */
void access_log_close(access_log *log);
