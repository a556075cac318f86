/* SPDX-License-Identifier: MIT */
/*
 * Windows: guest memory where the host's own MMU translates, so that a guest access is one host instruction, [rbp + address + constant].
 *
 * A window shows the linear stretches of one of the guest's address translations (struct xl_span): all of RAM while the MMU is off, a kernel's large pages when it is on. Single small
 * pages stay with the soft TLB, as mapping one costs more than it saves. Mappings outlive the guest's TLB flushes: a flush walks each span again and drops what has changed. Pages that hold
 * translated code are shown read-only. An access that faults (a device, a page not shown, a store into code) goes on in its slow form behind the block; one that faults again and
 * again is patched to go there at once. Switch: XL_NO_DIRECT; counters: direct_made, direct_faults, windows_mapped, windows_dropped, windows_switched.
 */
#include "rt/cpu.h"

bool xl_windows(const struct xl_vm *vm)
{
    return vm->direct[0] && vm->splits < XL_WINDOW_SPLITS && !(vm->hooks_on & (XL_ON_READ | XL_ON_WRITE));
}

static bool show(struct xl_cpu *cpu, unsigned mmu, uint32_t va, uint64_t pa, uint64_t bytes, bool write)
{
    struct xl_vm *vm = cpu->vm;

    return vm->port.window_map(vm->port.arg, mmu, va, xl_ram_page(vm, pa) << XL_PAGE_BITS, bytes, write);
}

static void drop(struct xl_cpu *cpu, unsigned mmu, unsigned i)
{
    struct xl_vm *vm = cpu->vm;
    struct xl_window *w = &cpu->window[mmu];

    vm->port.window_unmap(vm->port.arg, mmu, w->span[i].va, w->span[i].bytes);
    vm->stats.windows_dropped++;
    w->span[i] = w->span[--w->count];
}

/* page_guarded[]: bit 0 the page is shown read-only, above it how often it was freed. A page that is code again and again stays read-only: to show it anew costs more than slow stores. */
enum { GUARDED = 1, FREED = 2, FREED_MAX = 8 * FREED };

static bool is_guarded(const struct xl_vm *vm, uint64_t page)
{
    return vm->page_guarded[page] & GUARDED;
}

/* Show a page read-only in every window that shows it writable. */
static void guard(struct xl_cpu *cpu, uint64_t page_pa, bool guarded)
{
    for (unsigned m = 0; m < cpu->guest->mmu_count; m++)
        for (unsigned i = 0; i < cpu->window[m].count; i++) {
            const struct xl_span *s = &cpu->window[m].span[i];
            if (s->write && page_pa >= s->pa && page_pa - s->pa < s->bytes)
                show(cpu, m, s->va + (uint32_t)(page_pa - s->pa), page_pa, XL_PAGE_BYTES, !guarded);
        }
    uint8_t *mark = &cpu->vm->page_guarded[xl_ram_page(cpu->vm, page_pa)];
    *mark = guarded ? *mark | GUARDED : (uint8_t)((*mark & ~GUARDED) + FREED);
}

void xl_window_guard(struct xl_cpu *cpu, uint64_t page_pa)
{
    struct xl_vm *vm = cpu->vm;

    if (!xl_windows(vm) || is_guarded(vm, xl_ram_page(vm, page_pa)))
        return;
    guard(cpu, page_pa, true);
    if (++vm->splits == XL_WINDOW_SPLITS)
        for (unsigned m = 0; m < cpu->guest->mmu_count; m++)
            while (cpu->window[m].count)
                drop(cpu, m, 0);
}

static bool overlap(const struct xl_span *s, uint32_t va, uint64_t bytes)
{
    return va < (uint64_t)s->va + s->bytes && s->va < va + bytes;
}

/* A walk found that [va, va + bytes) is RAM from pa on, readable, and perhaps writable. */
void xl_window_note(struct xl_cpu *cpu, unsigned mmu, uint32_t va, uint64_t pa, uint64_t bytes, bool write)
{
    struct xl_vm *vm = cpu->vm;
    struct xl_window *w = &cpu->window[mmu];

    if (!xl_windows(vm) || bytes < XL_SPAN_BYTES)
        return;
    for (unsigned i = 0; i < w->count; i++) {
        const struct xl_span *s = &w->span[i];
        if (s->va == va && s->pa == pa && s->bytes == bytes && s->write >= write)
            return;
    }
    for (unsigned i = w->count; i-- > 0;)
        if (overlap(&w->span[i], va, bytes))
            drop(cpu, mmu, i);
    if (w->count == XL_SPANS || !show(cpu, mmu, va, pa, bytes, write))
        return;
    w->span[w->count++] = (struct xl_span){.va = va, .write = write, .bytes = bytes, .pa = pa};
    vm->stats.windows_mapped++;
    for (uint64_t page = 0; write && page < bytes; page += XL_PAGE_BYTES)
        if (is_guarded(vm, xl_ram_page(vm, pa + page)))
            show(cpu, mmu, va + (uint32_t)page, pa + page, XL_PAGE_BYTES, false);
}

/* Does the guest still translate the span as it did? */
static bool holds(struct xl_cpu *cpu, unsigned mmu, const struct xl_span *s)
{
    struct mmu_walk walk = {0};

    for (uint64_t done = 0; done < s->bytes; done += 1ull << walk.span_bits) {
        uint64_t va = s->va + done;
        if (!cpu->guest->walk(cpu, (gva_t){(uint32_t)va}, MMU_LOOK, mmu, &walk))
            return false;
        bool aligned = walk.span_bits >= 32 || !(va & ((1ull << walk.span_bits) - 1)) || !done;
        if (walk.page.v != s->pa + done || !walk.read || walk.write < s->write || walk.span_bits <= XL_PAGE_BITS || !aligned)
            return false;
    }
    return true;
}

/* The guest flushed its translations of a range: keep what is still so. */
void xl_window_check(struct xl_cpu *cpu, unsigned mmu, uint32_t va, uint64_t bytes)
{
    struct xl_window *w = &cpu->window[mmu];

    for (unsigned i = w->count; i-- > 0;)
        if (overlap(&w->span[i], va, bytes) && (!xl_windows(cpu->vm) || !holds(cpu, mmu, &w->span[i])))
            drop(cpu, mmu, i);
}

/* The window of plain accesses in a mode. */
unsigned xl_window_of(const struct xl_cpu *cpu, uint32_t mode)
{
    return cpu->guest->data_mmu ? cpu->guest->data_mmu(mode) : cpu->guest->fetch_mmu(mode);
}

/* The CPU as translated code of the present mode sees it: the same memory, below its window. */
struct xl_cpu *xl_window_view(struct xl_cpu *cpu)
{
    struct xl_vm *vm = cpu->vm;

    if (!vm->direct[0])
        return cpu;
    unsigned window = xl_window_of(cpu, cpu->env.mode);
    vm->stats.windows_switched += window != vm->window_now;
    vm->window_now = window;
    uint8_t *arena = vm->port.window[window] - XL_WINDOW_BELOW;
    return (struct xl_cpu *)(void *)(arena + ((uint8_t *)cpu - (uint8_t *)vm->port.arena));
}

static struct xl_direct *find(struct xl_vm *vm, uint32_t at)
{
    for (unsigned half = 0; half < 2; half++) {
        uint32_t low = 0, high = vm->directs[half];
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (vm->direct[half][middle].at < at)
                low = middle + 1;
            else
                high = middle;
        }
        if (low < vm->directs[half] && vm->direct[half][low].at == at)
            return &vm->direct[half][low];
    }
    return NULL;
}

/* Is the page shown read-only only because code was in it, which is gone? Then it may be written again. */
static bool guard_is_stale(struct xl_cpu *cpu, unsigned window, uint32_t va)
{
    struct xl_vm *vm = cpu->vm;

    for (unsigned i = 0; i < cpu->window[window].count; i++) {
        const struct xl_span *s = &cpu->window[window].span[i];
        uint64_t page_pa = s->pa + ((va & ~XL_PAGE_MASK) - s->va);
        if (va < s->va || va - s->va >= s->bytes || !s->write)
            continue;
        uint64_t page = xl_ram_page(vm, page_pa);
        if (is_guarded(vm, page) && vm->page_guarded[page] < FREED_MAX && !vm->code_granules[page]) {
            guard(cpu, page_pa, false);
            vm->splits--;
            return true;
        }
    }
    return false;
}

uint64_t xl_window_fault(struct xl_vm *vm, uint64_t host_pc, unsigned window, uint32_t va)
{
    uint64_t at = host_pc - (uint64_t)(uintptr_t)vm->port.code_rx;

    if (!vm->direct[0] || at >= vm->port.code_bytes)
        return 0;
    struct xl_direct *d = find(vm, (uint32_t)at);
    if (!d)
        return 0;
    vm->stats.direct_faults++;
    if (window < vm->cpu->guest->mmu_count && guard_is_stale(vm->cpu, window, va))
        return host_pc;
    if (++d->faults == XL_DIRECT_FAULTS)
        emit_direct_patch(vm, d->at, d->cold);
    return (uint64_t)(uintptr_t)vm->port.code_rx + d->cold;
}
