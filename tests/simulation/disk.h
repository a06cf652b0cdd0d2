/* Simulated disks, as SQLite's file system: files in memory, of which only what was synced is sure to outlive a power
 * cut. Of every write since then a cut keeps all, nothing, or some sectors, by the draw. That a file exists, and its
 * name, are durable at once, as on a journaling file system. A file belongs to the disk that its name begins with, up
 * to the first '.': "order.db-wal" to "order".
 *
 * Each database has one connection at a time, so locks and shared memory are the connection's own. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc/random.h"

typedef struct disk_system disk_system;
typedef struct simulated_disk simulated_disk;

/* Becomes SQLite's default file system until it is destroyed; one at a time. random outlives it. */
disk_system *disk_system_create(rpc_random *random);

/* After what was opened on it is closed, or its process has died. */
void disk_system_destroy(disk_system *system);

/* The disk of that name, made where it is missing; lives as long as the system. At most 8. */
simulated_disk *disk_system_disk(disk_system *system, const char *name);

/* A process may use the disk from now on. */
void disk_attach(simulated_disk *disk);

/* That process is gone: nothing that it opened works from now on, nor can it open anything; what it wrote is there. */
void disk_detach(simulated_disk *disk);

/* The power is cut: disk_detach, and what was not synced is lost in part. */
void disk_cut_power(simulated_disk *disk);

/* Calls fn instead of the operation-th write, sync or truncation from now; if what it does detaches the disk, the
 * operation has not happened. 0: takes back what was set. */
void disk_set_trap(simulated_disk *disk, uint32_t operation, void (*fn)(void *arg), void *arg);

/* As long as it is full, files do not grow. */
void disk_set_full(simulated_disk *disk, bool full);
