/* SPDX-License-Identifier: MIT */
/*
 * A kernel for windows.c that keeps one window's first 8 MiB page by page, in large pages where it can, and has as many page tables as a test says. A large page that
 * shall lose a part needs a table, as in kernel/mem/vspace.c.
 */
#include "windows.h"

#include "l4/l4.h"
#include "xl_l4.h"

#include <string.h>

enum { PAGE = 4096, LARGE = 512, PAGES = 4 * LARGE };
#define FIRST 0x6080000000ull /* window 0 */

static struct {
    struct xl_l4 l4;
    struct xl_port port;
    uint8_t rights[PAGES];
    bool has_table[PAGES / LARGE];
    unsigned tables, upcalls_off;
    uint64_t fault_pc, go_on;
    uint32_t fault_window, fault_va;
} b;

enum k_status l4_map(uint32_t task, uint32_t memory, uint64_t va, uint64_t offset, uint64_t bytes, uint64_t rights)
{
    (void)task;
    (void)offset;
    if (memory != 5)
        return K_OK; /* a view of the arena */
    uint64_t first = (va - FIRST) / PAGE, end = first + bytes / PAGE;
    if (va < FIRST || end > PAGES)
        return K_BAD_ARG;
    for (uint64_t i = first; i < end; i++)
        if (b.rights[i])
            return K_BUSY;
    for (uint64_t i = first; i < end; i = (i / LARGE + 1) * LARGE) {
        bool is_large = i % LARGE == 0 && end - i >= LARGE;
        if (is_large || b.has_table[i / LARGE])
            continue;
        if (!b.tables)
            return K_NO_MEMORY;
        b.tables--;
        b.has_table[i / LARGE] = true;
    }
    memset(b.rights + first, (int)rights, end - first);
    return K_OK;
}

enum k_status l4_unmap(uint32_t task, uint64_t va, uint64_t bytes)
{
    (void)task;
    if (va < FIRST || va + bytes > FIRST + (uint64_t)PAGES * PAGE)
        return K_OK; /* all windows at once: nothing is there yet */
    for (uint64_t i = (va - FIRST) / PAGE, end = i + bytes / PAGE; i < end; i++) {
        uint64_t large = i / LARGE;
        bool is_part = i % LARGE || end - i < LARGE;
        if (b.rights[i] && is_part && !b.has_table[large]) {
            if (!b.tables)
                return K_NO_MEMORY;
            b.tables--;
            b.has_table[large] = true;
        }
        if (!is_part) {
            memset(b.rights + i, 0, LARGE);
            b.has_table[large] = false;
            i += LARGE - 1;
        } else {
            b.rights[i] = 0;
        }
    }
    return K_OK;
}

enum k_status l4_thread_upcall(uint32_t thread, uint64_t entry_va, uint64_t stack_top_va)
{
    b.upcalls_off += thread == K_SLOT_NONE && !entry_va && !stack_top_va;
    return K_OK;
}

uint64_t xl_window_fault(struct xl_vm *vm, uint64_t host_pc, unsigned window, uint32_t va)
{
    (void)vm;
    b.fault_pc = host_pc;
    b.fault_window = window;
    b.fault_va = va;
    return b.go_on;
}

void windows_upcall(void);
void windows_upcall(void)
{
}

void windows_fault(struct k_utcb *utcb);

void windows_make(unsigned tables)
{
    memset(&b, 0, sizeof b);
    b.tables = tables;
    b.l4.windows = (struct windows){.ram = 5, .arena = 6};
    b.port.arg = &b.l4;
    b.port.arena_bytes = PAGE;
    windows_offer(&b.l4.windows, &b.port);
    windows_enter(&b.l4.windows, NULL);
}

bool windows_map(unsigned window, uint32_t va, uint64_t bytes, bool writable)
{
    return b.port.window_map(&b.l4, window, va, 0, bytes, writable);
}

unsigned windows_rights(uint32_t va)
{
    return b.rights[va / PAGE];
}

/* Where the thread goes on after a fault at address for which the machine says go_on. */
uint64_t windows_fault_at(uint64_t vector, uint64_t address, uint64_t go_on)
{
    static struct k_utcb utcb;

    b.go_on = go_on;
    utcb.regs = (struct k_regs){.rip = 0x1234, .vector = vector, .cr2 = address};
    windows_fault(&utcb);
    return utcb.regs.rip;
}

unsigned windows_seen(uint32_t *va)
{
    *va = b.fault_va;
    return b.fault_window;
}

unsigned windows_upcalls_off(void)
{
    return b.upcalls_off;
}
