/* SPDX-License-Identifier: MIT */
/*
 * One IR block into the code cache: entry, ops, exits, cold code; and the few thunks that all blocks share.
 *
 * Shape of a block: take its instructions from the budget (leave when there are too few), the ops in order, then the cold pieces. Exits inside the guest page
 * are jumps that rt/block.c points at the next block; others probe the jump cache; after a helper that changed mode or mappings every exit goes through
 * the run loop. A site (pc, npc, refund) is written only where something is about to leave for C code that may fault.
 */
#include "host/x64/emit.h"
#include <cpuid.h>

_Static_assert(offsetof(struct xl_cpu, unwind_sp) == 88, "host/x64/enter.S");
_Static_assert(offsetof(struct xl_env, bank) == 8, "host/x64/enter.S");
_Static_assert(sizeof(struct xl_jump_entry) == 16, "the jump cache probe scales by 16");

extern const uint8_t xl_leave_address[];

uint64_t emit_scratch_bytes(void) { return sizeof(struct emit); }

/* --- sites and cold pieces --- */

/* The register from which cold code makes npc when it is known at run time only. */
unsigned emit_npc_reg(struct emit *e)
{
    const struct ir_op *insn = &e->ir->op[e->insn_op];

    return insn->arg[0] == EMIT_NONE ? X64_NO_REG : regs_use(e, regs_npc_source(e, insn));
}

static void store_npc(struct emit *e, const struct ir_op *insn, unsigned reg)
{
    const struct ir_op *npc = &e->ir->op[insn->arg[0]];

    if (regs_npc_source(e, insn) == insn->arg[0]) {
        x64_store(&e->a, 0, reg, RBP, ENV(npc));
        return;
    }
    x64_rr(&e->a, 0x85, 0, reg, reg);
    x64_mov_imm(&e->a, RAX, (uint32_t)e->ir->op[npc->arg[2]].imm);
    uint8_t *no = x64_jcc(&e->a, CC_E);
    x64_mov_imm(&e->a, RAX, (uint32_t)e->ir->op[npc->arg[1]].imm);
    x64_fix(no, e->a.p);
    x64_store(&e->a, 0, RAX, RBP, ENV(npc));
}

/* What the core must know when the C code called next does not come back. Uses rax. */
void emit_site(struct emit *e, unsigned insn_op, unsigned passed, unsigned npc_reg)
{
    const struct ir_op *insn = &e->ir->op[insn_op];

    x64_store_imm(&e->a, insn->to.pc, RBP, ENV(pc));
    if (npc_reg == X64_NO_REG)
        x64_store_imm(&e->a, insn->to.npc, RBP, ENV(npc));
    else
        store_npc(e, insn, npc_reg);
    x64_store_imm(&e->a, e->ir->insns - passed, RBP, CPU(site.refund));
    x64_store_imm(&e->a, e->number, RBP, CPU(site.block));
    x64_store_imm(&e->a, passed == e->ir->insns, RBP, CPU(site.last));
}

struct emit_cold *emit_cold_new(struct emit *e, enum emit_cold_kind kind, uint8_t *from)
{
    if (e->colds == EMIT_COLD_MAX) {
        e->failed = true;
        e->colds--;
    }
    struct emit_cold *c = &e->cold[e->colds++];
    *c = (struct emit_cold){.kind = (uint8_t)kind,
                            .reg_a = X64_NO_REG,
                            .reg_npc = X64_NO_REG,
                            .op = (uint16_t)e->op,
                            .insn = e->insn_op,
                            .passed = (uint16_t)e->passed,
                            .ends = e->ends,
                            .from = from};
    return c;
}

/* --- exits --- */

static void leave(struct emit *e, uint32_t reason)
{
    x64_mov_imm(&e->a, RAX, reason);
    x64_jmp_to(&e->a, e->leave);
}

static void refund(struct emit *e, unsigned passed)
{
    if (passed != e->ir->insns)
        x64_alu_imm(&e->a, ALU_ADD, 1, R14, (int32_t)(e->ir->insns - passed));
}

static void store_pc(struct emit *e, uint32_t pc, uint32_t npc)
{
    x64_store_imm(&e->a, pc, RBP, ENV(pc));
    x64_store_imm(&e->a, npc, RBP, ENV(npc));
}

/* What was called may have changed the mode, the time or what is pending: C looks where to go on, pc and npc are in env. */
static void go_on(struct emit *e)
{
    x64_jmp_to(&e->a, e->next);
}

/* The number in the region of the block at pc, or count. */
static unsigned inside(const struct emit *e, uint32_t pc)
{
    unsigned i = 0, count = e->loop ? e->loop->count : 0;

    while (i < count && e->loop->pc[i] != pc)
        i++;
    return i;
}

/* May an exit to this pc go to another block of the region? */
static bool stays(const struct emit *e, uint32_t pc, uint32_t npc, bool ends)
{
    return e->loop && !ends && npc == pc + e->cpu->guest->insn_bytes && inside(e, pc) < e->loop->count && e->jumps < EMIT_JUMPS;
}

static void jump_inside(struct emit *e, uint8_t *jump, uint32_t pc)
{
    e->jump[e->jumps++] = (struct emit_jump){jump, inside(e, pc)};
}

static bool in_page(const struct emit *e, uint32_t pc) { return !((pc ^ e->block->pc) & ~XL_PAGE_MASK); }

/* An exit to a constant pc with the budget already right, reached from `from` (NULL: by falling in). */
static void exit_tail(struct emit *e, uint32_t pc, uint32_t npc, bool ends)
{
    uint32_t switches = e->vm->config.switches;
    bool plain = !ends && npc == pc + e->cpu->guest->insn_bytes;

    if (stays(e, pc, npc, ends)) {
        jump_inside(e, x64_jmp(&e->a), pc);
        return;
    }
    homes_leave(e);
    if (ends) {
        store_pc(e, pc, npc);
        go_on(e);
        return;
    }
    if (plain && in_page(e, pc) && e->block->exits < XL_BLOCK_EXITS && !(switches & XL_NO_CHAIN)) {
        uint32_t index = e->block->exits++;
        struct xl_exit *out = &e->block->exit[index];
        uint8_t *jump = x64_jmp(&e->a);
        x64_fix(jump, e->a.p);
        *out = (struct xl_exit){.jump_offset = (uint32_t)(jump - e->vm->port.code_rw), .cold_offset = (uint32_t)(e->a.p - e->vm->port.code_rw), .pc = pc};
        store_pc(e, pc, npc);
        leave(e, XL_LEAVE_EXIT + 8 * (e->number * XL_BLOCK_EXITS + index + 1));
        return;
    }
    if (plain && !(switches & XL_NO_JUMP_CACHE)) {
        int32_t at = CPU(jump) + (int32_t)(xl_jump_index(pc) * sizeof(struct xl_jump_entry));
        x64_alu_mem_imm(&e->a, ALU_CMP, RBP, at, (int32_t)pc);
        uint8_t *other_pc = x64_jcc(&e->a, CC_NE);
        x64_alu_mem_imm(&e->a, ALU_CMP, RBP, at + 4, (int32_t)e->block->mode);
        uint8_t *other_mode = x64_jcc(&e->a, CC_NE);
        x64_rm(&e->a, 0xff, 0, 4, RBP, at + 8); /* jmp [code] */
        x64_fix(other_pc, e->a.p);
        x64_fix(other_mode, e->a.p);
    }
    store_pc(e, pc, npc);
    leave(e, XL_LEAVE_LOOKUP);
}

static void exit_const(struct emit *e, const struct ir_op *op)
{
    refund(e, e->passed);
    exit_tail(e, op->to.pc, op->to.npc, e->ends);
}

static void exit_if(struct emit *e, const struct ir_op *op)
{
    if (e->passed == e->ir->insns && stays(e, op->to.pc, op->to.npc, e->ends)) {
        jump_inside(e, x64_jcc(&e->a, emit_test(e, op->arg[0])), op->to.pc);
        return;
    }
    emit_cold_new(e, COLD_EXIT, x64_jcc(&e->a, emit_test(e, op->arg[0])));
}

/* npc is pc + insn_bytes whatever pc is? */
static bool follows(const struct emit *e, const struct ir_op *op)
{
    const struct ir_op *npc = &e->ir->op[op->arg[1]];
    uint64_t step;

    return npc->opcode == IR_OP_ADD && npc->arg[0] == op->arg[0] && regs_const(e, npc->arg[1], &step) && step == e->cpu->guest->insn_bytes;
}

/* At the end of a region: two values go where neither homes nor the banks' addresses are. */
static void clear_bases(struct emit *e, unsigned *a, unsigned *b)
{
    x64_mov(&e->a, RAX, *a);
    x64_mov(&e->a, RCX, *b);
    x64_mov(&e->a, RSI, RAX);
    x64_mov(&e->a, RDI, RCX);
    *a = RSI;
    *b = RDI;
}

static void exit_ind(struct emit *e, const struct ir_op *op)
{
    unsigned pc = regs_use(e, op->arg[0]), npc = regs_use(e, op->arg[1]);

    refund(e, e->passed);
    if (e->loop)
        clear_bases(e, &pc, &npc);
    homes_leave(e);
    if (!e->ends && !(e->vm->config.switches & XL_NO_JUMP_CACHE) && follows(e, op)) {
        x64_mov(&e->a, RCX, pc);
        x64_shift_imm(&e->a, SHIFT_SHL, 0, RCX, 2);
        x64_alu_imm(&e->a, ALU_AND, 0, RCX, (XL_JUMP_ENTRIES - 1) << 4);
        x64_rx(&e->a, ALU_CMP, 0, pc, RBP, RCX, CPU(jump));
        uint8_t *other_pc = x64_jcc(&e->a, CC_NE);
        x64_mov_imm(&e->a, RAX, e->block->mode);
        x64_rx(&e->a, ALU_CMP, 0, RAX, RBP, RCX, CPU(jump) + 4);
        uint8_t *other_mode = x64_jcc(&e->a, CC_NE);
        x64_rx(&e->a, 0xff, 0, 4, RBP, RCX, CPU(jump) + 8);
        x64_fix(other_pc, e->a.p);
        x64_fix(other_mode, e->a.p);
    }
    x64_store(&e->a, 0, pc, RBP, ENV(pc));
    x64_store(&e->a, 0, npc, RBP, ENV(npc));
    if (e->ends)
        go_on(e);
    else
        leave(e, XL_LEAVE_LOOKUP);
}

static void raise_if(struct emit *e, const struct ir_op *op)
{
    unsigned npc = emit_npc_reg(e);
    uint8_t *from = x64_jcc(&e->a, emit_test(e, op->arg[0]));

    emit_cold_new(e, COLD_RAISE, from)->reg_npc = (uint8_t)npc;
}

/* --- cold code --- */

static void arg_or_const(struct emit *e, unsigned to, unsigned reg, uint16_t ref)
{
    uint64_t constant;

    if (reg != X64_NO_REG)
        x64_mov64(&e->a, to, reg);
    else if (regs_const(e, ref, &constant))
        x64_mov_imm(&e->a, to, constant);
}

static void cold_access(struct emit *e, const struct emit_cold *c, const struct ir_op *op)
{
    bool is_store = c->kind == COLD_STORE || c->kind == COLD_STORE_PROBE;

    homes_store(e);
    emit_site(e, c->insn, c->passed, c->reg_npc);
    x64_store_imm(&e->a, xl_mem_bits(op->mem), RBP, CPU(site.mem));
    if (is_store)
        x64_mov64(&e->a, RAX, c->reg_b);
    arg_or_const(e, RCX, c->reg_a, op->arg[0]);
    if (c->disp)
        x64_alu_imm(&e->a, ALU_ADD, 0, RCX, c->disp);
    x64_call_to(&e->a, is_store ? e->store : e->load);
    if (!is_store)
        x64_mov64(&e->a, c->reg_result, RAX);
    emit_go_back(e, c);
}

/* The access through a window goes on here when it faults. */
static void direct_note(struct emit *e, const uint8_t *at)
{
    struct xl_vm *vm = e->vm;

    vm->direct[e->half][vm->directs[e->half]++] = (struct xl_direct){.at = (uint32_t)(at - vm->port.code_rw), .cold = (uint32_t)(e->a.p - vm->port.code_rw)};
    vm->stats.direct_made++;
}

static void cold_emit(struct emit *e, const struct emit_cold *c)
{
    const struct ir_op *op = &e->ir->op[c->op];

    if (c->from)
        x64_fix(c->from, e->a.p);
    if (c->direct)
        direct_note(e, c->direct);
    switch (c->kind) {
    case COLD_LOAD_PROBE:
    case COLD_STORE_PROBE: {
        uint8_t *miss = emit_probe(e, c, op);
        x64_fix(miss, e->a.p);
        cold_access(e, c, op);
        break;
    }
    case COLD_LOAD:
    case COLD_STORE: cold_access(e, c, op); break;
    case COLD_FLAGS:
        x64_mov_imm(&e->a, RCX, op->cond);
        x64_call_to(&e->a, e->flags);
        emit_go_back(e, c);
        break;
    case COLD_FP:
        if (c->accept)
            emit_fp_zero(e, (const struct xl_fp *)(uintptr_t)op->imm, c);
        homes_store(e);
        emit_site(e, c->insn, c->passed, c->reg_npc);
        x64_mov_imm(&e->a, RAX, (uint64_t)(uintptr_t)((const struct xl_fp *)(uintptr_t)op->imm)->slow);
        x64_store(&e->a, 1, RAX, RBP, CPU(fp_slow));
        x64_mov_imm(&e->a, RCX, e->ir->op[op->arg[2]].imm);
        x64_call_to(&e->a, e->fp);
        emit_go_back(e, c);
        break;
    case COLD_RAISE:
        homes_store(e);
        emit_site(e, c->insn, c->passed, c->reg_npc);
        x64_mov_imm(&e->a, RCX, (uint32_t)op->imm);
        x64_jmp_to(&e->a, e->raise);
        break;
    case COLD_EXIT:
        refund(e, c->passed);
        exit_tail(e, op->to.pc, op->to.npc, c->ends);
        break;
    default: /* COLD_BUDGET */
        x64_alu_imm(&e->a, ALU_ADD, 1, R14, e->ir->insns);
        homes_store(e);
        store_pc(e, e->pc, e->loop ? e->pc + e->cpu->guest->insn_bytes : e->block->npc);
        leave(e, XL_LEAVE_LOOKUP);
        break;
    }
}

/* --- the block --- */

static bool is_dead(const struct emit *e, const struct ir_op *op)
{
    uint8_t effect = ir_info[op->opcode].effect;
    bool removable = effect == IR_EFFECT_P || effect == IR_EFFECT_G;

    return removable && (!e->value[e->op].uses || e->value[e->op].deferred);
}

static void one(struct emit *e, const struct ir_op *op)
{
    switch (op->opcode) {
    case IR_OP_INSN:
        e->insn_op = (uint16_t)e->op;
        e->passed++;
        return; /* its operand stays for the whole instruction */
    case IR_OP_EXIT: exit_const(e, op); break;
    case IR_OP_EXIT_IF: exit_if(e, op); break;
    case IR_OP_EXIT_IND: exit_ind(e, op); break;
    case IR_OP_EXIT_STATE:
        refund(e, e->passed);
        homes_store(e);
        go_on(e);
        break;
    case IR_OP_RAISE_IF: raise_if(e, op); break;
    default: emit_op(e, op); break;
    }
    /* A result that nothing needs gives its register back at once. */
    if (e->value[e->op].reg != X64_NO_REG && !e->value[e->op].uses) {
        e->owner[e->value[e->op].reg] = EMIT_NONE;
        e->value[e->op].reg = X64_NO_REG;
    }
    regs_done(e);
}

static bool has_room(struct emit *e, unsigned bytes)
{
    if (e->a.p + bytes > e->a.end)
        e->full = true;
    return !e->full;
}

static void body(struct emit *e)
{
    x64_alu_imm(&e->a, ALU_SUB, 1, R14, e->ir->insns);
    emit_cold_new(e, COLD_BUDGET, x64_jcc(&e->a, CC_S));
    for (e->op = 0; e->op < e->ir->count && !e->failed && has_room(e, EMIT_ROOM); e->op++)
        if (!is_dead(e, &e->ir->op[e->op]))
            one(e, &e->ir->op[e->op]);
    for (unsigned i = 0; i < e->colds && !e->failed && has_room(e, EMIT_COLD_ROOM); i++)
        cold_emit(e, &e->cold[i]);
}

static uint64_t half_middle(const struct xl_vm *vm)
{
    return (vm->code_start + vm->port.code_bytes) / 2 & ~(uint64_t)15;
}

/* The end of the half of the cache that is being filled; the first half never ends exactly where the second begins. */
static uint64_t half_end(const struct xl_vm *vm)
{
    uint64_t middle = half_middle(vm);

    return vm->code_used < middle ? middle - 16 : vm->port.code_bytes;
}

static void begin(struct emit *e, struct xl_cpu *cpu, uint32_t number)
{
    struct xl_vm *vm = cpu->vm;

    e->a = (struct x64){vm->port.code_rw + vm->code_used, vm->port.code_rw + half_end(vm)};
    e->cpu = cpu;
    e->vm = vm;
    e->ir = vm->ir;
    e->block = &vm->block[number];
    e->number = number;
    e->failed = e->full = false;
    e->loop = NULL;
    e->homes = e->jumps = 0;
    e->reserved = 1u << R12 | 1u << R13;
    e->block->exits = 0;
    e->block->code_offset = (uint32_t)vm->code_used;
    e->half = vm->code_used >= half_middle(vm);
    e->directs = vm->directs[e->half];
}

/* The block in e->ir, which begins at pc. */
static void part(struct emit *e, uint32_t pc)
{
    e->pc = pc;
    e->op = e->passed = e->insn_op = 0;
    e->ends = false;
    e->flags_kind = -1;
    e->pinned = 0;
    e->colds = 0;
    copies_forget(e);
    regs_plan(e);
    body(e);
}

static bool finish(struct emit *e, bool *cache_full)
{
    struct xl_vm *vm = e->vm;

    *cache_full = e->full;
    if (e->failed || e->full) {
        vm->directs[e->half] = e->directs;
        return false;
    }
    e->block->code_bytes = (uint32_t)((uint64_t)(e->a.p - vm->port.code_rw) - vm->code_used);
    vm->code_used = ((uint64_t)(e->a.p - vm->port.code_rw) + 15) & ~(uint64_t)15;
    return true;
}

bool emit_block(struct xl_cpu *cpu, struct ir_block *b, uint32_t number, bool *cache_full)
{
    struct emit *e = cpu->vm->emitter;

    begin(e, cpu, number);
    e->ir = b;
    part(e, e->block->pc);
    return finish(e, cache_full);
}

static void translate(struct emit *e, unsigned i)
{
    uint32_t bytes, pc = e->loop->pc[i];

    xl_translate(e->cpu, pc, pc + e->cpu->guest->insn_bytes, e->block->mode, e->block->page_pa, IR_INSNS_MAX, &bytes);
    if (!(e->vm->config.switches & XL_NO_DEAD_PUT))
        opt_dead_puts(e->ir);
}

bool emit_region(struct xl_cpu *cpu, const struct xl_loop *loop, uint32_t number, bool *cache_full)
{
    struct emit *e = cpu->vm->emitter;

    begin(e, cpu, number);
    e->loop = loop;
    memset(e->accesses, 0, sizeof e->accesses);
    memset(e->writes, 0, sizeof e->writes);
    for (unsigned i = 0; i < loop->count; i++) {
        translate(e, i);
        homes_count(e);
    }
    homes_choose(e);
    if (!has_room(e, EMIT_ROOM)) {
        *cache_full = true;
        return false;
    }
    homes_load(e);
    for (unsigned i = 0; i < loop->count && !e->failed && !e->full; i++) {
        translate(e, i);
        if (i == 0)
            e->block->insns = e->ir->insns;
        e->label[i] = e->a.p;
        part(e, loop->pc[i]);
    }
    for (unsigned i = 0; i < e->jumps && !e->failed && !e->full; i++)
        x64_fix(e->jump[i].jump, e->label[e->jump[i].to]);
    return finish(e, cache_full);
}

/* An access through a window is at least as long as a jump. */
void emit_direct_patch(struct xl_vm *vm, uint32_t at, uint32_t cold)
{
    vm->port.code_rw[at] = 0xe9;
    x64_fix(vm->port.code_rw + at + 1, vm->port.code_rw + cold);
}

void emit_patch_jump(struct xl_vm *vm, uint32_t jump_offset, uint32_t target_offset)
{
    x64_fix(vm->port.code_rw + jump_offset, vm->port.code_rw + target_offset);
}

/* --- thunks --- */

static const uint8_t saved[] = {RDX, RSI, RDI, R8, R9, R10, R11}; /* seven: the stack is aligned after the call that led here */

/* Call fn(cpu, ecx, rax, mem) with every value register kept; the result is in rax. */
static uint8_t *thunk_call(struct emit *e, uint64_t fn) /* 0: fp_slow */
{
    uint8_t *start = e->a.p;

    for (unsigned i = 0; i < sizeof saved; i++)
        x64_push(&e->a, saved[i]);
    x64_store(&e->a, 1, R14, RBP, ENV(budget));
    x64_load(&e->a, 1, RDI, RBP, CPU(self));
    x64_mov(&e->a, RSI, RCX);
    x64_mov64(&e->a, RDX, RAX);
    x64_load(&e->a, 0, RCX, RBP, CPU(site.mem));
    if (fn)
        x64_mov_imm(&e->a, RAX, fn);
    else
        x64_load(&e->a, 1, RAX, RBP, CPU(fp_slow));
    x64_call_reg(&e->a, RAX);
    x64_load(&e->a, 1, R14, RBP, ENV(budget));
    for (unsigned i = sizeof saved; i-- > 0;)
        x64_pop(&e->a, saved[i]);
    x64_b(&e->a, 0xc3);
    return start;
}

static uint8_t *thunk_jump(struct emit *e, uint64_t to)
{
    uint8_t *start = e->a.p;

    x64_mov_imm(&e->a, RCX, to);
    x64_b(&e->a, 0xff); /* jmp rcx */
    x64_b(&e->a, 0xe1);
    return start;
}

/* Call fn(cpu, ecx), which delivers what is pending and says where to go on; nothing of the block is needed any more. */
static uint8_t *thunk_next(struct emit *e, uint64_t fn)
{
    uint8_t *start = e->a.p;

    x64_store(&e->a, 1, R14, RBP, ENV(budget));
    x64_load(&e->a, 1, RDI, RBP, CPU(self));
    x64_mov(&e->a, RSI, RCX);
    x64_mov_imm(&e->a, RAX, fn);
    x64_call_reg(&e->a, RAX);
    x64_load(&e->a, 1, R14, RBP, ENV(budget));
    x64_rr(&e->a, 0x85, 1, RAX, RAX);
    uint8_t *nowhere = x64_jcc(&e->a, CC_E);
    x64_mov64(&e->a, RBP, RDX);
    x64_load(&e->a, 1, R12, RBP, ENV(bank[1]));
    x64_load(&e->a, 1, R13, RBP, ENV(bank[2]));
    x64_b(&e->a, 0xff); /* jmp rax */
    x64_b(&e->a, 0xe0);
    x64_fix(nowhere, e->a.p);
    leave(e, XL_LEAVE_LOOKUP);
    return start;
}

/* FMA needs the wide registers' state, which the system must have switched on. Source: Intel SDM vol. 1, 14.5.3. */
static bool fma_usable(unsigned cpuid_c)
{
    uint32_t low, high;

    if (!(cpuid_c & bit_FMA) || !(cpuid_c & bit_OSXSAVE))
        return false;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & 6) == 6;
}

bool emit_init(struct xl_vm *vm)
{
    struct emit *e = vm->emitter;
    unsigned a, b, c = 0, d;

    if (vm->port.code_bytes < 64 << 10)
        return false;
    e->has_movbe = __get_cpuid(1, &a, &b, &c, &d) && (c & bit_MOVBE);
    e->has_fma = fma_usable(c);
    e->a = (struct x64){vm->port.code_rw, vm->port.code_rw + vm->port.code_bytes};
    e->leave = thunk_jump(e, (uint64_t)(uintptr_t)xl_leave_address);
    e->load = thunk_call(e, (uint64_t)(uintptr_t)xl_slow_load);
    e->store = thunk_call(e, (uint64_t)(uintptr_t)xl_slow_store);
    e->flags = thunk_call(e, (uint64_t)(uintptr_t)xl_flags_test);
    e->fp = thunk_call(e, 0);
    e->next = thunk_next(e, (uint64_t)(uintptr_t)xl_next);
    e->raise = thunk_next(e, (uint64_t)(uintptr_t)xl_raise_next);
    vm->code_start = ((uint64_t)(e->a.p - vm->port.code_rw) + 63) & ~(uint64_t)63;
    return true;
}
