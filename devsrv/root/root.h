/* SPDX-License-Identifier: MIT */
/*
 * Root: the first task. It checks the system table, makes what the table says, and then supervises by the table's policy alone.
 *
 *     main.c -> verify.c (pure: may the table be used?) -> build.c (objects in array order) -> supervise.c (faults, exits, log) and manage.c (requests of the workstation)
 *
 * Every object of array X with index i lies in root's slot SLOT_X + i, so no table of slots is needed. Root keeps its capabilities to all memory: a mapping lives as long
 * as its maker holds one. Root's budget and priority are those of thread 0 from the moment everything else runs.
 *
 * Source: formats/system_table.py, formats/args.py, formats/link.py.
 */
#ifndef ROOT_ROOT_H
#define ROOT_ROOT_H

#include "boot_image_gen.h"
#include "devsrv/ring.h"
#include "devsrv/shot.h"
#include "devsrv/terminal.h"
#include "devsrv/text.h"
#include "l4/l4.h"
#include "system_table_gen.h"

#include <stdbool.h>
#include <stdint.h>

/* How many records of each array root can hold, and where their objects lie. Slots 64..511 are for capabilities that the table itself gives to root. */
enum {
    MAX_TASK = SYS_TASKS_MAX, MAX_THREAD = 128, MAX_SCHED = 128, MAX_MEMORY = 1024, MAX_LOAD = 4096, MAX_MAP = 4096, MAX_IRQ = 64, MAX_IOPORT = 64,
    MAX_OBJECT = 256, MAX_CAP = 4096, MAX_BIND = 512, MAX_RING = 64, MAX_REALTIME = 32,
};
enum {
    SLOT_OWN_FIRST = 64, SLOT_OWN_END = 512,
    SLOT_TASK = 512,
    SLOT_THREAD = SLOT_TASK + MAX_TASK,
    SLOT_SCHED = SLOT_THREAD + MAX_THREAD,
    SLOT_MEMORY = SLOT_SCHED + MAX_SCHED,
    SLOT_IRQ = SLOT_MEMORY + MAX_MEMORY,
    SLOT_IOPORT = SLOT_IRQ + MAX_IRQ,
    SLOT_OBJECT = SLOT_IOPORT + MAX_IOPORT,
    SLOT_REPLY = SLOT_OBJECT + MAX_OBJECT,
    SLOT_END,
};
enum { ROOT_RING_IN_BYTES = 4096 }; /* RING_IN in host_runtime/l4vm/description/resolve.py */
_Static_assert((int)SLOT_END <= (int)K_ROOT_CAP_SLOTS, "root's capability table");

/* The table, checked: every index of every record lies in its array, every range of blobs in the image. */
struct table {
    const struct sys_table *head;
    const uint8_t *blobs;
    uint64_t blobs_offset, blobs_bytes;
};
#define TABLE(t, array) ((const struct sys_##array *)((const uint8_t *)(t)->head + (t)->head->array.offset))
#define COUNT(t, array) ((t)->head->array.count)

/* verify.c: false with a sentence in `why`. `image` has `bytes` readable bytes. */
bool table_open(struct table *t, const void *image, uint64_t bytes, struct ds_text *why);

enum task_state { TASK_RUNNING, TASK_PAUSED, TASK_STOPPED, TASK_FAULTED, TASK_EXITED }; /* values of link_task_state */

struct task {
    enum task_state state;
    uint32_t restarts;
    uint64_t restart_ns; /* when the row of restarts began that is counted now */
    uint32_t row;
};

struct root {
    struct table table;
    struct task task[MAX_TASK];
    uint32_t endpoint, wake;           /* slots */
    struct ds_ring_pair log, management;
    struct ds_terminal terminal;       /* the log again, on the board's screen */
    uint8_t *states;                   /* each task's state, for the console server; NULL without one */
    uint32_t log_server, management_server; /* notifications of the rings' server */
    bool has_log, has_management;
    struct ds_shot *shot;              /* shared with the console server; NULL without one */
    bool has_frame;                    /* the display's linear frame was found */
    uint64_t log_lost;                 /* lines */
    uint64_t shutdown;                 /* 0: none is wanted; else 1 + code, once the reply has left */
};
extern struct root root;

/* build.c */
void build_all(void);
void build_start(void);
void memory_fill(uint32_t memory);     /* zero it and do its loads again */
/* pci.c */
bool pci_memory(uint32_t id, uint64_t bytes, uint64_t *pa); /* the first memory of the device vendor | device << 16; false: not there, or smaller than bytes */
/* supervise.c */
_Noreturn void supervise(void);
void task_stop(uint32_t task, enum task_state state);
void task_pause(uint32_t task, bool pause);
void task_restart(uint32_t task);
void root_log(const char *text);
/* manage.c */
void manage_turn(void);
/* main.c */
_Noreturn void root_fail(const char *what, uint32_t number, enum k_status status);
const char *task_name(uint32_t task);

#endif
