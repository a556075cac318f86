/* SPDX-License-Identifier: MIT */
/*
 * Slow events of a LEON3: SRMMU tables, two entries of the trap table, a register of the timer unit.
 *
 * Source: SPARC V8 appendix H (tables, entries, flush); GRLIB IP Core User's Manual, LEON3 (ASI 0x18, 0x19) and GPTIMER (the reload value of a timer that is off does nothing).
 */
#include "slow.h"

enum { MMU_CONTROL = 0, MMU_TABLE = 0x100, MMU_CONTEXT = 0x200, FLUSH_PAGE = 0, FLUSH_ALL = 0x400 };
enum { TABLE = 1, ENTRY = 0x9e, ENTRY_DEVICE = 0x1e, FAULT_VECTOR = 0x09, TRAP_VECTOR = 0x90 };
#define RAM 0x40000000u
#define DEVICES 0x80000000u
#define RELOAD ((volatile uint32_t *)0x80000324u)

uint32_t slow_memory[SLOW_PAGES][SLOW_PAGE_WORDS] __attribute__((aligned(4096)));
volatile uint32_t slow_faults;
uint32_t slow_entries[SLOW_CONTEXTS][SLOW_PAGES] __attribute__((aligned(1024)));
static uint32_t middle[SLOW_CONTEXTS][64] __attribute__((aligned(256)));
static uint32_t top[SLOW_CONTEXTS][256] __attribute__((aligned(1024)));
static uint32_t contexts[256] __attribute__((aligned(1024)));
static volatile uint32_t code[2] __attribute__((aligned(8)));
extern uint32_t start[];
void slow_data_fault(void);
void slow_trap_taken(void);

static void mmu_set(uint32_t reg, uint32_t value)
{
    __asm__ volatile("sta %0, [%1] 0x19" : : "r"(value), "r"(reg) : "memory");
}

static void mmu_flush(uint32_t what)
{
    __asm__ volatile("sta %%g0, [%0] 0x18" : : "r"(what) : "memory");
}

static void made_code(volatile uint32_t *word)
{
    __asm__ volatile("flush %0" : : "r"(word) : "memory");
}

/* sethi %hi(handler), %l4; jmp %l4 + %lo(handler); nop */
static void vector_set(uint32_t vector, void (*handler)(void))
{
    volatile uint32_t *at = start + 4 * vector;
    at[0] = 0x29000000u | (uintptr_t)handler >> 10;
    at[1] = 0x81c52000u | ((uintptr_t)handler & 0x3ff);
    at[2] = 0x01000000u;
    made_code(at);
    made_code(at + 2);
}

void slow_begin(void)
{
    vector_set(FAULT_VECTOR, slow_data_fault);
    vector_set(TRAP_VECTOR, slow_trap_taken);
    for (uint32_t c = 0; c < SLOW_CONTEXTS; c++) {
        for (uint32_t page = 0; page < SLOW_PAGES; page++)
            slow_entries[c][page] = (uintptr_t)slow_memory[slow_page(c, page)] >> 4 | ENTRY;
        for (uint32_t i = 0; i < SLOW_PAGES / 64; i++)
            middle[c][i] = (uintptr_t)&slow_entries[c][64 * i] >> 4 | TABLE;
        top[c][SLOW_BASE >> 24] = (uintptr_t)middle[c] >> 4 | TABLE;
        for (uint32_t i = 0; i < 16; i++)
            top[c][(RAM >> 24) + i] = (RAM + (i << 24)) >> 4 | ENTRY;
        top[c][DEVICES >> 24] = DEVICES >> 4 | ENTRY_DEVICE;
        contexts[c] = (uintptr_t)top[c] >> 4 | TABLE;
    }
    mmu_set(MMU_TABLE, (uintptr_t)contexts >> 4);
    mmu_set(MMU_CONTEXT, 0);
    mmu_flush(FLUSH_ALL);
    mmu_set(MMU_CONTROL, 1);
}

uint32_t slow_code(uint32_t value)
{
    code[0] = 0x81c3e008u;         /* retl */
    code[1] = 0x90102000u | value; /* mov value, %o0 */
    made_code(code);
    return ((uint32_t(*)(void))(uintptr_t)code)();
}

uint32_t slow_device_read(void)
{
    return *RELOAD;
}

void slow_device_write(uint32_t value)
{
    *RELOAD = value;
}

void slow_tlb_empty(void)
{
    mmu_flush(FLUSH_ALL);
}

void slow_forbid(uint32_t page)
{
    slow_entries[0][page] = 0;
    mmu_flush((SLOW_BASE + (page << 12)) | FLUSH_PAGE);
}

/* The first window comes from the stack, as slow_switch leaves it. */
void slow_thread_make(struct slow_thread *thread, uint32_t *stack, void (*run)(void))
{
    uint32_t *frame = stack + SLOW_STACK_WORDS - 32;
    for (int i = 0; i < 32; i++)
        frame[i] = 0;
    thread->stack = (uintptr_t)frame & ~7u;
    thread->pc = (uintptr_t)run - 8;
}
