/* SPDX-License-Identifier: MIT */
/*
 * Exception handlers and the switch of threads on a Malta. Handlers have $26 and $27 to themselves.
 *
 * Source: MIPS32 Architecture For Programmers, volume III, 5.2 (vectors), 4.4 (TLB), 8.8 (Context: bits 22 to 4 are the missed pair's number), 8.23 (Cause).
 */
        .equ    WINDOW, 0x50000000
        .equ    DIRTY, 4
        .equ    MODIFIED, 1 << 2
        .equ    SYSCALL, 8 << 2

        .set    noreorder
        .set    noat
        .section .text.slow, "ax"
        .global slow_vectors, slow_context, slow_trap, slow_switch

/* $26 = address of the pair of words in slow_entries for the pair of pages that EntryHi names, in its ASID's context */
        .macro  pair_find
        mfc0    $26, $10
        srl     $27, $26, 13
        andi    $27, $27, 127
        sll     $27, $27, 3
        andi    $26, $26, 255
        sll     $26, $26, 10
        addu    $27, $27, $26
        lui     $26, %hi(slow_entries - 1024)
        addiu   $26, $26, %lo(slow_entries - 1024)
        addu    $26, $26, $27
        .endm

        .balign 4096
slow_vectors:                           /* a page of the window is not in the TLB */
        pair_find
        lw      $27, 0($26)
        mtc0    $27, $2
        lw      $27, 4($26)
        mtc0    $27, $3
        ehb
        tlbwr
        eret

        .org    slow_vectors + 0x180
        mfc0    $26, $13
        andi    $26, $26, 0x7c
        addiu   $27, $26, -SYSCALL
        bnez    $27, 1f
        addiu   $27, $26, -MODIFIED
        mfc0    $26, $14                /* a system call: x + 1, behind it */
        addiu   $26, $26, 4
        mtc0    $26, $14
        addiu   $2, $4, 1
        ehb
        eret
1:      bnez    $27, strange
        nop
        pair_find                       /* a page that is forbidden: allow it, in the table and in the entry */
        mfc0    $27, $8
        srl     $27, $27, 10
        andi    $27, $27, 4
        addu    $26, $26, $27
        lw      $27, 0($26)
        ori     $27, $27, DIRTY
        sw      $27, 0($26)
        srl     $26, $26, 3
        sll     $26, $26, 3
        lw      $27, 0($26)
        mtc0    $27, $2
        lw      $27, 4($26)
        mtc0    $27, $3
        tlbp
        lui     $26, %hi(slow_faults)
        lw      $27, %lo(slow_faults)($26)
        addiu   $27, $27, 1
        sw      $27, %lo(slow_faults)($26)
        tlbwi
        ehb
        eret

strange:                                /* a reset: the end, without a check value */
        lui     $26, 0xbf00
        li      $27, 0x42
        sw      $27, 0x500($26)
        b       .
        nop

slow_context:
        addiu   $4, $4, 1
        mtc0    $4, $10
        jr      $31
        ehb

slow_trap:
        syscall
        jr      $31
        nop

/* $4, $5: where the stack of this thread and of the other one is kept; $6: the context */
slow_switch:
        addiu   $29, $29, -48
        sw      $16, 0($29)
        sw      $17, 4($29)
        sw      $18, 8($29)
        sw      $19, 12($29)
        sw      $20, 16($29)
        sw      $21, 20($29)
        sw      $22, 24($29)
        sw      $23, 28($29)
        sw      $30, 32($29)
        sw      $28, 36($29)
        sw      $31, 44($29)
        sw      $29, 0($4)
        lw      $29, 0($5)
        addiu   $6, $6, 1
        mtc0    $6, $10
        ehb
        lw      $16, 0($29)
        lw      $17, 4($29)
        lw      $18, 8($29)
        lw      $19, 12($29)
        lw      $20, 16($29)
        lw      $21, 20($29)
        lw      $22, 24($29)
        lw      $23, 28($29)
        lw      $30, 32($29)
        lw      $28, 36($29)
        lw      $31, 44($29)
        jr      $31
        addiu   $29, $29, 48
        .section .note.GNU-stack, "", @progbits
