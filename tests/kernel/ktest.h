/* SPDX-License-Identifier: MIT */
/*
 * The kernel test program's own tools. It is the image's root task: it makes tasks and threads and reports a line per
 * case on the debug console ("ok NN name" / "FAIL NN name: why") and "N passed, N failed" at the end.
 *
 * A case is a function that returns NULL, or the reason of its failure. It may leave objects behind: addresses
 * are never used twice, slots only those of ended workers. Main runs at MAIN_PRIORITY; workers are threads of the same task.
 */
#ifndef KTEST_H
#define KTEST_H

#include "l4/l4.h"
#include "l4/string.h"

#include <stdbool.h>

enum { MAIN_PRIORITY = 100, ABOVE = 150, BELOW = 50, MS = 1000000 };

struct ktest_case {
    const char *name;
    const char *(*run)(void);
};

struct worker {
    uint32_t thread, sched, stack;
    struct k_utcb *utcb;
    uint64_t stack_top;
};

#define TEXT2(x) #x
#define TEXT(x) TEXT2(x)
/* Leave the case with the place and the condition. */
#define EXPECT(condition)                                                \
    do {                                                                 \
        if (!(condition)) {                                              \
            return __FILE__ ":" TEXT(__LINE__) ": not so: " #condition;  \
        }                                                                \
    } while (0)
#define CASES_END {NULL, NULL}

extern const struct ktest_case cap_cases[], sweep_cases[], memory_cases[], ipc_cases[], transfer_cases[], notification_cases[], sched_cases[], switch_cases[], fault_cases[], upcall_cases[], device_cases[];

uint32_t slot_new(void);                        /* an empty slot */
uint32_t slots_new(uint32_t count);             /* so many in a row */
void slot_free(uint32_t slot);                  /* its capability is deleted and nobody means it any more */
uint64_t va_new(uint64_t bytes);                /* unused addresses, 2 MiB aligned */
uint32_t ram_new(uint64_t bytes);               /* slot of a fresh memory object */
void *ram_map(uint64_t bytes);                  /* fresh memory, mapped read-write */
void must(const char *what, enum k_status status); /* or the test itself cannot go on */
void die(const char *why, enum k_status status); /* the test itself cannot go on */
typedef void worker_entry(uint64_t arg, struct k_utcb *utcb);
struct worker worker_make(uint32_t priority, uint64_t budget_us, uint64_t period_us); /* stopped */
struct worker worker_run(worker_entry *entry, uint64_t arg, uint32_t priority);       /* started, full budget */
void worker_start(const struct worker *w, worker_entry *entry, uint64_t arg);
void worker_end(const struct worker *w);
_Noreturn void worker_done(void);               /* a worker's last call */
uint32_t endpoint_new(void);
uint32_t reply_new(void);
uint32_t notification_new(void);
uint64_t thread_state(uint32_t thread);
uint64_t free_bytes(uint32_t task);             /* of its account */
void spin_until(uint64_t ns);                   /* busy, by the board's clock */

/* What a worker is told and what it tells; never used twice, so that a worker of a failed case harms no other. */
struct job {
    uint32_t ep, reply, slot;
    volatile uint64_t count, status, a, b, c, d;
    struct l4_msg msg;
    uint64_t words[K_MR_MAX];
};
struct job *job_new(void);
struct job *job_on(uint32_t ep, uint32_t reply);
struct worker run(worker_entry *entry, struct job *job, uint32_t priority); /* with a full budget */
uint32_t badged(uint32_t slot, uint64_t badge);                             /* a copy with that badge */
/* Workers on job->ep; they count, and note status and message. */
worker_entry echo_server; /* answers each word plus one until it is cancelled; a: badge, b: tag, words[] */
worker_entry receive_once; /* into job->reply unless 0, until deadline a */
worker_entry send_once;    /* and call_once: job->msg, with the capability in job->slot if the tag says so */
worker_entry call_once;

/*
 * A task of its own that does what it is told. Its first thread, above main, receives on slot CHILD_EP and answers with what came of it;
 * what shall fault is told by child_tell, which waits for no answer. A page at CHILD_DATA is shared with us.
 */
enum { CHILD_EP = 1, CHILD_REPLY = 2, CHILD_FREE = 8, CHILD_SLOTS = 64, CHILD_TEXT = 0x400000, CHILD_DATA = 0x500000, CHILD_UTCB = 0x600000 };
enum child_op { CHILD_SYSCALL, CHILD_LOAD, CHILD_STORE, CHILD_IN, CHILD_OUT, CHILD_SPIN };
struct child {
    uint32_t task, thread, sched, ep;
    volatile uint64_t *data;
};
struct child child_make(void);
void child_end(const struct child *child);
enum k_status child_syscall(const struct child *child, enum k_syscall number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4);
uint64_t child_do(const struct child *child, enum child_op op, uint64_t address, uint64_t value);
enum k_status child_tell(const struct child *child, enum child_op op, uint64_t address, uint64_t value);

#endif
