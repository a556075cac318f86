/* SPDX-License-Identifier: MIT */
/* See windows.h. Source: mmap(2), sigaction(2). */
#define _GNU_SOURCE
#include "linux_private.h"

#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#define WINDOW_BYTES (1ull << 32)
#define WINDOW_STRIDE (XL_WINDOW_BELOW + WINDOW_BYTES + XL_WINDOW_GUARD)

static _Thread_local struct windows *running; /* whose code this thread runs */
static struct sigaction before[2];            /* of SIGSEGV and SIGBUS */
static bool installed;

static unsigned window_at(const struct windows *w, uint64_t address, uint32_t *va)
{
    uint64_t at = address - (uint64_t)(uintptr_t)w->reserved, inside = at % WINDOW_STRIDE;

    if (at >= XL_WINDOWS * WINDOW_STRIDE || inside < XL_WINDOW_BELOW || inside >= XL_WINDOW_BELOW + WINDOW_BYTES)
        return XL_WINDOWS;
    *va = (uint32_t)(inside - XL_WINDOW_BELOW);
    return (unsigned)(at / WINDOW_STRIDE);
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
    uint32_t va = 0;

    if (w) {
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

static bool window_map(void *arg, unsigned window, uint32_t va, uint64_t ram_offset, uint64_t bytes, bool writable)
{
    const struct xl_linux *l = arg;
    int protection = PROT_READ | (writable ? PROT_WRITE : 0);

    if (window >= XL_WINDOWS || va + bytes > WINDOW_BYTES)
        return false;
    return mmap(l->port.window[window] + va, bytes, protection, MAP_SHARED | MAP_FIXED, l->windows.ram_fd, (off_t)ram_offset) != MAP_FAILED;
}

static void window_unmap(void *arg, unsigned window, uint32_t va, uint64_t bytes)
{
    const struct xl_linux *l = arg;

    if (window < XL_WINDOWS && va + bytes <= WINDOW_BYTES)
        mmap(l->port.window[window] + va, bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
}

void windows_offer(struct windows *w, struct xl_port *port, int arena_fd)
{
    void *at = install() ? mmap(NULL, XL_WINDOWS * WINDOW_STRIDE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) : MAP_FAILED;

    if (at == MAP_FAILED)
        return;
    w->reserved = at;
    for (unsigned i = 0; i < XL_WINDOWS; i++) {
        uint8_t *view = w->reserved + i * WINDOW_STRIDE;
        if (mmap(view, port->arena_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, arena_fd, 0) == MAP_FAILED)
            return;
        port->window[i] = view + XL_WINDOW_BELOW;
    }
    port->window_map = window_map;
    port->window_unmap = window_unmap;
}

void windows_enter(struct windows *w)
{
    running = w->vm ? w : NULL;
}

void windows_close(struct windows *w)
{
    if (running == w)
        running = NULL;
    if (w->reserved)
        munmap(w->reserved, XL_WINDOWS * WINDOW_STRIDE);
    if (w->ram_fd >= 0)
        close(w->ram_fd);
}
