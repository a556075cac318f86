/* SPDX-License-Identifier: MIT */
/*
 * The address map and the software-managed TLB: 16 pairs of pages with ASID, page size and rights.
 *
 *   00000000 kuseg, by the TLB (the kernel with Status.ERL: as it is) | 80000000 kseg0 and a0000000 kseg1, the first 512 MiB | c0000000 kseg2 and kseg3, by the TLB
 *
 * Of several entries that match, the first one counts; the manual forbids them. Cacheability has no effect: memory is what the caches hold.
 *
 *   EntryHi   31 VPN2 13 | 7 ASID 0        EntryLo   25 PFN 6 | 5 C 3 | 2 D | 1 V | 0 G        PageMask   28 mask 13
 *
 * Source: III 4.
 */
#include "mips.h"

enum { LO_G = 1, LO_V = 2, LO_D = 4, LO_PFN_SHIFT = 6, ASID = 0xff, PAIR = 0x1fff, MASK_FIRST_BIT = 13, FEW_PAGES = 16, DIRECT_BITS = 29 };
#define KSEG0 0x80000000u
#define KSEG2 0xc0000000u
#define VPN2 0xffffe000u

/* Bits of va that tell it from the entry's pair of pages. */
static uint32_t apart(const struct mips_tlb *e, uint32_t va)
{
    return (e->hi ^ va) & ~(e->mask | PAIR);
}

static bool is_in(const struct mips_tlb *e, uint32_t asid)
{
    return e->global || (e->hi & ASID) == asid;
}

static unsigned find(const struct mips_cpu *s, uint32_t va)
{
    unsigned i = 0;

    while (i < MIPS_TLB_ENTRIES && (apart(&s->tlb[i], va) || !is_in(&s->tlb[i], s->entryhi & ASID)))
        i++;
    return i;
}

/* Bits of one page of the pair. */
static uint32_t page_inside(const struct mips_tlb *e)
{
    return (e->mask | PAIR) >> 1;
}

static unsigned page_bits(const struct mips_tlb *e)
{
    return 32 - (unsigned)__builtin_clz(page_inside(e));
}

/* What the i-th entry gives holds for as many bits around va as no entry before it reaches into. */
static unsigned span_of(const struct mips_cpu *s, unsigned i, uint32_t va)
{
    unsigned bits = page_bits(&s->tlb[i]);

    for (unsigned j = 0; j < i; j++)
        if (is_in(&s->tlb[j], s->entryhi & ASID) && !(apart(&s->tlb[j], va) >> bits))
            bits = 31 - (unsigned)__builtin_clz(apart(&s->tlb[j], va));
    return bits;
}

static bool walk_tlb(const struct mips_cpu *s, uint32_t va, enum mmu_access access, struct mmu_walk *out)
{
    unsigned i = find(s, va);

    if (i == MIPS_TLB_ENTRIES) {
        out->fault = WALK_MISS;
        return false;
    }
    const struct mips_tlb *e = &s->tlb[i];
    uint32_t inside = page_inside(e), lo = e->lo[(va & (inside + 1)) != 0];
    if (!(lo & LO_V)) {
        out->fault = WALK_INVALID;
        return false;
    }
    if (access == MMU_WRITE && !(lo & LO_D)) {
        out->fault = WALK_READ_ONLY;
        return false;
    }
    uint32_t pa = (lo >> LO_PFN_SHIFT << 12 & ~inside) | (va & inside);
    *out = (struct mmu_walk){.page = {pa & ~0xfffu}, .read = true, .write = lo & LO_D, .exec = true, .span_bits = (uint8_t)span_of(s, i, va)};
    return true;
}

bool mips_mmu_walk(struct xl_cpu *cpu, gva_t va, enum mmu_access access, unsigned mmu, struct mmu_walk *out)
{
    if (va.v >= KSEG0 && mmu == MIPS_MMU_USER) {
        out->fault = WALK_ADDRESS;
        return false;
    }
    bool direct = va.v >= KSEG0 ? va.v < KSEG2 : mmu == MIPS_MMU_ERROR;
    if (!direct)
        return walk_tlb(mips_of(cpu), va.v, access, out);
    uint32_t pa = va.v >= KSEG0 ? va.v & 0x1fffffff : va.v;
    *out = (struct mmu_walk){.page = {pa & ~0xfffu}, .read = true, .write = true, .exec = true, .span_bits = DIRECT_BITS};
    return true;
}

/* Drop what the core may have cached where an entry goes or comes, which may hide later ones. An entry of another ASID is in no cache and hides nothing. */
static void forget(struct xl_cpu *cpu, const struct mips_tlb *e)
{
    if (!is_in(e, mips_of(cpu)->entryhi & ASID))
        return;
    uint32_t pages = 2u << (page_bits(e) - 12), first = e->hi & ~(e->mask | PAIR);
    if (pages > FEW_PAGES) {
        xl_tlb_flush(cpu, -1);
        return;
    }
    for (uint32_t i = 0; i < pages; i++)
        xl_tlb_flush_page(cpu, -1, (gva_t){first + (i << 12)});
}

/* Entries of the old process go from the core's caches; what those of the new one cover is walked again. */
static void forget_process(struct xl_cpu *cpu)
{
    const struct mips_cpu *s = mips_of(cpu);

    for (unsigned i = 0; i < MIPS_TLB_ENTRIES; i++)
        if (!s->tlb[i].global)
            forget(cpu, &s->tlb[i]);
}

void mips_entryhi_set(struct xl_cpu *cpu, uint32_t entryhi)
{
    struct mips_cpu *s = mips_of(cpu);
    bool other = (s->entryhi ^ entryhi) & ASID;

    if (other)
        forget_process(cpu);
    s->entryhi = entryhi & (VPN2 | ASID);
    if (other)
        forget_process(cpu);
}

/* Pages of 4 KiB times a power of four; another mask, which the manual leaves open, changes nothing. */
void mips_pagemask_set(struct xl_cpu *cpu, uint32_t pagemask)
{
    uint32_t mask = pagemask >> MASK_FIRST_BIT & 0xffff, end = mask + 1;

    if (!(mask & end) && end & 0x15555)
        mips_of(cpu)->pagemask = mask << MASK_FIRST_BIT;
}

void mips_wired_set(struct xl_cpu *cpu, uint32_t wired)
{
    mips_of(cpu)->wired = wired % MIPS_TLB_ENTRIES;
    mips_of(cpu)->random = MIPS_TLB_ENTRIES - 1;
}

/* TLBWI at Index, TLBWR at Random, which then goes down to Wired and around. */
void mips_tlb_write(struct xl_cpu *cpu, bool random)
{
    struct mips_cpu *s = mips_of(cpu);
    struct mips_tlb *e = &s->tlb[(random ? s->random : s->index) % MIPS_TLB_ENTRIES], old = *e;

    if (random)
        s->random = s->random <= s->wired ? MIPS_TLB_ENTRIES - 1 : s->random - 1;
    *e = (struct mips_tlb){
        .hi = s->entryhi & ~s->pagemask, .mask = s->pagemask, .lo = {s->entrylo0 & ~LO_G, s->entrylo1 & ~LO_G}, .global = s->entrylo0 & s->entrylo1 & LO_G};
    forget(cpu, &old);
    forget(cpu, e);
}

void mips_tlb_read(struct xl_cpu *cpu)
{
    struct mips_cpu *s = mips_of(cpu);
    const struct mips_tlb *e = &s->tlb[s->index % MIPS_TLB_ENTRIES];

    s->pagemask = e->mask;
    s->entrylo0 = e->lo[0] | e->global;
    s->entrylo1 = e->lo[1] | e->global;
    mips_entryhi_set(cpu, e->hi);
}

void mips_tlb_probe(struct xl_cpu *cpu)
{
    struct mips_cpu *s = mips_of(cpu);
    unsigned i = find(s, s->entryhi);

    s->index = i < MIPS_TLB_ENTRIES ? i : 0x80000000u;
}

/* Entries that match no address that the TLB is asked for: each a page of kseg0. */
void mips_mmu_reset(struct xl_cpu *cpu)
{
    struct mips_cpu *s = mips_of(cpu);

    for (uint32_t i = 0; i < MIPS_TLB_ENTRIES; i++)
        s->tlb[i] = (struct mips_tlb){.hi = KSEG0 + (i << MASK_FIRST_BIT)};
}
