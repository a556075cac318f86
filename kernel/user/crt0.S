/* SPDX-License-Identifier: MIT */
/*
 * First instructions of a task. The kernel (root) or the starter (others) gives a stack in rsp, the start argument in
 * rdi and the address of the thread's UTCB in rsi. main's return is the end of the thread: it sleeps for ever.
 */
    .section .text.start, "ax"
    .globl _start
    .type _start, @function
_start:
    mov %rdi, l4_start_arg(%rip)
    mov %rsi, l4_utcb(%rip)
    xor %ebp, %ebp
    and $-16, %rsp
    call main
1:  mov $-1, %rdi
    mov $14, %eax               /* K_SYS_SLEEP, checked in support.c */
    syscall
    jmp 1b
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
