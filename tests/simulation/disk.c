/* A file has two images, what programs see and what is durable, and the list of changes between them. */
#include "simulation/disk.h"

#include <assert.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DISKS_MAX = 8, FILES_MAX = 8, NAME_SIZE = 64, SECTOR = 512, REGIONS_MAX = 64 };

typedef struct image {
  unsigned char *bytes;
  size_t size, capacity;
} image;

/* A write of some bytes, or, where there are none, a truncation. */
typedef struct change {
  size_t offset, size;
  unsigned char *bytes;
} change;

typedef struct disk_file {
  char name[NAME_SIZE]; /* "": the slot is free */
  image seen, durable;
  change *changes;
  size_t change_count, change_capacity;
} disk_file;

struct simulated_disk {
  disk_system *system;
  char name[NAME_SIZE];
  disk_file files[FILES_MAX];
  uint64_t generation; /* of processes that use it */
  bool is_attached, is_full;
  uint32_t trap_left;
  void (*trap)(void *arg);
  void *trap_arg;
};

struct disk_system {
  sqlite3_vfs vfs;
  rpc_random *random;
  simulated_disk *disks[DISKS_MAX];
};

typedef struct open_file {
  sqlite3_file base;
  simulated_disk *disk;
  disk_file *file;
  uint64_t generation;
  bool is_temporary; /* deleted when it is closed */
  void *regions[REGIONS_MAX];
} open_file;

/* --- images --- */

static void *must(void *memory) {
  if (!memory) abort();
  return memory;
}

static void resize(image *of, size_t size) {
  if (size > of->capacity) {
    of->capacity = size * 2;
    of->bytes = must(realloc(of->bytes, of->capacity));
  }
  if (size > of->size) memset(of->bytes + of->size, 0, size - of->size);
  of->size = size;
}

static void put(image *to, size_t offset, const void *bytes, size_t size) {
  if (size == 0) return;
  if (offset + size > to->size) resize(to, offset + size);
  memcpy(to->bytes + offset, bytes, size);
}

static void apply(image *to, const change *made) {
  if (made->bytes) {
    put(to, made->offset, made->bytes, made->size);
  } else {
    resize(to, made->offset);
  }
}

/* Sector by sector where it is a write of several. */
static void apply_in_part(image *to, const change *made, rpc_random *random) {
  enum { NOTHING, ALL, SOME };
  int64_t fate = rpc_random_between(random, NOTHING, SOME);
  if (fate == NOTHING) return;
  if (fate == ALL || !made->bytes) {
    apply(to, made);
    return;
  }
  for (size_t at = 0; at < made->size; at += SECTOR) {
    size_t size = made->size - at < SECTOR ? made->size - at : SECTOR;
    if (rpc_random_next(random) & 1) put(to, made->offset + at, made->bytes + at, size);
  }
}

static void forget_changes(disk_file *file) {
  for (size_t i = 0; i < file->change_count; i++) free(file->changes[i].bytes);
  file->change_count = 0;
}

static void note_change(disk_file *file, size_t offset, const void *bytes, size_t size) {
  if (file->change_count == file->change_capacity) {
    file->change_capacity = file->change_capacity * 2 + 16;
    file->changes = must(realloc(file->changes, file->change_capacity * sizeof *file->changes));
  }
  change *made = &file->changes[file->change_count++];
  *made = (change){.offset = offset, .size = size};
  if (bytes) made->bytes = memcpy(must(malloc(size)), bytes, size);
  apply(&file->seen, made);
}

static void delete_file(disk_file *file) {
  forget_changes(file);
  free(file->changes);
  free(file->seen.bytes);
  free(file->durable.bytes);
  *file = (disk_file){.name = ""};
}

/* --- an open file, as SQLite sees it --- */

/* Before each operation that changes something: true where it takes place. */
static bool goes_on(const open_file *self) {
  simulated_disk *disk = self->disk;
  if (self->generation != disk->generation) return false;
  if (disk->trap_left > 0 && --disk->trap_left == 0) disk->trap(disk->trap_arg);
  return self->generation == disk->generation;
}

static int file_close(sqlite3_file *base) {
  open_file *self = (open_file *)base;
  for (size_t i = 0; i < REGIONS_MAX; i++) free(self->regions[i]);
  if (self->is_temporary && self->generation == self->disk->generation) delete_file(self->file);
  return SQLITE_OK;
}

static int file_read(sqlite3_file *base, void *bytes, int size, sqlite3_int64 offset) {
  open_file *self = (open_file *)base;
  if (self->generation != self->disk->generation) return SQLITE_IOERR_READ;
  const image *seen = &self->file->seen;
  size_t from = (size_t)offset, wanted = (size_t)size;
  size_t there = from >= seen->size ? 0 : seen->size - from < wanted ? seen->size - from : wanted;
  if (there > 0) memcpy(bytes, seen->bytes + from, there);
  memset((char *)bytes + there, 0, wanted - there);
  return there == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int file_write(sqlite3_file *base, const void *bytes, int size, sqlite3_int64 offset) {
  open_file *self = (open_file *)base;
  if (!goes_on(self)) return SQLITE_IOERR_WRITE;
  if (self->disk->is_full && (size_t)(offset + size) > self->file->seen.size) return SQLITE_FULL;
  note_change(self->file, (size_t)offset, bytes, (size_t)size);
  return SQLITE_OK;
}

static int file_truncate(sqlite3_file *base, sqlite3_int64 size) {
  open_file *self = (open_file *)base;
  if (!goes_on(self)) return SQLITE_IOERR_TRUNCATE;
  note_change(self->file, (size_t)size, NULL, 0);
  return SQLITE_OK;
}

static int file_sync(sqlite3_file *base, int flags) {
  (void)flags;
  open_file *self = (open_file *)base;
  if (!goes_on(self)) return SQLITE_IOERR_FSYNC;
  for (size_t i = 0; i < self->file->change_count; i++) apply(&self->file->durable, &self->file->changes[i]);
  forget_changes(self->file);
  return SQLITE_OK;
}

static int file_size(sqlite3_file *base, sqlite3_int64 *size) {
  *size = (sqlite3_int64)((open_file *)base)->file->seen.size;
  return SQLITE_OK;
}

static int file_lock(sqlite3_file *base, int level) {
  (void)base, (void)level;
  return SQLITE_OK;
}

static int file_is_reserved(sqlite3_file *base, int *reserved) {
  (void)base;
  *reserved = 0;
  return SQLITE_OK;
}

static int file_control(sqlite3_file *base, int operation, void *arg) {
  (void)base, (void)operation, (void)arg;
  return SQLITE_NOTFOUND;
}

static int file_sector(sqlite3_file *base) {
  (void)base;
  return SECTOR;
}

static int file_traits(sqlite3_file *base) {
  (void)base;
  return 0;
}

static int shared_map(sqlite3_file *base, int region, int size, int extend, void volatile **memory) {
  open_file *self = (open_file *)base;
  assert(region < REGIONS_MAX);
  if (!self->regions[region] && extend) self->regions[region] = must(calloc(1, (size_t)size));
  *memory = self->regions[region];
  return SQLITE_OK;
}

static int shared_lock(sqlite3_file *base, int offset, int count, int flags) {
  (void)base, (void)offset, (void)count, (void)flags;
  return SQLITE_OK;
}

static void shared_barrier(sqlite3_file *base) {
  (void)base;
}

static int shared_unmap(sqlite3_file *base, int delete) {
  (void)base, (void)delete;
  return SQLITE_OK;
}

static const sqlite3_io_methods methods = {
    2,           file_close,     file_read,        file_write,   file_truncate, file_sync,   file_size,
    file_lock,   file_lock,      file_is_reserved, file_control, file_sector,   file_traits, shared_map,
    shared_lock, shared_barrier, shared_unmap,     NULL,         NULL};

/* --- the file system --- */

static disk_file *find_file(simulated_disk *disk, const char *name) {
  for (size_t i = 0; i < FILES_MAX; i++) {
    if (strcmp(disk->files[i].name, name) == 0) return &disk->files[i];
  }
  return NULL;
}

static simulated_disk *disk_of(sqlite3_vfs *vfs, const char *file_name) {
  char name[NAME_SIZE];
  snprintf(name, sizeof name, "%.*s", (int)strcspn(file_name, "."), file_name);
  return disk_system_disk(vfs->pAppData, name);
}

static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *base, int flags, int *flags_out) {
  open_file *self = (open_file *)base;
  if (!name) name = "temporary.file";
  simulated_disk *disk = disk_of(vfs, name);
  disk_file *file = find_file(disk, name);
  self->base.pMethods = NULL;
  if (!disk->is_attached) return SQLITE_CANTOPEN;
  if (!file && !(flags & SQLITE_OPEN_CREATE)) return SQLITE_CANTOPEN;
  if (!file) {
    file = find_file(disk, "");
    assert(file && strlen(name) < NAME_SIZE);
    strcpy(file->name, name);
  }
  *self = (open_file){{&methods}, disk, file, disk->generation, (flags & SQLITE_OPEN_DELETEONCLOSE) != 0, {0}};
  if (flags_out) *flags_out = flags;
  return SQLITE_OK;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *name, int sync_folder) {
  (void)sync_folder;
  simulated_disk *disk = disk_of(vfs, name);
  disk_file *file = find_file(disk, name);
  if (!disk->is_attached) return SQLITE_IOERR_DELETE;
  if (!file) return SQLITE_IOERR_DELETE_NOENT;
  delete_file(file);
  return SQLITE_OK;
}

static int vfs_access(sqlite3_vfs *vfs, const char *name, int flags, int *result) {
  (void)flags;
  *result = find_file(disk_of(vfs, name), name) != NULL;
  return SQLITE_OK;
}

static int vfs_full_name(sqlite3_vfs *vfs, const char *name, int size, char *full) {
  (void)vfs;
  snprintf(full, (size_t)size, "%s", name);
  return SQLITE_OK;
}

static int vfs_randomness(sqlite3_vfs *vfs, int size, char *bytes) {
  disk_system *system = vfs->pAppData;
  for (int i = 0; i < size; i++) bytes[i] = (char)rpc_random_next(system->random);
  return size;
}

static int vfs_sleep(sqlite3_vfs *vfs, int microseconds) {
  (void)vfs;
  return microseconds;
}

static int vfs_time(sqlite3_vfs *vfs, double *julian_day) {
  (void)vfs;
  *julian_day = 2460000.5;
  return SQLITE_OK;
}

disk_system *disk_system_create(rpc_random *random) {
  disk_system *system = must(calloc(1, sizeof *system));
  system->random = random;
  system->vfs = (sqlite3_vfs){.iVersion = 1,
                              .szOsFile = sizeof(open_file),
                              .mxPathname = NAME_SIZE,
                              .zName = "simulated",
                              .pAppData = system,
                              .xOpen = vfs_open,
                              .xDelete = vfs_delete,
                              .xAccess = vfs_access,
                              .xFullPathname = vfs_full_name,
                              .xRandomness = vfs_randomness,
                              .xSleep = vfs_sleep,
                              .xCurrentTime = vfs_time};
  sqlite3_vfs_register(&system->vfs, 1);
  sqlite3_randomness(0, NULL); /* its generator is seeded anew, from here */
  return system;
}

void disk_system_destroy(disk_system *system) {
  if (!system) return;
  sqlite3_vfs_unregister(&system->vfs);
  for (size_t i = 0; i < DISKS_MAX && system->disks[i]; i++) {
    for (size_t j = 0; j < FILES_MAX; j++) delete_file(&system->disks[i]->files[j]);
    free(system->disks[i]);
  }
  free(system);
}

simulated_disk *disk_system_disk(disk_system *system, const char *name) {
  size_t i = 0;
  while (i < DISKS_MAX && system->disks[i] && strcmp(system->disks[i]->name, name) != 0) i++;
  assert(i < DISKS_MAX);
  if (!system->disks[i]) {
    system->disks[i] = must(calloc(1, sizeof *system->disks[i]));
    system->disks[i]->system = system;
    snprintf(system->disks[i]->name, sizeof system->disks[i]->name, "%s", name);
  }
  return system->disks[i];
}

void disk_attach(simulated_disk *disk) {
  disk->is_attached = true;
}

void disk_detach(simulated_disk *disk) {
  disk->is_attached = false;
  disk->generation++;
  disk->trap_left = 0;
}

void disk_cut_power(simulated_disk *disk) {
  disk_detach(disk);
  for (size_t i = 0; i < FILES_MAX; i++) {
    disk_file *file = &disk->files[i];
    for (size_t j = 0; j < file->change_count; j++) {
      apply_in_part(&file->durable, &file->changes[j], disk->system->random);
    }
    forget_changes(file);
    resize(&file->seen, 0);
    put(&file->seen, 0, file->durable.bytes, file->durable.size);
  }
}

void disk_set_trap(simulated_disk *disk, uint32_t operation, void (*fn)(void *arg), void *arg) {
  disk->trap_left = operation;
  disk->trap = fn;
  disk->trap_arg = arg;
}

void disk_set_full(simulated_disk *disk, bool full) {
  disk->is_full = full;
}
