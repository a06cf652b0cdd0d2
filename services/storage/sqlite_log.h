/* How SQLite's write-ahead log reaches its file. SQLite writes each page of a transaction by two calls, one for the
 * frame's header and one for the page; what it appends is gathered here and written by one call, when the frame that
 * commits is whole, and the file system carries it to the disk as one piece, too.
 *
 * It rests on two settings of a connection that writes (https://www.sqlite.org/pragma.html). synchronous = FULL: the
 * log is synced after each transaction, and what is gathered is written at the latest then. cache_spill = OFF: nothing
 * of a transaction goes to the log before it commits, so nothing is left here of one that is rolled back, to be written
 * over what another connection has committed meanwhile. For connection_sqlite.c alone. */
#pragma once

/* The name of an SQLite VFS (https://www.sqlite.org/vfs.html) over the one that is the default when a file is opened.
 * Registered when first asked for. From any thread. */
const char *sqlite_log_vfs(void);
