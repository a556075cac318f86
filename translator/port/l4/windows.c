/* SPDX-License-Identifier: MIT */
/* See windows.h. */
#include "windows.h"
#include "xl_l4.h"

#include "l4/l4.h"

#define WINDOWS_VA 0x6000000000ull /* nothing of an image lies there: host_runtime/l4vm/description/resolve.py */
#define WINDOW_BYTES (1ull << 32)
#define WINDOW_STRIDE (1ull << 33)
#define WINDOW_FIRST (1ull << 31) /* of a stride; the view lies XL_WINDOW_BELOW below, all else stays empty */
#define LARGE_BYTES (1ull << 21)
_Static_assert(WINDOW_FIRST - XL_WINDOW_BELOW >= XL_WINDOW_GUARD && WINDOW_FIRST + WINDOW_BYTES + XL_WINDOW_GUARD <= WINDOW_STRIDE, "guards");

enum { PAGE_FAULT = 14, STACK_BYTES = 16384 };

static struct windows *running; /* the task has one thread and one machine; NULL before it runs, also after a restart: then a fault is the supervisor's */
static uint8_t upcall_stack[STACK_BYTES] __attribute__((aligned(16)));

void windows_upcall(void);                /* windows_upcall.S */
void windows_fault(struct k_utcb *utcb);
_Static_assert(K_SYS_UPCALL_RETURN == 43, "windows_upcall.S");

static uint64_t address_of(unsigned window)
{
    return WINDOWS_VA + window * WINDOW_STRIDE + WINDOW_FIRST;
}

static bool is_inside(unsigned window, uint32_t va, uint64_t bytes)
{
    return window < XL_WINDOWS && bytes && bytes <= WINDOW_BYTES - va;
}

/* When a large page would have to be split and there is no memory for that, all of it goes: what is left out is slow, what is left in would be wrong. */
static void unmap(uint64_t at, uint64_t bytes)
{
    if (l4_unmap(K_SLOT_SELF, at, bytes) == K_OK)
        return;
    uint64_t first = at & ~(LARGE_BYTES - 1), end = (at + bytes + LARGE_BYTES - 1) & ~(LARGE_BYTES - 1);
    l4_unmap(K_SLOT_SELF, first, end - first);
}

static void window_unmap(void *arg, unsigned window, uint32_t va, uint64_t bytes)
{
    (void)arg;
    if (is_inside(window, va, bytes))
        unmap(address_of(window) + va, bytes);
}

static bool window_map(void *arg, unsigned window, uint32_t va, uint64_t ram_offset, uint64_t bytes, bool writable)
{
    const struct xl_l4 *l = arg;
    uint64_t rights = K_RIGHT_READ | (writable ? K_RIGHT_WRITE : 0);

    if (!is_inside(window, va, bytes))
        return false;
    unmap(address_of(window) + va, bytes);
    return l4_map(K_SLOT_SELF, l->windows.ram, address_of(window) + va, ram_offset, bytes, rights) == K_OK;
}

void windows_fault(struct k_utcb *utcb)
{
    struct k_regs *regs = &utcb->regs;
    uint64_t at = regs->cr2 - WINDOWS_VA, inside = at % WINDOW_STRIDE - WINDOW_FIRST, go_on = 0;

    if (running && regs->vector == PAGE_FAULT) {
        bool is_window = at < XL_WINDOWS * WINDOW_STRIDE && inside < WINDOW_BYTES;
        go_on = xl_window_fault(running->vm, regs->rip, is_window ? (unsigned)(at / WINDOW_STRIDE) : XL_WINDOWS, is_window ? (uint32_t)inside : 0);
    }
    if (go_on)
        regs->rip = go_on;
    else
        l4_thread_upcall(K_SLOT_NONE, 0, 0); /* the instruction faults again, and the supervisor hears of it */
}

void windows_offer(const struct windows *w, struct xl_port *port)
{
    if (!w->ram || !w->arena)
        return;
    unmap(WINDOWS_VA, XL_WINDOWS * WINDOW_STRIDE); /* what an earlier life of this task left */
    for (unsigned i = 0; i < XL_WINDOWS; i++)
        if (l4_map(K_SLOT_SELF, w->arena, address_of(i) - XL_WINDOW_BELOW, 0, port->arena_bytes, K_RIGHT_READ | K_RIGHT_WRITE) != K_OK)
            return;
    for (unsigned i = 0; i < XL_WINDOWS; i++)
        port->window[i] = (uint8_t *)address_of(i);
    port->window_map = window_map;
    port->window_unmap = window_unmap;
}

void windows_enter(struct windows *w, struct xl_vm *vm)
{
    w->vm = vm;
    running = w;
    l4_thread_upcall(K_SLOT_NONE, (uint64_t)(uintptr_t)windows_upcall, (uint64_t)(uintptr_t)(upcall_stack + sizeof upcall_stack));
}
