/* SPDX-License-Identifier: MIT */
/*
 * Pure operations, guest registers, flags and helper calls in host instructions. Memory is in memory.c, exits in emit.c.
 *
 * A word lies zero-extended in its 64-bit register. Every form must mean what the interpreter computes for it: tests hold them together.
 */
#include "host/x64/emit.h"

/* Conditions of ir.h after cmp a, b or add a, b. */
static const uint8_t cc_of[] = {CC_E, CC_NE, CC_B, CC_AE, CC_BE, CC_A, CC_S, CC_NS, CC_O, CC_NO, CC_L, CC_GE, CC_LE, CC_G};

/* May an op of this width take the value from memory? A guest register is a word. */
static bool fits(const struct emit *e, uint16_t ref, unsigned w, struct emit_place *at)
{
    return regs_operand(e, ref, at) && (!w || at->base == RSP);
}

static void alu(struct emit *e, const struct ir_op *op, enum x64_alu what, unsigned w)
{
    uint16_t a = op->arg[0], b = op->arg[1];
    bool commutes = what != ALU_SUB;
    int32_t imm;

    if (commutes && !regs_dies(e, a) && regs_dies(e, b) && !regs_imm(e, b, &imm)) {
        a = op->arg[1];
        b = op->arg[0];
    }
    if (regs_imm(e, b, &imm)) {
        unsigned ra = regs_use(e, a);
        if (what == ALU_ADD && !w && !regs_stays(e, a)) {
            unsigned d = regs_make(e);
            x64_rm(&e->a, 0x8d, 0, d, ra, imm);
            return;
        }
        x64_alu_imm(&e->a, what, w, regs_make_over(e, a), imm);
        return;
    }
    struct emit_place at;
    if (commutes && regs_operand(e, a, &at) && !regs_operand(e, b, &at)) {
        uint16_t swap = a;
        a = b;
        b = swap;
    }
    if (a != b && fits(e, b, w, &at)) {
        unsigned d = regs_make_over(e, a);
        x64_rm(&e->a, what, w, d, at.base, at.disp);
        return;
    }
    unsigned ra = regs_use(e, a), rb = regs_use(e, b);
    if (what == ALU_ADD && !w && !regs_stays(e, a)) {
        unsigned d = regs_make(e);
        x64_rx(&e->a, 0x8d, 0, d, ra, rb, 0);
        return;
    }
    unsigned d = regs_make_over(e, a);
    x64_alu(&e->a, what, w, d, a == b ? d : rb);
}

static void shift(struct emit *e, const struct ir_op *op, enum x64_shift what, unsigned w)
{
    uint64_t count;

    if (regs_const(e, op->arg[1], &count)) {
        unsigned d = regs_make_over(e, op->arg[0]);
        if (count & (w ? 63 : 31))
            x64_shift_imm(&e->a, what, w, d, (unsigned)count & (w ? 63 : 31));
        return;
    }
    x64_mov(&e->a, RCX, regs_use(e, op->arg[1]));
    x64_shift_cl(&e->a, what, w, regs_make_over(e, op->arg[0]));
}

static void andn(struct emit *e, const struct ir_op *op)
{
    int32_t imm;

    if (regs_imm(e, op->arg[1], &imm)) {
        x64_alu_imm(&e->a, ALU_AND, 0, regs_make_over(e, op->arg[0]), ~imm);
        return;
    }
    x64_mov(&e->a, RAX, regs_use(e, op->arg[1]));
    x64_rr(&e->a, 0xf7, 0, 2, RAX);
    x64_alu(&e->a, ALU_AND, 0, regs_make_over(e, op->arg[0]), RAX);
}

/* The result is the operand extended: read from wherever it is, made wherever it is wanted. */
static void extend(struct emit *e, const struct ir_op *op, unsigned opcode, unsigned w)
{
    struct emit_place at;

    if (regs_operand(e, op->arg[0], &at)) {
        x64_rm(&e->a, opcode, w, regs_make(e), at.base, at.disp);
        return;
    }
    unsigned from = regs_use(e, op->arg[0]), to = regs_make_for(e, op->arg[0]);
    if (opcode == 0x8b || opcode == 0x63)
        x64_rr(&e->a, opcode, w, to, from);
    else
        x64_extend(&e->a, opcode, to, from);
}

static void unary(struct emit *e, const struct ir_op *op)
{
    switch (op->opcode) {
    case IR_OP_NOT: x64_rr(&e->a, 0xf7, 0, 2, regs_make_over(e, op->arg[0])); return;
    case IR_OP_NEG: x64_rr(&e->a, 0xf7, 0, 3, regs_make_over(e, op->arg[0])); return;
    case IR_OP_BSWAP: x64_bswap(&e->a, 0, regs_make_over(e, op->arg[0])); return;
    case IR_OP_SEXT8: extend(e, op, 0x0fbe, 0); return;
    case IR_OP_SEXT16: extend(e, op, 0x0fbf, 0); return;
    case IR_OP_ZEXT8: extend(e, op, 0x0fb6, 0); return;
    case IR_OP_ZEXT16: extend(e, op, 0x0fb7, 0); return;
    case IR_OP_HI: x64_shift_imm(&e->a, SHIFT_SHR, 1, regs_make_over(e, op->arg[0]), 32); return;
    case IR_OP_LO: extend(e, op, 0x8b, 0); return;
    case IR_OP_UEXT: regs_make_over(e, op->arg[0]); return;
    case IR_OP_SEXT: extend(e, op, 0x63, 1); return;
    default: /* CLZ: bsr leaves its target alone when the source is 0 only on paper, so choose by cmov */
        x64_mov_imm(&e->a, RCX, 63);
        x64_rr(&e->a, 0x0fbd, 0, RAX, regs_use(e, op->arg[0]));
        x64_rr(&e->a, 0x0f44, 0, RAX, RCX);
        x64_alu_imm(&e->a, ALU_XOR, 0, RAX, 31);
        x64_mov(&e->a, regs_make(e), RAX);
        return;
    }
}

/* The low word of a product, or all of it: operands are zero-extended, signed ones are extended anew. */
static void multiply(struct emit *e, const struct ir_op *op)
{
    unsigned w = op->opcode != IR_OP_MUL, b;
    struct emit_place at;

    if (op->opcode == IR_OP_MULS) {
        if (regs_operand(e, op->arg[1], &at))
            x64_rm(&e->a, 0x63, 1, RCX, at.base, at.disp);
        else
            x64_rr(&e->a, 0x63, 1, RCX, regs_use(e, op->arg[1]));
        extend(e, op, 0x63, 1);
        b = RCX;
    } else {
        if (op->arg[0] != op->arg[1] && fits(e, op->arg[1], w, &at)) {
            x64_rm(&e->a, 0x0faf, w, regs_make_over(e, op->arg[0]), at.base, at.disp);
            return;
        }
        b = regs_use(e, op->arg[1]);
        regs_make_over(e, op->arg[0]);
    }
    x64_rr(&e->a, 0x0faf, w, e->value[e->op].reg, b);
}

static void pair(struct emit *e, const struct ir_op *op)
{
    unsigned low = regs_use(e, op->arg[1]);

    x64_mov(&e->a, RAX, regs_use(e, op->arg[0]));
    x64_shift_imm(&e->a, SHIFT_SHL, 1, RAX, 32);
    x64_alu(&e->a, ALU_OR, 1, RAX, low);
    x64_mov64(&e->a, regs_make(e), RAX);
}

static enum x64_cc compare(struct emit *e, const struct ir_op *op)
{
    struct emit_place at;
    int32_t imm;

    if (op->opcode == IR_OP_CMP && regs_imm(e, op->arg[1], &imm) && regs_operand(e, op->arg[0], &at)) {
        x64_alu_mem_imm(&e->a, ALU_CMP, at.base, at.disp, imm);
        return (enum x64_cc)cc_of[op->cond];
    }
    unsigned a = regs_use(e, op->arg[0]);
    if (op->opcode == IR_OP_CMPADD) {
        x64_mov(&e->a, RAX, a);
        if (regs_imm(e, op->arg[1], &imm))
            x64_alu_imm(&e->a, ALU_ADD, 0, RAX, imm);
        else
            x64_alu(&e->a, ALU_ADD, 0, RAX, regs_use(e, op->arg[1]));
    } else if (regs_operand(e, op->arg[1], &at)) {
        x64_rm(&e->a, ALU_CMP, 0, a, at.base, at.disp);
    } else if (!regs_imm(e, op->arg[1], &imm)) {
        x64_alu(&e->a, ALU_CMP, 0, a, regs_use(e, op->arg[1]));
    } else if (imm) {
        x64_alu_imm(&e->a, ALU_CMP, 0, a, imm);
    } else {
        x64_rr(&e->a, 0x85, 0, a, a);
    }
    return (enum x64_cc)cc_of[op->cond];
}

/* Host flags and the condition under which the value is not 0. */
enum x64_cc emit_test(struct emit *e, uint16_t ref)
{
    if (e->value[ref].deferred)
        return compare(e, &e->ir->op[ref]);
    struct emit_place at;
    if (regs_operand(e, ref, &at)) {
        x64_alu_mem_imm(&e->a, ALU_CMP, at.base, at.disp, 0);
        return CC_NE;
    }
    unsigned r = regs_use(e, ref);
    x64_rr(&e->a, 0x85, 0, r, r);
    return CC_NE;
}

static void set_from(struct emit *e, enum x64_cc cc)
{
    unsigned d = regs_make(e); /* moves at most: the flags stay */

    x64_setcc(&e->a, cc, d);
    x64_extend(&e->a, 0x0fb6, d, d);
}

static void select(struct emit *e, const struct ir_op *op)
{
    uint32_t pinned = e->pinned;
    enum x64_cc cc = emit_test(e, op->arg[0]);

    e->pinned = pinned; /* the test is in host flags, which moves leave alone: its registers are free, three are enough */
    unsigned yes = regs_use(e, op->arg[1]), d = regs_make_over(e, op->arg[2]);
    x64_rr(&e->a, 0x0f40 | (unsigned)cc, 0, d, yes);
}

/* A bank pointer is an address that C code may use: bank 0's own, not that of translated code. */
static void bank(struct emit *e, const struct ir_op *op)
{
    backed_forget(e);
    unsigned at = regs_use(e, op->arg[0]), to = op->cond == 1 ? R12 : R13;

    x64_load(&e->a, 1, RAX, RBP, ENV(bank[0]));
    x64_rx(&e->a, 0x8d, 1, to, RAX, at, (int32_t)op->off);
    x64_store(&e->a, 1, to, RBP, ENV(bank[0]) + 8 * (int32_t)op->cond);
}

static void store_word(struct emit *e, uint16_t ref, unsigned base, int32_t disp)
{
    uint64_t constant;

    if (regs_const(e, ref, &constant))
        x64_store_imm(&e->a, (uint32_t)constant, base, disp);
    else
        x64_store(&e->a, 0, regs_use(e, ref), base, disp);
}

static void flags_set(struct emit *e, const struct ir_op *op)
{
    if (e->flags_kind != op->cond)
        x64_store_imm(&e->a, op->cond, RBP, ENV(flags_kind));
    e->flags_kind = op->cond;
    store_word(e, op->arg[0], RBP, ENV(flags_a));
    store_word(e, op->arg[1], RBP, ENV(flags_b));
}

/* Flags of a comparison are tested in place; other kinds in cold code. */
static void flags_cond(struct emit *e, const struct ir_op *op)
{
    x64_alu_mem_imm(&e->a, ALU_CMP, RBP, ENV(flags_kind), XL_FLAGS_SUB);
    uint8_t *other = x64_jcc(&e->a, CC_NE);
    x64_load(&e->a, 0, RAX, RBP, ENV(flags_a));
    x64_rm(&e->a, ALU_CMP, 0, RAX, RBP, ENV(flags_b));
    x64_setcc(&e->a, (enum x64_cc)cc_of[op->cond], RAX);
    x64_extend(&e->a, 0x0fb6, RAX, RAX);
    struct emit_cold *c = emit_cold_new(e, COLD_FLAGS, other);
    emit_back(e, c);
    x64_mov(&e->a, regs_make(e), RAX);
}

static void call(struct emit *e, const struct ir_op *op)
{
    static const uint8_t arg_reg[] = {RSI, RDX, RCX, R8};
    const struct xl_helper *h = (const struct xl_helper *)(uintptr_t)op->imm;
    bool looks_out = h->flags & (XL_H_FAULTS | XL_H_ENDS);

    backed_forget(e);
    homes_store(e);
    if (h->flags & XL_H_FAULTS)
        emit_site(e, e->insn_op, e->passed, emit_npc_reg(e));
    if (looks_out)
        x64_store(&e->a, 1, R14, RBP, ENV(budget));
    regs_leave_homes(e);
    regs_before_call(e);
    for (unsigned k = 0; k < 4; k++)
        if (op->arg[k] != EMIT_NONE)
            regs_load_arg(e, arg_reg[k], op->arg[k]);
    x64_load(&e->a, 1, RDI, RBP, CPU(self));
    x64_mov_imm(&e->a, RAX, (uint64_t)(uintptr_t)h->fn);
    x64_call_reg(&e->a, RAX);
    if (looks_out)
        x64_load(&e->a, 1, R14, RBP, ENV(budget));
    if (h->flags & (XL_H_BANKS | XL_H_WRITES)) {
        homes_bases(e);
        e->flags_kind = -1;
    }
    e->ends |= (h->flags & XL_H_ENDS) != 0;
    copies_forget(e);
    homes_load(e);
    if (op->opcode == IR_OP_CALLW && e->value[e->op].uses)
        x64_rr(&e->a, 0x8b, 0, regs_make(e), RAX);
    if (op->opcode == IR_OP_CALLD && e->value[e->op].uses)
        x64_mov64(&e->a, regs_make(e), RAX);
}

/* What has no home is loaded when it is used first, if it can be kept in mind. */
static void get(struct emit *e, const struct ir_op *op)
{
    unsigned home = home_find(e, op);
    struct emit_place at = place_of(op);

    if (home < e->homes)
        regs_get_home(e, home);
    else if (!backed_by(e, (uint16_t)e->op, op))
        x64_load(&e->a, 0, regs_make(e), at.base, at.disp);
}

static void put(struct emit *e, const struct ir_op *op)
{
    unsigned home = home_find(e, op);
    struct emit_place at = place_of(op);
    uint64_t constant;

    if (op->cond == 0)
        copies_drop(e, op->off, 4);
    if (home < e->homes) {
        regs_put_home(e, home, op->arg[0]);
        return;
    }
    bool is_const = regs_const(e, op->arg[0], &constant);
    if (!is_const)
        regs_use(e, op->arg[0]);
    backed_overwrite(e, op);
    store_word(e, op->arg[0], at.base, at.disp);
    if (!is_const)
        backed_by(e, op->arg[0], op);
}

void emit_op(struct emit *e, const struct ir_op *op)
{
    switch (op->opcode) {
    case IR_OP_CONST: case IR_OP_CONST64: return;
    case IR_OP_GET: get(e, op); return;
    case IR_OP_PUT: put(e, op); return;
    case IR_OP_GETD: x64_load(&e->a, 1, regs_make(e), RBP, CPU(guest_state) + (int32_t)op->off); return;
    case IR_OP_PUTD:
        copies_drop(e, op->off, 8);
        x64_store(&e->a, 1, regs_use(e, op->arg[0]), RBP, CPU(guest_state) + (int32_t)op->off);
        return;
    case IR_OP_FP: emit_fp(e, op); return;
    case IR_OP_ADD: alu(e, op, ALU_ADD, 0); return;
    case IR_OP_SUB: alu(e, op, ALU_SUB, 0); return;
    case IR_OP_AND: alu(e, op, ALU_AND, 0); return;
    case IR_OP_OR: alu(e, op, ALU_OR, 0); return;
    case IR_OP_XOR: alu(e, op, ALU_XOR, 0); return;
    case IR_OP_ADD64: alu(e, op, ALU_ADD, 1); return;
    case IR_OP_SUB64: alu(e, op, ALU_SUB, 1); return;
    case IR_OP_AND64: alu(e, op, ALU_AND, 1); return;
    case IR_OP_OR64: alu(e, op, ALU_OR, 1); return;
    case IR_OP_XOR64: alu(e, op, ALU_XOR, 1); return;
    case IR_OP_ANDN: andn(e, op); return;
    case IR_OP_SHL: shift(e, op, SHIFT_SHL, 0); return;
    case IR_OP_SHR: shift(e, op, SHIFT_SHR, 0); return;
    case IR_OP_SAR: shift(e, op, SHIFT_SAR, 0); return;
    case IR_OP_ROTL: shift(e, op, SHIFT_ROL, 0); return;
    case IR_OP_SHL64: shift(e, op, SHIFT_SHL, 1); return;
    case IR_OP_SHR64: shift(e, op, SHIFT_SHR, 1); return;
    case IR_OP_SAR64: shift(e, op, SHIFT_SAR, 1); return;
    case IR_OP_MUL: case IR_OP_MULU: case IR_OP_MULS: multiply(e, op); return;
    case IR_OP_PAIR: pair(e, op); return;
    case IR_OP_CMP: case IR_OP_CMPADD: set_from(e, compare(e, op)); return;
    case IR_OP_SELECT: select(e, op); return;
    case IR_OP_FLAGS_SET: flags_set(e, op); return;
    case IR_OP_FLAGS_COND: flags_cond(e, op); return;
    case IR_OP_LD: case IR_OP_LD64: emit_load(e, op); return;
    case IR_OP_ST: case IR_OP_ST64: emit_store(e, op); return;
    case IR_OP_CALL: case IR_OP_CALLW: case IR_OP_CALLD: call(e, op); return;
    case IR_OP_BANK: bank(e, op); return;
    default: unary(e, op); return;
    }
}
