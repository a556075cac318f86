/* SPDX-License-Identifier: MIT */
/*
 * Guest loads and stores: a soft TLB probe in place, everything else in cold code through rt/mem.c.
 *
 *   index = (va >> 12) % entries, entry = {tag_read, tag_write, addend}
 *   hit   = (va & (page mask | size - 1)) == tag: a misaligned address never hits, nor does a store to a page that holds translated code
 *   host  = addend + va
 */
#include "host/x64/emit.h"

enum { INDEX_MASK = (XL_TLB_ENTRIES - 1) << 4, INDEX_SHIFT = XL_PAGE_BITS - 4 };
_Static_assert(sizeof(struct xl_tlb_entry) == 16, "the probe scales by 16");

static int32_t table_of(const struct ir_mem *mem)
{
    return CPU(tlb) + mem->mmu * (int32_t)sizeof(struct xl_tlb_entry[XL_TLB_ENTRIES]);
}

static int32_t tag_of(const struct ir_mem *mem, bool is_store)
{
    return table_of(mem) + (is_store ? (int32_t)offsetof(struct xl_tlb_entry, tag_write) : 0);
}

static int32_t addend_of(const struct ir_mem *mem)
{
    return table_of(mem) + (int32_t)offsetof(struct xl_tlb_entry, addend);
}

static void address(struct emit *e, unsigned to, unsigned base, int32_t disp)
{
    if (disp)
        x64_rm(&e->a, 0x8d, 0, to, base, disp);
    else
        x64_mov(&e->a, to, base);
}

/* The probe of the address base + disp: behind it rax + address is the host address. Returns the jump of a miss. */
static uint8_t *probe_reg(struct emit *e, const struct ir_mem *mem, unsigned base, int32_t disp, bool is_store)
{
    uint32_t low = mem->unaligned ? 0 : mem->size - 1u;

    address(e, RCX, base, disp);
    address(e, RAX, base, disp + (mem->unaligned ? mem->size - 1 : 0));
    x64_shift_imm(&e->a, SHIFT_SHR, 0, RCX, INDEX_SHIFT);
    x64_alu_imm(&e->a, ALU_AND, 0, RAX, (int32_t)(~XL_PAGE_MASK | low));
    x64_alu_imm(&e->a, ALU_AND, 0, RCX, INDEX_MASK);
    x64_rx(&e->a, ALU_CMP, 0, RAX, RBP, RCX, tag_of(mem, is_store));
    uint8_t *miss = x64_jcc(&e->a, CC_NE);
    x64_rx(&e->a, 0x8b, 1, RAX, RBP, RCX, addend_of(mem));
    return miss;
}

/* After the probe: [rax + index] is the host address; index X64_NO_REG: rax alone. The jump to cold code comes back. */
static uint8_t *probe(struct emit *e, const struct ir_mem *mem, uint16_t address, bool is_store, unsigned *index)
{
    uint32_t low = mem->unaligned ? 0 : mem->size - 1u;
    uint64_t constant;

    if (regs_const(e, address, &constant)) {
        uint32_t va = (uint32_t)constant;
        int32_t entry = (int32_t)(va >> INDEX_SHIFT & INDEX_MASK);
        uint32_t last = mem->unaligned ? va + mem->size - 1 : va;
        x64_alu_mem_imm(&e->a, ALU_CMP, RBP, tag_of(mem, is_store) + entry, (int32_t)(last & (~XL_PAGE_MASK | low)));
        uint8_t *miss = x64_jcc(&e->a, CC_NE);
        x64_mov_imm(&e->a, RCX, va);
        x64_load(&e->a, 1, RAX, RBP, addend_of(mem) + entry);
        x64_alu(&e->a, ALU_ADD, 1, RAX, RCX);
        *index = X64_NO_REG;
        return miss;
    }
    *index = regs_use(e, address);
    return probe_reg(e, mem, *index, 0, is_store);
}

/* Does the address translation have a linear stretch now, and may this load try it first? */
static bool is_linear(const struct emit *e, const struct ir_op *op)
{
    uint64_t unused;

    return e->cpu->linear[op->mem.mmu].limit[0] && !op->mem.unaligned && !regs_const(e, op->arg[0], &unused) && !(e->vm->config.switches & XL_NO_LINEAR);
}

/* As probe_reg, for the linear stretch: no look-up stands between address and load. */
static uint8_t *probe_linear(struct emit *e, const struct ir_mem *mem, unsigned va)
{
    int32_t linear = CPU(linear) + mem->mmu * (int32_t)sizeof(struct xl_linear);
    unsigned power = mem->size == 8 ? 3 : mem->size == 4 ? 2 : mem->size == 2;

    x64_mov(&e->a, RAX, va);
    x64_rm(&e->a, ALU_SUB, 0, RAX, RBP, linear + (int32_t)offsetof(struct xl_linear, base));
    if (power)
        x64_shift_imm(&e->a, SHIFT_ROR, 0, RAX, power);
    x64_rm(&e->a, ALU_CMP, 0, RAX, RBP, linear + (int32_t)offsetof(struct xl_linear, limit[0]) + 4 * (int32_t)power);
    uint8_t *other = x64_jcc(&e->a, CC_AE);
    x64_load(&e->a, 1, RAX, RBP, linear + (int32_t)offsetof(struct xl_linear, addend));
    return other;
}

/* Where an access goes: [base + index + disp], without index when that is X64_NO_REG. */
struct operand {
    unsigned base, index;
    int32_t disp;
};

static void access(struct emit *e, unsigned op, unsigned w, unsigned reg, struct operand at)
{
    if (at.index == X64_NO_REG)
        x64_rm(&e->a, op, w, reg, at.base, at.disp);
    else
        x64_rx(&e->a, op, w, reg, at.base, at.index, at.disp);
}

static void load_value(struct emit *e, const struct ir_mem *mem, unsigned d, struct operand at)
{
    switch (mem->size) {
    case 1: access(e, mem->sign ? 0x0fbe : 0x0fb6, 0, d, at); return;
    case 2:
        access(e, mem->sign && mem->little ? 0x0fbf : 0x0fb7, 0, d, at);
        if (mem->little)
            return;
        x64_b(&e->a, 0x66); /* rol d16, 8 */
        x64_shift_imm(&e->a, SHIFT_ROL, 0, d, 8);
        if (mem->sign)
            x64_extend(&e->a, 0x0fbf, d, d);
        return;
    default:
        if (!mem->little && e->has_movbe) {
            access(e, 0x0f38f0, mem->size == 8, d, at);
            return;
        }
        access(e, 0x8b, mem->size == 8, d, at);
        if (!mem->little)
            x64_bswap(&e->a, mem->size == 8, d);
        return;
    }
}

/* The value in the order of memory: in its own register where the store can turn it or need not, else in rcx. */
static unsigned in_order(struct emit *e, const struct ir_mem *mem, unsigned v)
{
    if (mem->little || mem->size == 1 || (mem->size > 2 && e->has_movbe))
        return v;
    x64_mov64(&e->a, RCX, v);
    if (mem->size == 2) {
        x64_b(&e->a, 0x66);
        x64_shift_imm(&e->a, SHIFT_ROL, 0, RCX, 8);
    } else {
        x64_bswap(&e->a, mem->size == 8, RCX);
    }
    return RCX;
}

/* One host instruction; v is in the order of memory. */
static void store_value(struct emit *e, const struct ir_mem *mem, unsigned v, struct operand at)
{
    if (mem->size == 1) {
        x64_rx8(&e->a, 0x88, v, at.base, at.index, at.disp);
    } else if (mem->size == 2) {
        x64_b(&e->a, 0x66);
        access(e, 0x89, 0, v, at);
    } else {
        access(e, !mem->little && e->has_movbe ? 0x0f38f1 : 0x89, mem->size == 8, v, at);
    }
}

/* --- through a window --- */

/* Does this access, of the instruction at pc, go through the window? */
bool emit_is_direct(const struct emit *e, const struct ir_op *op, uint32_t pc)
{
    unsigned window = xl_window_of(e->cpu, e->block->mode);
    uint64_t constant;

    if (!e->vm->direct[0] || op->mem.mmu != window || !e->cpu->window[window].count || xl_site_is_device(e->cpu, pc))
        return false;
    if (regs_const(e, op->arg[0], &constant) && !op->mem.unaligned && constant & (op->mem.size - 1u))
        return false;
    return e->vm->directs[e->half] + EMIT_COLD_MAX < XL_DIRECT_MAX;
}

/* The address as an operand: an index, and a constant that the guard beside the window has room for. A constant address is put in rax. */
static struct operand window_of(struct emit *e, uint16_t ref)
{
    const struct ir_op *sum = &e->ir->op[ref];
    struct operand at = {.base = RBP, .index = RAX};
    uint64_t constant;

    if (regs_const(e, ref, &constant)) {
        x64_mov_imm(&e->a, RAX, (uint32_t)constant);
        return at;
    }
    if (e->value[ref].deferred) {
        regs_imm(e, sum->arg[1], &at.disp);
        ref = sum->arg[0];
    }
    at.index = regs_use(e, ref);
    return at;
}

/* The window lies this far from the CPU. */
static struct operand in_window(const struct emit *e, struct operand at)
{
    at.disp += XL_WINDOW_BELOW - (int32_t)((uint8_t *)e->cpu - (uint8_t *)e->vm->port.arena);
    return at;
}

/* Leave for the slow form when the address is not aligned; NULL when that cannot be. */
static uint8_t *check_aligned(struct emit *e, const struct ir_mem *mem, struct operand at)
{
    if (mem->unaligned || mem->size == 1 || at.index == RAX)
        return NULL;
    x64_test8(&e->a, at.index, mem->size - 1u);
    return x64_jcc(&e->a, CC_NE);
}

static struct emit_cold *cold_direct(struct emit *e, enum emit_cold_kind kind, struct operand at, uint8_t *misaligned)
{
    bool constant = at.index == RAX;
    struct emit_cold *c = emit_cold_new(e, constant ? (kind == COLD_LOAD_PROBE ? COLD_LOAD : COLD_STORE) : kind, misaligned);

    c->reg_a = (uint8_t)(constant ? X64_NO_REG : at.index);
    c->disp = at.disp;
    c->direct = e->a.p;
    return c;
}

static void direct_load(struct emit *e, const struct ir_op *op)
{
    struct ir_mem mem = op->mem;
    unsigned d = regs_make(e), npc = emit_npc_reg(e);
    struct operand at = window_of(e, op->arg[0]);
    struct emit_cold *c = cold_direct(e, COLD_LOAD_PROBE, at, check_aligned(e, &mem, at));

    c->reg_npc = (uint8_t)npc;
    c->reg_result = (uint8_t)d;
    load_value(e, &mem, d, in_window(e, at));
    emit_back(e, c);
}

static void direct_store(struct emit *e, const struct ir_op *op)
{
    struct ir_mem mem = op->mem;
    unsigned npc = emit_npc_reg(e), v = regs_use(e, op->arg[1]);
    struct operand at = window_of(e, op->arg[0]);
    uint8_t *misaligned = check_aligned(e, &mem, at);
    unsigned ordered = in_order(e, &mem, v);
    struct emit_cold *c = cold_direct(e, COLD_STORE_PROBE, at, misaligned);

    c->reg_npc = (uint8_t)npc;
    c->reg_b = (uint8_t)v;
    store_value(e, &mem, ordered, in_window(e, at));
    emit_back(e, c);
}

/* --- through linear stretch and soft TLB --- */

void emit_load(struct emit *e, const struct ir_op *op)
{
    struct ir_mem mem = op->mem;

    if (emit_is_direct(e, op, e->ir->op[e->insn_op].to.pc)) {
        direct_load(e, op);
        return;
    }
    unsigned d = regs_make(e); /* before the jump to cold code: what it spills must be spilled on both ways */
    unsigned index, npc = emit_npc_reg(e);
    bool linear = is_linear(e, op);
    uint8_t *miss;

    if (linear) {
        index = regs_use(e, op->arg[0]);
        miss = probe_linear(e, &mem, index);
    } else {
        miss = probe(e, &mem, op->arg[0], false, &index);
    }
    struct emit_cold *c = emit_cold_new(e, linear ? COLD_LOAD_PROBE : COLD_LOAD, miss);

    c->reg_a = (uint8_t)index;
    c->reg_npc = (uint8_t)npc;
    load_value(e, &mem, d, (struct operand){.base = RAX, .index = index});
    c->reg_result = (uint8_t)d;
    emit_back(e, c);
}

void emit_store(struct emit *e, const struct ir_op *op)
{
    struct ir_mem mem = op->mem;

    if (emit_is_direct(e, op, e->ir->op[e->insn_op].to.pc)) {
        direct_store(e, op);
        return;
    }
    unsigned index, npc = emit_npc_reg(e), v = regs_use(e, op->arg[1]);
    uint8_t *miss = probe(e, &mem, op->arg[0], true, &index);
    struct emit_cold *c = emit_cold_new(e, COLD_STORE, miss);

    c->reg_a = (uint8_t)index;
    c->reg_b = (uint8_t)v;
    c->reg_npc = (uint8_t)npc;
    store_value(e, &mem, in_order(e, &mem, v), (struct operand){.base = RAX, .index = index});
    emit_back(e, c);
}

/* In cold code, behind a window or a linear stretch that did not hold the address: the TLB. Returns the jump of its miss. */
uint8_t *emit_probe(struct emit *e, const struct emit_cold *c, const struct ir_op *op)
{
    struct ir_mem mem = op->mem;
    bool is_store = c->kind == COLD_STORE_PROBE;
    uint8_t *miss = probe_reg(e, &mem, c->reg_a, c->disp, is_store);
    struct operand at = {.base = RAX, .index = c->reg_a};

    if (c->disp) {
        address(e, RCX, c->reg_a, c->disp);
        x64_alu(&e->a, ALU_ADD, 1, RAX, RCX);
        at.index = X64_NO_REG;
    }
    if (is_store)
        store_value(e, &mem, in_order(e, &mem, c->reg_b), at);
    else
        load_value(e, &mem, c->reg_result, at);
    x64_jmp_to(&e->a, c->back);
    return miss;
}
