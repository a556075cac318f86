/* SPDX-License-Identifier: MIT */
/*
 * IR builder: what a front end writes a block with. Folds constants and remembers guest registers on the way, so that what it appends is already the
 * straight-line essence; opt/ only removes afterwards. Switches: XL_NO_FOLD.
 */
#include "ir/known.h"
#include "rt/cpu.h"

static const char ir_result[] = {
#define N 0
#define W 1
#define D 2
#define X(name, result, args, effects, text) result,
#include "ir/ir_ops.def"
#undef X
#undef N
#undef W
#undef D
};

/* Room is kept for the two exits that end every block. */
enum { RESERVE = 8 };

static struct ir_op *append(struct xl_ctx *x, enum ir_opcode opcode)
{
    struct ir_block *b = x->block;

    if (b->count >= IR_OPS_MAX - 1) {
        b->full = true;
        b->count = IR_OPS_MAX - 1; /* later ops overwrite the last one; the block is thrown away */
        x->done = true;
    }
    struct ir_op *op = &b->op[b->count++];
    *op = (struct ir_op){.opcode = (uint8_t)opcode, .arg = {0xffff, 0xffff, 0xffff, 0xffff}};
    op->insn = (uint16_t)(b->insns ? b->insns - 1 : 0);
    if (b->count >= IR_OPS_MAX - RESERVE)
        b->full = true;
    return op;
}

static struct ir_ref last(const struct xl_ctx *x)
{
    return (struct ir_ref){(uint16_t)(x->block->count - 1)};
}

static struct ir_op *at(struct xl_ctx *x, struct ir_ref a)
{
    return &x->block->op[a.i];
}

bool ir_is_const(struct xl_ctx *x, struct ir_ref a, uint32_t *value)
{
    if (a.i == 0xffff || at(x, a)->opcode != IR_OP_CONST)
        return false;
    *value = (uint32_t)at(x, a)->imm;
    return true;
}

static bool may_fold(const struct xl_ctx *x)
{
    return !(x->cpu->vm->config.switches & XL_NO_FOLD);
}

void ir_known_reset(struct xl_ctx *x)
{
    struct ir_known *k = x->known;

    for (unsigned bank = 0; bank < IR_KNOWN_BANKS; bank++)
        ir_known_forget(k, bank);
    k->flags = false;
}

void ir_known_forget(struct ir_known *k, unsigned bank)
{
    for (unsigned i = 0; i < IR_KNOWN_WORDS; i++)
        k->value[bank][i] = 0xffff;
}

void ir_insn(struct xl_ctx *x, uint32_t pc, uint32_t npc)
{
    x->block->insns++;
    struct ir_op *op = append(x, IR_OP_INSN);
    op->to.pc = pc;
    op->to.npc = npc;
}

void ir_insn_to(struct xl_ctx *x, uint32_t pc, struct ir_ref npc)
{
    uint32_t value;

    if (ir_is_const(x, npc, &value)) {
        ir_insn(x, pc, value);
        return;
    }
    ir_insn(x, pc, 0);
    at(x, last(x))->arg[0] = npc.i;
}

struct ir_ref ir_const(struct xl_ctx *x, uint32_t value)
{
    append(x, IR_OP_CONST)->imm = value;
    return last(x);
}

struct ir_ref ir_const64(struct xl_ctx *x, uint64_t value)
{
    append(x, IR_OP_CONST64)->imm = value;
    return last(x);
}

static uint16_t *known_slot(struct xl_ctx *x, unsigned bank, uint32_t off)
{
    return bank < IR_KNOWN_BANKS && off / 4 < IR_KNOWN_WORDS ? &x->known->value[bank][off / 4] : NULL;
}

struct ir_ref ir_get(struct xl_ctx *x, unsigned bank, uint32_t off)
{
    uint16_t *slot = known_slot(x, bank, off);

    if (slot && *slot != 0xffff && may_fold(x)) {
        x->cpu->vm->stats.folded++;
        return (struct ir_ref){*slot};
    }
    struct ir_op *op = append(x, IR_OP_GET);
    op->cond = (uint8_t)bank;
    op->off = off;
    if (slot)
        *slot = last(x).i;
    return last(x);
}

void ir_put(struct xl_ctx *x, unsigned bank, uint32_t off, struct ir_ref value)
{
    uint16_t *slot = known_slot(x, bank, off);
    struct ir_op *op = append(x, IR_OP_PUT);

    op->cond = (uint8_t)bank;
    op->off = off;
    op->arg[0] = value.i;
    if (slot)
        *slot = value.i;
}

struct ir_ref ir_getd(struct xl_ctx *x, uint32_t off)
{
    append(x, IR_OP_GETD)->off = off;
    return last(x);
}

static void forget_words(struct xl_ctx *x, uint32_t off, unsigned words)
{
    for (unsigned i = 0; i < words; i++) {
        uint16_t *slot = known_slot(x, 0, off + 4 * i);
        if (slot)
            *slot = 0xffff;
    }
}

void ir_putd(struct xl_ctx *x, uint32_t off, struct ir_ref value)
{
    struct ir_op *op = append(x, IR_OP_PUTD);

    op->off = off;
    op->arg[0] = value.i;
    forget_words(x, off, 2);
}

void ir_fp(struct xl_ctx *x, const struct xl_fp *fp, struct xl_fp_regs regs, uint32_t word)
{
    struct ir_ref to = ir_const(x, regs.to | (uint32_t)regs.a << 16), from = ir_const(x, regs.b | (uint32_t)regs.c << 16), what = ir_const(x, word);
    struct ir_op *op = append(x, IR_OP_FP);

    op->imm = (uint64_t)(uintptr_t)fp;
    op->arg[0] = to.i;
    op->arg[1] = from.i;
    op->arg[2] = what.i;
    forget_words(x, regs.to, 2);
}

static uint32_t fold1(enum ir_opcode op, uint32_t a)
{
    switch (op) {
    case IR_OP_NOT: return ~a;
    case IR_OP_NEG: return 0u - a;
    case IR_OP_BSWAP: return __builtin_bswap32(a);
    case IR_OP_CLZ: return a ? (uint32_t)__builtin_clz(a) : 32;
    case IR_OP_SEXT8: return (uint32_t)(int8_t)a;
    case IR_OP_SEXT16: return (uint32_t)(int16_t)a;
    case IR_OP_ZEXT8: return (uint8_t)a;
    default: return (uint16_t)a; /* ZEXT16 */
    }
}

struct ir_ref ir_op1(struct xl_ctx *x, enum ir_opcode opcode, struct ir_ref a)
{
    uint32_t value;
    bool word = opcode >= IR_OP_NOT && opcode <= IR_OP_ZEXT16;

    if (word && ir_result[opcode] == 1 && may_fold(x) && ir_is_const(x, a, &value)) {
        x->cpu->vm->stats.folded++;
        return ir_const(x, fold1(opcode, value));
    }
    append(x, opcode)->arg[0] = a.i;
    return last(x);
}

static uint32_t fold2(enum ir_opcode op, uint32_t a, uint32_t b)
{
    switch (op) {
    case IR_OP_ADD: return a + b;
    case IR_OP_SUB: return a - b;
    case IR_OP_MUL: return a * b;
    case IR_OP_AND: return a & b;
    case IR_OP_OR: return a | b;
    case IR_OP_XOR: return a ^ b;
    case IR_OP_ANDN: return a & ~b;
    case IR_OP_SHL: return a << (b & 31);
    case IR_OP_SHR: return a >> (b & 31);
    case IR_OP_SAR: return (uint32_t)((int32_t)a >> (b & 31));
    default: return (b & 31) ? a << (b & 31) | a >> (32 - (b & 31)) : a; /* ROTL */
    }
}

/* a op const b == a? */
static bool is_identity(enum ir_opcode op, uint32_t b)
{
    switch (op) {
    case IR_OP_ADD:
    case IR_OP_SUB:
    case IR_OP_OR:
    case IR_OP_XOR:
    case IR_OP_ANDN: return b == 0;
    case IR_OP_SHL:
    case IR_OP_SHR:
    case IR_OP_SAR:
    case IR_OP_ROTL: return (b & 31) == 0;
    case IR_OP_AND: return b == 0xffffffffu;
    default: return false;
    }
}

static bool commutes(enum ir_opcode op)
{
    return op == IR_OP_ADD || op == IR_OP_MUL || op == IR_OP_AND || op == IR_OP_OR || op == IR_OP_XOR;
}

struct ir_ref ir_op2(struct xl_ctx *x, enum ir_opcode opcode, struct ir_ref a, struct ir_ref b)
{
    uint32_t va = 0, vb = 0;
    bool word = (opcode >= IR_OP_ADD && opcode <= IR_OP_ROTL);
    bool ca = word && ir_is_const(x, a, &va), cb = word && ir_is_const(x, b, &vb);

    if (may_fold(x)) {
        if (ca && cb) {
            x->cpu->vm->stats.folded++;
            return ir_const(x, fold2(opcode, va, vb));
        }
        if (ca && commutes(opcode)) {
            struct ir_ref t = a;
            a = b;
            b = t;
            vb = va;
            cb = true;
        }
        if (cb && is_identity(opcode, vb)) {
            x->cpu->vm->stats.folded++;
            return a;
        }
    }
    struct ir_op *op = append(x, opcode);
    op->arg[0] = a.i;
    op->arg[1] = b.i;
    return last(x);
}

static bool is_compare(struct xl_ctx *x, struct ir_ref a)
{
    return a.i != 0xffff && (at(x, a)->opcode == IR_OP_CMP || at(x, a)->opcode == IR_OP_CMPADD);
}

static struct ir_ref compare(struct xl_ctx *x, enum ir_opcode opcode, enum ir_cond cond, struct ir_ref a, struct ir_ref b)
{
    uint32_t va, vb;

    if (cond == IR_NEVER || cond == IR_ALWAYS)
        return ir_const(x, cond == IR_ALWAYS);
    if (may_fold(x) && opcode == IR_OP_CMP && cond <= IR_NE && ir_is_const(x, b, &vb) && !vb && is_compare(x, a)) {
        x->cpu->vm->stats.folded++; /* of a truth value: itself, or its opposite */
        if (cond == IR_NE)
            return a;
        struct ir_op opposite = *at(x, a);
        struct ir_op *op = append(x, (enum ir_opcode)opposite.opcode);
        op->cond = opposite.cond ^ 1;
        op->arg[0] = opposite.arg[0];
        op->arg[1] = opposite.arg[1];
        return last(x);
    }
    if (may_fold(x) && ir_is_const(x, a, &va) && ir_is_const(x, b, &vb))
        return ir_const(x, opcode == IR_OP_CMP ? xl_cond_sub(cond, va, vb) : xl_cond_add(cond, va, vb));
    struct ir_op *op = append(x, opcode);
    op->cond = (uint8_t)cond;
    op->arg[0] = a.i;
    op->arg[1] = b.i;
    return last(x);
}

struct ir_ref ir_cmp(struct xl_ctx *x, enum ir_cond cond, struct ir_ref a, struct ir_ref b)
{
    return compare(x, IR_OP_CMP, cond, a, b);
}

struct ir_ref ir_cmpadd(struct xl_ctx *x, enum ir_cond cond, struct ir_ref a, struct ir_ref b)
{
    return compare(x, IR_OP_CMPADD, cond, a, b);
}

struct ir_ref ir_select(struct xl_ctx *x, struct ir_ref test, struct ir_ref yes, struct ir_ref no)
{
    uint32_t value;

    if (may_fold(x) && ir_is_const(x, test, &value))
        return value ? yes : no;
    struct ir_op *op = append(x, IR_OP_SELECT);
    op->arg[0] = test.i;
    op->arg[1] = yes.i;
    op->arg[2] = no.i;
    return last(x);
}

void ir_flags_set(struct xl_ctx *x, enum xl_flags_kind kind, struct ir_ref a, struct ir_ref b)
{
    struct ir_op *op = append(x, IR_OP_FLAGS_SET);

    op->cond = (uint8_t)kind;
    op->arg[0] = a.i;
    op->arg[1] = b.i;
    x->known->flags = true;
    x->known->flags_kind = (uint8_t)kind;
    x->known->flags_a = a;
    x->known->flags_b = b;
}

struct ir_ref ir_flags_cond(struct xl_ctx *x, enum ir_cond cond)
{
    const struct ir_known *k = x->known;

    if (cond == IR_NEVER || cond == IR_ALWAYS)
        return ir_const(x, cond == IR_ALWAYS);
    if (k->flags && k->flags_kind != XL_FLAGS_NZVC && may_fold(x))
        return k->flags_kind == XL_FLAGS_SUB ? ir_cmp(x, cond, k->flags_a, k->flags_b) : ir_cmpadd(x, cond, k->flags_a, k->flags_b);
    append(x, IR_OP_FLAGS_COND)->cond = (uint8_t)cond;
    return last(x);
}

struct ir_ref ir_ld(struct xl_ctx *x, struct ir_mem mem, struct ir_ref addr)
{
    struct ir_op *op = append(x, mem.size == 8 ? IR_OP_LD64 : IR_OP_LD);

    op->arg[0] = addr.i;
    op->mem = mem;
    return last(x);
}

void ir_st(struct xl_ctx *x, struct ir_mem mem, struct ir_ref addr, struct ir_ref value)
{
    struct ir_op *op = append(x, mem.size == 8 ? IR_OP_ST64 : IR_OP_ST);

    op->arg[0] = addr.i;
    op->arg[1] = value.i;
    op->mem = mem;
}

static struct ir_ref call(struct xl_ctx *x, enum ir_opcode opcode, const struct xl_helper *h, unsigned nargs, const struct ir_ref *args)
{
    struct ir_op *op = append(x, opcode);

    for (unsigned i = 0; i < nargs && i < 4; i++)
        op->arg[i] = args[i].i;
    op->imm = (uint64_t)(uintptr_t)h;
    struct ir_ref result = last(x);
    if (h->flags & (XL_H_WRITES | XL_H_BANKS))
        ir_known_reset(x);
    return result;
}

void ir_call(struct xl_ctx *x, const struct xl_helper *h, unsigned nargs, const struct ir_ref *args)
{
    call(x, IR_OP_CALL, h, nargs, args);
}

struct ir_ref ir_callw(struct xl_ctx *x, const struct xl_helper *h, unsigned nargs, const struct ir_ref *args)
{
    return call(x, IR_OP_CALLW, h, nargs, args);
}

struct ir_ref ir_calld(struct xl_ctx *x, const struct xl_helper *h, unsigned nargs, const struct ir_ref *args)
{
    return call(x, IR_OP_CALLD, h, nargs, args);
}

void ir_bank(struct xl_ctx *x, unsigned bank, uint32_t off, struct ir_ref at)
{
    struct ir_op *op = append(x, IR_OP_BANK);

    op->cond = (uint8_t)bank;
    op->off = off;
    op->arg[0] = at.i;
    ir_known_forget(x->known, bank);
}

void ir_exit(struct xl_ctx *x, uint32_t pc, uint32_t npc)
{
    struct ir_op *op = append(x, IR_OP_EXIT);

    op->to.pc = pc;
    op->to.npc = npc;
    x->done = true;
}

void ir_exit_if(struct xl_ctx *x, struct ir_ref test, uint32_t pc, uint32_t npc)
{
    struct ir_op *op = append(x, IR_OP_EXIT_IF);

    op->arg[0] = test.i;
    op->to.pc = pc;
    op->to.npc = npc;
}

void ir_exit_ind(struct xl_ctx *x, struct ir_ref pc, struct ir_ref npc)
{
    struct ir_op *op = append(x, IR_OP_EXIT_IND);

    op->arg[0] = pc.i;
    op->arg[1] = npc.i;
    x->done = true;
}

void ir_exit_state(struct xl_ctx *x)
{
    append(x, IR_OP_EXIT_STATE);
    x->done = true;
}

void ir_raise_if(struct xl_ctx *x, struct ir_ref test, uint32_t exception)
{
    uint32_t value;

    if (ir_is_const(x, test, &value) && !value)
        return;
    struct ir_op *op = append(x, IR_OP_RAISE_IF);
    op->arg[0] = test.i;
    op->imm = exception;
}
