/* SPDX-License-Identifier: MIT */
/*
 * Linux system calls without a C library, for small static programs that tests run inside guests.
 *
 * SPARC: `ta 0x10`, number in %g1, carry set on an error. PowerPC: `sc`, number in r0, summary overflow set on an error. Both give the result, or the positive error
 * number, in the first argument's register. MIPS o32: `syscall`, number in $2 counted from 4000, arguments 5 and 6 on the stack, the result in $2, $7 set on an error. `call`
 * returns an error number negative.
 *
 * Source: The SYSV ABI supplements (registers); Linux, Documentation of the system call interface (syscall tables of the architectures).
 */
#ifndef GUEST_CALL_H
#define GUEST_CALL_H

/* Numbers that differ between them; each has the call by this name. */
#ifdef __sparc__
enum { CALL_POLL = 153, CALL_SOCKET = 97, CALL_CONNECT = 98, CALL_ACCEPT = 99, CALL_SENDTO = 133, CALL_BIND = 353, CALL_LISTEN = 354, CALL_SETSOCKOPT = 355, CALL_SHUTDOWN = 134 };
enum { LEVEL_SOCKET = 0xffff, REUSE_ADDRESS = 4 };
#elif defined __mips__
enum { CALL_POLL = 188, CALL_ACCEPT = 168, CALL_BIND = 169, CALL_CONNECT = 170, CALL_LISTEN = 174, CALL_SENDTO = 180, CALL_SETSOCKOPT = 181, CALL_SHUTDOWN = 182, CALL_SOCKET = 183 };
enum { LEVEL_SOCKET = 0xffff, REUSE_ADDRESS = 4 };
#else
enum { CALL_POLL = 167, CALL_SOCKET = 326, CALL_BIND = 327, CALL_CONNECT = 328, CALL_LISTEN = 329, CALL_ACCEPT = 330, CALL_SENDTO = 335, CALL_SETSOCKOPT = 339, CALL_SHUTDOWN = 338 };
enum { LEVEL_SOCKET = 1, REUSE_ADDRESS = 2 };
#endif
enum { CALL_EXIT = 1, CALL_READ = 3, CALL_WRITE = 4, CALL_CLOSE = 6, CALL_IOCTL = 54 };

#ifdef __sparc__
static inline long call(long number, long a, long b, long c, long d, long e, long f)
{
    register long g1 __asm__("g1") = number;
    register long o0 __asm__("o0") = a;
    register long o1 __asm__("o1") = b;
    register long o2 __asm__("o2") = c;
    register long o3 __asm__("o3") = d;
    register long o4 __asm__("o4") = e;
    register long o5 __asm__("o5") = f;

    __asm__ volatile("ta 0x10\n\tbcs,a 1f\n\tsub %%g0, %%o0, %%o0\n1:"
                     : "+r"(o0), "+r"(g1), "+r"(o1), "+r"(o2), "+r"(o3), "+r"(o4), "+r"(o5)
                     :
                     : "memory", "cc", "g2", "g3", "g4", "g5", "o7");
    return o0;
}
/* At entry the stack holds room for a register window, then argc and argv; a frame of our own keeps callees from writing there. */
__asm__(".globl _start\n_start:\n\tld [%sp + 64], %o0\n\tadd %sp, 68, %o1\n\tcall program\n\tsub %sp, 96, %sp\n");
#endif

#ifdef __powerpc__
static inline long call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r0 __asm__("r0") = number;
    register long r3 __asm__("r3") = a;
    register long r4 __asm__("r4") = b;
    register long r5 __asm__("r5") = c;
    register long r6 __asm__("r6") = d;
    register long r7 __asm__("r7") = e;
    register long r8 __asm__("r8") = f;

    __asm__ volatile("sc\n\tbns+ 1f\n\tneg 3, 3\n1:"
                     : "+r"(r0), "+r"(r3), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8)
                     :
                     : "memory", "cr0", "ctr", "r9", "r10", "r11", "r12");
    return r3;
}
__asm__(".globl _start\n_start:\n\tlwz 3, 0(1)\n\taddi 4, 1, 4\n\tli 0, 0\n\tstwu 0, -16(1)\n\tbl program\n");
#endif

#ifdef __mips__
static inline long call(long number, long a, long b, long c, long d, long e, long f)
{
    register long r2 __asm__("$2") = 4000 + number;
    register long r4 __asm__("$4") = a;
    register long r5 __asm__("$5") = b;
    register long r6 __asm__("$6") = c;
    register long r7 __asm__("$7") = d;
    register long r8 __asm__("$8") = e;
    register long r9 __asm__("$9") = f;

    __asm__ volatile("addiu $29, $29, -32\n\tsw $8, 16($29)\n\tsw $9, 20($29)\n\tsyscall\n\taddiu $29, $29, 32"
                     : "+r"(r2), "+r"(r4), "+r"(r5), "+r"(r6), "+r"(r7), "+r"(r8), "+r"(r9)
                     :
                     : "memory", "hi", "lo", "$1", "$3", "$10", "$11", "$12", "$13", "$14", "$15", "$24", "$25");
    return r7 ? -r2 : r2;
}
__asm__(".globl _start\n_start:\n\tlw $4, 0($29)\n\taddiu $5, $29, 4\n\taddiu $29, $29, -32\n\tj program\n");
#endif

/* The compiler calls it for initialisers. */
void *memset(void *to, int byte, unsigned long count)
{
    for (unsigned long i = 0; i < count; i++)
        ((volatile unsigned char *)to)[i] = (unsigned char)byte;
    return to;
}

void program(int argc, char **argv) __attribute__((noreturn));

#endif
