/* SPDX-License-Identifier: MIT */
/*
 * The software-managed TLB: 64 entries with address space, PID, page size and rights.
 *
 * Of several entries that match, the first one counts; the manual forbids them. Storage attributes W, I, M and G are kept and have no effect: every access to a device is in order
 * and not cached. A page with E is little-endian: the core caches nothing of it, each access walks, and its instructions are interpreted one by one.
 *
 *   word 0   31 EPN 10 | 9 V | 8 TS | 7 SIZE 4 | 3 TPAR 0        page size 1 KiB << 2 * SIZE
 *   word 1   31 RPN 10 | 3 ERPN 0
 *   word 2   15 U0-U3 12 | 11 W I M G E 7 | 5 UX UW UR SX SW SR 0
 *
 * Source: 440 chapter 5.
 */
#include "ppc.h"

enum { V = 0x200, TS = 0x100, SIZE_SHIFT = 4, SIZE_MAX_CODE = 9, SMALLEST_BITS = 10 };
enum { SR = 1, SW = 2, SX = 4, USER_SHIFT = 3 };
enum { STS = 0x10000, FEW_PAGES = 16 };
#define PAGE_KEPT 0xfffffff0u
#define REAL_KEPT 0xfffffc0fu
#define RIGHTS_KEPT 0xffbfu

static unsigned size_bits(const struct ppc_tlb *e)
{
    return SMALLEST_BITS + 2 * (e->page >> SIZE_SHIFT & 15);
}

/* Is it a valid entry of this space and PID? Sizes above 256 MiB do not exist. */
static bool is_in(const struct ppc_tlb *e, unsigned space, uint32_t pid)
{
    return e->page & V && (e->page >> SIZE_SHIFT & 15) <= SIZE_MAX_CODE && (e->page >> 8 & 1) == space && (!e->tid || e->tid == pid);
}

static bool matches(const struct ppc_tlb *e, uint32_t va, unsigned space, uint32_t pid)
{
    return is_in(e, space, pid) && !((e->page ^ va) >> size_bits(e));
}

static unsigned find(const struct ppc_cpu *s, uint32_t va, unsigned space, uint32_t pid)
{
    unsigned i = 0;

    while (i < PPC_TLB_ENTRIES && !matches(&s->tlb[i], va, space, pid))
        i++;
    return i;
}

/* Two entries for one address are a programming error; here the first one counts, always. So what the i-th gives holds for as many bits around va as no entry before it reaches into. */
static unsigned span_of(const struct ppc_cpu *s, unsigned i, uint32_t va, unsigned space)
{
    unsigned bits = size_bits(&s->tlb[i]);

    for (unsigned j = 0; j < i; j++)
        if (is_in(&s->tlb[j], space, s->pid) && !((s->tlb[j].page ^ va) >> bits))
            bits = 31 - (unsigned)__builtin_clz((s->tlb[j].page ^ va) >> SMALLEST_BITS << SMALLEST_BITS);
    return bits;
}

bool ppc_mmu_walk(struct xl_cpu *cpu, gva_t va, enum mmu_access access, unsigned mmu, struct mmu_walk *out)
{
    static const uint8_t needed[] = {[MMU_READ] = SR, [MMU_WRITE] = SW, [MMU_FETCH] = SX, [MMU_LOOK] = SR | SW | SX};
    const struct ppc_cpu *s = ppc_of(cpu);
    unsigned i = find(s, va.v, mmu >> 1, s->pid);

    if (i == PPC_TLB_ENTRIES) {
        out->fault = WALK_MISS;
        return false;
    }
    const struct ppc_tlb *e = &s->tlb[i];
    unsigned rights = mmu & 1 ? e->rights >> USER_SHIFT : e->rights, bits = size_bits(e);
    if (access != MMU_LOOK && !(rights & needed[access])) {
        out->fault = WALK_RIGHTS;
        return false;
    }
    uint64_t inside = (1ull << bits) - 1, base = (uint64_t)(e->real & 15) << 32 | (e->real & ~0x3ffu);
    uint64_t pa = (base & ~inside) | (va.v & inside);
    *out = (struct mmu_walk){
        .page = {pa - (va.v & 0xfff)},
        .read = rights & SR,
        .write = rights & SW,
        .exec = rights & SX,
        .span_bits = (uint8_t)(e->rights & PAGE_LITTLE ? SMALLEST_BITS : span_of(s, i, va.v, mmu >> 1)),
        .swapped = e->rights & PAGE_LITTLE,
    };
    return true;
}

unsigned ppc_mmu_attributes(struct xl_cpu *cpu, uint32_t va, unsigned mmu)
{
    const struct ppc_cpu *s = ppc_of(cpu);
    unsigned i = find(s, va, mmu >> 1, s->pid);

    return i < PPC_TLB_ENTRIES ? s->tlb[i].rights : 0;
}

/* Drop what the core may have cached of an entry that goes. An entry of another PID is in no cache. */
static void forget(struct xl_cpu *cpu, const struct ppc_tlb *e)
{
    if (!(e->page & V) || (e->page >> SIZE_SHIFT & 15) > SIZE_MAX_CODE || (e->tid && e->tid != ppc_of(cpu)->pid))
        return;
    uint32_t pages = size_bits(e) > 12 ? 1u << (size_bits(e) - 12) : 1, first = e->page >> size_bits(e) << size_bits(e);
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
    const struct ppc_cpu *s = ppc_of(cpu);

    for (unsigned i = 0; i < PPC_TLB_ENTRIES; i++)
        if (s->tlb[i].tid)
            forget(cpu, &s->tlb[i]);
}

void ppc_pid_set(struct xl_cpu *cpu, uint32_t pid)
{
    struct ppc_cpu *s = ppc_of(cpu);

    if (s->pid == pid)
        return;
    forget_process(cpu);
    s->pid = pid;
    forget_process(cpu);
}

/* Does the entry cover what a later one does? Then what the core has cached of that one goes as well. */
static bool shadows(const struct ppc_cpu *s, unsigned index)
{
    const struct ppc_tlb *e = &s->tlb[index];

    for (unsigned j = index + 1; e->page & V && j < PPC_TLB_ENTRIES; j++) {
        unsigned bits = size_bits(e) > size_bits(&s->tlb[j]) ? size_bits(e) : size_bits(&s->tlb[j]);
        if (s->tlb[j].page & V && !((uint64_t)(e->page ^ s->tlb[j].page) >> bits))
            return true;
    }
    return false;
}

/* tlbwe: word 0 takes the TID from MMUCR's low byte. */
uint64_t ppc_tlb_write(struct xl_cpu *cpu, uint64_t index, uint64_t word, uint64_t value)
{
    struct ppc_cpu *s = ppc_of(cpu);
    struct ppc_tlb *e = &s->tlb[index % PPC_TLB_ENTRIES], old = *e;

    switch (word) {
    case 0:
        e->page = (uint32_t)value & PAGE_KEPT;
        e->tid = (uint8_t)s->mmucr;
        break;
    case 1: e->real = (uint32_t)value & REAL_KEPT; break;
    default:
        e->rights = (uint16_t)(value & RIGHTS_KEPT);
        s->little += (e->rights & PAGE_LITTLE) / PAGE_LITTLE - (old.rights & PAGE_LITTLE) / PAGE_LITTLE;
        break;
    }
    if (e->page != old.page || e->real != old.real || e->rights != old.rights || e->tid != old.tid)
        forget(cpu, &old);
    if (e->page != old.page && shadows(s, (unsigned)(index % PPC_TLB_ENTRIES)))
        forget(cpu, e);
    return 0;
}

/* tlbre: word 0 gives the TID to MMUCR's low byte. */
uint64_t ppc_tlb_read(struct xl_cpu *cpu, uint64_t index, uint64_t word)
{
    struct ppc_cpu *s = ppc_of(cpu);
    const struct ppc_tlb *e = &s->tlb[index % PPC_TLB_ENTRIES];

    if (word)
        return word == 1 ? e->real : e->rights;
    s->mmucr = (s->mmucr & ~255u) | e->tid;
    return e->page;
}

/* tlbsx: in the space and for the PID that MMUCR names. */
uint64_t ppc_tlb_search(struct xl_cpu *cpu, uint64_t va)
{
    const struct ppc_cpu *s = ppc_of(cpu);
    unsigned i = find(s, (uint32_t)va, (s->mmucr & STS) != 0, s->mmucr & 255);

    return i < PPC_TLB_ENTRIES ? i : 1ull << 32;
}

/* As firmware leaves it: the whole space one to one, for the supervisor, in pages of 256 MiB. */
void ppc_mmu_reset(struct xl_cpu *cpu)
{
    struct ppc_cpu *s = ppc_of(cpu);

    for (uint32_t i = 0; i < 16; i++)
        s->tlb[i] = (struct ppc_tlb){.page = i << 28 | V | SIZE_MAX_CODE << SIZE_SHIFT, .real = i << 28, .rights = SR | SW | SX};
}
