/* SPDX-License-Identifier: MIT */
/* See windows.h. Source: mmap(2), sigaction(2), Linux arch/x86 ABI of FSGSBASE (AT_HWCAP2 bit 1). */
#define _GNU_SOURCE
#include "linux_private.h"

#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { HWCAP2_FSGSBASE = 2, GUARD_BYTES = 1 << 16 };
#define WINDOW_BYTES (1ull << 32)

static _Thread_local struct windows *running; /* whose code this thread runs */
static struct sigaction before[2];            /* of SIGSEGV and SIGBUS */
static bool installed;

static uint64_t gs_get(void)
{
    uint64_t gs;

    __asm__ volatile("rdgsbase %0" : "=r"(gs));
    return gs;
}

static void gs_set(uint64_t gs)
{
    __asm__ volatile("wrgsbase %0" ::"r"(gs));
}

static unsigned window_at(const struct windows *w, uint64_t address, uint32_t *va)
{
    for (unsigned i = 0; i < XL_WINDOWS; i++)
        if (w->base[i] && address - (uint64_t)(uintptr_t)w->base[i] < WINDOW_BYTES + GUARD_BYTES) {
            *va = (uint32_t)(address - (uint64_t)(uintptr_t)w->base[i]);
            return i;
        }
    *va = 0;
    return XL_WINDOWS;
}

static void pass_on(int number, siginfo_t *info, void *context)
{
    const struct sigaction *old = &before[number == SIGBUS];

    if (old->sa_flags & SA_SIGINFO) {
        old->sa_sigaction(number, info, context);
    } else if (old->sa_handler == SIG_DFL || old->sa_handler == SIG_IGN) {
        sigaction(number, old, NULL); /* the instruction faults again, with the usual end */
    } else {
        old->sa_handler(number);
    }
}

static void on_fault(int number, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    struct windows *w = running;
    uint64_t go_on = 0;
    uint32_t va;

    if (w && w->vm) {
        unsigned window = window_at(w, (uint64_t)(uintptr_t)info->si_addr, &va);
        go_on = xl_window_fault(w->vm, (uint64_t)u->uc_mcontext.gregs[REG_RIP], window, va);
    }
    if (go_on)
        u->uc_mcontext.gregs[REG_RIP] = (greg_t)go_on;
    else
        pass_on(number, info, context);
}

static bool install(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER | SA_ONSTACK | SA_RESTART};

    if (installed)
        return true;
    sigemptyset(&action.sa_mask);
    installed = !sigaction(SIGSEGV, &action, &before[0]) && !sigaction(SIGBUS, &action, &before[1]);
    return installed;
}

static bool reserve(struct windows *w, unsigned window)
{
    if (!w->base[window]) {
        void *at = mmap(NULL, WINDOW_BYTES + GUARD_BYTES, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (at == MAP_FAILED)
            return false;
        w->base[window] = at;
    }
    return true;
}

static struct windows *windows_of(void *arg)
{
    return &((struct xl_linux *)arg)->windows;
}

static bool window_map(void *arg, unsigned window, uint32_t va, uint64_t ram_offset, uint64_t bytes, bool writable)
{
    struct windows *w = windows_of(arg);
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);

    if (window >= XL_WINDOWS || va + bytes > WINDOW_BYTES || !reserve(w, window))
        return false;
    return mmap(w->base[window] + va, bytes, protection, MAP_SHARED | MAP_FIXED, w->ram_fd, (off_t)ram_offset) != MAP_FAILED;
}

static void window_unmap(void *arg, unsigned window, uint32_t va, uint64_t bytes)
{
    struct windows *w = windows_of(arg);

    if (window < XL_WINDOWS && w->base[window] && va + bytes <= WINDOW_BYTES)
        mmap(w->base[window] + va, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

static void window_select(void *arg, unsigned window)
{
    struct windows *w = windows_of(arg);

    if (window == XL_WINDOWS) {
        gs_set(w->gs_before);
        w->selected = false;
        running = NULL;
        return;
    }
    if (!w->selected)
        w->gs_before = gs_get();
    w->selected = true;
    running = w;
    gs_set((uint64_t)(uintptr_t)(window < XL_WINDOWS ? w->base[window] : NULL));
}

void windows_offer(struct windows *w, struct xl_port *port)
{
    if (!(getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE) || !install())
        return;
    port->window_map = window_map;
    port->window_unmap = window_unmap;
    port->window_select = window_select;
}

void windows_close(struct windows *w)
{
    for (unsigned i = 0; i < XL_WINDOWS; i++)
        if (w->base[i])
            munmap(w->base[i], WINDOW_BYTES + GUARD_BYTES);
    if (w->ram_fd >= 0)
        close(w->ram_fd);
}
