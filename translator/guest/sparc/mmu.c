/* SPDX-License-Identifier: MIT */
/*
 * The SPARC Reference MMU as LEON3 has it: three-level walk, probe, flush, registers.
 *
 * The core keeps the TLB; it has no context tags, so a new context or table flushes it. Source: V8 appendix H; GRLIB LEON3, MMU.
 *
 *   page table entry   31 PPN 8 | 7 C | 6 M | 5 R | 4 ACC 2 | 1 ET 0        ET: 0 invalid, 1 table, 2 page, 3 reserved
 *   table descriptor   31 PTP 2 | 1 ET 0
 *   SFSR               17 EBE 10 | 9 L 8 | 7 AT 5 | 4 FT 2 | 1 FAV | 0 OW
 */
#include "sparc.h"

enum { MMU_E = 1, MMU_NF = 2 };
enum { ET_INVALID, ET_TABLE, ET_PAGE };
enum { FT_INVALID = 1, FT_PROTECTION = 2, FT_PRIVILEGE = 3, FT_TRANSLATION = 4, FT_BUS = 5 };
enum { PTE_R = 1 << 5, PTE_M = 1 << 6, SFSR_FAV = 2, SFSR_OW = 1 };
#define MMU_VERSION 0x01000000u /* IMPL 0, VER 1 */

enum { R = 1, W = 2, E = 4 };
/* ACC: what the user and the supervisor may do   V8 H.3 */
static const uint8_t acc_rights[8][2] = {{R, R}, {R | W, R | W}, {R | E, R | E}, {R | W | E, R | W | E}, {E, E}, {R, R | W}, {0, R | E}, {0, R | W | E}};
static const uint8_t level_shift[4] = {32, 24, 18, 12};

struct entry {
    uint64_t pa; /* where it lies */
    uint32_t word;
    unsigned level;
};

/* Fetch entries downwards until one is no table, or level `last` is reached; returns 0 or a fault type. */
static unsigned table_walk(struct xl_cpu *cpu, uint32_t va, unsigned last, struct entry *e)
{
    const struct sparc_cpu *s = sparc_of(cpu);
    uint64_t word;

    e->pa = ((uint64_t)(s->mmu_table & ~3u) << 4) + (uint64_t)s->mmu_context * 4;
    for (e->level = 0;; e->level++) {
        if (!xl_phys_load(cpu, (gpa_t){e->pa}, 4, &word))
            return FT_TRANSLATION;
        e->word = (uint32_t)word;
        if ((e->word & 3) != ET_TABLE || e->level == last)
            return 0;
        uint32_t bits = e->level == 0 ? 8 : 6;
        uint32_t index = va >> level_shift[e->level + 1] & ((1u << bits) - 1);
        e->pa = ((uint64_t)(e->word & ~3u) << 4) + index * 4;
    }
}

static bool walk_fails(struct mmu_walk *out, unsigned level, unsigned type)
{
    out->fault = level << 8 | type << 2;
    return false;
}

bool sparc_mmu_walk(struct xl_cpu *cpu, gva_t va, enum mmu_access access, unsigned mmu, struct mmu_walk *out)
{
    static const uint8_t needed[] = {[MMU_READ] = R, [MMU_WRITE] = W, [MMU_FETCH] = E, [MMU_LOOK] = R | W | E};
    const struct sparc_cpu *s = sparc_of(cpu);
    struct entry e;

    if (!(s->mmu_control & MMU_E)) {
        *out = (struct mmu_walk){.page = {va.v & ~0xfffu}, .read = true, .write = true, .exec = true, .span_bits = 32};
        return true;
    }
    unsigned type = table_walk(cpu, va.v, 3, &e);
    if (type)
        return walk_fails(out, e.level, type);
    if ((e.word & 3) != ET_PAGE)
        return walk_fails(out, e.level, (e.word & 3) == ET_INVALID ? FT_INVALID : FT_TRANSLATION);
    unsigned acc = e.word >> 2 & 7;
    unsigned rights = acc_rights[acc][mmu == SPARC_MMU_SUPER];
    if (!(rights & needed[access]))
        return walk_fails(out, e.level, acc >= 6 && mmu == SPARC_MMU_USER ? FT_PRIVILEGE : FT_PROTECTION);
    uint32_t marked = access == MMU_LOOK ? e.word : e.word | PTE_R | (access == MMU_WRITE ? PTE_M : 0);
    if (marked != e.word && !xl_phys_store(cpu, (gpa_t){e.pa}, 4, marked))
        return walk_fails(out, e.level, FT_TRANSLATION);
    uint64_t inside = (1ull << level_shift[e.level]) - 1;
    uint64_t base = (uint64_t)(e.word & 0xffffff00u) << 4;
    *out = (struct mmu_walk){.page = {(base & ~inside) | (va.v & inside & ~0xfffull)},
                             .read = (rights & R) && (marked & PTE_R),
                             .write = (rights & W) && (marked & PTE_M),
                             .exec = rights & E,
                             .span_bits = level_shift[e.level]};
    return true;
}

bool sparc_mmu_no_fault(struct xl_cpu *cpu)
{
    return (sparc_of(cpu)->mmu_control & (MMU_E | MMU_NF)) == (MMU_E | MMU_NF);
}

/* Keep the fault in SFSR and SFAR; one that was not read before is marked as overwritten   V8 H.5 */
void sparc_mmu_record(struct xl_cpu *cpu, const struct xl_fault *f)
{
    struct sparc_cpu *s = sparc_of(cpu);
    uint32_t access = (f->access == MMU_FETCH ? 2 : 0) | (f->access == MMU_WRITE ? 4 : 0) | (f->mmu == SPARC_MMU_SUPER);
    uint32_t code = f->kind == XL_FAULT_BUS ? FT_BUS << 2 | 3 << 8 : f->code;

    s->mmu_sfsr = code | access << 5 | SFSR_FAV | (s->mmu_sfsr & SFSR_FAV ? SFSR_OW : 0);
    s->mmu_sfar = f->va.v;
}

/* Probe: the entry at the level that address bits 11:8 name; 0 when there is none   V8 H.4 */
uint32_t sparc_mmu_probe(struct xl_cpu *cpu, uint32_t va)
{
    unsigned type = va >> 8 & 15;
    struct entry e;

    if (type > 4 || table_walk(cpu, va & ~0xfffu, type == 4 ? 3 : 3 - type, &e))
        return 0;
    if (type == 4)
        return (e.word & 3) == ET_PAGE ? e.word : 0;
    return e.level == 3 - type ? e.word : 0;
}

void sparc_mmu_flush(struct xl_cpu *cpu, uint32_t va)
{
    if ((va >> 8 & 15) == 0)
        xl_tlb_flush_page(cpu, -1, (gva_t){va & ~0xfffu});
    else
        xl_tlb_flush(cpu, -1);
}

bool sparc_mmu_reg_get(struct xl_cpu *cpu, uint32_t reg, uint32_t *value)
{
    struct sparc_cpu *s = sparc_of(cpu);

    switch (reg >> 8 & 31) {
    case 0: *value = MMU_VERSION | s->mmu_control; return true;
    case 1: *value = s->mmu_table; return true;
    case 2: *value = s->mmu_context; return true;
    case 3: /* reading clears it */
        *value = s->mmu_sfsr;
        s->mmu_sfsr = 0;
        return true;
    case 4: *value = s->mmu_sfar; return true;
    default: return false;
    }
}

bool sparc_mmu_reg_set(struct xl_cpu *cpu, uint32_t reg, uint32_t value)
{
    struct sparc_cpu *s = sparc_of(cpu);
    uint32_t enabled = s->mmu_control & MMU_E, table = s->mmu_table, context = s->mmu_context;

    switch (reg >> 8 & 31) {
    case 0: s->mmu_control = value & (MMU_E | MMU_NF); break;
    case 1: s->mmu_table = value & ~3u; break;
    case 2: s->mmu_context = value & 255; break;
    case 3: s->mmu_sfsr = value; return true;
    case 4: s->mmu_sfar = value; return true;
    default: return false;
    }
    /* Not for no-fault mode, which says what becomes of a fault: a guest's window traps switch it on and off. */
    if ((s->mmu_control & MMU_E) != enabled || s->mmu_table != table || s->mmu_context != context)
        xl_tlb_flush(cpu, -1);
    return true;
}
