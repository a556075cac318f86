/* SPDX-License-Identifier: MIT */
/*
 * A PS/2 keyboard's bytes, decoded: scan code set 1 or 2 in; what a terminal is to do or get out. No port, no clock; the controller is somebody else's.
 *
 * Keys write what Linux's console writes (TERM=linux). The keyboard repeats by itself, so a key that is held comes again; locks toggle at its first time only. Any byte is
 * harmless: unknown codes do nothing, and a keyboard that says it lost codes or was plugged in anew has no key held.
 *
 * Source: IBM Personal System/2 Hardware Interface Technical Reference, keyboard; console_codes(4); keymaps of TERM=linux as terminfo(5) states them.
 */
#ifndef CONSOLE_KEYBOARD_H
#define CONSOLE_KEYBOARD_H

#include <stdbool.h>
#include <stdint.h>

enum { KEYBOARD_BYTES = 8 };
enum keyboard_set { KEYBOARD_SET_1, KEYBOARD_SET_2 };
enum keyboard_layout { KEYBOARD_US, KEYBOARD_JP };
/* As the argument of the keyboard's command ED. */
enum keyboard_led { KEYBOARD_LED_SCROLL = 1, KEYBOARD_LED_NUM = 2, KEYBOARD_LED_CAPS = 4 };

enum keyboard_action {
    KEYBOARD_NOTHING,
    KEYBOARD_WRITE,    /* bytes for the visible terminal's program */
    KEYBOARD_SHOW,     /* show terminal `number`, from 0 (Alt and F1..F12) */
    KEYBOARD_NEXT,     /* the next terminal (Alt and right) */
    KEYBOARD_PREVIOUS, /* Alt and left */
    KEYBOARD_UP,       /* half a screen into the history (Shift and page up) */
    KEYBOARD_DOWN,
    KEYBOARD_LEDS      /* the locks changed: keyboard.leds are to be shown */
};

/* Modes of the visible terminal that change what keys write. */
enum keyboard_mode { KEYBOARD_CURSOR_APPLICATION = 1, KEYBOARD_NEWLINE = 2 };

struct keyboard_event {
    enum keyboard_action action;
    unsigned number;
    unsigned count;
    uint8_t bytes[KEYBOARD_BYTES];
};

struct keyboard {
    enum keyboard_set set;
    enum keyboard_layout layout;
    uint8_t leds;         /* the locks: enum keyboard_led */
    bool is_extended;     /* after E0 */
    bool is_release;      /* after F0, set 2 */
    uint8_t skip;         /* codes of Pause that are still to come */
    uint8_t held[256 / 8];
};

/** A keyboard without a key held, no lock on. */
void keyboard_open(struct keyboard *k, enum keyboard_set set, enum keyboard_layout layout);
/** Take a byte from it; modes: enum keyboard_mode of the visible terminal. */
struct keyboard_event keyboard_take(struct keyboard *k, uint8_t byte, unsigned modes);
/** What a keyboard sends in set 2 for a whole code of set 1 (a prefix or none, and a code); returns the bytes, none for a key that is not known here. */
unsigned keyboard_set_2(const uint8_t *codes, unsigned count, uint8_t bytes[KEYBOARD_BYTES]);

#endif
