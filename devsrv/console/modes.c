/* SPDX-License-Identifier: MIT */
/* Colours, styles and modes (modes.h). Source: ECMA-48 8.3.117 (SGR); console_codes(4). */
#include "modes.h"

#include "l4/string.h"

enum { FORE_USUAL = 7, BACK_USUAL = 0, BRIGHT = 8, CUBE = 16, CUBE_SIDE = 6 };
enum { SGR_FORE = 30, SGR_FORE_LONG = 38, SGR_BACK = 40, SGR_BACK_LONG = 48, SGR_FORE_BRIGHT = 90, SGR_BACK_BRIGHT = 100, LONG_RGB = 2, LONG_NUMBER = 5 };

void modes_palette_reset(struct terminal *t)
{
    static const uint32_t usual[TERMINAL_COLOURS] = {0x000000, 0xaa0000, 0x00aa00, 0xaa5500, 0x0000aa, 0xaa00aa, 0x00aaaa, 0xaaaaaa,
                                                     0x555555, 0xff5555, 0x55ff55, 0xffff55, 0x5555ff, 0xff55ff, 0x55ffff, 0xffffff};
    memcpy(t->palette, usual, sizeof usual);
    memset(t->is_dirty, 1, t->rows);
}

/* The nearest step of the cube's levels 0, 95, 135, 175, 215, 255. */
static unsigned cube_step(unsigned level)
{
    level = level > 255 ? 255 : level;
    return level < 48 ? 0 : level < 115 ? 1 : (level - 35) / 40;
}

/* After 38 or 48 at parameter i: "5;n" or "2;r;g;b". Returns the index of the last parameter used; *number stays when they are not whole. */
static unsigned colour_long(const struct terminal *t, unsigned i, uint8_t *number)
{
    const unsigned *p = t->parameter;
    if (i + 2 < t->parameters && p[i + 1] == LONG_NUMBER) {
        *number = (uint8_t)(p[i + 2] > 255 ? 255 : p[i + 2]);
        return i + 2;
    }
    if (i + 4 < t->parameters && p[i + 1] == LONG_RGB) {
        *number = (uint8_t)(CUBE + (cube_step(p[i + 2]) * CUBE_SIDE + cube_step(p[i + 3])) * CUBE_SIDE + cube_step(p[i + 4]));
        return i + 4;
    }
    return t->parameters; /* what follows cannot be told apart */
}

static uint8_t style_on(unsigned number)
{
    switch (number) {
    case 1: return TERMINAL_BOLD;
    case 2: return TERMINAL_DIM;
    case 3: return TERMINAL_ITALIC;
    case 4:
    case 21: return TERMINAL_UNDERLINE; /* doubly */
    case 5: return TERMINAL_BLINK;
    case 7: return TERMINAL_REVERSE;
    default: return 0;
    }
}

static uint8_t style_off(unsigned number)
{
    switch (number) {
    case 22: return TERMINAL_BOLD | TERMINAL_DIM;
    case 23: return TERMINAL_ITALIC;
    case 24: return TERMINAL_UNDERLINE;
    case 25: return TERMINAL_BLINK;
    case 27: return TERMINAL_REVERSE;
    default: return 0;
    }
}

/* 8 colours from `first` on, the usual one at first + 9; false: another number. */
static bool colour_short(unsigned number, unsigned first, uint8_t usual, uint8_t *colour)
{
    if (number >= first && number < first + BRIGHT) {
        *colour = (uint8_t)(number - first);
    } else if (number == first + 9) {
        *colour = usual;
    } else {
        return false;
    }
    return true;
}

static bool colour_bright(unsigned number, unsigned first, uint8_t *colour)
{
    if (number < first || number >= first + BRIGHT) {
        return false;
    }
    *colour = (uint8_t)(BRIGHT + number - first);
    return true;
}

void modes_rendition(struct terminal *t)
{
    struct terminal_cell *blank = &t->pen.blank;
    for (unsigned i = 0; i < t->parameters; i++) {
        unsigned number = t->parameter[i];
        if (number == 0) {
            *blank = (struct terminal_cell){.code = ' ', .fore = FORE_USUAL, .back = BACK_USUAL};
        } else if (number == SGR_FORE_LONG) {
            i = colour_long(t, i, &blank->fore);
        } else if (number == SGR_BACK_LONG) {
            i = colour_long(t, i, &blank->back);
        } else if (!colour_short(number, SGR_FORE, FORE_USUAL, &blank->fore) && !colour_short(number, SGR_BACK, BACK_USUAL, &blank->back) &&
                   !colour_bright(number, SGR_FORE_BRIGHT, &blank->fore) && !colour_bright(number, SGR_BACK_BRIGHT, &blank->back)) {
            blank->style = (uint8_t)((blank->style | style_on(number)) & ~style_off(number));
        }
    }
}

void modes_set(struct terminal *t, bool is_set)
{
    for (unsigned i = 0; i < t->parameters; i++) {
        switch (t->parameter[i]) {
        case 4: t->is_inserting = is_set; break;
        case 20: t->is_newline = is_set; break;
        default: break;
        }
    }
}

void modes_private(struct terminal *t, bool is_set)
{
    for (unsigned i = 0; i < t->parameters; i++) {
        switch (t->parameter[i]) {
        case 1: t->is_cursor_application = is_set; break;
        case 5:
            t->is_screen_reversed = is_set;
            memset(t->is_dirty, 1, t->rows);
            break;
        case 6:
            t->pen.is_origin = is_set;
            grid_go(t, 0, 0);
            break;
        case 7:
            t->is_wrapping = is_set;
            t->pen.is_wrap_due = t->pen.is_wrap_due && is_set;
            break;
        case 25: t->is_cursor_shown = is_set; break;
        default: break;
        }
    }
}
