/* SPDX-License-Identifier: MIT */
/* Pictures for the workstation (shot.h). */
#include "shot.h"

#include "l4/string.h"
#include "link_gen.h"

static uint32_t finish(uint8_t *data, const struct link_picture_head *head, uint32_t run_bytes)
{
    memcpy(data, head, sizeof *head);
    return (uint32_t)sizeof *head + head->runs * run_bytes;
}

uint32_t shot_cells(uint8_t *data, uint32_t room, const struct terminal *t, uint32_t offset)
{
    struct link_picture_head head = {.kind = LINK_PICTURE_KIND_CELLS, .width = (uint16_t)t->columns, .height = (uint16_t)t->rows};
    uint32_t most = (room - (uint32_t)sizeof head) / (uint32_t)sizeof(struct link_cell_run), end = t->columns * t->rows;
    struct link_cell_run run = {0};
    for (; offset < end; offset++) {
        struct frame_place p = frame_place_of(t, terminal_row(t, offset / t->columns, 0) + offset % t->columns);
        bool is_same = head.runs && p.code == run.code && p.fore == run.fore && p.back == run.back;
        if (!is_same && head.runs == most) {
            break;
        }
        run = is_same ? run : (struct link_cell_run){.code = p.code, .fore = p.fore, .back = p.back};
        run.count++;
        head.runs = (uint16_t)(head.runs + !is_same);
        memcpy(data + sizeof head + (head.runs - 1u) * sizeof run, &run, sizeof run);
    }
    head.next = offset;
    return finish(data, &head, sizeof run);
}

uint32_t shot_pixels(uint8_t *data, uint32_t room, const struct picture *p, uint32_t offset)
{
    struct link_picture_head head = {.kind = LINK_PICTURE_KIND_PIXELS};
    uint32_t most = (room - (uint32_t)sizeof head) / (uint32_t)sizeof(struct link_pixel_run), width = 0, height = 0;
    struct link_pixel_run run = {0};
    uint32_t end = ds_screen_size(p->page, &width, &height) ? width * height : 0;
    uint32_t stop = end > SHOT_PIXELS && offset < end - SHOT_PIXELS ? offset + SHOT_PIXELS : end;
    for (; offset < stop; offset++) {
        uint32_t colour = p->pixels[offset] & 0xffffff;
        bool is_same = head.runs && colour == run.colour;
        if (!is_same && head.runs == most) {
            break;
        }
        run = is_same ? run : (struct link_pixel_run){.colour = colour};
        run.count++;
        head.runs = (uint16_t)(head.runs + !is_same);
        memcpy(data + sizeof head + (head.runs - 1u) * sizeof run, &run, sizeof run);
    }
    head.width = end ? (uint16_t)width : 0;
    head.height = end ? (uint16_t)height : 0;
    head.next = offset;
    return finish(data, &head, sizeof run);
}
