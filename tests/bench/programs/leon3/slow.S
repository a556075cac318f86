/* SPDX-License-Identifier: MIT */
/*
 * Trap handlers and the switch of threads on a LEON3. Handlers use the locals of their own window and give PSR back as it was.
 *
 * Source: SPARC V8 7 (traps), appendix H (fault status and address), appendix D.2 (switching windows).
 */
        .text
        .global slow_trap, slow_trap_taken, slow_data_fault, slow_switch

slow_trap:
        ta      0x10
        retl
         nop

slow_trap_taken:
        add     %i0, 1, %i0
        jmp     %l2
         rett   %l2 + 4

/* Make the window's page of context 0 that the access missed, and do the access again. */
slow_data_fault:
        rd      %psr, %l0
        mov     0x400, %l3
        lda     [%l3] 0x19, %l4         ! the address
        mov     0x300, %l3
        lda     [%l3] 0x19, %g0         ! the status, free for the next one
        sethi   %hi(0x50000000), %l3
        sub     %l4, %l3, %l4
        srl     %l4, 12, %l4
        cmp     %l4, 256
        bgeu    strange
         set    slow_memory, %l5
        sll     %l4, 12, %l6
        add     %l5, %l6, %l5
        srl     %l5, 4, %l5
        or      %l5, 0x9e, %l5
        set     slow_entries, %l3
        sll     %l4, 2, %l4
        st      %l5, [%l3 + %l4]
        set     slow_faults, %l3
        ld      [%l3], %l4
        add     %l4, 1, %l4
        st      %l4, [%l3]
        wr      %l0, 0, %psr
        nop
        nop
        nop
        jmp     %l1
         rett   %l2
strange:
        ta      0                       ! traps are off: the end, without a check value
        nop

/* All windows but this one go to the stack; the RESTORE then takes the other thread's from there. */
slow_switch:
        save    %sp, -96, %sp
        .rept   6
        save    %sp, -96, %sp
        .endr
        .rept   6
        restore
        .endr
        st      %fp, [%i0]
        st      %i7, [%i0 + 4]
        ld      [%i1], %fp
        ld      [%i1 + 4], %i7
        mov     0x200, %l0
        sta     %i2, [%l0] 0x19
        ret
         restore
        .section .note.GNU-stack, "", @progbits
