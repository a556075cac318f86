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

enum { K_RESTART = -1, LONG_STEPS = 64, REFILLS = 8, LINKS_MAX = 2047, DEPTH_MAX = 8, IO_GRANTS = 8 };

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
    bool dying;         /* its destruction has begun: no capability finds it any more */
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
    bool weak; /* a task's own slot 0: keeps nothing alive and is never deleted by itself */
    struct task *holder;
    struct cap *parent, *child, *next, *prev;
    struct node same; /* in object->caps */
};

enum timer_kind { TIMER_THREAD, TIMER_REFILL, TIMER_NOTIFICATION };
struct timer {
    struct node node; /* in the list of timers, earliest first; alone when it does not run */
    uint64_t at_ns;
    enum timer_kind kind;
};

/*
 * What ties a memory object to an address space. A page-table entry carries the index of its link, so no mapping needs a node of its own:
 *
 *     memory --links--> link (task, by, rights, pages) <--index in bits 52..62-- page-table entries
 *
 * It lives while entries carry its index. When the task `by` loses its last capability to the memory, the entries are swept away in steps.
 */
struct link {
    struct memory *memory; /* NULL: free */
    struct task *task;     /* whose space */
    struct task *by;       /* who mapped */
    struct node node;      /* in memory->links */
    uint64_t pages;        /* of 4 KiB */
    uint64_t sweep_va;     /* how far its removal has come */
    uint16_t index;
    uint8_t rights; /* of the capability it was mapped by */
};

enum { CAPS_PER_PAGE = PAGE_BYTES / sizeof(struct cap), CAP_PAGES = 256, LINKS_PER_PAGE = PAGE_BYTES / sizeof(struct link) };
enum { LINK_PAGES = (LINKS_MAX + LINKS_PER_PAGE) / LINKS_PER_PAGE, SLAB_CLASSES = 4 };

/* A port range that a task may use; of no range when ioport is NULL. */
struct io_grant {
    struct ioport *ioport;
    struct task *task;
    struct node node; /* in ioport->grants */
};

struct task {
    struct object object;
    uint64_t *pml4;
    uint32_t cap_slots, depth;
    struct cap *cap_pages[CAP_PAGES];
    struct link *link_pages[LINK_PAGES];
    struct node objects;         /* that this account pays for */
    struct node threads;         /* that run here, by thread.in_task */
    struct node views;           /* notifications whose words are mapped here */
    uint64_t total, used, given; /* bytes of the account; given: to tasks it pays for */
    struct slab *slabs[SLAB_CLASSES]; /* with room left */
    struct io_grant io[IO_GRANTS];
    uint64_t sweep_va;           /* progress of its destruction */
    uint32_t sweep_slot;
};

struct thread {
    struct x64_frame frame __attribute__((aligned(16)));
    struct object object;
    struct task *task;
    struct node in_task, queue; /* queue: a run queue or an endpoint's or notification's waiters */
    enum k_thread_state state;
    uint8_t priority;
    uint32_t flags;
    bool runnable;        /* in a run queue */
    bool calling;         /* SENDING, and wants a reply */
    bool fault_pending;   /* the message to send is the fault's */
    bool in_upcall;
    struct sched *sched;  /* on which it runs now */
    struct sched *home;   /* its own */
    struct timer timer;
    struct endpoint *endpoint; /* waited on */
    struct notification *waiting, *bound;
    struct reply *reply;      /* CALLING, FAULTED: who holds us; RECEIVING: where the next caller goes */
    uint64_t badge;           /* SENDING: of the capability used */
    struct endpoint *handler; /* fault IPC */
    struct node handled;      /* in handler->handled */
    uint64_t handler_badge;
    uint64_t fault_label, fault[6];
    uint64_t last_fault, last_address;
    uint64_t upcall_entry, upcall_stack;
    struct k_utcb *utcb; /* kernel alias */
    uint64_t utcb_va;
    uint64_t fs_base, gs_base;
    uint64_t consumed_ns, turn_ns; /* run so far; since when among its equals */
    void *fpu;
};

struct endpoint {
    struct object object;
    struct node senders, receivers; /* by priority, then by age */
    struct node handled;            /* threads whose faults come here */
};
struct reply {
    struct object object;
    struct thread *caller;   /* held until answered */
    struct thread *receiver; /* that named it in a receive that still waits */
    struct sched *donated;   /* the caller's, while the receiver runs on it */
    struct node in_donations;
};
struct notification {
    struct object object;
    uint64_t *word; /* a page of its own once it was mapped, else &own */
    uint64_t own;
    struct node waiters;
    struct thread *bound;
    struct timer timer;
    uint64_t timer_bits;
    struct task *view; /* where the word is mapped, at view_va */
    struct node in_view;
    uint64_t view_va;
};
struct refill {
    uint64_t at_ns, amount_ns;
};
struct sched {
    struct object object;
    uint64_t budget_ns, period_ns, release_ns;
    struct refill refills[REFILLS]; /* a ring: the head is being used up */
    unsigned head, count;
    struct timer timer;    /* runs while the head lies in the future and a thread wants to run */
    struct thread *thread; /* runs on it now */
    struct thread *home;   /* whose own it is */
    struct node donations; /* replies that will give it back, the latest last */
};
struct memory {
    struct object object;
    uint64_t pa, bytes;
    struct memory *parent; /* of which it is a part; NULL: RAM or the image as it came */
    struct node subs, sub; /* its parts; its place among its parent's */
    struct node links;
    uint32_t depth;
    uint64_t pages;                        /* 4 KiB pages mapped of this object itself */
    uint64_t writable, executable;         /* of them, mapped so */
    uint64_t writable_all, executable_all; /* the same with its parts' pages */
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
    struct node grants;
};

/* mem/account.c */
void pool_init(uint64_t pa, uint64_t bytes);
uint64_t pool_bytes(void);
void pool_adopt(struct task *task);
void *page_alloc(struct task *payer); /* zeroed; NULL: account exhausted */
void page_free(struct task *payer, void *page);
void *object_alloc(struct task *payer, size_t bytes, enum k_kind kind); /* zeroed, registered */
void object_free(struct object *object, void *block);
void *block_alloc(struct task *payer, size_t bytes);
void block_free(struct task *payer, void *block);
void accounts_check(void);
/* mem/vspace.c */
extern uint64_t *kernel_pml4;
void paging_init(uint64_t ram_end, uint64_t *free_pa);
bool vspace_init(struct task *task);
void vspace_load(struct task *task);
bool range_ok(uint64_t va, uint64_t bytes);
int vspace_map(struct task *task, struct memory *m, struct task *by, uint8_t cap_rights, const struct k_map_entry *e, uint64_t *done);
enum k_status vspace_map_check(struct task *task, const struct memory *m, uint8_t cap_rights, const struct k_map_entry *e);
int vspace_unmap(struct task *task, uint64_t *va, uint64_t end, const struct link *only, unsigned *steps);
int vspace_protect(struct task *task, uint64_t *va, uint64_t end, uint64_t rights);
enum k_status vspace_map_kernel_page(struct task *task, uint64_t va, void *page, bool writable);
void vspace_unmap_kernel_page(struct task *task, uint64_t va, const void *page);
int vspace_destroy(struct task *task, unsigned *steps);
int link_sweep(struct link *link, unsigned *steps);
/* obj/cap.c */
struct cap *cap_at(struct task *task, uint64_t slot); /* NULL: outside the table or no page there */
enum k_status cap_room(struct task *task, uint64_t slot, struct cap **out);
void cap_set(struct cap *cap, struct task *holder, struct object *object, uint8_t rights, uint64_t badge, struct cap *parent);
enum k_status cap_find(struct task *task, uint64_t slot, enum k_kind kind, uint8_t rights, struct cap **out);
enum k_status cap_any(struct task *task, uint64_t slot, struct cap **out);
enum k_status cap_derive(struct cap *from, struct task *holder, uint64_t slot, uint8_t rights, uint64_t badge);
void cap_adopt(struct cap *parent, struct cap *cap);
enum k_status cap_move(struct cap *from, struct cap *to);
int cap_delete(struct cap *cap, unsigned *steps);
int cap_delete_called(struct cap *cap, unsigned *steps);
int cap_revoke(struct cap *cap, unsigned *steps);
int object_delete_caps(struct object *object, unsigned *steps);
int object_destroy(struct object *object, unsigned *steps);
/* obj/task.c */
enum k_status task_create(struct task *payer, uint64_t account_bytes, uint32_t cap_slots, struct task **out);
int task_destroy(struct task *task, unsigned *steps);
enum k_status account_give(struct task *from, struct task *to, uint64_t bytes);
/* obj/memory.c */
struct memory *memory_create(struct task *payer, struct memory *parent, uint64_t pa, uint64_t bytes);
int memory_destroy(struct memory *m, unsigned *steps);
/* core/sched.c */
extern struct thread *current;
uint64_t now_ns(void);
void sched_wake(struct thread *t);
void sched_block(struct thread *t, enum k_thread_state state);
void sched_priority(struct thread *t, uint8_t priority);
void sched_give(struct sched *s, struct thread *to);
void sched_home(struct thread *t, struct sched *s);
void sched_set(struct sched *s, uint64_t budget_ns, uint64_t period_ns);
void sched_destroy(struct sched *s);
void sched_yield(void);
int sched_next_period(struct thread *t);
void sched_init(void);
void timer_init(struct timer *timer, enum timer_kind kind);
void timer_start(struct timer *timer, uint64_t at_ns);
void timer_stop(struct timer *timer);
void sched_tick(void);
_Noreturn void kernel_exit(void);
void thread_sync(struct thread *t);
void thread_flags_changed(struct thread *t);
void thread_forget(struct thread *t); /* it is going: no register of it may be loaded or saved any more */
/* core/ipc.c */
int ipc_send(struct thread *t, struct cap *cap, bool call, bool wait);
int ipc_recv(struct thread *t, struct endpoint *e, struct reply *reply, uint64_t deadline, bool wait);
int ipc_reply(struct thread *t, struct reply *r);
void ipc_fault(struct thread *t, uint32_t label, const uint64_t words[6]);
void ipc_cancel(struct thread *t, enum k_status status);
void ipc_handler(struct thread *t, struct endpoint *e, uint64_t badge);
int endpoint_destroy(struct endpoint *e, unsigned *steps);
void reply_destroy(struct reply *r);
void waiters_insert(struct node *list, struct thread *t);
/* obj/notification.c */
struct notification *notification_create(struct task *payer);
void notification_signal(struct notification *n, uint64_t bits);
int notification_destroy(struct notification *n, unsigned *steps);
int notification_wait(struct thread *t, struct notification *n, uint64_t deadline, bool wait);
enum k_status notification_view(struct notification *n, struct task *task, uint64_t va);
void notification_view_end(struct notification *n);
/* obj/thread.c */
enum k_status thread_create(struct task *task, uint64_t utcb_va, struct thread **out);
void thread_destroy(struct thread *t);
bool thread_regs_set(struct thread *t, const struct k_regs *regs);
void thread_regs_get(const struct thread *t, struct k_regs *regs);
void thread_start(struct thread *t, uint64_t rip, uint64_t rsp, uint64_t arg);
void thread_fault(struct thread *t, uint32_t label, uint64_t vector, uint64_t error, uint64_t address);
/* obj/device.c */
void irq_fired(uint32_t gsi);
void irq_ack(struct irq *irq);
void irq_destroy(struct irq *irq);
extern struct irq *irq_of_gsi[X64_IRQS];
enum k_status ioport_grant(struct ioport *p, struct task *task);
void ioport_destroy(struct ioport *p);
void task_ports_end(struct task *task);
/* core/main.c */
extern struct k_boot_info boot_facts;
extern struct task *root_task;
extern struct thread *root_thread; /* its first; when it faults unhandled there is nobody left to say so */

#endif
