/* The VFS hands everything to the default one but the write-ahead log's file, which is a file of our own around the
 * default's. */
#include "storage/sqlite_log.h"

#include <assert.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* https://www.sqlite.org/fileformat2.html#the_write_ahead_log: a header, then frames: a header of their own and a page.
 */
enum { LOG_HEADER = 32, PAGE_SIZE_AT = 8, FRAME_HEADER = 24, COMMIT_AT = 4 };
enum { GATHERED_MAX = 124 * 1024 }; /* SQLite's VFS for Unix takes fewer than 128 KiB at once */

typedef struct log_file {
  sqlite3_file base; /* first: SQLite's functions give it back as this */
  sqlite3_file *under;
  sqlite3_int64 frame_size;
  bool commits;         /* the frame that is being written ends a transaction */
  unsigned char *bytes; /* GATHERED_MAX, from the first write on; not in the file yet: */
  sqlite3_int64 offset; /* where they belong */
  size_t used;
} log_file;

static sqlite3_vfs *default_vfs(void) {
  return sqlite3_vfs_find(NULL);
}

/* --- the log's file --- */

static uint32_t big_endian(const unsigned char *bytes) {
  return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static int flush(log_file *self) {
  size_t used = self->used;
  self->used = 0; /* after a failure too: SQLite takes the transaction back, and writes there again */
  return used ? self->under->pMethods->xWrite(self->under, self->bytes, (int)used, self->offset) : SQLITE_OK;
}

static void learn_frame_size(log_file *self, const unsigned char *header) {
  self->frame_size = FRAME_HEADER + (sqlite3_int64)big_endian(header + PAGE_SIZE_AT);
}

/* The log's own header, which is where its page size stands. */
static int write_log_header(log_file *self, const void *bytes, int size) {
  int result = flush(self);
  if (result != SQLITE_OK) return result;
  learn_frame_size(self, bytes);
  return self->under->pMethods->xWrite(self->under, bytes, size, 0);
}

/* Of a log that was there when it was opened. */
static int read_log_header(log_file *self) {
  unsigned char header[LOG_HEADER];
  int result = self->under->pMethods->xRead(self->under, header, sizeof header, 0);
  if (result == SQLITE_OK) learn_frame_size(self, header);
  return result;
}

static int gather(log_file *self, const void *bytes, size_t size, sqlite3_int64 offset) {
  assert(size <= GATHERED_MAX); /* a page has up to 64 KiB */
  bool follows = self->used && offset == self->offset + (sqlite3_int64)self->used;
  if (!follows || self->used + size > GATHERED_MAX) {
    int result = flush(self);
    if (result != SQLITE_OK) return result;
    self->offset = offset;
  }
  memcpy(self->bytes + self->used, bytes, size);
  self->used += size;
  return SQLITE_OK;
}

/* SQLite writes a frame's header and its page each by a call of its own, or a part of one, where it syncs at the end of
 * a sector. What ends a transaction is in the file when this returns: others may look for it from then on. */
static int log_write(sqlite3_file *file, const void *bytes, int size, sqlite3_int64 offset) {
  log_file *self = (log_file *)file;
  if (offset == 0 && size == LOG_HEADER) return write_log_header(self, bytes, size);
  if (!self->bytes && !(self->bytes = malloc(GATHERED_MAX))) return SQLITE_IOERR_NOMEM;
  int result = self->frame_size ? SQLITE_OK : read_log_header(self);
  if (result != SQLITE_OK) return result;
  sqlite3_int64 in_frame = (offset - LOG_HEADER) % self->frame_size;
  if (in_frame < FRAME_HEADER) {
    bool is_whole = in_frame == 0 && size >= FRAME_HEADER;
    self->commits = !is_whole || big_endian((const unsigned char *)bytes + COMMIT_AT) != 0;
  }
  result = gather(self, bytes, (size_t)size, offset);
  bool is_end = in_frame + size == self->frame_size;
  return result == SQLITE_OK && self->commits && is_end ? flush(self) : result;
}

static int log_read(sqlite3_file *file, void *bytes, int size, sqlite3_int64 offset) {
  log_file *self = (log_file *)file;
  int result = flush(self);
  return result == SQLITE_OK ? self->under->pMethods->xRead(self->under, bytes, size, offset) : result;
}

static int log_truncate(sqlite3_file *file, sqlite3_int64 size) {
  log_file *self = (log_file *)file;
  int result = flush(self);
  return result == SQLITE_OK ? self->under->pMethods->xTruncate(self->under, size) : result;
}

static int log_sync(sqlite3_file *file, int flags) {
  log_file *self = (log_file *)file;
  int result = flush(self);
  return result == SQLITE_OK ? self->under->pMethods->xSync(self->under, flags) : result;
}

static int log_file_size(sqlite3_file *file, sqlite3_int64 *size) {
  log_file *self = (log_file *)file;
  int result = flush(self);
  return result == SQLITE_OK ? self->under->pMethods->xFileSize(self->under, size) : result;
}

static int log_close(sqlite3_file *file) {
  log_file *self = (log_file *)file;
  int result = flush(self), closed = self->under->pMethods->xClose(self->under);
  free(self->bytes);
  return result == SQLITE_OK ? closed : result;
}

static int log_lock(sqlite3_file *file, int level) {
  log_file *self = (log_file *)file;
  return self->under->pMethods->xLock(self->under, level);
}

static int log_unlock(sqlite3_file *file, int level) {
  log_file *self = (log_file *)file;
  return self->under->pMethods->xUnlock(self->under, level);
}

static int log_check_lock(sqlite3_file *file, int *is_reserved) {
  log_file *self = (log_file *)file;
  return self->under->pMethods->xCheckReservedLock(self->under, is_reserved);
}

static int log_control(sqlite3_file *file, int operation, void *arg) {
  log_file *self = (log_file *)file;
  return self->under->pMethods->xFileControl(self->under, operation, arg);
}

static int log_sector_size(sqlite3_file *file) {
  log_file *self = (log_file *)file;
  return self->under->pMethods->xSectorSize(self->under);
}

static int log_characteristics(sqlite3_file *file) {
  log_file *self = (log_file *)file;
  return self->under->pMethods->xDeviceCharacteristics(self->under);
}

/* Version 1: a log is neither mapped nor has shared memory, that is the database's file. */
static const sqlite3_io_methods log_methods = {
    .iVersion = 1,
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_file_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_characteristics,
};

/* --- the VFS --- */

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *flags_out) {
  (void)vfs;
  sqlite3_vfs *under = default_vfs();
  if (!(flags & SQLITE_OPEN_WAL)) return under->xOpen(under, name, file, flags, flags_out);
  log_file *self = (log_file *)file;
  *self = (log_file){.under = (sqlite3_file *)(self + 1)};
  self->under->pMethods = NULL;
  int result = under->xOpen(under, name, self->under, flags, flags_out);
  if (self->under->pMethods) self->base.pMethods = &log_methods;
  return result;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
  (void)vfs;
  return default_vfs()->xDelete(default_vfs(), name, sync_folder);
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
  (void)vfs;
  return default_vfs()->xAccess(default_vfs(), name, flags, result);
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *name, int size, char *full) {
  (void)vfs;
  return default_vfs()->xFullPathname(default_vfs(), name, size, full);
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *bytes) {
  (void)vfs;
  return default_vfs()->xRandomness(default_vfs(), size, bytes);
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return default_vfs()->xSleep(default_vfs(), microseconds);
}

static int vfs_time(sqlite3_vfs *vfs, double *julian_day) {
  (void)vfs;
  return default_vfs()->xCurrentTime(default_vfs(), julian_day);
}

static int vfs_last_error(sqlite3_vfs *vfs, int size, char *text) {
  (void)vfs;
  sqlite3_vfs *under = default_vfs();
  return under->xGetLastError ? under->xGetLastError(under, size, text) : 0;
}

static sqlite3_vfs log_vfs = {
    .iVersion = 1,
    .zName = "store-log",
    .xOpen = vfs_open,
    .xDelete = vfs_delete,
    .xAccess = vfs_access,
    .xFullPathname = vfs_full_name,
    .xRandomness = vfs_randomness,
    .xSleep = vfs_sleep,
    .xCurrentTime = vfs_time,
    .xGetLastError = vfs_last_error,
};

static void register_vfs(void) {
  log_vfs.szOsFile = (int)sizeof(log_file) + default_vfs()->szOsFile;
  log_vfs.mxPathname = default_vfs()->mxPathname;
  sqlite3_vfs_register(&log_vfs, 0);
}

const char *sqlite_log_vfs(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, register_vfs);
  return log_vfs.zName;
}
