/* SPDX-License-Identifier: MIT */
/*
 * Where a PCI device has its memory: root looks, so that no server needs the ports by which every device of the board could be moved.
 *
 * Devices of bus 0 only, where a board's display is. Source: PCI Local Bus Specification 3.0, 3.2.2.3.2 (configuration mechanism 1), 6.2.1, 6.2.5.1 (base addresses and their sizes).
 */
#include "root.h"

#include "devsrv/port_io.h"

enum { PORT_ADDRESS = 0xcf8, PORT_DATA = 0xcfc, PORTS = 8 };
enum { DEVICES = 32, FUNCTIONS = 8, REGISTER_ID = 0x00, REGISTER_COMMAND = 0x04, REGISTER_BAR_0 = 0x10, REGISTER_BAR_1 = 0x14 };
enum { COMMAND_MEMORY = 2, BAR_IO = 1, BAR_WIDTH = 6, BAR_64 = 4, BAR_FLAGS = 15 };

static uint32_t config_read(uint32_t place, uint32_t at)
{
    port_write32(PORT_ADDRESS, 1u << 31 | place << 8 | at);
    return port_read32(PORT_DATA);
}

static void config_write(uint32_t place, uint32_t at, uint32_t value)
{
    port_write32(PORT_ADDRESS, 1u << 31 | place << 8 | at);
    port_write32(PORT_DATA, value);
}

/* The size of what its first base address decodes; while it is asked, the device decodes nothing. */
static uint32_t bar_bytes(uint32_t place, uint32_t bar)
{
    uint32_t command = config_read(place, REGISTER_COMMAND) & 0xffff; /* zeroes in the status half change nothing there */

    config_write(place, REGISTER_COMMAND, command & ~(uint32_t)COMMAND_MEMORY);
    config_write(place, REGISTER_BAR_0, ~0u);
    uint32_t mask = config_read(place, REGISTER_BAR_0) & ~(uint32_t)BAR_FLAGS;
    config_write(place, REGISTER_BAR_0, bar);
    config_write(place, REGISTER_COMMAND, command);
    return mask & -mask;
}

static bool bar_ok(uint32_t place, uint64_t bytes, uint64_t *pa)
{
    uint32_t bar = config_read(place, REGISTER_BAR_0);

    if (bar & BAR_IO || ((bar & BAR_WIDTH) == BAR_64 && config_read(place, REGISTER_BAR_1)) || !(config_read(place, REGISTER_COMMAND) & COMMAND_MEMORY))
        return false;
    *pa = bar & ~(uint32_t)BAR_FLAGS;
    return *pa && *pa % K_PAGE_BYTES == 0 && bar_bytes(place, bar) >= bytes;
}

static bool find(uint32_t id, uint64_t bytes, uint64_t *pa)
{
    for (uint32_t place = 0; place < DEVICES * FUNCTIONS; place++)
        if (config_read(place, REGISTER_ID) == id)
            return bar_ok(place, bytes, pa);
    return false;
}

bool pci_memory(uint32_t id, uint64_t bytes, uint64_t *pa)
{
    if (l4_ioport_create(K_SLOT_IOPORT_CONTROL, SLOT_OWN_FIRST, PORT_ADDRESS, PORTS) != K_OK)
        return false;
    bool found = l4_ioport_grant(SLOT_OWN_FIRST, K_SLOT_SELF) == K_OK && find(id, bytes, pa);
    l4_cap_delete(K_SLOT_SELF, SLOT_OWN_FIRST);
    return found;
}
