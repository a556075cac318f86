/* SPDX-License-Identifier: MIT */
/*
 * LEON PROM, entry: brings a LEON3 from its reset state to what Linux expects and jumps to the kernel.
 *
 * Linked at 0xf0000000, loaded at the start of RAM. Runs first at its physical address with the MMU off, so everything before the jump to `mapped` is
 * position independent. The fields of `prom_facts` and all tables behind the PROM are written by l4vm/guests/wrap.py, which knows their order: struct prom_facts in prom.c.
 *
 * Source: SPARC V8, 4.2 and appendix H; GRLIB GPTIMER and APBUART chapters.
 */
        .section .text.start, "ax"
        .global start
start:
        b       begin
         nop
        .global prom_facts
        .align  16
prom_facts:                             ! offset 16, filled in by wrap.py
        .space  64
        .ascii  "L4VMPROM"              ! offset 80: how a wrapped file is recognised
        .align  16

#define FACT(reg, word) ld [%g1 + 4 * (word)], reg

begin:
        wr      %g0, 0xfc0, %psr        ! S, PS, PIL 15, ET 0, CWP 0
        nop
        nop
        nop
        wr      %g0, 2, %wim
        nop
        nop
        nop
1:      call    2f                      ! %o7 = 1b, wherever we run
         nop
2:      set     prom_facts - 1b, %g1
        add     %g1, %o7, %g1           ! physical address of the facts

        /* Devices, by their physical addresses: the MMU is still off. */
        FACT(%g2, 4)                    ! GPTIMER
        FACT(%g3, 5)                    ! scaler reload: 1 MHz
        st      %g3, [%g2 + 4]
        st      %g3, [%g2 + 0]
        FACT(%g2, 3)                    ! APBUART
        mov     3, %g3                  ! RE | TE
        st      %g3, [%g2 + 8]

        /* MMU on: context table, context 0, flush all, control. */
        FACT(%g2, 6)                    ! context table, pa >> 4
        mov     0x100, %g3
        sta     %g2, [%g3] 0x19
        mov     0x200, %g3
        sta     %g0, [%g3] 0x19
        mov     0x400, %g3
        sta     %g0, [%g3] 0x18
        mov     1, %g2
        sta     %g2, [%g0] 0x19
        nop
        nop
        nop

        set     mapped, %g2
        jmp     %g2
         nop
mapped:
        set     start, %g2
        wr      %g2, %tbr               ! mapped memory; Linux copies 16 bytes from TBR + 0x1e0
        nop
        nop
        nop
        set     prom_stack_top - 96, %sp
        clr     %fp
        call    prom_setup
         nop
        set     prom_facts, %g1
        FACT(%g2, 7)                    ! kernel entry, virtual
        set     prom_romvec, %o0
        clr     %o1
        clr     %o2
        clr     %o3
        jmp     %g2
         nop

        /* Halt: a trap while traps are disabled. */
        .global prom_stop
prom_stop:
        wr      %g0, 0xfc0, %psr
        nop
        nop
        nop
        ta      0
        nop
        b       prom_stop
         nop

        .section .bss
        .align  8
        .space  1024
prom_stack_top:
        .space  8
