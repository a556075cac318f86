/* SPDX-License-Identifier: MIT */
/*
 * l4_ipc: the register convention of IPC calls (abi/k_abi.h) for C callers.
 *
 *   C:   edi number, rsi a0, rdx reply slot, rcx message, r8 deadline
 *   ABI: eax number, rdi a0, rsi tag, rbp reply slot, rdx r10 r8 r9 r12..r15 words 0..7; RECV takes the deadline in rdx
 */
    .text
    .globl l4_ipc
    .type l4_ipc, @function
l4_ipc:
    push %rbx
    push %rbp
    push %r12
    push %r13
    push %r14
    push %r15
    mov %rcx, %rbx              /* the kernel keeps rbx */
    mov %edi, %eax
    mov %rsi, %rdi
    mov %rdx, %rbp
    mov 0(%rbx), %rsi
    mov 16(%rbx), %rdx
    cmp $4, %eax                /* K_SYS_RECV, checked in support.c */
    cmove %r8, %rdx
    mov 24(%rbx), %r10
    mov 32(%rbx), %r8
    mov 40(%rbx), %r9
    mov 48(%rbx), %r12
    mov 56(%rbx), %r13
    mov 64(%rbx), %r14
    mov 72(%rbx), %r15
    syscall
    mov %rsi, 0(%rbx)
    mov %rdi, 8(%rbx)
    mov %rdx, 16(%rbx)
    mov %r10, 24(%rbx)
    mov %r8, 32(%rbx)
    mov %r9, 40(%rbx)
    mov %r12, 48(%rbx)
    mov %r13, 56(%rbx)
    mov %r14, 64(%rbx)
    mov %r15, 72(%rbx)
    pop %r15
    pop %r14
    pop %r13
    pop %r12
    pop %rbp
    pop %rbx
    ret
    .size l4_ipc, . - l4_ipc

    .section .note.GNU-stack, "", @progbits
