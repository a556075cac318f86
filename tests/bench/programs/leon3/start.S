/* SPDX-License-Identifier: MIT */
/*
 * Bare LEON3: trap table with window overflow and underflow, stack, then bench_main; the end is a trap with traps off, which stops a LEON.
 *
 * Source: SPARC V8 7, and its appendix D for windows.
 */
        .section .text.start, "ax"
        .global start
start:
        .rept   5
        ba      bad
         nop
        nop
        nop
        .endr
        ba      overflow                ! 0x05
         nop
        nop
        nop
        ba      underflow               ! 0x06
         nop
        nop
        nop
        .rept   249
        ba      bad
         nop
        nop
        nop
        .endr

        .global entry
entry:
        set     0x1fc0, %g1             ! EF, PIL 15, S, PS, window 0
        wr      %g1, %psr
        wr      %g0, 2, %wim
        set     start, %g1
        wr      %g1, %tbr
        nop
        nop
        nop
        set     stack_top - 96, %sp
        mov     %sp, %fp
        set     0x1fe0, %g1             ! traps on
        wr      %g1, %psr
        nop
        nop
        nop
        call    bench_main
         nop
end:    wr      %g0, 0xfc0, %psr
        nop
        nop
        nop
        ta      0
        nop
bad:    ba      end
         nop

/* SAVE into the invalid window: store the one behind it, and move the mark. */
overflow:
        mov     %wim, %l3
        mov     %g1, %l7
        srl     %l3, 1, %g1
        sll     %l3, 7, %l4
        or      %l4, %g1, %g1
        save
        mov     %g1, %wim
        nop
        nop
        nop
        std     %l0, [%sp]
        std     %l2, [%sp + 8]
        std     %l4, [%sp + 16]
        std     %l6, [%sp + 24]
        std     %i0, [%sp + 32]
        std     %i2, [%sp + 40]
        std     %i4, [%sp + 48]
        std     %i6, [%sp + 56]
        restore
        mov     %l7, %g1
        jmp     %l1
         rett   %l2

/* RESTORE into the invalid window: load it, and move the mark. */
underflow:
        mov     %wim, %l3
        sll     %l3, 1, %l4
        srl     %l3, 7, %l5
        or      %l5, %l4, %l5
        and     %l5, 0xff, %l5
        mov     %l5, %wim
        nop
        nop
        nop
        restore
        restore
        ldd     [%sp], %l0
        ldd     [%sp + 8], %l2
        ldd     [%sp + 16], %l4
        ldd     [%sp + 24], %l6
        ldd     [%sp + 32], %i0
        ldd     [%sp + 40], %i2
        ldd     [%sp + 48], %i4
        ldd     [%sp + 56], %i6
        save
        save
        jmp     %l1
         rett   %l2

        .section .bss
        .align  8
        .space  65536
stack_top:
        .space  8
        .section .note.GNU-stack, "", @progbits
