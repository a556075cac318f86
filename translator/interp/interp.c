/* SPDX-License-Identifier: MIT */
/*
 * IR interpreter: the reference for what each op means, and what runs single instructions, budget tails and first touches of devices.
 *
 * Walks a block that has been through no pass, so that every guest register is in its place at each INSN mark: it can stop before any instruction. The budget is
 * taken one instruction at a time.
 */
#include "rt/cpu.h"
#include <string.h>

bool xl_cond_sub(unsigned cond, uint32_t a, uint32_t b)
{
    int32_t sa = (int32_t)a, sb = (int32_t)b, r;
    bool v = __builtin_sub_overflow(sa, sb, &r), hold;

    switch (cond & ~1u) {
    case IR_EQ: hold = a == b; break;
    case IR_LTU: hold = a < b; break;
    case IR_LEU: hold = a <= b; break;
    case IR_NEG: hold = (int32_t)(a - b) < 0; break;
    case IR_VS: hold = v; break;
    case IR_LT: hold = sa < sb; break;
    case IR_LE: hold = sa <= sb; break;
    default: hold = false; break; /* NEVER */
    }
    return hold ^ (cond & 1);
}

bool xl_cond_add(unsigned cond, uint32_t a, uint32_t b)
{
    uint32_t r = a + b;
    int32_t t;
    bool v = __builtin_add_overflow((int32_t)a, (int32_t)b, &t), n = (int32_t)r < 0, z = r == 0, c = r < a, hold;

    switch (cond & ~1u) {
    case IR_EQ: hold = z; break;
    case IR_LTU: hold = c; break;
    case IR_LEU: hold = c || z; break;
    case IR_NEG: hold = n; break;
    case IR_VS: hold = v; break;
    case IR_LT: hold = n != v; break;
    case IR_LE: hold = z || n != v; break;
    default: hold = false; break;
    }
    return hold ^ (cond & 1);
}

/* NZVC = N<<3 | Z<<2 | V<<1 | C */
static bool cond_bits(unsigned cond, uint32_t f)
{
    bool n = f >> 3 & 1, z = f >> 2 & 1, v = f >> 1 & 1, c = f & 1, hold;

    switch (cond & ~1u) {
    case IR_EQ: hold = z; break;
    case IR_LTU: hold = c; break;
    case IR_LEU: hold = c || z; break;
    case IR_NEG: hold = n; break;
    case IR_VS: hold = v; break;
    case IR_LT: hold = n != v; break;
    case IR_LE: hold = z || n != v; break;
    default: hold = false; break;
    }
    return hold ^ (cond & 1);
}

uint32_t xl_flags_test(struct xl_cpu *cpu, uint32_t cond)
{
    const struct xl_env *env = &cpu->env;

    switch (env->flags_kind) {
    case XL_FLAGS_SUB: return xl_cond_sub(cond, env->flags_a, env->flags_b);
    case XL_FLAGS_ADD: return xl_cond_add(cond, env->flags_a, env->flags_b);
    default: return cond_bits(cond, env->flags_a);
    }
}

static uint32_t *word_at(struct xl_cpu *cpu, unsigned bank, uint32_t off)
{
    uint8_t *base = bank == XL_BANK_ENV ? (uint8_t *)&cpu->env : (uint8_t *)cpu->env.bank[bank];

    return (uint32_t *)(void *)(base + off);
}

static uint64_t call(struct xl_cpu *cpu, const struct ir_op *op, const uint64_t *v)
{
    uint64_t (*fn)(struct xl_cpu *, uint64_t, uint64_t, uint64_t, uint64_t);
    const struct xl_helper *h = (const struct xl_helper *)(uintptr_t)op->imm;
    uint64_t a[4];

    for (unsigned i = 0; i < 4; i++)
        a[i] = op->arg[i] == 0xffff ? 0 : v[op->arg[i]];
    *(const void **)&fn = h->fn;
    return fn(cpu, a[0], a[1], a[2], a[3]);
}

static void leave_to(struct xl_cpu *cpu, uint32_t pc, uint32_t npc)
{
    cpu->env.pc = pc;
    cpu->env.npc = npc;
}

/* Pure ops; b is valid when the op has two operands. */
static uint64_t pure(const struct ir_op *op, uint64_t a, uint64_t b, uint64_t c)
{
    uint32_t wa = (uint32_t)a, wb = (uint32_t)b;

    switch (op->opcode) {
    case IR_OP_ADD: return (uint32_t)(wa + wb);
    case IR_OP_SUB: return (uint32_t)(wa - wb);
    case IR_OP_MUL: return (uint32_t)(wa * wb);
    case IR_OP_AND: return wa & wb;
    case IR_OP_OR: return wa | wb;
    case IR_OP_XOR: return wa ^ wb;
    case IR_OP_ANDN: return wa & ~wb;
    case IR_OP_NOT: return (uint32_t)~wa;
    case IR_OP_NEG: return (uint32_t)(0u - wa);
    case IR_OP_SHL: return (uint32_t)(wa << (wb & 31));
    case IR_OP_SHR: return wa >> (wb & 31);
    case IR_OP_SAR: return (uint32_t)((int32_t)wa >> (wb & 31));
    case IR_OP_ROTL: return (wb & 31) ? (uint32_t)(wa << (wb & 31) | wa >> (32 - (wb & 31))) : wa;
    case IR_OP_CLZ: return wa ? (uint32_t)__builtin_clz(wa) : 32;
    case IR_OP_BSWAP: return __builtin_bswap32(wa);
    case IR_OP_SEXT8: return (uint32_t)(int8_t)wa;
    case IR_OP_SEXT16: return (uint32_t)(int16_t)wa;
    case IR_OP_ZEXT8: return (uint8_t)wa;
    case IR_OP_ZEXT16: return (uint16_t)wa;
    case IR_OP_CMP: return xl_cond_sub(op->cond, wa, wb);
    case IR_OP_CMPADD: return xl_cond_add(op->cond, wa, wb);
    case IR_OP_SELECT: return wa ? b : c;
    case IR_OP_MULU: return (uint64_t)wa * wb;
    case IR_OP_MULS: return (uint64_t)((int64_t)(int32_t)wa * (int32_t)wb);
    case IR_OP_PAIR: return a << 32 | wb;
    case IR_OP_HI: return a >> 32;
    case IR_OP_LO: return wa;
    case IR_OP_UEXT: return wa;
    case IR_OP_SEXT: return (uint64_t)(int64_t)(int32_t)wa;
    case IR_OP_ADD64: return a + b;
    case IR_OP_SUB64: return a - b;
    case IR_OP_AND64: return a & b;
    case IR_OP_OR64: return a | b;
    case IR_OP_XOR64: return a ^ b;
    case IR_OP_SHL64: return a << (b & 63);
    case IR_OP_SHR64: return a >> (b & 63);
    default: return (uint64_t)((int64_t)a >> (b & 63)); /* SAR64 */
    }
}

/* Has the block overwritten what is left of it, from the instruction at pc on? */
static bool is_stale(const struct xl_source *s, uint32_t pc)
{
    uint32_t at = (pc & XL_PAGE_MASK) - s->first;

    return at < s->bytes && memcmp(s->page + s->first + at, s->copy + at, s->bytes - at) != 0;
}

/* Start of an instruction: stop here, or take one of the budget. */
static bool begin(struct xl_cpu *cpu, const struct ir_op *op, const uint64_t *v, bool first)
{
    uint32_t npc = op->arg[0] == 0xffff ? op->to.npc : (uint32_t)v[op->arg[0]];

    leave_to(cpu, op->to.pc, npc);
    if (!first && (cpu->env.budget <= 0 || is_stale(cpu->source, op->to.pc)))
        return false;
    cpu->env.budget--;
    cpu->vm->stats.insns_interp++;
    return true;
}

void xl_interp(struct xl_cpu *cpu, const struct ir_block *b)
{
    static const uint8_t arity[] = {
#define X(name, result, args, effects, text) args,
#include "ir/ir_ops.def"
#undef X
    };
    uint64_t v[IR_OPS_MAX];
    bool first = true;

    for (unsigned i = 0; i < b->count; i++) {
        const struct ir_op *op = &b->op[i];
        uint64_t x = arity[op->opcode] > 0 && op->arg[0] != 0xffff ? v[op->arg[0]] : 0;
        uint64_t y = arity[op->opcode] > 1 && op->arg[1] != 0xffff ? v[op->arg[1]] : 0;

        v[i] = 0;
        switch (op->opcode) {
        case IR_OP_CONST:
        case IR_OP_CONST64: v[i] = op->imm; break;
        case IR_OP_GET: v[i] = *word_at(cpu, op->cond, op->off); break;
        case IR_OP_PUT: *word_at(cpu, op->cond, op->off) = (uint32_t)x; break;
        case IR_OP_GETD: memcpy(&v[i], word_at(cpu, 0, op->off), 8); break;
        case IR_OP_PUTD: memcpy(word_at(cpu, 0, op->off), &x, 8); break;
        case IR_OP_FLAGS_SET:
            cpu->env.flags_kind = op->cond;
            cpu->env.flags_a = (uint32_t)x;
            cpu->env.flags_b = (uint32_t)y;
            break;
        case IR_OP_FLAGS_COND: v[i] = xl_flags_test(cpu, op->cond); break;
        case IR_OP_LD:
        case IR_OP_LD64: v[i] = xl_load(cpu, (gva_t){(uint32_t)x}, op->mem); break;
        case IR_OP_ST:
        case IR_OP_ST64: xl_store(cpu, (gva_t){(uint32_t)x}, op->mem, y); break;
        case IR_OP_CALL: call(cpu, op, v); break;
        case IR_OP_CALLW: v[i] = (uint32_t)call(cpu, op, v); break;
        case IR_OP_CALLD: v[i] = call(cpu, op, v); break;
        case IR_OP_FP: ((const struct xl_fp *)(uintptr_t)op->imm)->slow(cpu, v[op->arg[2]]); break;
        case IR_OP_INSN:
            if (!begin(cpu, op, v, first))
                return;
            first = false;
            break;
        case IR_OP_BANK: cpu->env.bank[op->cond] = word_at(cpu, 0, op->off + (uint32_t)x); break;
        case IR_OP_EXIT: leave_to(cpu, op->to.pc, op->to.npc); return;
        case IR_OP_EXIT_IF:
            if (x) {
                leave_to(cpu, op->to.pc, op->to.npc);
                return;
            }
            break;
        case IR_OP_EXIT_IND: leave_to(cpu, (uint32_t)x, (uint32_t)y); return;
        case IR_OP_EXIT_STATE: return;
        case IR_OP_RAISE_IF:
            if (x)
                xl_raise(cpu, (uint32_t)op->imm);
            break;
        default: v[i] = pure(op, x, y, op->arg[2] != 0xffff ? v[op->arg[2]] : 0); break;
        }
    }
}
