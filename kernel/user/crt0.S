/* SPDX-License-Identifier: MIT */
/*
 * First instructions of a task. The kernel (root) or the starter (others) gives a stack in rsp, the start argument in
 * rdi and the address of the thread's UTCB in rsi. What main returns goes to l4_main_ended (l4/l4.h).
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
    mov %eax, %edi
    call l4_main_ended
    ud2                         /* it does not return */
    .size _start, . - _start

    .section .note.GNU-stack, "", @progbits
