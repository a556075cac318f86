/* SPDX-License-Identifier: MIT */
/*
 * Snapshots: everything that decides what the guest does next.
 *
 * The CPU's registers and pending faults, the machine's part of the arena (devices, with the events they own), the list of events, guest time and the count. What is only a
 * cache (code, soft TLB) is not in it: on restoring, the TLB is emptied and code stays where its page did not change. Pointers inside the machine's state stay good because a
 * snapshot goes back to the vm it came from, where everything lies at the same place.
 */
#include "rt/cpu.h"
#include <string.h>

struct saved {
    const struct xl_vm *vm;
    struct xl_env env;
    bool redo, faulted, raised;
    struct xl_fault fault;
    struct xl_event timer;
    uint64_t guest_state[sizeof((struct xl_cpu){0}.guest_state) / 8];
    uint64_t insns, idle_ns, guest_ns, chaos;
    bool halted;
    int exit_code;
    struct xl_event *events;
    uint64_t machine_bytes;
};

static uint8_t *machine_at(const struct xl_vm *vm)
{
    return (uint8_t *)vm->port.arena + vm->machine_from;
}

uint64_t xl_snapshot_bytes(const struct xl_vm *vm)
{
    return sizeof(struct saved) + vm->arena_used - vm->machine_from;
}

static bool is_zero(const uint8_t *page)
{
    static const uint8_t zero[XL_PAGE_BYTES];

    return !memcmp(page, zero, XL_PAGE_BYTES);
}

void xl_snapshot_take(struct xl_vm *vm, void *state, uint8_t *ram)
{
    const struct xl_cpu *cpu = vm->cpu;
    struct saved s = {.vm = vm,
                      .env = cpu->env,
                      .redo = cpu->redo,
                      .faulted = cpu->faulted,
                      .raised = cpu->raised,
                      .fault = cpu->fault,
                      .timer = cpu->timer,
                      .insns = vm->insns,
                      .idle_ns = vm->idle_ns,
                      .guest_ns = xl_guest_ns(vm),
                      .chaos = vm->chaos,
                      .halted = vm->halted,
                      .exit_code = vm->exit_code,
                      .events = vm->events,
                      .machine_bytes = vm->arena_used - vm->machine_from};

    memcpy(s.guest_state, cpu->guest_state, sizeof s.guest_state);
    memcpy(state, &s, sizeof s);
    memcpy((uint8_t *)state + sizeof s, machine_at(vm), s.machine_bytes);
    for (uint64_t at = 0; at < vm->config.ram_bytes; at += XL_PAGE_BYTES)
        if (!is_zero(vm->port.ram + at))
            memcpy(ram + at, vm->port.ram + at, XL_PAGE_BYTES);
}

static void ram_restore(struct xl_vm *vm, const uint8_t *ram)
{
    for (uint64_t page = 0; page < vm->config.ram_bytes >> XL_PAGE_BITS; page++) {
        uint8_t *now = vm->port.ram + (page << XL_PAGE_BITS);
        const uint8_t *then = ram + (page << XL_PAGE_BITS);
        if (!memcmp(now, then, XL_PAGE_BYTES))
            continue;
        memcpy(now, then, XL_PAGE_BYTES);
        while (vm->page_blocks[page])
            xl_block_drop(vm->cpu, vm->page_blocks[page]);
    }
}

enum xl_status xl_snapshot_restore(struct xl_vm *vm, const void *state, const uint8_t *ram)
{
    struct xl_cpu *cpu = vm->cpu;
    struct saved s;

    memcpy(&s, state, sizeof s);
    if (s.vm != vm || s.machine_bytes != vm->arena_used - vm->machine_from)
        return XL_BAD_ARG;
    cpu->env = s.env;
    cpu->redo = s.redo;
    cpu->faulted = s.faulted;
    cpu->raised = s.raised;
    cpu->fault = s.fault;
    cpu->timer = s.timer;
    memcpy(cpu->guest_state, s.guest_state, sizeof s.guest_state);
    memcpy(machine_at(vm), (const uint8_t *)state + sizeof s, s.machine_bytes);
    vm->insns = s.insns;
    vm->idle_ns = s.idle_ns;
    vm->chaos = s.chaos;
    vm->halted = s.halted;
    vm->exit_code = s.exit_code;
    vm->events = s.events;
    if (vm->config.time == XL_TIME_HOST) /* time goes on from where it stood */
        vm->host_start_ns += xl_guest_ns(vm) - s.guest_ns;
    vm->hits = 0;
    vm->told = false;
    ram_restore(vm, ram);
    xl_tlb_flush(cpu, -1);
    return XL_OK;
}
