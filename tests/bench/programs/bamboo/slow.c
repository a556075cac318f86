/* SPDX-License-Identifier: MIT */
/*
 * Slow events of a Bamboo: TLB entries by software, interrupt vectors, the scratch register of the UART.
 *
 * Firmware maps everything one to one in entries of its own choice. Entry 0, which holds this program, is kept at 256 MiB; entry 1 becomes the devices; the rest are the
 * handler's, which fills them from slow_entries. A context is a PID: 1 and 2, for 0 matches always.
 *
 * Source: PPC440x6 Embedded Processor Core User's Manual, 5 (TLB entries, tlbwe), 6.4 (IVOR), 4.3 (making written code visible); PC16550D data sheet (SCR).
 */
#include "slow.h"

enum { VALID = 0x200, SIZE_256M = 9 << 4, READ = 1, WRITE = 2, EXECUTE = 4, GUARDED_UNCACHED = 0x500, ENTRIES = 64 };
#define DEVICES 0xe0000000u
#define SCRATCH ((volatile uint8_t *)0xef600307u)

uint32_t slow_memory[SLOW_PAGES][SLOW_PAGE_WORDS] __attribute__((aligned(4096)));
volatile uint32_t slow_faults;
uint32_t slow_entries[SLOW_CONTEXTS][SLOW_PAGES]; /* real page and rights */
uint32_t slow_victim;                             /* the entry that the handler filled last */
static volatile uint32_t code[2] __attribute__((aligned(32)));
void slow_vectors(void);
void slow_context(uint32_t context);

#define TLB_WRITE(entry, word, value) __asm__ volatile("tlbwe %0, %1, " #word : : "r"(value), "r"(entry) : "memory")

void slow_begin(void)
{
    for (uint32_t c = 0; c < SLOW_CONTEXTS; c++)
        for (uint32_t page = 0; page < SLOW_PAGES; page++)
            slow_entries[c][page] = (uintptr_t)slow_memory[slow_page(c, page)] | READ | WRITE;
    slow_victim = 1;
    __asm__ volatile("mtspr 946, %0" : : "r"(0)); /* MMUCR: entries of every PID */
    TLB_WRITE(0, 0, VALID | SIZE_256M);
    for (uint32_t i = 1; i < ENTRIES; i++)
        TLB_WRITE(i, 0, 0);
    TLB_WRITE(1, 1, DEVICES);
    TLB_WRITE(1, 2, GUARDED_UNCACHED | READ | WRITE);
    TLB_WRITE(1, 0, DEVICES | VALID | SIZE_256M);
    __asm__ volatile("isync" : : : "memory");
    slow_vectors();
    slow_context(0);
}

uint32_t slow_code(uint32_t value)
{
    code[0] = 0x38600000u | value; /* li 3, value */
    code[1] = 0x4e800020u;         /* blr */
    __asm__ volatile("dcbst 0, %0\n\tsync\n\ticbi 0, %0\n\tsync\n\tisync" : : "r"(code) : "memory");
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

/* The handler fills entries in turn: pages touched in order are never there when their turn comes again. */
void slow_tlb_empty(void)
{
}

void slow_forbid(uint32_t page)
{
    uint32_t entry, found;
    slow_entries[0][page] &= ~(uint32_t)(READ | WRITE);
    __asm__ volatile("mfspr %0, 48\n\tmtspr 946, %0\n\ttlbsx. %0, 0, %2\n\tmfcr %1" : "=&r"(entry), "=r"(found) : "r"(SLOW_BASE + (page << 12)) : "cr0");
    if (found & 1u << 29)
        TLB_WRITE(entry, 0, 0);
    __asm__ volatile("isync" : : : "memory");
}

/* As slow_switch leaves a stack: its frame is 96 bytes, the return address in the frame above. */
void slow_thread_make(struct slow_thread *thread, uint32_t *stack, void (*run)(void))
{
    uint32_t *frame = (uint32_t *)((uintptr_t)(stack + SLOW_STACK_WORDS - 64) & ~15u);
    for (int i = 0; i < 32; i++)
        frame[i] = 0;
    frame[25] = (uintptr_t)run;
    thread->stack = (uintptr_t)frame;
    thread->pc = 0;
}
