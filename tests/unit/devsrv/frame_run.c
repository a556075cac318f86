/* SPDX-License-Identifier: MIT */
/*
 * Terminals and pictures on a frame that is memory: frame_run text < BYTES writes the frame's pixels; frame_run picture says how many rows each look copied.
 */
#include "display.h"
#include "picture.h"
#include "devsrv/port_io.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t port_read8(uint16_t port) { (void)port; return 0xff; }
void port_write8(uint16_t port, uint8_t byte) { (void)port, (void)byte; }

/* A display of Bochs: registers that keep what is written; the first is its ID. */
static uint16_t registers[16] = {0xb0c5}, selected;
uint16_t port_read16(uint16_t port) { (void)port; return registers[selected % 16]; }
void port_write16(uint16_t port, uint16_t word)
{
    if (port == 0x1ce)
        selected = word;
    else if (selected)
        registers[selected % 16] = word;
}

static struct display display;
static uint16_t text[VGA_COLUMNS * VGA_ROWS];

static int show_text(void)
{
    static struct terminal terminal;
    static uint8_t bytes[65536];
    size_t count = fread(bytes, 1, sizeof bytes, stdin);
    struct terminal_cell *cells = calloc(terminal_cells(FRAME_COLUMNS, FRAME_ROWS - 1, 100), sizeof *cells);
    terminal_open(&terminal, cells, FRAME_COLUMNS, FRAME_ROWS - 1, 100);
    for (size_t at = 0; at < count;)
        at += terminal_write(&terminal, bytes + at, count - at);
    for (unsigned row = 0; row < FRAME_ROWS - 1; row++)
        display_row(&display, &terminal, row, 0);
    display_cursor(&display, terminal.is_cursor_shown, terminal.pen.column, terminal.pen.row);
    display_status(&display, " F1 one  F2 two ", 0, 8);
    uint64_t drawn = display.frame.places_drawn;
    for (unsigned row = 0; row < FRAME_ROWS - 1; row++)
        display_row(&display, &terminal, row, 0);
    if (display.frame.places_drawn != drawn) {
        fprintf(stderr, "frame_run: what did not change was drawn again\n");
        return 1;
    }
    return fwrite((const void *)display.frame.pixels, 1, FRAME_BYTES, stdout) == FRAME_BYTES ? 0 : 1;
}

static uint64_t look(struct picture *p)
{
    uint64_t before = p->rows_copied;
    while (picture_turn(p, &display.frame)) {
    }
    return p->rows_copied - before;
}

static uint32_t pixel(unsigned x, unsigned y) { return display.frame.pixels[(size_t)y * FRAME_WIDTH + x]; }

static int show_picture(void)
{
    uint8_t *memory = calloc(1, DS_SCREEN_BYTES);
    struct ds_screen_page *page = ds_screen_open(memory, DS_SCREEN_BYTES);
    uint32_t *pixels = (uint32_t *)(void *)(memory + DS_SCREEN_PIXELS);
    struct picture p;
    picture_open(&p, memory);
    picture_show(&p, &display.frame, true);
    printf("wanted %d off %llu", ds_screen_is_wanted(page), (unsigned long long)look(&p));
    for (unsigned i = 0; i < 640 * 480; i++)
        pixels[i] = i;
    ds_screen_tell(page, 640, 480, 0, 480);
    printf(" first %llu", (unsigned long long)look(&p));
    printf(" same %llu", (unsigned long long)look(&p));
    ds_screen_tell(page, 640, 480, 100, 16);
    printf(" some %llu", (unsigned long long)look(&p));
    printf(" corners %x %x %x", pixel(192, 136), pixel(192 + 639, 136 + 479), pixel(191, 136));
    ds_screen_tell(page, 1024, 768, 0, 768);
    printf(" large %llu bottom %x", (unsigned long long)look(&p), pixel(0, FRAME_HEIGHT - 1));
    ds_screen_tell(page, 1025, 768, 0, 768);
    printf(" wrong %llu", (unsigned long long)look(&p));
    picture_show(&p, &display.frame, false);
    printf(" wanted %d\n", ds_screen_is_wanted(page));
    free(memory);
    return 0;
}

int main(int count, char **words)
{
    uint32_t *frame = calloc(1, FRAME_BYTES);
    display_open(&display, text, frame);
    if (!display.has_frame || count != 2)
        return 2;
    int code = strcmp(words[1], "text") == 0 ? show_text() : show_picture();
    free(frame);
    return code;
}
