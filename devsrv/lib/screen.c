/* SPDX-License-Identifier: MIT */
/* A guest's screen, both sides. See devsrv/screen.h for the rules. */
#include "devsrv/screen.h"

#include <stddef.h>

_Static_assert(sizeof(struct ds_screen_page) <= DS_SCREEN_PIXELS, "the page is one page");

struct ds_screen_page *ds_screen_open(void *memory, uint64_t bytes)
{
    struct ds_screen_page *page = memory;

    if (bytes < DS_SCREEN_BYTES)
        return NULL;
    __atomic_store_n(&page->size, 0, __ATOMIC_RELEASE); /* what the task's last life showed is over */
    return page;
}

void ds_screen_tell(struct ds_screen_page *page, uint32_t width, uint32_t height, uint32_t first, uint32_t rows)
{
    __atomic_store_n(&page->size, width | height << 16, __ATOMIC_RELEASE);
    for (uint32_t row = first, end = first + rows; row < end && row < DS_SCREEN_HEIGHT_MAX;) {
        uint32_t bit = row % 32, count = end - row < 32 - bit ? end - row : 32 - bit;
        uint32_t marks = (count < 32 ? (1u << count) - 1 : ~0u) << bit;
        __atomic_fetch_or(&page->changed[row / 32], marks, __ATOMIC_RELEASE);
        row += count;
    }
}

bool ds_screen_is_wanted(const struct ds_screen_page *page)
{
    return __atomic_load_n(&page->wanted, __ATOMIC_ACQUIRE);
}

void ds_screen_want(struct ds_screen_page *page, bool is_wanted)
{
    __atomic_store_n(&page->wanted, is_wanted, __ATOMIC_RELEASE);
}

bool ds_screen_size(const struct ds_screen_page *page, uint32_t *width, uint32_t *height)
{
    uint32_t size = __atomic_load_n(&page->size, __ATOMIC_ACQUIRE);

    *width = size & 0xffff;
    *height = size >> 16;
    return *width && *width <= DS_SCREEN_WIDTH_MAX && *height && *height <= DS_SCREEN_HEIGHT_MAX;
}

uint32_t ds_screen_take(struct ds_screen_page *page, unsigned word)
{
    return __atomic_exchange_n(&page->changed[word], 0, __ATOMIC_ACQUIRE);
}
