/* SPDX-License-Identifier: MIT */
/*
 * The way into translated code and the ways out, and a C call that can be unwound.
 *
 * Both entries save the callee-saved registers and keep the stack pointer in cpu->unwind_sp; xl_unwind() puts it back from any depth, and the entry
 * returns XL_LEAVE_UNWOUND (1). Registers in translated code: rbp cpu (below its window), r12 bank 1, r13 bank 2, r14 budget, [rsp] spill slots. System V ABI.
 */
#define UNWIND_SP 88     /* offsetof(struct xl_cpu, unwind_sp); asserted in emit.c */
#define BANK1 16         /* offsetof(struct xl_env, bank[1]) */
#define BANK2 24
#define SPILL_BYTES 1032 /* EMIT_SLOTS * 8, and 8 to align */

    .text
    .intel_syntax noprefix
    .globl xl_enter, xl_leave_address, xl_unwind, xl_call_unwindable

    .macro save_all
    push rbp
    push rbx
    push r12
    push r13
    push r14
    push r15
    sub rsp, SPILL_BYTES
    mov [rdi + UNWIND_SP], rsp
    .endm

/* uint64_t xl_enter(struct xl_cpu *, const void *code, struct xl_cpu *view): the same CPU, below the window of its mode */
    .type xl_enter, @function
xl_enter:
    save_all
    mov rbp, rdx
    mov r14, [rbp]
    mov r12, [rbp + BANK1]
    mov r13, [rbp + BANK2]
    jmp rsi

/* Translated code jumps here with the reason in rax. */
    .type xl_leave_address, @function
xl_leave_address:
    mov [rbp], r14
restore:
    add rsp, SPILL_BYTES
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbx
    pop rbp
    ret

/* uint64_t xl_call_unwindable(struct xl_cpu *, uint64_t (*fn)(struct xl_cpu *, void *), void *arg) */
    .type xl_call_unwindable, @function
xl_call_unwindable:
    save_all
    mov rax, rsi
    mov rsi, rdx
    call rax
    jmp restore

/* _Noreturn void xl_unwind(struct xl_cpu *) */
    .type xl_unwind, @function
xl_unwind:
    mov rsp, [rdi + UNWIND_SP]
    mov eax, 1
    jmp restore

    .section .note.GNU-stack, "", @progbits
