/* SPDX-License-Identifier: MIT */
/* Requests on a RAM disk (disk.h). Every one gives the same when it is done twice in a row, so a server may be ended anywhere in it. */
#include "disk.h"

#include "l4/string.h"

bool block_client_open(struct block_client *c, void *memory, uint64_t bytes, void *area, uint64_t area_bytes, uint64_t value)
{
    uint64_t sectors = value >> 1;
    if (bytes < sizeof *c->memory || !sectors || sectors > area_bytes / DS_BLOCK_SECTOR ||
        !ds_queue_open_consumer(&c->queue, memory, DS_QUEUE_SLOTS + sizeof c->memory->request, sizeof c->memory->request[0], DS_BLOCK_ENTRIES)) {
        return false;
    }
    c->memory = memory;
    c->area = area;
    c->sectors = sectors;
    c->is_read_only = value & DS_BLOCK_READ_ONLY;
    return true;
}

static bool is_in_range(const struct block_client *c, const struct ds_block_request *r)
{
    return r->tag < DS_BLOCK_TAGS && r->sectors && r->sectors <= DS_BLOCK_BUFFER / DS_BLOCK_SECTOR && r->sector < c->sectors && r->sectors <= c->sectors - r->sector;
}

static enum ds_block_status request_do(struct block_client *c, const struct ds_block_request *r)
{
    if (r->op == DS_BLOCK_FLUSH) {
        return DS_BLOCK_OK; /* what was answered is in the disk */
    }
    if ((r->op != DS_BLOCK_READ && r->op != DS_BLOCK_WRITE) || !is_in_range(c, r) || (r->op == DS_BLOCK_WRITE && c->is_read_only)) {
        return DS_BLOCK_REFUSED;
    }
    uint8_t *sector = c->area + r->sector * DS_BLOCK_SECTOR, *buffer = c->memory->buffer[r->tag];
    uint64_t bytes = (uint64_t)r->sectors * DS_BLOCK_SECTOR;
    if (r->op == DS_BLOCK_READ) {
        memcpy(buffer, sector, bytes);
    } else {
        memcpy(sector, buffer, bytes);
    }
    return DS_BLOCK_OK;
}

unsigned block_client_turn(struct block_client *c)
{
    unsigned done = 0;
    struct ds_block_request *slot;
    while (done < BLOCK_TURN && (slot = ds_queue_first(&c->queue))) {
        struct ds_block_request copy;
        memcpy(&copy, slot, sizeof copy);
        __asm__ volatile("" ::: "memory"); /* the copy is checked, not the slot */
        slot->status = request_do(c, &copy);
        ds_queue_take(&c->queue); /* ORDER: queue-records; the answer */
        done++;
    }
    return done;
}
