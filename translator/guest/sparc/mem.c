/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores of integer and floating-point registers, atomic ones, alternate spaces.
 *
 * The spaces 08-0b are plain memory as the user or the supervisor sees it; the others go to asi.c and end their block, because they may reach devices and
 * change mappings. Source: V8 B.1-B.8; GRLIB LEON3 (CASA).
 */
#include "sparc.h"

static unsigned mmu_now(const struct xl_ctx *x)
{
    return x->mode & SPARC_MODE_S ? SPARC_MMU_SUPER : SPARC_MMU_USER;
}

static struct ir_ref address(struct xl_ctx *x, const struct sparc_insn *d)
{
    return ir_add(x, sparc_get(x, d->rs1), sparc_operand(x, d));
}

static void pair_put(struct xl_ctx *x, unsigned rd, struct ir_ref both)
{
    sparc_put(x, rd & ~1u, ir_op1(x, IR_OP_HI, both));
    sparc_put(x, rd | 1, ir_op1(x, IR_OP_LO, both));
}

static struct ir_ref pair_get(struct xl_ctx *x, unsigned rd)
{
    return ir_op2(x, IR_OP_PAIR, sparc_get(x, rd & ~1u), sparc_get(x, rd | 1));
}

/* LDD and STD name an even register. */
static bool pair_is_odd(struct xl_ctx *x, const struct sparc_insn *d, unsigned size)
{
    if (size != 8 || !(d->rd & 1))
        return false;
    sparc_raise(x, TT_ILLEGAL);
    return true;
}

static void load(struct xl_ctx *x, const struct sparc_insn *d, struct ir_mem mem)
{
    if (pair_is_odd(x, d, mem.size))
        return;
    struct ir_ref value = ir_ld(x, mem, address(x, d));
    if (mem.size == 8)
        pair_put(x, d->rd, value);
    else
        sparc_put(x, d->rd, value);
}

static void store(struct xl_ctx *x, const struct sparc_insn *d, struct ir_mem mem)
{
    if (!pair_is_odd(x, d, mem.size))
        ir_st(x, mem, address(x, d), mem.size == 8 ? pair_get(x, d->rd) : sparc_get(x, d->rd));
}

static void ldstub(struct xl_ctx *x, const struct sparc_insn *d, struct ir_mem mem)
{
    struct ir_ref va = address(x, d), old;

    mem.atomic = true;
    old = ir_ld(x, mem, va);
    ir_st(x, mem, va, ir_const(x, 0xff));
    sparc_put(x, d->rd, old);
}

static void swap(struct xl_ctx *x, const struct sparc_insn *d, struct ir_mem mem)
{
    struct ir_ref va = address(x, d), old;

    mem.atomic = true;
    old = ir_ld(x, mem, va);
    ir_st(x, mem, va, sparc_get(x, d->rd));
    sparc_put(x, d->rd, old);
}

/* The instruction is the last of its block. */
static void end_block(struct xl_ctx *x)
{
    ir_exit(x, x->npc, x->npc + 4);
    x->done = true;
}

/* Which address translation an ASI names; -1: none, it is not plain memory. */
static int asi_mmu(unsigned asi)
{
    switch (asi) {
    case 0x08: case 0x0a: return SPARC_MMU_USER;
    case 0x09: case 0x0b: return SPARC_MMU_SUPER;
    default: return -1;
    }
}

static void asi_load(struct xl_ctx *x, const struct sparc_insn *d, struct ir_mem mem)
{
    static const struct xl_helper helper = {"sparc_asi_load", (void *)sparc_asi_load, XL_H_READS | XL_H_FAULTS | XL_H_ENDS};
    struct ir_ref how = ir_const(x, d->asi | (uint32_t)mem.size << 8 | (mem.sign ? 1u << 12 : 0)), va = address(x, d);

    if (pair_is_odd(x, d, mem.size))
        return;
    if (mem.size == 8)
        pair_put(x, d->rd, ir_calld(x, &helper, 2, (struct ir_ref[]){how, va}));
    else
        sparc_put(x, d->rd, ir_callw(x, &helper, 2, (struct ir_ref[]){how, va}));
    end_block(x);
}

static const struct xl_helper asi_store_helper = {"sparc_asi_store", (void *)sparc_asi_store, XL_H_READS | XL_H_FAULTS | XL_H_ENDS};

static void asi_store(struct xl_ctx *x, const struct sparc_insn *d, struct ir_mem mem)
{
    struct ir_ref how = ir_const(x, d->asi | (uint32_t)mem.size << 8), va = address(x, d);

    if (pair_is_odd(x, d, mem.size))
        return;
    struct ir_ref value = mem.size == 8 ? pair_get(x, d->rd) : sparc_get(x, d->rd);
    ir_call(x, &asi_store_helper, 3, (struct ir_ref[]){how, va, value});
    end_block(x);
}

/* LDSTUBA and SWAPA on what is no plain memory: a load, then a store. */
static void asi_exchange(struct xl_ctx *x, const struct sparc_insn *d, struct ir_mem mem)
{
    static const struct xl_helper load_helper = {"sparc_asi_load", (void *)sparc_asi_load, XL_H_READS | XL_H_FAULTS};
    struct ir_ref how = ir_const(x, d->asi | (uint32_t)mem.size << 8), va = address(x, d);
    struct ir_ref value = mem.size == 1 ? ir_const(x, 0xff) : sparc_get(x, d->rd);
    struct ir_ref old = ir_callw(x, &load_helper, 2, (struct ir_ref[]){how, va});

    ir_call(x, &asi_store_helper, 3, (struct ir_ref[]){how, va, value});
    sparc_put(x, d->rd, old);
    end_block(x);
}

typedef void access_fn(struct xl_ctx *x, const struct sparc_insn *d, struct ir_mem mem);

static void alternate(struct xl_ctx *x, const struct sparc_insn *d, struct ir_mem mem, access_fn *plain, access_fn *special)
{
    int mmu = asi_mmu(d->asi);

    if (!(x->mode & SPARC_MODE_S)) {
        sparc_raise(x, TT_PRIVILEGED);
    } else if (mmu < 0) {
        special(x, d, mem);
    } else {
        mem.mmu = (uint8_t)mmu;
        plain(x, d, mem);
    }
}

/* The two plain forms and the alternate one of an access. */
#define ACCESS(name, access_size, is_signed, plain, special) \
    static struct ir_mem mem_of_##name(const struct xl_ctx *x) \
    { \
        return (struct ir_mem){.size = access_size, .mmu = (uint8_t)mmu_now(x), .sign = is_signed}; \
    } \
    void sparc_##name##_r(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        plain(x, d, mem_of_##name(x)); \
    } \
    void sparc_##name##_i(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        plain(x, d, mem_of_##name(x)); \
    } \
    void sparc_##name##a(struct xl_ctx *x, const struct sparc_insn *d) \
    { \
        alternate(x, d, mem_of_##name(x), plain, special); \
    }

ACCESS(ld, 4, false, load, asi_load)
ACCESS(ldub, 1, false, load, asi_load)
ACCESS(lduh, 2, false, load, asi_load)
ACCESS(ldd, 8, false, load, asi_load)
ACCESS(ldsb, 1, true, load, asi_load)
ACCESS(ldsh, 2, true, load, asi_load)
ACCESS(st, 4, false, store, asi_store)
ACCESS(stb, 1, false, store, asi_store)
ACCESS(sth, 2, false, store, asi_store)
ACCESS(std, 8, false, store, asi_store)
ACCESS(ldstub, 1, false, ldstub, asi_exchange)
ACCESS(swap, 4, false, swap, asi_exchange)

/* CASA  [rs1] asi, rs2, rd: store rd if the word equals rs2; rd gets the word. The user may name space 0a   GRLIB LEON3 */
void sparc_casa(struct xl_ctx *x, const struct sparc_insn *d)
{
    int mmu = asi_mmu(d->asi);

    if (!(x->mode & SPARC_MODE_S) && d->asi != 0x0a) {
        sparc_raise(x, TT_PRIVILEGED);
        return;
    }
    struct ir_mem mem = {.size = 4, .mmu = (uint8_t)(mmu < 0 ? (int)mmu_now(x) : mmu), .atomic = true};
    struct ir_ref va = sparc_get(x, d->rs1), old = ir_ld(x, mem, va);
    struct ir_ref equal = ir_cmp(x, IR_EQ, old, sparc_get(x, d->rs2));
    ir_st(x, mem, va, ir_select(x, equal, sparc_get(x, d->rd), old));
    sparc_put(x, d->rd, old);
}
