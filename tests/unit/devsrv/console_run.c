/* SPDX-License-Identifier: MIT */
/*
 * The whole console server against a hostile client, a hostile keyboard controller and a hostile screen: console_run CASES SEED text|frame.
 *
 * One client writes anything into its ring's page and data; the controller says anything at all; with a frame, a guest says anything of its screen. A good client beside them writes numbered lines: each must be shown as it was written.
 * Now and then the server starts anew, and what was shown is still there. All shared memory lies on the heap in its exact size, and both sanitizers watch.
 */
#define main console_main
#include "../../../devsrv/console/main.c"
#undef main

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RING_BYTES = 4096 + 32768 + 4096, ROUNDS = 12, BAD = 0, GOOD = 1, KEYS = 2, TASK_BYTES = 64 };

static uint64_t random_state, lines, restarts, keys;
static struct arg_entry entries[16];
static unsigned entry_count;
static uint8_t *rings[3], states[TASK_BYTES + 1], *screen;
static struct ds_shot *shot;
static uint16_t registers[16] = {0xb0c5}, selected;
static struct console console;
static struct ds_ring_pair good;

static uint32_t chance(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % below;
}

static void check(bool is_good, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "console_run: %s\n", what);
        abort();
    }
}

/* ---- the board: arguments, kernel, ports ---- */

const struct arg_entry *ds_args_find(enum arg_kind kind, const char *name)
{
    for (unsigned i = 0; i < entry_count; i++) {
        if (entries[i].kind == kind && strncmp((const char *)entries[i].name, name, sizeof entries[i].name) == 0) {
            return &entries[i];
        }
    }
    return NULL;
}

const struct arg_entry *ds_args_nth(enum arg_kind kind, unsigned n)
{
    for (unsigned i = 0; i < entry_count; i++) {
        if (entries[i].kind == kind && n-- == 0) {
            return &entries[i];
        }
    }
    return NULL;
}

enum k_status l4_clock(uint64_t *ns, uint64_t *ticks, uint64_t *hz)
{
    (void)ticks, (void)hz;
    *ns = random_state;
    return K_OK;
}

uint64_t ds_args_value(const char *name, uint64_t otherwise)
{
    (void)name;
    return otherwise;
}

const char *ds_args_text(const char *name)
{
    const struct arg_entry *entry = ds_args_find(ARG_KIND_TEXT, name);
    return entry ? (const char *)(uintptr_t)entry->va : "";
}

enum k_status l4_irq_ack(uint32_t irq)
{
    (void)irq;
    return K_OK;
}

void ds_log(const char *text)
{
    (void)text;
}

_Noreturn void ds_server_fail(const char *sentence)
{
    check(false, sentence);
    abort();
}

void ds_server_open(struct ds_server *s)
{
    *s = (struct ds_server){0};
}

uint32_t ds_server_cap(const char *name, const char *otherwise)
{
    (void)name, (void)otherwise;
    return 0;
}

bool ds_server_add(struct ds_server *s, uint32_t notification)
{
    s->client[s->clients++] = notification;
    return true;
}

void ds_server_run(const struct ds_server *s, uint64_t word, ds_server_turn *turn, void *arg)
{
    (void)s, (void)word, (void)turn, (void)arg;
    abort();
}

uint8_t port_read8(uint16_t port)
{
    check(port == 0x60 || port == 0x64, "a port that is not the server's was read");
    keys += port == 0x60;
    return (uint8_t)chance(256);
}

void port_write8(uint16_t port, uint8_t byte)
{
    (void)byte;
    check(port == 0x60 || port == 0x64 || port == 0x3d4 || port == 0x3d5, "a port that is not the server's was written");
}

uint16_t port_read16(uint16_t port)
{
    check(port == 0x1cf, "a port that is not the server's was read");
    return registers[selected % 16];
}

void port_write16(uint16_t port, uint16_t word)
{
    check(port == 0x1ce || port == 0x1cf, "a port that is not the server's was written");
    if (port == 0x1ce) {
        selected = word;
    } else if (selected) {
        registers[selected % 16] = word;
    }
}

static void entry_add(enum arg_kind kind, const char *name, const void *at, uint64_t bytes, uint64_t value)
{
    struct arg_entry *entry = &entries[entry_count++];
    *entry = (struct arg_entry){.kind = (uint32_t)kind, .va = (uint64_t)(uintptr_t)at, .bytes = bytes, .value = value};
    memcpy(entry->name, name, strlen(name));
}

static void frame_make(void)
{
    rings[KEYS] = calloc(1, RING_BYTES);
    check(ds_ring_format(rings[KEYS], RING_BYTES, 4096), "the ring has no layout");
    entry_add(ARG_KIND_RING, "keys", rings[KEYS], RING_BYTES, 2 | DS_TERMINAL_KEYBOARD);
    screen = calloc(1, DS_SCREEN_BYTES);
    entry_add(ARG_KIND_MEMORY, "screen2", screen, DS_SCREEN_BYTES, 0);
    entry_add(ARG_KIND_TEXT, "2", "bad/screen", 10, 1);
    entry_add(ARG_KIND_MEMORY, "frame", calloc(1, FRAME_BYTES), FRAME_BYTES, 0);
    states[SYS_STATES_FRAME] = 1;
}

static void board_make(void)
{
    uint8_t *terminals = calloc(2, SHOWN_BYTES);
    for (unsigned n = 0; n < 2; n++) {
        rings[n] = calloc(1, RING_BYTES);
        check(ds_ring_format(rings[n], RING_BYTES, 4096), "the ring has no layout");
        entry_add(ARG_KIND_RING, n ? "good" : "bad", rings[n], RING_BYTES, n | DS_TERMINAL_HEARS);
    }
    entry_add(ARG_KIND_TEXT, "0", "bad", 3, 1);
    entry_add(ARG_KIND_TEXT, "1", "good", 4, 2);
    entry_add(ARG_KIND_MEMORY, "display", calloc(1, VGA_BYTES), VGA_BYTES, 0);
    entry_add(ARG_KIND_MEMORY, "states", states, sizeof states, 0);
    entry_add(ARG_KIND_MEMORY, "terminals", terminals, 2 * SHOWN_BYTES, 0);
    shot = calloc(1, sizeof *shot);
    entry_add(ARG_KIND_MEMORY, "shot", shot, sizeof *shot, 0);
    check(ds_ring_open_client(&good, rings[GOOD], RING_BYTES), "the ring cannot be opened");
}

static void server_start(void)
{
    memset(&console, 0, sizeof console);
    console_open(&console);
}

/* ---- cases ---- */

static void scribble(void)
{
    struct ds_ring_page *page = (struct ds_ring_page *)(void *)rings[BAD];
    static const char pieces[][12] = {"\033[", "\033]P", "\033[999;999H", "\033[9999L", "\033[?6h", "\033[5;2r", "\xf0\x9f", "\033#8", "\033[38;5;", "\n\n\n\n", "\033[c", "\0337\0338"};
    for (unsigned i = chance(400); i; i--) {
        const char *piece = pieces[chance(sizeof pieces / sizeof *pieces)];
        uint8_t *to = rings[BAD] + DS_RING_DATA + chance(32768 - 12);
        memcpy(to, piece, strlen(piece));
        to[-1] = (uint8_t)chance(256);
    }
    page->out_producer.at = chance(3) ? page->out_consumer.at + chance(40000) : (uint32_t)random_state;
    if (chance(4) == 0) {
        page->in_consumer.at = (uint32_t)random_state;
        page->out_bytes = (uint32_t)random_state; /* after the server read it */
    }
    states[chance(TASK_BYTES)] = (uint8_t)chance(256);
    static const char *const places[] = {"bad", "good", "bad/screen", "", "no such place of any board"};
    const char *place = places[chance(5)];
    for (unsigned i = 0, length = (unsigned)strlen(place); i < sizeof shot->args.name; i++) { /* the last has no end */
        shot->args.name[i] = i < length ? place[i] : 0;
    }
    shot->args.offset = chance(3) ? chance(900000) : (uint32_t)random_state;
    shot->asked = (uint32_t)random_state;
    if (screen) {
        struct ds_screen_page *p = (struct ds_screen_page *)(void *)screen;
        p->size = chance(3) ? chance(1100) | chance(800) << 16 : (uint32_t)random_state;
        p->changed[chance(DS_SCREEN_WORDS)] = (uint32_t)random_state;
        p->wanted = chance(2);
        struct ds_ring_page *ring = (struct ds_ring_page *)(void *)rings[KEYS];
        ring->in_consumer.at = (uint32_t)random_state;
        ring->out_producer.at = (uint32_t)random_state;
    }
}

static bool is_shown(const char *text)
{
    const struct terminal *t = &shown(&console, GOOD)->terminal;
    const struct terminal_cell *cells = terminal_row(t, t->pen.row ? t->pen.row - 1 : 0, 0);
    for (unsigned i = 0; text[i]; i++) {
        if (cells[i].code != (uint32_t)text[i]) {
            return false;
        }
    }
    return true;
}

static void round_run(void)
{
    char text[32], line[40];
    uint64_t signals = 0;
    snprintf(text, sizeof text, "line %llu.", (unsigned long long)++lines);
    uint32_t count = (uint32_t)snprintf(line, sizeof line, "%s\r\n", text);
    scribble();
    check(ds_ring_write(&good.out, line, count) == count, "the good client's ring is full");
    for (unsigned turns = 0; ds_ring_room(&good.out) < good.out.bytes; turns++) {
        check(turns < 4, "the good client had no turn");
        console_turn(&console, chance(2), &signals);
    }
    check(is_shown(text), "the good client's line is not shown");
    if (chance(8) == 0) {
        struct ds_ring_page *page = (struct ds_ring_page *)(void *)rings[BAD];
        page->out_bytes = 32768; /* root's layout, which a start reads */
        page = (struct ds_ring_page *)(void *)rings[KEYS];
        if (page) {
            page->out_bytes = 32768;
        }
        server_start();
        restarts++;
        check(is_shown(text), "what was shown is gone after a start");
    }
    uint8_t bytes[256];
    while (ds_ring_read(&good.in, bytes, sizeof bytes)) {
    }
}

int main(int count, char **words)
{
    unsigned cases = count > 1 ? (unsigned)atoi(words[1]) : 1;
    uint64_t seed = count > 2 ? (uint64_t)atoll(words[2]) : 1;
    board_make();
    if (count > 3 && strcmp(words[3], "frame") == 0) {
        frame_make();
    }
    random_state = 88172645463325252ull + seed;
    server_start();
    for (unsigned n = 0; n < cases; n++) {
        random_state = (88172645463325252ull + seed + n) * 0x9e3779b97f4a7c15ull | 1;
        for (unsigned i = 0; i < ROUNDS; i++) {
            round_run();
        }
    }
    printf("%u cases %llu lines %llu restarts %llu keys\n", cases, (unsigned long long)lines, (unsigned long long)restarts, (unsigned long long)keys);
    return 0;
}
