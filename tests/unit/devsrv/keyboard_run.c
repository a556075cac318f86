/* SPDX-License-Identifier: MIT */
/*
 * A keyboard's decoder (devsrv/console/keyboard.h) behind the pipe of board.py's Board:
 *
 *   o  a = set, b = layout    open one
 *   k  a = modes, bytes       take them; 4 bytes and KEYBOARD_BYTES for each event that is not nothing: action, number, count, leds, then bytes
 */
#include "keyboard.h"

#include <stdio.h>
#include <stdlib.h>

static struct keyboard k;

static uint32_t take_all(uint32_t modes, const uint8_t *bytes, uint32_t count, uint8_t *out)
{
    uint32_t at = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct keyboard_event event = keyboard_take(&k, bytes[i], modes);
        if (event.action == KEYBOARD_NOTHING) {
            continue;
        }
        const uint8_t head[] = {(uint8_t)event.action, (uint8_t)event.number, (uint8_t)event.count, k.leds};
        for (unsigned n = 0; n < sizeof head; n++) {
            out[at++] = head[n];
        }
        for (unsigned n = 0; n < KEYBOARD_BYTES; n++) {
            out[at++] = event.bytes[n];
        }
    }
    return at;
}

int main(void)
{
    char what;
    uint32_t head[3];
    while (fread(&what, 1, 1, stdin) == 1 && fread(head, sizeof head, 1, stdin) == 1) {
        uint8_t *bytes = malloc(head[2] + 1u), *out = malloc((4 + KEYBOARD_BYTES) * (head[2] + 1u));
        uint32_t count = 0;
        if (!bytes || !out || fread(bytes, 1, head[2], stdin) != head[2]) {
            return 1;
        }
        if (what == 'o') {
            keyboard_open(&k, head[0], head[1]);
        } else if (what == 'c') {
            count = keyboard_set_2(bytes, head[2], out);
        } else {
            count = take_all(head[0], bytes, head[2], out);
        }
        fwrite(&count, sizeof count, 1, stdout);
        fwrite(out, 1, count, stdout);
        fflush(stdout);
        free(bytes);
        free(out);
    }
    return 0;
}
