/* SPDX-License-Identifier: MIT */
/*
 * Every way in and out of the kernel.
 *
 * An entry from user mode saves all registers in the running thread's frame: TSS.RSP0 (and syscall_stack) point at the frame's end. Then the one kernel stack is used
 * from its top; nothing on it survives. There is no SWAPGS: one CPU's variables are reached at fixed addresses.
 *
 * Source: Intel SDM vol. 3A, 5.8.8 (SYSCALL), 6.14 (interrupts in 64-bit mode).
 */
        .section .text
        .macro  save_general
        pushq   %rax
        pushq   %rbx
        pushq   %rcx
        pushq   %rdx
        pushq   %rsi
        pushq   %rdi
        pushq   %rbp
        pushq   %r8
        pushq   %r9
        pushq   %r10
        pushq   %r11
        pushq   %r12
        pushq   %r13
        pushq   %r14
        pushq   %r15
        .endm
        .macro  load_general
        popq    %r15
        popq    %r14
        popq    %r13
        popq    %r12
        popq    %r11
        popq    %r10
        popq    %r9
        popq    %r8
        popq    %rbp
        popq    %rdi
        popq    %rsi
        popq    %rdx
        popq    %rcx
        popq    %rbx
        popq    %rax
        .endm

        .global x64_syscall_entry
x64_syscall_entry:                      # rcx = rip, r11 = rflags; interrupts off by SFMASK
        movq    %rsp, syscall_rsp(%rip)
        movq    x64_syscall_stack(%rip), %rsp
        pushq   $0x1b
        pushq   syscall_rsp(%rip)
        pushq   %r11
        pushq   $0x23
        pushq   %rcx
        pushq   $0
        pushq   $0x100
        save_general
        movq    %rsp, %rdi
        leaq    kernel_stack_top(%rip), %rsp
        xorl    %ebp, %ebp
        call    kernel_syscall          # does not return
        ud2

/* 256 stubs of 16 bytes: push an error code where the CPU does not, and the vector. */
        .align  16
        .global x64_vectors
x64_vectors:
        .set    vector, 0
        .rept   256
        .align  16
        .if     !((vector == 8) || ((vector >= 10) && (vector <= 14)) || (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30))
        pushq   $0
        .endif
        pushq   $vector
        jmp     trap_common
        .set    vector, vector + 1
        .endr

trap_common:
        save_general
        cld
        movq    %rsp, %rdi
        testb   $3, 144(%rsp)           # cs
        jz      trap_in_kernel
        leaq    kernel_stack_top(%rip), %rsp
        xorl    %ebp, %ebp
        call    kernel_trap             # does not return
        ud2
trap_in_kernel:
        andq    $-16, %rsp
        call    kernel_trap_inside      # returns for an interrupt that ended x64_idle, and for an NMI
        movq    %rax, %rsp              # the frame to go back to
        load_general
        addq    $16, %rsp
        iretq

        .global x64_user_return
x64_user_return:
        movq    %rdi, %rsp
        cmpq    $0x100, 120(%rsp)       # vector: came by SYSCALL?
        jne     1f
        load_general
        movq    16(%rsp), %rcx          # rip, below USER_END: checked wherever it is set
        movq    32(%rsp), %r11
        movq    40(%rsp), %rsp
        sysretq
1:      load_general
        addq    $16, %rsp
        iretq

        .global x64_idle
x64_idle:
        leaq    kernel_stack_top(%rip), %rsp
        sti
1:      hlt
        jmp     1b

        .section .bss
        .align  16
        .skip   16384
        .global kernel_stack_top
kernel_stack_top:
        .skip   16
        .global x64_ist_stacks
        .skip   4 * 4096
x64_ist_stacks:                         # end of the fourth
syscall_rsp:
        .skip   8
        .global x64_syscall_stack
x64_syscall_stack:
        .skip   8
        .section .note.GNU-stack, "", @progbits
