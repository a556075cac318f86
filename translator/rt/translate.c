/* SPDX-License-Identifier: MIT */
/*
 * Guest bytes to IR: the loop that calls the front end instruction by instruction until the block has its exits.
 *
 * A block ends at a control transfer, at its page's end, at the instruction limit, and behind an instruction that was seen to touch a device (ADR 2).
 */
#include "ir/known.h"
#include "rt/cpu.h"

static uint32_t word_in(const struct xl_ctx *x, const uint8_t *host, uint32_t va)
{
    const uint8_t *p = host + (va & XL_PAGE_MASK);

    if (x->guest->big_endian)
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
    return (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
}

bool xl_fetch32(struct xl_ctx *x, uint32_t va, uint32_t *word)
{
    if ((va ^ x->page_va) & ~XL_PAGE_MASK || (va != x->start && xl_is_hooked(x->cpu->vm, XL_ON_CODE, va, 1)))
        return false; /* a hooked instruction is reached through the run loop only */
    *word = word_in(x, x->page_host, va);
    if (va + 4 - x->start > x->bytes)
        x->bytes = va + 4 - x->start;
    return true;
}

/* One instruction whose successor is not the next word: between a branch and its delay slot. The block is one of this npc, a constant in it. */
static void translate_odd(struct xl_ctx *x, uint32_t word)
{
    x->npc_dynamic = true;
    x->insns_left = 1;
    ir_insn(x, x->pc, x->npc);
    x->guest->translate(x, word);
    if (!x->done)
        ir_exit(x, x->npc, x->npc + x->guest->insn_bytes);
}

void xl_translate(struct xl_cpu *cpu, uint32_t pc, uint32_t npc, uint32_t mode, uint64_t page_pa, unsigned insns_max, uint32_t *bytes)
{
    struct xl_vm *vm = cpu->vm;
    struct xl_ctx x = {.block = vm->ir,
                       .cpu = cpu,
                       .guest = cpu->guest,
                       .pc = pc,
                       .npc = npc,
                       .mode = mode,
                       .known = vm->known,
                       .start = pc,
                       .page_va = pc & ~XL_PAGE_MASK,
                       .page_host = xl_ram_at(vm, page_pa, XL_PAGE_BYTES)};
    uint32_t step = cpu->guest->insn_bytes, word = 0;

    vm->ir->count = vm->ir->insns = 0;
    vm->ir->full = false;
    ir_known_reset(&x);
    if (npc != pc + step) {
        xl_fetch32(&x, pc, &word);
        translate_odd(&x, word);
        *bytes = x.bytes;
        return;
    }
    while (!x.done) {
        if (vm->ir->insns >= insns_max || (vm->ir->full && vm->ir->insns) || !xl_fetch32(&x, x.pc, &word)) {
            ir_exit(&x, x.pc, x.npc);
            break;
        }
        bool device = xl_site_is_device(cpu, x.pc);
        x.insns_left = insns_max - vm->ir->insns;
        ir_insn(&x, x.pc, x.npc);
        cpu->guest->translate(&x, word);
        x.pc = x.npc;
        x.npc += step;
        if (!x.done && device)
            ir_exit(&x, x.pc, x.npc);
    }
    *bytes = x.bytes;
}
