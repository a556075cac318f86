/* SPDX-License-Identifier: MIT */
/*
 * Guest memory, the slow half: soft TLB misses, alignment and MMU faults, devices, stores into translated code.
 *
 * Translated code probes the TLB inline and comes here through a thunk after it has written env.pc, env.npc and cpu->site; the interpreter comes
 * here for every access. Whatever must stop the instruction before it has an effect (a fault, a device in the middle of a block, a store into the running block)
 * leaves by xl_unwind with the state exactly at the start of the instruction.
 */
#include "rt/cpu.h"
#include <string.h>

/* struct ir_mem in one word for the thunks: size | mmu << 8 | sign << 16 | little << 17 | unaligned << 18. */
uint32_t xl_mem_bits(struct ir_mem mem)
{
    return mem.size | (uint32_t)mem.mmu << 8 | (uint32_t)mem.sign << 16 | (uint32_t)mem.little << 17 | (uint32_t)mem.unaligned << 18;
}

static struct ir_mem mem_of(uint32_t bits)
{
    return (struct ir_mem){.size = (uint8_t)bits,
                           .mmu = (uint8_t)(bits >> 8),
                           .sign = bits >> 16 & 1,
                           .little = bits >> 17 & 1,
                           .unaligned = bits >> 18 & 1};
}

/* Give back what the block took for instructions that will not run, and go to the run loop. */
static _Noreturn void leave(struct xl_cpu *cpu, unsigned not_run)
{
    if (!cpu->in_interp)
        cpu->env.budget += cpu->site.refund;
    cpu->env.budget += not_run;
    xl_unwind(cpu);
}

_Noreturn void xl_fault(struct xl_cpu *cpu, const struct xl_fault *f)
{
    cpu->fault = *f;
    cpu->faulted = true;
    leave(cpu, 0);
}

_Noreturn void xl_raise(struct xl_cpu *cpu, uint32_t exception)
{
    cpu->env.exception = exception;
    cpu->raised = true;
    leave(cpu, 0);
}

/* Run this instruction again, alone, in the interpreter. */
static _Noreturn void redo(struct xl_cpu *cpu)
{
    cpu->redo = true;
    leave(cpu, 1);
}

void xl_attention(struct xl_cpu *cpu)
{
    if (cpu->env.budget > 0) {
        cpu->parked += (uint64_t)cpu->env.budget;
        cpu->env.budget = 0;
    }
}

static uint64_t extend(uint64_t value, struct ir_mem mem)
{
    if (!mem.sign)
        return value;
    if (mem.size == 1)
        return (uint32_t)(int8_t)value;
    return mem.size == 2 ? (uint32_t)(int16_t)value : value;
}

static uint64_t swap(uint64_t value, unsigned size)
{
    switch (size) {
    case 2: return __builtin_bswap16((uint16_t)value);
    case 4: return __builtin_bswap32((uint32_t)value);
    case 8: return __builtin_bswap64(value);
    default: return value;
    }
}

/* In the other byte order than the guest's own, in which devices are accessed? */
static bool is_foreign(const struct xl_cpu *cpu, struct ir_mem mem)
{
    return mem.little == cpu->guest->big_endian;
}

static uint64_t host_load(const uint8_t *p, struct ir_mem mem)
{
    uint64_t value = 0;

    memcpy(&value, p, mem.size);
    return extend(mem.little ? value : swap(value, mem.size), mem);
}

static void host_store(uint8_t *p, struct ir_mem mem, uint64_t value)
{
    if (!mem.little)
        value = swap(value, mem.size);
    memcpy(p, &value, mem.size);
}

/* Where an access goes: RAM, or else a device region. Faults do not come back. */
struct place {
    uint64_t pa;
    uint8_t *ram;
    struct xl_region *region;
    bool swapped; /* mmu_walk.swapped */
};

static void fault_at(struct xl_cpu *cpu, enum xl_fault_kind kind, enum mmu_access access, uint32_t va, struct ir_mem mem, uint32_t code)
{
    struct xl_fault f = {.kind = kind, .access = access, .mmu = mem.mmu, .size = mem.size, .va = {va}, .code = code};

    xl_fault(cpu, &f);
}

/* Remember the linear stretch around va when it is larger than the one that is known, or the known one does not hold va; and show it in a window. */
static void linear_note(struct xl_cpu *cpu, uint32_t va, unsigned mmu, const struct mmu_walk *walk, const struct place *place)
{
    struct xl_linear *l = &cpu->linear[mmu];
    uint64_t span = 1ull << walk->span_bits, base = va & ~(span - 1), first_pa = place->pa - (va - base);
    uint64_t low = first_pa > place->region->base ? first_pa : place->region->base, end = place->region->base + place->region->bytes;
    uint64_t high = first_pa + span < end ? first_pa + span : end;

    base += low - first_pa;
    xl_window_note(cpu, mmu, (uint32_t)base, low, high - low, walk->write);
    if (high - low <= l->limit[0] && va - l->base < l->limit[0])
        return;
    l->base = (uint32_t)base;
    for (unsigned n = 0; n < 4; n++)
        l->limit[n] = (uint32_t)((high - low) >> n);
    l->addend = (uint64_t)(uintptr_t)(place->region->ram + (low - place->region->base)) - base;
    cpu->vm->stats.linear_made++;
}

static struct place find(struct xl_cpu *cpu, uint32_t va, struct ir_mem mem, enum mmu_access access)
{
    struct mmu_walk walk = {0};

    if (!cpu->guest->walk(cpu, (gva_t){va}, access, mem.mmu, &walk))
        fault_at(cpu, XL_FAULT_MMU, access, va, mem, walk.fault);
    uint64_t pa = walk.page.v + (va & XL_PAGE_MASK);
    struct xl_region *r = xl_region_at(cpu->vm, pa);
    if (!r)
        fault_at(cpu, XL_FAULT_BUS, access, va, mem, 0);
    struct place place = {pa, r->ram ? r->ram + (pa - r->base) : NULL, r, walk.swapped};
    bool small = walk.span_bits && walk.span_bits < XL_PAGE_BITS;
    if (!r->ram || small || xl_is_hooked(cpu->vm, XL_ON_READ | XL_ON_WRITE, va & ~XL_PAGE_MASK, XL_PAGE_BYTES))
        return place;
    uint32_t page = va & ~XL_PAGE_MASK;
    struct xl_tlb_entry *e = &cpu->tlb[mem.mmu][(va >> XL_PAGE_BITS) & (XL_TLB_ENTRIES - 1)];
    uint64_t index = xl_ram_page(cpu->vm, pa);
    cpu->vm->stats.tlb_misses++;
    xl_used_note(&cpu->tlb_used[mem.mmu], (va >> XL_PAGE_BITS) & (XL_TLB_ENTRIES - 1));
    e->tag_read = walk.read ? page : XL_TLB_NONE;
    e->tag_write = walk.write && !cpu->vm->code_granules[index] ? page : XL_TLB_NONE;
    e->addend = (uint64_t)(uintptr_t)(place.ram - (va & XL_PAGE_MASK)) - page;
    if (walk.read && walk.span_bits > XL_PAGE_BITS && !(cpu->vm->hooks_on & (XL_ON_READ | XL_ON_WRITE)))
        linear_note(cpu, va, mem.mmu, &walk, &place);
    return place;
}

/* A device may be touched by the last instruction of a block only, so that time and interrupts are exact: ADR 2. */
static void check_site(struct xl_cpu *cpu)
{
    if (cpu->in_interp || cpu->site.last)
        return;
    xl_site_mark(cpu, cpu->env.pc);
    xl_block_drop(cpu, cpu->site.block);
    redo(cpu);
}

/*
 * An unaligned access that crosses a page, of the smallest size that a guest has, goes byte by byte, in the order of the page where it begins; both pages are checked before anything
 * is written.
 */
enum { SMALLEST_PAGE_BYTES = 1024 };

static bool crosses(uint32_t va, unsigned size)
{
    return va % SMALLEST_PAGE_BYTES + size > SMALLEST_PAGE_BYTES;
}

static uint64_t load_bytes(struct xl_cpu *cpu, uint32_t va, struct ir_mem mem)
{
    struct ir_mem one = {.size = 1, .mmu = mem.mmu, .unaligned = true};
    uint64_t value = 0;

    mem.little ^= find(cpu, va, one, MMU_READ).swapped;
    for (unsigned i = 0; i < mem.size; i++) {
        uint64_t byte = xl_slow_load(cpu, va + i, 0, xl_mem_bits(one));
        value = mem.little ? value | byte << (8 * i) : value << 8 | byte;
    }
    return extend(value, mem);
}

static void store_bytes(struct xl_cpu *cpu, uint32_t va, uint64_t value, struct ir_mem mem)
{
    struct ir_mem one = {.size = 1, .mmu = mem.mmu, .unaligned = true};

    mem.little ^= find(cpu, va, one, MMU_WRITE).swapped;
    find(cpu, (va + mem.size - 1) & ~(SMALLEST_PAGE_BYTES - 1u), one, MMU_WRITE);
    for (unsigned i = 0; i < mem.size; i++) {
        unsigned shift = mem.little ? 8 * i : 8 * (mem.size - 1 - i);
        xl_slow_store(cpu, va + i, value >> shift & 0xff, xl_mem_bits(one));
    }
}

uint64_t xl_slow_load(struct xl_cpu *cpu, uint32_t va, uint32_t unused, uint32_t mem_bits)
{
    struct ir_mem mem = mem_of(mem_bits);
    uint64_t value = 0;

    (void)unused;
    if (va & (mem.size - 1u)) {
        if (!mem.unaligned)
            fault_at(cpu, XL_FAULT_ALIGN, MMU_READ, va, mem, 0);
        if (crosses(va, mem.size))
            return load_bytes(cpu, va, mem);
    }
    struct place place = find(cpu, va, mem, MMU_READ);
    mem.little ^= place.swapped;
    if (place.ram) {
        bool hooked = xl_is_hooked(cpu->vm, XL_ON_READ, va, mem.size);
        if (hooked)
            check_site(cpu);
        value = host_load(place.ram, mem);
        if (hooked)
            xl_hook_note(cpu, XL_ON_READ, va, mem.size, value);
        return value;
    }
    check_site(cpu);
    if (!xl_device_load(cpu->vm, place.region, place.pa, mem.size, &value))
        fault_at(cpu, XL_FAULT_BUS, MMU_READ, va, mem, 0);
    return extend(is_foreign(cpu, mem) ? swap(value, mem.size) : value, mem);
}

/* A store into a page with translated code: blocks that it overlaps are dropped; when the running one is among them, start the instruction again without it. */
static void store_into_code(struct xl_cpu *cpu, uint64_t pa, unsigned size)
{
    unsigned first = (unsigned)(pa & XL_PAGE_MASK);
    uint32_t running = cpu->in_interp ? 0 : cpu->site.block;

    cpu->vm->stats.smc_stores++;
    xl_block_drop_range(cpu, pa & ~(uint64_t)XL_PAGE_MASK, first, first + size - 1);
    if (running && !cpu->vm->block[running].live)
        redo(cpu);
}

void xl_slow_store(struct xl_cpu *cpu, uint32_t va, uint64_t value, uint32_t mem_bits)
{
    struct ir_mem mem = mem_of(mem_bits);

    if (va & (mem.size - 1u)) {
        if (!mem.unaligned)
            fault_at(cpu, XL_FAULT_ALIGN, MMU_WRITE, va, mem, 0);
        if (crosses(va, mem.size)) {
            store_bytes(cpu, va, value, mem);
            return;
        }
    }
    struct place place = find(cpu, va, mem, MMU_WRITE);
    mem.little ^= place.swapped;
    if (place.ram) {
        bool hooked = xl_is_hooked(cpu->vm, XL_ON_WRITE, va, mem.size);
        if (hooked)
            check_site(cpu);
        if (cpu->vm->code_granules[xl_ram_page(cpu->vm, place.pa)])
            store_into_code(cpu, place.pa, mem.size);
        host_store(place.ram, mem, value);
        if (hooked)
            xl_hook_note(cpu, XL_ON_WRITE, va, mem.size, value);
        return;
    }
    check_site(cpu);
    if (!xl_device_store(cpu->vm, place.region, place.pa, mem.size, is_foreign(cpu, mem) ? swap(value, mem.size) : value))
        fault_at(cpu, XL_FAULT_BUS, MMU_WRITE, va, mem, 0);
}

uint64_t xl_load(struct xl_cpu *cpu, gva_t va, struct ir_mem mem)
{
    const struct xl_tlb_entry *e = &cpu->tlb[mem.mmu][(va.v >> XL_PAGE_BITS) & (XL_TLB_ENTRIES - 1)];

    if ((va.v & (~XL_PAGE_MASK | (mem.size - 1u))) == e->tag_read)
        return host_load((const uint8_t *)(uintptr_t)(e->addend + va.v), mem);
    return xl_slow_load(cpu, va.v, 0, xl_mem_bits(mem));
}

void xl_store(struct xl_cpu *cpu, gva_t va, struct ir_mem mem, uint64_t value)
{
    const struct xl_tlb_entry *e = &cpu->tlb[mem.mmu][(va.v >> XL_PAGE_BITS) & (XL_TLB_ENTRIES - 1)];

    if ((va.v & (~XL_PAGE_MASK | (mem.size - 1u))) == e->tag_write)
        host_store((uint8_t *)(uintptr_t)(e->addend + va.v), mem, value);
    else
        xl_slow_store(cpu, va.v, value, xl_mem_bits(mem));
}

/* Where the page of instructions at va lies, if that is known; NULL: walk. */
const struct xl_itlb_entry *xl_itlb_entry(const struct xl_cpu *cpu, uint32_t va)
{
    const struct xl_itlb_entry *e = &cpu->itlb[(va >> XL_PAGE_BITS) & (XL_ITLB_ENTRIES - 1)];

    return e->va == (va & ~XL_PAGE_MASK) && e->mode == cpu->env.mode && e->pa != UINT64_MAX ? e : NULL;
}

/* Find the physical page that instructions at va come from, in the current mode. false: an instruction fault is pending (cpu->fault). */
bool xl_fetch_page(struct xl_cpu *cpu, uint32_t va, uint64_t *page_pa)
{
    uint32_t page = va & ~XL_PAGE_MASK, mode = cpu->env.mode;
    const struct xl_itlb_entry *known = xl_itlb_entry(cpu, va);
    struct mmu_walk walk = {0};
    uint8_t mmu = (uint8_t)cpu->guest->fetch_mmu(mode);

    struct xl_fault f = {.kind = XL_FAULT_MMU, .access = MMU_FETCH, .mmu = mmu, .size = 4, .va = {va}};
    if (va & (cpu->guest->insn_bytes - 1)) {
        f.kind = XL_FAULT_ALIGN;
        cpu->fault = f;
        cpu->faulted = true;
        return false;
    }
    if (known) {
        *page_pa = known->pa;
        return true;
    }
    bool walked = cpu->guest->walk(cpu, (gva_t){va}, MMU_FETCH, mmu, &walk);
    if (walked && walk.span_bits && walk.span_bits < XL_PAGE_BITS && xl_ram_at(cpu->vm, walk.page.v, XL_PAGE_BYTES)) {
        cpu->redo = true; /* what lies around this instruction may be mapped elsewhere: it alone is run, by the interpreter */
        *page_pa = walk.page.v;
        return true;
    }
    if (walked && !(walk.page.v & XL_PAGE_MASK) && xl_ram_at(cpu->vm, walk.page.v, XL_PAGE_BYTES)) {
        xl_used_note(&cpu->itlb_used, (va >> XL_PAGE_BITS) & (XL_ITLB_ENTRIES - 1));
        cpu->itlb[(va >> XL_PAGE_BITS) & (XL_ITLB_ENTRIES - 1)] = (struct xl_itlb_entry){page, mode, walk.page.v};
        *page_pa = walk.page.v;
        return true;
    }
    if (walked)
        f.kind = XL_FAULT_BUS;
    f.code = walk.fault;
    cpu->fault = f;
    cpu->faulted = true;
    return false;
}

/* Empty a cache by writing `byte` over what was used of it. */
static void empty(void *cache, size_t entries, size_t entry_bytes, int byte, struct xl_used *used)
{
    const size_t group_bytes = XL_USED_GROUP * entry_bytes;

    for (unsigned word = 0; word < entries / XL_USED_GROUP / 64; word++)
        for (uint64_t left = ~used->empty[word]; left; left &= left - 1) {
            unsigned group = word * 64 + (unsigned)__builtin_ctzll(left);
            memset((uint8_t *)cache + group * group_bytes, byte, group_bytes);
        }
    memset(used, 0xff, sizeof *used);
}

static void jump_flush(struct xl_cpu *cpu)
{
    empty(cpu->jump, XL_JUMP_ENTRIES, sizeof cpu->jump[0], 0xff, &cpu->jump_used);
    empty(cpu->jump_page, 1 << XL_JUMP_PAGE_BITS, sizeof cpu->jump_page[0], 0xff, &cpu->jump_page_used);
    cpu->jump_pages = 0;
}

static unsigned jump_page_index(uint32_t page)
{
    return (page >> XL_PAGE_BITS) * 0x9e3779b1u >> (32 - XL_JUMP_PAGE_BITS);
}

/* Places where several pages met stay so until the cache is emptied, which is done before they are many. */
void xl_jump_page_note(struct xl_cpu *cpu, uint32_t pc)
{
    uint32_t page = pc & ~XL_PAGE_MASK, *slot = &cpu->jump_page[jump_page_index(page)];

    if (*slot == page || *slot == XL_JUMP_MANY)
        return;
    if (++cpu->jump_pages > 1u << (XL_JUMP_PAGE_BITS - 2))
        jump_flush(cpu);
    xl_used_note(&cpu->jump_page_used, jump_page_index(page));
    *slot = *slot == XL_JUMP_NONE ? page : XL_JUMP_MANY;
}

static void jump_flush_page(struct xl_cpu *cpu, uint32_t page)
{
    uint32_t *slot = &cpu->jump_page[jump_page_index(page)];

    if (*slot != page && *slot != XL_JUMP_MANY)
        return;
    for (uint32_t pc = page; pc - page < XL_PAGE_BYTES; pc += 4) {
        struct xl_jump_entry *j = &cpu->jump[xl_jump_index(pc)];
        if (j->pc == pc)
            xl_jump_drop(j);
    }
    if (*slot == page)
        *slot = XL_JUMP_NONE;
}

void xl_tlb_flush(struct xl_cpu *cpu, int mmu)
{
    cpu->vm->stats.tlb_flushes++;
    for (int m = 0; m < (int)cpu->guest->mmu_count; m++)
        if (mmu < 0 || mmu == m) {
            empty(cpu->tlb[m], XL_TLB_ENTRIES, sizeof cpu->tlb[m][0], 0xff, &cpu->tlb_used[m]);
            cpu->linear[m] = (struct xl_linear){0};
            xl_window_check(cpu, (unsigned)m, 0, 1ull << 32);
        }
    empty(cpu->itlb, XL_ITLB_ENTRIES, sizeof cpu->itlb[0], 0xff, &cpu->itlb_used);
    jump_flush(cpu);
}

void xl_tlb_flush_page(struct xl_cpu *cpu, int mmu, gva_t va)
{
    uint32_t page = va.v & ~XL_PAGE_MASK;

    for (int m = 0; m < (int)cpu->guest->mmu_count; m++) {
        struct xl_tlb_entry *e = &cpu->tlb[m][(va.v >> XL_PAGE_BITS) & (XL_TLB_ENTRIES - 1)];
        if ((mmu < 0 || mmu == m) && (e->tag_read == page || e->tag_write == page))
            e->tag_read = e->tag_write = XL_TLB_NONE;
        if (mmu >= 0 && mmu != m)
            continue;
        if (page - cpu->linear[m].base < cpu->linear[m].limit[0])
            cpu->linear[m] = (struct xl_linear){0};
        xl_window_check(cpu, (unsigned)m, page, XL_PAGE_BYTES);
    }
    cpu->itlb[(va.v >> XL_PAGE_BITS) & (XL_ITLB_ENTRIES - 1)].pa = UINT64_MAX;
    jump_flush_page(cpu, page);
}

/* A page got its first block: stores to it must come to xl_slow_store from now on. */
void xl_tlb_protect_code(struct xl_cpu *cpu, uint64_t page_pa)
{
    uint64_t host = (uint64_t)(uintptr_t)xl_ram_at(cpu->vm, page_pa, XL_PAGE_BYTES);

    xl_window_guard(cpu, page_pa);
    for (unsigned m = 0; m < cpu->guest->mmu_count; m++)
        for (unsigned group = 0; group < XL_TLB_ENTRIES / XL_USED_GROUP; group++)
            for (unsigned i = 0; i < XL_USED_GROUP && xl_used_any(&cpu->tlb_used[m], group); i++) {
                struct xl_tlb_entry *e = &cpu->tlb[m][group * XL_USED_GROUP + i];
                if (e->tag_write != XL_TLB_NONE && e->addend + e->tag_write == host)
                    e->tag_write = XL_TLB_NONE;
            }
}

void xl_code_flush(struct xl_cpu *cpu, gva_t va, uint32_t bytes)
{
    /* Stores are watched, so nothing is stale; the guest's FLUSH is a barrier only. */
    (void)cpu;
    (void)va;
    (void)bytes;
}
