/* SPDX-License-Identifier: MIT */
/* The PC's keyboard controller (i8042.h). */
#include "i8042.h"

#include "devsrv/port_io.h"

enum { PORT_DATA = 0x60, PORT_STATUS = 0x64, PORT_COMMAND = 0x64 };
enum { STATUS_OUTPUT = 1, STATUS_INPUT = 2, STATUS_MOUSE = 0x20 };
enum { COMMAND_READ = 0x20, COMMAND_WRITE = 0x60, COMMAND_MOUSE_OFF = 0xa7, COMMAND_KEYBOARD_OFF = 0xad, COMMAND_KEYBOARD_ON = 0xae };
enum { MODE_INTERRUPT = 1, MODE_MOUSE_INTERRUPT = 2, MODE_KEYBOARD_OFF = 0x10, MODE_TRANSLATE = 0x40 };
enum { KEYBOARD_LEDS = 0xed, KEYBOARD_ACK = 0xfa, KEYBOARD_RESEND = 0xfe };
enum { TRIES = 2000, STALE_MAX = 64, EARLY_MAX = 16 }; /* a try is one port access, about 1 us */

static uint8_t early[EARLY_MAX]; /* keys that came before the answer to a command */
static unsigned early_count, early_read;

static bool ready_to_write(void)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (!(port_read8(PORT_STATUS) & STATUS_INPUT)) {
            return true;
        }
    }
    return false;
}

static bool put(uint16_t port, uint8_t byte)
{
    bool is_ready = ready_to_write();
    if (is_ready) {
        port_write8(port, byte);
    }
    return is_ready;
}

static bool get(uint8_t *byte)
{
    for (unsigned i = 0; i < TRIES; i++) {
        if (port_read8(PORT_STATUS) & STATUS_OUTPUT) {
            *byte = port_read8(PORT_DATA);
            return true;
        }
    }
    return false;
}

bool i8042_open(bool *is_translated)
{
    uint8_t mode = 0;
    if (!put(PORT_COMMAND, COMMAND_MOUSE_OFF) || !put(PORT_COMMAND, COMMAND_KEYBOARD_OFF)) { /* else a key could be taken for the mode */
        return false;
    }
    for (unsigned i = 0; i < STALE_MAX && port_read8(PORT_STATUS) & STATUS_OUTPUT; i++) {
        port_read8(PORT_DATA);
    }
    if (!put(PORT_COMMAND, COMMAND_READ) || !get(&mode)) {
        return false;
    }
    mode = (uint8_t)((mode | MODE_INTERRUPT) & ~(MODE_MOUSE_INTERRUPT | MODE_KEYBOARD_OFF | MODE_TRANSLATE));
    if (!put(PORT_COMMAND, COMMAND_WRITE) || !put(PORT_DATA, mode) || !put(PORT_COMMAND, COMMAND_READ) || !get(&mode)) {
        return false;
    }
    *is_translated = mode & MODE_TRANSLATE;
    return put(PORT_COMMAND, COMMAND_KEYBOARD_ON);
}

bool i8042_read(uint8_t *byte)
{
    if (early_read < early_count) {
        *byte = early[early_read++];
        return true;
    }
    early_read = early_count = 0;
    for (unsigned i = 0; i < STALE_MAX; i++) {
        uint8_t status = port_read8(PORT_STATUS);
        if (!(status & STATUS_OUTPUT)) {
            return false;
        }
        *byte = port_read8(PORT_DATA);
        if (!(status & STATUS_MOUSE) && *byte != KEYBOARD_ACK && *byte != KEYBOARD_RESEND) {
            return true;
        }
    }
    return false;
}

/* The keyboard's answer to a byte; codes that were on their way before it are kept, as many as there is room for. */
static bool is_acknowledged(void)
{
    uint8_t byte;
    for (unsigned i = 0; i < STALE_MAX && get(&byte); i++) {
        if (byte == KEYBOARD_ACK || byte == KEYBOARD_RESEND) {
            return byte == KEYBOARD_ACK;
        }
        if (early_count < EARLY_MAX) {
            early[early_count++] = byte;
        }
    }
    return false;
}

/* The keyboard answers the command before it takes the argument. */
void i8042_leds(uint8_t leds)
{
    if (put(PORT_DATA, KEYBOARD_LEDS) && is_acknowledged() && put(PORT_DATA, leds)) {
        is_acknowledged();
    }
}
