/* SPDX-License-Identifier: MIT */
/*
 * Disks, networks and the screen of the workstation's port: a disk is a file that is read and written at the guest's access, so that guest time stays the guest's own; a network is a place
 * at a hub, whose frames are offered between two slices; the screen is the shadow, which whoever asks reads.
 *
 * Source: pread(2), pwrite(2), fdatasync(2).
 */
#define _GNU_SOURCE
#include "linux_private.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { SECTOR_BYTES = 512, DISK_DATA_BYTES = XL_DISK_TAGS * XL_DISK_REQUEST_BYTES };

/* Move bytes between a buffer and a file at once or in parts. */
static bool file_move(int fd, bool is_write, uint8_t *data, uint64_t bytes, uint64_t at)
{
    while (bytes) {
        ssize_t done = is_write ? pwrite(fd, data, bytes, (off_t)at) : pread(fd, data, bytes, (off_t)at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return false;
        data += done;
        at += (uint64_t)done;
        bytes -= (uint64_t)done;
    }
    return true;
}

static enum xl_disk_answer disk_request(void *arg, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors)
{
    struct xl_linux *l = arg;
    uint8_t *data = l->port.disk_data[n] + (uint64_t)tag * XL_DISK_REQUEST_BYTES;
    int fd = l->io.disk_fd[n];
    bool is_good = op == XL_DISK_FLUSH ? !fdatasync(fd) : file_move(fd, op == XL_DISK_WRITE, data, (uint64_t)sectors * SECTOR_BYTES, sector * SECTOR_BYTES);

    return is_good ? XL_DISK_DONE : XL_DISK_FAILED;
}

static void net_send(void *arg, unsigned n, const uint8_t *frame, unsigned bytes)
{
    struct xl_linux *l = arg;

    xl_hub_send(l->io.hub[n], l->place[n], frame, bytes);
}

void xl_linux_frames_offer(struct xl_linux *l)
{
    for (unsigned n = 0; n < l->nets; n++) {
        const uint8_t *frame;
        unsigned bytes;
        xl_hub_pump(l->io.hub[n]);
        while ((frame = xl_hub_first(l->io.hub[n], l->place[n], &bytes)) && xl_net_in(l->vm, n, frame, bytes))
            xl_hub_drop(l->io.hub[n], l->place[n]);
    }
}

static void screen_changed(void *arg, unsigned width, unsigned height, unsigned first, unsigned rows)
{
    struct xl_linux *l = arg;

    (void)first;
    (void)rows;
    l->screen_width = width;
    l->screen_height = height;
    l->screen_changes++;
}

const uint32_t *xl_linux_screen(struct xl_linux *l, unsigned *width, unsigned *height)
{
    xl_screen_refresh(l->vm);
    *width = l->screen_width;
    *height = l->screen_height;
    return l->port.screen;
}

uint64_t xl_linux_screen_changes(const struct xl_linux *l)
{
    return l->screen_changes;
}

bool xl_linux_io_open(struct xl_linux *l, const struct xl_config *config, const struct xl_linux_io *io)
{
    if (config->screen && !(l->port.screen = calloc(1, XL_SCREEN_BYTES)))
        return false;
    l->port.screen_changed = screen_changed;
    if (!io)
        return !config->disks && !config->nets;
    l->io = *io;
    for (; l->disks < config->disks && l->disks < XL_DISKS_MAX; l->disks++)
        if (!(l->port.disk_data[l->disks] = calloc(1, DISK_DATA_BYTES)))
            return false;
    for (; l->nets < config->nets && l->nets < XL_NETS_MAX; l->nets++)
        if ((l->place[l->nets] = xl_hub_join(io->hub[l->nets])) < 0)
            return false;
    l->port.disk_request = disk_request;
    l->port.net_send = net_send;
    return true;
}

void xl_linux_io_close(struct xl_linux *l)
{
    while (l->nets) {
        l->nets--;
        xl_hub_leave(l->io.hub[l->nets], l->place[l->nets]);
    }
    for (unsigned n = 0; n < XL_DISKS_MAX; n++)
        free(l->port.disk_data[n]);
    free(l->port.screen);
}
