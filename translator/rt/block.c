/* SPDX-License-Identifier: MIT */
/*
 * The block cache: which blocks exist, how they are found, chained, dropped.
 *
 * A block is known by (pc, mode, physical page): the same page under another address is another block, the same address over another page too. The code
 * cache is one bump-allocated range used as two halves: when one half is full the blocks in the other are dropped and it is filled next, so a full cache costs
 * half of the translations, never all. Chained jumps stay inside one guest page, where no change of mapping can come between; all else goes through the
 * jump cache, which every TLB flush empties.
 */
#include "rt/cpu.h"
#include <string.h>

static uint32_t hash_of(uint32_t pc, uint32_t mode, uint64_t page_pa)
{
    uint32_t h = (pc >> 2) ^ (uint32_t)(page_pa >> 7) ^ mode * 0x9e3779b1u;

    return (h ^ h >> 14) & (XL_HASH_ENTRIES - 1);
}

uint32_t xl_block_find(struct xl_cpu *cpu, uint32_t pc, uint32_t npc, uint32_t mode, uint64_t page_pa)
{
    struct xl_vm *vm = cpu->vm;

    for (uint32_t n = vm->hash[hash_of(pc, mode, page_pa)]; n; n = vm->block[n].next_hash) {
        const struct xl_block *b = &vm->block[n];
        if (b->pc == pc && b->npc == npc && b->mode == mode && b->page_pa == page_pa)
            return n;
    }
    return 0;
}

static uint64_t granules(unsigned first, unsigned last)
{
    unsigned low = first >> XL_GRANULE_BITS, high = last >> XL_GRANULE_BITS;

    return (UINT64_MAX >> (63 - (high - low))) << low;
}

static void page_marks_update(struct xl_vm *vm, uint64_t page)
{
    uint64_t marks = 0;

    for (uint32_t n = vm->page_blocks[page]; n; n = vm->block[n].next_page) {
        unsigned first = vm->block[n].first;
        marks |= granules(first, first + vm->block[n].bytes - 1u);
    }
    vm->code_granules[page] = marks;
}

static void list_remove(struct xl_vm *vm, uint32_t *head, uint32_t number, bool by_page)
{
    for (uint32_t *at = head; *at;) {
        struct xl_block *b = &vm->block[*at];
        uint32_t *next = by_page ? &b->next_page : &b->next_hash;
        if (*at == number) {
            *at = *next;
            return;
        }
        at = next;
    }
}

static struct xl_exit *exit_of(struct xl_vm *vm, uint32_t exit_number)
{
    uint32_t i = exit_number - 1;

    return &vm->block[i / XL_BLOCK_EXITS].exit[i % XL_BLOCK_EXITS];
}

static void unchain(struct xl_vm *vm, struct xl_exit *e, uint32_t exit_number)
{
    if (!e->target)
        return;
    for (uint32_t *at = &vm->block[e->target].from; *at; at = &exit_of(vm, *at)->next_from)
        if (*at == exit_number) {
            *at = e->next_from;
            break;
        }
    e->target = 0;
}

void xl_block_drop(struct xl_cpu *cpu, uint32_t number)
{
    struct xl_vm *vm = cpu->vm;
    struct xl_block *b = &vm->block[number];

    if (!b->live)
        return;
    while (b->from) {
        uint32_t from = b->from;
        struct xl_exit *e = exit_of(vm, from);
        emit_patch_jump(vm, e->jump_offset, e->cold_offset);
        unchain(vm, e, from);
    }
    for (unsigned i = 0; i < b->exits; i++)
        unchain(vm, &b->exit[i], number * XL_BLOCK_EXITS + i + 1);
    uint64_t page = xl_ram_page(vm, b->page_pa);
    list_remove(vm, &vm->hash[hash_of(b->pc, b->mode, b->page_pa)], number, false);
    list_remove(vm, &vm->page_blocks[page], number, true);
    page_marks_update(vm, page);
    struct xl_jump_entry *j = &cpu->jump[xl_jump_index(b->pc)];
    if (j->code == vm->port.code_rx + b->code_offset)
        xl_jump_drop(j);
    b->live = false;
    b->next_hash = vm->free_block;
    vm->free_block = number;
}

void xl_block_drop_range(struct xl_cpu *cpu, uint64_t page_pa, unsigned first, unsigned last)
{
    struct xl_vm *vm = cpu->vm;
    uint64_t page = xl_ram_page(vm, page_pa);

    if (page == UINT64_MAX || !(vm->code_granules[page] & granules(first, last)))
        return;
    for (uint32_t n = vm->page_blocks[page], next; n; n = next) {
        unsigned start = vm->block[n].first;
        next = vm->block[n].next_page;
        if (start <= last && start + vm->block[n].bytes > first)
            xl_block_drop(cpu, n);
    }
}

void xl_block_flush(struct xl_cpu *cpu)
{
    struct xl_vm *vm = cpu->vm;

    for (uint32_t n = 1; n <= vm->blocks; n++)
        xl_block_drop(cpu, n);
    vm->code_used = vm->code_start;
    vm->directs[0] = vm->directs[1] = 0;
    vm->stats.code_flushes++;
}

/* Make room when the current half is full: go on in the other half after dropping what is there. */
static void half_switch(struct xl_cpu *cpu)
{
    struct xl_vm *vm = cpu->vm;
    uint64_t middle = (vm->code_start + vm->port.code_bytes) / 2 & ~(uint64_t)15;
    bool to_second = vm->code_used <= middle;
    uint64_t low = to_second ? middle : vm->code_start, high = to_second ? vm->port.code_bytes : middle;

    for (uint32_t n = 1; n <= vm->blocks; n++)
        if (vm->block[n].live && vm->block[n].code_offset >= low && vm->block[n].code_offset < high)
            xl_block_drop(cpu, n);
    vm->code_used = low;
    vm->directs[to_second] = 0;
    vm->stats.code_flushes++;
}

/* Tell the port of code to come, a piece at a time; the cache fills upwards. */
static void room_ahead(struct xl_vm *vm)
{
    uint64_t from = vm->code_used > vm->code_ready ? vm->code_used & ~(uint64_t)XL_PAGE_MASK : vm->code_ready;

    if (!vm->port.code_ahead || vm->code_used + XL_CODE_AHEAD / 4 < vm->code_ready || from >= vm->port.code_bytes)
        return;
    uint64_t bytes = vm->port.code_bytes - from < XL_CODE_AHEAD ? vm->port.code_bytes - from : XL_CODE_AHEAD;
    vm->port.code_ahead(vm->port.arg, from, bytes);
    vm->code_ready = (uint32_t)(from + bytes);
}

static uint32_t number_new(struct xl_cpu *cpu)
{
    struct xl_vm *vm = cpu->vm;

    room_ahead(vm);
    if (!vm->free_block && vm->blocks == XL_BLOCKS_MAX)
        xl_block_flush(cpu);
    uint32_t number = vm->free_block;
    if (number)
        vm->free_block = vm->block[number].next_hash;
    else
        number = ++vm->blocks;
    return number;
}

/* The block is compiled: let it be found, and its page be watched. */
static void enter_tables(struct xl_cpu *cpu, uint32_t number)
{
    struct xl_vm *vm = cpu->vm;
    struct xl_block *b = &vm->block[number];
    uint64_t page = xl_ram_page(vm, b->page_pa);
    uint32_t *head = &vm->hash[hash_of(b->pc, b->mode, b->page_pa)];

    b->live = true;
    b->next_hash = *head;
    *head = number;
    b->next_page = vm->page_blocks[page];
    vm->page_blocks[page] = number;
    if (!vm->code_granules[page])
        xl_tlb_protect_code(cpu, b->page_pa);
    vm->code_granules[page] |= granules(b->first, b->first + b->bytes - 1u);
    vm->stats.host_bytes += b->code_bytes;
}

uint32_t xl_block_make(struct xl_cpu *cpu, uint32_t pc, uint32_t npc, uint32_t mode, uint64_t page_pa)
{
    struct xl_vm *vm = cpu->vm;
    uint32_t number = number_new(cpu), bytes;
    struct xl_block *b = &vm->block[number];
    unsigned limit = IR_INSNS_MAX;
    bool cache_full = false;

    for (;;) {
        *b = (struct xl_block){.pc = pc, .npc = npc, .mode = mode, .page_pa = page_pa, .first = pc & XL_PAGE_MASK};
        xl_translate(cpu, pc, npc, mode, page_pa, limit, &bytes);
        if (!vm->ir->full) {
            if (!(vm->config.switches & XL_NO_DEAD_PUT))
                vm->stats.dead_puts += opt_dead_puts(vm->ir);
            if (emit_block(cpu, vm->ir, number, &cache_full))
                break;
            if (cache_full) {
                half_switch(cpu);
                continue;
            }
        }
        limit = limit > 1 ? limit / 2 : 1; /* one instruction always fits */
    }
    b->bytes = (uint16_t)bytes;
    b->insns = vm->ir->insns;
    enter_tables(cpu, number);
    vm->stats.blocks++;
    vm->stats.blocks_translated_insns += b->insns;
    return number;
}

/* A region in the place of the block at its entry; 0 when it cannot be made. first, end: the guest bytes in the page that it depends on. */
uint32_t xl_block_make_region(struct xl_cpu *cpu, const struct xl_loop *loop, uint32_t mode, uint64_t page_pa, unsigned first, unsigned end)
{
    struct xl_vm *vm = cpu->vm;
    uint32_t number = number_new(cpu);
    struct xl_block *b = &vm->block[number];
    bool cache_full = false;

    *b = (struct xl_block){.pc = loop->pc[0], .npc = loop->pc[0] + cpu->guest->insn_bytes, .mode = mode, .page_pa = page_pa, .first = (uint16_t)first, .bytes = (uint16_t)(end - first), .is_region = true};
    if (!emit_region(cpu, loop, number, &cache_full)) {
        if (cache_full)
            half_switch(cpu);
        b->next_hash = vm->free_block;
        vm->free_block = number;
        return 0;
    }
    uint32_t old = xl_block_find(cpu, b->pc, b->npc, mode, page_pa);
    if (old)
        xl_block_drop(cpu, old);
    enter_tables(cpu, number);
    vm->stats.regions++;
    return number;
}

void xl_block_chain(struct xl_cpu *cpu, uint32_t exit_number, uint32_t target)
{
    struct xl_vm *vm = cpu->vm;
    struct xl_exit *e = exit_of(vm, exit_number);

    if (e->target || (vm->config.switches & XL_NO_CHAIN))
        return;
    e->target = target;
    e->next_from = vm->block[target].from;
    vm->block[target].from = exit_number;
    emit_patch_jump(vm, e->jump_offset, vm->block[target].code_offset);
    vm->stats.chained++;
}

static uint32_t site_bit(uint32_t pc)
{
    uint32_t h = (pc >> 2) * 0x9e3779b1u;

    return h >> (32 - XL_SITES_BITS);
}

bool xl_site_is_device(const struct xl_cpu *cpu, uint32_t pc)
{
    uint32_t bit = site_bit(pc);

    return cpu->device_site[bit / 8] >> (bit % 8) & 1;
}

void xl_site_mark(struct xl_cpu *cpu, uint32_t pc)
{
    uint32_t bit = site_bit(pc);

    cpu->device_site[bit / 8] |= (uint8_t)(1u << (bit % 8));
}
