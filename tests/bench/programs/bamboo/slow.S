/* SPDX-License-Identifier: MIT */
/*
 * Interrupt handlers and the switch of threads on a Bamboo. Handlers keep three registers and CR in SPRG0-3; they lie beside start.S, whose IVPR holds the upper half of their addresses.
 *
 * Source: PPC440x6 Embedded Processor Core User's Manual 5 (TLB), 6.5 (data storage, system call, data TLB error).
 */
        .equ    SPRG0, 272
        .equ    SPRG1, 273
        .equ    SPRG2, 274
        .equ    SPRG3, 275
        .equ    PID, 48
        .equ    DEAR, 61
        .equ    MMUCR, 946
        .equ    IVOR_DATA_STORAGE, 402
        .equ    IVOR_SYSTEM_CALL, 408
        .equ    IVOR_DATA_TLB, 413
        .equ    VALID_4K, 0x210
        .equ    READ_WRITE, 3

        .section .text.start, "ax"
        .global slow_trap, slow_vectors, slow_context, slow_switch

slow_vectors:
        li      3, data_storage@l
        mtspr   IVOR_DATA_STORAGE, 3
        li      3, system_call@l
        mtspr   IVOR_SYSTEM_CALL, 3
        li      3, data_tlb@l
        mtspr   IVOR_DATA_TLB, 3
        isync
        blr

slow_context:
        addi    3, 3, 1
        mtspr   PID, 3
        isync
        blr

slow_trap:
        sc
        blr

        .balign 16
system_call:
        addi    3, 3, 1
        rfi

/* r12 = address of the word in slow_entries for the address in DEAR, in the present context; MMUCR names its PID */
        .macro  handler_begin
        mtspr   SPRG0, 10
        mtspr   SPRG1, 11
        mtspr   SPRG2, 12
        mfcr    10
        mtspr   SPRG3, 10
        mfspr   11, DEAR
        subis   11, 11, 0x5000
        srwi    11, 11, 12
        cmplwi  11, 256
        bge     strange
        mfspr   12, PID
        mtspr   MMUCR, 12
        addi    12, 12, -1
        slwi    12, 12, 10
        slwi    11, 11, 2
        add     12, 12, 11
        addis   12, 12, slow_entries@ha
        addi    12, 12, slow_entries@l
        .endm

        .macro  handler_end
        mfspr   10, SPRG3
        mtcrf   0xff, 10
        mfspr   12, SPRG2
        mfspr   11, SPRG1
        mfspr   10, SPRG0
        rfi
        .endm

/* Fill the next entry in turn, 2 to 63. */
        .balign 16
data_tlb:
        handler_begin
        lwz     11, 0(12)
        lis     12, slow_victim@ha
        lwz     10, slow_victim@l(12)
        addi    10, 10, 1
        cmplwi  10, 64
        blt     1f
        li      10, 2
1:      stw     10, slow_victim@l(12)
        rlwinm  12, 11, 0, 0, 19
        tlbwe   12, 10, 1
        rlwinm  12, 11, 0, 26, 31
        tlbwe   12, 10, 2
        mfspr   12, DEAR
        rlwinm  12, 12, 0, 0, 19
        ori     12, 12, VALID_4K
        tlbwe   12, 10, 0
        handler_end

/* The page is known but forbidden: allow it, in the table and in the entry that was found. */
        .balign 16
data_storage:
        handler_begin
        lwz     11, 0(12)
        ori     11, 11, READ_WRITE
        stw     11, 0(12)
        mfspr   12, DEAR
        tlbsx.  10, 0, 12
        bne     strange
        li      11, READ_WRITE
        tlbwe   11, 10, 2
        lis     12, slow_faults@ha
        lwz     11, slow_faults@l(12)
        addi    11, 11, 1
        stw     11, slow_faults@l(12)
        handler_end

strange:
        lis     3, 0x3000               /* a reset: the end, without a check value */
        mtspr   308, 3
        b       .

/* r3, r4: where the stack of this thread and of the other one is kept; r5: the context */
        .text
slow_switch:
        mflr    0
        stwu    1, -96(1)
        stw     0, 100(1)
        stmw    13, 16(1)
        mfcr    0
        stw     0, 12(1)
        stw     1, 0(3)
        lwz     1, 0(4)
        addi    5, 5, 1
        mtspr   PID, 5
        isync
        lwz     0, 12(1)
        mtcrf   0xff, 0
        lmw     13, 16(1)
        lwz     0, 100(1)
        mtlr    0
        addi    1, 1, 96
        blr
        .section .note.GNU-stack, "", @progbits
