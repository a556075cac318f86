/* SPDX-License-Identifier: MIT */
/*
 * Special purpose registers, MSR, returns from interrupts, DCRs and the TLB's instructions.
 *
 * What changes translation, privilege or interrupt enable, and what needs the exact time, is a helper that ends its block. Source: Book E 2.1, 2.3, 5, 6; 440 2, 5, 10.
 */
#include "ppc.h"

enum how { NO, PLAIN, TIMED, SET };
enum { SPR_XER = 1, SPR_PRIVILEGED = 0x10, SPR_USER_SPRG4 = 260, SPR_USER_SPRG7 = 263 };
enum { SPR_PID = 48, SPR_DBSR = 304, SPR_DBCR0 = 308, SPR_DBCR1 = 309, SPR_MCSR = 572, SPR_CCR0 = 947 };
#define DBCR0_RESET 0x30000000u

struct spr {
    uint16_t number;
    uint8_t read, write;
    uint32_t off, mask;
};

static const struct spr sprs[] = {
#define SPR(number, field, read, write, mask) {number, read, write, PPC_OFF(field), mask},
#include "spr.def"
};

static const struct spr *spr_find(unsigned number)
{
    for (unsigned i = 0; i < sizeof sprs / sizeof sprs[0]; i++)
        if (sprs[i].number == number)
            return &sprs[i];
    return NULL;
}

static unsigned number_of(const struct ppc_insn *d)
{
    return d->spr_lo | d->spr_hi << 5;
}

static bool user_may_not(struct xl_ctx *x, unsigned number)
{
    return number & SPR_PRIVILEGED && ppc_user_traps(x);
}

static void illegal(struct xl_ctx *x)
{
    ppc_raise(x, INT_PROGRAM | ESR_PIL);
}

static uint64_t timer_read(struct xl_cpu *cpu, uint64_t number)
{
    return ppc_timer_get(cpu, (unsigned)number);
}

static void timed_read(struct xl_ctx *x, unsigned rt, unsigned number)
{
    static const struct xl_helper helper = {"ppc_timer_read", (void *)timer_read, XL_H_READS | XL_H_WRITES | XL_H_ENDS};
    struct ir_ref arg = ir_const(x, number);

    ppc_put(x, rt, ir_callw(x, &helper, 1, &arg));
    ppc_end_block(x);
}

static struct ir_ref xer_get(struct xl_ctx *x)
{
    struct ir_ref so = ir_shl(x, ppc_so(x), ir_const(x, 31)), ov = ir_shl(x, ir_get(x, 0, PPC_OFF(ov)), ir_const(x, 30));
    struct ir_ref ca = ir_shl(x, ir_get(x, 0, PPC_OFF(ca)), ir_const(x, 29));

    return ir_or(x, ir_or(x, so, ov), ir_or(x, ca, ir_get(x, 0, PPC_OFF(xer_bytes))));
}

static void xer_put(struct xl_ctx *x, struct ir_ref value)
{
    struct ir_ref one = ir_const(x, 1);

    ir_put(x, 0, PPC_OFF(ov), ir_and(x, ir_shr(x, value, ir_const(x, 30)), one));
    ir_put(x, 0, PPC_OFF(ca), ir_and(x, ir_shr(x, value, ir_const(x, 29)), one));
    ir_put(x, 0, PPC_OFF(xer_bytes), ir_and(x, value, ir_const(x, 127)));
    ppc_so_put(x, ir_shr(x, value, ir_const(x, 31)));
}

/* mfspr   2.3 */
void ppc_mfspr(struct xl_ctx *x, const struct ppc_insn *d)
{
    unsigned number = number_of(d);

    if (user_may_not(x, number))
        return;
    if (number == SPR_XER) {
        ppc_put(x, d->rt, xer_get(x));
        return;
    }
    if (number == SPR_TBL || number == SPR_TBU || number == SPR_DEC) {
        timed_read(x, d->rt, number);
        return;
    }
    if (number >= SPR_USER_SPRG4 && number <= SPR_USER_SPRG7)
        number += SPR_PRIVILEGED;
    const struct spr *spr = spr_find(number);
    if (!spr || spr->read == NO)
        illegal(x);
    else if (spr->read == TIMED)
        timed_read(x, d->rt, number);
    else
        ppc_put(x, d->rt, ir_get(x, 0, spr->off));
}

/* mftb: the time base by its user numbers */
void ppc_mftb(struct xl_ctx *x, const struct ppc_insn *d)
{
    unsigned number = number_of(d);

    if (number == SPR_TBL || number == SPR_TBU)
        timed_read(x, d->rt, number);
    else
        illegal(x);
}

/* Bits 29:28 of DBCR0: reset of core, chip or system, which DBSR's bits MRR keep; the machine is off then, as nothing starts it again. */
static void debug_control_set(struct xl_cpu *cpu, uint32_t value)
{
    struct ppc_cpu *s = ppc_of(cpu);

    s->dbcr0 = value;
    if (value & DBCR0_RESET) {
        s->dbsr = (s->dbsr & ~DBCR0_RESET) | (value & DBCR0_RESET);
        xl_cpu_halt(cpu, 0);
    }
    ppc_debug_update(cpu);
}

static uint64_t spr_write(struct xl_cpu *cpu, uint64_t number, uint64_t value)
{
    struct ppc_cpu *s = ppc_of(cpu);

    switch (number) {
    case SPR_PID: ppc_pid_set(cpu, value & 255); break;
    case SPR_DBSR:
        s->dbsr &= ~(uint32_t)value;
        ppc_debug_update(cpu);
        break;
    case SPR_MCSR: s->mcsr &= ~(uint32_t)value; break;
    case SPR_DBCR0: debug_control_set(cpu, (uint32_t)value); break;
    case SPR_DBCR1:
        s->dbcr1 = (uint32_t)value;
        ppc_mode_update(cpu);
        break;
    case SPR_CCR0:
        s->ccr0 = (uint32_t)value;
        ppc_mode_update(cpu);
        break;
    default: ppc_timer_set(cpu, (unsigned)number, (uint32_t)value); break;
    }
    return 0;
}

static bool is_timer(unsigned number)
{
    return number == SPR_DEC || number == SPR_TBL_WRITE || number == SPR_TBU_WRITE;
}

/* mtspr   2.3 */
void ppc_mtspr(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_spr_write", (void *)spr_write, XL_H_READS | XL_H_WRITES | XL_H_ENDS};
    unsigned number = number_of(d);
    const struct spr *spr = spr_find(number);

    if (user_may_not(x, number))
        return;
    struct ir_ref value = ppc_get(x, d->rt);
    if (number == SPR_XER) {
        xer_put(x, value);
    } else if (is_timer(number) || (spr && spr->write == SET)) {
        ir_call(x, &helper, 2, (struct ir_ref[]){ir_const(x, number), value});
        ppc_end_block(x);
    } else if (!spr || spr->write == NO) {
        illegal(x);
    } else {
        ir_put(x, 0, spr->off, ir_and(x, value, ir_const(x, spr->mask)));
    }
}

/* DCRs: the machine's; a number that it has not is an illegal instruction. */
static uint64_t dcr_read(struct xl_cpu *cpu, uint64_t number)
{
    uint32_t value;

    if (!xl_io_read(cpu, (uint32_t)number, 4, &value))
        xl_raise(cpu, INT_PROGRAM | ESR_PIL);
    return value;
}

static uint64_t dcr_write(struct xl_cpu *cpu, uint64_t number, uint64_t value)
{
    if (!xl_io_write(cpu, (uint32_t)number, 4, (uint32_t)value))
        xl_raise(cpu, INT_PROGRAM | ESR_PIL);
    return 0;
}

void ppc_mfdcr(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_dcr_read", (void *)dcr_read, XL_H_READS | XL_H_FAULTS | XL_H_ENDS};
    struct ir_ref number = ir_const(x, number_of(d));

    if (ppc_user_traps(x))
        return;
    ppc_put(x, d->rt, ir_callw(x, &helper, 1, &number));
    ppc_end_block(x);
}

void ppc_mtdcr(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_dcr_write", (void *)dcr_write, XL_H_READS | XL_H_FAULTS | XL_H_ENDS};

    if (ppc_user_traps(x))
        return;
    ir_call(x, &helper, 2, (struct ir_ref[]){ir_const(x, number_of(d)), ppc_get(x, d->rt)});
    ppc_end_block(x);
}

void ppc_mfmsr(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (!ppc_user_traps(x))
        ppc_put(x, d->rt, ir_get(x, 0, PPC_OFF(msr)));
}

static uint64_t msr_write(struct xl_cpu *cpu, uint64_t value, uint64_t mask)
{
    ppc_msr_set(cpu, (ppc_of(cpu)->msr & ~(uint32_t)mask) | ((uint32_t)value & (uint32_t)mask));
    return 0;
}

static void msr_put(struct xl_ctx *x, struct ir_ref value, uint32_t mask)
{
    static const struct xl_helper helper = {"ppc_msr_write", (void *)msr_write, XL_H_READS | XL_H_WRITES | XL_H_ENDS};

    ir_call(x, &helper, 2, (struct ir_ref[]){value, ir_const(x, mask)});
    ppc_end_block(x);
}

void ppc_mtmsr(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (!ppc_user_traps(x))
        msr_put(x, ppc_get(x, d->rt), MSR_KEPT);
}

void ppc_wrtee(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (!ppc_user_traps(x))
        msr_put(x, ppc_get(x, d->rt), MSR_EE);
}

/* wrteei: to disable is a word operation; an interrupt that was due has been taken */
void ppc_wrteei(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (ppc_user_traps(x))
        return;
    if (d->ee)
        msr_put(x, ir_const(x, MSR_EE), MSR_EE);
    else
        ir_put(x, 0, PPC_OFF(msr), ir_and(x, ir_get(x, 0, PPC_OFF(msr)), ir_const(x, ~(uint32_t)MSR_EE)));
}

static uint64_t return_from(struct xl_cpu *cpu, uint64_t pc, uint64_t msr)
{
    struct xl_env *env = xl_cpu_env(cpu);

    ppc_msr_set(cpu, (uint32_t)msr & MSR_KEPT);
    env->pc = (uint32_t)pc & ~3u;
    env->npc = env->pc + 4;
    return 0;
}

/* rfi rfci rfmci   5 */
static void interrupt_return(struct xl_ctx *x, enum ppc_return from, uint32_t pc, uint32_t msr)
{
    static const struct xl_helper helper = {"ppc_return", (void *)return_from, XL_H_READS | XL_H_WRITES | XL_H_ENDS};

    if (ppc_user_traps(x))
        return;
    ppc_debug_return(x, from);
    ir_call(x, &helper, 2, (struct ir_ref[]){ir_get(x, 0, pc), ir_get(x, 0, msr)});
    ppc_debug_end(x);
    ir_exit_state(x);
}

#define RETURN(name, from, pc, msr) \
    void ppc_##name(struct xl_ctx *x, const struct ppc_insn *d) \
    { \
        (void)d; \
        interrupt_return(x, from, PPC_OFF(pc), PPC_OFF(msr)); \
    }
RETURN(rfi, RETURN_PLAIN, srr0, srr1)
RETURN(rfci, RETURN_CRITICAL, csrr0, csrr1)
RETURN(rfmci, RETURN_CRITICAL, mcsrr0, mcsrr1)

/* tlbre tlbwe tlbsx   440 5.9 */
void ppc_tlbre(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_tlb_read", (void *)ppc_tlb_read, XL_H_READS | XL_H_WRITES};

    if (ppc_user_traps(x))
        return;
    if (d->ws > 2)
        illegal(x);
    else
        ppc_put(x, d->rt, ir_callw(x, &helper, 2, (struct ir_ref[]){ppc_get(x, d->ra), ir_const(x, d->ws)}));
}

void ppc_tlbwe(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_tlb_write", (void *)ppc_tlb_write, XL_H_READS | XL_H_WRITES | XL_H_ENDS};

    if (ppc_user_traps(x))
        return;
    if (d->ws > 2) {
        illegal(x);
        return;
    }
    ir_call(x, &helper, 3, (struct ir_ref[]){ppc_get(x, d->ra), ir_const(x, d->ws), ppc_get(x, d->rt)});
    ppc_end_block(x);
}

/* rt is left alone when there is no such entry; tlbsx. says so in EQ */
void ppc_tlbsx(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_tlb_search", (void *)ppc_tlb_search, XL_H_READS};

    if (ppc_user_traps(x))
        return;
    struct ir_ref va = ir_add(x, ppc_base(x, d->ra), ppc_get(x, d->rb));
    struct ir_ref both = ir_calld(x, &helper, 1, &va), none = ir_op1(x, IR_OP_HI, both);
    ppc_put(x, d->rt, ir_select(x, none, ppc_get(x, d->rt), ir_op1(x, IR_OP_LO, both)));
    if (d->word & 1)
        ppc_field_put(x, 0, ir_or(x, ir_shl(x, ir_xor(x, none, ir_const(x, 1)), ir_const(x, 1)), ppc_so(x)));
}
