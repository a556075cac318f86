/* SPDX-License-Identifier: MIT */
/*
 * The kernel's objects and the calls between its rooms.
 *
 * Rules: one CPU, interrupts off, one kernel stack that every entry starts anew (event kernel): nothing may wait inside. A system call checks everything, then commits.
 * A long operation does at most LONG_STEPS steps, leaves its progress in the objects and returns K_RESTART: the call is made again, with interrupts let in between.
 * Kernel memory is paid for by a task's account, in whole pages; the pool of pages equals the sum of accounts.
 */
#ifndef KERNEL_H
#define KERNEL_H

#include "abi/k_abi.h"
#include "x64.h"

enum { K_RESTART = -1, LONG_STEPS = 64, REFILLS = 8, LINKS_MAX = 2047 };

/* lib/ */
void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);
void early_puts(const char *text, size_t bytes);
void early_print(const char *format, ...); /* %s %u (u64 decimal) %x (u64 hexadecimal) */
void early_init(void);
void early_stop(void); /* the console's ports belong to a task now */
_Noreturn void kernel_panic(const char *sentence);
_Noreturn void kernel_panic_frame(const char *sentence, const struct x64_frame *frame);
_Noreturn void kernel_shutdown(uint64_t code);
#define BUG_ON(condition)                                        \
    do {                                                         \
        if (condition)                                           \
            kernel_panic(__FILE__ ": broken rule: " #condition); \
    } while (0)

struct task;
struct thread;

/* One ring of an intrusive list; the head is a node too. */
struct node {
    struct node *next, *prev;
};
static inline void list_init(struct node *n)
{
    n->next = n->prev = n;
}
static inline bool list_empty(const struct node *n)
{
    return n->next == n;
}
static inline void list_insert_before(struct node *at, struct node *n)
{
    n->prev = at->prev, n->next = at;
    at->prev->next = n, at->prev = n;
}
static inline void list_remove(struct node *n)
{
    n->next->prev = n->prev, n->prev->next = n->next;
    list_init(n);
}
#define CONTAINER(pointer, type, member) ((type *)((char *)(pointer) - offsetof(type, member)))

/* Start of every object. */
struct object {
    enum k_kind kind;
    bool dying;
    uint32_t weight;    /* capabilities that keep it alive */
    struct task *payer; /* whose account holds its memory */
    struct node mine;   /* in payer->objects */
    struct node caps;   /* every capability that names it, by cap.same */
};

/*
 * A capability. The derivation tree:  parent <- cap -> first child; children of one parent form a list.
 */
struct cap {
    struct object *object; /* NULL: empty */
    uint64_t badge;
    uint8_t rights;
    bool weak; /* a task's own slot 0: keeps nothing alive */
    struct task *holder;
    struct cap *parent, *child, *next, *prev;
    struct node same; /* in object->caps */
};

enum timer_kind { TIMER_THREAD, TIMER_REFILL, TIMER_NOTIFICATION };
struct timer {
    struct node node;
    uint64_t at_ns;
    enum timer_kind kind;
};

/* One (memory object, address space): how many page-table entries carry its index. */
struct link {
    struct memory *memory; /* NULL: free */
    struct task *task;
    struct node node; /* in memory->links */
    uint64_t pages;
    uint32_t index;
    uint8_t rights; /* of the capability it was mapped by */
};

enum { CAPS_PER_PAGE = PAGE_BYTES / sizeof(struct cap), CAP_PAGES = 256, LINKS_PER_PAGE = PAGE_BYTES / sizeof(struct link) };
enum { LINK_PAGES = (LINKS_MAX + LINKS_PER_PAGE) / LINKS_PER_PAGE, SLAB_CLASSES = 4 };

struct task {
    struct object object;
    uint64_t *pml4;
    uint32_t cap_slots;
    struct cap *cap_pages[CAP_PAGES];
    struct link *link_pages[LINK_PAGES];
    struct node objects;                  /* that this account pays for */
    struct node threads;                  /* that run here, by thread.in_task */
    struct task *parent;                  /* whose account its bytes came from */
    uint64_t total, used, given;          /* bytes of the account */
    struct slab *slabs[SLAB_CLASSES];     /* with room left */
    uint8_t *io_bitmap;                   /* two pages (one allocation of each), or NULL */
    uint64_t destroy_va;                  /* progress of its destruction */
};

struct thread {
    struct x64_frame frame __attribute__((aligned(16)));
    struct object object;
    struct task *task;
    struct node in_task, queue; /* queue: a run queue or an endpoint's or notification's waiters */
    enum k_thread_state state;
    uint8_t priority;
    uint32_t flags;
    bool queued, configured;
    bool calling;         /* SENDING, and wants a reply */
    struct sched *sched;  /* on which it runs now */
    struct sched *home;   /* its own */
    struct timer timer;
    struct endpoint *endpoint; /* waited on */
    struct notification *waiting, *bound;
    struct reply *reply;      /* CALLING: who holds us; RECEIVING: where the next caller goes */
    uint64_t badge;           /* SENDING: of the capability used */
    struct endpoint *handler; /* fault IPC */
    uint64_t handler_badge;
    bool fault_pending; /* the message to send is the fault's */
    uint64_t fault_label, fault[6];
    uint64_t last_fault, last_address;
    uint64_t upcall_entry, upcall_stack;
    bool in_upcall;
    struct k_utcb *utcb; /* kernel alias */
    uint64_t utcb_va;
    uint64_t fs_base, gs_base;
    uint64_t consumed_ns;
    void *fpu;
};

struct endpoint {
    struct object object;
    struct node senders, receivers; /* by priority */
    struct node handled;            /* unused head kept for symmetry of the drawing in endpoint.c */
};
struct reply {
    struct object object;
    struct thread *caller;   /* held until answered */
    struct thread *receiver; /* that named it in a receive that still waits */
    bool donated;
};
struct notification {
    struct object object;
    uint64_t *word; /* a page of its own when mapped, else &own */
    uint64_t own;
    struct node waiters;
    struct thread *bound;
    struct timer timer;
    uint64_t timer_bits;
    uint8_t *page;
};
struct refill {
    uint64_t at_ns, amount_ns;
};
struct sched {
    struct object object;
    uint64_t budget_ns, period_ns, release_ns;
    struct refill refills[REFILLS];
    unsigned head, count;
    bool throttled;
    struct timer timer;
    struct thread *thread; /* runs on it now */
    struct thread *home;   /* whose own it is */
};
struct memory {
    struct object object;
    uint64_t pa, bytes;
    struct node links;
    uint64_t pages;
    bool large_ok;
    uint32_t writable, executable; /* mappings of each kind */
};
struct irq {
    struct object object;
    uint32_t gsi, flags;
    struct notification *notification;
    uint64_t bits;
    bool waiting_ack, pending;
};
struct ioport {
    struct object object;
    uint32_t first, count;
};

/* mem/account.c */
void pool_init(uint64_t pa, uint64_t bytes);
uint64_t pool_bytes(void);
void *page_alloc(struct task *payer); /* zeroed; NULL: account exhausted */
void page_free(struct task *payer, void *page);
void *object_alloc(struct task *payer, size_t bytes, enum k_kind kind); /* zeroed, registered */
void object_free(struct object *object, void *block);
void *block_alloc(struct task *payer, size_t bytes);
void block_free(struct task *payer, void *block);
void accounts_check(void);
/* mem/vspace.c */
enum k_status vspace_map(struct task *task, struct memory *m, uint8_t cap_rights, uint64_t va, uint64_t offset, uint64_t bytes, uint64_t rights, bool commit);
int vspace_unmap(struct task *task, uint64_t va, uint64_t bytes, const struct memory *only, unsigned *steps, uint64_t *progress);
enum k_status vspace_protect(struct task *task, uint64_t va, uint64_t bytes, uint64_t rights);
enum k_status vspace_map_kernel_page(struct task *task, uint64_t va, void *page, bool writable);
void vspace_unmap_kernel_page(struct task *task, uint64_t va, const void *page);
bool vspace_init(struct task *task);
bool range_ok(uint64_t va, uint64_t bytes);
extern uint64_t *kernel_pml4;
void paging_init(uint64_t ram_end);
/* obj/cap.c */
struct cap *cap_at(struct task *task, uint64_t slot); /* NULL: outside the table or no page there */
enum k_status cap_room(struct task *task, uint64_t slot, struct cap **out);
void cap_set(struct cap *cap, struct task *holder, struct object *object, uint8_t rights, uint64_t badge, struct cap *parent);
int cap_delete(struct cap *cap, unsigned *steps);
int cap_revoke(struct cap *cap, unsigned *steps);
int object_destroy_caps(struct object *object, unsigned *steps);
enum k_status cap_find(struct task *task, uint64_t slot, enum k_kind kind, uint8_t rights, struct cap **out);
int object_destroy(struct object *object, unsigned *steps);
int task_destroy(struct task *task, unsigned *steps);
/* core/sched.c */
extern struct thread *current;
uint64_t now_ns(void);
void sched_wake(struct thread *t); /* becomes READY */
void sched_block(struct thread *t, enum k_thread_state state);
void sched_requeue(struct thread *t);
void sched_give(struct sched *s, struct thread *to);
void sched_set(struct sched *s, uint64_t budget_ns, uint64_t period_ns);
void sched_destroy(struct sched *s);
void sched_yield(void);
void timer_start(struct timer *timer, uint64_t at_ns);
void timer_stop(struct timer *timer);
void sched_tick(void);
_Noreturn void kernel_exit(void);
void vspace_leave(const struct task *task);
void thread_forget(struct thread *t); /* it is going: no register of it may be loaded any more */
void sched_idle_entry(void);
uint64_t sched_next_period(uint64_t *skipped);
/* core/ipc.c */
int ipc_send(struct thread *t, struct cap *cap, bool call, bool wait);
int ipc_recv(struct thread *t, uint64_t ep_slot, uint64_t reply_slot, uint64_t deadline, bool wait);
int ipc_reply(struct thread *t, struct reply *r);
void ipc_fault(struct thread *t, uint32_t label);
void ipc_cancel(struct thread *t, enum k_status status);
void ipc_timeout(struct thread *t);
void endpoint_destroy(struct endpoint *e);
void reply_destroy(struct reply *r);
/* obj/notification.c */
void notification_signal(struct notification *n, uint64_t bits);
void notification_destroy(struct notification *n);
int notification_wait(struct thread *t, struct notification *n, uint64_t deadline, bool wait);
enum k_status notification_map(struct notification *n, struct task *task, uint64_t va);
/* obj/thread.c */
void thread_destroy(struct thread *t);
bool thread_regs_set(struct thread *t, const struct k_regs *regs);
void thread_regs_get(struct thread *t, struct k_regs *regs);
bool thread_upcall(struct thread *t, uint64_t address);
enum k_status thread_create(struct task *task, uint64_t utcb_va, struct thread **out);
/* obj/irq.c */
void irq_fired(uint32_t gsi);
void irq_destroy(struct irq *irq);
extern struct irq *irq_of_gsi[X64_IRQS];
/* core/boot.c */
extern struct k_boot_info boot_facts;
extern struct task *root_task;

#endif
