/* SPDX-License-Identifier: MIT */
/*
 * The whole console server: console_run WHAT CASES SEED.
 *
 *   text      beside a hostile client and a hostile keyboard controller, on a display in text mode
 *   frame     the same on a frame, and a guest says anything of its screen
 *   raced     as frame, with a hostile client whose memory another processor writes all the while
 *   keys      by a keyboard that works, behind a controller that works; CASES is the set of its codes, SEED the layout
 *   killed    ended after any instruction and started anew, under two clients whose terminals must show each byte once
 *
 * A hostile client writes anything into its ring's page and data; the controller says anything at all. A good client beside them writes numbered lines: each must be shown as it was
 * written. Now and then the server starts anew, and what was shown is still there. All shared memory ends before a guard page, and both sanitizers watch. A case that fails is run again
 * alone by its number as SEED with CASES 1.
 */
#define _GNU_SOURCE
#include "lives.h"

#include "devsrv/ring.h"

static void consume_or_end(struct ds_ring *ring, uint32_t count);

#define main console_main
#define ds_ring_consume consume_or_end
#include "../../../devsrv/console/main.c"
#undef main
#undef ds_ring_consume

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { OUT_BYTES = 32768, IN_BYTES = 4096, RING_BYTES = DS_RING_DATA + OUT_BYTES + IN_BYTES, ROUNDS = 12, BAD = 0, GOOD = 1, KEYS = 2, TASK_BYTES = 64, SCRIBBLES = 2000, TEXT_MAX = 3000 };

static uint64_t lines, restarts, keys, left_out, *scribbles;
static struct arg_entry entries[16];
static unsigned entry_count;
static uint8_t *rings[3], *states, *screen;
static struct ds_shot *shot;
static uint16_t registers[16] = {0xb0c5}, selected;
static struct console console;
static struct ds_ring_pair good, other;
static bool has_keys = true; /* the controller says anything; else nothing */

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

static uint64_t layout;

uint64_t ds_args_value(const char *name, uint64_t otherwise)
{
    return strcmp(name, "layout") == 0 ? layout : otherwise;
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

void ds_server_leave_out(const struct arg_entry *ring, const char *why)
{
    check(strcmp((const char *)ring->name, "bad") == 0, why);
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

/* A controller and a keyboard that work. Codes that are pressed while the keyboard is off wait. */
static struct {
    bool is_there, is_stuck, is_mode_due, is_leds_due, is_off; /* stuck: translation cannot be switched off */
    uint8_t mode, leds, out[64], waiting[64];
    unsigned count, waits;
} pc;

static void pc_out(uint8_t byte)
{
    check(pc.count < sizeof pc.out, "nobody reads the controller");
    pc.out[pc.count++] = byte;
}

static void pc_press(const char *codes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (pc.is_off) {
            pc.waiting[pc.waits++] = (uint8_t)codes[i];
        } else {
            pc_out((uint8_t)codes[i]);
        }
    }
}

static uint8_t pc_read(uint16_t port)
{
    if (port == 0x64) {
        return pc.count > 0;
    }
    uint8_t byte = pc.out[0];
    memmove(pc.out, pc.out + 1, pc.count -= pc.count > 0);
    return byte;
}

static void pc_command(uint8_t byte)
{
    pc.is_mode_due = byte == 0x60;
    switch (byte) {
    case 0x20: pc_out(pc.mode); break;
    case 0xad: pc.is_off = true; break;
    case 0xae:
        pc.is_off = false;
        pc_press((const char *)pc.waiting, pc.waits);
        pc.waits = 0;
        break;
    default: check(byte == 0x60 || byte == 0xa7, "a command that is none");
    }
}

static void pc_data(uint8_t byte)
{
    if (pc.is_mode_due) {
        pc.mode = byte | (pc.is_stuck ? 0x40 : 0);
        pc.is_mode_due = false;
        return;
    }
    if (pc.is_leds_due) {
        pc.leds = byte;
    } else {
        check(byte == 0xed, "a command that the keyboard does not know");
    }
    pc.is_leds_due = !pc.is_leds_due;
    pc_out(0xfa);
}

uint8_t port_read8(uint16_t port)
{
    if (pc.is_there) {
        return pc_read(port);
    }
    check(port == 0x60 || port == 0x64, "a port that is not the server's was read");
    keys += port == 0x60;
    return has_keys ? (uint8_t)chance(256) : 0;
}

void port_write8(uint16_t port, uint8_t byte)
{
    if (pc.is_there && port <= 0x64) {
        (port == 0x64 ? pc_command : pc_data)(byte);
        return;
    }
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
    rings[KEYS] = memory_map_end(RING_BYTES);
    check(ds_ring_format(rings[KEYS], RING_BYTES, IN_BYTES), "the ring has no layout");
    entry_add(ARG_KIND_RING, "keys", rings[KEYS], RING_BYTES, 2 | DS_TERMINAL_KEYBOARD);
    screen = memory_map_end(DS_SCREEN_BYTES);
    entry_add(ARG_KIND_MEMORY, "screen2", screen, DS_SCREEN_BYTES, 0);
    entry_add(ARG_KIND_TEXT, "2", "bad/screen", 10, 1);
    entry_add(ARG_KIND_MEMORY, "frame", memory_map_end(FRAME_BYTES), FRAME_BYTES, 0);
    states[SYS_STATES_FRAME] = 1;
}

static void board_make(void)
{
    uint8_t *terminals = memory_map_end(2 * SHOWN_BYTES);
    states = memory_map_end(SYS_STATES_FRAME + 1);
    scribbles = memory_map(sizeof *scribbles);
    for (unsigned n = 0; n < 2; n++) {
        rings[n] = memory_map_end(RING_BYTES);
        check(ds_ring_format(rings[n], RING_BYTES, IN_BYTES), "the ring has no layout");
        entry_add(ARG_KIND_RING, n ? "good" : "bad", rings[n], RING_BYTES, n | DS_TERMINAL_HEARS);
    }
    entry_add(ARG_KIND_TEXT, "0", "bad", 3, 1);
    entry_add(ARG_KIND_TEXT, "1", "good", 4, 2);
    entry_add(ARG_KIND_MEMORY, "display", memory_map_end(VGA_BYTES), VGA_BYTES, 0);
    entry_add(ARG_KIND_MEMORY, "states", states, SYS_STATES_FRAME + 1, 0);
    entry_add(ARG_KIND_MEMORY, "terminals", terminals, 2 * SHOWN_BYTES, 0);
    shot = memory_map_end(sizeof *shot);
    entry_add(ARG_KIND_MEMORY, "shot", shot, sizeof *shot, 0);
    check(ds_ring_open_client(&good, rings[GOOD], RING_BYTES) && ds_ring_open_client(&other, rings[BAD], RING_BYTES), "a ring cannot be opened");
}

static void server_start(void)
{
    memset(&console, 0, sizeof console);
    console_open(&console);
}

/* ---- cases ---- */

static const char *piece_draw(void)
{
    static const char pieces[][12] = {"\033[",      "\033]P",     "\033[999;999H", "\033[9999L", "\033[?6h", "\033[5;2r", "\xf0\x9f",  "\033#8", "\033[38;5;", "\n\n\n\n", "\033[c",
                                      "\0337\0338",  "\033[4h",   "\033[4l",      "\033[3@",    "\033[7P",  "\033[2M",   "\033[3;9r", "\033[r", "\033M",     "\xe6\x97\xa5", "\033[1;31m", "\033[H"};
    return pieces[chance(sizeof pieces / sizeof *pieces)];
}

static void scribble(void)
{
    struct ds_ring_page *page = (struct ds_ring_page *)(void *)rings[BAD];
    static const uint32_t odd[] = {0, 1, 0x7fffffff, 0x80000000, 0xffffffff, OUT_BYTES, OUT_BYTES + 1};
    for (unsigned i = chance(400); i; i--) {
        const char *piece = piece_draw();
        uint8_t *to = rings[BAD] + DS_RING_DATA + chance(OUT_BYTES - 12);
        memcpy(to, piece, strlen(piece));
        to[-1] = (uint8_t)chance(256);
    }
    page->out_producer.at = chance(3) ? page->out_consumer.at + chance(40000) : chance(2) ? page->out_consumer.at + odd[chance(sizeof odd / sizeof *odd)] : (uint32_t)random_state;
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
    const struct terminal *t = terminal_of(&console, GOOD);
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
        if (chance(4)) { /* as root does; else the client was quicker */
            ds_ring_format(rings[BAD], RING_BYTES, IN_BYTES);
        }
        server_start();
        left_out += console.client[BAD].is_out;
        restarts++;
        check(is_shown(text), "what was shown is gone after a start");
    }
    uint8_t bytes[256];
    while (ds_ring_read(&good.in, bytes, sizeof bytes)) {
    }
}

static void hostile(void)
{
    for (unsigned i = 0; i < ROUNDS; i++) {
        round_run();
    }
}

/* Another processor spoils what the server reads, as fast as it can, until the server was seen at work for a while. */
static void raced(void)
{
    *scribbles = 0;
    pid_t scribbler = fork();
    if (scribbler == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            scribble();
            __atomic_fetch_add(scribbles, 1, __ATOMIC_RELAXED);
        }
    }
    while (__atomic_load_n(scribbles, __ATOMIC_RELAXED) < SCRIBBLES) {
        round_run();
    }
    kill(scribbler, SIGKILL);
    waitpid(scribbler, NULL, 0);
}

/* ---- a server that is killed ---- */

static uint8_t text[2][TEXT_MAX * ROUNDS]; /* all that a client wrote */
static uint32_t text_bytes[2];

/* Text and functions that move what is there, and none that hides what came before. */
static void text_add(struct ds_ring_pair *client, unsigned n)
{
    static const char pieces[][10] = {"\033[4h", "\033[4l", "\033[3@", "\033[2P", "\033[M", "\033[2L", "\033[3;9r", "\033[r", "\033M", "\xe6\x97\xa5", "\xe6\x97", "\033[1;31m", "\033[m", "\b", "\r\n", "\r\n", "\033[6n"};
    uint8_t bytes[TEXT_MAX];
    uint32_t count = 0;
    for (unsigned i = 20 + chance(60); i; i--) {
        const char *piece = pieces[chance(sizeof pieces / sizeof *pieces)];
        memcpy(bytes + count, piece, strlen(piece));
        count += (uint32_t)strlen(piece);
        for (unsigned k = chance(20); k; k--) {
            bytes[count++] = (uint8_t)('a' + chance(26));
        }
    }
    check(ds_ring_write(&client->out, bytes, count) == count, "a client's ring is full");
    memcpy(text[n] + text_bytes[n], bytes, count);
    text_bytes[n] += count;
}

static bool may_end; /* this process is a life that may end at the narrowest place: shown, and not consumed */

static void consume_or_end(struct ds_ring *ring, uint32_t count)
{
    if (may_end && chance(30) == 0) {
        _exit(0);
    }
    ds_ring_consume(ring, count);
}

static void life_open(void)
{
    may_end = true;
    server_start();
}

static uint64_t life_turns(void)
{
    uint64_t signals = 0;
    for (bool is_more = true; is_more;) {
        is_more = console_turn(&console, 0, &signals);
    }
    return 0;
}

static void nothing(void)
{
}

static uint64_t life_whole(void)
{
    server_start();
    return life_turns();
}

/* As one terminal shows all of the text that no server was killed under. */
static void text_check(unsigned n)
{
    static struct terminal alone;
    static struct terminal_cell cells[CELLS];
    const struct terminal *t = terminal_of(&console, n);
    terminal_open(&alone, cells, t->columns, t->rows, t->lines - t->rows);
    for (uint32_t at = 0; at < text_bytes[n];) {
        at += (uint32_t)terminal_write(&alone, text[n] + at, text_bytes[n] - at);
    }
    check(alone.history == t->history && alone.pen.column == t->pen.column && alone.pen.row == t->pen.row && alone.bells == t->bells, "a terminal is not where its text leads");
    for (unsigned row = 0; row < t->rows; row++) {
        for (unsigned back = 0; back <= t->history; back += t->rows) {
            check(memcmp(terminal_row(&alone, row, back), terminal_row(t, row, back), t->columns * sizeof *cells) == 0, "a terminal shows a byte twice, or not");
        }
    }
    lines += alone.history + t->rows;
}

static void killed(void)
{
    memset(shown(&console, BAD), 0, SHOWN_BYTES);
    memset(shown(&console, GOOD), 0, SHOWN_BYTES);
    text_bytes[BAD] = text_bytes[GOOD] = 0;
    has_keys = false;
    for (unsigned i = 0; i < ROUNDS; i++) {
        text_add(&other, BAD);
        text_add(&good, GOOD);
        for (unsigned k = 1 + chance(3); k; k--) {
            if (chance(4)) {
                life_run(life_open, life_turns, steps_draw(chance(2) ? 3000 : 30000));
            } else {
                life_run(nothing, life_whole, steps_draw(60000));
            }
            restarts++;
        }
        server_start(); /* finishes what the last life began */
        life_turns();
        text_check(BAD);
        text_check(GOOD);
    }
}

/* ---- keys ---- */

struct pressed {
    const char *set1, *set2; /* codes of a key that is pressed and released, or of several */
    unsigned count1, count2;
};
#define PRESSED(set1, set2) ((struct pressed){set1, set2, sizeof set1 - 1, sizeof set2 - 1})
#define KEY_A PRESSED("\x1e\x9e", "\x1c\xf0\x1c")
#define KEY_UP PRESSED("\xe0\x48\xe0\xc8", "\xe0\x75\xe0\xf0\x75")
#define KEY_PRINT_SCREEN PRESSED("\xe0\x37\xe0\xb7", "\xe0\x7c\xe0\xf0\x7c")
#define KEY_PAUSE PRESSED("\xe1\x1d\x45\xe1\x9d\xc5", "\xe1\x14\x77\xe1\xf0\x14\xf0\x77")
#define KEY_CAPS PRESSED("\x3a\xba", "\x58\xf0\x58")
#define SHIFT_2 PRESSED("\x2a\x03\x83\xaa", "\x12\x1e\xf0\x1e\xf0\x12")
#define ALT_F2 PRESSED("\x38\x3c\xbc\xb8", "\x11\x06\xf0\x06\xf0\x11")
#define ALT_RIGHT PRESSED("\x38\xe0\x4d\xe0\xcd\xb8", "\x11\xe0\x74\xe0\xf0\x74\xf0\x11")

static void press(struct pressed p)
{
    uint64_t signals = 0;
    pc_press(pc.is_stuck ? p.set1 : p.set2, pc.is_stuck ? p.count1 : p.count2);
    while (console_turn(&console, WAKE_IRQ, &signals)) {
    }
}

/* What a client got since it was asked last, held to what it must be. */
static void got(struct ds_ring_pair *client, const char *bytes, unsigned count)
{
    uint8_t all[256];
    uint32_t had = ds_ring_read(&client->in, all, sizeof all);
    keys += had;
    if (had != count || memcmp(all, bytes, count) != 0) {
        fprintf(stderr, "%u bytes for %u:", had, count);
        for (unsigned i = 0; i < had; i++) {
            fprintf(stderr, " %02x", all[i]);
        }
        check(false, ": a key wrote something else");
    }
}

#define GOT(client, text) got(client, text, sizeof text - 1)

static void keys_check(unsigned set)
{
    static struct ds_ring_pair screen_keys;
    memset(shown(&console, 0), 0, SHOWN_BYTES);
    pc.is_there = true;
    pc.is_stuck = set == 1;
    pc.mode = 0x70;
    pc_out(0x55); /* what firmware left */
    check(ds_ring_open_client(&screen_keys, rings[KEYS], RING_BYTES), "the ring cannot be opened");
    server_start();
    check(!pc.is_off && (pc.mode & 0x71) == (set == 1 ? 0x61 : 0x21) && pc.count == 0, "the controller is not set up");
    press(KEY_A);
    GOT(&other, "a");
    press(ALT_F2);
    press(KEY_UP);
    press(SHIFT_2);
    got(&good, layout == KEYBOARD_JP ? "\033[A\"" : "\033[A@", 4);
    press(KEY_CAPS);
    check(pc.leds == KEYBOARD_LED_CAPS, "the keyboard does not show its lock");
    server_start(); /* locks and place stay */
    press(KEY_A);
    GOT(&good, "A");
    press(ALT_RIGHT);
    check(console.visible == KEYS, "the screen is not the place to the right");
    GOT(&screen_keys, "\xe0\xf0\x74\xf0\x11"); /* both were pressed before it was visible, and are let go there */
    press(KEY_A);
    press(KEY_UP);
    press(KEY_PRINT_SCREEN);
    press(KEY_PAUSE);
    GOT(&screen_keys, "\x1c\xf0\x1c\xe0\x75\xe0\xf0\x75\xe0\x7c\xe0\xf0\x7c\xe1\x14\x77\xe1\xf0\x14\xf0\x77");
    press(ALT_F2);
    press(KEY_CAPS);
    check(pc.leds == 0, "the keyboard shows a lock that is off");
    GOT(&good, "");
    GOT(&other, "");
    printf("set %u, %llu bytes\n", set, (unsigned long long)keys);
}

int main(int count, char **words)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } kinds[] = {{"text", hostile}, {"frame", hostile}, {"raced", raced}, {"killed", killed}, {"keys", hostile}};
    void (*run)(void) = NULL;
    for (unsigned i = 0; count == 4 && i < sizeof kinds / sizeof *kinds; i++) {
        run = strcmp(words[1], kinds[i].name) == 0 ? kinds[i].run : run;
    }
    if (!run) {
        fprintf(stderr, "usage: console_run text|frame|raced|killed|keys CASES SEED\n");
        return 2;
    }
    uint64_t cases = strtoull(words[2], NULL, 0), seed = strtoull(words[3], NULL, 0);
    board_make();
    if (strcmp(words[1], "keys") == 0) {
        layout = seed;
        frame_make();
        server_start();
        keys_check((unsigned)cases);
        return 0;
    }
    if (strcmp(words[1], "frame") == 0 || run == raced) {
        frame_make();
    }
    server_start();
    for (uint64_t n = 0; n < cases; n++) {
        fprintf(stderr, "%llu\r", (unsigned long long)(seed + n));
        random_state = (seed + n + 1) * 0x9e3779b97f4a7c15;
        run();
    }
    printf("%llu cases, %llu lines, %llu restarts, %llu keys, %llu kills, %llu left\n", (unsigned long long)cases, (unsigned long long)lines, (unsigned long long)restarts,
           (unsigned long long)keys, (unsigned long long)kills, (unsigned long long)left_out);
    return 0;
}
