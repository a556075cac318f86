/* SPDX-License-Identifier: MIT */
/*
 * Coprocessor 0: its registers, the TLB's instructions, returns from exceptions, waiting; coprocessors that are not there.
 *
 * What changes translation, privilege or interrupt enable, and what needs the exact time, is a helper that ends its block. Source: II 3.2, III 5, 8.
 */
#include "mips.h"

enum how { NO, PLAIN, TIMED, SET };
enum { CP0_PAGEMASK = 5, CP0_WIRED = 6, CP0_COUNT = 9, CP0_ENTRYHI = 10, CP0_COMPARE = 11, CP0_STATUS = 12 };
enum { HWR_CPU, HWR_SYNCI_STEP, HWR_COUNT, HWR_COUNT_STEP, SYNCI_STEP = 32, COUNT_STEP = 2 };

struct cp0 {
    uint8_t number, sel, read, write;
    uint32_t off, mask;
};

static const struct cp0 registers[] = {
#define CP0(number, sel, field, read, write, mask) {number, sel, read, write, MIPS_OFF(field), mask},
#include "cp0.def"
};

static const struct cp0 *find(const struct mips_insn *d)
{
    for (unsigned i = 0; i < sizeof registers / sizeof registers[0]; i++)
        if (registers[i].number == d->rd && registers[i].sel == d->sel)
            return &registers[i];
    return NULL;
}

static uint64_t timed_read(struct xl_cpu *cpu, uint64_t number)
{
    mips_timer_update(cpu);
    return number == CP0_COUNT ? mips_count(cpu) : mips_cause(cpu);
}

void mips_mfc0(struct xl_ctx *x, const struct mips_insn *d)
{
    static const struct xl_helper helper = {"mips_timed_read", (void *)timed_read, XL_H_READS | XL_H_WRITES | XL_H_ENDS};
    const struct cp0 *reg = find(d);
    struct ir_ref number = ir_const(x, d->rd);

    if (mips_cp0_off(x))
        return;
    if (reg && reg->read == TIMED) {
        mips_put(x, d->rt, ir_callw(x, &helper, 1, &number));
        mips_end_block(x);
    } else {
        mips_put(x, d->rt, reg ? ir_get(x, 0, reg->off) : ir_const(x, 0));
    }
}

static uint64_t register_write(struct xl_cpu *cpu, uint64_t number, uint64_t value)
{
    uint32_t word = (uint32_t)value;

    switch (number) {
    case CP0_PAGEMASK: mips_pagemask_set(cpu, word); break;
    case CP0_WIRED: mips_wired_set(cpu, word); break;
    case CP0_COUNT: mips_count_set(cpu, word); break;
    case CP0_ENTRYHI: mips_entryhi_set(cpu, word); break;
    case CP0_COMPARE: mips_compare_set(cpu, word); break;
    case CP0_STATUS: mips_status_set(cpu, word); break;
    default: mips_cause_set(cpu, word); break;
    }
    return 0;
}

void mips_mtc0(struct xl_ctx *x, const struct mips_insn *d)
{
    static const struct xl_helper helper = {"mips_register_write", (void *)register_write, XL_H_READS | XL_H_WRITES | XL_H_ENDS};
    const struct cp0 *reg = find(d);

    if (mips_cp0_off(x) || !reg || reg->write == NO)
        return;
    struct ir_ref value = mips_get(x, d->rt);
    if (reg->write == SET) {
        ir_call(x, &helper, 2, (struct ir_ref[]){ir_const(x, d->rd), value});
        mips_end_block(x);
    } else {
        struct ir_ref kept = ir_and(x, ir_get(x, 0, reg->off), ir_const(x, ~reg->mask));
        ir_put(x, 0, reg->off, ir_or(x, kept, ir_and(x, value, ir_const(x, reg->mask))));
    }
}

/* RDPGPR WRPGPR: there is one set of registers */
void mips_rdpgpr(struct xl_ctx *x, const struct mips_insn *d)
{
    if (!mips_cp0_off(x))
        mips_put(x, d->rd, mips_get(x, d->rt));
}

void mips_wrpgpr(struct xl_ctx *x, const struct mips_insn *d)
{
    mips_rdpgpr(x, d);
}

static uint64_t enable_write(struct xl_cpu *cpu, uint64_t enable)
{
    uint32_t status = mips_of(cpu)->status;

    mips_status_set(cpu, enable ? status | STATUS_IE : status & ~(uint32_t)STATUS_IE);
    return status;
}

static void enable_put(struct xl_ctx *x, const struct mips_insn *d, uint32_t enable)
{
    static const struct xl_helper helper = {"mips_enable_write", (void *)enable_write, XL_H_READS | XL_H_WRITES | XL_H_ENDS};
    struct ir_ref arg = ir_const(x, enable);

    if (mips_cp0_off(x))
        return;
    mips_put(x, d->rt, ir_callw(x, &helper, 1, &arg));
    mips_end_block(x);
}

void mips_di(struct xl_ctx *x, const struct mips_insn *d) { enable_put(x, d, 0); }
void mips_ei(struct xl_ctx *x, const struct mips_insn *d) { enable_put(x, d, 1); }

static uint64_t tlb_write(struct xl_cpu *cpu, uint64_t random)
{
    mips_tlb_write(cpu, random);
    return 0;
}

static uint64_t tlb_read(struct xl_cpu *cpu)
{
    mips_tlb_read(cpu);
    return 0;
}

static uint64_t tlb_probe(struct xl_cpu *cpu)
{
    mips_tlb_probe(cpu);
    return 0;
}

/* TLBWI TLBWR TLBR TLBP   III 4.4; TLBR changes the ASID, so it ends its block as the writes do */
static void tlb_op(struct xl_ctx *x, const struct xl_helper *helper, unsigned count, uint32_t random)
{
    struct ir_ref arg = ir_const(x, random);

    if (mips_cp0_off(x))
        return;
    ir_call(x, helper, count, &arg);
    mips_end_block(x);
}

#define TLB_OP(name, function, count, random) \
    void mips_##name(struct xl_ctx *x, const struct mips_insn *d) \
    { \
        static const struct xl_helper helper = {"mips_" #function, (void *)function, XL_H_READS | XL_H_WRITES | XL_H_ENDS}; \
        (void)d; \
        tlb_op(x, &helper, count, random); \
    }
TLB_OP(tlbwi, tlb_write, 1, 0)
TLB_OP(tlbwr, tlb_write, 1, 1)
TLB_OP(tlbr, tlb_read, 0, 0)
TLB_OP(tlbp, tlb_probe, 0, 0)

static uint64_t exception_return(struct xl_cpu *cpu)
{
    mips_exception_return(cpu);
    return 0;
}

/* ERET has no delay slot and may be in none. */
void mips_eret(struct xl_ctx *x, const struct mips_insn *d)
{
    static const struct xl_helper helper = {"mips_exception_return", (void *)exception_return, XL_H_READS | XL_H_WRITES | XL_H_ENDS};

    (void)d;
    if (mips_cp0_off(x))
        return;
    if (x->npc_dynamic) {
        mips_raise(x, EXC_RESERVED);
        return;
    }
    ir_call(x, &helper, 0, NULL);
    ir_exit_state(x);
}

static uint64_t wait_begin(struct xl_cpu *cpu)
{
    xl_cpu_env(cpu)->idle = 1;
    xl_attention(cpu);
    return 0;
}

void mips_wait(struct xl_ctx *x, const struct mips_insn *d)
{
    static const struct xl_helper helper = {"mips_wait", (void *)wait_begin, XL_H_READS | XL_H_WRITES | XL_H_ENDS};

    (void)d;
    if (mips_cp0_off(x))
        return;
    ir_call(x, &helper, 0, NULL);
    mips_end_block(x);
}

/* What HWREna does not give to users is reserved to them. */
static uint64_t hardware_register(struct xl_cpu *cpu, uint64_t number)
{
    const struct mips_cpu *s = mips_of(cpu);
    uint32_t user = (xl_cpu_env(cpu)->mode & (MIPS_MODE_USER | MIPS_MODE_CU0)) == MIPS_MODE_USER;

    if (number > HWR_COUNT_STEP || (user && !(s->hwrena >> number & 1)))
        xl_raise(cpu, EXC_RESERVED);
    switch (number) {
    case HWR_CPU: return 0;
    case HWR_SYNCI_STEP: return SYNCI_STEP;
    case HWR_COUNT: return mips_count(cpu);
    default: return COUNT_STEP;
    }
}

void mips_rdhwr(struct xl_ctx *x, const struct mips_insn *d)
{
    static const struct xl_helper helper = {"mips_rdhwr", (void *)hardware_register, XL_H_READS | XL_H_WRITES | XL_H_FAULTS | XL_H_ENDS};
    struct ir_ref number = ir_const(x, d->rd);

    mips_put(x, d->rt, ir_callw(x, &helper, 1, &number));
    mips_end_block(x);
}

#define ABSENT(name, unit) \
    void mips_##name(struct xl_ctx *x, const struct mips_insn *d) \
    { \
        (void)d; \
        mips_raise(x, EXC_COPROCESSOR | unit << EXC_UNIT_SHIFT); \
    }
ABSENT(movci, 1)
ABSENT(cop1, 1)
ABSENT(cop1x, 1)
ABSENT(lwc1, 1)
ABSENT(ldc1, 1)
ABSENT(swc1, 1)
ABSENT(sdc1, 1)
ABSENT(cop2, 2)
ABSENT(lwc2, 2)
ABSENT(ldc2, 2)
ABSENT(swc2, 2)
ABSENT(sdc2, 2)
