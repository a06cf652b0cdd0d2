/* The audit log: a stream of its own, one JSON line per state change, each with its correlation id: ts, seq, prev,
 * service, source, entity, id, from, to, correlation_id, detail, hash. The lines are chained (audit_chain.h), and the
 * file is rotated: what is full becomes path.1, path.1 becomes path.2, … One log belongs to one process and, within it,
 * to one thread at a time: the one that commits. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct audit_log audit_log;

/* Appends to path, made with mode 0600 where missing; half a line left there by a crash is ended first, and the chain
 * goes on from the last whole line. service and path are copied. NULL on failure (errno). */
audit_log *audit_open(const char *service, const char *path);

/* From now on a file that has reached max_bytes is rotated, after a flush; of the rotated ones the latest `kept` (>= 1)
 * are kept, the chain runs on through them. 0 bytes: never, as until this is called. */
void audit_rotate_at(audit_log *audit, int64_t max_bytes, int kept);

enum { AUDIT_NAME_SIZE = 33 };

/* The log's name, hexadecimal: random, made at the first call and kept in the file path.name, so that a process that is
 * started again on the same folder finds the lines that are its own in a database. False on failure (errno). */
bool audit_name(audit_log *audit, char name[AUDIT_NAME_SIZE]);

/* Lines not flushed are dropped. NULL is ignored. */
void audit_close(audit_log *audit);

/* One state change: entity "order", its id, from ("" for a new one) and to. Buffered until audit_flush. detail (a
 * reason, say) and correlation_id may be NULL, written as null. Values are cut at 1 KiB; the line then has
 * "truncated":true. */
void audit_append(audit_log *audit, int64_t unix_ms, const char *entity, const char *id, const char *from,
                  const char *to, const char *correlation_id, const char *detail);

/* What the lines that follow come from: row `row` (>= 1) of outbox slot `slot`, written as "source":"slot.row". */
void audit_source(audit_log *audit, int64_t slot, int64_t row);

/* How many whole lines of the files come from the rows first, first + 1, … of that slot: added to counts. Reads the
 * files from their end until a row before first comes up. False where one cannot be read. After a complete flush. */
bool audit_count_lines(audit_log *audit, int64_t slot, int64_t first, int64_t *counts, size_t rows);

/* Waits until all lines that were ever flushed are on the disk. False where not all can be said to be: lines wait or
 * were lost, or the disk fails (errno). */
bool audit_sync(audit_log *audit);

/* Writes what was appended, with one write(2) where the file takes it whole: after it the lines survive a crash of the
 * process. Called after the commit of the changes and before they are acknowledged.
 *
 * False where not all could be written (errno: ENOSPC, ...): the changes must not be acknowledged then. Up to 16 MiB of
 * such lines are kept, in order, and written by the next flush that can; lines past that are lost, which is what
 * ENOBUFS says. */
bool audit_flush(audit_log *audit);

/* Drops what was appended since the last flush: the transaction was rolled back. */
void audit_discard(audit_log *audit);
