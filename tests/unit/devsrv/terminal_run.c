/* SPDX-License-Identifier: MIT */
/*
 * A terminal (devsrv/console/terminal.h) behind the pipe of board.py's Board: each op is a letter, two numbers and bytes; each answer a length and bytes.
 *
 *   o  a = columns | rows << 16, b = history   open one; one byte: whether it could be. Its cells are a heap block of exactly their size.
 *   w  a = bytes of a first attempt, bytes     write them
 *   v  a = lines back                          column, row, history, flags, bells (u32 each), then the cells of all rows
 *   a  a = room                                take the answer
 *   c  a = number                              a colour
 *
 * After every write the things that must hold are checked; a broken one ends the program.
 */
#include "terminal.h"

#include <stdio.h>
#include <stdlib.h>

enum { SHOWN = 1, APPLICATION = 2, KEYPAD = 4, REVERSED = 8 };

static struct terminal t;

static void answer(const void *bytes, uint32_t count)
{
    fwrite(&count, sizeof count, 1, stdout);
    fwrite(bytes, 1, count, stdout);
    fflush(stdout);
}

static void hold(bool is_true, const char *what)
{
    if (!is_true) {
        fprintf(stderr, "terminal: %s\n", what);
        abort();
    }
}

static void check(void)
{
    hold(t.pen.row < t.rows && t.pen.column < t.columns, "the cursor left the screen");
    hold(t.saved.row < t.rows && t.saved.column < t.columns, "the saved cursor left the screen");
    hold(t.region_top <= t.region_bottom && t.region_bottom < t.rows, "the region is not on the screen");
    hold(t.top < t.lines && t.history <= t.lines - t.rows, "the history is longer than its memory");
    for (unsigned i = 0; i < t.lines + TERMINAL_SPARES; i++) {
        for (unsigned k = 0; k < i; k++) {
            hold(t.line[i] < t.lines + TERMINAL_SPARES && t.line[i] != t.line[k], "two places of the ring have one line");
        }
    }
    hold(t.answer_bytes <= sizeof t.answer, "the answer is longer than its memory");
    for (unsigned i = 0; i < (t.lines + TERMINAL_SPARES) * t.columns; i++) {
        uint32_t code = t.cells[i].code;
        hold(code == 0 || (code >= ' ' && (code < 0x7f || code > 0x9f) && (code < 0xd800 || code > 0xdfff) && code <= 0x10ffff), "a cell holds no character");
    }
}

static void open_one(uint32_t a, uint32_t history)
{
    unsigned columns = a & 0xffff, rows = a >> 16;
    size_t cells = terminal_cells(columns, rows, history);
    free(t.cells);
    t.cells = NULL;
    struct terminal_cell *memory = calloc(cells ? cells : 1, sizeof *memory);
    bool is_open = terminal_open(&t, memory, columns, rows, history);
    hold(is_open == (cells > 0), "terminal_open and terminal_cells disagree");
    if (!is_open) {
        free(memory);
    }
    answer(&is_open, 1);
}

static void view(uint32_t back)
{
    uint32_t flags = (t.is_cursor_shown ? SHOWN : 0) | (t.is_cursor_application ? APPLICATION : 0) | (t.is_keypad_application ? KEYPAD : 0) |
                     (t.is_screen_reversed ? REVERSED : 0);
    uint32_t head[] = {t.pen.column, t.pen.row, t.history, flags, t.bells};
    uint32_t count = (uint32_t)(sizeof head + t.rows * t.columns * sizeof *t.cells);
    fwrite(&count, sizeof count, 1, stdout);
    fwrite(head, sizeof head, 1, stdout);
    for (unsigned row = 0; row < t.rows; row++) {
        fwrite(terminal_row(&t, row, back), sizeof *t.cells, t.columns, stdout);
    }
    fflush(stdout);
}

/* Write once; with `first`, a write of so many bytes at most comes before it and is taken back, as when the server ended in the middle. */
static uint32_t write_some(const uint8_t *bytes, uint32_t count, uint32_t first)
{
    struct terminal kept = t;
    terminal_write(&t, bytes, first < count ? first : count);
    t = kept;
    uint32_t taken = (uint32_t)terminal_write(&t, bytes, count);
    hold(taken > 0 && taken <= count, "a write took nothing, or more than there is");
    return taken;
}

static void op(char what, uint32_t a, uint32_t b, const uint8_t *bytes, uint32_t count)
{
    uint8_t taken[TERMINAL_ANSWER_BYTES];
    uint32_t colour;
    switch (what) {
    case 'o': open_one(a, b); break;
    case 'w':
        for (uint32_t taken = 0; taken < count;) {
            taken += write_some(bytes + taken, count - taken, a);
            check();
        }
        answer("", 0);
        break;
    case 'v': view(a); break;
    case 'a': answer(taken, terminal_take_answer(&t, taken, a < sizeof taken ? a : sizeof taken)); break;
    case 'c':
        colour = terminal_colour(&t, (uint8_t)a);
        answer(&colour, sizeof colour);
        break;
    default: abort();
    }
}

int main(void)
{
    char what;
    uint32_t head[3];
    while (fread(&what, 1, 1, stdin) == 1 && fread(head, sizeof head, 1, stdin) == 1) {
        uint8_t *bytes = malloc(head[2] ? head[2] : 1);
        if (!bytes || fread(bytes, 1, head[2], stdin) != head[2]) {
            return 1;
        }
        op(what, head[0], head[1], bytes, head[2]);
        free(bytes);
    }
    free(t.cells);
    return 0;
}
