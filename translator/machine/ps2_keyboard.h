/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 keyboard as its controller sees it: commands in; answers and scan codes of set 2 out, one byte at a time. No clock, no port.
 *
 * The keys' codes come from outside, repeats among them; the keyboard queues them, throws them away while it is disabled, sends its answers first, and holds the codes back while it waits
 * for the second byte of a command.
 * Source: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard (101/102-key)": commands from the system, commands to the system.
 */
#ifndef XL_PS2_KEYBOARD_H
#define XL_PS2_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

enum { PS2_CODES_MAX = 64, PS2_ANSWERS_MAX = 3 };

struct ps2_keyboard {
    uint8_t codes[PS2_CODES_MAX], answer[PS2_ANSWERS_MAX];
    unsigned first, count; /* of codes, a ring */
    unsigned answers, answers_sent;
    uint8_t last;      /* the byte sent last, for "resend" */
    uint8_t command;   /* the one whose argument comes next; 0: none */
    uint8_t leds;      /* 0 scroll lock | 1 num lock | 2 caps lock */
    uint8_t typematic; /* rate and delay as the host wants them; who repeats is outside */
    bool is_disabled;
};

void ps2_keyboard_reset(struct ps2_keyboard *k);
/* A byte from the host. */
void ps2_keyboard_command(struct ps2_keyboard *k, uint8_t byte);
/* Keys were pressed or released; how many of the codes were taken. */
unsigned ps2_keyboard_codes(struct ps2_keyboard *k, const uint8_t *codes, unsigned count);
/* Does it have a byte for the host? */
bool ps2_keyboard_has_byte(const struct ps2_keyboard *k);
/* Its next byte; only when it has one. */
uint8_t ps2_keyboard_send(struct ps2_keyboard *k);

#endif
