/* SPDX-License-Identifier: MIT */
/*
 * The only process of a benchmarked Linux: does one thing COUNT times, says so, and ends the machine.
 *
 *     init .. NAME COUNT      NAME is one of those in `works`; the kernel takes both from its command line, behind "--", and before them what it does not know itself
 *
 * It says "NAME ok COUNT" when every call succeeded and every count came out, else "NAME BAD DETAIL".
 * Source: the Linux manual pages of the calls, section 2; syscall tables of the architectures.
 */
#include "call.h"
#include "io.h"

#ifdef __sparc__
enum { CALL_EXECVE = 59, CALL_WAIT4 = 7, CALL_PIPE2 = 321, CALL_MMAP2 = 56, CALL_MUNMAP = 73, CALL_REBOOT = 55, CALL_SETITIMER = 83, CALL_RT_SIGACTION = 102 };
/* A handler without SA_SIGINFO ends in call 216; it returns 8 bytes behind the address that the kernel is given. */
__asm__(".globl back\nback:\n\tnop\n\tnop\n\tmov 216, %g1\n\tta 0x10\n");
void back(void);
#define SIGACTION(number, action) call(CALL_RT_SIGACTION, number, (long)(action), 0, (long)back, 8, 0)
#elif defined __mips__
enum { CALL_EXECVE = 11, CALL_WAIT4 = 114, CALL_PIPE2 = 328, CALL_MMAP2 = 210, CALL_MUNMAP = 91, CALL_REBOOT = 88, CALL_SETITIMER = 104, CALL_RT_SIGACTION = 194 };
#define SIGACTION(number, action) call(CALL_RT_SIGACTION, number, (long)(action), 0, 16, 0, 0)
#else
enum { CALL_EXECVE = 11, CALL_WAIT4 = 114, CALL_PIPE2 = 317, CALL_MMAP2 = 192, CALL_MUNMAP = 91, CALL_REBOOT = 88, CALL_SETITIMER = 104, CALL_RT_SIGACTION = 173 };
#define SIGACTION(number, action) call(CALL_RT_SIGACTION, number, (long)(action), 0, 8, 0, 0)
#endif
enum { CALL_FORK = 2, CALL_GETPID = 20, CALL_PAUSE = 29, CALL_KILL = 37 };
enum { SIGALRM = 14, SIGTERM = 15, PROT_READ_WRITE = 3, AREA_BYTES = 65536, PAGE_BYTES = 4096, TICK_US = 4000 };
#ifdef __mips__
enum { MAP_PRIVATE_ANONYMOUS = 0x802 };
#else
enum { MAP_PRIVATE_ANONYMOUS = 0x22 };
#endif
enum { REBOOT_RESTART = 0x01234567, REBOOT_MAGIC2 = 672274793 };
#define REBOOT_MAGIC1 (long)0xfee1dead
#define CALL0(number) call(number, 0, 0, 0, 0, 0, 0)
#define CALL1(number, a) call(number, (long)(a), 0, 0, 0, 0, 0)
#define CALL3(number, a, b, c) call(number, (long)(a), (long)(b), (long)(c), 0, 0, 0)

struct action {
#ifdef __mips__
    unsigned flags;
#endif
    void (*handler)(int);
    unsigned long words[5]; /* flags, restorer, mask: none of them used */
};

static volatile long signals;
static char *own_name;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

static void handle(int number)
{
    static struct action action = {.handler = count_signal};
    SIGACTION(number, &action);
}

/* As in a shell: a child is told by its number, for SPARC gives 0 in another register. */
static long fork_child(long parent)
{
    long child = CALL0(CALL_FORK);
    return CALL0(CALL_GETPID) == parent ? child : 0;
}

static __attribute__((noreturn)) void leave(int status)
{
    for (;;)
        CALL1(CALL_EXIT, status);
}

/* Each returns 0, or what went wrong. */
static long work_boot(long count)
{
    (void)count;
    return 0;
}

static long work_fork_exec(long count)
{
    char *arguments[] = {own_name, (char *)"child", 0}, *nothing[] = {0};
    long own = CALL0(CALL_GETPID);
    while (count--) {
        int status = -1;
        long child = fork_child(own);
        if (!child) {
            CALL3(CALL_EXECVE, own_name, arguments, nothing);
            leave(1);
        }
        if (child < 0 || call(CALL_WAIT4, child, (long)&status, 0, 0, 0, 0) != child || status != 7 << 8)
            return child < 0 ? child : status;
    }
    return 0;
}

static long work_pipe(long count)
{
    int there[2], back_again[2];
    long own = CALL0(CALL_GETPID), failed = 0, turns;
    char byte = 0;
    if (CALL3(CALL_PIPE2, there, 0, 0) || CALL3(CALL_PIPE2, back_again, 0, 0))
        return -1;
    long child = fork_child(own);
    if (child < 0)
        return child;
    for (turns = count; turns && !failed; turns--) {
        if (!child)
            failed = CALL3(CALL_READ, there[0], &byte, 1) != 1 || (byte++, CALL3(CALL_WRITE, back_again[1], &byte, 1)) != 1;
        else
            failed = CALL3(CALL_WRITE, there[1], &byte, 1) != 1 || CALL3(CALL_READ, back_again[0], &byte, 1) != 1;
    }
    if (!child)
        leave(0);
    return failed || byte != (char)count;
}

static long work_mmap(long count)
{
    long sum = 0;
    for (long turn = 0; turn < count; turn++) {
        long area = call(CALL_MMAP2, 0, AREA_BYTES, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0);
        if (area < 0 && area > -PAGE_BYTES)
            return area;
        volatile char *page = (volatile char *)area;
        for (long at = 0; at < AREA_BYTES; at += PAGE_BYTES)
            sum += page[at]++;
        if (CALL3(CALL_MUNMAP, area, AREA_BYTES, 0))
            return -1;
    }
    return sum;
}

/* Pages of so many MiB, all there at once. */
static long work_fill(long count)
{
    long bytes = count << 20, area = call(CALL_MMAP2, 0, bytes, PROT_READ_WRITE, MAP_PRIVATE_ANONYMOUS, -1, 0), sum = 0;
    if (area < 0 && area > -PAGE_BYTES)
        return area;
    volatile char *page = (volatile char *)area;
    for (long at = 0; at < bytes; at += PAGE_BYTES)
        page[at] = 1;
    for (long at = 0; at < bytes; at += PAGE_BYTES)
        sum += page[at];
    return sum - bytes / PAGE_BYTES;
}

static long work_signal(long count)
{
    long own = CALL0(CALL_GETPID);
    handle(SIGTERM);
    for (long turn = 0; turn < count; turn++)
        if (CALL3(CALL_KILL, own, SIGTERM, 0))
            return -1;
    return signals - count;
}

static long work_syscall(long count)
{
    long wrong = 0;
    while (count--)
        wrong |= CALL0(CALL_GETPID) - 1;
    return wrong;
}

/* A tick may be lost while the machine is late; none comes too often. */
static long work_ticks(long count)
{
    static long interval[4] = {0, TICK_US, 0, TICK_US}, never[4];
    handle(SIGALRM);
    if (CALL3(CALL_SETITIMER, 0, interval, 0))
        return -1;
    while (signals < count)
        CALL0(CALL_PAUSE);
    return CALL3(CALL_SETITIMER, 0, never, 0); /* else a tick could cut a write short */
}

/* What a process computes by itself, in pages of its own. A repeatable sequence; not 0. */
static unsigned next_random(unsigned *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 17;
    return *state ^= *state << 5;
}

/* Round a cycle through all words of 4 MiB, in an order drawn at random: more pages than the CPU's TLB has. */
static long work_user_walk(long count)
{
    enum { WORDS = 1 << 20 };
    static unsigned next[WORDS];
    unsigned state = 1, at = 0;
    for (unsigned i = 0; i < WORDS; i++)
        next[i] = i;
    for (unsigned i = WORDS - 1; i; i--) { /* one cycle: Sattolo, Information Processing Letters 22 (1986) */
        unsigned other = next_random(&state) % i, kept = next[i];
        next[i] = next[other];
        next[other] = kept;
    }
    while (count--)
        for (unsigned step = 0; step < WORDS; step++)
            at = next[at];
    return at;
}

static long work_user_sort(long count)
{
    enum { WORDS = 4096 };
    static unsigned word[WORDS];
    unsigned state = 1, wrong = 0;
    while (count--) {
        for (unsigned i = 0; i < WORDS; i++)
            word[i] = next_random(&state);
        for (unsigned gap = WORDS / 2; gap; gap /= 2) /* Shell, Communications of the ACM 2 (1959) */
            for (unsigned i = gap; i < WORDS; i++) {
                unsigned moved = word[i], at = i;
                for (; at >= gap && word[at - gap] > moved; at -= gap)
                    word[at] = word[at - gap];
                word[at] = moved;
            }
        for (unsigned i = 1; i < WORDS; i++)
            wrong += word[i - 1] > word[i];
    }
    return (long)wrong;
}

/* Deeper than SPARC has register windows: the kernel stores them on the process's stack and loads them again. */
static __attribute__((noinline)) unsigned leaves(unsigned depth)
{
    __asm__ volatile("" : "+r"(depth)); /* each call is made */
    return depth ? leaves(depth - 1) + leaves(depth - 1) : 1;
}

static long work_user_calls(long count)
{
    enum { DEPTH = 12 };
    unsigned wrong = 0;
    while (count--)
        wrong |= leaves(DEPTH) ^ 1u << DEPTH;
    return (long)wrong;
}

static const struct {
    const char *name;
    long (*run)(long count);
} works[] = {
    {"boot", work_boot},       {"fill", work_fill},           {"fork_exec", work_fork_exec}, {"mmap", work_mmap},
    {"pipe", work_pipe},       {"signal", work_signal},       {"syscall", work_syscall},     {"ticks", work_ticks},
    {"user_calls", work_user_calls}, {"user_sort", work_user_sort}, {"user_walk", work_user_walk},
    {"console", work_console}, {"disk_read", work_disk_read}, {"disk_write", work_disk_write},
    {"net_send", work_net_send}, {"net_echo", work_net_echo},
};

static int is_same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static long length(const char *text)
{
    long n = 0;
    while (text[n])
        n++;
    return n;
}

static void put(const char *text)
{
    CALL3(CALL_WRITE, 1, text, length(text));
}

static void put_number(long value)
{
    char digits[24], *at = digits + sizeof digits - 1;
    unsigned long rest = value < 0 ? -(unsigned long)value : (unsigned long)value;
    *at = 0;
    do
        *--at = (char)('0' + rest % 10);
    while (rest /= 10);
    if (value < 0)
        *--at = '-';
    put(at);
}

static long number_of(const char *text)
{
    long value = 0;
    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (*text - '0');
    return value;
}

void program(int argc, char **argv)
{
    own_name = argv[0];
    if (argc == 2 && is_same(argv[1], "child"))
        leave(7);
    for (unsigned i = 0; i < sizeof works / sizeof works[0] && argc >= 3; i++) {
        if (!is_same(argv[argc - 2], works[i].name))
            continue;
        long count = number_of(argv[argc - 1]), wrong = works[i].run(count);
        put(works[i].name);
        put(wrong ? " BAD " : " ok ");
        put_number(wrong ? wrong : count);
        put("\n");
    }
    call(CALL_REBOOT, REBOOT_MAGIC1, REBOOT_MAGIC2, REBOOT_RESTART, 0, 0, 0);
    leave(1);
}
