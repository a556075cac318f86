/* SPDX-License-Identifier: MIT */
/* A linear frame of Bochs' display (bochs.h). */
#include "bochs.h"

#include "devsrv/port_io.h"

enum { PORT_INDEX = 0x1ce, PORT_DATA = 0x1cf };
enum { REGISTER_ID = 0, REGISTER_WIDTH = 1, REGISTER_HEIGHT = 2, REGISTER_BITS = 3, REGISTER_ENABLE = 4, REGISTER_X = 8, REGISTER_Y = 9 };
enum { ID_FIRST = 0xb0c2, ID_LAST = 0xb0cf, ENABLED = 0x01, LINEAR = 0x40, BITS = 32 }; /* 32 bits since ID B0C2 */

static uint16_t get(uint16_t index)
{
    port_write16(PORT_INDEX, index);
    return port_read16(PORT_DATA);
}

static void put(uint16_t index, uint16_t value)
{
    port_write16(PORT_INDEX, index);
    port_write16(PORT_DATA, value);
}

bool bochs_open(unsigned width, unsigned height)
{
    uint16_t id = get(REGISTER_ID);
    if (id < ID_FIRST || id > ID_LAST) {
        return false;
    }
    put(REGISTER_ENABLE, 0);
    put(REGISTER_WIDTH, (uint16_t)width);
    put(REGISTER_HEIGHT, (uint16_t)height);
    put(REGISTER_BITS, BITS);
    put(REGISTER_ENABLE, ENABLED | LINEAR);
    put(REGISTER_X, 0);
    put(REGISTER_Y, 0);
    if (get(REGISTER_WIDTH) == width && get(REGISTER_HEIGHT) == height && get(REGISTER_BITS) == BITS) {
        return true;
    }
    put(REGISTER_ENABLE, 0); /* text mode, as the firmware left it */
    return false;
}
