/* SPDX-License-Identifier: MIT */
/*
 * The grid of a terminal (grid.h, terminal.h). Its lines are a ring: row r of the screen is place (top + r) mod lines of it, and line[] says where a place's cells lie.
 *
 * ORDER: terminal-again. Cells are written, never read, so that the same bytes from the same struct terminal leave the same cells, however far they had come before. What moves
 * cells within a row copies the row to a spare line, and terminal_write ends behind that byte: the spare is not touched again until the caller has kept the struct.
 */
#include "modes.h"

#include "l4/string.h"

enum { TAB_EVERY = 8, FORE_USUAL = 7, BACK_USUAL = 0 };

struct range {
    uint32_t first, last;
};

/* Characters that take no cell of their own: they are dropped, as the grid has one character to a cell. */
static const struct range combining[] = {
    {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd}, {0x064b, 0x065f}, {0x200b, 0x200f}, {0x202a, 0x202e}, {0x2060, 0x206f},
    {0x20d0, 0x20ff}, {0x3099, 0x309a}, {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xfeff, 0xfeff}, {0xe0000, 0xe0fff},
};
/* East Asian wide and full width (Unicode Standard Annex 11), in coarse blocks. */
static const struct range wide[] = {
    {0x1100, 0x115f}, {0x2e80, 0x303e}, {0x3041, 0xa4cf}, {0xac00, 0xd7a3}, {0xf900, 0xfaff}, {0xfe30, 0xfe6f},
    {0xff01, 0xff60}, {0xffe0, 0xffe6}, {0x1f300, 0x1f64f}, {0x1f900, 0x1f9ff}, {0x20000, 0x3fffd},
};

static bool is_in(const struct range *table, size_t entries, uint32_t code)
{
    for (size_t i = 0; i < entries; i++) {
        if (code >= table[i].first && code <= table[i].last) {
            return true;
        }
    }
    return false;
}

static unsigned at_most(unsigned value, unsigned limit)
{
    return value < limit ? value : limit;
}

static struct terminal_cell *row_at(const struct terminal *t, unsigned row)
{
    return t->cells + (size_t)t->line[(t->top + row) % t->lines] * t->columns;
}

static void cells_blank(const struct terminal *t, struct terminal_cell *cell, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        cell[i] = t->pen.blank;
        cell[i].style = 0;
    }
}

size_t terminal_cells(unsigned columns, unsigned rows, unsigned history)
{
    bool is_fit = columns >= 1 && columns <= TERMINAL_COLUMNS_MAX && rows >= 1 && rows <= TERMINAL_ROWS_MAX && history <= TERMINAL_LINES_MAX - rows;
    return is_fit ? (size_t)columns * (rows + history + TERMINAL_SPARES) : 0;
}

bool terminal_open(struct terminal *t, struct terminal_cell *cells, unsigned columns, unsigned rows, unsigned history)
{
    if (terminal_cells(columns, rows, history) == 0) {
        return false;
    }
    memset(t, 0, sizeof *t);
    t->cells = cells;
    t->columns = columns;
    t->rows = rows;
    t->lines = rows + history;
    for (unsigned i = 0; i < t->lines + TERMINAL_SPARES; i++) {
        t->line[i] = (uint16_t)i;
    }
    grid_reset(t);
    return true;
}

const struct terminal_cell *terminal_row(const struct terminal *t, unsigned row, unsigned back)
{
    return row_at(t, t->lines + row - at_most(back, t->history));
}

/* The 16 colours of CGA; then a cube of 6 x 6 x 6, and 24 greys (xterm's numbers). */
uint32_t terminal_colour(const struct terminal *t, uint8_t number)
{
    enum { CUBE = 16, GREYS = 232, SIDE = 6 };
    static const uint8_t level[SIDE] = {0x00, 0x5f, 0x87, 0xaf, 0xd7, 0xff};
    if (number < CUBE) {
        return t->palette[number];
    }
    if (number >= GREYS) {
        return (8u + 10u * (number - GREYS)) * 0x010101u;
    }
    unsigned n = number - CUBE;
    return (uint32_t)level[n / (SIDE * SIDE)] << 16 | (uint32_t)level[n / SIDE % SIDE] << 8 | level[n % SIDE];
}

void grid_reset(struct terminal *t)
{
    modes_palette_reset(t);
    memset(t->tabs, 1, sizeof t->tabs); /* bit 0 of each byte: every TAB_EVERY columns */
    t->pen = (struct terminal_pen){.blank = {.code = ' ', .fore = FORE_USUAL, .back = BACK_USUAL}};
    t->saved = t->pen;
    t->region_top = 0;
    t->region_bottom = t->rows - 1;
    t->is_wrapping = t->is_cursor_shown = true;
    t->is_inserting = t->is_screen_reversed = t->is_newline = false;
    t->is_cursor_application = t->is_keypad_application = false;
    for (unsigned row = 0; row < t->rows; row++) {
        grid_erase(t, row, 0, t->columns);
    }
}

void grid_go(struct terminal *t, unsigned column, unsigned row)
{
    unsigned first = t->pen.is_origin ? t->region_top : 0;
    unsigned last = t->pen.is_origin ? t->region_bottom : t->rows - 1;
    t->pen.column = at_most(column, t->columns - 1);
    t->pen.row = at_most(first + row, last);
    t->pen.is_wrap_due = false;
}

static unsigned moved(unsigned from, int by, unsigned first, unsigned last)
{
    int to = (int)from + by;
    return to < (int)first ? first : to > (int)last ? last : (unsigned)to;
}

void grid_step(struct terminal *t, int columns, int rows)
{
    unsigned first = t->pen.row >= t->region_top ? t->region_top : 0;
    unsigned last = t->pen.row <= t->region_bottom ? t->region_bottom : t->rows - 1;
    t->pen.column = moved(t->pen.column, columns, 0, t->columns - 1);
    t->pen.row = moved(t->pen.row, rows, first, last);
    t->pen.is_wrap_due = false;
}

void grid_erase(struct terminal *t, unsigned row, unsigned from, unsigned to)
{
    to = at_most(to, t->columns);
    if (from < to) {
        cells_blank(t, row_at(t, row) + from, to - from);
        t->is_dirty[row] = true;
    }
}

/* Exchange the lines of two places of t->line, of the ring or of a spare. */
static void lines_swap(struct terminal *t, unsigned a, unsigned b)
{
    uint16_t line = t->line[a];
    t->line[a] = t->line[b];
    t->line[b] = line;
}

static void rows_swap(struct terminal *t, unsigned a, unsigned b)
{
    lines_swap(t, (t->top + a) % t->lines, (t->top + b) % t->lines);
    t->is_dirty[a] = t->is_dirty[b] = true;
}

/* A line feed at the end of the whole screen: the line that leaves it is history. */
static void screen_feed(struct terminal *t)
{
    t->top = (t->top + 1) % t->lines;
    t->history = at_most(t->history + 1, t->lines - t->rows);
    memset(t->is_dirty, true, t->rows);
    grid_erase(t, t->rows - 1, 0, t->columns);
}

void grid_scroll_up(struct terminal *t, unsigned from, unsigned to, unsigned count)
{
    count = at_most(count, to - from + 1);
    for (unsigned row = from; row + count <= to; row++) {
        rows_swap(t, row, row + count);
    }
    for (unsigned row = to + 1 - count; row <= to; row++) {
        grid_erase(t, row, 0, t->columns);
    }
}

void grid_scroll_down(struct terminal *t, unsigned from, unsigned to, unsigned count)
{
    count = at_most(count, to - from + 1);
    for (unsigned row = to + 1; row > from + count; row--) {
        rows_swap(t, row - 1, row - 1 - count);
    }
    for (unsigned row = from; row < from + count; row++) {
        grid_erase(t, row, 0, t->columns);
    }
}

void grid_line_feed(struct terminal *t)
{
    t->pen.is_wrap_due = false;
    if (t->pen.row == t->region_bottom && t->region_top == 0 && t->region_bottom == t->rows - 1) {
        screen_feed(t);
    } else if (t->pen.row == t->region_bottom) {
        grid_scroll_up(t, t->region_top, t->region_bottom, 1);
    } else if (t->pen.row < t->rows - 1) {
        t->pen.row++;
    }
}

void grid_line_reverse(struct terminal *t)
{
    t->pen.is_wrap_due = false;
    if (t->pen.row == t->region_top) {
        grid_scroll_down(t, t->region_top, t->region_bottom, 1);
    } else if (t->pen.row > 0) {
        t->pen.row--;
    }
}

void grid_tab(struct terminal *t)
{
    unsigned column = t->pen.column + 1;
    while (column < t->columns && !(t->tabs[column / TAB_EVERY] >> column % TAB_EVERY & 1)) {
        column++;
    }
    t->pen.column = at_most(column, t->columns - 1);
    t->pen.is_wrap_due = false;
}

/* Put a spare line in the place of the cursor's row, with `count` of its cells from `from` on at `to`, and those before the cursor; the others are the caller's to blank. */
static void row_shift(struct terminal *t, unsigned to, unsigned from, unsigned count)
{
    const struct terminal_cell *old = row_at(t, t->pen.row);
    lines_swap(t, (t->top + t->pen.row) % t->lines, t->lines + t->spares_used++);
    struct terminal_cell *cell = row_at(t, t->pen.row);
    memcpy(cell, old, t->pen.column * sizeof *cell);
    memcpy(cell + to, old + from, count * sizeof *cell);
    t->pen.is_wrap_due = false;
}

void grid_insert(struct terminal *t, unsigned count)
{
    unsigned column = t->pen.column;
    count = at_most(count, t->columns - column);
    row_shift(t, column + count, column, t->columns - column - count);
    grid_erase(t, t->pen.row, column, column + count);
}

void grid_delete(struct terminal *t, unsigned count)
{
    unsigned column = t->pen.column;
    count = at_most(count, t->columns - column);
    row_shift(t, column, column + count, t->columns - column - count);
    grid_erase(t, t->pen.row, t->columns - count, t->columns);
}

static void cell_put(struct terminal *t, uint32_t code, uint8_t more_style)
{
    struct terminal_cell *cell = row_at(t, t->pen.row) + t->pen.column;
    *cell = t->pen.blank;
    cell->code = code;
    cell->style |= more_style;
    t->is_dirty[t->pen.row] = true;
    if (t->pen.column + 1 < t->columns) {
        t->pen.column++;
    } else {
        t->pen.is_wrap_due = t->is_wrapping;
    }
}

void grid_put(struct terminal *t, uint32_t code)
{
    if (is_in(combining, sizeof combining / sizeof *combining, code)) {
        return;
    }
    bool is_wide = t->columns > 1 && is_in(wide, sizeof wide / sizeof *wide, code);
    bool is_cut = is_wide && t->pen.column + 1 == t->columns;
    if (t->pen.is_wrap_due || (is_cut && t->is_wrapping)) {
        t->pen.column = 0;
        grid_line_feed(t);
    } else if (is_cut) {
        t->pen.column--;
    }
    if (t->is_inserting) {
        grid_insert(t, is_wide ? 2 : 1);
    }
    cell_put(t, code, is_wide ? TERMINAL_WIDE : 0);
    if (is_wide) {
        cell_put(t, ' ', 0);
    }
}

void grid_align(struct terminal *t)
{
    for (unsigned row = 0; row < t->rows; row++) {
        grid_erase(t, row, 0, t->columns);
        struct terminal_cell *cell = row_at(t, row);
        for (unsigned column = 0; column < t->columns; column++) {
            cell[column].code = 'E';
        }
    }
}
