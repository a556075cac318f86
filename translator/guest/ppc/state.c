/* SPDX-License-Identifier: MIT */
/*
 * Registers that are put together from parts, interrupts, reset.
 *
 * Called by the core between blocks and by helpers at run time. Source: 440 chapters 2, 6.
 */
#include "ppc.h"

#define PVR_440EP_B 0x422218d3u
#define MCSR_MCS 0x80000000u
#define MCSR_INSN_PLB 0x40000000u
#define MCSR_READ_PLB 0x20000000u
#define MCSR_WRITE_PLB 0x10000000u
enum { CCR0_FLSTA = 0x100 };

static uint32_t field_bits(const struct ppc_field *f)
{
    uint32_t bias = f->how & FIELD_UNSIGNED;
    int32_t a = (int32_t)(f->a ^ bias), b = (int32_t)(f->b ^ bias);

    return ((uint32_t)(a < b) << 3 | (uint32_t)(a > b) << 2 | (uint32_t)(a == b) << 1) ^ (f->how & FIELD_TURNED);
}

void ppc_field_set(struct ppc_cpu *s, unsigned field, uint32_t bits)
{
    s->cr[field] = (struct ppc_field){.how = bits ^ FIELD_EQUAL};
}

uint32_t ppc_cr(const struct ppc_cpu *s)
{
    uint32_t cr = 0;

    for (unsigned i = 0; i < 8; i++)
        cr = cr << 4 | field_bits(&s->cr[i]);
    return cr;
}

void ppc_cr_set(struct ppc_cpu *s, uint32_t cr, uint32_t mask)
{
    for (unsigned i = 0; i < 8; i++)
        if (mask >> (28 - 4 * i) & 15)
            ppc_field_set(s, i, cr >> (28 - 4 * i) & 15);
}

uint32_t ppc_xer(const struct ppc_cpu *s)
{
    return s->so << 31 | s->ov << 30 | s->ca << 29 | s->xer_bytes;
}

void ppc_xer_set(struct xl_cpu *cpu, uint32_t xer)
{
    struct ppc_cpu *s = ppc_of(cpu);

    s->so = xer >> 31;
    s->ov = xer >> 30 & 1;
    s->ca = xer >> 29 & 1;
    s->xer_bytes = xer & 127;
    ppc_mode_update(cpu);
}

void ppc_mode_update(struct xl_cpu *cpu)
{
    const struct ppc_cpu *s = ppc_of(cpu);
    uint32_t msr = s->msr;

    xl_cpu_env(cpu)->mode = (msr & MSR_PR ? PPC_MODE_PR : 0) | (msr & MSR_IS ? PPC_MODE_IS : 0) | (msr & MSR_DS ? PPC_MODE_DS : 0) | (msr & MSR_FP ? PPC_MODE_FP : 0) |
                            (s->so ? PPC_MODE_SO : 0) | (s->ccr0 & CCR0_FLSTA ? PPC_MODE_ALIGNED : 0) | ppc_debug_mode(s);
}

/* WE waits for an interrupt; what waited for EE or CE may be taken now. */
void ppc_msr_set(struct xl_cpu *cpu, uint32_t msr)
{
    struct xl_env *env = xl_cpu_env(cpu);

    ppc_of(cpu)->msr = msr & MSR_KEPT;
    ppc_mode_update(cpu);
    env->idle = (msr & MSR_WE) != 0;
    if (env->irq_level || env->irq_own || env->idle)
        xl_attention(cpu);
}

static void go_to(struct xl_cpu *cpu, uint32_t offset, uint32_t msr)
{
    struct xl_env *env = xl_cpu_env(cpu);

    ppc_msr_set(cpu, msr);
    env->pc = ppc_of(cpu)->ivpr | offset;
    env->npc = env->pc + 4;
}

/* Interrupts of the three classes keep where they came from in registers of their own   440 6.2, 6.4 */
static void enter(struct xl_cpu *cpu, enum ppc_interrupt number, uint32_t pc)
{
    struct ppc_cpu *s = ppc_of(cpu);
    uint32_t offset = (&s->ivor0)[number];
    bool is_critical = number == INT_CRITICAL || number == INT_WATCHDOG || number == INT_DEBUG;

    if (number == INT_MACHINE_CHECK) {
        s->mcsrr0 = pc;
        s->mcsrr1 = s->msr;
        go_to(cpu, offset, 0);
    } else if (is_critical) {
        s->csrr0 = pc;
        s->csrr1 = s->msr;
        go_to(cpu, offset, s->msr & MSR_ME);
    } else {
        s->srr0 = pc;
        s->srr1 = s->msr;
        go_to(cpu, offset, s->msr & (MSR_CE | MSR_ME | MSR_DE));
    }
    ppc_debug_interrupt(cpu, is_critical || number == INT_MACHINE_CHECK);
}

/* Nothing answered on the bus. With ME off the CPU stops: a checkstop. */
static void machine_check(struct xl_cpu *cpu, enum mmu_access access)
{
    static const uint32_t cause[] = {[MMU_READ] = MCSR_READ_PLB, [MMU_WRITE] = MCSR_WRITE_PLB, [MMU_FETCH] = MCSR_INSN_PLB, [MMU_LOOK] = 0};
    struct ppc_cpu *s = ppc_of(cpu);

    s->mcsr |= MCSR_MCS | cause[access];
    if (access == MMU_FETCH)
        s->esr = ESR_MCI;
    if (s->msr & MSR_ME)
        enter(cpu, INT_MACHINE_CHECK, xl_cpu_env(cpu)->pc);
    else
        xl_cpu_halt(cpu, INT_MACHINE_CHECK);
}

void ppc_deliver_fault(struct xl_cpu *cpu, const struct xl_fault *f)
{
    struct ppc_cpu *s = ppc_of(cpu);
    bool is_miss = f->code == WALK_MISS;

    if (f->kind == XL_FAULT_BUS) {
        machine_check(cpu, f->access);
        return;
    }
    if (f->access == MMU_FETCH) {
        if (xl_cpu_env(cpu)->mode & PPC_MODE_IAC && ppc_debug_fetch(cpu, xl_cpu_env(cpu)->pc)) {
            ppc_deliver_exception(cpu, INT_DEBUG);
            return;
        }
        if (!is_miss)
            s->esr = 0;
        enter(cpu, is_miss ? INT_INSN_TLB : INT_INSN_STORAGE, xl_cpu_env(cpu)->pc);
        return;
    }
    s->dear = f->va.v;
    s->esr = f->access == MMU_WRITE ? ESR_ST : 0;
    if (f->kind == XL_FAULT_ALIGN)
        enter(cpu, INT_ALIGNMENT, xl_cpu_env(cpu)->pc);
    else
        enter(cpu, is_miss ? INT_DATA_TLB : INT_DATA_STORAGE, xl_cpu_env(cpu)->pc);
}

/* A system call returns behind itself, everything else to the instruction. */
void ppc_deliver_exception(struct xl_cpu *cpu, uint32_t exception)
{
    enum ppc_interrupt number = exception & INT_MASK;
    uint32_t pc = xl_cpu_env(cpu)->pc;

    if (number == INT_DEBUG && ppc_debug_stopped(ppc_of(cpu)))
        return;
    if (number == INT_PROGRAM || number == INT_DATA_STORAGE)
        ppc_of(cpu)->esr = exception & ESR_KEPT;
    enter(cpu, number, number == INT_SYSTEM_CALL ? pc + 4 : pc);
}

/* In the order of their priority   440 6.6 */
bool ppc_take_interrupt(struct xl_cpu *cpu)
{
    static const struct {
        uint8_t level, own, number;
        uint32_t enable;
    } request[] = {
        {0, OWN_DEBUG, INT_DEBUG, MSR_DE},       {IRQ_CRITICAL, 0, INT_CRITICAL, MSR_CE},     {0, OWN_WATCHDOG, INT_WATCHDOG, MSR_CE},     {IRQ_EXTERNAL, 0, INT_EXTERNAL, MSR_EE},
        {0, OWN_FIT, INT_FIT, MSR_EE},           {0, OWN_DECREMENTER, INT_DECREMENTER, MSR_EE},
    };
    const struct xl_env *env = xl_cpu_env(cpu);
    uint32_t msr = ppc_of(cpu)->msr;

    for (unsigned i = 0; i < sizeof request / sizeof request[0]; i++)
        if (msr & request[i].enable && (env->irq_level & request[i].level || env->irq_own & request[i].own)) {
            enter(cpu, request[i].number, env->pc);
            return true;
        }
    return false;
}

/* As firmware hands a program over: supervisor, interrupts off, memory one to one. */
void ppc_reset(struct xl_cpu *cpu)
{
    struct xl_env *env = xl_cpu_env(cpu);
    struct ppc_cpu *s = ppc_of(cpu);

    *s = (struct ppc_cpu){.pvr = PVR_440EP_B, .dec_zero = UINT64_MAX, .fit_next = UINT64_MAX, .watchdog_next = UINT64_MAX, .frozen = UINT64_MAX};
    ppc_cr_set(s, 0, 0xffffffffu);
    ppc_msr_set(cpu, 0);
    ppc_mmu_reset(cpu);
    ppc_timers_reset(cpu);
    ppc_fpscr_put(&s->fpu, 0, 0xffffffffu);
    env->pc = 0;
    env->npc = 4;
}

/* Registers by name. bank 0xff: put together, `off` says which; 0xfe: an FP register. */
enum special { REG_PC, REG_MSR, REG_CR, REG_XER, REG_FPSCR };
#define SPECIAL 0xff
#define WIDE 0xfe
#define R8(a, b, c, d, e, f, g, h, first) \
    {"r" a, 0, PPC_GPR(first)}, {"r" b, 0, PPC_GPR(first + 1)}, {"r" c, 0, PPC_GPR(first + 2)}, {"r" d, 0, PPC_GPR(first + 3)}, {"r" e, 0, PPC_GPR(first + 4)}, \
        {"r" f, 0, PPC_GPR(first + 5)}, {"r" g, 0, PPC_GPR(first + 6)}, {"r" h, 0, PPC_GPR(first + 7)}
#define F8(a, b, c, d, e, f, g, h, first) \
    {"f" a, WIDE, PPC_FPR(first)}, {"f" b, WIDE, PPC_FPR(first + 1)}, {"f" c, WIDE, PPC_FPR(first + 2)}, {"f" d, WIDE, PPC_FPR(first + 3)}, {"f" e, WIDE, PPC_FPR(first + 4)}, \
        {"f" f, WIDE, PPC_FPR(first + 5)}, {"f" g, WIDE, PPC_FPR(first + 6)}, {"f" h, WIDE, PPC_FPR(first + 7)}

const struct xl_reg_name ppc_regs[] = {
    {"pc", SPECIAL, REG_PC},
    {"msr", SPECIAL, REG_MSR},
    {"cr", SPECIAL, REG_CR},
    {"xer", SPECIAL, REG_XER},
    R8("0", "1", "2", "3", "4", "5", "6", "7", 0),
    R8("8", "9", "10", "11", "12", "13", "14", "15", 8),
    R8("16", "17", "18", "19", "20", "21", "22", "23", 16),
    R8("24", "25", "26", "27", "28", "29", "30", "31", 24),
#define SPR(number, field, read, write, mask) {#field, 0, PPC_OFF(field)},
#include "spr.def"
    {"reserved", 0, PPC_OFF(reserved)},
    {"reserved_at", 0, PPC_OFF(reserved_at)},
    {"fpscr", SPECIAL, REG_FPSCR},
    F8("0", "1", "2", "3", "4", "5", "6", "7", 0),
    F8("8", "9", "10", "11", "12", "13", "14", "15", 8),
    F8("16", "17", "18", "19", "20", "21", "22", "23", 16),
    F8("24", "25", "26", "27", "28", "29", "30", "31", 24),
    {0},
};
enum { REG_COUNT = sizeof(ppc_regs) / sizeof(ppc_regs[0]) - 1 };

bool ppc_reg_get(struct xl_cpu *cpu, unsigned index, uint64_t *value)
{
    struct ppc_cpu *s = ppc_of(cpu);

    if (index >= REG_COUNT)
        return false;
    const struct xl_reg_name *reg = &ppc_regs[index];
    if (reg->bank == WIDE) {
        *value = s->fpu.f[(reg->off - PPC_FPR(0)) / 8];
        return true;
    }
    if (reg->off == PPC_OFF(tsr) && reg->bank != SPECIAL)
        ppc_timers_update(cpu);
    if (reg->bank != SPECIAL) {
        *value = xl_cpu_env(cpu)->bank[0][reg->off / 4];
        return true;
    }
    switch (reg->off) {
    case REG_PC: *value = xl_cpu_env(cpu)->pc; break;
    case REG_MSR: *value = s->msr; break;
    case REG_CR: *value = ppc_cr(s); break;
    case REG_FPSCR: *value = ppc_fpscr(&s->fpu); break;
    default: *value = ppc_xer(s); break;
    }
    return true;
}

/* What decides translation or time goes the way of its instruction. */
static void word_set(struct xl_cpu *cpu, uint32_t off, uint32_t word)
{
    if (off == PPC_OFF(pid)) {
        ppc_pid_set(cpu, word & 255);
        return;
    }
    xl_cpu_env(cpu)->bank[0][off / 4] = word;
    if (off == PPC_OFF(tsr) || off == PPC_OFF(tcr))
        ppc_timers_update(cpu);
    else if (off == PPC_OFF(dbsr) || off == PPC_OFF(dbcr0) || off == PPC_OFF(dbcr1) || off == PPC_OFF(ccr0))
        ppc_debug_update(cpu);
}

bool ppc_reg_set(struct xl_cpu *cpu, unsigned index, uint64_t value)
{
    struct xl_env *env = xl_cpu_env(cpu);
    struct ppc_cpu *s = ppc_of(cpu);

    if (index >= REG_COUNT)
        return false;
    const struct xl_reg_name *reg = &ppc_regs[index];
    if (reg->bank == WIDE) {
        s->fpu.f[(reg->off - PPC_FPR(0)) / 8] = value;
        return true;
    }
    if (value > UINT32_MAX)
        return false;
    uint32_t word = (uint32_t)value;
    if (reg->bank != SPECIAL) {
        word_set(cpu, reg->off, word);
        return true;
    }
    switch (reg->off) {
    case REG_PC:
        env->pc = word & ~3u;
        env->npc = env->pc + 4;
        return true;
    case REG_MSR: ppc_msr_set(cpu, word); return true;
    case REG_CR: ppc_cr_set(s, word, 0xffffffffu); return true;
    case REG_FPSCR: ppc_fpscr_put(&s->fpu, word, 0xffffffffu); return true;
    default: ppc_xer_set(cpu, word); return true;
    }
}
