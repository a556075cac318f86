/* SPDX-License-Identifier: MIT */
/*
 * Chaos: what a guest must never notice, done at random between slices; and where a difference between two engines came from.
 *
 * The slice's length, the choice of what is thrown away and when all come from one generator, so that a seed names a run. Before each region everything is unmapped (run.c): TLB, linear
 * stretches, windows. Source of the generator: S. Vigna, splitmix64.
 */
#include "rt/cpu.h"

enum { TLB_OF = 8, BLOCK_OF = 4, CODE_OF = 4096, SHORT = 64 }; /* one slice of so many; of slices shorter than SHORT one of more, so that instructions are run too */

static uint64_t draw(struct xl_vm *vm)
{
    uint64_t z = vm->chaos += 0x9e3779b97f4a7c15ull;

    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

void xl_chaos(struct xl_vm *vm, uint64_t seed, uint32_t slice_max)
{
    vm->chaos = seed;
    vm->chaos_slice_max = slice_max;
    xl_block_flush(vm->cpu); /* chained jumps may go to regions */
}

/* Before a slice of at most `wanted` instructions: throw something away, perhaps, and return how long it shall be. */
uint64_t xl_chaos_slice(struct xl_vm *vm, uint64_t wanted)
{
    uint64_t what = draw(vm), slice = 1 + draw(vm) % vm->chaos_slice_max;
    uint64_t rarer = vm->chaos_slice_max < SHORT ? SHORT / vm->chaos_slice_max : 1;

    if (what % (TLB_OF * rarer) == 0)
        xl_tlb_flush(vm->cpu, -1);
    if ((what >> 20) % (BLOCK_OF * rarer) == 0 && vm->blocks)
        xl_block_drop(vm->cpu, 1 + (uint32_t)(draw(vm) % vm->blocks));
    if ((what >> 40) % (CODE_OF * rarer) == 0)
        xl_block_flush(vm->cpu);
    return slice < wanted ? slice : wanted;
}

uint32_t xl_block_start(struct xl_vm *vm, uint32_t pc)
{
    const struct xl_block *best = NULL;

    for (uint32_t n = 1; n <= vm->blocks; n++) {
        const struct xl_block *b = &vm->block[n];
        uint32_t start = (b->pc & ~XL_PAGE_MASK) + b->first;
        bool holds = b->live && b->mode == vm->cpu->env.mode && pc >= start && pc - start < b->bytes;
        if (holds && (!best || b->bytes > best->bytes))
            best = b;
    }
    return best ? best->pc : pc;
}
