/* SPDX-License-Identifier: MIT */
/*
 * Slow events of a Malta: the TLB, exception vectors, the scratch register of the UART.
 *
 * The program lies in kseg0, which no TLB entry decides about; pages of the window are pairs in the TLB, which the handlers fill from slow_entries at random places. A context is
 * an ASID. A page that is forbidden is one that is not dirty: the store into it is an exception of its own.
 *
 * Source: MIPS32 Architecture For Programmers, volume III, 4.4 (TLB), 5.10 (exceptions of the TLB), 8.28 (EBase); volume II, CACHE, SYNCI; PC16550D data sheet (SCR).
 */
#include "slow.h"

enum { DIRTY = 4, VALID = 2, PFN_SHIFT = 6, ENTRIES = 16, PAIR_BYTES = 0x2000, NOWHERE = 0x80000000 };
#define SCRATCH ((volatile uint8_t *)0xb80003ffu)

uint32_t slow_memory[SLOW_PAGES][SLOW_PAGE_WORDS] __attribute__((aligned(4096)));
volatile uint32_t slow_faults;
uint32_t slow_entries[SLOW_CONTEXTS][SLOW_PAGES]; /* EntryLo */
static volatile uint32_t code[2] __attribute__((aligned(32)));
extern char slow_vectors[];
void slow_context(uint32_t context);

#define CP0_WRITE(number, select, value) __asm__ volatile("mtc0 %0, $" #number ", " #select : : "r"(value) : "memory")
#define CP0_READ(number, value) __asm__ volatile("mfc0 %0, $" #number : "=r"(value) : : "memory")

static void entry_clear(uint32_t entry)
{
    CP0_WRITE(0, 0, entry);
    CP0_WRITE(10, 0, NOWHERE + entry * PAIR_BYTES);
    CP0_WRITE(2, 0, 0);
    CP0_WRITE(3, 0, 0);
    __asm__ volatile("ehb\n\ttlbwi\n\tehb" : : : "memory");
}

void slow_begin(void)
{
    for (uint32_t c = 0; c < SLOW_CONTEXTS; c++)
        for (uint32_t page = 0; page < SLOW_PAGES; page++)
            slow_entries[c][page] = ((uintptr_t)slow_memory[slow_page(c, page)] & 0x1fffffff) >> PFN_SHIFT | DIRTY | VALID;
    CP0_WRITE(5, 0, 0); /* PageMask: 4 KiB */
    CP0_WRITE(6, 0, 0); /* Wired */
    for (uint32_t i = 0; i < ENTRIES; i++)
        entry_clear(i);
    CP0_WRITE(15, 1, slow_vectors);
    __asm__ volatile("ehb" : : : "memory");
    slow_context(0);
}

uint32_t slow_code(uint32_t value)
{
    code[0] = 0x03e00008u;         /* jr $31 */
    code[1] = 0x24020000u | value; /* addiu $2, $0, value */
    __asm__ volatile("synci 0(%0)\n\tsync\n\tehb" : : "r"(code) : "memory");
    return ((uint32_t(*)(void))(uintptr_t)code)();
}

uint32_t slow_device_read(void)
{
    return *SCRATCH;
}

void slow_device_write(uint32_t value)
{
    *SCRATCH = (uint8_t)value;
}

/* Pages touched in order are not there when their turn comes again, unless chance has spared one of 16 entries: it must not. */
void slow_tlb_empty(void)
{
    uint32_t asid;
    CP0_READ(10, asid);
    for (uint32_t i = 0; i < ENTRIES; i++)
        entry_clear(i);
    CP0_WRITE(10, 0, asid & 0xff);
}

void slow_forbid(uint32_t page)
{
    uint32_t asid, found, pair = SLOW_BASE + (page & ~1u) * 4096;
    slow_entries[0][page] &= ~(uint32_t)DIRTY;
    CP0_READ(10, asid);
    CP0_WRITE(10, 0, pair | (asid & 0xff));
    __asm__ volatile("ehb\n\ttlbp\n\tehb" : : : "memory");
    CP0_READ(0, found);
    if (!(found >> 31)) {
        CP0_WRITE(2, 0, slow_entries[0][page & ~1u]);
        CP0_WRITE(3, 0, slow_entries[0][page | 1]);
        __asm__ volatile("ehb\n\ttlbwi" : : : "memory");
    }
    CP0_WRITE(10, 0, asid & 0xff);
    __asm__ volatile("ehb" : : : "memory");
}

/* As slow_switch leaves a stack: its frame is 48 bytes, the return address is in its last word. */
void slow_thread_make(struct slow_thread *thread, uint32_t *stack, void (*run)(void))
{
    uint32_t *frame = (uint32_t *)((uintptr_t)(stack + SLOW_STACK_WORDS - 64) & ~15u);
    for (int i = 0; i < 12; i++)
        frame[i] = 0;
    frame[11] = (uintptr_t)run;
    thread->stack = (uintptr_t)frame;
    thread->pc = 0;
}
