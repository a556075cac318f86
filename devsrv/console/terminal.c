/* SPDX-License-Identifier: MIT */
/*
 * How programs drive a terminal: UTF-8, controls, escape sequences (terminal.h). What they do to the grid is in grid.c, colours and modes in modes.c.
 *
 * Controls work within a sequence, as on a VT102; CAN and SUB end it, ESC begins a new one. A character that may not follow ends the sequence and does nothing.
 */
#include "modes.h"

#include "l4/string.h"

enum control { BEL = 0x07, BS = 0x08, HT = 0x09, LF = 0x0a, VT = 0x0b, FF = 0x0c, CR = 0x0d, SO = 0x0e, SI = 0x0f, CAN = 0x18, SUB = 0x1a, ESC = 0x1b, DEL = 0x7f };
enum { SPACE = 0x20, C1_END = 0x9f, UNKNOWN = 0xfffd, GRAPHICS_FIRST = 0x5f, GRAPHICS_LAST = 0x7e, TAB_EVERY = 8, PALETTE_DIGITS = 7 };

enum state {
    GROUND,
    ESCAPE,
    SKIP_ONE,    /* ESC %, ESC SP, CSI [: one character more */
    SCREEN_TEST, /* ESC # */
    CHARSET_G0,  /* ESC ( */
    CHARSET_G1,  /* ESC ) */
    CSI,
    CSI_IGNORED, /* intermediates, which no function here has: to its final character */
    OSC,
    OSC_PALETTE, /* ESC ] P: seven hexadecimal digits, no end */
    STRING,      /* DCS, SOS, PM, APC, other OSC: to ST, or BEL */
    STRING_ESCAPE
};

static void answer(struct terminal *t, const char *text, size_t count)
{
    if (count <= TERMINAL_ANSWER_BYTES - t->answer_bytes) {
        memcpy(t->answer + t->answer_bytes, text, count);
        t->answer_bytes += (unsigned)count;
    }
}

unsigned terminal_take_answer(struct terminal *t, uint8_t *bytes, unsigned room)
{
    unsigned count = t->answer_bytes < room ? t->answer_bytes : room;
    memcpy(bytes, t->answer, count);
    memmove(t->answer, t->answer + count, t->answer_bytes - count);
    t->answer_bytes -= count;
    return count;
}

static size_t decimal(char *text, unsigned value)
{
    char digits[10];
    size_t count = 0, at = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (count) {
        text[at++] = digits[--count];
    }
    return at;
}

/* CPR, ECMA-48 8.3.14: ESC [ row ; column R, from 1; in origin mode the row counts from the region. */
static void answer_position(struct terminal *t)
{
    char text[24] = "\033[";
    size_t at = 2;
    at += decimal(text + at, t->pen.row - (t->pen.is_origin ? t->region_top : 0) + 1);
    text[at++] = ';';
    at += decimal(text + at, t->pen.column + 1);
    text[at++] = 'R';
    answer(t, text, at);
}

static void answer_identity(struct terminal *t)
{
    static const char vt102[] = "\033[?6c";
    answer(t, vt102, sizeof vt102 - 1);
}

static void answer_status(struct terminal *t, unsigned what)
{
    static const char fine[] = "\033[0n";
    if (what == 5) {
        answer(t, fine, sizeof fine - 1);
    } else if (what == 6) {
        answer_position(t);
    }
}

static void control(struct terminal *t, uint32_t code)
{
    switch (code) {
    case BEL: t->bells++; break;
    case BS: grid_step(t, -1, 0); break;
    case HT: grid_tab(t); break;
    case LF:
    case VT:
    case FF:
        grid_line_feed(t);
        if (t->is_newline) {
            t->pen.column = 0;
        }
        break;
    case CR: grid_step(t, -(int)t->columns, 0); break;
    case SO: t->pen.charset = 1; break;
    case SI: t->pen.charset = 0; break;
    case CAN:
    case SUB: t->state = GROUND; break;
    case ESC: t->state = ESCAPE; break;
    default: break;
    }
}

/* DEC Special Graphics, VT102 User Guide, table 5-13. */
static uint32_t graphics(uint32_t code)
{
    static const uint16_t line_drawing[GRAPHICS_LAST - GRAPHICS_FIRST + 1] = {
        0x00a0, 0x25c6, 0x2592, 0x2409, 0x240c, 0x240d, 0x240a, 0x00b0, 0x00b1, 0x2424, 0x240b, 0x2518, 0x2510, 0x250c, 0x2514, 0x253c,
        0x23ba, 0x23bb, 0x2500, 0x23bc, 0x23bd, 0x251c, 0x2524, 0x2534, 0x252c, 0x2502, 0x2264, 0x2265, 0x03c0, 0x2260, 0x00a3, 0x00b7,
    };
    return code >= GRAPHICS_FIRST && code <= GRAPHICS_LAST ? line_drawing[code - GRAPHICS_FIRST] : code;
}

static void tab_set(struct terminal *t, bool is_set)
{
    uint8_t bit = (uint8_t)(1u << t->pen.column % TAB_EVERY);
    uint8_t *tabs = &t->tabs[t->pen.column / TAB_EVERY];
    *tabs = (uint8_t)(is_set ? *tabs | bit : *tabs & ~bit);
}

static void restore(struct terminal *t)
{
    t->pen = t->saved;
}

static void escape(struct terminal *t, uint32_t code)
{
    t->state = GROUND;
    switch (code) {
    case '[':
        t->state = CSI;
        t->prefix = 0;
        t->parameters = 0;
        memset(t->parameter, 0, sizeof t->parameter);
        break;
    case ']': t->state = OSC; break;
    case 'P':
    case 'X':
    case '^':
    case '_': t->state = STRING; break;
    case '#': t->state = SCREEN_TEST; break;
    case '%':
    case ' ': t->state = SKIP_ONE; break; /* always UTF-8 */
    case '(': t->state = CHARSET_G0; break;
    case ')': t->state = CHARSET_G1; break;
    case '7': t->saved = t->pen; break;
    case '8': restore(t); break;
    case '=': t->is_keypad_application = true; break;
    case '>': t->is_keypad_application = false; break;
    case 'D': grid_line_feed(t); break;
    case 'E':
        grid_line_feed(t);
        t->pen.column = 0;
        break;
    case 'M': grid_line_reverse(t); break;
    case 'H': tab_set(t, true); break;
    case 'Z': answer_identity(t); break;
    case 'c': grid_reset(t); break;
    default: break;
    }
}

static void region_set(struct terminal *t, unsigned top, unsigned bottom)
{
    bottom = bottom == 0 || bottom > t->rows ? t->rows : bottom;
    top = top ? top : 1;
    if (top < bottom || t->rows == 1) {
        t->region_top = top - 1 < t->rows ? top - 1 : 0;
        t->region_bottom = bottom - 1;
        grid_go(t, 0, 0);
    }
}

/* ED: 0 from the cursor on, 1 up to it, 2 all. */
static void erase_display(struct terminal *t, unsigned what)
{
    unsigned row = t->pen.row, column = t->pen.column;
    unsigned from = what == 0 ? row + 1 : 0, to = what == 1 ? row : t->rows;
    if (what == 3) { /* the history, where other copies of what was erased may be */
        t->history = 0;
    }
    if (what <= 1) {
        grid_erase(t, row, what == 0 ? column : 0, what == 0 ? t->columns : column + 1);
    }
    for (unsigned r = from; r < to && what <= 3; r++) {
        grid_erase(t, r, 0, t->columns);
    }
}

static void erase_line(struct terminal *t, unsigned what)
{
    if (what <= 2) {
        grid_erase(t, t->pen.row, what == 0 ? t->pen.column : 0, what == 1 ? t->pen.column + 1 : t->columns);
    }
}

/* IL and DL work on the rows from the cursor to the region's end, and only within the region. */
static void lines_move(struct terminal *t, unsigned count, bool is_insert)
{
    if (t->pen.row < t->region_top || t->pen.row > t->region_bottom) {
        return;
    }
    if (is_insert) {
        grid_scroll_down(t, t->pen.row, t->region_bottom, count);
    } else {
        grid_scroll_up(t, t->pen.row, t->region_bottom, count);
    }
    t->pen.is_wrap_due = false;
}

/* Functions that move the cursor; false: the final character is none of theirs. n is the first number, at least 1. */
static bool csi_move(struct terminal *t, uint32_t final, unsigned n)
{
    unsigned row = t->pen.row - (t->pen.is_origin ? t->region_top : 0);
    unsigned second = t->parameter[1] ? t->parameter[1] : 1;
    switch (final) {
    case 'A': grid_step(t, 0, -(int)n); break;
    case 'B':
    case 'e': grid_step(t, 0, (int)n); break;
    case 'C':
    case 'a': grid_step(t, (int)n, 0); break;
    case 'D': grid_step(t, -(int)n, 0); break;
    case 'E': grid_step(t, -(int)t->columns, (int)n); break;
    case 'F': grid_step(t, -(int)t->columns, -(int)n); break;
    case 'G':
    case '`': grid_go(t, n - 1, row); break;
    case 'H':
    case 'f': grid_go(t, second - 1, n - 1); break;
    case 'd': grid_go(t, t->pen.column, n - 1); break;
    default: return false;
    }
    return true;
}

/* Functions that change what is there; false: none of theirs. */
static bool csi_edit(struct terminal *t, uint32_t final, unsigned n)
{
    switch (final) {
    case '@': grid_insert(t, n); break;
    case 'P': grid_delete(t, n); break;
    case 'X': grid_erase(t, t->pen.row, t->pen.column, t->pen.column + n); break;
    case 'J': erase_display(t, t->parameter[0]); break;
    case 'K': erase_line(t, t->parameter[0]); break;
    case 'L': lines_move(t, n, true); break;
    case 'M': lines_move(t, n, false); break;
    default: return false;
    }
    return true;
}

static void csi_private(struct terminal *t, uint32_t final)
{
    if (t->prefix == '?' && (final == 'h' || final == 'l')) {
        modes_private(t, final == 'h');
    }
}

static void csi_done(struct terminal *t, uint32_t final)
{
    unsigned n = t->parameter[0] ? t->parameter[0] : 1;
    if (t->prefix) {
        csi_private(t, final);
        return;
    }
    if (csi_move(t, final, n) || csi_edit(t, final, n)) {
        return;
    }
    switch (final) {
    case 'm': modes_rendition(t); break;
    case 'h': modes_set(t, true); break;
    case 'l': modes_set(t, false); break;
    case 'r': region_set(t, t->parameter[0], t->parameter[1]); break;
    case 's': t->saved = t->pen; break;
    case 'u': restore(t); break;
    case 'c': answer_identity(t); break;
    case 'n': answer_status(t, t->parameter[0]); break;
    case 'g':
        if (t->parameter[0] == 0) {
            tab_set(t, false);
        } else if (t->parameter[0] == 3) {
            memset(t->tabs, 0, sizeof t->tabs);
        }
        break;
    default: break;
    }
}

static void csi(struct terminal *t, uint32_t code)
{
    if (code >= '0' && code <= '9') {
        if (t->parameters < TERMINAL_PARAMETERS) {
            unsigned *number = &t->parameter[t->parameters];
            unsigned value = *number * 10 + (code - '0');
            *number = value < TERMINAL_NUMBER_MAX ? value : TERMINAL_NUMBER_MAX;
        }
    } else if (code == ';' || code == ':') {
        t->parameters += t->parameters < TERMINAL_PARAMETERS;
    } else if (code >= '<' && code <= '?') {
        t->prefix = (uint8_t)code;
    } else if (code == '[') {
        t->state = SKIP_ONE; /* a function key of Linux's keyboard, sent back by an echo */
    } else if (code >= SPACE && code < '0') {
        t->state = CSI_IGNORED;
    } else {
        t->state = GROUND;
        if (code >= '@' && code < DEL) {
            t->parameters += t->parameters < TERMINAL_PARAMETERS;
            csi_done(t, code);
        }
    }
}

/* console_codes(4): ESC ] P n rr gg bb sets a colour, ESC ] R sets all back; both have no end mark. */
static void osc(struct terminal *t, uint32_t code)
{
    t->state = STRING;
    if (code == 'P') {
        t->state = OSC_PALETTE;
        t->palette_digits = 0;
        t->palette_value = 0;
    } else if (code == 'R') {
        t->state = GROUND;
        modes_palette_reset(t);
    }
}

static void osc_palette(struct terminal *t, uint32_t code)
{
    uint32_t lower = code | 0x20;
    bool is_digit = code >= '0' && code <= '9';
    if (!is_digit && (lower < 'a' || lower > 'f' || code > DEL)) {
        t->state = GROUND;
        return;
    }
    t->palette_value = t->palette_value << 4 | (is_digit ? code - '0' : lower - 'a' + 10);
    if (++t->palette_digits == PALETTE_DIGITS) {
        t->palette[t->palette_value >> 24 & 0xf] = t->palette_value & 0xffffff;
        memset(t->is_dirty, 1, t->rows);
        t->state = GROUND;
    }
}

/* A character, control or not, in whatever state. */
static void take(struct terminal *t, uint32_t code)
{
    if (t->state == STRING || t->state == STRING_ESCAPE) {
        bool is_end = code == BEL || code == CAN || code == SUB || (t->state == STRING_ESCAPE && code == '\\');
        t->state = is_end ? GROUND : code == ESC ? STRING_ESCAPE : STRING;
        return;
    }
    if (code < SPACE) {
        control(t, code);
        return;
    }
    if (code == DEL || (code > DEL && code <= C1_END)) {
        return; /* C1 only as ESC and a letter */
    }
    switch (t->state) {
    case ESCAPE: escape(t, code); break;
    case CSI: csi(t, code); break;
    case OSC: osc(t, code); break;
    case OSC_PALETTE: osc_palette(t, code); break;
    case CSI_IGNORED: t->state = code >= '@' ? GROUND : CSI_IGNORED; break;
    case CHARSET_G0:
    case CHARSET_G1:
        t->pen.is_graphics[t->state == CHARSET_G1] = code == '0';
        t->state = GROUND;
        break;
    case SCREEN_TEST:
        if (code == '8') {
            grid_align(t);
        }
        t->state = GROUND;
        break;
    case SKIP_ONE: t->state = GROUND; break;
    default: grid_put(t, t->pen.is_graphics[t->pen.charset] ? graphics(code) : code); break;
    }
}

/* The first byte of a longer character says how many follow, and which the second may be: no overlong forms, no surrogates, nothing past U+10FFFF. */
static bool utf8_begin(struct terminal *t, uint8_t byte)
{
    if (byte < 0xc2 || byte > 0xf4) {
        return false;
    }
    t->utf8_left = byte < 0xe0 ? 1 : byte < 0xf0 ? 2 : 3;
    t->utf8_low = byte == 0xe0 ? 0xa0 : byte == 0xf0 ? 0x90 : 0x80;
    t->utf8_high = byte == 0xed ? 0x9f : byte == 0xf4 ? 0x8f : 0xbf;
    t->utf8_code = byte & (0x3fu >> t->utf8_left);
    return true;
}

static void take_byte(struct terminal *t, uint8_t byte)
{
    if (t->utf8_left) {
        if (byte >= t->utf8_low && byte <= t->utf8_high) {
            t->utf8_code = t->utf8_code << 6 | (byte & 0x3f);
            t->utf8_low = 0x80;
            t->utf8_high = 0xbf;
            if (--t->utf8_left == 0) {
                take(t, t->utf8_code);
            }
            return;
        }
        t->utf8_left = 0; /* what came so far is one unknown character, and this byte begins anew */
        take(t, UNKNOWN);
    }
    if (byte < 0x80) {
        take(t, byte);
    } else if (!utf8_begin(t, byte)) {
        take(t, UNKNOWN);
    }
}

size_t terminal_write(struct terminal *t, const uint8_t *bytes, size_t count)
{
    size_t taken = 0;
    t->spares_used = 0; /* ORDER: terminal-again */
    while (taken < count && !t->spares_used) {
        take_byte(t, bytes[taken++]);
    }
    return taken;
}
