/* SPDX-License-Identifier: MIT */
/*
 * The board's port. The kernel preempts this task whenever it likes; slices only bound how long news for the guest can wait.
 *
 * Source: kernel/include/abi (notifications, clock).
 */
#include "xl_l4.h"

#include "l4/l4.h"

#include <string.h>

/*
 * 15 to 50 us of translated code on a current x86-64. Each slice ends in the interpreter, with the block that no longer fits: some 5000 host instructions, a sixth of a slice
 * of 10000.
 */
enum { SLICE_INSNS = 40000, ROOM_WAIT_NS = 1000000 };

static uint64_t clock_ns(void *arg)
{
    uint64_t ns = 0;

    (void)arg;
    l4_clock(&ns, NULL, NULL);
    return ns;
}

/*
 * In exact time a guest cannot see when its output is taken: it stands still until there is room. Signals that are lost here are made up for by the look at everything that comes before
 * each slice and each sleep.
 */
static void room_wait(const struct xl_l4 *l)
{
    if (l->config.slice_end)
        l->config.slice_end(l->config.arg);
    l4_wait(l->config.notification, clock_ns(NULL) + ROOM_WAIT_NS, NULL);
}

static unsigned console_write(void *arg, unsigned n, const uint8_t *bytes, unsigned count)
{
    const struct xl_l4 *l = arg;

    if (n)
        return count; /* a second console has no reader */
    unsigned taken = l->config.console_write(l->config.arg, bytes, count);
    while (taken < count && l->config.vm.time == XL_TIME_EXACT) {
        room_wait(l);
        taken += l->config.console_write(l->config.arg, bytes + taken, count - taken);
    }
    return taken;
}

static void log_text(void *arg, const char *text)
{
    const struct xl_l4 *l = arg;

    l->config.log(l->config.arg, text);
}

static enum xl_disk_answer disk_request(void *arg, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors)
{
    const struct xl_l4 *l = arg;

    return l->config.disk_request(l->config.arg, n, tag, op, sector, sectors);
}

static void net_send(void *arg, unsigned n, const uint8_t *frame, unsigned bytes)
{
    const struct xl_l4 *l = arg;

    l->config.net_send(l->config.arg, n, frame, bytes);
}

static void screen_changed(void *arg, unsigned width, unsigned height, unsigned first, unsigned rows)
{
    const struct xl_l4 *l = arg;

    l->config.screen_changed(l->config.arg, width, height, first, rows);
}

static bool screen_wanted(void *arg)
{
    const struct xl_l4 *l = arg;

    return l->config.screen_wanted(l->config.arg);
}

bool xl_l4_create(struct xl_l4 *l, const struct xl_l4_config *config, char *error, size_t error_bytes)
{
    *l = (struct xl_l4){.config = *config, .windows = {.ram = config->ram_slot, .arena = config->arena_slot}};
    struct xl_port port = {
        .arg = l,
        .clock_ns = clock_ns,
        .console_write = console_write,
        .code_rw = config->code_rw,
        .code_rx = config->code_rx,
        .code_bytes = config->vm.code_bytes,
        .ram = config->ram,
        .arena = config->arena,
        .arena_bytes = config->arena_bytes,
        .log = log_text,
        .disk_request = disk_request,
        .net_send = net_send,
        .screen = config->screen,
        .screen_changed = screen_changed,
        .screen_wanted = screen_wanted,
    };
    memcpy(port.disk_data, config->disk_data, sizeof port.disk_data);
    windows_offer(&l->windows, &port);
    l->vm = xl_create(&config->vm, &port, error, error_bytes);
    if (!l->vm)
        return false;
    if (port.window_map)
        windows_enter(&l->windows, l->vm);
    return true;
}

/* Offer input to the guest; what its FIFO does not take stays for the next slice. Did it take any? */
static bool input_offer(struct xl_l4 *l)
{
    unsigned room = XL_L4_PENDING_BYTES - l->pending_count;

    if (room)
        l->pending_count += l->config.console_read(l->config.arg, l->pending + l->pending_count, room);
    if (!l->pending_count)
        return false;
    unsigned taken = xl_console_in(l->vm, 0, l->pending, l->pending_count);
    l->pending_count -= taken;
    memmove(l->pending, l->pending + taken, l->pending_count);
    return taken;
}

/* Offer all that came for the guest; true when it took some of it. */
static bool news_offer(struct xl_l4 *l)
{
    bool is_taken = l->config.offer && l->config.offer(l->config.arg, l->vm);

    return input_offer(l) || is_taken;
}

/* Sleep until the guest's next event or a signal. Guest time that is not the clock's own moves on by what was slept. */
static void idle(struct xl_l4 *l)
{
    uint64_t until = xl_idle_until_ns(l->vm), guest = xl_guest_ns(l->vm), now = clock_ns(NULL);

    if (until != UINT64_MAX && (until <= guest || l->config.vm.time == XL_TIME_EXACT)) {
        xl_advance_ns(l->vm, until);
        return;
    }
    l4_wait(l->config.notification, until == UINT64_MAX ? 0 : now + (until - guest), NULL);
    if (l->config.vm.time != XL_TIME_HOST)
        xl_advance_ns(l->vm, guest + (clock_ns(NULL) - now));
}

int xl_l4_run(struct xl_l4 *l, uint64_t entry)
{
    xl_boot(l->vm, entry);
    for (;;) {
        if (__atomic_load_n(l->config.word, __ATOMIC_ACQUIRE))
            l4_poll(l->config.notification, NULL);
        news_offer(l);
        enum xl_stop stop = xl_run(l->vm, SLICE_INSNS);
        if (l->config.slice_end)
            l->config.slice_end(l->config.arg);
        if (stop == XL_STOP_HALT)
            return xl_exit_code(l->vm);
        if (stop == XL_STOP_IDLE && !news_offer(l))
            idle(l);
    }
}
