/* SPDX-License-Identifier: MIT */
/*
 * From a word to IR: operands, dispatch, branches with their delay slots, traps.
 *
 * A branch is translated along with its delay slot when both fit the block; else the block ends between them and the core goes on from there with a block for the slot alone.
 * A slot that would end the block is left to the core; one that is itself a control transfer, which the manual leaves open, is a reserved instruction.
 * A likely branch that is not taken annuls its slot: it has no INSN mark then. Source: II 3.1, 4.1 (branches); how a state tells of a slot: mips.h.
 */
#include "mips.h"
#include "guest/common/disassemble.h"

static void illegal(struct xl_ctx *x, const struct mips_insn *d)
{
    (void)d;
    mips_raise(x, EXC_RESERVED);
}

static void (*const semantics[MIPS_ENTRY_COUNT])(struct xl_ctx *, const struct mips_insn *) = {
    illegal,
#define X(name, lower) mips_##lower,
    MIPS_ENTRIES(X)
#undef X
};

struct ir_ref mips_get(struct xl_ctx *x, unsigned r)
{
    return r ? ir_get(x, 0, MIPS_GPR(r)) : ir_const(x, 0);
}

void mips_put(struct xl_ctx *x, unsigned r, struct ir_ref value)
{
    if (r)
        ir_put(x, 0, MIPS_GPR(r), value);
}

static void leave(struct xl_ctx *x, uint32_t pc, uint32_t npc)
{
    ir_exit(x, pc, npc);
    x->done = true;
}

/* Behind the instruction: in a block for a slot alone, where the branch goes. */
void mips_end_block(struct xl_ctx *x)
{
    if (x->npc_dynamic && x->npc & NPC_BAD) {
        struct ir_ref target = ir_get(x, 0, MIPS_OFF(bad_target));
        ir_exit_ind(x, target, ir_add(x, target, ir_const(x, 4)));
        x->done = true;
    } else {
        leave(x, x->npc & ~3u, (x->npc & ~3u) + 4);
    }
}

/* The instruction always traps: the block ends here. */
void mips_raise(struct xl_ctx *x, uint32_t exception)
{
    ir_raise_if(x, ir_const(x, 1), exception);
    leave(x, x->pc, x->npc);
}

bool mips_cp0_off(struct xl_ctx *x)
{
    if ((x->mode & (MIPS_MODE_USER | MIPS_MODE_CU0)) != MIPS_MODE_USER)
        return false;
    mips_raise(x, EXC_COPROCESSOR);
    return true;
}

static unsigned mmu_of(uint32_t mode)
{
    return mode & MIPS_MODE_USER ? MIPS_MMU_USER : mode & MIPS_MODE_ERL ? MIPS_MMU_ERROR : MIPS_MMU_KERNEL;
}

unsigned mips_mmu_data(const struct xl_ctx *x)
{
    return mmu_of(x->mode);
}

static void translate(struct xl_ctx *x, uint32_t word)
{
    struct mips_insn d = {0};

    mips_decode(word, &d);
    semantics[d.entry](x, &d);
    if (x->npc_dynamic && !x->done)
        mips_end_block(x);
}

/* May the word be translated right behind the branch before it? What ends its block or always traps is left to a block of its own. */
static bool slot_fits(uint32_t word)
{
    struct mips_insn d = {0};

    mips_decode(word, &d);
    if (d.entry >= MIPS_LB && d.entry <= MIPS_SYNC)
        return true;
    return d.entry >= MIPS_SLL && d.entry <= MIPS_MSUBU && d.entry != MIPS_EXT && d.entry != MIPS_INS; /* of these two some are reserved */
}

static bool slot_fetch(struct xl_ctx *x, uint32_t *word)
{
    return x->insns_left >= 2 && xl_fetch32(x, x->pc + 4, word) && slot_fits(*word);
}

/* The slot behind the branch at x->pc; npc is marked as a slot's. */
static void slot_translate(struct xl_ctx *x, uint32_t word, struct ir_ref npc)
{
    x->pc += 4;
    x->insns_left--;
    ir_insn_to(x, x->pc, npc);
    if (!ir_is_const(x, npc, &x->npc))
        x->npc = NPC_SLOT; /* read by nothing that fits a slot, except the exit of one that always traps */
    translate(x, word);
}

/* A control transfer in a slot? It was made to trap. */
static bool is_in_slot(struct xl_ctx *x)
{
    if (!x->npc_dynamic)
        return false;
    mips_raise(x, EXC_RESERVED);
    return true;
}

static void jump_always(struct xl_ctx *x, uint32_t target)
{
    uint32_t word;

    if (!slot_fetch(x, &word)) {
        leave(x, x->npc, target | NPC_SLOT);
        return;
    }
    slot_translate(x, word, ir_const(x, target | NPC_SLOT));
    if (!x->done)
        leave(x, target, target + 4);
}

/* Taken and not taken differ in what follows the slot. */
static void branch_if(struct xl_ctx *x, struct ir_ref test, uint32_t target)
{
    uint32_t word, next = x->npc + 4;

    if (!slot_fetch(x, &word)) {
        ir_exit_if(x, test, x->npc, target | NPC_SLOT);
        leave(x, x->npc, next | NPC_SLOT);
        return;
    }
    slot_translate(x, word, ir_select(x, test, ir_const(x, target | NPC_SLOT), ir_const(x, next | NPC_SLOT)));
    if (x->done)
        return;
    ir_exit_if(x, test, target, target + 4);
    leave(x, next, next + 4);
}

static void branch_if_likely(struct xl_ctx *x, struct ir_ref test, uint32_t target)
{
    uint32_t word, slot = x->npc, next = x->npc + 4;

    if (!slot_fetch(x, &word)) {
        ir_exit_if(x, test, slot, target | NPC_SLOT);
        leave(x, next, next + 4);
        return;
    }
    ir_exit_if(x, ir_cmp(x, IR_EQ, test, ir_const(x, 0)), next, next + 4);
    slot_translate(x, word, ir_const(x, target | NPC_SLOT));
    if (!x->done)
        leave(x, target, target + 4);
}

enum how { PLAIN, LIKELY, LINK, LINK_LIKELY };

static void branch(struct xl_ctx *x, const struct mips_insn *d, enum ir_cond cond, struct ir_ref b, enum how how)
{
    uint32_t target = x->pc + 4 + ((uint32_t)d->disp << 2), known;

    if (is_in_slot(x))
        return;
    struct ir_ref test = ir_cmp(x, cond, mips_get(x, d->rs), b);
    if (how >= LINK)
        mips_put(x, 31, ir_const(x, x->pc + 8));
    if (ir_is_const(x, test, &known) && known)
        jump_always(x, target);
    else if (how == LIKELY || how == LINK_LIKELY)
        branch_if_likely(x, test, target);
    else
        branch_if(x, test, target);
}

#define BRANCH(name, cond, b, how) \
    void mips_##name(struct xl_ctx *x, const struct mips_insn *d) \
    { \
        branch(x, d, cond, b, how); \
    }
#define SAME d->rs == d->rt
BRANCH(beq, SAME ? IR_ALWAYS : IR_EQ, mips_get(x, d->rt), PLAIN)
BRANCH(bne, SAME ? IR_NEVER : IR_NE, mips_get(x, d->rt), PLAIN)
BRANCH(beql, SAME ? IR_ALWAYS : IR_EQ, mips_get(x, d->rt), LIKELY)
BRANCH(bnel, SAME ? IR_NEVER : IR_NE, mips_get(x, d->rt), LIKELY)
BRANCH(blez, IR_LE, ir_const(x, 0), PLAIN)
BRANCH(bgtz, IR_GT, ir_const(x, 0), PLAIN)
BRANCH(blezl, IR_LE, ir_const(x, 0), LIKELY)
BRANCH(bgtzl, IR_GT, ir_const(x, 0), LIKELY)
BRANCH(bltz, IR_LT, ir_const(x, 0), PLAIN)
BRANCH(bgez, IR_GE, ir_const(x, 0), PLAIN)
BRANCH(bltzl, IR_LT, ir_const(x, 0), LIKELY)
BRANCH(bgezl, IR_GE, ir_const(x, 0), LIKELY)
BRANCH(bltzal, IR_LT, ir_const(x, 0), LINK)
BRANCH(bgezal, IR_GE, ir_const(x, 0), LINK)
BRANCH(bltzall, IR_LT, ir_const(x, 0), LINK_LIKELY)
BRANCH(bgezall, IR_GE, ir_const(x, 0), LINK_LIKELY)

/* J JAL: within the 256 MiB of the slot */
void mips_j(struct xl_ctx *x, const struct mips_insn *d)
{
    if (!is_in_slot(x))
        jump_always(x, (x->npc & 0xf0000000u) | d->index << 2);
}

void mips_jal(struct xl_ctx *x, const struct mips_insn *d)
{
    if (is_in_slot(x))
        return;
    mips_put(x, 31, ir_const(x, x->pc + 8));
    jump_always(x, (x->npc & 0xf0000000u) | d->index << 2);
}

static void jump_register(struct xl_ctx *x, const struct mips_insn *d, unsigned rd)
{
    uint32_t word;

    if (is_in_slot(x))
        return;
    struct ir_ref target = mips_get(x, d->rs);
    ir_raise_if(x, ir_and(x, target, ir_const(x, 3)), EXC_BAD_JUMP | d->rs << EXC_RS_SHIFT | rd << EXC_RD_SHIFT);
    mips_put(x, rd, ir_const(x, x->pc + 8));
    struct ir_ref behind_slot = ir_or(x, target, ir_const(x, NPC_SLOT));
    if (!slot_fetch(x, &word)) {
        ir_exit_ind(x, ir_const(x, x->npc), behind_slot);
        x->done = true;
        return;
    }
    slot_translate(x, word, behind_slot);
    if (!x->done)
        ir_exit_ind(x, target, ir_add(x, target, ir_const(x, 4)));
    x->done = true;
}

void mips_jr(struct xl_ctx *x, const struct mips_insn *d) { jump_register(x, d, 0); }
void mips_jalr(struct xl_ctx *x, const struct mips_insn *d) { jump_register(x, d, d->rd); }

void mips_syscall(struct xl_ctx *x, const struct mips_insn *d)
{
    (void)d;
    mips_raise(x, EXC_SYSCALL);
}

void mips_break(struct xl_ctx *x, const struct mips_insn *d)
{
    (void)d;
    mips_raise(x, EXC_BREAK);
}

static void trap(struct xl_ctx *x, const struct mips_insn *d, enum ir_cond cond, struct ir_ref b)
{
    ir_raise_if(x, ir_cmp(x, cond, mips_get(x, d->rs), b), EXC_TRAP);
}

#define TRAP(name, cond) \
    void mips_##name(struct xl_ctx *x, const struct mips_insn *d) { trap(x, d, cond, mips_get(x, d->rt)); } \
    void mips_##name##i(struct xl_ctx *x, const struct mips_insn *d) { trap(x, d, cond, ir_const(x, (uint32_t)d->imm)); }
#define TRAP_U(name, cond) \
    void mips_##name##u(struct xl_ctx *x, const struct mips_insn *d) { trap(x, d, cond, mips_get(x, d->rt)); } \
    void mips_##name##iu(struct xl_ctx *x, const struct mips_insn *d) { trap(x, d, cond, ir_const(x, (uint32_t)d->imm)); }
TRAP(tge, IR_GE)
TRAP(tlt, IR_LT)
TRAP(teq, IR_EQ)
TRAP(tne, IR_NE)
TRAP_U(tge, IR_GEU)
TRAP_U(tlt, IR_LTU)

static bool text_register(struct text *t, char kind, uint32_t value)
{
    if (kind != 'r')
        return false;
    text_char(t, '$');
    text_dec(t, value);
    return true;
}

static const char *disassemble(uint32_t word, uint32_t pc, char *out, unsigned out_bytes)
{
    struct mips_insn d;

    mips_decode(word, &d);
    pc = d.entry == MIPS_J || d.entry == MIPS_JAL ? (pc + 4) & 0xf0000000u : pc + 4;
    return text_of_word(mips_texts[d.entry], word, pc, text_register, out, out_bytes);
}

const struct xl_guest xl_guest_mips = {
    .name = "mips",
    .state_bytes = sizeof(struct mips_cpu),
    .insn_bytes = 4,
    .big_endian = false,
    .mmu_count = MIPS_MMU_COUNT,
    .regs = mips_regs,
    .reset = mips_reset,
    .translate = translate,
    .walk = mips_mmu_walk,
    .fetch_mmu = mmu_of,
    .deliver_fault = mips_deliver_fault,
    .deliver_exception = mips_deliver_exception,
    .take_interrupt = mips_take_interrupt,
    .timer = mips_timer_update,
    .get_reg = mips_reg_get,
    .set_reg = mips_reg_set,
    .disassemble = disassemble,
};
