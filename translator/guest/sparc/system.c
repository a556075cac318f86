/* SPDX-License-Identifier: MIT */
/*
 * State registers, RETT, FLUSH, STBAR and the coprocessor instructions.
 *
 * What changes privilege, windows, interrupt enable or power-down is a helper, the last thing of its block. Source: V8 B.26, B.28-B.32; GRLIB LEON3, ASRs.
 */
#include "sparc.h"

/* ASR17, processor configuration: index 0 | V8 multiply and divide bit 8 | windows - 1 */
enum { ASR17 = 1 << 8 | (SPARC_WINDOWS - 1) };

static bool user_traps(struct xl_ctx *x)
{
    if (x->mode & SPARC_MODE_S)
        return false;
    sparc_raise(x, TT_PRIVILEGED);
    return true;
}

static void end_block(struct xl_ctx *x)
{
    ir_exit(x, x->npc, x->npc + 4);
    x->done = true;
}

/* RDY, STBAR, RDASR   V8 B.28, B.30: ASR 1-14 are reserved, the others read 0 where LEON3 has none */
void sparc_rdasr(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (d->rs1 == 0)
        sparc_put(x, d->rd, ir_get(x, 0, SPARC_OFF(y)));
    else if (d->rs1 == 15 && d->rd == 0)
        return; /* STBAR: stores are in order anyway */
    else if (d->rs1 < 16)
        sparc_raise(x, TT_ILLEGAL);
    else
        sparc_put(x, d->rd, ir_const(x, d->rs1 == 17 ? ASR17 : 0));
}

static uint64_t psr_read(struct xl_cpu *cpu)
{
    return sparc_psr(cpu);
}

void sparc_rdpsr(struct xl_ctx *x, const struct sparc_insn *d)
{
    static const struct xl_helper helper = {"sparc_psr_read", (void *)psr_read, XL_H_READS};

    if (!user_traps(x))
        sparc_put(x, d->rd, ir_callw(x, &helper, 0, NULL));
}

void sparc_rdwim(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (!user_traps(x))
        sparc_put(x, d->rd, ir_get(x, 0, SPARC_OFF(wim)));
}

void sparc_rdtbr(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (!user_traps(x))
        sparc_put(x, d->rd, ir_or(x, ir_get(x, 0, SPARC_OFF(tba)), ir_shl(x, ir_get(x, 0, SPARC_OFF(tt)), ir_const(x, 4))));
}

/* WR writes the exclusive or of its operands   V8 B.29 */
static struct ir_ref written(struct xl_ctx *x, const struct sparc_insn *d)
{
    return ir_xor(x, sparc_get(x, d->rs1), sparc_operand(x, d));
}

static uint64_t power_down(struct xl_cpu *cpu)
{
    xl_cpu_env(cpu)->idle = 1;
    xl_attention(cpu);
    return 0;
}

/* WRY, WRASR: a write to ASR19 waits for an interrupt; other ASRs above 15 keep nothing */
static void wrasr(struct xl_ctx *x, const struct sparc_insn *d)
{
    static const struct xl_helper helper = {"sparc_power_down", (void *)power_down, XL_H_READS | XL_H_ENDS};

    if (d->rd == 0) {
        ir_put(x, 0, SPARC_OFF(y), written(x, d));
    } else if (d->rd < 16) {
        sparc_raise(x, TT_ILLEGAL);
    } else if (!user_traps(x) && d->rd == 19) {
        ir_call(x, &helper, 0, NULL);
        end_block(x);
    }
}

/* An interrupt that waited may be taken now. */
static void interrupts_may_be_on(struct xl_cpu *cpu)
{
    if (xl_cpu_env(cpu)->irq_level)
        xl_attention(cpu);
}

static uint64_t psr_write(struct xl_cpu *cpu, uint64_t psr)
{
    if ((psr & 31) >= SPARC_WINDOWS)
        xl_raise(cpu, TT_ILLEGAL);
    sparc_psr_set(cpu, (uint32_t)psr);
    interrupts_may_be_on(cpu);
    return 0;
}

static void wrpsr(struct xl_ctx *x, const struct sparc_insn *d)
{
    static const struct xl_helper helper = {"sparc_psr_write", (void *)psr_write, XL_H_READS | XL_H_WRITES | XL_H_FAULTS | XL_H_BANKS | XL_H_ENDS};
    struct ir_ref value = written(x, d);

    if (user_traps(x))
        return;
    ir_call(x, &helper, 1, &value);
    end_block(x);
}

static void wrwim(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (!user_traps(x))
        ir_put(x, 0, SPARC_OFF(wim), ir_and(x, written(x, d), ir_const(x, (1u << SPARC_WINDOWS) - 1)));
}

static void wrtbr(struct xl_ctx *x, const struct sparc_insn *d)
{
    if (!user_traps(x))
        ir_put(x, 0, SPARC_OFF(tba), ir_and(x, written(x, d), ir_const(x, 0xfffff000u)));
}

/* The checks in the manual's order; while traps are disabled a trap is error mode, which sparc_trap makes of it   V8 B.26 */
static uint64_t return_from_trap(struct xl_cpu *cpu, uint64_t target, uint64_t npc)
{
    struct sparc_cpu *s = sparc_of(cpu);
    struct xl_env *env = xl_cpu_env(cpu);
    uint32_t cwp = (s->cwp + 1) % SPARC_WINDOWS;

    if (s->psr & PSR_ET)
        xl_raise(cpu, s->psr & PSR_S ? TT_ILLEGAL : TT_PRIVILEGED);
    if (!(s->psr & PSR_S))
        xl_raise(cpu, TT_PRIVILEGED);
    if (s->wim >> cwp & 1)
        xl_raise(cpu, TT_WINDOW_UNDERFLOW);
    if (target & 3)
        xl_raise(cpu, TT_ALIGN);
    uint32_t psr = (s->psr & ~(uint32_t)PSR_S) | (s->psr & PSR_PS ? PSR_S : 0) | PSR_ET;
    sparc_psr_set(cpu, psr | xl_flags_nzvc(env) << 20 | cwp);
    env->pc = (uint32_t)npc;
    env->npc = (uint32_t)target;
    interrupts_may_be_on(cpu);
    return 0;
}

/* RETT  address   V8 B.26; npc: what the jump before it goes to */
void sparc_rett(struct xl_ctx *x, const struct sparc_insn *d, struct ir_ref npc)
{
    static const struct xl_helper helper = {"sparc_return_from_trap", (void *)return_from_trap,
                                            XL_H_READS | XL_H_WRITES | XL_H_FAULTS | XL_H_BANKS | XL_H_ENDS};
    struct ir_ref target = ir_add(x, sparc_get(x, d->rs1), sparc_operand(x, d));

    ir_call(x, &helper, 2, (struct ir_ref[]){target, npc});
    ir_exit_state(x);
    x->done = true;
}

static void rett(struct xl_ctx *x, const struct sparc_insn *d)
{
    sparc_rett(x, d, ir_const(x, x->npc));
}

static uint64_t code_changed(struct xl_cpu *cpu, uint64_t va)
{
    xl_code_flush(cpu, (gva_t){(uint32_t)va & ~7u}, 8);
    return 0;
}

/* FLUSH  address   V8 B.32 */
static void flush(struct xl_ctx *x, const struct sparc_insn *d)
{
    static const struct xl_helper helper = {"sparc_code_changed", (void *)code_changed, XL_H_READS | XL_H_ENDS};
    struct ir_ref va = ir_add(x, sparc_get(x, d->rs1), sparc_operand(x, d));

    ir_call(x, &helper, 1, &va);
    end_block(x);
}

#define RI(name) \
    void sparc_##name##_r(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        name(x, d); \
    } \
    void sparc_##name##_i(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        name(x, d); \
    }
RI(wrasr)
RI(wrpsr)
RI(wrwim)
RI(wrtbr)
RI(rett)
RI(flush)

#define COPROCESSOR(name) \
    void sparc_##name(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        (void)d; \
        sparc_raise(x, TT_CP_DISABLED); \
    }
COPROCESSOR(cbccc)
COPROCESSOR(cpop1)
COPROCESSOR(cpop2)
COPROCESSOR(ldc)
COPROCESSOR(ldcsr)
COPROCESSOR(lddc)
COPROCESSOR(stc)
COPROCESSOR(stcsr)
COPROCESSOR(stdcq)
COPROCESSOR(stdc)
