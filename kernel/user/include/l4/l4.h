/* SPDX-License-Identifier: MIT */
/*
 * libl4: the system calls of the kernel as C functions.
 *
 * Every function is one SYSCALL and returns enum k_status (K_OK is 0); outputs come last, as pointers that may be NULL.
 * Register convention: abi/k_abi.h. Slots are indices into the caller's capability table.
 *
 * Rules of use: message words 8..63, capability slots to send and receive, MAP_BATCH entries and debug text lie in the
 * calling thread's UTCB (l4_utcb of the first thread; other threads get theirs as second argument of their entry).
 * A task's program provides `int main(void)`; crt0.S calls it on the stack that the starter gave, and l4_main_ended with what it returns.
 */
#ifndef L4_L4_H
#define L4_L4_H

#include "abi/k_abi.h"

#include <stddef.h>
#include <stdint.h>

/** The UTCB of the task's first thread. */
extern struct k_utcb *l4_utcb;
/** The argument with which the task's first thread was started. */
extern uint64_t l4_start_arg;
/** Ends the task's first thread: by ds_exit (devsrv/supervisor.h) in a program with the servers' library, else in a sleep for ever. */
_Noreturn void l4_main_ended(int code);

/* One message: registers only; words from K_MR_REGISTERS on lie in the UTCB. Layout known to ipc.S. */
struct l4_msg {
    uint64_t tag;
    uint64_t badge; /* out: the sender's badge, or the notification word when the tag has K_TAG_NOTIFICATION */
    uint64_t mr[K_MR_REGISTERS];
};
_Static_assert(sizeof(struct l4_msg) == 80, "ipc.S");

struct l4_out {
    uint64_t v[4];
};

static inline uint64_t l4_syscall(enum k_syscall number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                                  uint64_t a4, uint64_t a5, struct l4_out *out)
{
    uint64_t rax = number;
    register uint64_t rdx __asm__("rdx") = a2;
    register uint64_t r10 __asm__("r10") = a3;
    register uint64_t r8 __asm__("r8") = a4;
    register uint64_t r9 __asm__("r9") = a5;
    __asm__ volatile("syscall"
                     : "+a"(rax), "+D"(a0), "+S"(a1), "+r"(rdx), "+r"(r10), "+r"(r8), "+r"(r9)
                     :
                     : "rcx", "r11", "memory");
    if (out) {
        out->v[0] = rdx, out->v[1] = r10, out->v[2] = r8, out->v[3] = r9;
    }
    return rax;
}

#define L4_SYS(name, a0, a1, a2, a3, a4, a5) \
    ((enum k_status)l4_syscall(K_SYS_##name, (a0), (a1), (a2), (a3), (a4), (a5), NULL))

/* --- IPC (ipc.S) --- */

/** Any IPC call: rdi = a0, rbp = reply; the message goes in and out through *msg. deadline_ns only matters for RECV. */
enum k_status l4_ipc(enum k_syscall number, uint64_t a0, uint64_t reply, struct l4_msg *msg, uint64_t deadline_ns);

static inline enum k_status l4_call(uint32_t ep, struct l4_msg *msg)
{
    return l4_ipc(K_SYS_CALL, ep, K_SLOT_NONE, msg, 0);
}
static inline enum k_status l4_reply_recv(uint32_t ep, uint32_t reply, struct l4_msg *msg)
{
    return l4_ipc(K_SYS_REPLY_RECV, ep, reply, msg, 0);
}
static inline enum k_status l4_send(uint32_t ep, struct l4_msg *msg)
{
    return l4_ipc(K_SYS_SEND, ep, K_SLOT_NONE, msg, 0);
}
static inline enum k_status l4_nb_send(uint32_t ep, struct l4_msg *msg)
{
    return l4_ipc(K_SYS_NB_SEND, ep, K_SLOT_NONE, msg, 0);
}
/** deadline_ns: absolute, 0 waits for ever. A message by CALL needs a reply slot; K_SLOT_NONE refuses callers (K_NO_REPLY to them). */
static inline enum k_status l4_recv(uint32_t ep, uint32_t reply, uint64_t deadline_ns, struct l4_msg *msg)
{
    return l4_ipc(K_SYS_RECV, ep, reply, msg, deadline_ns);
}
static inline enum k_status l4_nb_recv(uint32_t ep, uint32_t reply, struct l4_msg *msg)
{
    return l4_ipc(K_SYS_NB_RECV, ep, reply, msg, 0);
}
static inline enum k_status l4_reply(uint32_t reply, struct l4_msg *msg)
{
    return l4_ipc(K_SYS_REPLY, reply, K_SLOT_NONE, msg, 0);
}

/* --- notifications --- */

static inline enum k_status l4_signal(uint32_t notification, uint64_t bits)
{
    return L4_SYS(SIGNAL, notification, bits, 0, 0, 0, 0);
}
static inline enum k_status l4_wait(uint32_t notification, uint64_t deadline_ns, uint64_t *word)
{
    struct l4_out out;
    uint64_t status = l4_syscall(K_SYS_WAIT, notification, deadline_ns, 0, 0, 0, 0, &out);
    if (word) {
        *word = out.v[0];
    }
    return (enum k_status)status;
}
static inline enum k_status l4_poll(uint32_t notification, uint64_t *word)
{
    struct l4_out out;
    uint64_t status = l4_syscall(K_SYS_POLL, notification, 0, 0, 0, 0, 0, &out);
    if (word) {
        *word = out.v[0];
    }
    return (enum k_status)status;
}
static inline enum k_status l4_notification_bind(uint32_t notification, uint32_t thread)
{
    return L4_SYS(NOTIFICATION_BIND, notification, thread, 0, 0, 0, 0);
}
static inline enum k_status l4_notification_timer(uint32_t notification, uint64_t deadline_ns, uint64_t bits)
{
    return L4_SYS(NOTIFICATION_TIMER, notification, deadline_ns, bits, 0, 0, 0);
}
static inline enum k_status l4_notification_map(uint32_t notification, uint32_t task, uint64_t va)
{
    return L4_SYS(NOTIFICATION_MAP, notification, task, va, 0, 0, 0);
}

/* --- time and the running thread --- */

static inline enum k_status l4_yield(void)
{
    return L4_SYS(YIELD, 0, 0, 0, 0, 0, 0);
}
static inline enum k_status l4_clock(uint64_t *ns, uint64_t *tsc, uint64_t *tsc_hz)
{
    struct l4_out out;
    uint64_t status = l4_syscall(K_SYS_CLOCK, 0, 0, 0, 0, 0, 0, &out);
    if (ns) {
        *ns = out.v[0];
    }
    if (tsc) {
        *tsc = out.v[1];
    }
    if (tsc_hz) {
        *tsc_hz = out.v[2];
    }
    return (enum k_status)status;
}
/** Nanoseconds since boot. */
static inline uint64_t l4_now_ns(void)
{
    uint64_t ns = 0;
    l4_clock(&ns, NULL, NULL);
    return ns;
}
static inline enum k_status l4_sleep(uint64_t deadline_ns)
{
    return L4_SYS(SLEEP, deadline_ns, 0, 0, 0, 0, 0);
}
/** Sleep until the running scheduling context's next period; *release_ns is its nominal start, *skipped the periods missed. */
static inline enum k_status l4_next_period(uint64_t *release_ns, uint64_t *skipped)
{
    struct l4_out out;
    uint64_t status = l4_syscall(K_SYS_NEXT_PERIOD, 0, 0, 0, 0, 0, 0, &out);
    if (release_ns) {
        *release_ns = out.v[0];
    }
    if (skipped) {
        *skipped = out.v[1];
    }
    return (enum k_status)status;
}

/* --- capabilities --- */

static inline enum k_status l4_cap_copy(uint32_t src, uint32_t dst_task, uint32_t dst, uint64_t rights, uint64_t badge)
{
    return L4_SYS(CAP_COPY, src, dst_task, dst, rights, badge, 0);
}
static inline enum k_status l4_cap_move(uint32_t src, uint32_t dst)
{
    return L4_SYS(CAP_MOVE, src, dst, 0, 0, 0, 0);
}
static inline enum k_status l4_cap_delete(uint32_t task, uint32_t slot)
{
    return L4_SYS(CAP_DELETE, task, slot, 0, 0, 0, 0);
}
static inline enum k_status l4_cap_revoke(uint32_t slot)
{
    return L4_SYS(CAP_REVOKE, slot, 0, 0, 0, 0, 0);
}
/** out: kind, rights, badge, object size or state. */
static inline enum k_status l4_cap_info(uint32_t task, uint32_t slot, struct l4_out *out)
{
    return (enum k_status)l4_syscall(K_SYS_CAP_INFO, task, slot, 0, 0, 0, 0, out);
}

/* --- objects --- */

static inline enum k_status l4_task_create(uint32_t payer, uint32_t dst, uint64_t account_bytes, uint32_t cap_slots)
{
    return L4_SYS(TASK_CREATE, payer, dst, account_bytes, cap_slots, 0, 0);
}
static inline enum k_status l4_thread_create(uint32_t task, uint32_t dst, uint64_t utcb_va)
{
    return L4_SYS(THREAD_CREATE, task, dst, utcb_va, 0, 0, 0);
}
static inline enum k_status l4_endpoint_create(uint32_t payer, uint32_t dst)
{
    return L4_SYS(ENDPOINT_CREATE, payer, dst, 0, 0, 0, 0);
}
static inline enum k_status l4_notification_create(uint32_t payer, uint32_t dst)
{
    return L4_SYS(NOTIFICATION_CREATE, payer, dst, 0, 0, 0, 0);
}
static inline enum k_status l4_reply_create(uint32_t payer, uint32_t dst)
{
    return L4_SYS(REPLY_CREATE, payer, dst, 0, 0, 0, 0);
}
static inline enum k_status l4_sched_create(uint32_t payer, uint32_t dst, uint64_t budget_us, uint64_t period_us)
{
    return L4_SYS(SCHED_CREATE, payer, dst, budget_us, period_us, 0, 0);
}
static inline enum k_status l4_sched_configure(uint32_t sched, uint64_t budget_us, uint64_t period_us)
{
    return L4_SYS(SCHED_CONFIGURE, sched, budget_us, period_us, 0, 0, 0);
}
static inline enum k_status l4_memory_create(uint32_t src, uint32_t dst, uint64_t offset, uint64_t bytes)
{
    return L4_SYS(MEMORY_CREATE, src, dst, offset, bytes, 0, 0);
}
static inline enum k_status l4_irq_create(uint32_t irq_control, uint32_t dst, uint32_t gsi, uint32_t flags)
{
    return L4_SYS(IRQ_CREATE, irq_control, dst, gsi, flags, 0, 0);
}
static inline enum k_status l4_ioport_create(uint32_t ioport_control, uint32_t dst, uint32_t first, uint32_t count)
{
    return L4_SYS(IOPORT_CREATE, ioport_control, dst, first, count, 0, 0);
}

/* --- threads --- */

static inline enum k_status l4_thread_configure(uint32_t thread, uint32_t sched, uint32_t priority, uint32_t flags)
{
    return L4_SYS(THREAD_CONFIGURE, thread, sched, priority, flags, 0, 0);
}
/** The entry gets arg in rdi and the address of its UTCB in rsi. rsp should be 8 below a multiple of 16, as after a call. */
static inline enum k_status l4_thread_start(uint32_t thread, uint64_t rip, uint64_t rsp, uint64_t arg)
{
    return L4_SYS(THREAD_START, thread, rip, rsp, arg, 0, 0);
}
static inline enum k_status l4_thread_stop(uint32_t thread)
{
    return L4_SYS(THREAD_STOP, thread, 0, 0, 0, 0, 0);
}
static inline enum k_status l4_thread_resume(uint32_t thread)
{
    return L4_SYS(THREAD_RESUME, thread, 0, 0, 0, 0, 0);
}
/** set = 0: read the thread's registers into the caller's UTCB regs; 1: write them from there. */
static inline enum k_status l4_thread_regs(uint32_t thread, uint64_t set)
{
    return L4_SYS(THREAD_REGS, thread, set, 0, 0, 0, 0);
}
static inline enum k_status l4_thread_fault_handler(uint32_t thread, uint32_t ep, uint64_t badge)
{
    return L4_SYS(THREAD_FAULT_HANDLER, thread, ep, badge, 0, 0, 0);
}
static inline enum k_status l4_thread_upcall(uint32_t thread, uint64_t entry_va, uint64_t stack_top_va)
{
    return L4_SYS(THREAD_UPCALL, thread, entry_va, stack_top_va, 0, 0, 0);
}
/** Restore every register from the UTCB's regs; returns only with an error (in_upcall clear, hostile registers). */
static inline enum k_status l4_upcall_return(void)
{
    return L4_SYS(UPCALL_RETURN, 0, 0, 0, 0, 0, 0);
}
static inline enum k_status l4_thread_bases(uint64_t fs, uint64_t gs)
{
    return L4_SYS(THREAD_BASES, fs, gs, 0, 0, 0, 0);
}
/** out: state, consumed ns, last fault vector | error << 32, fault address. */
static inline enum k_status l4_thread_info(uint32_t thread, struct l4_out *out)
{
    return (enum k_status)l4_syscall(K_SYS_THREAD_INFO, thread, 0, 0, 0, 0, 0, out);
}

/* --- memory --- */

/** The kernel maps in steps of one page table; when a later step fails, what the earlier ones mapped is taken back here. */
static inline enum k_status l4_map(uint32_t task, uint32_t memory, uint64_t va, uint64_t offset, uint64_t bytes,
                                   uint64_t rights)
{
    struct l4_out out = {{va, 0, 0, 0}};
    enum k_status status = (enum k_status)l4_syscall(K_SYS_MAP, task, memory, va, offset, bytes, rights, &out);
    if (status != K_OK && out.v[0] > va && out.v[0] - va < bytes) {
        L4_SYS(UNMAP, task, va, out.v[0] - va, 0, 0, 0);
    }
    return status;
}
static inline enum k_status l4_unmap(uint32_t task, uint64_t va, uint64_t bytes)
{
    return L4_SYS(UNMAP, task, va, bytes, 0, 0, 0);
}
static inline enum k_status l4_protect(uint32_t task, uint64_t va, uint64_t bytes, uint64_t rights)
{
    return L4_SYS(PROTECT, task, va, bytes, rights, 0, 0);
}
/** Maps count entries of struct k_map_entry from the start of the calling thread's UTCB bulk area; all or nothing. */
static inline enum k_status l4_map_batch(uint32_t task, uint32_t memory, uint32_t count)
{
    return L4_SYS(MAP_BATCH, task, memory, count, 0, 0, 0);
}
/** out: bytes, physical address (0 without K_RIGHT_PHYS), mappings. */
static inline enum k_status l4_memory_info(uint32_t memory, struct l4_out *out)
{
    return (enum k_status)l4_syscall(K_SYS_MEMORY_INFO, memory, 0, 0, 0, 0, 0, out);
}
/** out: bytes total, used, given to children. */
static inline enum k_status l4_account_info(uint32_t task, struct l4_out *out)
{
    return (enum k_status)l4_syscall(K_SYS_ACCOUNT_INFO, task, 0, 0, 0, 0, 0, out);
}
static inline enum k_status l4_account_give(uint32_t from, uint32_t to, uint64_t bytes)
{
    return L4_SYS(ACCOUNT_GIVE, from, to, bytes, 0, 0, 0);
}

/* --- devices --- */

static inline enum k_status l4_irq_bind(uint32_t irq, uint32_t notification, uint64_t bits)
{
    return L4_SYS(IRQ_BIND, irq, notification, bits, 0, 0, 0);
}
static inline enum k_status l4_irq_ack(uint32_t irq)
{
    return L4_SYS(IRQ_ACK, irq, 0, 0, 0, 0, 0);
}
static inline enum k_status l4_irq_mask(uint32_t irq)
{
    return L4_SYS(IRQ_MASK, irq, 0, 0, 0, 0, 0);
}
static inline enum k_status l4_ioport_grant(uint32_t ioport, uint32_t task)
{
    return L4_SYS(IOPORT_GRANT, ioport, task, 0, 0, 0, 0);
}

/* --- system (capability in K_SLOT_SYSTEM) --- */

/** Print text on the early console; it passes through the UTCB's bulk area. */
enum k_status l4_debug_puts(const char *text);
static inline enum k_status l4_shutdown(uint64_t code)
{
    return L4_SYS(SHUTDOWN, code, 0, 0, 0, 0, 0);
}
static inline enum k_status l4_boot_info(uint32_t memory)
{
    return L4_SYS(BOOT_INFO, memory, 0, 0, 0, 0, 0);
}
/** The status's name, for messages. */
const char *l4_status_name(enum k_status status);

#endif
