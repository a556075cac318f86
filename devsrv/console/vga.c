/* SPDX-License-Identifier: MIT */
/* The display in text mode (vga.h). */
#include "vga.h"

#include "devsrv/port_io.h"

enum { REGISTER_CURSOR_START = 0x0a, REGISTER_CURSOR_HIGH = 0x0e, REGISTER_CURSOR_LOW = 0x0f, CURSOR_OFF = 0x20, CURSOR_LINE = 13 };
enum { BRIGHT = 8, COLOURS_BACK = 8, STATUS = 0x70, STATUS_VISIBLE = 0x1f, UNKNOWN = '?' };

struct glyph {
    uint16_t code;
    uint8_t character;
};

/* What code page 437 has beyond ASCII and programs draw with: boxes, blocks, and the letters of western Europe. By code. */
static const struct glyph glyphs[] = {
    {0xa0, ' '},     {0xa1, 0xad},   {0xa2, 0x9b},   {0xa3, 0x9c},   {0xa5, 0x9d},   {0xaa, 0xa6},   {0xab, 0xae},   {0xac, 0xaa},   {0xb0, 0xf8},   {0xb1, 0xf1},   {0xb2, 0xfd},
    {0xb5, 0xe6},    {0xb7, 0xfa},   {0xba, 0xa7},   {0xbb, 0xaf},   {0xbc, 0xac},   {0xbd, 0xab},   {0xbf, 0xa8},   {0xc4, 0x8e},   {0xc5, 0x8f},   {0xc6, 0x92},   {0xc7, 0x80},
    {0xc9, 0x90},    {0xd1, 0xa5},   {0xd6, 0x99},   {0xdc, 0x9a},   {0xdf, 0xe1},   {0xe0, 0x85},   {0xe1, 0xa0},   {0xe2, 0x83},   {0xe4, 0x84},   {0xe5, 0x86},   {0xe6, 0x91},
    {0xe7, 0x87},    {0xe8, 0x8a},   {0xe9, 0x82},   {0xea, 0x88},   {0xeb, 0x89},   {0xec, 0x8d},   {0xed, 0xa1},   {0xee, 0x8c},   {0xef, 0x8b},   {0xf1, 0xa4},   {0xf2, 0x95},
    {0xf3, 0xa2},    {0xf4, 0x93},   {0xf6, 0x94},   {0xf7, 0xf6},   {0xf9, 0x97},   {0xfa, 0xa3},   {0xfb, 0x96},   {0xfc, 0x81},   {0xff, 0x98},   {0x2022, 0x07}, {0x2190, 0x1b},
    {0x2191, 0x18},  {0x2192, 0x1a}, {0x2193, 0x19}, {0x2260, 0xd8}, {0x2264, 0xf3}, {0x2265, 0xf2}, {0x2500, 0xc4}, {0x2502, 0xb3}, {0x250c, 0xda}, {0x2510, 0xbf}, {0x2514, 0xc0},
    {0x2518, 0xd9},  {0x251c, 0xc3}, {0x2524, 0xb4}, {0x252c, 0xc2}, {0x2534, 0xc1}, {0x253c, 0xc5}, {0x2550, 0xcd}, {0x2551, 0xba}, {0x2554, 0xc9}, {0x2557, 0xbb}, {0x255a, 0xc8},
    {0x255d, 0xbc},  {0x2580, 0xdf}, {0x2584, 0xdc}, {0x2588, 0xdb}, {0x258c, 0xdd}, {0x2590, 0xde}, {0x2591, 0xb0}, {0x2592, 0xb1}, {0x2593, 0xb2}, {0x25a0, 0xfe}, {0x25c6, 0x04},
};

static uint8_t character(uint32_t code)
{
    if (code >= ' ' && code < 0x7f) {
        return (uint8_t)code;
    }
    if (code == 0) {
        return ' ';
    }
    for (unsigned i = 0; i < sizeof glyphs / sizeof *glyphs; i++) {
        if (glyphs[i].code == code) {
            return glyphs[i].character;
        }
    }
    return UNKNOWN;
}

/* The first 16 colours are the display's own, with red and blue in each other's place; of others the nearest by thirds. */
static uint8_t colour(const struct terminal *t, uint8_t number)
{
    if (number < TERMINAL_COLOURS) {
        return (uint8_t)((number & (BRIGHT | 2)) | (number & 1) << 2 | (number & 4) >> 2);
    }
    uint32_t rgb = terminal_colour(t, number);
    unsigned red = rgb >> 16 & 0xff, green = rgb >> 8 & 0xff, blue = rgb & 0xff;
    unsigned bright = red > 0xd5 || green > 0xd5 || blue > 0xd5 ? BRIGHT : 0;
    return (uint8_t)(bright | (red > 0x55 ? 4 : 0) | (green > 0x55 ? 2 : 0) | (blue > 0x55 ? 1 : 0));
}

uint16_t vga_place(const struct terminal *t, const struct terminal_cell *cell)
{
    uint8_t fore = colour(t, cell->fore), back = colour(t, cell->back);
    if (cell->style & TERMINAL_BOLD) {
        fore |= BRIGHT;
    }
    if (!(cell->style & TERMINAL_REVERSE) != !t->is_screen_reversed) {
        uint8_t other = fore;
        fore = back;
        back = other;
    }
    return (uint16_t)((back % COLOURS_BACK << 4 | fore) << 8 | character(cell->code)); /* the fourth bit of the back colour blinks */
}

void vga_row(volatile uint16_t *display, const struct terminal *t, unsigned row, unsigned back)
{
    const struct terminal_cell *cells = terminal_row(t, row, back);
    for (unsigned i = 0; i < VGA_COLUMNS && i < t->columns; i++) {
        display[row * VGA_COLUMNS + i] = vga_place(t, &cells[i]);
    }
}

void vga_status(volatile uint16_t *display, const char *text, unsigned from, unsigned to)
{
    for (unsigned i = 0; i < VGA_COLUMNS; i++) {
        uint8_t shown = *text ? (uint8_t)*text++ : ' ';
        display[(VGA_ROWS - 1) * VGA_COLUMNS + i] = (uint16_t)((i >= from && i < to ? STATUS_VISIBLE : STATUS) << 8 | shown);
    }
}

static void crt_write(uint8_t index, uint8_t value)
{
    port_write8(VGA_PORT, index);
    port_write8(VGA_PORT + 1, value);
}

void vga_cursor(bool is_shown, unsigned column, unsigned row)
{
    unsigned at = row * VGA_COLUMNS + column;
    crt_write(REGISTER_CURSOR_START, is_shown ? CURSOR_LINE : CURSOR_OFF);
    crt_write(REGISTER_CURSOR_HIGH, (uint8_t)(at >> 8));
    crt_write(REGISTER_CURSOR_LOW, (uint8_t)at);
}
