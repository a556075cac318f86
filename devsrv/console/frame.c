/* SPDX-License-Identifier: MIT */
/* Terminals and pictures on a linear frame (frame.h). */
#include "frame.h"

#include "font_gen.h"

_Static_assert(FONT_WIDTH * FRAME_COLUMNS == FRAME_WIDTH && FONT_HEIGHT * FRAME_ROWS == FRAME_HEIGHT, "characters fill the frame");

enum { BRIGHT = 8, UNDERLINE_ROW = 14, PICTURE_ROWS = FRAME_HEIGHT - FONT_HEIGHT, NOTHING = 0xffffffff };
enum { STATUS_FORE = 0x000000, STATUS_BACK = 0xaaaaaa, STATUS_VISIBLE_FORE = 0xffffff, STATUS_VISIBLE_BACK = 0x0000aa };

/* By halves: the table rises. */
static const uint8_t *glyph(uint32_t code)
{
    unsigned low = 0, high = FONT_GLYPHS;
    while (low + 1 < high) {
        unsigned middle = (low + high) / 2;
        if (font_glyphs[middle].code <= code) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return font_glyphs[low].code == code ? font_glyphs[low].rows : code == FONT_UNKNOWN ? font_glyphs[0].rows : glyph(FONT_UNKNOWN);
}

/* Draw what place[at] says, in the other's colours where the cursor stands. */
static void draw(struct frame *f, unsigned column, unsigned row)
{
    const struct frame_place *p = &f->place[row * FRAME_COLUMNS + column];
    bool is_cursor = f->is_cursor_shown && column == f->cursor_column && row == f->cursor_row;
    uint32_t fore = is_cursor ? p->back : p->fore, back = is_cursor ? p->fore : p->back;
    const uint8_t *rows = glyph(p->code & ~FRAME_UNDERLINED);
    volatile uint32_t *to = f->pixels + (size_t)row * FONT_HEIGHT * FRAME_WIDTH + (size_t)column * FONT_WIDTH;
    for (unsigned y = 0; y < FONT_HEIGHT; y++, to += FRAME_WIDTH) {
        unsigned bits = y == UNDERLINE_ROW && p->code & FRAME_UNDERLINED ? 0xff : rows[y];
        for (unsigned x = 0; x < FONT_WIDTH; x++) {
            to[x] = bits & 0x80u >> x ? fore : back;
        }
    }
    f->places_drawn++;
}

static void place(struct frame *f, unsigned column, unsigned row, struct frame_place now)
{
    struct frame_place *p = &f->place[row * FRAME_COLUMNS + column];
    if (p->code == now.code && p->fore == now.fore && p->back == now.back) {
        return;
    }
    *p = now;
    draw(f, column, row);
}

void frame_open(struct frame *f, volatile uint32_t *pixels)
{
    f->pixels = pixels;
    f->is_cursor_shown = false;
    for (unsigned i = 0; i < FRAME_ROWS * FRAME_COLUMNS; i++) {
        f->place[i].code = NOTHING;
    }
    frame_clear(f);
}

void frame_forget(struct frame *f)
{
    for (unsigned i = 0; i < (FRAME_ROWS - 1) * FRAME_COLUMNS; i++) {
        f->place[i].code = NOTHING;
    }
    f->is_cursor_shown = false;
}

struct frame_place frame_place_of(const struct terminal *t, const struct terminal_cell *cell)
{
    uint8_t number = cell->style & TERMINAL_BOLD && cell->fore < BRIGHT ? (uint8_t)(cell->fore + BRIGHT) : cell->fore;
    uint32_t fore = terminal_colour(t, number), back = terminal_colour(t, cell->back);
    if (cell->style & TERMINAL_DIM) {
        fore = (fore >> 1 & 0x7f7f7f) + (fore >> 3 & 0x1f1f1f);
    }
    bool is_reversed = !(cell->style & TERMINAL_REVERSE) != !t->is_screen_reversed;
    return (struct frame_place){(cell->code ? cell->code : ' ') | (cell->style & TERMINAL_UNDERLINE ? FRAME_UNDERLINED : 0), is_reversed ? back : fore, is_reversed ? fore : back};
}

void frame_row(struct frame *f, const struct terminal *t, unsigned row, unsigned back)
{
    const struct terminal_cell *cells = terminal_row(t, row, back);
    for (unsigned i = 0; i < FRAME_COLUMNS && i < t->columns; i++) {
        place(f, i, row, frame_place_of(t, &cells[i]));
    }
}

void frame_status(struct frame *f, unsigned row, const char *text, unsigned from, unsigned to)
{
    for (unsigned i = 0; i < FRAME_COLUMNS; i++) {
        bool is_visible = i >= from && i < to;
        uint8_t code = *text ? (uint8_t)*text++ : ' ';
        place(f, i, row, (struct frame_place){code, is_visible ? STATUS_VISIBLE_FORE : STATUS_FORE, is_visible ? STATUS_VISIBLE_BACK : STATUS_BACK});
    }
}

void frame_cursor(struct frame *f, bool is_shown, unsigned column, unsigned row)
{
    bool was_shown = f->is_cursor_shown;
    unsigned old_column = f->cursor_column, old_row = f->cursor_row;
    if (is_shown == was_shown && (!is_shown || (column == old_column && row == old_row))) {
        return;
    }
    f->is_cursor_shown = is_shown;
    f->cursor_column = column;
    f->cursor_row = row;
    if (was_shown) {
        draw(f, old_column, old_row);
    }
    if (is_shown) {
        draw(f, column, row);
    }
}

void frame_pixels(struct frame *f, unsigned x, unsigned y, const volatile uint32_t *pixels, unsigned count)
{
    if (y >= PICTURE_ROWS || x >= FRAME_WIDTH) {
        return;
    }
    volatile uint32_t *to = f->pixels + (size_t)y * FRAME_WIDTH + x;
    count = count < FRAME_WIDTH - x ? count : FRAME_WIDTH - x;
    for (unsigned i = 0; i < count; i++) {
        to[i] = pixels[i];
    }
}

void frame_clear(struct frame *f)
{
    for (size_t i = 0; i < (size_t)PICTURE_ROWS * FRAME_WIDTH; i++) {
        f->pixels[i] = 0;
    }
    frame_forget(f);
}
