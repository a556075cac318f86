/* SPDX-License-Identifier: MIT */
/*
 * The workstation's port. Guest RAM is a memfd, which windows.c maps again; the code cache is one mapped twice, writable here and executable there, so that no
 * page is ever both.
 *
 * Source: mmap(2), memfd_create(2), madvise(2), ppoll(2).
 */
#define _GNU_SOURCE
#include "linux_private.h"

#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { CODE_BYTES_DEFAULT = 16 << 20, DESCRIPTORS_MAX = 1 + XL_NETS_MAX * (HUB_MEMBERS_MAX + 1) };

static uint64_t clock_ns(void *arg)
{
    struct timespec now;

    (void)arg;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* In exact time all is taken: a guest that had to wait would see when its output is read. */
static bool out_grow(struct xl_linux *l)
{
    uint8_t *larger = l->out_room <= UINT_MAX / 2 ? realloc(l->out, 2 * l->out_room) : NULL;

    if (!larger)
        return false;
    l->out = larger;
    l->out_room *= 2;
    return true;
}

static unsigned console_write(void *arg, unsigned n, const uint8_t *bytes, unsigned count)
{
    struct xl_linux *l = arg;

    if (n)
        return count; /* a second console has no reader here */
    while (count > l->out_room - l->out_count)
        if (l->time != XL_TIME_EXACT || !out_grow(l))
            count = l->out_room - l->out_count;
    memcpy(l->out + l->out_count, bytes, count);
    l->out_count += count;
    return count;
}

static void *map(uint64_t bytes, int protection, int flags, int fd)
{
    void *at = mmap(NULL, bytes, protection, flags, fd, 0);

    return at == MAP_FAILED ? NULL : at;
}

/* The descriptor of new shared memory, or -1. */
static int shared_memory(const char *name, uint64_t bytes)
{
    int fd = memfd_create(name, MFD_CLOEXEC);

    if (fd >= 0 && ftruncate(fd, (off_t)bytes)) {
        close(fd);
        return -1;
    }
    return fd;
}

/* The arena, and the windows above its other views. */
static bool arena_map(struct xl_linux *l)
{
    int fd = shared_memory("l4vm-arena", l->port.arena_bytes);

    if (fd < 0)
        return false;
    l->port.arena = map(l->port.arena_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    if (l->port.arena)
        windows_offer(&l->windows, &l->port, fd);
    close(fd);
    return l->port.arena;
}

static bool code_cache_map(struct xl_port *port, uint64_t bytes)
{
    int fd = shared_memory("l4vm-code", bytes);

    if (fd < 0)
        return false;
    port->code_rw = map(bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd);
    port->code_rx = map(bytes, PROT_READ | PROT_EXEC, MAP_SHARED, fd);
    port->code_bytes = bytes;
    close(fd);
    return port->code_rw && port->code_rx;
}

/* One call for a piece of both views costs less than a page fault for each page of each. Kernels before 5.14 refuse it, and the faults come. */
static void code_ahead(void *arg, uint64_t from, uint64_t bytes)
{
    const struct xl_linux *l = arg;

    madvise(l->port.code_rw + from, bytes, MADV_POPULATE_WRITE);
    madvise(l->port.code_rx + from, bytes, MADV_POPULATE_READ);
}

static bool memory_map(struct xl_linux *l, const struct xl_config *config)
{
    l->ram_bytes = config->ram_bytes;
    l->windows.ram_fd = shared_memory("l4vm-ram", config->ram_bytes);
    if (l->windows.ram_fd < 0)
        return false;
    l->port.ram = map(config->ram_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, l->windows.ram_fd);
    l->port.arena_bytes = xl_arena_bytes(config);
    return l->port.ram && arena_map(l) && code_cache_map(&l->port, config->code_bytes ? config->code_bytes : CODE_BYTES_DEFAULT);
}

void xl_linux_destroy(struct xl_linux *l)
{
    if (!l)
        return;
    xl_linux_io_close(l);
    windows_close(&l->windows);
    if (l->port.ram)
        munmap(l->port.ram, l->ram_bytes);
    if (l->port.arena)
        munmap(l->port.arena, l->port.arena_bytes);
    if (l->port.code_rw)
        munmap(l->port.code_rw, l->port.code_bytes);
    if (l->port.code_rx)
        munmap(l->port.code_rx, l->port.code_bytes);
    free(l->out);
    free(l);
}

struct xl_linux *xl_linux_create(const struct xl_config *config, const struct xl_linux_io *io, char *error, size_t error_bytes)
{
    static const char no_memory[] = "the workstation has no memory for this machine, or its hub no place";
    struct xl_linux *l = calloc(1, sizeof *l);

    if (l) {
        l->windows.ram_fd = -1;
        l->out = malloc(OUT_BYTES);
        l->out_room = OUT_BYTES;
    }
    if (l && l->out && config->ram_bytes && memory_map(l, config) && xl_linux_io_open(l, config, io)) {
        l->port.arg = l;
        l->port.clock_ns = clock_ns;
        l->port.console_write = console_write;
        l->port.code_ahead = code_ahead;
        l->time = config->time;
        l->vm = xl_create(config, &l->port, error, error_bytes);
        l->windows.vm = l->vm;
        if (l->vm)
            return l;
    } else if (error_bytes) {
        strncpy(error, no_memory, error_bytes - 1);
        error[error_bytes - 1] = 0;
    }
    xl_linux_destroy(l);
    return NULL;
}

struct xl_vm *xl_linux_vm(struct xl_linux *l)
{
    return l->vm;
}

/* Sleep until the time is over or one of the descriptors has news; was it wake_fd? */
static bool sleep_until_news(struct xl_linux *l, uint64_t ns, int wake_fd)
{
    struct timespec timeout = {(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)};
    struct pollfd fd[DESCRIPTORS_MAX] = {{.fd = wake_fd, .events = POLLIN}};
    int found[HUB_MEMBERS_MAX + 1];
    nfds_t count = 1;

    for (unsigned n = 0; n < l->nets; n++)
        for (unsigned i = xl_hub_descriptors(l->io.hub[n], found, HUB_MEMBERS_MAX + 1); i-- > 0;)
            fd[count++] = (struct pollfd){.fd = found[i], .events = POLLIN};
    return ppoll(fd, count, &timeout, NULL) > 0 && fd[0].revents;
}

/* Let guest time pass while the guest waits; false when wake_fd became readable or the wall time is over. */
static bool idle(struct xl_linux *l, uint64_t wall_end, int wake_fd)
{
    uint64_t until = xl_idle_until_ns(l->vm), now = clock_ns(NULL), guest = xl_guest_ns(l->vm);

    if (l->time == XL_TIME_EXACT && until != UINT64_MAX) {
        xl_advance_ns(l->vm, until);
        return now < wall_end;
    }
    uint64_t wait = wall_end > now ? wall_end - now : 0;
    if (until <= guest)
        return true;
    if (until - guest < wait)
        wait = until - guest;
    bool is_woken = sleep_until_news(l, wait, wake_fd);
    if (l->time != XL_TIME_HOST)
        xl_advance_ns(l->vm, guest + (clock_ns(NULL) - now));
    return !is_woken && clock_ns(NULL) < wall_end;
}

enum xl_stop xl_linux_step(struct xl_linux *l, uint64_t insns)
{
    xl_linux_frames_offer(l);
    windows_enter(&l->windows);
    return xl_run(l->vm, insns);
}

enum xl_stop xl_linux_run(struct xl_linux *l, uint64_t insns, uint64_t wall_ns, int wake_fd)
{
    enum { SLICE_INSNS = 2000000 };
    uint64_t wall_end = clock_ns(NULL) + wall_ns, start = xl_insns(l->vm);

    for (;;) {
        uint64_t done = xl_insns(l->vm) - start;
        if (done >= insns)
            return XL_STOP_BUDGET;
        enum xl_stop stop = xl_linux_step(l, insns - done < SLICE_INSNS ? insns - done : SLICE_INSNS);
        if (stop == XL_STOP_HALT || stop == XL_STOP_REQUEST || stop == XL_STOP_HOOK)
            return stop;
        if (l->out_count)
            return stop;
        if (stop == XL_STOP_IDLE ? !idle(l, wall_end, wake_fd) : clock_ns(NULL) >= wall_end)
            return stop;
    }
}

unsigned xl_linux_console_read(struct xl_linux *l, uint8_t *out, unsigned room)
{
    unsigned count = l->out_count < room ? l->out_count : room;

    memcpy(out, l->out, count);
    l->out_count -= count;
    memmove(l->out, l->out + count, l->out_count);
    return count;
}
