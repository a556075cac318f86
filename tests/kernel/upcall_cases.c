/* SPDX-License-Identifier: MIT */
/* The fault upcall: a fault enters the same thread with its registers saved; what comes back from there is not trusted. */
#include "ktest.h"

#define UNMAPPED 0x700000000000ull
#define NON_CANONICAL 0x0000900000000000ull
#define KERNEL_VA 0xffffffff80000000ull
enum { DE = 0, UD = 6, PF = 14 };
enum { RFLAGS_CF = 1, RFLAGS_IF = 0x200, RFLAGS_DF = 0x400, RFLAGS_IOPL = 0x3000, RFLAGS_NT = 0x4000, RFLAGS_VM = 0x20000 };

static void raise_de(uint64_t arg, struct k_utcb *utcb)
{
    (void)arg, (void)utcb;
    __asm__ volatile("xor %%eax, %%eax\n xor %%edx, %%edx\n xor %%ecx, %%ecx\n div %%ecx" : : : "rax", "rcx", "rdx");
    worker_done();
}

static void raise_store(uint64_t arg, struct k_utcb *utcb)
{
    (void)utcb;
    __asm__ volatile("movq $1, (%%rdi)" : : "D"(arg) : "memory");
    worker_done();
}

/*
 * Worker and upcall entry in assembly. The worker loads every register with a value of its own, faults, and after the upcall has let it go on behind the
 * fault stores every register and its flags in *job: the upcall must not show in them.
 */
struct upcall_job {
    uint64_t in[15], out[15], flags_in, flags_out; /* rax rbx rcx rdx rsi rdi rbp r8..r15 */
    uint64_t stack, ud_at;
    volatile uint64_t seen, count;
};
_Static_assert(offsetof(struct upcall_job, flags_in) == 240 && offsetof(struct upcall_job, stack) == 256 && offsetof(struct upcall_job, count) == 280, "asm");
static struct upcall_job upcall_job;
static struct k_regs upcall_seen;

void upcall_worker(uint64_t arg, struct k_utcb *utcb);
void upcall_skip_two(void);
void upcall_fault_again(void);
extern const char upcall_ud[];
__asm__(".text\n"
        ".globl upcall_worker, upcall_ud, upcall_skip_two, upcall_fault_again\n"
        "upcall_worker:\n"
        "  mov %rsp, upcall_job+256(%rip)\n"
        "  pushq upcall_job+240(%rip)\n"
        "  lea upcall_job(%rip), %rsp\n" /* the stack pointer is a register like the others; nothing is pushed here */
        "  mov 0(%rsp), %rax\n  mov 8(%rsp), %rbx\n  mov 16(%rsp), %rcx\n  mov 24(%rsp), %rdx\n"
        "  mov 32(%rsp), %rsi\n  mov 40(%rsp), %rdi\n  mov 48(%rsp), %rbp\n  mov 56(%rsp), %r8\n"
        "  mov 64(%rsp), %r9\n  mov 72(%rsp), %r10\n  mov 80(%rsp), %r11\n  mov 88(%rsp), %r12\n"
        "  mov 96(%rsp), %r13\n  mov 104(%rsp), %r14\n  mov 112(%rsp), %r15\n"
        "  mov upcall_job+256(%rip), %rsp\n"
        "  sub $8, %rsp\n"
        "  popfq\n"
        "upcall_ud:\n"
        "  ud2\n"
        "  pushfq\n"
        "  popq upcall_job+248(%rip)\n"
        "  cld\n"
        "  mov %rax, upcall_job+120(%rip)\n  mov %rbx, upcall_job+128(%rip)\n  mov %rcx, upcall_job+136(%rip)\n"
        "  mov %rdx, upcall_job+144(%rip)\n  mov %rsi, upcall_job+152(%rip)\n  mov %rdi, upcall_job+160(%rip)\n"
        "  mov %rbp, upcall_job+168(%rip)\n  mov %r8, upcall_job+176(%rip)\n  mov %r9, upcall_job+184(%rip)\n"
        "  mov %r10, upcall_job+192(%rip)\n  mov %r11, upcall_job+200(%rip)\n  mov %r12, upcall_job+208(%rip)\n"
        "  mov %r13, upcall_job+216(%rip)\n  mov %r14, upcall_job+224(%rip)\n  mov %r15, upcall_job+232(%rip)\n"
        "  incq upcall_job+280(%rip)\n"
        "  and $-16, %rsp\n"
        "  call worker_done\n"
        "upcall_skip_two:\n" /* rdi: UTCB, the first thing in which is struct k_regs */
        "  mov %rdi, %rbx\n"
        "  call upcall_note\n"
        "  xor %eax, %eax\n"
        "  xor %ecx, %ecx\n"
        "  xor %r8d, %r8d\n"
        "  xor %r15d, %r15d\n"
        "  mov $43, %eax\n" /* UPCALL_RETURN */
        "  syscall\n"
        "  mov %rax, upcall_job+272(%rip)\n" /* refused: the status is what was seen */
        "  call worker_done\n"
        "upcall_fault_again:\n"
        "  ud2\n");
_Static_assert(K_SYS_UPCALL_RETURN == 43, "number above");

static uint64_t upcall_rip_add, upcall_mode;

void upcall_note(struct k_utcb *utcb);
/* Called on the upcall's stack: look at what was saved and change what the case wants changed. */
void upcall_note(struct k_utcb *utcb)
{
    upcall_seen = utcb->regs;
    upcall_job.seen = utcb->in_upcall;
    utcb->regs.rip += upcall_rip_add;
    switch (upcall_mode) {
    case 1:
        utcb->regs.rip = KERNEL_VA;
        break;
    case 2:
        utcb->regs.rip = NON_CANONICAL;
        break;
    case 3:
        utcb->regs.rsp = NON_CANONICAL;
        break;
    case 4:
        utcb->regs.fs_base = NON_CANONICAL;
        break;
    case 5:
        utcb->regs.gs_base = 1ull << 63;
        break;
    case 6:
        utcb->regs.rip = 0x00007ffffffff000ull; /* behind its SYSCALL no canonical address would be left */
        break;
    case 7:
        utcb->regs.rflags = ~0x100ull; /* everything but single step */
        break;
    default:
        break;
    }
}

static struct worker upcall_run(uint64_t mode, void (*entry)(void), uint64_t flags)
{
    struct worker w = worker_make(ABOVE, 10000, 10000);
    uint64_t stack = (uint64_t)ram_map(8192) + 8192;

    memset(&upcall_job, 0, sizeof upcall_job);
    memset(&upcall_seen, 0, sizeof upcall_seen);
    for (unsigned i = 0; i < 15; i++) {
        upcall_job.in[i] = 0x1000000000000001ull * (i + 1);
    }
    upcall_job.flags_in = flags;
    upcall_rip_add = 2;
    upcall_mode = mode;
    l4_thread_upcall(w.thread, (uint64_t)entry, stack);
    worker_start(&w, upcall_worker, 0);
    return w;
}

static const char *upcall_saves_and_restores_every_register(void)
{
    struct worker w = upcall_run(0, upcall_skip_two, 2 | RFLAGS_IF | RFLAGS_DF | RFLAGS_CF);
    const struct k_regs *r = &upcall_seen;
    const uint64_t seen[15] = {r->rax, r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->r8, r->r9, r->r10, r->r11, r->r12, r->r13, r->r14, r->r15};
    EXPECT(upcall_job.count == 1 && upcall_job.seen == 1);
    EXPECT(memcmp(seen, upcall_job.in, sizeof seen) == 0);
    EXPECT(r->rip == (uint64_t)upcall_ud && r->rsp == upcall_job.stack);
    EXPECT(r->vector == UD && r->error == 0);
    EXPECT((r->rflags & (RFLAGS_DF | RFLAGS_CF)) == (RFLAGS_DF | RFLAGS_CF));
    EXPECT(memcmp(upcall_job.in, upcall_job.out, sizeof upcall_job.in) == 0);
    EXPECT((upcall_job.flags_out & (RFLAGS_DF | RFLAGS_CF | RFLAGS_IF)) == (RFLAGS_DF | RFLAGS_CF | RFLAGS_IF));
    EXPECT(w.utcb->in_upcall == 0);
    worker_end(&w);
    return NULL;
}

static const char *hostile_registers_are_refused_by_upcall_return(void)
{
    for (uint64_t mode = 1; mode <= 6; mode++) {
        struct worker w = upcall_run(mode, upcall_skip_two, 2);
        EXPECT(upcall_job.count == 0 && upcall_job.seen == K_BAD_ARG);
        EXPECT(w.utcb->in_upcall == 1); /* still in it */
        worker_end(&w);
    }
    return NULL;
}

static const char *hostile_flags_are_masked_by_upcall_return(void)
{
    struct worker w = upcall_run(7, upcall_skip_two, 2);
    EXPECT(upcall_job.count == 1);
    EXPECT(upcall_job.flags_out & RFLAGS_IF && !(upcall_job.flags_out & (RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VM)));
    worker_end(&w);
    return NULL;
}

static const char *fault_in_the_upcall_becomes_a_message(void)
{
    struct worker w = worker_make(ABOVE, 10000, 10000);
    uint32_t ep = endpoint_new();
    struct l4_msg m = {0};
    EXPECT(l4_thread_fault_handler(w.thread, ep, 3) == K_OK);
    EXPECT(l4_thread_upcall(w.thread, (uint64_t)upcall_fault_again, (uint64_t)ram_map(4096) + 4096) == K_OK);
    worker_start(&w, raise_de, 0);
    EXPECT(l4_nb_recv(ep, reply_new(), &m) == K_OK);
    EXPECT(m.badge == 3 && m.mr[0] == UD && m.mr[3] == (uint64_t)upcall_fault_again);
    EXPECT(w.utcb->in_upcall == 1 && w.utcb->regs.vector == DE);
    worker_end(&w);
    return NULL;
}

static const char *upcall_with_a_bad_stack_becomes_a_message(void)
{
    struct worker w = worker_make(ABOVE, 10000, 10000);
    uint32_t ep = endpoint_new();
    struct l4_msg m = {0};
    EXPECT(l4_thread_fault_handler(w.thread, ep, 3) == K_OK);
    EXPECT(l4_thread_upcall(w.thread, (uint64_t)upcall_skip_two, UNMAPPED + 4096) == K_OK);
    worker_start(&w, raise_de, 0);
    EXPECT(l4_nb_recv(ep, reply_new(), &m) == K_OK && K_TAG_LABEL(m.tag) == K_FAULT_PAGE && m.mr[2] == UNMAPPED + 4088);
    worker_end(&w);
    return NULL;
}

static const char *upcall_tells_the_address_of_a_page_fault(void)
{
    struct worker w = worker_make(ABOVE, 10000, 10000);
    memset(&upcall_seen, 0, sizeof upcall_seen);
    upcall_mode = 0;
    upcall_rip_add = 7; /* movq $imm32, (%rdi) */
    EXPECT(l4_thread_upcall(w.thread, (uint64_t)upcall_skip_two, (uint64_t)ram_map(8192) + 8192) == K_OK);
    worker_start(&w, raise_store, UNMAPPED + 0x128);
    EXPECT(upcall_seen.vector == PF && upcall_seen.error == 6 && upcall_seen.cr2 == UNMAPPED + 0x128);
    EXPECT(thread_state(w.thread) == K_THREAD_SLEEPING); /* it went on behind the store */
    worker_end(&w);
    return NULL;
}

static const char *upcall_return_outside_an_upcall_is_bad_arg(void)
{
    l4_utcb->in_upcall = 1; /* the kernel believes itself only */
    enum k_status status = l4_upcall_return();
    l4_utcb->in_upcall = 0;
    EXPECT(status == K_BAD_ARG);
    return NULL;
}

static const char *upcall_is_switched_off_by_entry_zero(void)
{
    struct worker w = worker_make(ABOVE, 10000, 10000);
    EXPECT(l4_thread_upcall(w.thread, (uint64_t)upcall_fault_again, (uint64_t)ram_map(4096) + 4096) == K_OK);
    EXPECT(l4_thread_upcall(w.thread, 0, 0) == K_OK);
    worker_start(&w, raise_de, 0);
    EXPECT(thread_state(w.thread) == K_THREAD_FAULTED && w.utcb->in_upcall == 0);
    EXPECT(l4_thread_upcall(w.thread, KERNEL_VA, 0) == K_BAD_ARG);
    EXPECT(l4_thread_upcall(w.thread, 4096, KERNEL_VA) == K_BAD_ARG);
    worker_end(&w);
    return NULL;
}

static void registers_itself(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;

    (void)utcb;
    job->status = l4_thread_upcall(K_SLOT_NONE, (uint64_t)upcall_skip_two, job->a);
    job->b = l4_thread_upcall(K_SLOT_NONE, KERNEL_VA, job->a);
    job->c = l4_thread_upcall(K_SLOT_NONE, (uint64_t)upcall_skip_two, KERNEL_VA);
    raise_store(UNMAPPED + 0x128, utcb);
}

static const char *thread_registers_an_upcall_for_itself_only(void)
{
    struct job *job = job_new();
    struct worker other = worker_make(ABOVE, 10000, 10000);

    memset(&upcall_seen, 0, sizeof upcall_seen);
    upcall_mode = 0;
    upcall_rip_add = 7;
    job->a = (uint64_t)ram_map(8192) + 8192;
    struct worker w = run(registers_itself, job, ABOVE);
    EXPECT(job->status == K_OK && job->b == K_BAD_ARG && job->c == K_BAD_ARG);
    EXPECT(upcall_seen.vector == PF && upcall_seen.cr2 == UNMAPPED + 0x128 && w.utcb->in_upcall == 0);
    EXPECT(thread_state(w.thread) == K_THREAD_SLEEPING);
    worker_start(&other, raise_store, UNMAPPED);
    EXPECT(thread_state(other.thread) == K_THREAD_FAULTED && other.utcb->in_upcall == 0);
    worker_end(&w);
    worker_end(&other);
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case upcall_cases[] = {
    CASE(upcall_saves_and_restores_every_register),
    CASE(hostile_registers_are_refused_by_upcall_return),
    CASE(hostile_flags_are_masked_by_upcall_return),
    CASE(fault_in_the_upcall_becomes_a_message),
    CASE(upcall_with_a_bad_stack_becomes_a_message),
    CASE(upcall_tells_the_address_of_a_page_fault),
    CASE(upcall_return_outside_an_upcall_is_bad_arg),
    CASE(upcall_is_switched_off_by_entry_zero),
    CASE(thread_registers_an_upcall_for_itself_only),
    CASES_END,
};
