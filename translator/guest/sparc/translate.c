/* SPDX-License-Identifier: MIT */
/*
 * From a word to IR: operands, dispatch, control transfer with delay slots.
 *
 * A branch is translated along with its delay slot when both fit the block; else the block ends between them with (pc, npc) = (slot, target) and the core
 * goes on from there. A slot has its own INSN mark, an annulled one has none. A slot that is itself a control transfer, or whose translation would end the
 * block, is left to the core.
 * Source: V8 B.20-B.27, 5.1.2 (delayed control transfer).
 */
#include "sparc.h"
#include "guest/common/disassemble.h"

static void illegal(struct xl_ctx *x, const struct sparc_insn *d)
{
    (void)d;
    sparc_raise(x, TT_ILLEGAL);
}

static void (*const semantics[SPARC_ENTRY_COUNT])(struct xl_ctx *, const struct sparc_insn *) = {
    illegal,
#define X(name, lower) sparc_##lower,
    SPARC_ENTRIES(X)
#undef X
};

struct ir_ref sparc_get(struct xl_ctx *x, unsigned r)
{
    if (r == 0)
        return ir_const(x, 0);
    return r < 8 ? ir_get(x, 0, SPARC_OFF(g) + 4 * r) : r < 24 ? ir_get(x, 1, 4 * (r - 8)) : ir_get(x, 2, 4 * (r - 24));
}

void sparc_put(struct xl_ctx *x, unsigned r, struct ir_ref value)
{
    if (r == 0)
        return;
    if (r < 8)
        ir_put(x, 0, SPARC_OFF(g) + 4 * r, value);
    else if (r < 24)
        ir_put(x, 1, 4 * (r - 8), value);
    else
        ir_put(x, 2, 4 * (r - 24), value);
}

/* reg_or_imm: bit 13 is `i` in every format that has one. */
struct ir_ref sparc_operand(struct xl_ctx *x, const struct sparc_insn *d)
{
    return d->word >> 13 & 1 ? ir_const(x, (uint32_t)d->imm) : sparc_get(x, d->rs2);
}

/* The instruction always traps: the block ends here. */
void sparc_raise(struct xl_ctx *x, uint32_t tt)
{
    ir_raise_if(x, ir_const(x, 1), tt);
    ir_exit(x, x->pc, x->npc);
    x->done = true;
}

bool sparc_fpu_off(struct xl_ctx *x)
{
    if (x->mode & SPARC_MODE_EF)
        return false;
    sparc_raise(x, TT_FP_DISABLED);
    return true;
}

static void translate(struct xl_ctx *x, uint32_t word)
{
    struct sparc_insn d = {0};

    sparc_decode(word, &d);
    semantics[d.entry](x, &d);
}

/* May the word be translated right behind the branch before it? Not what transfers control or ends its block. */
static bool slot_fits(const struct xl_ctx *x, uint32_t word)
{
    bool fpu = x->mode & SPARC_MODE_EF;
    struct sparc_insn d;

    if (word >> 30 == 0)
        return (word >> 22 & 7) == 4; /* SETHI */
    if (word >> 30 == 1)
        return false;
    sparc_decode(word, &d);
    switch (d.entry) {
    case SPARC_ILLEGAL: case SPARC_JMPL_r: case SPARC_JMPL_i: case SPARC_RETT_r: case SPARC_RETT_i: case SPARC_Ticc_r: case SPARC_Ticc_i:
    case SPARC_FLUSH_r: case SPARC_FLUSH_i: case SPARC_WRASR_r: case SPARC_WRASR_i: case SPARC_WRPSR_r: case SPARC_WRPSR_i: case SPARC_WRWIM_r:
    case SPARC_WRWIM_i: case SPARC_WRTBR_r: case SPARC_WRTBR_i: case SPARC_RDASR: case SPARC_RDPSR: case SPARC_RDWIM: case SPARC_RDTBR:
    case SPARC_CASA: case SPARC_FPop1: case SPARC_FPop2: case SPARC_STDFQ_r: case SPARC_STDFQ_i:
        return false;
    default: {
        /* no coprocessor operations, no alternate spaces; of the FPU when it is on */
        unsigned op3 = word >> 19 & 63;
        if (word >> 30 == 2)
            return op3 < 0x34 || op3 > 0x37 || (fpu && op3 < 0x36);
        return op3 < 0x10 || (fpu && op3 >= 0x20 && op3 < 0x28);
    }
    }
}

static bool slot_fetch(struct xl_ctx *x, uint32_t *word)
{
    return !x->npc_dynamic && x->insns_left >= 2 && xl_fetch32(x, x->pc + 4, word) && slot_fits(x, *word);
}

/* The slot behind the branch at x->pc, whose successor is npc. */
static void slot_translate(struct xl_ctx *x, uint32_t word, struct ir_ref npc)
{
    x->pc += 4;
    x->insns_left--;
    ir_insn_to(x, x->pc, npc);
    if (!ir_is_const(x, npc, &x->npc))
        x->npc = 0; /* read by nothing that fits a slot, except the exit of one that always traps */
    translate(x, word);
}

static void leave(struct xl_ctx *x, uint32_t pc, uint32_t npc)
{
    ir_exit(x, pc, npc);
    x->done = true;
}

/* Go to target after the slot. */
static void jump_always(struct xl_ctx *x, uint32_t target)
{
    uint32_t word;

    if (!slot_fetch(x, &word)) {
        leave(x, x->npc, target);
        return;
    }
    slot_translate(x, word, ir_const(x, target));
    if (!x->done)
        leave(x, target, target + 4);
}

/* JMPL and RETT, the way out of a trap: the block goes on through the couple. */
static bool rett_translate(struct xl_ctx *x, struct ir_ref target)
{
    struct sparc_insn d = {0};
    uint32_t word;

    if (x->npc_dynamic || x->insns_left < 2 || !xl_fetch32(x, x->pc + 4, &word))
        return false;
    sparc_decode(word, &d);
    if (d.entry != SPARC_RETT_r && d.entry != SPARC_RETT_i)
        return false;
    x->pc += 4;
    x->insns_left--;
    ir_insn_to(x, x->pc, target);
    sparc_rett(x, &d, target);
    return true;
}

static void jump_indirect(struct xl_ctx *x, struct ir_ref target)
{
    uint32_t word;

    if (rett_translate(x, target))
        return;
    if (!slot_fetch(x, &word)) {
        ir_exit_ind(x, ir_const(x, x->npc), target);
        x->done = true;
        return;
    }
    slot_translate(x, word, target);
    if (!x->done)
        ir_exit_ind(x, target, ir_add(x, target, ir_const(x, 4)));
    x->done = true;
}

/* Taken and not taken differ in what follows the slot. */
static void branch_if(struct xl_ctx *x, struct ir_ref test, uint32_t target)
{
    uint32_t word, next = x->npc + 4;

    if (!slot_fetch(x, &word)) {
        ir_exit_if(x, test, x->npc, target);
        leave(x, x->npc, next);
        return;
    }
    slot_translate(x, word, ir_select(x, test, ir_const(x, target), ir_const(x, next)));
    if (x->done)
        return;
    ir_exit_if(x, test, target, target + 4);
    leave(x, next, next + 4);
}

/* Not taken: the slot is annulled. */
static void branch_if_annul(struct xl_ctx *x, struct ir_ref test, uint32_t target)
{
    uint32_t word, slot = x->npc, next = x->npc + 4;

    if (!slot_fetch(x, &word)) {
        ir_exit_if(x, test, slot, target);
        leave(x, next, next + 4);
        return;
    }
    ir_exit_if(x, ir_cmp(x, IR_EQ, test, ir_const(x, 0)), next, next + 4);
    slot_translate(x, word, ir_const(x, target));
    if (!x->done)
        leave(x, target, target + 4);
}

/* test: the condition when cond is neither never (0) nor always (8). */
static void branch(struct xl_ctx *x, const struct sparc_insn *d, struct ir_ref test)
{
    uint32_t target = x->pc + ((uint32_t)d->disp22 << 2), next = x->npc + 4;

    if (d->cond == 0) {
        if (d->a)
            leave(x, next, next + 4);
    } else if (d->cond == 8) {
        if (d->a)
            leave(x, target, target + 4);
        else
            jump_always(x, target);
    } else if (d->a) {
        branch_if_annul(x, test, target);
    } else {
        branch_if(x, test, target);
    }
}

/* cond of Bicc and Ticc   V8 B.21 */
static const uint8_t icc_cond[16] = {IR_NEVER, IR_EQ, IR_LE, IR_LT, IR_LEU, IR_LTU, IR_NEG, IR_VS, IR_ALWAYS, IR_NE, IR_GT, IR_GE, IR_GTU, IR_GEU, IR_POS, IR_VC};

/* Bicc{,a}  label   V8 B.21 */
void sparc_bicc(struct xl_ctx *x, const struct sparc_insn *d)
{
    bool fixed = (d->cond & 7) == 0;

    branch(x, d, fixed ? IR_NONE : ir_flags_cond(x, icc_cond[d->cond]));
}

/* FBfcc{,a}  label   V8 B.22: each condition is the set of fcc values (bit 0 E, 1 L, 2 G, 3 U) it holds of */
void sparc_fbfcc(struct xl_ctx *x, const struct sparc_insn *d)
{
    enum { EQ = 1, LT = 2, GT = 4, UN = 8 };
    static const uint8_t holds[16] = {0, LT | GT | UN, LT | GT, UN | LT, LT, UN | GT, GT, UN, 15, EQ, UN | EQ, GT | EQ, UN | GT | EQ, LT | EQ, UN | LT | EQ, EQ | LT | GT};
    struct ir_ref test = IR_NONE;

    if (sparc_fpu_off(x))
        return;
    if (d->cond & 7)
        test = ir_and(x, ir_shr(x, ir_const(x, holds[d->cond]), ir_get(x, 0, SPARC_OFF(fcc))), ir_const(x, 1));
    branch(x, d, test);
}

/* CALL  label   V8 B.24 */
void sparc_call(struct xl_ctx *x, const struct sparc_insn *d)
{
    sparc_put(x, 15, ir_const(x, x->pc));
    jump_always(x, x->pc + ((uint32_t)d->disp30 << 2));
}

/* JMPL  address, rd   V8 B.25 */
static void jmpl(struct xl_ctx *x, const struct sparc_insn *d)
{
    struct ir_ref target = ir_add(x, sparc_get(x, d->rs1), sparc_operand(x, d));
    uint32_t known;

    ir_raise_if(x, ir_and(x, target, ir_const(x, 3)), TT_ALIGN);
    sparc_put(x, d->rd, ir_const(x, x->pc));
    if (ir_is_const(x, target, &known))
        jump_always(x, known & ~3u);
    else
        jump_indirect(x, target);
}

void sparc_jmpl_r(struct xl_ctx *x, const struct sparc_insn *d)
{
    jmpl(x, d);
}

void sparc_jmpl_i(struct xl_ctx *x, const struct sparc_insn *d)
{
    jmpl(x, d);
}

static uint64_t trap_number(struct xl_cpu *cpu, uint64_t test, uint64_t number)
{
    if ((uint32_t)test)
        xl_raise(cpu, TT_TRAP + ((uint32_t)number & 127));
    return 0;
}

/* Ticc  software_trap#   V8 B.27 */
static void ticc(struct xl_ctx *x, const struct sparc_insn *d)
{
    static const struct xl_helper helper = {"sparc_trap_number", (void *)trap_number, XL_H_FAULTS | XL_H_READS};
    struct ir_ref number = ir_add(x, sparc_get(x, d->rs1), sparc_operand(x, d));
    struct ir_ref test = ir_const(x, 1);
    uint32_t known;

    if (d->cond == 0)
        return;
    if (d->cond != 8)
        test = ir_flags_cond(x, icc_cond[d->cond]);
    if (ir_is_const(x, number, &known))
        ir_raise_if(x, test, TT_TRAP + (known & 127));
    else
        ir_call(x, &helper, 2, (struct ir_ref[]){test, number});
    if (d->cond == 8)
        leave(x, x->npc, x->npc + 4);
}

void sparc_ticc_r(struct xl_ctx *x, const struct sparc_insn *d)
{
    ticc(x, d);
}

void sparc_ticc_i(struct xl_ctx *x, const struct sparc_insn *d)
{
    ticc(x, d);
}

static unsigned fetch_mmu(uint32_t mode)
{
    return mode & SPARC_MODE_S ? SPARC_MMU_SUPER : SPARC_MMU_USER;
}

/* Power-on: supervisor, traps disabled, MMU off; what the manual leaves undefined is 0   V8 7.1 */
static void reset(struct xl_cpu *cpu)
{
    struct xl_env *env = xl_cpu_env(cpu);

    *sparc_of(cpu) = (struct sparc_cpu){0};
    sparc_psr_set(cpu, PSR_S | PSR_PS);
    sparc_fsr_set(cpu, 0);
    env->pc = 0;
    env->npc = 4;
    env->idle = 0;
}

static bool text_register(struct text *t, char kind, uint32_t value)
{
    if (kind == 'r') {
        text_put(t, (const char[]){'%', "goli"[value / 8], (char)('0' + value % 8), 0});
    } else if (kind == 'f') {
        text_put(t, "%f");
        text_dec(t, value);
    }
    return kind == 'r' || kind == 'f';
}

static const char *disassemble(uint32_t word, uint32_t pc, char *out, unsigned out_bytes)
{
    struct sparc_insn d;

    sparc_decode(word, &d);
    return text_of_word(sparc_texts[d.entry], word, pc, text_register, out, out_bytes);
}

const struct xl_guest xl_guest_sparc = {
    .name = "sparc",
    .state_bytes = sizeof(struct sparc_cpu),
    .insn_bytes = 4,
    .big_endian = true,
    .mmu_count = SPARC_MMU_COUNT,
    .unhomed = SPARC_OFF(f),
    .unhomed_bytes = SPARC_OFF(mmu_control) - SPARC_OFF(f),
    .regs = sparc_regs,
    .reset = reset,
    .translate = translate,
    .walk = sparc_mmu_walk,
    .fetch_mmu = fetch_mmu,
    .deliver_fault = sparc_deliver_fault,
    .deliver_exception = sparc_trap,
    .take_interrupt = sparc_take_interrupt,
    .get_reg = sparc_reg_get,
    .set_reg = sparc_reg_set,
    .disassemble = disassemble,
};
