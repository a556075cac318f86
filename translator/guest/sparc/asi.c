/* SPDX-License-Identifier: MIT */
/*
 * Alternate address spaces that are no plain memory: MMU registers, probe and flush, caches, bypass.
 *
 * Called from translated code as the last thing of its block; privilege is checked before. Source: GRLIB LEON3, ASI assignments; V8 appendix I.
 */
#include "sparc.h"

enum { ASI_CACHE_REGS = 0x02, ASI_MMU_PROBE = 0x03, ASI_MMU_REGS_V8 = 0x04, ASI_MMU_FLUSH = 0x18, ASI_MMU_REGS = 0x19, ASI_BYPASS = 0x1c };
/* Cache registers: one way of 4 KiB, lines of 16 bytes, MMU present; the data cache snoops. */
enum { ICACHE_CONFIG = 0x10220008, DCACHE_CONFIG = 0x18220008, CACHE_CONTROL_KEPT = 0x0081003f };

static _Noreturn void access_fails(struct xl_cpu *cpu, uint32_t va, enum mmu_access access, unsigned size)
{
    struct xl_fault f = {.kind = XL_FAULT_BUS, .access = access, .mmu = SPARC_MMU_SUPER, .size = (uint8_t)size, .va = {va}};

    xl_fault(cpu, &f);
}

/* Caches: tags and data that diagnostics may touch, flushes. Nothing is kept there. */
static bool asi_is_cache(uint32_t asi)
{
    return (asi >= 0x0c && asi <= 0x17) || asi == 0x1e;
}

static bool asi_bypasses(uint32_t asi)
{
    return asi == ASI_BYPASS || (asi >= 0x20 && asi <= 0x2f);
}

static gpa_t bypass_pa(uint32_t asi, uint32_t va)
{
    return (gpa_t){(asi == ASI_BYPASS ? 0 : (uint64_t)(asi & 15) << 32) | va};
}

static bool cache_reg(const struct sparc_cpu *s, uint32_t va, uint32_t *value)
{
    switch (va) {
    case 0x0: *value = s->cache_control; return true;
    case 0x8: *value = ICACHE_CONFIG; return true;
    case 0xc: *value = DCACHE_CONFIG; return true;
    default: *value = 0; return va < 0x40;
    }
}

/* Read a register space: false when there is nothing at that address. */
static bool register_load(struct xl_cpu *cpu, uint32_t asi, uint32_t va, uint32_t *value)
{
    *value = 0;
    switch (asi) {
    case ASI_MMU_PROBE:
    case ASI_MMU_FLUSH: *value = sparc_mmu_probe(cpu, va); return true;
    case ASI_MMU_REGS:
    case ASI_MMU_REGS_V8: return sparc_mmu_reg_get(cpu, va, value);
    case ASI_CACHE_REGS: return cache_reg(sparc_of(cpu), va, value);
    default: return asi_is_cache(asi);
    }
}

static bool register_store(struct xl_cpu *cpu, uint32_t asi, uint32_t va, uint32_t value)
{
    switch (asi) {
    case ASI_MMU_PROBE:
    case ASI_MMU_FLUSH: sparc_mmu_flush(cpu, va); return true;
    case ASI_MMU_REGS:
    case ASI_MMU_REGS_V8: return sparc_mmu_reg_set(cpu, va, value);
    case ASI_CACHE_REGS:
        if (va == 0)
            sparc_of(cpu)->cache_control = value & CACHE_CONTROL_KEPT;
        return va < 0x40;
    default: return asi_is_cache(asi);
    }
}

uint64_t sparc_asi_load(struct xl_cpu *cpu, uint64_t how, uint64_t va_wide)
{
    uint32_t asi = how & 255, size = how >> 8 & 15, va = (uint32_t)va_wide, word;
    uint64_t value = 0;

    if (va & (size - 1))
        xl_raise(cpu, TT_ALIGN);
    if (asi_bypasses(asi)) {
        if (!xl_phys_load(cpu, bypass_pa(asi, va), size, &value))
            access_fails(cpu, va, MMU_READ, size);
    } else {
        if (!register_load(cpu, asi, va, &word))
            access_fails(cpu, va, MMU_READ, size);
        value = word;
    }
    if (how >> 12 & 1)
        value = size == 1 ? (uint32_t)(int8_t)value : (uint32_t)(int16_t)value;
    return value;
}

uint64_t sparc_asi_store(struct xl_cpu *cpu, uint64_t how, uint64_t va_wide, uint64_t value)
{
    uint32_t asi = how & 255, size = how >> 8 & 15, va = (uint32_t)va_wide;

    if (va & (size - 1))
        xl_raise(cpu, TT_ALIGN);
    bool done = asi_bypasses(asi) ? xl_phys_store(cpu, bypass_pa(asi, va), size, value) : register_store(cpu, asi, va, (uint32_t)value);
    if (!done)
        access_fails(cpu, va, MMU_WRITE, size);
    return 0;
}
