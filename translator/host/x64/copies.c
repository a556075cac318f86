/* SPDX-License-Identifier: MIT */
/*
 * Copies of the guest's floating-point registers in xmm5 to xmm15, within one block.
 *
 * The guest's registers in memory always hold the same: a result is stored at once, a copy only spares the load by the next operation. So the state is precise wherever a block can be
 * left, and a copy may be forgotten at any time. C code keeps none: a cold piece that called some loads again what the block had where it comes back.
 */
#include "host/x64/emit.h"

void copies_forget(struct emit *e)
{
    for (unsigned i = 0; i < EMIT_COPIES; i++)
        e->copy[i] = EMIT_NONE;
    e->singles = 0;
}

static unsigned bytes_of(uint16_t copy)
{
    return copy & EMIT_COPY_WIDE ? 8 : 4;
}

/* The bytes at off of bank 0 change. */
void copies_drop(struct emit *e, uint32_t off, unsigned bytes)
{
    for (unsigned i = 0; i < EMIT_COPIES; i++) {
        uint32_t at = e->copy[i] & ~(uint32_t)EMIT_COPY_WIDE;
        if (e->copy[i] != EMIT_NONE && at < off + bytes && off < at + bytes_of(e->copy[i]))
            e->copy[i] = EMIT_NONE;
    }
}

/* The xmm register that holds the double or word at off; X64_NO_REG: none does. */
unsigned copies_find(struct emit *e, uint32_t off, bool wide)
{
    for (unsigned i = 0; i < EMIT_COPIES; i++)
        if (e->copy[i] == (off | (wide ? EMIT_COPY_WIDE : 0))) {
            e->vm->stats.fp_copied++;
            return EMIT_COPY_FIRST + i;
        }
    return X64_NO_REG;
}

/* A register for a copy, none of the mask `kept`; in turn, so that what was made last stays longest. */
unsigned copies_take(struct emit *e, uint32_t kept)
{
    unsigned i;

    do {
        i = e->copy_turn;
        e->copy_turn = (e->copy_turn + 1) % EMIT_COPIES;
    } while (kept >> (EMIT_COPY_FIRST + i) & 1);
    e->copy[i] = EMIT_NONE;
    return EMIT_COPY_FIRST + i;
}

/* The register holds what lies at off now; single: a double that a single can hold, known to be one. */
void copies_set(struct emit *e, unsigned xmm, uint32_t off, bool wide, bool single)
{
    uint32_t bit = 1u << (xmm - EMIT_COPY_FIRST);

    if (e->vm->config.switches & XL_NO_FP_COPY)
        return;
    e->copy[xmm - EMIT_COPY_FIRST] = (uint16_t)(off | (wide ? EMIT_COPY_WIDE : 0));
    e->singles = single ? e->singles | bit : e->singles & ~bit;
}

bool copies_single(const struct emit *e, unsigned xmm)
{
    return xmm >= EMIT_COPY_FIRST && e->copy[xmm - EMIT_COPY_FIRST] != EMIT_NONE && e->singles >> (xmm - EMIT_COPY_FIRST) & 1;
}

/* A cold piece comes back here. */
void emit_back(struct emit *e, struct emit_cold *c)
{
    c->back = e->a.p;
    memcpy(c->copy, e->copy, sizeof c->copy);
}

/* In a cold piece, behind a call. */
void emit_go_back(struct emit *e, const struct emit_cold *c)
{
    for (unsigned i = 0; i < EMIT_COPIES; i++)
        if (c->copy[i] != EMIT_NONE) {
            x64_b(&e->a, c->copy[i] & EMIT_COPY_WIDE ? 0xf2 : 0xf3);
            x64_rm(&e->a, 0x0f10, 0, EMIT_COPY_FIRST + i, RBP, CPU(guest_state) + (c->copy[i] & ~EMIT_COPY_WIDE));
        }
    x64_jmp_to(&e->a, c->back);
}
