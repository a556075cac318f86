/* SPDX-License-Identifier: MIT */
/*
 * Bare Bamboo: stack, floating point on, then bench_main; the end is a system reset asked for in DBCR0, which an emulator
 * that is not to start again takes for the end (ours always, QEMU with -no-reboot).
 *
 * Firmware hands over in supervisor mode, interrupts off, all memory mapped one to one. Nothing here takes an interrupt:
 * one that comes all the same ends in the vector of `bad`, whose reset comes before any " ok ".
 *
 * Source: PPC440x6 Embedded Processor Core User's Manual 2.8.5 (MSR), 8.3 (DBCR0), 6.4 (IVPR, IVOR).
 */
        .equ    MSR_FP, 0x2000
        .equ    MSR_ME, 0x1000
        .equ    DBCR0, 308
        .equ    DBCR0_RESET_SYSTEM, 0x30000000
        .equ    IVPR, 63
        .equ    IVOR0, 400

        .section .text.start, "ax"
        .global entry
entry:
        lis     1, stack_top@ha
        addi    1, 1, stack_top@l
        li      0, 0
        stwu    0, -16(1)               /* the end of the chain of frames */
        lis     3, bad@h
        mtspr   IVPR, 3
        li      3, bad@l
        .irp    n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
        mtspr   IVOR0 + \n, 3
        .endr
        li      3, MSR_FP | MSR_ME
        mtmsr   3
        isync
        bl      bench_main
end:    lis     3, DBCR0_RESET_SYSTEM@h
        mtspr   DBCR0, 3
        isync
stay:   b       stay

        .balign 16                      /* as IVOR wants it */
bad:    b       end

        .section .bss
        .balign 16
        .space  65536
stack_top:
        .space  16
        .section .note.GNU-stack, "", @progbits
