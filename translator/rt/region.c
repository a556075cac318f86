/* SPDX-License-Identifier: MIT */
/*
 * Which blocks are compiled together: a loop that slices end in.
 *
 * A slice ends where its budget runs out, so counting the blocks at which slices end samples what is hot, for nothing. From such a block the direct exits inside its page
 * and mode are followed; the blocks from which it is reached again are its loop. Blocks with helpers that move register banks, change the mode or may not come back to
 * the next instruction are left out. Switch: XL_NO_REGION; counters: regions, region_homes.
 */
#include "rt/cpu.h"

enum { SUCCESSORS = 4 };

struct node {
    uint32_t pc, bytes;
    uint32_t to[SUCCESSORS];
    unsigned count;
    bool fits, returns; /* may be part of a region; leads back to the entry */
};

struct graph {
    struct node node[XL_REGION_BLOCKS];
    unsigned count;
};

static unsigned find(const struct graph *g, uint32_t pc)
{
    unsigned i = 0;

    while (i < g->count && g->node[i].pc != pc)
        i++;
    return i;
}

static bool may_join(const struct ir_op *op)
{
    switch (op->opcode) {
    case IR_OP_CALL:
    case IR_OP_CALLW:
    case IR_OP_CALLD: return !(((const struct xl_helper *)(uintptr_t)op->imm)->flags & (XL_H_BANKS | XL_H_ENDS));
    case IR_OP_BANK:
    case IR_OP_EXIT_STATE: return false;
    default: return true;
    }
}

/* Translate the node's block and see where it goes. */
static void look(struct xl_cpu *cpu, struct node *n, uint32_t mode, uint64_t page_pa)
{
    struct xl_vm *vm = cpu->vm;

    xl_translate(cpu, n->pc, n->pc + cpu->guest->insn_bytes, mode, page_pa, IR_INSNS_MAX, &n->bytes);
    n->fits = !vm->ir->full && !xl_is_hooked(vm, XL_ON_CODE, n->pc, 1);
    for (unsigned i = 0; i < vm->ir->count; i++) {
        const struct ir_op *op = &vm->ir->op[i];
        n->fits = n->fits && may_join(op);
        bool direct = op->opcode == IR_OP_EXIT || op->opcode == IR_OP_EXIT_IF;
        if (direct && op->to.npc == op->to.pc + cpu->guest->insn_bytes && !((op->to.pc ^ n->pc) & ~XL_PAGE_MASK) && n->count < SUCCESSORS)
            n->to[n->count++] = op->to.pc;
    }
}

static void explore(struct xl_cpu *cpu, struct graph *g, uint32_t pc, uint32_t mode, uint64_t page_pa)
{
    g->count = 1;
    g->node[0] = (struct node){.pc = pc};
    for (unsigned i = 0; i < g->count; i++) {
        look(cpu, &g->node[i], mode, page_pa);
        for (unsigned k = 0; g->node[i].fits && k < g->node[i].count; k++)
            if (find(g, g->node[i].to[k]) == g->count && g->count < XL_REGION_BLOCKS)
                g->node[g->count++] = (struct node){.pc = g->node[i].to[k]};
    }
}

/* Mark what leads back to the entry; at most as many rounds as there are nodes. */
static void mark(struct graph *g)
{
    for (unsigned round = 0; round < g->count; round++)
        for (unsigned i = 0; i < g->count; i++)
            for (unsigned k = 0; g->node[i].fits && k < g->node[i].count; k++) {
                unsigned to = find(g, g->node[i].to[k]);
                if (to == 0 || (to < g->count && g->node[to].returns))
                    g->node[i].returns = true;
            }
}

/* A slice ended at this block. */
void xl_region_try(struct xl_cpu *cpu, uint32_t number)
{
    struct xl_vm *vm = cpu->vm;
    struct xl_block *b = &vm->block[number];
    struct graph g;
    struct xl_loop loop = {0};
    unsigned first = XL_PAGE_BYTES, end = 0;
    uint32_t mode = b->mode;
    uint64_t page_pa = b->page_pa;

    if (b->is_region || b->hot > XL_REGION_HOT || b->hot++ < XL_REGION_HOT)
        return;
    explore(cpu, &g, b->pc, mode, page_pa);
    mark(&g);
    if (!g.node[0].fits || !g.node[0].returns)
        return;
    for (unsigned i = 0; i < g.count; i++) {
        const struct node *n = &g.node[i];
        unsigned at = n->pc & XL_PAGE_MASK;
        if (!n->fits || !n->returns)
            continue;
        loop.pc[loop.count++] = n->pc;
        first = at < first ? at : first;
        end = at + n->bytes > end ? at + n->bytes : end;
    }
    xl_block_make_region(cpu, &loop, mode, page_pa, first, end);
}
