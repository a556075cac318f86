/* SPDX-License-Identifier: MIT */
/*
 * Slow events: what leaves the straight run of instructions. Each program here repeats one of them; the machine's slow.c and slow.S make it happen.
 *
 * Translation is on while they run: the program lies one to one, and SLOW_PAGES small pages at SLOW_BASE show slow_memory, in context 1 in another order. Check values are
 * counts and sums that follow from the program's text, so that an event that is skipped or taken twice is seen.
 */
#ifndef SLOW_H
#define SLOW_H

#include "bench.h"
#include "pace.h"

#ifndef SLOW_SHARE
#define SLOW_SHARE 1 /* only so much of the pace, for tests */
#endif

enum { SLOW_PAGES = 256, SLOW_PAGE_WORDS = 1024, SLOW_CONTEXTS = 2, SLOW_STACK_WORDS = 4096 };
#define SLOW_BASE 0x50000000u
#define SLOW_WINDOW ((volatile uint32_t(*)[SLOW_PAGE_WORDS])SLOW_BASE)

/* One of two that take turns; where it stands is the machine's to know. */
struct slow_thread {
    uintptr_t stack, pc;
};

extern uint32_t slow_memory[SLOW_PAGES][SLOW_PAGE_WORDS];
extern volatile uint32_t slow_faults; /* page faults that the handler has met */

/* Page of slow_memory that a context sees as `page` of the window. */
static inline uint32_t slow_page(uint32_t context, uint32_t page)
{
    return (page + context * (SLOW_PAGES / 2)) % SLOW_PAGES;
}

void slow_begin(void);                  /* handlers and translation; before anything else here */
uint32_t slow_trap(uint32_t x);         /* x + 1, which the handler of a trap instruction computes */
uint32_t slow_code(uint32_t value);     /* value below 4096, from an instruction that was written for it */
uint32_t slow_device_read(void);        /* the last byte written */
void slow_device_write(uint32_t value); /* into a register that does nothing */
void slow_tlb_empty(void);              /* the next access to any page of the window misses */
void slow_forbid(uint32_t page);        /* the next access in context 0 faults; the handler allows it again */
void slow_thread_make(struct slow_thread *thread, uint32_t *stack, void (*run)(void)); /* stack: SLOW_STACK_WORDS; run does not return */
void slow_switch(struct slow_thread *from, struct slow_thread *to, uint32_t context);

#endif
