/* SPDX-License-Identifier: MIT */
/*
 * Threads: made stopped, with a UTCB page in their task; their registers are held to what user mode may have wherever they are set.
 *
 * A fault enters the same thread at its upcall entry if it has one and is not in it already; else it becomes a message to the fault handler; else the thread stands still.
 */
#include "kernel.h"

/*
 * Errors:  K_BAD_ALIGN, K_BAD_ARG, K_BUSY  the UTCB's address (see vspace_map_kernel_page)
 *          K_NO_MEMORY                     the task's account cannot pay
 */
enum k_status thread_create(struct task *task, uint64_t utcb_va, struct thread **out)
{
    struct thread *t = object_alloc(task, sizeof *t, K_KIND_THREAD);

    if (!t)
        return K_NO_MEMORY;
    t->fpu = block_alloc(task, x64_fpu_bytes);
    t->utcb = page_alloc(task);
    enum k_status status = t->fpu && t->utcb ? vspace_map_kernel_page(task, utcb_va, t->utcb, true) : K_NO_MEMORY;
    if (status != K_OK) {
        if (t->utcb)
            page_free(task, t->utcb);
        if (t->fpu)
            block_free(task, t->fpu);
        object_free(&t->object, t);
        return status;
    }
    t->task = task;
    t->utcb_va = t->utcb->self = utcb_va;
    t->frame.cs = X64_USER_CS;
    t->frame.ss = X64_USER_DS;
    t->frame.rflags = X64_RFLAGS_IF | 2;
    x64_fpu_fresh(t->fpu);
    list_init(&t->queue);
    list_init(&t->handled);
    timer_init(&t->timer, TIMER_THREAD);
    list_insert_before(&task->threads, &t->in_task);
    *out = t;
    return K_OK;
}

void thread_destroy(struct thread *t)
{
    struct task *task = t->task;

    ipc_cancel(t, K_CANCELLED);
    sched_block(t, K_THREAD_STOPPED);
    ipc_handler(t, NULL, 0);
    sched_home(t, NULL);
    if (t->sched)
        sched_give(t->sched, NULL);
    if (t->bound)
        t->bound->bound = NULL;
    thread_forget(t);
    list_remove(&t->in_task);
    vspace_unmap_kernel_page(task, t->utcb_va, t->utcb);
    page_free(task, t->utcb);
    block_free(task, t->fpu);
    object_free(&t->object, t);
}

static bool is_canonical(uint64_t va)
{
    return va < USER_END || va >= ~(USER_END - 1);
}

void thread_regs_get(const struct thread *t, struct k_regs *r)
{
    const struct x64_frame *f = &t->frame;

    *r = (struct k_regs){
        f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp, f->rsp, f->r8, f->r9, f->r10, f->r11, f->r12, f->r13, f->r14, f->r15, f->rip, f->rflags,
        .vector = t->last_fault & 0xffffffff, .error = t->last_fault >> 32, .cr2 = t->last_address, .fs_base = t->fs_base, .gs_base = t->gs_base,
    };
}

/* False: rip is no user address, or rsp, FS or GS base is not canonical; nothing was changed. Flags that a user may not have are left out. */
bool thread_regs_set(struct thread *t, const struct k_regs *r)
{
    struct x64_frame *f = &t->frame;

    if (r->rip >= USER_END - PAGE_BYTES || !is_canonical(r->rsp) || !is_canonical(r->fs_base) || !is_canonical(r->gs_base))
        return false;
    f->rax = r->rax, f->rbx = r->rbx, f->rcx = r->rcx, f->rdx = r->rdx, f->rsi = r->rsi, f->rdi = r->rdi, f->rbp = r->rbp, f->rsp = r->rsp;
    f->r8 = r->r8, f->r9 = r->r9, f->r10 = r->r10, f->r11 = r->r11, f->r12 = r->r12, f->r13 = r->r13, f->r14 = r->r14, f->r15 = r->r15;
    f->rip = r->rip;
    f->rflags = (r->rflags & X64_RFLAGS_USER) | X64_RFLAGS_IF | 2;
    f->vector = 0; /* all registers count, rcx and r11 too: leave by IRET */
    t->fs_base = r->fs_base, t->gs_base = r->gs_base;
    return true;
}

/* The thread is stopped; it has never run or starts over. */
void thread_start(struct thread *t, uint64_t rip, uint64_t rsp, uint64_t arg)
{
    t->frame = (struct x64_frame){.rip = rip, .rsp = rsp, .rdi = arg, .rsi = t->utcb_va, .cs = X64_USER_CS, .ss = X64_USER_DS, .rflags = X64_RFLAGS_IF | 2};
    t->in_upcall = false;
    t->utcb->in_upcall = 0;
    sched_wake(t);
}

static bool upcall(struct thread *t)
{
    struct k_utcb *u = t->utcb;

    if (!t->upcall_entry || t->in_upcall)
        return false;
    thread_regs_get(t, &u->regs);
    u->in_upcall = 1;
    t->in_upcall = true;
    t->frame.rip = t->upcall_entry;
    t->frame.rsp = t->upcall_stack;
    t->frame.rdi = (uint64_t)t->utcb->self;
    t->frame.rflags = X64_RFLAGS_IF | 2;
    t->frame.vector = 0;
    return true;
}

/* A fault of the running thread. */
void thread_fault(struct thread *t, uint32_t label, uint64_t vector, uint64_t error, uint64_t address)
{
    const uint64_t words[6] = {vector, error, address, t->frame.rip, t->frame.rsp, t->frame.rflags};

    t->last_fault = (vector & 0xffffffff) | error << 32;
    t->last_address = address;
    if (label == K_FAULT_TIMEOUT || !upcall(t))
        ipc_fault(t, label, words);
}
