/* SPDX-License-Identifier: MIT */
/*
 * A guest's screen: what its task and whoever shows it share. Root's memory, one for each guest with `screen`, DS_SCREEN_BYTES long.
 *
 *   page 0      struct ds_screen_page
 *   page 1 ..   pixels 0x00rrggbb, row after row without gaps, as wide as the page says
 *
 * The guest's task writes pixels, then marks their rows; the reader takes the marks, then reads the pixels. A row that is written meanwhile may be seen half new: its mark comes again.
 * While nobody wants the screen its task does nothing and the pixels grow old; who starts to want it is told of every row that differs since.
 *
 * Rules of use: one writer, one reader. The size is one word, read once and checked; nothing else in the page is trusted by the reader. Nothing here waits.
 * Keys for the guest go the other way, through a ring of their own: scan codes of set 2.
 */
#ifndef DEVSRV_SCREEN_H
#define DEVSRV_SCREEN_H

#include <stdbool.h>
#include <stdint.h>

enum { DS_SCREEN_WIDTH_MAX = 1024, DS_SCREEN_HEIGHT_MAX = 768, DS_SCREEN_PIXELS = 4096, DS_SCREEN_BYTES = DS_SCREEN_PIXELS + DS_SCREEN_WIDTH_MAX * DS_SCREEN_HEIGHT_MAX * 4 };
enum { DS_SCREEN_WORDS = DS_SCREEN_HEIGHT_MAX / 32 };

struct ds_screen_page {
    uint32_t size;                     /* atomic; the writer's: 15..0 width | 31..16 height, 0: the screen is off */
    uint32_t wanted;                   /* atomic; the reader's: does somebody look? */
    uint32_t changed[DS_SCREEN_WORDS]; /* atomic; bit r % 32 of word r / 32: row r changed */
};

/** The writer: open memory, off; NULL when it is too small. */
struct ds_screen_page *ds_screen_open(void *memory, uint64_t bytes);
/** The writer: the pixels of these rows were written, of a screen of this size. Width 0: it is off. */
void ds_screen_tell(struct ds_screen_page *page, uint32_t width, uint32_t height, uint32_t first, uint32_t rows);
/** The writer: does somebody look? */
bool ds_screen_is_wanted(const struct ds_screen_page *page);

/** The reader: somebody looks, or nobody does any more. */
void ds_screen_want(struct ds_screen_page *page, bool is_wanted);
/** The reader: the size, checked; false when the screen is off, or its writer says what cannot be. */
bool ds_screen_size(const struct ds_screen_page *page, uint32_t *width, uint32_t *height);
/** The reader: take the marks of rows 32 * word .. 32 * word + 31; word < DS_SCREEN_WORDS. */
uint32_t ds_screen_take(struct ds_screen_page *page, unsigned word);

#endif
