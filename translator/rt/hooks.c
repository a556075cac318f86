/* SPDX-License-Identifier: MIT */
/*
 * Hooks, and guest-virtual memory as a debugger sees it.
 *
 * Nothing is checked where no hook is. A hooked instruction is in no block: blocks end before it (rt/translate.c), so that the run loop meets it and can stop. A page with hooked
 * data has no soft TLB entry and no linear stretch, so that every access to it comes to rt/mem.c; there a hooked access is treated like a device: it is the last of its block, and
 * the run loop stops right behind it.
 */
#include "rt/cpu.h"
#include <string.h>

enum { ON_MEMORY = XL_ON_READ | XL_ON_WRITE, ON_DEVICE = XL_ON_DEVICE_READ | XL_ON_DEVICE_WRITE };

static int hook_of(const struct xl_vm *vm, uint32_t on, uint64_t first, uint64_t bytes)
{
    for (int i = 0; i < XL_HOOKS_MAX; i++) {
        const struct xl_hook *h = &vm->hook[i];
        if (h->on & on && h->first <= first + bytes - 1 && first <= h->last)
            return i;
    }
    return -1;
}

bool xl_hook_find(const struct xl_vm *vm, uint32_t on, uint64_t first, uint64_t bytes)
{
    return hook_of(vm, on, first, bytes) >= 0;
}

/* Keep a hit and have the run loop stop at the next instruction boundary. */
void xl_hook_note(struct xl_cpu *cpu, uint32_t on, uint64_t address, unsigned size, uint64_t value)
{
    struct xl_vm *vm = cpu->vm;
    int hook = hook_of(vm, on, address, size);

    if (hook >= 0 && vm->hits < XL_HITS_MAX)
        vm->hit[vm->hits++] = (struct xl_hit){(uint32_t)hook + 1, on, address, value, size, cpu->env.pc};
    xl_attention(cpu);
}

/* At a hooked instruction: true the first time, false when the user was told and goes on with it. */
bool xl_hook_stops(struct xl_cpu *cpu)
{
    struct xl_vm *vm = cpu->vm;
    uint64_t now = xl_insns_now(vm);

    if (vm->told && vm->told_pc == cpu->env.pc && vm->told_insns == now)
        return false;
    vm->told = true;
    vm->told_pc = cpu->env.pc;
    vm->told_insns = now;
    xl_hook_note(cpu, XL_ON_CODE, cpu->env.pc, 1, 0);
    return true;
}

/* Drop the blocks that hold an instruction of the range or end right before it: without the hook they are longer. */
static void code_drop(struct xl_vm *vm, uint64_t first, uint64_t last)
{
    for (uint32_t n = 1; n <= vm->blocks; n++) {
        const struct xl_block *b = &vm->block[n];
        uint64_t start = (b->pc & ~XL_PAGE_MASK) + b->first;
        if (b->live && start <= last && first <= start + b->bytes)
            xl_block_drop(vm->cpu, n);
    }
}

static void hooks_changed(struct xl_vm *vm, const struct xl_hook *h)
{
    vm->hooks_on = 0;
    for (int i = 0; i < XL_HOOKS_MAX; i++)
        vm->hooks_on |= vm->hook[i].on;
    if (h->on & XL_ON_CODE)
        code_drop(vm, h->first, h->last);
    else
        xl_tlb_flush(vm->cpu, -1);
}

unsigned xl_hook_add(struct xl_vm *vm, uint32_t on, uint64_t first, uint64_t last)
{
    bool one_kind = on == XL_ON_CODE || (on && !(on & ~(uint32_t)ON_MEMORY)) || (on && !(on & ~(uint32_t)ON_DEVICE));
    unsigned i = 0;

    while (i < XL_HOOKS_MAX && vm->hook[i].on)
        i++;
    if (!one_kind || first > last || (!(on & ON_DEVICE) && last > UINT32_MAX) || i == XL_HOOKS_MAX)
        return 0;
    vm->hook[i] = (struct xl_hook){on, first, last};
    hooks_changed(vm, &vm->hook[i]);
    return i + 1;
}

enum xl_status xl_hook_remove(struct xl_vm *vm, unsigned hook)
{
    if (!hook || hook > XL_HOOKS_MAX || !vm->hook[hook - 1].on)
        return XL_BAD_ARG;
    struct xl_hook old = vm->hook[hook - 1];
    vm->hook[hook - 1].on = 0;
    hooks_changed(vm, &old);
    return XL_OK;
}

unsigned xl_hits(struct xl_vm *vm, struct xl_hit *out, unsigned room)
{
    unsigned count = vm->hits < room ? vm->hits : room;

    memcpy(out, vm->hit, count * sizeof *out);
    return count;
}

/* Through the translation that instructions have, else through another: guests with separate spaces have both. */
enum xl_status xl_physical(struct xl_vm *vm, uint32_t va, uint64_t *pa)
{
    const struct xl_guest *guest = vm->machine->guest;
    unsigned fetch = guest->fetch_mmu(vm->cpu->env.mode);
    struct mmu_walk walk = {0};

    for (unsigned i = 0; i < guest->mmu_count; i++)
        if (guest->walk(vm->cpu, (gva_t){va}, MMU_LOOK, (fetch + i) % guest->mmu_count, &walk)) {
            *pa = walk.page.v + (va & XL_PAGE_MASK);
            return XL_OK;
        }
    return XL_NOT_THERE;
}

/* Go through the pieces that lie in one page each; false when a page is not there. */
enum piece { PIECE_TEST, PIECE_READ, PIECE_WRITE };
static bool pieces(struct xl_vm *vm, uint32_t va, uint8_t *bytes, uint64_t count, enum piece what)
{
    while (count) {
        uint64_t pa, room = XL_PAGE_BYTES - (va & XL_PAGE_MASK), n = count < room ? count : room;
        uint8_t *ram = xl_physical(vm, va, &pa) == XL_OK ? xl_ram_at(vm, pa, n) : NULL;
        if (!ram)
            return false;
        if (what == PIECE_READ)
            memcpy(bytes, ram, n);
        if (what == PIECE_WRITE)
            xl_write(vm, pa, bytes, n);
        bytes += n;
        va += (uint32_t)n;
        count -= n;
    }
    return true;
}

enum xl_status xl_read_virtual(struct xl_vm *vm, uint32_t va, void *bytes, uint64_t count)
{
    return count <= UINT32_MAX && pieces(vm, va, bytes, count, PIECE_READ) ? XL_OK : XL_NOT_THERE;
}

enum xl_status xl_write_virtual(struct xl_vm *vm, uint32_t va, const void *bytes, uint64_t count)
{
    uint8_t *from = (uint8_t *)(uintptr_t)bytes;

    if (count > UINT32_MAX || !pieces(vm, va, from, count, PIECE_TEST))
        return XL_NOT_THERE;
    pieces(vm, va, from, count, PIECE_WRITE);
    xl_tlb_flush(vm->cpu, -1); /* it may have been a page table */
    return XL_OK;
}
