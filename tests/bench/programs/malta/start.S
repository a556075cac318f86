/* SPDX-License-Identifier: MIT */
/*
 * Bare Malta: stack, vectors, then bench_main; the end is the reset that the FPGA's SOFTRES asks for, which an emulator that is not to start again takes for the end (ours always,
 * QEMU with -no-reboot).
 *
 * YAMON hands over in kernel mode with Status.ERL off and the vectors of the boot flash. Nothing here takes an interrupt: an exception that comes all the same ends in `bad`, whose
 * reset comes before any " ok ".
 *
 * Source: MIPS32 Architecture For Programmers, volume III, 8.19 (Status), 8.28 (EBase); MIPS Malta User's Manual, 5.7 (SOFTRES).
 */
        .equ    SOFTRES, 0xbf000500
        .equ    GO_RESET, 0x42

        .set    noreorder
        .section .text.start, "ax"
        .global entry
entry:
        lui     $29, %hi(stack_top)
        addiu   $29, $29, %lo(stack_top)
        addiu   $29, $29, -32           /* where a function may keep its arguments */
        lui     $4, %hi(vectors)
        addiu   $4, $4, %lo(vectors)
        mtc0    $4, $15, 1              /* EBase */
        mtc0    $0, $12                 /* Status: kernel, interrupts off, vectors at EBase */
        ehb
        jal     bench_main
        nop
end:    lui     $4, %hi(SOFTRES)
        li      $5, GO_RESET
        sw      $5, %lo(SOFTRES)($4)
stay:   b       stay
        nop

        .balign 4096
vectors:
        .rept   3                       /* TLB refill, (cache error), all others */
        b       end
        nop
        .balign 128
        b       end
        nop
        .balign 128
        .endr

        .section .bss
        .balign 16
        .space  65536
stack_top:
        .space  16
        .section .note.GNU-stack, "", @progbits
