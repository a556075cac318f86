/* SPDX-License-Identifier: MIT */
/* What a switch of threads and a system call keep: vector registers, segment bases, general registers. */
#include "ktest.h"

struct vectors {
    uint64_t v[32];
    uint32_t mxcsr, pad;
};

static void xmm_set(const struct vectors *x)
{
    __asm__ volatile("ldmxcsr 256(%0)\n"
                     "movdqu (%0), %%xmm0\n movdqu 16(%0), %%xmm1\n movdqu 32(%0), %%xmm2\n movdqu 48(%0), %%xmm3\n"
                     "movdqu 64(%0), %%xmm4\n movdqu 80(%0), %%xmm5\n movdqu 96(%0), %%xmm6\n movdqu 112(%0), %%xmm7\n"
                     "movdqu 128(%0), %%xmm8\n movdqu 144(%0), %%xmm9\n movdqu 160(%0), %%xmm10\n movdqu 176(%0), %%xmm11\n"
                     "movdqu 192(%0), %%xmm12\n movdqu 208(%0), %%xmm13\n movdqu 224(%0), %%xmm14\n movdqu 240(%0), %%xmm15\n"
                     :
                     : "r"(x)
                     : "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10",
                       "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
}

static void xmm_get(struct vectors *x)
{
    __asm__ volatile("stmxcsr 256(%0)\n"
                     "movdqu %%xmm0, (%0)\n movdqu %%xmm1, 16(%0)\n movdqu %%xmm2, 32(%0)\n movdqu %%xmm3, 48(%0)\n"
                     "movdqu %%xmm4, 64(%0)\n movdqu %%xmm5, 80(%0)\n movdqu %%xmm6, 96(%0)\n movdqu %%xmm7, 112(%0)\n"
                     "movdqu %%xmm8, 128(%0)\n movdqu %%xmm9, 144(%0)\n movdqu %%xmm10, 160(%0)\n movdqu %%xmm11, 176(%0)\n"
                     "movdqu %%xmm12, 192(%0)\n movdqu %%xmm13, 208(%0)\n movdqu %%xmm14, 224(%0)\n movdqu %%xmm15, 240(%0)\n"
                     :
                     : "r"(x)
                     : "memory");
}

static void vectors_fill(struct vectors *x, uint64_t seed)
{
    for (unsigned i = 0; i < 32; i++) {
        x->v[i] = seed * 0x9e3779b97f4a7c15ull + i;
    }
    x->mxcsr = seed % 2 ? 0x1f80 : 0x7f80; /* rounding: nearest, towards zero */
}

/* Keep a pattern in all vector registers over many switches. a: seed; b: rounds; c: yield or be preempted. */
static void keep_vectors(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    struct vectors want = {0}, have = {0};
    uint64_t rounds = job->b, yields = job->c;
    (void)utcb;
    vectors_fill(&want, job->a);
    job->status = K_OK;
    for (uint64_t i = 0; i < rounds; i++) {
        xmm_set(&want);
        if (yields) {
            __asm__ volatile("syscall" : : "a"((uint64_t)K_SYS_YIELD) : "rcx", "r11", "memory");
        } else {
            for (uint64_t k = 0; k < 300000; k++) {
                __asm__ volatile("");
            }
        }
        xmm_get(&have);
        if (memcmp(&want, &have, offsetof(struct vectors, pad)) != 0) {
            job->status = K_BAD_ARG;
        }
        job->count++;
    }
    __asm__ volatile("ldmxcsr %0" : : "m"((uint32_t){0x1f80}));
    worker_done();
}

static const char *vectors_kept(uint64_t rounds, uint64_t yields)
{
    enum { N = 3 };
    struct job *job[N];
    struct worker w[N];
    for (unsigned i = 0; i < N; i++) {
        job[i] = job_new();
        job[i]->a = i + 1, job[i]->b = rounds, job[i]->c = yields;
        w[i] = worker_make(BELOW, 200, 200);
        worker_start(&w[i], keep_vectors, (uint64_t)job[i]);
    }
    for (unsigned i = 0; i < 200 && job[0]->count + job[1]->count + job[2]->count < N * rounds; i++) {
        l4_sleep(l4_now_ns() + MS);
    }
    for (unsigned i = 0; i < N; i++) {
        worker_end(&w[i]);
        EXPECT(job[i]->count == rounds && job[i]->status == K_OK);
    }
    return NULL;
}

static const char *vector_registers_survive_yields(void)
{
    return vectors_kept(50, 1);
}

static const char *vector_registers_survive_preemption(void)
{
    return vectors_kept(10, 0);
}

static void first_vectors(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    struct vectors have = {0};
    (void)utcb;
    xmm_get(&have);
    for (unsigned i = 0; i < 32; i++) {
        job->a |= have.v[i];
    }
    job->b = have.mxcsr;
    job->count++;
    worker_done();
}

static const char *new_thread_sees_nobodys_vector_registers(void)
{
    struct job *job = job_new();
    struct vectors mine = {0}, after = {0};
    struct worker w = worker_make(ABOVE, 10000, 10000);
    vectors_fill(&mine, 1);
    xmm_set(&mine);
    l4_thread_start(w.thread, (uint64_t)first_vectors, w.stack_top, (uint64_t)job);
    xmm_get(&after);
    EXPECT(job->count == 1);
    EXPECT(job->a == 0 && job->b == 0x1f80);
    EXPECT(memcmp(&mine, &after, offsetof(struct vectors, pad)) == 0);
    worker_end(&w);
    return NULL;
}

static uint64_t gs_first(void)
{
    uint64_t value;
    __asm__ volatile("mov %%gs:0, %0" : "=r"(value));
    return value;
}

static uint64_t fs_first(void)
{
    uint64_t value;
    __asm__ volatile("mov %%fs:0, %0" : "=r"(value));
    return value;
}

/* words[0] and [1] are what FS and GS point at. */
static void keep_bases(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->status = l4_thread_bases((uint64_t)&job->words[0], (uint64_t)&job->words[1]);
    for (unsigned i = 0; i < 50; i++) {
        l4_yield();
        if (fs_first() != job->words[0] || gs_first() != job->words[1]) {
            job->status = K_BAD_ARG;
        }
        job->count++;
    }
    worker_done();
}

static const char *segment_bases_belong_to_each_thread(void)
{
    struct job *job[2];
    struct worker w[2];
    for (unsigned i = 0; i < 2; i++) {
        job[i] = job_new();
        job[i]->words[0] = 100 + i, job[i]->words[1] = 200 + i;
        w[i] = worker_make(BELOW, 200, 200);
        worker_start(&w[i], keep_bases, (uint64_t)job[i]);
    }
    for (unsigned i = 0; i < 100 && job[0]->count + job[1]->count < 100; i++) {
        l4_sleep(l4_now_ns() + MS);
    }
    for (unsigned i = 0; i < 2; i++) {
        worker_end(&w[i]);
        EXPECT(job[i]->count == 50 && job[i]->status == K_OK);
    }
    return NULL;
}

static const char *bases_that_are_not_canonical_are_refused(void)
{
    static const uint64_t bad[] = {1ull << 47, 1ull << 63, 0xffff7fffffffffffull, 0x0123456789abcdefull};
    uint64_t word = 31;
    EXPECT(l4_thread_bases((uint64_t)&word, (uint64_t)&word) == K_OK);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT(l4_thread_bases(bad[i], 0) == K_BAD_ARG && l4_thread_bases(0, bad[i]) == K_BAD_ARG);
    }
    EXPECT(fs_first() == 31 && gs_first() == 31); /* a refused call changes nothing */
    EXPECT(l4_thread_bases(0, 0) == K_OK);
    return NULL;
}

static const char *syscall_keeps_the_registers_it_does_not_name(void)
{
    uint64_t in[6] = {0x1111, 0x2222, 0x3333, 0x4444, 0x5555, 0x6666}, out[6] = {0}, rcx = 1, here = 0;
    __asm__ volatile("push %%rbp\n push %%rbx\n"
                     "mov %[in], %%rdi\n mov %[out], %%rsi\n"
                     "mov (%%rdi), %%rbx\n mov 8(%%rdi), %%rbp\n mov 16(%%rdi), %%r12\n mov 24(%%rdi), %%r13\n"
                     "mov 32(%%rdi), %%r14\n mov 40(%%rdi), %%r15\n"
                     "mov %[number], %%eax\n"
                     "syscall\n"
                     "1: mov %%rbx, (%%rsi)\n mov %%rbp, 8(%%rsi)\n mov %%r12, 16(%%rsi)\n mov %%r13, 24(%%rsi)\n"
                     "mov %%r14, 32(%%rsi)\n mov %%r15, 40(%%rsi)\n"
                     "lea 1b(%%rip), %%rdx\n pop %%rbx\n pop %%rbp\n"
                     : "=c"(rcx), "=d"(here)
                     : [in] "r"(in), [out] "r"(out), [number] "i"(K_SYS_CLOCK)
                     : "rax", "rdi", "rsi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
    EXPECT(memcmp(in, out, sizeof in) == 0);
    EXPECT(rcx == here || rcx < 0x0000800000000000ull); /* no kernel address comes out */
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case switch_cases[] = {
    CASE(vector_registers_survive_yields),
    CASE(vector_registers_survive_preemption),
    CASE(new_thread_sees_nobodys_vector_registers),
    CASE(segment_bases_belong_to_each_thread),
    CASE(bases_that_are_not_canonical_are_refused),
    CASE(syscall_keeps_the_registers_it_does_not_name),
    CASES_END,
};
