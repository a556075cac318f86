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

/* The probe of an address in a register: behind it [rax + va] is the host address. Returns the jump of a miss. */
static uint8_t *probe_reg(struct emit *e, const struct ir_mem *mem, unsigned va, bool is_store)
{
    uint32_t low = mem->unaligned ? 0 : mem->size - 1u;

    x64_mov(&e->a, RCX, va);
    if (mem->unaligned && mem->size > 1)
        x64_rm(&e->a, 0x8d, 0, RAX, va, mem->size - 1);
    else
        x64_mov(&e->a, RAX, va);
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
    return probe_reg(e, mem, *index, is_store);
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

static void access(struct emit *e, unsigned op, unsigned w, unsigned reg, unsigned index)
{
    if (index == X64_NO_REG)
        x64_rm(&e->a, op, w, reg, RAX, 0);
    else
        x64_rx(&e->a, op, w, reg, RAX, index, 0);
}

static void load_value(struct emit *e, const struct ir_mem *mem, unsigned d, unsigned index)
{
    switch (mem->size) {
    case 1: access(e, mem->sign ? 0x0fbe : 0x0fb6, 0, d, index); return;
    case 2:
        access(e, mem->sign && mem->little ? 0x0fbf : 0x0fb7, 0, d, index);
        if (mem->little)
            return;
        x64_b(&e->a, 0x66); /* rol d16, 8 */
        x64_shift_imm(&e->a, SHIFT_ROL, 0, d, 8);
        if (mem->sign)
            x64_extend(&e->a, 0x0fbf, d, d);
        return;
    default:
        if (!mem->little && e->has_movbe) {
            access(e, 0x0f38f0, mem->size == 8, d, index);
            return;
        }
        access(e, 0x8b, mem->size == 8, d, index);
        if (!mem->little)
            x64_bswap(&e->a, mem->size == 8, d);
        return;
    }
}

void emit_load(struct emit *e, const struct ir_op *op)
{
    struct ir_mem mem = op->mem;
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
    load_value(e, &mem, d, index);
    c->reg_result = (uint8_t)d;
    c->back = e->a.p;
}

/* In cold code, behind a linear stretch that did not hold the address: the TLB. Returns the jump of its miss. */
uint8_t *emit_load_probe(struct emit *e, const struct emit_cold *c, const struct ir_op *op)
{
    struct ir_mem mem = op->mem;
    uint8_t *miss = probe_reg(e, &mem, c->reg_a, false);

    load_value(e, &mem, c->reg_result, c->reg_a);
    x64_jmp_to(&e->a, c->back);
    return miss;
}

/* The value in memory order goes through rcx unless it can be stored from its own register. */
static void store_value(struct emit *e, const struct ir_mem *mem, unsigned v, unsigned index)
{
    unsigned w = mem->size == 8;

    if (mem->size == 1) {
        x64_rm8(&e->a, 0x88, v, RAX, index);
        return;
    }
    if (mem->size == 2) {
        if (!mem->little) {
            x64_mov(&e->a, RCX, v);
            x64_b(&e->a, 0x66);
            x64_shift_imm(&e->a, SHIFT_ROL, 0, RCX, 8);
            v = RCX;
        }
        x64_b(&e->a, 0x66);
        access(e, 0x89, 0, v, index);
        return;
    }
    if (!mem->little && e->has_movbe) {
        access(e, 0x0f38f1, w, v, index);
        return;
    }
    if (!mem->little) {
        x64_mov64(&e->a, RCX, v);
        x64_bswap(&e->a, w, RCX);
        v = RCX;
    }
    access(e, 0x89, w, v, index);
}

void emit_store(struct emit *e, const struct ir_op *op)
{
    struct ir_mem mem = op->mem;
    unsigned index, npc = emit_npc_reg(e), v = regs_use(e, op->arg[1]);
    uint8_t *miss = probe(e, &mem, op->arg[0], true, &index);
    struct emit_cold *c = emit_cold_new(e, COLD_STORE, miss);

    c->reg_a = (uint8_t)index;
    c->reg_b = (uint8_t)v;
    c->reg_npc = (uint8_t)npc;
    store_value(e, &mem, v, index);
    c->back = e->a.p;
}
