/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores: plain, parts of an unaligned word, linked and conditional; caches.
 *
 * Caches hold nothing that memory does not: their instructions check the address and do nothing more. BadVAddr of a part of an unaligned load is the word's address.
 * Source: II 3.2 (loads, stores, CACHE, SYNCI); 24K 7.
 */
#include "mips.h"

enum { CACHE_HIT = 0x10 /* operations from here on name an address, those below a place in the cache */ };

static struct ir_mem access(const struct xl_ctx *x, uint8_t size, bool sign)
{
    return (struct ir_mem){.size = size, .mmu = (uint8_t)mips_mmu_data(x), .sign = sign, .little = !x->guest->big_endian};
}

static struct ir_ref address(struct xl_ctx *x, const struct mips_insn *d)
{
    return ir_add(x, mips_get(x, d->base), ir_const(x, (uint32_t)d->offset));
}

#define LOAD(name, size, sign) \
    void mips_##name(struct xl_ctx *x, const struct mips_insn *d) \
    { \
        mips_put(x, d->rt, ir_ld(x, access(x, size, sign), address(x, d))); \
    }
#define STORE(name, size) \
    void mips_##name(struct xl_ctx *x, const struct mips_insn *d) \
    { \
        ir_st(x, access(x, size, false), address(x, d), mips_get(x, d->rt)); \
    }
LOAD(lb, 1, true)
LOAD(lh, 2, true)
LOAD(lw, 4, false)
LOAD(lbu, 1, false)
LOAD(lhu, 2, false)
STORE(sb, 1)
STORE(sh, 2)
STORE(sw, 4)

/* Bits from the word's most significant byte to the one addressed (LWL), from that to the least significant one (LWR). */
static void load_part(struct xl_ctx *x, const struct mips_insn *d, bool left)
{
    struct ir_ref at = address(x, d), three = ir_const(x, 3), word = ir_ld(x, access(x, 4, false), ir_op2(x, IR_OP_ANDN, at, three));
    struct ir_ref shift = ir_shl(x, ir_and(x, at, three), three), ones = ir_const(x, 0xffffffffu);
    enum ir_opcode op = left ? IR_OP_SHL : IR_OP_SHR;

    if (left != x->guest->big_endian)
        shift = ir_xor(x, shift, ir_const(x, 24));
    mips_put(x, d->rt, ir_or(x, ir_op2(x, op, word, shift), ir_op2(x, IR_OP_ANDN, mips_get(x, d->rt), ir_op2(x, op, ones, shift))));
}

void mips_lwl(struct xl_ctx *x, const struct mips_insn *d) { load_part(x, d, true); }
void mips_lwr(struct xl_ctx *x, const struct mips_insn *d) { load_part(x, d, false); }

/* The bytes of a word's part, one by one; they lie in one page, so the first one takes the fault. how: mmu | left << 8 | big-endian << 9 */
static uint64_t store_part(struct xl_cpu *cpu, uint64_t how, uint64_t at, uint64_t value)
{
    struct ir_mem mem = {.size = 1, .mmu = (uint8_t)how};
    uint32_t va = (uint32_t)at, word = va & ~3u, n = va & 3;
    bool left = how >> 8 & 1, big = how >> 9 & 1, is_below = left != big; /* the part lies at and below the address, else at and above */

    for (uint32_t i = is_below ? 0 : n; i <= (is_below ? n : 3); i++) {
        uint32_t byte = left ? 3 - (big ? i - n : n - i) : big ? n - i : i - n; /* of the register, 0 the least significant */
        xl_store(cpu, (gva_t){word + i}, mem, (uint32_t)value >> 8 * byte & 255);
    }
    return 0;
}

static void part_stored(struct xl_ctx *x, const struct mips_insn *d, uint32_t left)
{
    static const struct xl_helper helper = {"mips_store_part", (void *)store_part, XL_H_READS | XL_H_WRITES | XL_H_FAULTS};
    uint32_t how = mips_mmu_data(x) | left << 8 | (uint32_t)x->guest->big_endian << 9;

    ir_call(x, &helper, 3, (struct ir_ref[]){ir_const(x, how), address(x, d), mips_get(x, d->rt)});
}

void mips_swl(struct xl_ctx *x, const struct mips_insn *d) { part_stored(x, d, 1); }
void mips_swr(struct xl_ctx *x, const struct mips_insn *d) { part_stored(x, d, 0); }

void mips_ll(struct xl_ctx *x, const struct mips_insn *d)
{
    struct ir_ref at = address(x, d), value = ir_ld(x, access(x, 4, false), at);

    mips_put(x, d->rt, value);
    ir_put(x, 0, MIPS_OFF(linked), ir_const(x, 1));
    ir_put(x, 0, MIPS_OFF(lladdr), at);
}

/* 1 when it stored. An address that is misaligned traps in any case. */
static uint64_t store_conditional(struct xl_cpu *cpu, uint64_t how, uint64_t at, uint64_t value)
{
    struct mips_cpu *s = mips_of(cpu);
    struct ir_mem mem = {.size = 4, .mmu = (uint8_t)how, .little = how >> 8 & 1};
    bool holds = s->linked && s->lladdr == (uint32_t)at;

    if (at & 3) {
        struct xl_fault f = {.kind = XL_FAULT_ALIGN, .access = MMU_WRITE, .mmu = mem.mmu, .size = 4, .va = {(uint32_t)at}};
        xl_fault(cpu, &f);
    }
    if (holds)
        xl_store(cpu, (gva_t){(uint32_t)at}, mem, (uint32_t)value);
    s->linked = 0;
    return holds;
}

void mips_sc(struct xl_ctx *x, const struct mips_insn *d)
{
    static const struct xl_helper helper = {"mips_store_conditional", (void *)store_conditional, XL_H_READS | XL_H_WRITES | XL_H_FAULTS};
    struct ir_ref how = ir_const(x, mips_mmu_data(x) | (uint32_t)!x->guest->big_endian << 8);

    mips_put(x, d->rt, ir_callw(x, &helper, 3, (struct ir_ref[]){how, address(x, d), mips_get(x, d->rt)}));
}

static void check_byte(struct xl_ctx *x, const struct mips_insn *d)
{
    struct ir_mem mem = access(x, 1, false);

    ir_ld(x, mem, address(x, d));
}

void mips_cache(struct xl_ctx *x, const struct mips_insn *d)
{
    if (!mips_cp0_off(x) && d->what >= CACHE_HIT)
        check_byte(x, d);
}

/* SYNCI: what was stored as code before it runs behind it, so the block ends */
void mips_synci(struct xl_ctx *x, const struct mips_insn *d)
{
    check_byte(x, d);
    mips_end_block(x);
}

#define NOTHING(name) \
    void mips_##name(struct xl_ctx *x, const struct mips_insn *d) \
    { \
        (void)x; \
        (void)d; \
    }
NOTHING(pref)
NOTHING(sync)
