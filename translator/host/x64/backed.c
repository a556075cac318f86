/* SPDX-License-Identifier: MIT */
/*
 * Values that lie in guest registers in memory too.
 *
 * What was read from a guest register, or written to one, need not be stored on the stack when host registers run out, and need not be loaded before somebody uses it: the guest's state has
 * it, until that register is written again. Registers with a home are not in memory and never back a value, nor do those that FP operations write.
 */
#include "host/x64/emit.h"

void backed_reset(struct emit *e)
{
    e->backed_count = 0;
}

/* Give up the place; a value that is nowhere else goes to the stack. Uses rax; host flags survive. */
static void leave(struct emit *e, uint16_t ref)
{
    struct emit_value *v = &e->value[ref];

    v->backed = false;
    if (v->reg != X64_NO_REG || v->slot != 0xff || v->last < e->op)
        return;
    x64_load(&e->a, 0, RAX, v->back.base, v->back.disp);
    regs_to_slot(e, ref, RAX);
}

/* Values that are dead or not backed any more go from the list. */
static void prune(struct emit *e)
{
    unsigned kept = 0;

    for (unsigned i = 0; i < e->backed_count; i++)
        if (e->value[e->backed[i]].backed && e->value[e->backed[i]].last > e->op)
            e->backed[kept++] = e->backed[i];
    e->backed_count = kept;
}

/* The value lies in the guest register that this GET or PUT names. False: that cannot be kept in mind. */
bool backed_by(struct emit *e, uint16_t ref, const struct ir_op *op)
{
    struct emit_value *v = &e->value[ref];

    if (op->cond >= XL_BANKS || home_never(e, op) || v->home || v->backed || e->vm->config.switches & XL_NO_BACKED)
        return false;
    if (e->backed_count == EMIT_BACKED)
        prune(e);
    if (e->backed_count == EMIT_BACKED)
        return false;
    v->backed = true;
    v->back = place_of(op);
    e->backed[e->backed_count++] = ref;
    e->vm->stats.backed++;
    return true;
}

/* A guest register is about to be written in memory. */
void backed_overwrite(struct emit *e, const struct ir_op *put)
{
    struct emit_place at = place_of(put);

    for (unsigned i = 0; i < e->backed_count; i++) {
        const struct emit_value *v = &e->value[e->backed[i]];
        if (v->backed && v->back.base == at.base && v->back.disp == at.disp)
            leave(e, e->backed[i]);
    }
}

/* Anything may be written: C code is called, or a bank moves. */
void backed_forget(struct emit *e)
{
    for (unsigned i = 0; i < e->backed_count; i++)
        if (e->value[e->backed[i]].backed)
            leave(e, e->backed[i]);
    e->backed_count = 0;
}
