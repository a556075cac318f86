/* SPDX-License-Identifier: MIT */
/*
 * From a word to IR: operands, dispatch, branches, traps.
 *
 * There are no delay slots: npc is always pc + 4. Source: Book E 2.4, 3.3.10.
 */
#include "ppc.h"
#include "guest/common/disassemble.h"

static void illegal(struct xl_ctx *x, const struct ppc_insn *d)
{
    (void)d;
    ppc_raise(x, INT_PROGRAM | ESR_PIL);
}

static void (*const semantics[PPC_ENTRY_COUNT])(struct xl_ctx *, const struct ppc_insn *) = {
    illegal,
#define X(name, lower) ppc_##lower,
    PPC_ENTRIES(X)
#undef X
};

struct ir_ref ppc_get(struct xl_ctx *x, unsigned r)
{
    return ir_get(x, 0, PPC_GPR(r));
}

struct ir_ref ppc_base(struct xl_ctx *x, unsigned r)
{
    return r ? ppc_get(x, r) : ir_const(x, 0);
}

void ppc_put(struct xl_ctx *x, unsigned r, struct ir_ref value)
{
    ir_put(x, 0, PPC_GPR(r), value);
}

void ppc_end_block(struct xl_ctx *x)
{
    ppc_debug_end(x);
    ir_exit(x, x->npc, x->npc + 4);
}

/* The instruction always traps: the block ends here. */
void ppc_raise(struct xl_ctx *x, uint32_t exception)
{
    ir_raise_if(x, ir_const(x, 1), exception);
    ir_exit(x, x->npc, x->npc + 4);
}

bool ppc_user_traps(struct xl_ctx *x)
{
    if (!(x->mode & PPC_MODE_PR))
        return false;
    ppc_raise(x, INT_PROGRAM | ESR_PPR);
    return true;
}

bool ppc_fpu_off(struct xl_ctx *x)
{
    if (x->mode & PPC_MODE_FP)
        return false;
    ppc_raise(x, INT_FP_UNAVAILABLE);
    return true;
}

static unsigned fetch_mmu(uint32_t mode)
{
    return (mode & PPC_MODE_IS ? 2 : 0) | (mode & PPC_MODE_PR);
}

static unsigned data_mmu(uint32_t mode)
{
    return (mode & PPC_MODE_DS ? 2 : 0) | (mode & PPC_MODE_PR);
}

unsigned ppc_mmu_data(const struct xl_ctx *x)
{
    return data_mmu(x->mode);
}

static void translate(struct xl_ctx *x, uint32_t word)
{
    struct ppc_insn d = {0};

    if (ppc_of(x->cpu)->little && ppc_mmu_attributes(x->cpu, x->pc, fetch_mmu(x->mode)) & PAGE_LITTLE)
        word = __builtin_bswap32(word);
    ppc_decode(word, &d);
    ppc_debug_begin(x);
    semantics[d.entry](x, &d);
    if (x->mode & PPC_MODE_DEBUG && !x->done)
        ppc_end_block(x);
}

static void link(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (d->lk)
        ir_put(x, 0, PPC_OFF(lr), ir_const(x, x->pc + 4));
}

/* b{l}{a}   2.4.1 */
void ppc_b(struct xl_ctx *x, const struct ppc_insn *d)
{
    uint32_t target = ((uint32_t)d->li << 2) + (d->aa ? 0 : x->pc);

    ppc_debug_branch(x, IR_NONE);
    link(x, d);
    ppc_debug_end(x);
    ir_exit(x, target, target + 4);
}

/*
 * BO   4 no condition | 3 the CR bit's value that branches | 2 CTR is left alone | 1 branch when CTR became 0 (else when not) | 0 hint
 * The value by which the branch is taken, IR_NONE: always. CTR is counted here.
 */
static struct ir_ref taken(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref zero = ir_const(x, 0), by_ctr = IR_NONE, by_cr = IR_NONE, ctr = IR_NONE, test;

    if (!(d->bo & 4)) {
        ctr = ir_sub(x, ir_get(x, 0, PPC_OFF(ctr)), ir_const(x, 1));
        by_ctr = ir_cmp(x, d->bo & 2 ? IR_EQ : IR_NE, ctr, zero);
    }
    if (!(d->bo & 16)) {
        by_cr = ppc_cr_bit(x, d->bi);
        if (!(d->bo & 8))
            by_cr = ir_cmp(x, IR_EQ, by_cr, zero);
    }
    if (by_ctr.i == 0xffff)
        test = by_cr;
    else
        test = by_cr.i == 0xffff ? by_ctr : ir_and(x, by_ctr, by_cr);
    ppc_debug_branch(x, test);
    if (ctr.i != 0xffff)
        ir_put(x, 0, PPC_OFF(ctr), ctr);
    return test;
}

/* bc{l}{a} */
void ppc_bc(struct xl_ctx *x, const struct ppc_insn *d)
{
    uint32_t target = ((uint32_t)d->bd << 2) + (d->aa ? 0 : x->pc);
    struct ir_ref test = taken(x, d);

    link(x, d);
    ppc_debug_end(x);
    if (test.i == 0xffff) {
        ir_exit(x, target, target + 4);
        return;
    }
    ir_exit_if(x, test, target, target + 4);
    ir_exit(x, x->npc, x->npc + 4);
}

static void branch_to(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref where)
{
    struct ir_ref target = ir_and(x, where, ir_const(x, ~3u)), test = taken(x, d);
    uint32_t known;

    link(x, d);
    ppc_debug_end(x);
    if (test.i != 0xffff)
        ir_exit_if(x, ir_cmp(x, IR_EQ, test, ir_const(x, 0)), x->npc, x->npc + 4);
    if (ir_is_const(x, target, &known))
        ir_exit(x, known, known + 4);
    else
        ir_exit_ind(x, target, ir_add(x, target, ir_const(x, 4)));
}

void ppc_bclr(struct xl_ctx *x, const struct ppc_insn *d)
{
    branch_to(x, d, ir_get(x, 0, PPC_OFF(lr)));
}

/* bcctr: forms that count CTR are invalid; they branch to what CTR was */
void ppc_bcctr(struct xl_ctx *x, const struct ppc_insn *d)
{
    branch_to(x, d, ir_get(x, 0, PPC_OFF(ctr)));
}

/* sc */
void ppc_sc(struct xl_ctx *x, const struct ppc_insn *d)
{
    (void)d;
    ppc_debug_end(x); /* it is carried out, and returned to behind it */
    ppc_raise(x, INT_SYSTEM_CALL);
}

/* tw twi: TO names the relations that trap   3.3.10 */
static void trap(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref a, struct ir_ref b)
{
    static const uint8_t relation[] = {IR_GTU, IR_LTU, IR_EQ, IR_GT, IR_LT};

    if (d->to == 31) {
        ppc_debug_trap(x, IR_NONE);
        ppc_raise(x, INT_PROGRAM | ESR_PTR);
        return;
    }
    struct ir_ref test = ir_const(x, 0);
    for (unsigned i = 0; i < 5; i++)
        if (d->to >> i & 1)
            test = ir_or(x, test, ir_cmp(x, relation[i], a, b));
    ppc_debug_trap(x, test);
    ir_raise_if(x, test, INT_PROGRAM | ESR_PTR);
}

void ppc_tw(struct xl_ctx *x, const struct ppc_insn *d) { trap(x, d, ppc_get(x, d->ra), ppc_get(x, d->rb)); }
void ppc_twi(struct xl_ctx *x, const struct ppc_insn *d) { trap(x, d, ppc_get(x, d->ra), ir_const(x, (uint32_t)d->si)); }

enum { AA = 2 }; /* of branches: the target is absolute */

/* Registers; letters of the mnemonic that a bit adds. */
static bool text_own(struct text *t, char kind, uint32_t value)
{
    switch (kind) {
    case 'r':
    case 'f':
        text_char(t, kind);
        text_dec(t, value);
        return true;
    case 'o':
    case 'l':
    case 'a':
    case 'c':
        if (value)
            text_char(t, kind == 'c' ? '.' : kind);
        return true;
    default: return false;
    }
}

static const char *disassemble(uint32_t word, uint32_t pc, char *out, unsigned out_bytes)
{
    struct ppc_insn d;

    ppc_decode(word, &d);
    return text_of_word(ppc_texts[d.entry], word, word & AA ? 0 : pc, text_own, out, out_bytes);
}

const struct xl_guest xl_guest_ppc = {
    .name = "ppc",
    .state_bytes = sizeof(struct ppc_cpu),
    .insn_bytes = 4,
    .big_endian = true,
    .mmu_count = PPC_MMU_COUNT,
    .unhomed = PPC_FPR(0),
    .unhomed_bytes = sizeof(struct ppc_fpu),
    .regs = ppc_regs,
    .reset = ppc_reset,
    .translate = translate,
    .walk = ppc_mmu_walk,
    .fetch_mmu = fetch_mmu,
    .data_mmu = data_mmu,
    .deliver_fault = ppc_deliver_fault,
    .deliver_exception = ppc_deliver_exception,
    .take_interrupt = ppc_take_interrupt,
    .timer = ppc_timers_update,
    .get_reg = ppc_reg_get,
    .set_reg = ppc_reg_set,
    .disassemble = disassemble,
};
