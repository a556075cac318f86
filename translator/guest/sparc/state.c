/* SPDX-License-Identifier: MIT */
/*
 * Registers that are put together from parts, register windows, trap entry and interrupts.
 *
 * Called by the core between blocks and by helpers at run time. Source: V8 4.2, 7.
 */
#include "sparc.h"

uint32_t sparc_psr(struct xl_cpu *cpu)
{
    const struct sparc_cpu *s = sparc_of(cpu);

    return PSR_IMPL_VER | xl_flags_nzvc(xl_cpu_env(cpu)) << 20 | s->psr | s->cwp;
}

static void mode_update(struct xl_cpu *cpu)
{
    uint32_t psr = sparc_of(cpu)->psr;

    xl_cpu_env(cpu)->mode = (psr & PSR_S ? SPARC_MODE_S : 0) | (psr & PSR_EF ? SPARC_MODE_EF : 0);
}

void sparc_cwp_set(struct xl_cpu *cpu, uint32_t cwp)
{
    struct sparc_cpu *s = sparc_of(cpu);
    struct xl_env *env = xl_cpu_env(cpu);

    s->cwp = cwp % SPARC_WINDOWS;
    env->bank[1] = &s->win[s->cwp * 16];
    env->bank[2] = &s->win[(s->cwp + 1) % SPARC_WINDOWS * 16];
}

/* The caller has checked that the CWP in it is below SPARC_WINDOWS. */
void sparc_psr_set(struct xl_cpu *cpu, uint32_t psr)
{
    sparc_of(cpu)->psr = psr & PSR_KEPT;
    xl_flags_put(xl_cpu_env(cpu), psr >> 20 & 15);
    sparc_cwp_set(cpu, psr & 31);
    mode_update(cpu);
}

uint32_t sparc_fsr(struct xl_cpu *cpu)
{
    const struct sparc_cpu *s = sparc_of(cpu);

    sparc_fp_settle(cpu);
    return s->fsr | FSR_VER | s->ftt << 14 | s->fcc << 10 | s->aexc << 5 | s->cexc;
}

/* LDFSR writes neither ver nor ftt nor qne   V8 4.4 */
void sparc_fsr_set(struct xl_cpu *cpu, uint32_t fsr)
{
    struct sparc_cpu *s = sparc_of(cpu);

    sparc_fp_settle(cpu);
    s->fsr = fsr & FSR_KEPT;
    s->fcc = fsr >> 10 & 3;
    s->aexc = fsr >> 5 & 31;
    s->cexc = fsr & 31;
    sparc_fp_guard(s);
}

/* Trap entry, or error mode while traps are disabled   V8 7.1, 7.4 */
void sparc_trap(struct xl_cpu *cpu, uint32_t tt)
{
    struct sparc_cpu *s = sparc_of(cpu);
    struct xl_env *env = xl_cpu_env(cpu);

    if (!(s->psr & PSR_ET)) {
        s->tt = tt;
        xl_cpu_halt(cpu, tt == TT_TRAP ? 0 : (int)tt); /* firmware halts by `ta 0` with traps disabled: a wanted end */
        return;
    }
    sparc_cwp_set(cpu, s->cwp + SPARC_WINDOWS - 1);
    env->bank[1][8 + 1] = env->pc;
    env->bank[1][8 + 2] = env->npc;
    s->psr = (s->psr & ~(uint32_t)(PSR_ET | PSR_PS)) | (s->psr & PSR_S ? PSR_PS : 0) | PSR_S;
    mode_update(cpu);
    s->tt = tt;
    env->pc = s->tba | tt << 4;
    env->npc = env->pc + 4;
}

void sparc_deliver_fault(struct xl_cpu *cpu, const struct xl_fault *f)
{
    struct xl_env *env = xl_cpu_env(cpu);

    if (f->kind == XL_FAULT_ALIGN) {
        sparc_trap(cpu, TT_ALIGN);
        return;
    }
    sparc_mmu_record(cpu, f);
    if (f->access == MMU_FETCH) {
        sparc_trap(cpu, TT_INSN_ACCESS);
    } else if (sparc_mmu_no_fault(cpu)) { /* the access has no effect, the load's result is undefined   V8 H.6 */
        env->pc = env->npc;
        env->npc += 4;
    } else {
        sparc_trap(cpu, TT_DATA_ACCESS);
    }
}

/* A request above PIL, or 15, is taken when traps are enabled; it ends power-down even when they are not   V8 7.3 */
bool sparc_take_interrupt(struct xl_cpu *cpu)
{
    struct sparc_cpu *s = sparc_of(cpu);
    struct xl_env *env = xl_cpu_env(cpu);
    uint32_t level = env->irq_level;

    if (!level || (level != 15 && level <= (s->psr & PSR_PIL) >> 8))
        return false;
    env->idle = 0;
    if (!(s->psr & PSR_ET))
        return false;
    xl_irq_ack(cpu, level);
    sparc_trap(cpu, TT_INTERRUPT + level);
    return true;
}

/* Registers by name. bank 0xff: put together, `off` says which. */
enum special { REG_PC, REG_NPC, REG_PSR, REG_TBR, REG_FSR };
#define SPECIAL 0xff
#define BANK(letter, bank, first) \
    {letter "0", bank, 4 * (first)}, {letter "1", bank, 4 * (first) + 4}, {letter "2", bank, 4 * (first) + 8}, {letter "3", bank, 4 * (first) + 12}, \
        {letter "4", bank, 4 * (first) + 16}, {letter "5", bank, 4 * (first) + 20}, {letter "6", bank, 4 * (first) + 24}, {letter "7", bank, 4 * (first) + 28}
#define F1(name, n) {"f" name, 0, SPARC_OFF(f) + 4 * ((n) ^ 1)}
#define F8(a, b, c, d, e, f_, g_, h, first) \
    F1(a, first), F1(b, first + 1), F1(c, first + 2), F1(d, first + 3), F1(e, first + 4), F1(f_, first + 5), F1(g_, first + 6), F1(h, first + 7)
#define WINDOW(n) \
    BANK("w" #n "o", 0, SPARC_OFF(win) / 4 + 16 * n), BANK("w" #n "l", 0, SPARC_OFF(win) / 4 + 16 * n + 8)

const struct xl_reg_name sparc_regs[] = {
    {"pc", SPECIAL, REG_PC},
    {"npc", SPECIAL, REG_NPC},
    {"psr", SPECIAL, REG_PSR},
    {"tbr", SPECIAL, REG_TBR},
    {"fsr", SPECIAL, REG_FSR},
    {"wim", 0, SPARC_OFF(wim)},
    {"y", 0, SPARC_OFF(y)},
    BANK("g", 0, 0),
    BANK("o", 1, 0),
    BANK("l", 1, 8),
    BANK("i", 2, 0),
    F8("0", "1", "2", "3", "4", "5", "6", "7", 0),
    F8("8", "9", "10", "11", "12", "13", "14", "15", 8),
    F8("16", "17", "18", "19", "20", "21", "22", "23", 16),
    F8("24", "25", "26", "27", "28", "29", "30", "31", 24),
    WINDOW(0), WINDOW(1), WINDOW(2), WINDOW(3), WINDOW(4), WINDOW(5), WINDOW(6), WINDOW(7),
    {"mmu_control", 0, SPARC_OFF(mmu_control)},
    {"mmu_table", 0, SPARC_OFF(mmu_table)},
    {"mmu_context", 0, SPARC_OFF(mmu_context)},
    {"mmu_sfsr", 0, SPARC_OFF(mmu_sfsr)},
    {"mmu_sfar", 0, SPARC_OFF(mmu_sfar)},
    {0},
};
enum { REG_COUNT = sizeof(sparc_regs) / sizeof(sparc_regs[0]) - 1 };

bool sparc_reg_get(struct xl_cpu *cpu, unsigned index, uint64_t *value)
{
    const struct xl_env *env = xl_cpu_env(cpu);

    if (index >= REG_COUNT)
        return false;
    const struct xl_reg_name *reg = &sparc_regs[index];
    if (reg->bank != SPECIAL) {
        *value = env->bank[reg->bank][reg->off / 4];
        return true;
    }
    switch (reg->off) {
    case REG_PC: *value = env->pc; break;
    case REG_NPC: *value = env->npc; break;
    case REG_PSR: *value = sparc_psr(cpu); break;
    case REG_TBR: *value = sparc_of(cpu)->tba | sparc_of(cpu)->tt << 4; break;
    default: *value = sparc_fsr(cpu); break;
    }
    return true;
}

/* Setting pc sets npc to the next word: set npc after it. A PSR with a CWP that does not exist is refused. */
bool sparc_reg_set(struct xl_cpu *cpu, unsigned index, uint64_t value)
{
    struct xl_env *env = xl_cpu_env(cpu);
    struct sparc_cpu *s = sparc_of(cpu);

    if (index >= REG_COUNT || value > UINT32_MAX)
        return false;
    const struct xl_reg_name *reg = &sparc_regs[index];
    uint32_t word = (uint32_t)value;
    if (reg->bank != SPECIAL) {
        if (reg->bank == 0 && reg->off == 0 && word)
            return false; /* %g0 */
        env->bank[reg->bank][reg->off / 4] = word;
        if (reg->bank == 0 && reg->off >= SPARC_OFF(mmu_control) && reg->off <= SPARC_OFF(mmu_context))
            xl_tlb_flush(cpu, -1);
        return true;
    }
    switch (reg->off) {
    case REG_PC:
        env->pc = word & ~3u;
        env->npc = env->pc + 4;
        return true;
    case REG_NPC: env->npc = word & ~3u; return true;
    case REG_PSR:
        if ((word & 31) >= SPARC_WINDOWS)
            return false;
        sparc_psr_set(cpu, word);
        return true;
    case REG_TBR:
        s->tba = word & 0xfffff000u;
        s->tt = word >> 4 & 255;
        return true;
    default:
        sparc_fsr_set(cpu, word);
        s->ftt = word >> 14 & 7;
        return true;
    }
}
