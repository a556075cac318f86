/* SPDX-License-Identifier: MIT */
/*
 * The run loop: slices of exactly counted guest instructions, with events, interrupts and idling between them.
 *
 * Everything asynchronous happens here, between two instructions: translated code only counts its budget down. Whoever changes what the next instruction must
 * see (a device access, a change of interrupt level, a stop request) takes the rest of the budget away by xl_attention, and the loop looks around.
 */
#include "rt/cpu.h"
#include <string.h>

uint64_t xl_insns_now(const struct xl_vm *vm)
{
    return vm->insns + vm->slice - vm->cpu->parked - (uint64_t)vm->cpu->env.budget;
}

uint64_t xl_insns(struct xl_vm *vm)
{
    return xl_insns_now(vm);
}

uint64_t xl_time_ns(struct xl_vm *vm)
{
    if (vm->config.time == XL_TIME_HOST)
        return vm->host_now_ns - vm->host_start_ns;
    return xl_insns_now(vm) * vm->config.ns_per_insn + vm->idle_ns;
}

void xl_event_cancel(struct xl_vm *vm, struct xl_event *e)
{
    if (!e->armed)
        return;
    for (struct xl_event **at = &vm->events; *at; at = &(*at)->next)
        if (*at == e) {
            *at = e->next;
            break;
        }
    e->armed = false;
}

void xl_event_arm(struct xl_vm *vm, struct xl_event *e, uint64_t when_ns)
{
    struct xl_event **at = &vm->events;

    xl_event_cancel(vm, e);
    e->when_ns = when_ns;
    e->armed = true;
    while (*at && (*at)->when_ns <= when_ns)
        at = &(*at)->next;
    e->next = *at;
    *at = e;
    xl_attention(vm->cpu);
}

void xl_irq_set(struct xl_vm *vm, uint32_t level)
{
    vm->cpu->env.irq_level = level;
    if (level)
        xl_attention(vm->cpu);
}

void xl_irq_ack(struct xl_cpu *cpu, unsigned level)
{
    cpu->vm->machine->irq_ack(cpu->vm->machine_state, level);
}

bool xl_io_read(struct xl_cpu *cpu, uint32_t address, unsigned size, uint32_t *value)
{
    const struct xl_machine *m = cpu->vm->machine;

    return m->io_read && m->io_read(cpu->vm->machine_state, address, size, value);
}

bool xl_io_write(struct xl_cpu *cpu, uint32_t address, unsigned size, uint32_t value)
{
    const struct xl_machine *m = cpu->vm->machine;

    return m->io_write && m->io_write(cpu->vm->machine_state, address, size, value);
}

uint64_t xl_cpu_time_ns(struct xl_cpu *cpu)
{
    return xl_time_ns(cpu->vm);
}

uint64_t xl_cpu_clock_hz(struct xl_cpu *cpu)
{
    return cpu->vm->machine->clock_hz;
}

static void timer_due(void *arg)
{
    struct xl_cpu *cpu = arg;

    cpu->guest->timer(cpu);
}

void xl_cpu_timer(struct xl_cpu *cpu, uint64_t when_ns)
{
    if (when_ns == UINT64_MAX) {
        xl_event_cancel(cpu->vm, &cpu->timer);
        return;
    }
    if (cpu->timer.armed && cpu->timer.when_ns == when_ns)
        return;
    cpu->timer.fn = timer_due;
    cpu->timer.arg = cpu;
    xl_event_arm(cpu->vm, &cpu->timer, when_ns);
}

void xl_machine_stop(struct xl_vm *vm, int code)
{
    vm->halted = true;
    vm->exit_code = code;
    xl_attention(vm->cpu);
}

void xl_cpu_halt(struct xl_cpu *cpu, int code)
{
    xl_machine_stop(cpu->vm, code);
}

void xl_request_stop(struct xl_vm *vm)
{
    vm->stop = 1;
}

/* Events that are due; each may arm others. Bounded: a device that arms itself in the past fires again in the next slice. */
static void events_fire(struct xl_vm *vm)
{
    uint64_t now = xl_time_ns(vm);

    for (int i = 0; i < 64 && vm->events && vm->events->when_ns <= now; i++) {
        struct xl_event *e = vm->events;
        vm->events = e->next;
        e->armed = false;
        e->fn(e->arg);
    }
}

/* How many instructions may run before the next event or look at the outside. */
static uint64_t slice_insns(struct xl_vm *vm, uint64_t wanted)
{
    uint64_t limit = wanted < XL_SLICE_INSNS ? wanted : XL_SLICE_INSNS;

    if (vm->config.time == XL_TIME_HOST) {
        if (!vm->host_slice)
            vm->host_slice = XL_SLICE_INSNS / 8;
        return wanted < vm->host_slice ? wanted : vm->host_slice;
    }
    if (vm->events) {
        uint64_t now = xl_time_ns(vm), when = vm->events->when_ns;
        uint64_t until = when > now ? (when - now + vm->config.ns_per_insn - 1) / vm->config.ns_per_insn : 1;
        if (until < limit)
            limit = until;
    }
    return limit ? limit : 1;
}

static uint64_t interp_entry(struct xl_cpu *cpu, void *block)
{
    xl_interp(cpu, block);
    return XL_LEAVE_LOOKUP;
}

/* Interpret from env.pc until the block ends, the budget is used up, or the block has overwritten what is left of it. */
static void interpret(struct xl_cpu *cpu, uint64_t page_pa, unsigned insns_max)
{
    struct xl_source source = {.first = cpu->env.pc & XL_PAGE_MASK, .page = xl_ram_at(cpu->vm, page_pa, XL_PAGE_BYTES)};
    uint32_t bytes;

    xl_translate(cpu, cpu->env.pc, cpu->env.npc, cpu->env.mode, page_pa, insns_max, &bytes);
    source.bytes = bytes < sizeof source.copy ? bytes : sizeof source.copy;
    memcpy(source.copy, source.page + source.first, source.bytes);
    cpu->source = &source;
    cpu->in_interp = true;
    cpu->site = (struct xl_site){0};
    xl_call_unwindable(cpu, interp_entry, cpu->vm->ir);
    cpu->in_interp = false;
}

static void deliver(struct xl_cpu *cpu)
{
    if (cpu->faulted) {
        cpu->faulted = false;
        cpu->vm->stats.faults++;
        cpu->guest->deliver_fault(cpu, &cpu->fault);
    } else {
        cpu->raised = false;
        cpu->vm->stats.faults++;
        cpu->guest->deliver_exception(cpu, cpu->env.exception);
    }
}

/* Under chaos a region is entered from the run loop only, with nothing mapped. */
static bool is_shaken(const struct xl_vm *vm, uint32_t number)
{
    return vm->chaos_slice_max && vm->block[number].is_region;
}

/* The jump cache did not lead to this block, unless its entry is there: the run loop is entered for other reasons too. */
static void jump_fill(struct xl_cpu *cpu, uint32_t number)
{
    const struct xl_block *b = &cpu->vm->block[number];
    const uint8_t *code = cpu->vm->port.code_rx + b->code_offset;
    struct xl_jump_entry *entry = &cpu->jump[xl_jump_index(b->pc)];

    if (cpu->vm->config.switches & XL_NO_JUMP_CACHE || is_shaken(cpu->vm, number) || b->npc != b->pc + cpu->guest->insn_bytes)
        return;
    if (entry->pc == b->pc && entry->mode == b->mode && entry->code == code)
        return;
    cpu->vm->stats.jump_misses++;
    xl_jump_page_note(cpu, b->pc);
    xl_used_note(&cpu->jump_used, xl_jump_index(b->pc));
    *entry = (struct xl_jump_entry){b->pc, b->mode, code};
}

/* Attention has taken the budget away: then the run loop looks around. */
struct xl_target xl_next(struct xl_cpu *cpu)
{
    const struct xl_env *env = &cpu->env;
    const struct xl_jump_entry *e = &cpu->jump[xl_jump_index(env->pc)];
    const struct xl_itlb_entry *page = xl_itlb_entry(cpu, env->pc);
    uint32_t number;

    if (env->budget <= 0)
        return (struct xl_target){0};
    if (e->pc == env->pc && e->mode == env->mode && env->npc == env->pc + cpu->guest->insn_bytes)
        return (struct xl_target){e->code, xl_window_view(cpu)};
    if (!page || !(number = xl_block_find(cpu, env->pc, env->npc, env->mode, page->pa)) || is_shaken(cpu->vm, number))
        return (struct xl_target){0};
    jump_fill(cpu, number);
    return (struct xl_target){cpu->vm->port.code_rx + cpu->vm->block[number].code_offset, xl_window_view(cpu)};
}

struct xl_target xl_raise_next(struct xl_cpu *cpu, uint32_t exception)
{
    cpu->env.budget += cpu->site.refund;
    cpu->env.exception = exception;
    cpu->vm->stats.faults++;
    cpu->guest->deliver_exception(cpu, exception);
    return xl_next(cpu);
}

/* Has no block begun here before, or is it long ago? Emptied when half full, the map takes few new places for known ones. */
static bool is_first_run(struct xl_cpu *cpu, uint32_t pc, uint64_t page_pa)
{
    uint32_t bit = ((pc >> 2) ^ (uint32_t)(page_pa >> XL_PAGE_BITS) * 0x85ebca6bu) * 0x9e3779b1u >> (32 - XL_RAN_BITS);
    uint8_t mask = (uint8_t)(1u << bit % 8);

    if (cpu->ran[bit / 8] & mask)
        return false;
    if (++cpu->ran_count > 1u << (XL_RAN_BITS - 1)) {
        memset(cpu->ran, 0, sizeof cpu->ran);
        cpu->ran_count = 1;
    }
    cpu->ran[bit / 8] |= mask;
    cpu->vm->stats.first_runs++;
    return true;
}

/* One step of the slice: find or make the block at env.pc and run it and whatever it is chained to. `from`: exit to chain to it, 0 none. */
static uint32_t step(struct xl_cpu *cpu, uint32_t from)
{
    struct xl_vm *vm = cpu->vm;
    struct xl_env *env = &cpu->env;
    uint64_t page_pa;

    if (!xl_fetch_page(cpu, env->pc, &page_pa)) {
        env->budget--; /* a fetch that traps counts as an instruction, so that no loop of traps is free */
        deliver(cpu);
        return 0;
    }
    bool hooked = xl_is_hooked(vm, XL_ON_CODE, env->pc, 1);
    if (hooked && xl_hook_stops(cpu))
        return 0;
    if (cpu->redo || hooked || vm->config.engine == XL_ENGINE_INTERP) {
        unsigned insns = cpu->redo || hooked ? 1 : IR_INSNS_MAX;
        cpu->redo = false;
        interpret(cpu, page_pa, insns);
    } else {
        uint32_t number = xl_block_find(cpu, env->pc, env->npc, env->mode, page_pa);
        bool first = !number && vm->config.engine == XL_ENGINE_TIERS && is_first_run(cpu, env->pc, page_pa);
        if (!number && !first) {
            number = xl_block_make(cpu, env->pc, env->npc, env->mode, page_pa);
            from = 0; /* making it may have dropped the block that asked */
        }
        if (first) {
            interpret(cpu, page_pa, IR_INSNS_MAX);
        } else if (vm->block[number].insns > env->budget) {
            if (!(vm->config.switches & XL_NO_REGION))
                xl_region_try(cpu, number);
            interpret(cpu, page_pa, IR_INSNS_MAX);
        } else {
            if (from && !is_shaken(vm, number))
                xl_block_chain(cpu, from, number);
            if (is_shaken(vm, number))
                xl_tlb_flush(cpu, -1);
            jump_fill(cpu, number);
            uint64_t why = xl_enter(cpu, vm->port.code_rx + vm->block[number].code_offset, xl_window_view(cpu));
            vm->stats.exits++;
            if (why >= XL_LEAVE_EXIT)
                return (uint32_t)((why - XL_LEAVE_EXIT) / 8);
        }
    }
    if (cpu->faulted || cpu->raised)
        deliver(cpu);
    return 0;
}

static void slice_run(struct xl_cpu *cpu)
{
    uint32_t from = 0;

    while (cpu->env.budget > 0)
        from = step(cpu, from);
}

/* Close the running slice: what was used of it is done. */
static void slice_end(struct xl_vm *vm)
{
    vm->insns = xl_insns_now(vm);
    vm->slice = 0;
    vm->cpu->parked = 0;
    vm->cpu->env.budget = 0;
}

/* The outside is looked at about every XL_HOST_SLICE_NS, whatever the guest's code costs. */
static void host_slice_adapt(struct xl_vm *vm, uint64_t spent_ns)
{
    if (spent_ns < XL_HOST_SLICE_NS / 2 && vm->host_slice < XL_HOST_SLICE_MAX)
        vm->host_slice *= 2;
    else if (spent_ns > 2 * XL_HOST_SLICE_NS && vm->host_slice > XL_HOST_SLICE_MIN)
        vm->host_slice /= 2;
}

static void clock_read(struct xl_vm *vm)
{
    if (vm->config.time == XL_TIME_HOST) {
        uint64_t now = vm->port.clock_ns(vm->port.arg);
        if (vm->host_ran && now >= vm->host_now_ns)
            host_slice_adapt(vm, now - vm->host_now_ns);
        vm->host_ran = false;
        if (now > vm->host_now_ns)
            vm->host_now_ns = now;
    }
}

enum xl_stop xl_run(struct xl_vm *vm, uint64_t insns)
{
    struct xl_cpu *cpu = vm->cpu;
    uint64_t end = vm->insns + insns;

    vm->hits = 0;
    vm->host_ran = false; /* it may have slept since */
    while (!vm->halted) {
        if (vm->hits)
            return XL_STOP_HOOK;
        clock_read(vm);
        events_fire(vm);
        if (vm->stop) {
            vm->stop = 0;
            return XL_STOP_REQUEST;
        }
        if ((cpu->env.irq_level | cpu->env.irq_own) && !cpu->redo && cpu->guest->take_interrupt(cpu)) {
            vm->stats.interrupts++;
            continue;
        }
        if (cpu->env.idle && !vm->halted)
            return XL_STOP_IDLE;
        if (vm->insns >= end)
            return XL_STOP_BUDGET;
        vm->slice = slice_insns(vm, end - vm->insns);
        if (vm->chaos_slice_max)
            vm->slice = xl_chaos_slice(vm, vm->slice);
        cpu->env.budget = (int64_t)vm->slice;
        slice_run(cpu);
        vm->host_ran = !cpu->parked && vm->slice == vm->host_slice;
        slice_end(vm);
    }
    return XL_STOP_HALT;
}


uint64_t xl_guest_ns(struct xl_vm *vm)
{
    clock_read(vm);
    return xl_time_ns(vm);
}

uint64_t xl_idle_until_ns(struct xl_vm *vm)
{
    return vm->events ? vm->events->when_ns : UINT64_MAX;
}

/* Where guest time gets to that is to go on to ns: the next event comes first. */
static uint64_t skip_end_ns(const struct xl_vm *vm, uint64_t now, uint64_t ns)
{
    if (vm->events && ns > vm->events->when_ns)
        ns = vm->events->when_ns;
    return ns > now ? ns : now;
}

void xl_advance_ns(struct xl_vm *vm, uint64_t ns)
{
    uint64_t now = xl_time_ns(vm);

    if (vm->config.time != XL_TIME_HOST)
        vm->idle_ns += skip_end_ns(vm, now, ns) - now;
}

void xl_time_skip(struct xl_vm *vm, uint64_t until_ns)
{
    uint64_t now = xl_time_ns(vm), ns = skip_end_ns(vm, now, until_ns) - now;

    if (vm->config.time == XL_TIME_HOST)
        vm->host_start_ns -= ns;
    else
        vm->idle_ns += ns;
    xl_attention(vm->cpu);
}
