/* SPDX-License-Identifier: MIT */
/* A board for the board's port: the kernel calls of l4/l4.h beside this file, memory for one machine, a console. One machine at a time. */
#define _GNU_SOURCE
#include "l4/l4.h"
#include "xl_l4.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { RAM_BYTES = 8 << 20, CODE_BYTES = 1 << 20, NOTIFICATION = 7 };

static struct {
    struct xl_l4 l4;
    uint64_t now_ns, word, waits, polls;
    uint8_t in[256], out[256];
    unsigned in_at, in_count, out_count;
    char error[200];
    unsigned width, height, rows; /* of the screen, as told */
} b;
/* The screen of the machines to come: is there one, does somebody look? */
static bool has_screen, is_wanted;
/* Bytes that the line takes in a slice, 0 any number; how many of them it still takes. */
static unsigned out_room, out_left;

enum k_status l4_clock(uint64_t *ns, uint64_t *tsc, uint64_t *tsc_hz)
{
    (void)tsc;
    (void)tsc_hz;
    *ns = b.now_ns += 1000;
    return K_OK;
}

/* Nobody else lives on this board: a wait ends at its deadline; one without would never end. */
enum k_status l4_wait(uint32_t notification, uint64_t deadline_ns, uint64_t *word)
{
    (void)word;
    if (notification != NOTIFICATION || !deadline_ns)
        abort();
    b.waits++;
    if (deadline_ns > b.now_ns)
        b.now_ns = deadline_ns;
    return K_OK;
}

enum k_status l4_poll(uint32_t notification, uint64_t *word)
{
    (void)word;
    if (notification != NOTIFICATION)
        abort();
    b.polls++;
    b.word = 0;
    return K_OK;
}

/* This board has no windows: its config names no memory to map. */
void windows_offer(const struct windows *w, struct xl_port *port)
{
    if (w->ram || w->arena || port->window_map)
        abort();
}

void windows_enter(struct windows *w, struct xl_vm *vm)
{
    (void)w;
    (void)vm;
    abort();
}

static unsigned console_write(void *arg, const uint8_t *bytes, unsigned count)
{
    (void)arg;
    if (out_room && count > out_left)
        count = out_left;
    out_left -= out_room ? count : 0;
    for (unsigned i = 0; i < count && b.out_count < sizeof b.out; i++)
        b.out[b.out_count++] = bytes[i];
    return count;
}

static void slice_end(void *arg)
{
    (void)arg;
    out_left = out_room;
}

static unsigned console_read(void *arg, uint8_t *bytes, unsigned room)
{
    unsigned n = b.in_count - b.in_at < room ? b.in_count - b.in_at : room;

    (void)arg;
    memcpy(bytes, b.in + b.in_at, n);
    b.in_at += n;
    return n;
}

static void screen_changed(void *arg, unsigned width, unsigned height, unsigned first, unsigned rows)
{
    (void)arg;
    (void)first;
    b.width = width;
    b.height = height;
    b.rows += rows;
}

static bool screen_wanted(void *arg)
{
    (void)arg;
    return is_wanted;
}

static void *memory(uint64_t bytes, int protection)
{
    void *at = mmap(NULL, bytes, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return at == MAP_FAILED ? NULL : at;
}

const char *board_make(int time, uint64_t ram_bytes)
{
    int fd = memfd_create("board-code", 0);
    struct xl_l4_config c = {
        .vm = {.machine = "leon3", .ram_bytes = ram_bytes, .engine = XL_ENGINE_BLOCK, .time = (enum xl_time)time, .code_bytes = CODE_BYTES, .screen = has_screen},
        .notification = NOTIFICATION,
        .word = &b.word,
        .console_write = console_write,
        .console_read = console_read,
        .slice_end = slice_end,
        .screen_changed = screen_changed,
        .screen_wanted = screen_wanted,
    };

    memset(&b, 0, sizeof b);
    if (fd < 0 || ftruncate(fd, CODE_BYTES))
        return "no memory for code";
    c.code_rw = mmap(NULL, CODE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    c.code_rx = mmap(NULL, CODE_BYTES, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    close(fd);
    c.arena_bytes = xl_arena_bytes(&c.vm);
    c.ram = memory(ram_bytes ? ram_bytes : RAM_BYTES, PROT_READ | PROT_WRITE);
    c.arena = memory(c.arena_bytes, PROT_READ | PROT_WRITE);
    c.screen = has_screen ? memory(XL_SCREEN_BYTES, PROT_READ | PROT_WRITE) : NULL;
    return xl_l4_create(&b.l4, &c, b.error, sizeof b.error) ? "" : b.error;
}

void board_input(const uint8_t *bytes, unsigned count)
{
    memcpy(b.in, bytes, count);
    b.in_count = count;
    b.word = 1;
}

int board_run(const uint8_t *program, unsigned bytes)
{
    memcpy(b.l4.config.ram, program, bytes);
    return xl_l4_run(&b.l4, 0x40000000);
}

void board_line_takes(unsigned count)
{
    out_room = out_left = count;
}

uint64_t board_insns(void)
{
    return xl_insns(b.l4.vm);
}

unsigned board_output(uint8_t *out)
{
    memcpy(out, b.out, b.out_count);
    return b.out_count;
}

void board_screen(bool is_there, bool is_looked_at)
{
    has_screen = is_there;
    is_wanted = is_looked_at;
}

/* Width, height, how many rows were told of, and a pixel. */
void board_shown(unsigned at, uint32_t *out)
{
    out[0] = b.width;
    out[1] = b.height;
    out[2] = b.rows;
    out[3] = b.l4.config.screen[at];
}

uint64_t board_now_ns(void)
{
    return b.now_ns;
}

uint64_t board_waits(void)
{
    return b.waits;
}

uint64_t board_polls(void)
{
    return b.polls;
}
