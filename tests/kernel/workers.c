/* SPDX-License-Identifier: MIT */
/* Kernel tests: threads of the test program itself, and tasks that do what they are told. See ktest.h. */
#include "ktest.h"

struct worker worker_make(uint32_t priority, uint64_t budget_us, uint64_t period_us)
{
    enum { STACK_BYTES = 16384 };
    struct worker w = {slot_new(), K_SLOT_NONE, ram_new(STACK_BYTES), (struct k_utcb *)va_new(4096), 0};
    uint64_t va = va_new(STACK_BYTES);

    must("MAP of a stack", l4_map(K_SLOT_SELF, w.stack, va, 0, STACK_BYTES, K_RIGHT_READ | K_RIGHT_WRITE));
    w.stack_top = va + STACK_BYTES - 8;
    must("THREAD_CREATE", l4_thread_create(K_SLOT_SELF, w.thread, (uint64_t)w.utcb));
    if (budget_us) {
        w.sched = slot_new();
        must("SCHED_CREATE", l4_sched_create(K_SLOT_SELF, w.sched, budget_us, period_us));
    }
    must("THREAD_CONFIGURE", l4_thread_configure(w.thread, w.sched, priority, 0));
    return w;
}

void worker_start(const struct worker *w, worker_entry *entry, uint64_t arg)
{
    must("THREAD_START", l4_thread_start(w->thread, (uint64_t)entry, w->stack_top, arg));
}

struct worker worker_run(worker_entry *entry, uint64_t arg, uint32_t priority)
{
    struct worker w = worker_make(priority, 10000, 10000);
    worker_start(&w, entry, arg);
    return w;
}

/* Forget a slot that may be empty already: some cases end parts of a worker themselves. */
static void drop(uint32_t slot)
{
    enum k_status status = l4_cap_delete(K_SLOT_SELF, slot);
    if (status != K_NO_CAP) {
        must("CAP_DELETE of a worker", status);
    }
    slot_free(slot);
}

void worker_end(const struct worker *w)
{
    drop(w->thread);
    if (w->sched != K_SLOT_NONE) {
        drop(w->sched);
    }
    drop(w->stack);
}

void worker_done(void)
{
    for (;;) {
        l4_sleep(~0ull);
    }
}

struct job *job_new(void)
{
    static struct job jobs[256];
    static unsigned used;

    if (used == sizeof jobs / sizeof jobs[0]) {
        die("more jobs than the table holds", K_NO_MEMORY);
    }
    return &jobs[used++];
}

/* --- workers of messages --- */

void echo_server(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    struct l4_msg m = {0};
    enum k_status status = l4_recv(job->ep, job->reply, 0, &m);

    while (status == K_OK) {
        job->count++;
        job->a = m.badge;
        job->b = m.tag;
        for (unsigned i = 0; i < K_MR_REGISTERS; i++) {
            job->words[i] = m.mr[i]++;
        }
        for (unsigned i = K_MR_REGISTERS; i < K_MR_MAX; i++) {
            job->words[i] = utcb->mr[i]++;
        }
        m.tag &= 0xff;
        status = l4_reply_recv(job->ep, job->reply, &m);
    }
    job->status = status;
    worker_done();
}

void receive_once(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->status = l4_recv(job->ep, job->reply ? job->reply : K_SLOT_NONE, job->a, &job->msg);
    job->count++;
    worker_done();
}

void send_once(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    utcb->send_caps[0] = job->slot;
    job->status = l4_send(job->ep, &job->msg);
    job->count++;
    worker_done();
}

void call_once(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    utcb->send_caps[0] = job->slot;
    job->status = l4_call(job->ep, &job->msg);
    job->count++;
    worker_done();
}

struct job *job_on(uint32_t ep, uint32_t reply)
{
    struct job *job = job_new();
    job->ep = ep;
    job->reply = reply;
    job->status = ~0ull;
    return job;
}

struct worker run(worker_entry *entry, struct job *job, uint32_t priority)
{
    return worker_run(entry, (uint64_t)job, priority);
}

uint32_t badged(uint32_t slot, uint64_t badge)
{
    uint32_t to = slot_new();
    return l4_cap_copy(slot, K_SLOT_SELF, to, K_RIGHT_ALL, badge) == K_OK ? to : K_SLOT_NONE;
}

/*
 * The child's whole program; it runs wherever it is copied to. A message is word 0 the system call, 1 to 6 its arguments, 7 what to do (enum child_op).
 * The answer is word 0 the status, 1 to 4 the outputs.
 */
__asm__(".section .rodata\n"
        ".globl child_begin, child_end_of_code\n"
        "child_begin:\n"
        "  xor %edi, %edi\n"
        "  mov $2, %esi\n"
        "  mov $28, %eax\n" /* REPLY_CREATE */
        "  syscall\n"
        "  mov $1, %edi\n"
        "  mov $2, %ebp\n"
        "  xor %edx, %edx\n"
        "  mov $4, %eax\n" /* RECV */
        "  syscall\n"
        "1: cmp $1, %r15\n"
        "  je 2f\n"
        "  cmp $2, %r15\n"
        "  je 3f\n"
        "  cmp $3, %r15\n"
        "  je 4f\n"
        "  cmp $4, %r15\n"
        "  je 5f\n"
        "  cmp $5, %r15\n"
        "  je 6f\n"
        "  mov %rdx, %rax\n"
        "  mov %r10, %rdi\n"
        "  mov %r8, %rsi\n"
        "  mov %r9, %rdx\n"
        "  mov %r12, %r10\n"
        "  mov %r13, %r8\n"
        "  mov %r14, %r9\n"
        "  syscall\n"
        "  jmp 9f\n"
        "2: mov (%r10), %rdx\n"
        "  jmp 8f\n"
        "3: mov %r8, (%r10)\n"
        "  jmp 8f\n"
        "4: mov %r10d, %edx\n"
        "  in %dx, %al\n"
        "  movzbl %al, %edx\n"
        "  jmp 8f\n"
        "5: mov %r10d, %edx\n"
        "  mov %r8d, %eax\n"
        "  out %al, %dx\n"
        "  jmp 8f\n"
        "6: jmp 6b\n"
        "8: xor %eax, %eax\n"
        "9: mov %r9, %r12\n"
        "  mov %r8, %r9\n"
        "  mov %r10, %r8\n"
        "  mov %rdx, %r10\n"
        "  mov %rax, %rdx\n"
        "  mov $5, %esi\n"
        "  mov $1, %edi\n"
        "  mov $2, %ebp\n"
        "  mov $1, %eax\n" /* REPLY_RECV */
        "  syscall\n"
        "  jmp 1b\n"
        "child_end_of_code:\n"
        ".text\n");
_Static_assert(K_SYS_REPLY_CREATE == 28 && K_SYS_RECV == 4 && K_SYS_REPLY_RECV == 1, "numbers above");
extern const char child_begin[], child_end_of_code[];

struct child child_make(void)
{
    struct child c = {slot_new(), slot_new(), slot_new(), endpoint_new(), NULL};
    uint32_t text = ram_new(K_PAGE_BYTES), data = ram_new(K_PAGE_BYTES);
    uint64_t va = va_new(K_PAGE_BYTES), rw = K_RIGHT_READ | K_RIGHT_WRITE;

    must("TASK_CREATE", l4_task_create(K_SLOT_SELF, c.task, 512 << 10, CHILD_SLOTS));
    must("MAP", l4_map(K_SLOT_SELF, text, va, 0, K_PAGE_BYTES, rw));
    memcpy((void *)va, child_begin, (size_t)(child_end_of_code - child_begin));
    must("UNMAP", l4_unmap(K_SLOT_SELF, va, K_PAGE_BYTES));
    must("MAP of a child's text", l4_map(c.task, text, CHILD_TEXT, 0, K_PAGE_BYTES, K_RIGHT_READ | K_RIGHT_EXEC));
    must("MAP of a child's data", l4_map(c.task, data, CHILD_DATA, 0, K_PAGE_BYTES, rw));
    va = va_new(K_PAGE_BYTES);
    must("MAP of a child's data here", l4_map(K_SLOT_SELF, data, va, 0, K_PAGE_BYTES, rw));
    memset((void *)va, 0, K_PAGE_BYTES);
    c.data = (volatile uint64_t *)va;
    must("CAP_COPY", l4_cap_copy(c.ep, c.task, CHILD_EP, K_RIGHT_ALL, 0));
    must("THREAD_CREATE in a child", l4_thread_create(c.task, c.thread, CHILD_UTCB));
    must("SCHED_CREATE", l4_sched_create(K_SLOT_SELF, c.sched, 10000, 10000));
    must("THREAD_CONFIGURE", l4_thread_configure(c.thread, c.sched, ABOVE, 0));
    must("THREAD_START", l4_thread_start(c.thread, CHILD_TEXT, CHILD_DATA + K_PAGE_BYTES - 8, 0));
    return c;
}

void child_end(const struct child *child)
{
    must("CAP_DELETE of a child's thread", l4_cap_delete(K_SLOT_SELF, child->thread));
    must("CAP_DELETE of a child", l4_cap_delete(K_SLOT_SELF, child->task));
    must("CAP_DELETE of a child's sched", l4_cap_delete(K_SLOT_SELF, child->sched));
}

enum k_status child_syscall(const struct child *child, enum k_syscall number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    struct l4_msg m = {K_TAG(0, 8), 0, {number, a0, a1, a2, a3, a4, 0, CHILD_SYSCALL}};
    must("CALL of a child", l4_call(child->ep, &m));
    return (enum k_status)m.mr[0];
}

uint64_t child_do(const struct child *child, enum child_op op, uint64_t address, uint64_t value)
{
    struct l4_msg m = {K_TAG(0, 8), 0, {0, address, value, 0, 0, 0, 0, op}};
    must("CALL of a child", l4_call(child->ep, &m));
    return m.mr[1];
}

enum k_status child_tell(const struct child *child, enum child_op op, uint64_t address, uint64_t value)
{
    struct l4_msg m = {K_TAG(0, 8), 0, {0, address, value, 0, 0, 0, 0, op}};
    return l4_send(child->ep, &m);
}
