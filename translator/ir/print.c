/* SPDX-License-Identifier: MIT */
/*
 * Text of a block, and the check that a block keeps the rules of ir.h.
 *
 * The text is one op a line, stable from run to run (helpers by name, no addresses): golden tests compare it.
 */
#include "ir/ir.h"
#include "rt/text.h"
#include <stddef.h>

const struct ir_op_info ir_info[IR_OP_COUNT] = {
#define X(name, result, args, effects, text)                                                       \
    [IR_OP_##name] = {#name, IR_RESULT_##result, args, IR_EFFECT_##effects},
#include "ir_ops.def"
#undef X
};

static const char *const cond_name[] = {"eq", "ne", "ltu", "geu", "leu", "gtu", "neg", "pos",
                                        "vs", "vc", "lt",  "ge",  "le",  "gt",  "never", "always"};
static const char *const kind_name[] = {"sub", "add", "nzvc"};

static void print_args(struct text *t, const struct ir_op *op)
{
    const char *between = " ";

    for (unsigned i = 0; i < 4; i++)
        if (op->arg[i] != 0xffff) {
            text_put(t, between);
            text_put(t, "v");
            text_dec(t, op->arg[i]);
            between = ", ";
        }
}

static void print_mem(struct text *t, const struct ir_mem *m)
{
    text_put(t, " size=");
    text_dec(t, m->size);
    text_put(t, " mmu=");
    text_dec(t, m->mmu);
    text_put(t, m->sign ? " sign" : "");
    text_put(t, m->little ? " little" : "");
    text_put(t, m->unaligned ? " unaligned" : "");
    text_put(t, m->atomic ? " atomic" : "");
}

static void print_rest(struct text *t, const struct ir_op *op)
{
    switch (op->opcode) {
    case IR_OP_CONST: case IR_OP_CONST64: case IR_OP_RAISE_IF:
        text_put(t, " 0x");
        text_hex(t, op->imm, 0);
        break;
    case IR_OP_GET: case IR_OP_PUT: case IR_OP_BANK:
        text_put(t, " [");
        text_dec(t, op->cond);
        text_put(t, ":");
        text_dec(t, op->off);
        text_put(t, "]");
        break;
    case IR_OP_CMP: case IR_OP_CMPADD: case IR_OP_FLAGS_COND:
        text_put(t, " ");
        text_put(t, cond_name[op->cond & 15]);
        break;
    case IR_OP_FLAGS_SET:
        text_put(t, " ");
        text_put(t, kind_name[op->cond % 3]);
        break;
    case IR_OP_LD: case IR_OP_LD64: case IR_OP_ST: case IR_OP_ST64:
        print_mem(t, &op->mem);
        break;
    case IR_OP_CALL: case IR_OP_CALLW: case IR_OP_CALLD:
        text_put(t, " ");
        text_put(t, ((const struct xl_helper *)(uintptr_t)op->imm)->name);
        break;
    case IR_OP_FP:
        text_put(t, " ");
        text_put(t, ((const struct xl_fp *)(uintptr_t)op->imm)->name);
        break;
    case IR_OP_INSN: case IR_OP_EXIT: case IR_OP_EXIT_IF:
        text_put(t, " pc=");
        text_hex(t, op->to.pc, 8);
        text_put(t, " npc=");
        if (op->opcode == IR_OP_INSN && op->arg[0] != 0xffff)
            text_put(t, "dynamic");
        else
            text_hex(t, op->to.npc, 8);
        break;
    default: break;
    }
}

int ir_print(const struct ir_block *b, char *out, int out_bytes)
{
    struct text t = text_on(out, out_bytes);

    for (unsigned i = 0; i < b->count; i++) {
        const struct ir_op *op = &b->op[i];
        if (op->opcode >= IR_OP_COUNT)
            continue;
        text_put(&t, op->opcode == IR_OP_INSN ? "" : "    ");
        if (ir_info[op->opcode].result != IR_RESULT_N) {
            text_put(&t, "v");
            text_dec(&t, i);
            text_put(&t, " = ");
        }
        text_put(&t, ir_info[op->opcode].name);
        print_args(&t, op);
        print_rest(&t, op);
        text_put(&t, "\n");
    }
    return t.wanted;
}

static bool is_d(uint8_t opcode, unsigned arg)
{
    switch (opcode) {
    case IR_OP_HI: case IR_OP_LO: case IR_OP_ADD64: case IR_OP_SUB64: case IR_OP_AND64:
    case IR_OP_OR64: case IR_OP_XOR64: return true;
    case IR_OP_SHL64: case IR_OP_SHR64: case IR_OP_SAR64: return arg == 0;
    case IR_OP_ST64: return arg == 1;
    case IR_OP_PUTD: return true;
    default: return false;
    }
}

static const char *verify_args(const struct ir_block *b, unsigned i)
{
    const struct ir_op *op = &b->op[i];
    if (op->opcode == IR_OP_INSN) /* its operand, when there, is npc */
        return op->arg[0] == 0xffff || op->arg[0] < i ? NULL : "npc is used before it is made";
    bool is_call = op->opcode == IR_OP_CALL || op->opcode == IR_OP_CALLW || op->opcode == IR_OP_CALLD;

    for (unsigned k = 0; k < 4; k++) {
        if (op->arg[k] == 0xffff) {
            if (k < ir_info[op->opcode].args && !is_call)
                return "an operand is missing";
            continue;
        }
        if (k >= ir_info[op->opcode].args)
            return "an operand too many";
        if (op->arg[k] >= i)
            return "an operand is used before it is made";
        uint8_t made = ir_info[b->op[op->arg[k]].opcode].result;
        if (made == IR_RESULT_N)
            return "an operand has no value";
        if (!is_call && (made == IR_RESULT_D) != is_d(op->opcode, k))
            return "an operand has the wrong width";
    }
    return NULL;
}

const char *ir_verify(const struct ir_block *b)
{
    unsigned insns = 0;

    if (b->count == 0)
        return "the block is empty";
    for (unsigned i = 0; i < b->count; i++) {
        const struct ir_op *op = &b->op[i];
        if (op->opcode >= IR_OP_COUNT)
            return "unknown opcode";
        const char *bad = verify_args(b, i);
        if (bad)
            return bad;
        insns += op->opcode == IR_OP_INSN;
        if (insns && op->insn + 1u != insns)
            return "an op belongs to another instruction";
        if ((op->opcode == IR_OP_GET || op->opcode == IR_OP_PUT) && (op->off & 3))
            return "a register offset is not a multiple of 4";
        if ((op->opcode == IR_OP_LD || op->opcode == IR_OP_ST) && op->mem.size != 1 &&
            op->mem.size != 2 && op->mem.size != 4)
            return "a word access is not of 1, 2 or 4 bytes";
    }
    uint8_t end = b->op[b->count - 1].opcode;
    if (end != IR_OP_EXIT && end != IR_OP_EXIT_IND && end != IR_OP_EXIT_STATE)
        return "the block does not end with an exit";
    return insns == b->insns ? NULL : "the count of instructions is wrong";
}
