/* SPDX-License-Identifier: MIT */
/*
 * Faults: as messages to a handler, with nobody to tell; hostile registers; what a thread may not do.
 *
 * A worker above main faults at its first instructions; main then finds the message waiting, or the thread's state.
 */
#include "ktest.h"

#define UNMAPPED 0x700000000000ull
#define NON_CANONICAL 0x0000900000000000ull
#define KERNEL_VA 0xffffffff80000000ull
enum { DE = 0, DB = 1, BP = 3, UD = 6, NM = 7, SS = 12, GP = 13, PF = 14, MF = 16 };
enum { RFLAGS_CF = 1, RFLAGS_IF = 0x200, RFLAGS_DF = 0x400, RFLAGS_IOPL = 0x3000, RFLAGS_NT = 0x4000, RFLAGS_VM = 0x20000 };

/* --- faults as messages --- */

struct faulter {
    struct worker w;
    uint32_t ep, reply;
    struct l4_msg m;
};

/* Start `entry` with a handler; true: its fault message is in f->m. */
static bool fault_taken(struct faulter *f, worker_entry *entry, uint64_t arg)
{
    f->w = worker_make(ABOVE, 10000, 10000);
    f->ep = endpoint_new();
    f->reply = reply_new();
    memset(&f->m, 0, sizeof f->m);
    if (l4_thread_fault_handler(f->w.thread, f->ep, 0xfa) != K_OK) {
        return false;
    }
    worker_start(&f->w, entry, arg);
    return l4_nb_recv(f->ep, f->reply, &f->m) == K_OK;
}

/* Run code that must fault so, in the named way: label, vector, error. */
static const char *faults_as(worker_entry *entry, uint64_t arg, enum k_fault_label label, uint64_t vector, uint64_t error)
{
    struct faulter f;
    struct l4_out out;
    EXPECT(fault_taken(&f, entry, arg));
    EXPECT(f.m.badge == 0xfa && K_TAG_LABEL(f.m.tag) == (uint32_t)label && K_TAG_WORDS(f.m.tag) == 6);
    EXPECT(f.m.mr[0] == vector);
    EXPECT(f.m.mr[1] == error);
    EXPECT(f.m.mr[4] > f.w.stack_top - 4096 && f.m.mr[4] <= f.w.stack_top);
    EXPECT(f.m.mr[5] & RFLAGS_IF);
    EXPECT(thread_state(f.w.thread) == K_THREAD_FAULTED);
    EXPECT(l4_thread_info(f.w.thread, &out) == K_OK && out.v[2] == (vector | error << 32));
    worker_end(&f.w);
    return NULL;
}

#define RAISER(name, text)                                \
    static void name(uint64_t arg, struct k_utcb *utcb)   \
    {                                                     \
        (void)utcb;                                       \
        __asm__ volatile(text : : "D"(arg) : "memory", "rax", "rcx", "rdx", "r8", "r9", "r11"); \
        worker_done();                                    \
    }

RAISER(raise_ud, "ud2")
RAISER(raise_de, "xor %%eax, %%eax\n xor %%edx, %%edx\n xor %%ecx, %%ecx\n div %%ecx")
RAISER(raise_bp, "int3")
RAISER(raise_db, "pushfq\n orl $0x100, (%%rsp)\n popfq\n nop\n nop")
RAISER(raise_hlt, "hlt")
RAISER(raise_int80, "int $0x80")
RAISER(raise_int14, "int $14")
RAISER(raise_load, "mov (%%rdi), %%rax")
RAISER(raise_store, "movq $1, (%%rdi)")
RAISER(raise_mf, "movw $0x033b, -8(%%rsp)\n fninit\n fldcw -8(%%rsp)\n fld1\n fldz\n fdivrp\n fwait")
RAISER(raise_in, "mov $0x80, %%edx\n in %%dx, %%al")

static const char *invalid_opcode_is_told(void)
{
    return faults_as(raise_ud, 0, K_FAULT_EXCEPTION, UD, 0);
}
static const char *division_by_zero_is_told(void)
{
    return faults_as(raise_de, 0, K_FAULT_EXCEPTION, DE, 0);
}
static const char *breakpoint_is_told(void)
{
    return faults_as(raise_bp, 0, K_FAULT_EXCEPTION, BP, 0);
}
static const char *single_step_is_told(void)
{
    return faults_as(raise_db, 0, K_FAULT_EXCEPTION, DB, 0);
}
/* The error code is the vector's place in the table: times 8 by the manual, times 16 by QEMU 7.2 in 64-bit mode. Its bit 1 says "interrupt table". */
static const char *software_interrupts_are_protection_faults(void)
{
    static const struct {
        worker_entry *entry;
        uint64_t vector;
    } all[] = {{raise_int80, 0x80}, {raise_int14, 14}};
    for (unsigned i = 0; i < 2; i++) {
        struct faulter f;
        EXPECT(fault_taken(&f, all[i].entry, 0));
        EXPECT(K_TAG_LABEL(f.m.tag) == K_FAULT_EXCEPTION && f.m.mr[0] == GP);
        EXPECT(f.m.mr[1] == all[i].vector * 8 + 2 || f.m.mr[1] == all[i].vector * 16 + 2);
        worker_end(&f.w);
    }
    return NULL;
}
static const char *non_canonical_access_is_a_protection_fault(void)
{
    const char *why = faults_as(raise_load, NON_CANONICAL, K_FAULT_EXCEPTION, GP, 0);
    return why ? why : faults_as(raise_store, 1ull << 63, K_FAULT_EXCEPTION, GP, 0);
}
static const char *x87_arithmetic_is_told(void)
{
    return faults_as(raise_mf, 0, K_FAULT_EXCEPTION, MF, 0);
}
static const char *port_without_grant_is_a_protection_fault(void)
{
    return faults_as(raise_in, 0, K_FAULT_EXCEPTION, GP, 0);
}

RAISER(raise_cli, "cli")
RAISER(raise_sti, "sti")
RAISER(raise_rdmsr, "mov $0xc0000080, %%ecx\n rdmsr")
RAISER(raise_wrmsr, "mov $0xc0000080, %%ecx\n xor %%eax, %%eax\n xor %%edx, %%edx\n wrmsr")
RAISER(raise_cr0, "mov %%cr0, %%rax")
RAISER(raise_cr3, "mov %%rdi, %%cr3")
RAISER(raise_dr7, "mov %%rdi, %%dr7")
RAISER(raise_swapgs, "swapgs")
RAISER(raise_invlpg, "invlpg (%%rdi)")
RAISER(raise_lidt, "lidt (%%rsp)")
RAISER(raise_ltr, "xor %%eax, %%eax\n ltr %%ax")
RAISER(raise_wbinvd, "wbinvd")
RAISER(raise_clts, "clts")
RAISER(raise_selector, "mov $0x3000, %%eax\n mov %%eax, %%ds")

static const char *privileged_instructions_are_protection_faults(void)
{
    static worker_entry *const all[] = {raise_hlt, raise_cli, raise_sti, raise_rdmsr, raise_wrmsr, raise_cr0, raise_cr3, raise_dr7,
                                        raise_swapgs, raise_invlpg, raise_lidt, raise_ltr, raise_wbinvd, raise_clts};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        const char *why = faults_as(all[i], 0, K_FAULT_EXCEPTION, GP, 0);
        if (why) {
            return why;
        }
    }
    return faults_as(raise_selector, 0, K_FAULT_EXCEPTION, GP, 0x3000);
}

static const char *page_faults_tell_address_and_access(void)
{
    uint64_t ro = va_new(4096), nx = va_new(4096);
    uint32_t m = ram_new(4096);
    struct faulter f;
    EXPECT(l4_map(K_SLOT_SELF, m, ro, 0, 4096, K_RIGHT_READ) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, m, nx, 0, 4096, K_RIGHT_READ | K_RIGHT_WRITE) == K_OK);
    const char *why = faults_as(raise_load, UNMAPPED, K_FAULT_PAGE, PF, 4);
    why = why ? why : faults_as(raise_store, UNMAPPED + 8, K_FAULT_PAGE, PF, 6);
    why = why ? why : faults_as(raise_store, ro + 16, K_FAULT_PAGE, PF, 7);
    if (why) {
        return why;
    }
    EXPECT(fault_taken(&f, raise_store, ro + 24) && f.m.mr[2] == ro + 24);
    EXPECT(*(uint8_t *)f.m.mr[3] == 0x48); /* rip is at the store: REX.W */
    worker_end(&f.w);
    EXPECT(fault_taken(&f, (worker_entry *)nx, 0)); /* data is not code */
    EXPECT(K_TAG_LABEL(f.m.tag) == K_FAULT_PAGE && f.m.mr[1] == 0x15 && f.m.mr[2] == nx && f.m.mr[3] == nx);
    worker_end(&f.w);
    return NULL;
}

static const char *kernel_memory_is_out_of_reach(void)
{
    static const uint64_t where[] = {KERNEL_VA, 0xffffffff80100000ull, 0xffff800000000000ull, 0xffff800000100000ull, 0xfffffffffffff000ull};
    for (unsigned i = 0; i < 2 * sizeof where / sizeof where[0]; i++) {
        struct faulter f;
        EXPECT(fault_taken(&f, i % 2 ? raise_store : raise_load, where[i / 2]));
        EXPECT(K_TAG_LABEL(f.m.tag) == K_FAULT_PAGE && f.m.mr[2] == where[i / 2] && f.m.mr[1] & 4);
        worker_end(&f.w);
    }
    return NULL;
}

static const char *mapped_notification_word_cannot_be_written(void)
{
    uint64_t va = va_new(4096);
    EXPECT(l4_notification_map(notification_new(), K_SLOT_SELF, va) == K_OK);
    return faults_as(raise_store, va, K_FAULT_PAGE, PF, 7);
}

static void load_there(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->b = *(volatile uint64_t *)job->a;
    job->count++;
    worker_done();
}

static const char *handler_can_map_and_let_go_on(void)
{
    struct job *job = job_new();
    struct faulter f;
    uint32_t m = ram_new(4096);
    uint64_t here = va_new(4096);
    EXPECT(l4_map(K_SLOT_SELF, m, here, 0, 4096, K_RIGHT_READ | K_RIGHT_WRITE) == K_OK);
    *(volatile uint64_t *)(here + 40) = 4711;
    uint64_t there = va_new(4096);
    job->a = there + 40;
    EXPECT(fault_taken(&f, load_there, (uint64_t)job) && f.m.mr[2] == there + 40 && job->count == 0);
    EXPECT(l4_map(K_SLOT_SELF, m, there, 0, 4096, K_RIGHT_READ) == K_OK);
    EXPECT(l4_reply(f.reply, &f.m) == K_OK && job->count == 1 && job->b == 4711);
    worker_end(&f.w);
    return NULL;
}

static void skip_ud(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    uint64_t rbx = 1;
    __asm__ volatile("ud2" : "+b"(rbx) : : "memory");
    job->a = rbx;
    job->count++;
    worker_done();
}

static const char *handler_can_change_registers_and_let_go_on(void)
{
    struct job *job = job_new();
    struct faulter f;
    EXPECT(fault_taken(&f, skip_ud, (uint64_t)job));
    EXPECT(l4_thread_regs(f.w.thread, 0) == K_OK);
    EXPECT(l4_utcb->regs.rip == f.m.mr[3] && l4_utcb->regs.rbx == 1 && l4_utcb->regs.rsp == f.m.mr[4]);
    l4_utcb->regs.rip += 2;
    l4_utcb->regs.rbx = 99;
    EXPECT(l4_thread_regs(f.w.thread, 1) == K_OK);
    EXPECT(l4_reply(f.reply, &f.m) == K_OK && job->count == 1 && job->a == 99);
    worker_end(&f.w);
    return NULL;
}

static const char *fault_waits_for_its_handler(void)
{
    struct worker w = worker_make(ABOVE, 10000, 10000), v = worker_make(ABOVE + 1, 10000, 10000);
    uint32_t ep = endpoint_new(), reply = reply_new();
    struct l4_msg m = {0};
    EXPECT(l4_thread_fault_handler(w.thread, ep, 1) == K_OK && l4_thread_fault_handler(v.thread, ep, 2) == K_OK);
    worker_start(&w, raise_ud, 0);
    worker_start(&v, raise_de, 0);
    EXPECT(thread_state(w.thread) == K_THREAD_FAULTED && thread_state(v.thread) == K_THREAD_FAULTED);
    EXPECT(l4_recv(ep, reply, 0, &m) == K_OK && m.badge == 2 && m.mr[0] == DE); /* by priority, as all senders */
    EXPECT(l4_recv(ep, reply, 0, &m) == K_BUSY);
    EXPECT(l4_recv(ep, K_SLOT_NONE, 0, &m) == K_OK && m.badge == 1 && m.mr[0] == UD);
    EXPECT(thread_state(w.thread) == K_THREAD_FAULTED); /* told, and nobody can answer: RESUME is left */
    worker_end(&w);
    worker_end(&v);
    return NULL;
}

static const char *fault_without_handler_stands_still(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 10000, 10000);
    uint64_t there = va_new(4096);
    struct l4_out out;
    job->a = there;
    worker_start(&w, load_there, (uint64_t)job);
    EXPECT(l4_thread_info(w.thread, &out) == K_OK && out.v[0] == K_THREAD_FAULTED);
    EXPECT(out.v[2] == (PF | 4ull << 32) && out.v[3] == there);
    l4_sleep(l4_now_ns() + MS);
    EXPECT(job->count == 0);
    EXPECT(l4_map(K_SLOT_SELF, ram_new(4096), there, 0, 4096, K_RIGHT_READ) == K_OK);
    EXPECT(l4_thread_resume(w.thread) == K_OK && job->count == 1);
    worker_end(&w);
    return NULL;
}

static const char *deleted_handler_leaves_the_thread_standing(void)
{
    struct faulter f;
    struct worker w = worker_make(ABOVE, 10000, 10000);
    uint32_t ep = endpoint_new();
    EXPECT(fault_taken(&f, raise_ud, 0));
    EXPECT(l4_cap_delete(K_SLOT_SELF, f.reply) == K_OK);
    EXPECT(thread_state(f.w.thread) == K_THREAD_FAULTED);
    EXPECT(l4_thread_fault_handler(w.thread, ep, 0) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, ep) == K_OK); /* before the fault */
    worker_start(&w, raise_ud, 0);
    EXPECT(thread_state(w.thread) == K_THREAD_FAULTED);
    worker_end(&f.w);
    worker_end(&w);
    return NULL;
}

static void dig(uint64_t arg, struct k_utcb *utcb)
{
    (void)utcb;
    __asm__ volatile("mov %0, %%rsp\n 1: push %%rax\n jmp 1b" : : "r"(arg) : "memory");
}

static const char *stack_overflow_is_a_page_fault(void)
{
    struct faulter f;
    uint64_t stack = (uint64_t)ram_map(4096); /* nothing below it */
    EXPECT(fault_taken(&f, dig, stack + 4096));
    EXPECT(K_TAG_LABEL(f.m.tag) == K_FAULT_PAGE && f.m.mr[1] == 6 && f.m.mr[2] == stack - 8 && f.m.mr[4] == stack);
    worker_end(&f.w);
    return NULL;
}

/* #SS by the manual, #GP by QEMU 7.2. */
static const char *push_to_a_non_canonical_stack_is_a_fault(void)
{
    struct faulter f;
    EXPECT(fault_taken(&f, dig, NON_CANONICAL));
    EXPECT(K_TAG_LABEL(f.m.tag) == K_FAULT_EXCEPTION && (f.m.mr[0] == SS || f.m.mr[0] == GP) && f.m.mr[1] == 0 && f.m.mr[4] == NON_CANONICAL);
    worker_end(&f.w);
    return NULL;
}

static void hostile_stack(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    __asm__ volatile("mov %%rsp, %%rbx\n mov %[bad], %%rsp\n"
                     "mov $2000000, %%ecx\n 1: dec %%ecx\n jnz 1b\n" /* interrupts arrive here */
                     "mov %[clock], %%eax\n syscall\n"
                     "mov %%rbx, %%rsp\n"
                     :
                     : [bad] "r"(job->a), [clock] "i"(K_SYS_CLOCK)
                     : "rax", "rbx", "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10", "r11", "memory");
    job->count++;
    worker_done();
}

static const char *kernel_never_uses_the_users_stack(void)
{
    static const uint64_t bad[] = {KERNEL_VA + 0x1000, 0xffff800000001000ull, 8, NON_CANONICAL, ~7ull};
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct job *job = job_new();
        struct worker w = worker_make(BELOW, 200, 400); /* its budget ends many times on the way */
        job->a = bad[i];
        worker_start(&w, hostile_stack, (uint64_t)job);
        l4_sleep(l4_now_ns() + 12 * MS);
        EXPECT(job->count == 1);
        worker_end(&w);
    }
    return NULL;
}

/* --- registers from outside --- */

static const char *registers_come_back_as_they_were_written(void)
{
    struct worker w = worker_make(BELOW, 10000, 10000);
    struct k_regs want;
    EXPECT(l4_thread_regs(w.thread, 0) == K_OK);
    for (unsigned i = 0; i < 16; i++) {
        ((uint64_t *)&l4_utcb->regs)[i] = 0x1010101010 + i;
    }
    l4_utcb->regs.rip = (uint64_t)raise_ud;
    l4_utcb->regs.rsp = w.stack_top;
    l4_utcb->regs.fs_base = 0x123456789000, l4_utcb->regs.gs_base = 0xffff987654321000;
    want = l4_utcb->regs;
    EXPECT(l4_thread_regs(w.thread, 1) == K_OK);
    memset(&l4_utcb->regs, 0, sizeof l4_utcb->regs);
    EXPECT(l4_thread_regs(w.thread, 0) == K_OK);
    EXPECT(memcmp(&want, &l4_utcb->regs, offsetof(struct k_regs, rflags)) == 0);
    EXPECT(l4_utcb->regs.fs_base == want.fs_base && l4_utcb->regs.gs_base == want.gs_base);
    worker_end(&w);
    return NULL;
}

static const char *hostile_registers_are_refused_from_outside(void)
{
    struct worker w = worker_make(BELOW, 10000, 10000);
    EXPECT(l4_thread_regs(w.thread, 0) == K_OK);
    const struct k_regs good = l4_utcb->regs;
    l4_utcb->regs.rip = KERNEL_VA;
    EXPECT(l4_thread_regs(w.thread, 1) == K_BAD_ARG);
    l4_utcb->regs = good, l4_utcb->regs.rip = NON_CANONICAL;
    EXPECT(l4_thread_regs(w.thread, 1) == K_BAD_ARG);
    l4_utcb->regs = good, l4_utcb->regs.rsp = NON_CANONICAL;
    EXPECT(l4_thread_regs(w.thread, 1) == K_BAD_ARG);
    l4_utcb->regs = good, l4_utcb->regs.fs_base = 1ull << 47;
    EXPECT(l4_thread_regs(w.thread, 1) == K_BAD_ARG);
    l4_utcb->regs = good, l4_utcb->regs.gs_base = 1ull << 47;
    EXPECT(l4_thread_regs(w.thread, 1) == K_BAD_ARG);
    l4_utcb->regs = good, l4_utcb->regs.rflags = ~0ull;
    EXPECT(l4_thread_regs(w.thread, 1) == K_OK && l4_thread_regs(w.thread, 0) == K_OK);
    EXPECT(!(l4_utcb->regs.rflags & (RFLAGS_IOPL | RFLAGS_NT | RFLAGS_VM)) && l4_utcb->regs.rflags & RFLAGS_IF);
    worker_end(&w);
    return NULL;
}

static const char *start_refuses_kernel_addresses_and_running_threads(void)
{
    struct worker w = worker_make(BELOW, 10000, 10000);
    EXPECT(l4_thread_start(w.thread, KERNEL_VA, w.stack_top, 0) == K_BAD_ARG);
    EXPECT(l4_thread_start(w.thread, NON_CANONICAL, w.stack_top, 0) == K_BAD_ARG);
    EXPECT(l4_thread_start(w.thread, (uint64_t)raise_ud, KERNEL_VA, 0) == K_BAD_ARG);
    EXPECT(l4_thread_start(w.thread, (uint64_t)raise_ud, NON_CANONICAL, 0) == K_BAD_ARG);
    EXPECT(thread_state(w.thread) == K_THREAD_STOPPED);
    EXPECT(l4_thread_start(w.thread, (uint64_t)raise_ud, w.stack_top, 0) == K_OK);
    EXPECT(l4_thread_start(w.thread, (uint64_t)raise_ud, w.stack_top, 0) == K_BUSY);
    EXPECT(l4_thread_regs(w.thread, 1) == K_BUSY);
    worker_end(&w);
    return NULL;
}

/* --- what a thread may not do --- */

static void make_a_syscall(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->a = l4_now_ns();
    job->count++;
    worker_done();
}

static const char *thread_without_system_calls_faults_instead(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 10000, 10000);
    uint32_t ep = endpoint_new();
    struct l4_msg m = {0};
    EXPECT(l4_thread_configure(w.thread, w.sched, ABOVE, K_THREAD_NO_SYSCALLS) == K_OK);
    EXPECT(l4_thread_fault_handler(w.thread, ep, 0x5c) == K_OK);
    worker_start(&w, make_a_syscall, (uint64_t)job);
    EXPECT(job->count == 0);
    EXPECT(l4_nb_recv(ep, reply_new(), &m) == K_OK && m.badge == 0x5c && K_TAG_LABEL(m.tag) == K_FAULT_SYSCALL);
    worker_end(&w);
    return NULL;
}

RAISER(use_xmm, "pxor %%xmm0, %%xmm0")
RAISER(use_x87, "fld1")

static const char *thread_without_fpu_faults_when_it_uses_it(void)
{
    worker_entry *const entry[] = {use_xmm, use_x87};
    for (unsigned i = 0; i < 2; i++) {
        struct worker w = worker_make(ABOVE, 10000, 10000);
        struct l4_out out;
        EXPECT(l4_thread_configure(w.thread, w.sched, ABOVE, K_THREAD_NO_FPU) == K_OK);
        worker_start(&w, entry[i], 0);
        EXPECT(l4_thread_info(w.thread, &out) == K_OK && out.v[0] == K_THREAD_FAULTED && out.v[2] == NM);
        EXPECT(l4_thread_configure(w.thread, w.sched, ABOVE, 0) == K_OK && l4_thread_resume(w.thread) == K_OK);
        EXPECT(thread_state(w.thread) == K_THREAD_SLEEPING); /* with the flag gone it goes on */
        worker_end(&w);
    }
    return NULL;
}

static const char *utcb_cannot_be_unmapped_or_protected(void)
{
    struct worker w = worker_make(ABOVE, 10000, 10000);
    w.utcb->mr[60] = 1234;
    l4_unmap(K_SLOT_SELF, (uint64_t)w.utcb, 4096);
    EXPECT(w.utcb->mr[60] == 1234);
    EXPECT(l4_protect(K_SLOT_SELF, (uint64_t)w.utcb, 4096, K_RIGHT_READ | K_RIGHT_EXEC) != K_OK);
    w.utcb->mr[60] = 1235; /* still writable */
    EXPECT(l4_map(K_SLOT_SELF, ram_new(4096), (uint64_t)w.utcb, 0, 4096, K_RIGHT_READ) == K_BUSY);
    EXPECT(w.utcb->self == (uint64_t)w.utcb);
    worker_end(&w);
    return NULL;
}

static const char *flags_of_the_caller_do_not_disturb_the_kernel(void)
{
    uint64_t flags = 0, status = K_SYS_NOTIFICATION_MAP, n = notification_new(), task = K_SLOT_SELF, va = va_new(4096);
    __asm__ volatile("std\n syscall\n pushfq\n pop %%rbx\n cld" /* direction flag set, in a call that clears a page */
                     : "=b"(flags), "+a"(status), "+D"(n), "+S"(task), "+d"(va)
                     :
                     : "rcx", "r8", "r9", "r10", "r11", "memory");
    EXPECT(status == K_OK && flags & RFLAGS_DF);
    return NULL;
}

/* --- threads that act on themselves --- */

static void stop_myself(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->count = 1;
    job->status = l4_thread_stop(job->slot);
    job->count = 2;
    worker_done();
}

static const char *thread_that_stops_itself_goes_on_when_resumed(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 10000, 10000);
    job->slot = w.thread;
    worker_start(&w, stop_myself, (uint64_t)job);
    EXPECT(job->count == 1 && thread_state(w.thread) == K_THREAD_STOPPED);
    EXPECT(l4_thread_resume(w.thread) == K_OK && job->count == 2 && job->status == K_OK);
    worker_end(&w);
    return NULL;
}

static void delete_slot(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->count = 1;
    job->status = l4_cap_delete(K_SLOT_SELF, job->slot);
    job->count = 2;
    worker_done();
}

static const char *thread_that_deletes_itself_is_gone(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 10000, 10000);
    struct l4_out out;
    job->slot = w.thread;
    worker_start(&w, delete_slot, (uint64_t)job);
    EXPECT(job->count == 1 && l4_thread_info(w.thread, &out) == K_NO_CAP);
    EXPECT(l4_cap_delete(K_SLOT_SELF, w.sched) == K_OK);
    return NULL;
}

static const char *thread_that_deletes_its_time_stands_still(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 10000, 10000);
    job->slot = w.sched;
    worker_start(&w, delete_slot, (uint64_t)job);
    EXPECT(job->count == 1 && thread_state(w.thread) == K_THREAD_READY);
    uint32_t sched = slot_new();
    EXPECT(l4_sched_create(K_SLOT_SELF, sched, 1000, 1000) == K_OK && l4_thread_configure(w.thread, sched, ABOVE, 0) == K_OK);
    EXPECT(job->count == 2 && job->status == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, w.thread) == K_OK);
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case fault_cases[] = {
    CASE(invalid_opcode_is_told),
    CASE(division_by_zero_is_told),
    CASE(breakpoint_is_told),
    CASE(single_step_is_told),
    CASE(software_interrupts_are_protection_faults),
    CASE(non_canonical_access_is_a_protection_fault),
    CASE(x87_arithmetic_is_told),
    CASE(port_without_grant_is_a_protection_fault),
    CASE(privileged_instructions_are_protection_faults),
    CASE(page_faults_tell_address_and_access),
    CASE(kernel_memory_is_out_of_reach),
    CASE(mapped_notification_word_cannot_be_written),
    CASE(handler_can_map_and_let_go_on),
    CASE(handler_can_change_registers_and_let_go_on),
    CASE(fault_waits_for_its_handler),
    CASE(fault_without_handler_stands_still),
    CASE(deleted_handler_leaves_the_thread_standing),
    CASE(stack_overflow_is_a_page_fault),
    CASE(push_to_a_non_canonical_stack_is_a_fault),
    CASE(kernel_never_uses_the_users_stack),
    CASE(registers_come_back_as_they_were_written),
    CASE(hostile_registers_are_refused_from_outside),
    CASE(start_refuses_kernel_addresses_and_running_threads),
    CASE(thread_without_system_calls_faults_instead),
    CASE(thread_without_fpu_faults_when_it_uses_it),
    CASE(utcb_cannot_be_unmapped_or_protected),
    CASE(flags_of_the_caller_do_not_disturb_the_kernel),
    CASE(thread_that_stops_itself_goes_on_when_resumed),
    CASE(thread_that_deletes_itself_is_gone),
    CASE(thread_that_deletes_its_time_stands_still),
    CASES_END,
};
