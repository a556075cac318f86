/* SPDX-License-Identifier: MIT */
/* A session that is open at the start, as the loader's command line asks: `session=NUMBER window=BYTES` (formats/link.py). */
#ifndef SERIAL_PRESET_H
#define SERIAL_PRESET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct preset {
    uint32_t session, window;
};

/** Read the words of a command line of at most `room` bytes, NUL-terminated or not; false when one of the two is missing, 0 or no decimal below 2^32. */
bool preset_read(const char *line, size_t room, struct preset *preset);

#endif
