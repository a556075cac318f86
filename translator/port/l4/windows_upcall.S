/* SPDX-License-Identifier: MIT */
/*
 * Entry of the thread's fault upcall: on its own stack, rdi = UTCB. Translated code may hold guest values in every SSE register, so they are kept over the C call.
 *
 * Source: kernel/include/abi (upcall), Intel SDM vol. 2 (FXSAVE).
 */
#define K_SYS_UPCALL_RETURN 43 /* asserted in windows.c */

    .text
    .intel_syntax noprefix
    .globl windows_upcall
    .type windows_upcall, @function
windows_upcall:
    sub rsp, 512
    fxsave64 [rsp]
    call windows_fault
    fxrstor64 [rsp]
    mov eax, K_SYS_UPCALL_RETURN
    syscall
    ud2                            /* the registers were refused: a fault inside the upcall is the supervisor's */
    .size windows_upcall, . - windows_upcall

    .section .note.GNU-stack, "", @progbits
