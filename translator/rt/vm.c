/* SPDX-License-Identifier: MIT */
/*
 * A virtual machine from outside: creation in the caller's arena, loading, registers, statistics. The functions of include/xl/xl.h that are not the run loop.
 *
 * Nothing is allocated after xl_create; what a machine needs it takes from the same arena while it is created.
 */
#include "rt/cpu.h"
#include "machine/virtio.h"
#include "rt/text.h"
#include "ir/known.h"
#include <string.h>

enum { ARENA_ALIGN = 64, MACHINE_BYTES = 64 << 10 };

static const struct xl_machine *machine_named(const char *name)
{
    for (unsigned i = 0; name && xl_machines[i]; i++)
        if (text_is(xl_machines[i]->name, name))
            return xl_machines[i];
    return NULL;
}

static uint64_t padded(uint64_t bytes)
{
    return (bytes + ARENA_ALIGN - 1) & ~(uint64_t)(ARENA_ALIGN - 1);
}

uint64_t xl_arena_bytes(const struct xl_config *config)
{
    uint64_t pages = config->ram_bytes >> XL_PAGE_BITS;
    uint64_t tables = padded(sizeof(struct xl_vm)) + padded(sizeof(struct xl_cpu)) + padded(pages * sizeof(uint64_t)) +
                      padded(pages * sizeof(uint32_t)) + padded((XL_BLOCKS_MAX + 1) * sizeof(struct xl_block)) +
                      padded(XL_HASH_ENTRIES * sizeof(uint32_t)) + padded(sizeof(struct ir_block)) + padded(sizeof(struct ir_known)) +
                      padded(emit_scratch_bytes()) + padded(pages) + 2 * padded(XL_DIRECT_MAX * sizeof(struct xl_direct));

    return tables + MACHINE_BYTES;
}

void *xl_alloc(struct xl_vm *vm, uint64_t bytes)
{
    if (padded(bytes) < bytes || padded(bytes) > vm->port.arena_bytes - vm->arena_used)
        return NULL;
    void *at = (uint8_t *)vm->port.arena + vm->arena_used;
    vm->arena_used += padded(bytes);
    return at;
}

static struct xl_vm *refuse(char *error, size_t error_bytes, const char *sentence)
{
    struct text t = text_on(error, error_bytes < INT32_MAX ? (int)error_bytes : INT32_MAX);

    text_put(&t, sentence);
    return NULL;
}

static struct xl_vm *refuse_machine(char *error, size_t error_bytes)
{
    struct text t = text_on(error, error_bytes < INT32_MAX ? (int)error_bytes : INT32_MAX);

    text_put(&t, "no machine has this name; known: ");
    for (unsigned i = 0; xl_machines[i]; i++) {
        text_put(&t, i ? ", " : "");
        text_put(&t, xl_machines[i]->name);
    }
    return NULL;
}

static const char *config_check(const struct xl_config *c, const struct xl_port *port, const struct xl_machine *m)
{
    if (c->ram_bytes % XL_PAGE_BYTES || c->ram_bytes < m->ram_min || c->ram_bytes > m->ram_max)
        return "ram_bytes is outside the machine's range or no multiple of 4096";
    if (c->engine > XL_ENGINE_TIERS || c->time > XL_TIME_EXACT)
        return "engine or time is outside its enum";
    if (c->ns_per_insn > 1000000)
        return "ns_per_insn is outside 0..1000000";
    if (port->code_bytes < 256 << 10 || port->code_bytes > 1u << 30)
        return "the code cache must have 256 KiB to 1 GiB";
    if (c->disks > XL_DISKS_MAX || c->nets > XL_NETS_MAX)
        return "a guest has at most 4 disks and 2 networks";
    if ((c->disks && !port->disk_request) || (c->nets && !port->net_send))
        return "the port has no disks or no networks";
    for (unsigned i = 0; i < c->disks; i++)
        if (!c->disk[i].sectors || c->disk[i].sectors >> 55 || !port->disk_data[i])
            return "a disk has no sectors, too many, or no buffers";
    if (c->screen && (!port->screen || !port->screen_changed))
        return "the port has no screen";
    if (!port->arena || port->arena_bytes < xl_arena_bytes(c))
        return "the arena is smaller than xl_arena_bytes(config)";
    return NULL;
}

static bool offers_windows(const struct xl_vm *vm)
{
    const struct xl_port *p = &vm->port;

    if (!p->window_map || !p->window_unmap || vm->config.switches & XL_NO_DIRECT || p->arena_bytes > XL_WINDOW_BELOW - XL_WINDOW_GUARD)
        return false;
    for (unsigned i = 0; i < vm->machine->guest->mmu_count; i++)
        if (!p->window[i])
            return false;
    return true;
}

static bool tables_make(struct xl_vm *vm)
{
    uint64_t pages = vm->config.ram_bytes >> XL_PAGE_BITS;

    vm->cpu = xl_alloc(vm, sizeof *vm->cpu);
    vm->code_granules = xl_alloc(vm, pages * sizeof(uint64_t));
    vm->page_blocks = xl_alloc(vm, pages * sizeof(uint32_t));
    vm->block = xl_alloc(vm, (XL_BLOCKS_MAX + 1) * sizeof(struct xl_block));
    vm->hash = xl_alloc(vm, XL_HASH_ENTRIES * sizeof(uint32_t));
    vm->ir = xl_alloc(vm, sizeof *vm->ir);
    vm->known = xl_alloc(vm, sizeof *vm->known);
    vm->emitter = xl_alloc(vm, emit_scratch_bytes());
    vm->page_guarded = xl_alloc(vm, pages);
    for (unsigned half = 0; half < 2 && offers_windows(vm); half++)
        vm->direct[half] = xl_alloc(vm, XL_DIRECT_MAX * sizeof(struct xl_direct));
    return vm->cpu && vm->code_granules && vm->page_blocks && vm->block && vm->hash && vm->ir && vm->known && vm->emitter && vm->page_guarded;
}

struct xl_vm *xl_create(const struct xl_config *config, const struct xl_port *port, char *error, size_t error_bytes)
{
    const struct xl_machine *machine = machine_named(config->machine);

    if (!machine)
        return refuse_machine(error, error_bytes);
    const char *wrong = config_check(config, port, machine);
    if (wrong)
        return refuse(error, error_bytes, wrong);
    struct xl_vm *vm = port->arena;
    *vm = (struct xl_vm){.machine = machine, .config = *config, .port = *port, .arena_used = padded(sizeof *vm)};
    if (!vm->config.ns_per_insn)
        vm->config.ns_per_insn = (uint32_t)(1000000000u / machine->clock_hz);
    if (!tables_make(vm))
        return refuse(error, error_bytes, "the arena is too small for the core's tables");
    struct xl_cpu *cpu = vm->cpu;
    cpu->vm = vm;
    cpu->guest = machine->guest;
    cpu->self = cpu;
    cpu->env.bank[0] = (uint32_t *)(void *)cpu->guest_state;
    if (machine->guest->state_bytes > sizeof cpu->guest_state)
        return refuse(error, error_bytes, "the guest CPU's state does not fit the core's room for it");
    if (!emit_init(vm))
        return refuse(error, error_bytes, "the code cache cannot hold the entry code");
    vm->code_used = vm->code_start;
    vm->machine_from = vm->arena_used;
    if (!machine->create(vm, &vm->config, &vm->machine_state))
        return refuse(error, error_bytes, "its model refused: devices overlap, it has no such RAM, disks, networks or screen, or the arena is full");
    if (vm->config.time == XL_TIME_HOST)
        vm->host_start_ns = vm->host_now_ns = port->clock_ns(port->arg);
    xl_reset(vm);
    return vm;
}

void xl_reset(struct xl_vm *vm)
{
    struct xl_cpu *cpu = vm->cpu;
    uint32_t *bank = cpu->env.bank[0];

    xl_cpu_timer(cpu, UINT64_MAX);
    cpu->env = (struct xl_env){0};
    cpu->env.bank[0] = bank;
    memset(cpu->guest_state, 0, sizeof cpu->guest_state);
    cpu->redo = cpu->faulted = cpu->raised = false;
    cpu->parked = 0;
    vm->halted = false;
    vm->stop = 0;
    xl_tlb_flush(cpu, -1);
    vm->machine->guest->reset(cpu);
    vm->machine->reset(vm->machine_state);
    if (vm->virtio)
        virtio_set_reset(vm->virtio);
}

enum xl_status xl_write(struct xl_vm *vm, uint64_t gpa, const void *bytes, uint64_t count)
{
    uint8_t *to = xl_ram_at(vm, gpa, count);

    if (!to)
        return XL_BAD_ARG;
    memcpy(to, bytes, count);
    for (uint64_t page = gpa & ~(uint64_t)XL_PAGE_MASK, end = gpa + count; page < end; page += XL_PAGE_BYTES) {
        uint64_t first = page < gpa ? gpa - page : 0, last = end - page < XL_PAGE_BYTES ? end - page - 1 : XL_PAGE_MASK;
        xl_block_drop_range(vm->cpu, page, (unsigned)first, (unsigned)last);
    }
    return XL_OK;
}

enum xl_status xl_read(struct xl_vm *vm, uint64_t gpa, void *bytes, uint64_t count)
{
    const uint8_t *from = xl_ram_at(vm, gpa, count);

    if (!from)
        return XL_BAD_ARG;
    memcpy(bytes, from, count);
    return XL_OK;
}

void xl_boot(struct xl_vm *vm, uint64_t entry)
{
    vm->machine->boot(vm->machine_state, vm->cpu, entry);
}

int xl_exit_code(struct xl_vm *vm)
{
    return vm->exit_code;
}

unsigned xl_console_in(struct xl_vm *vm, unsigned n, const uint8_t *bytes, unsigned count)
{
    return vm->machine->console_in(vm->machine_state, n, bytes, count);
}

bool xl_console_out(struct xl_vm *vm, unsigned n, uint8_t byte)
{
    return vm->port.console_write(vm->port.arg, n, &byte, 1) == 1;
}

struct xl_env *xl_cpu_env(struct xl_cpu *cpu)
{
    return &cpu->env;
}

void *xl_cpu_guest(struct xl_cpu *cpu)
{
    return cpu->guest_state;
}

static int reg_index(const struct xl_vm *vm, const char *name)
{
    const struct xl_reg_name *regs = vm->machine->guest->regs;

    for (int i = 0; regs[i].name; i++)
        if (text_is(regs[i].name, name))
            return i;
    return -1;
}

const char *xl_reg_name(struct xl_vm *vm, unsigned index)
{
    const struct xl_reg_name *regs = vm->machine->guest->regs;
    unsigned count = 0;

    while (regs[count].name)
        count++;
    return index < count ? regs[index].name : NULL;
}

enum xl_status xl_reg_get(struct xl_vm *vm, const char *name, uint64_t *value)
{
    int i = reg_index(vm, name);

    return i >= 0 && vm->machine->guest->get_reg(vm->cpu, (unsigned)i, value) ? XL_OK : XL_NOT_THERE;
}

enum xl_status xl_reg_set(struct xl_vm *vm, const char *name, uint64_t value)
{
    int i = reg_index(vm, name);

    return i >= 0 && vm->machine->guest->set_reg(vm->cpu, (unsigned)i, value) ? XL_OK : XL_NOT_THERE;
}

void xl_stats_get(struct xl_vm *vm, struct xl_stats *out)
{
    *out = vm->stats;
    out->insns = xl_insns_now(vm);
}

static uint64_t fnv(uint64_t hash, const void *bytes, uint64_t count)
{
    const uint8_t *p = bytes;

    for (uint64_t i = 0; i < count; i++)
        hash = (hash ^ p[i]) * 0x100000001b3ull;
    return hash;
}

uint64_t xl_state_hash(struct xl_vm *vm, bool with_ram)
{
    uint64_t hash = 0xcbf29ce484222325ull, value;

    for (unsigned i = 0; vm->machine->guest->regs[i].name; i++)
        if (vm->machine->guest->get_reg(vm->cpu, i, &value))
            hash = fnv(hash, &value, sizeof value);
    return with_ram ? fnv(hash, vm->port.ram, vm->config.ram_bytes) : hash;
}

unsigned xl_flags_nzvc(const struct xl_env *env)
{
    uint32_t a = env->flags_a, b = env->flags_b;
    bool add = env->flags_kind == XL_FLAGS_ADD;

    if (env->flags_kind == XL_FLAGS_NZVC)
        return a & 15;
    bool n = add ? xl_cond_add(IR_NEG, a, b) : xl_cond_sub(IR_NEG, a, b);
    bool z = add ? xl_cond_add(IR_EQ, a, b) : xl_cond_sub(IR_EQ, a, b);
    bool v = add ? xl_cond_add(IR_VS, a, b) : xl_cond_sub(IR_VS, a, b);
    bool c = add ? xl_cond_add(IR_LTU, a, b) : xl_cond_sub(IR_LTU, a, b);
    return (unsigned)n << 3 | (unsigned)z << 2 | (unsigned)v << 1 | c;
}

void xl_flags_put(struct xl_env *env, unsigned nzvc)
{
    env->flags_kind = XL_FLAGS_NZVC;
    env->flags_a = nzvc & 15;
    env->flags_b = 0;
}
