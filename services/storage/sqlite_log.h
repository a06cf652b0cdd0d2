/* How SQLite's write-ahead log reaches its file. SQLite writes each page of a transaction by two calls, one for the
 * frame's header and one for the page; what it appends is gathered here and written by one call, when the frame that
 * commits is whole, and the file system carries it to the disk as one piece, too.
 *
 * It rests on synchronous = FULL (https://www.sqlite.org/pragma.html#pragma_synchronous): after each transaction the
 * log is synced, and what is gathered is written at the latest then. For connection_sqlite.c alone. */
#pragma once

/* The name of an SQLite VFS (https://www.sqlite.org/vfs.html) over the one that is the default when a file is opened.
 * Registered when first asked for. From any thread. */
const char *sqlite_log_vfs(void);
