/* SPDX-License-Identifier: MIT */
/*
 * The console server: the board's display and keyboard, shared by places: terminals first, then guests' screens. What changed of the visible place is drawn, and keys go to the visible place
 * only: to a terminal as characters, to a guest's screen as the keyboard sends them.
 *
 * Arguments: RING, one per client (devsrv/terminal.h; value: the place's number, and whether keys go to this client, or it is the keyboard of a screen); TEXT "0", "1".. the places' names (value:
 * the task's index, 0 for none); VALUE "layout"; MEMORY "states" (root's: a byte for each task, link_task_state, then whether the frame was found), "display", "terminals" (struct shown for each
 * terminal, zeroed at power on), "frame" (the display's, none when the board has no such display), "screenN" of place N (devsrv/screen.h); "shot" (devsrv/shot.h); CAP "irq", "wake", "supervisor".
 * Wake word: bit 0 the keyboard's interrupt, bit 1 + n the client of ring n.
 *
 * Alt-F1.. and Alt with arrows switch, Shift with page up and down looks back. The bottom row names the places; a star stands before a terminal that got output since it was looked at.
 * Terminals lie in root's memory, and which place is visible, the locks and the keys that are held: the next life of this task goes on with them. A terminal has two sides; a piece of
 * output is written to the one that does not count, with the ring's index behind it, and one store makes it the one that counts. So each byte is shown once, wherever this task ends.
 * A key's byte is gone from the controller when it is read, an answer from the terminal before it is told: one of each may be lost with the task, none comes twice.
 */
#include "devsrv/args.h"
#include "devsrv/server.h"
#include "devsrv/shot.h"
#include "devsrv/supervisor.h"
#include "devsrv/terminal.h"
#include "devsrv/text.h"
#include "display.h"
#include "i8042.h"
#include "keyboard.h"
#include "l4/l4.h"
#include "l4/string.h"
#include "shot.h"
#include "system_table_gen.h"

enum {
    WAKE_IRQ = 1,
    PLACES_MAX = 12, /* keys F1 to F12 */
    CLIENTS_MAX = 32,
    CELLS = 33920, /* of a terminal with its history, whatever the display's size */
    LINE_BYTES = FRAME_COLUMNS + 1,
    HELD_BYTES = 8, /* of one key's codes */
    NAME_BYTES = sizeof((struct link_picture_args *)0)->name,
    PIECE = 128,       /* bytes shown between two looks at the ring's index */
    TURN_PIECES = 16,  /* of one client in one turn */
    TURN_KEYS = 32,
};
#define FRESH_NS 200000000ull /* of board time: how long a screen that nobody wanted is given to tell what is new */
#define SHOWN_MAGIC 0x314c4e544d56344cull /* "L4VMTNL1" */

/* What outlives this task beside the terminals; in the first one's memory. */
struct kept {
    uint32_t visible;
    bool has_controller;         /* it was set up */
    bool has_news[PLACES_MAX];   /* output that nobody looked at */
    bool is_leds_begun;          /* the keyboard waits for a command's second byte, maybe */
    struct keyboard keyboard;
    uint8_t held[HELD_BYTES];    /* codes of a key that is not complete yet, for a screen */
    uint32_t held_count;
};

/* A terminal, and what of which client's output it shows. */
struct side {
    struct terminal terminal;
    uint32_t client, at; /* the ring's index behind the last piece */
};

/* One terminal, in root's memory. */
struct shown {
    uint64_t magic;
    uint32_t current; /* atomic; the side that counts */
    struct side side[2];
    struct kept kept;
    struct terminal_cell cells[CELLS];
};
_Static_assert(sizeof(struct shown) <= 0x48000, "SHOWN_BYTES in host_runtime/l4vm/description/resolve.py");
enum { SHOWN_BYTES = 0x48000 };

struct client {
    struct ds_ring_pair ring;
    unsigned place;
    bool hears, is_keyboard, is_out;
};

struct console {
    struct ds_server server;
    uint32_t irq;
    struct display display;
    uint8_t *terminals;
    const uint8_t *states;
    uint8_t task[PLACES_MAX], state[PLACES_MAX]; /* whose state is shown, 0: nobody's; and as it was drawn */
    unsigned count, places, clients;             /* terminals; they and screens */
    struct client client[CLIENTS_MAX];
    struct picture picture[PLACES_MAX];          /* of places from `count` on */
    unsigned visible, back;                      /* lines back in its history */
    bool is_status_old;
    struct kept *kept;
    struct ds_shot *shot;                        /* root's; NULL without one */
    unsigned shot_place;                         /* a screen that is wanted for its picture only; 0: none */
    uint64_t shot_ns;                            /* since when */
};

static struct shown *shown(const struct console *c, unsigned n)
{
    return (struct shown *)(void *)(c->terminals + (size_t)n * SHOWN_BYTES);
}

static struct terminal *terminal_of(const struct console *c, unsigned n)
{
    struct shown *s = shown(c, n);
    return &s->side[s->current % 2].terminal;
}

static bool is_screen(const struct console *c, unsigned place)
{
    return place >= c->count;
}

static struct terminal *visible(const struct console *c)
{
    return terminal_of(c, c->visible);
}

static unsigned rows(const struct console *c)
{
    return c->display.rows - 1;
}

static unsigned history(const struct console *c)
{
    return CELLS / c->display.columns - rows(c) - TERMINAL_SPARES;
}

/* May it be used as it lies there? The last life of this task may have had another display. */
static bool is_sound(const struct console *c, const struct shown *s)
{
    const struct terminal *t = &s->side[s->current % 2].terminal;
    bool is_sound = s->magic == SHOWN_MAGIC && t->cells == s->cells && t->columns == c->display.columns && t->rows == rows(c) && t->lines == rows(c) + history(c) &&
                    t->top < t->lines && t->history <= history(c) && t->pen.row < rows(c) && t->pen.column < t->columns && t->saved.row < rows(c) &&
                    t->saved.column < t->columns && t->region_top <= t->region_bottom && t->region_bottom < rows(c) && t->answer_bytes <= TERMINAL_ANSWER_BYTES &&
                    t->parameters <= TERMINAL_PARAMETERS;
    for (unsigned i = 0; is_sound && i < t->lines + TERMINAL_SPARES; i++) {
        is_sound = t->line[i] < t->lines + TERMINAL_SPARES;
    }
    return is_sound;
}

/* The side that does not count, made equal to the other; side_take makes it the one that counts. */
static struct side *side_next(struct shown *s)
{
    struct side *next = &s->side[(s->current + 1) % 2];
    *next = s->side[s->current % 2];
    return next;
}

static void side_take(struct shown *s)
{
    __atomic_store_n(&s->current, (s->current + 1) % 2, __ATOMIC_RELEASE); /* ORDER: terminal-again */
}

static void all_dirty(struct console *c)
{
    struct terminal *t = visible(c);
    for (unsigned row = 0; row < rows(c); row++) {
        t->is_dirty[row] = true;
    }
    c->is_status_old = true;
}

/* ---- keys ---- */

static unsigned modes(const struct terminal *t)
{
    return (t->is_cursor_application ? KEYBOARD_CURSOR_APPLICATION : 0u) | (t->is_newline ? KEYBOARD_NEWLINE : 0u);
}

/* Bytes for who hears a place's keys; what it has no room for is lost, as on a keyboard that nobody reads. */
static void tell(struct console *c, unsigned place, const uint8_t *bytes, unsigned count, uint64_t *signals)
{
    for (unsigned i = 0; count && i < c->clients; i++) {
        if (c->client[i].place == place && c->client[i].hears && !c->client[i].is_out && ds_ring_write(&c->client[i].ring.in, bytes, count)) {
            *signals |= 1ull << i;
        }
    }
}

/* No screen is wanted for its picture any more. */
static void shot_end(struct console *c)
{
    if (c->shot_place && c->shot_place != c->visible) {
        ds_screen_want(c->picture[c->shot_place].page, false);
    }
    c->shot_place = 0;
}

static const char *place_name(unsigned n)
{
    char number[4];
    struct ds_text text = ds_text_on(number, sizeof number);
    ds_text_dec(&text, n);
    return ds_args_text(number);
}

/* To a guest that is left the keys that switch look held: let them go. Set 2, both of Alt, Control, Shift. */
static void release_keys(struct console *c, uint64_t *signals)
{
    static const uint8_t released[] = {0xf0, 0x11, 0xe0, 0xf0, 0x11, 0xf0, 0x14, 0xe0, 0xf0, 0x14, 0xf0, 0x12, 0xf0, 0x59};
    tell(c, c->visible, released, sizeof released, signals);
}

static void show(struct console *c, unsigned n, uint64_t *signals)
{
    if (n >= c->places) {
        return;
    }
    if (is_screen(c, c->visible)) {
        release_keys(c, signals);
        picture_show(&c->picture[c->visible], &c->display.frame, false);
    }
    display_forget(&c->display);
    c->visible = c->kept->visible = n;
    c->back = 0;
    c->kept->has_news[n] = false;
    c->is_status_old = true;
    if (is_screen(c, n)) {
        picture_show(&c->picture[n], &c->display.frame, true);
        for (unsigned i = 0; i < c->clients; i++) {
            *signals |= c->client[i].place == n ? 1ull << i : 0; /* it is wanted */
        }
    } else {
        all_dirty(c);
    }
}

static void look_back(struct console *c, int lines)
{
    int most = (int)visible(c)->history, back = (int)c->back + lines;
    c->back = (unsigned)(back < 0 ? 0 : back > most ? most : back);
    all_dirty(c);
}

/* The codes of a key, once they are complete, are a screen's unless they switched; guests' keyboards know set 2 alone. */
static void hold(struct console *c, uint8_t byte, bool has_switched, unsigned place, uint64_t *signals)
{
    enum { EXTENDED = 0xe0, PAUSE = 0xe1, RELEASE = 0xf0 };
    bool is_set_2 = c->kept->keyboard.set == KEYBOARD_SET_2;
    if (c->kept->held_count < HELD_BYTES) {
        c->kept->held[c->kept->held_count++] = byte;
    }
    if (byte == EXTENDED || byte == PAUSE || (is_set_2 && byte == RELEASE)) {
        return;
    }
    if (is_screen(c, place) && !has_switched) {
        uint8_t bytes[KEYBOARD_BYTES];
        unsigned count = is_set_2 ? 0 : keyboard_set_2(c->kept->held, c->kept->held_count, bytes);
        tell(c, place, is_set_2 ? c->kept->held : bytes, is_set_2 ? c->kept->held_count : count, signals);
    }
    c->kept->held_count = 0;
}

static void leds_show(struct console *c)
{
    c->kept->is_leds_begun = true;
    i8042_leds(c->kept->keyboard.leds);
    c->kept->is_leds_begun = false;
}

static void key(struct console *c, uint8_t byte, uint64_t *signals)
{
    unsigned before = c->visible;
    bool is_text = !is_screen(c, before);
    struct keyboard_event event = keyboard_take(&c->kept->keyboard, byte, is_text ? modes(visible(c)) : 0);
    switch (event.action) {
    case KEYBOARD_WRITE:
        if (is_text) {
            if (c->back) {
                look_back(c, -(int)c->back);
            }
            tell(c, c->visible, event.bytes, event.count, signals);
        }
        break;
    case KEYBOARD_SHOW: show(c, event.number, signals); break;
    case KEYBOARD_NEXT: show(c, (c->visible + 1) % c->places, signals); break;
    case KEYBOARD_PREVIOUS: show(c, (c->visible + c->places - 1) % c->places, signals); break;
    case KEYBOARD_UP:
        if (is_text) {
            look_back(c, (int)rows(c) / 2);
        }
        break;
    case KEYBOARD_DOWN:
        if (is_text) {
            look_back(c, -(int)rows(c) / 2);
        }
        break;
    case KEYBOARD_LEDS: leds_show(c); break;
    default: break;
    }
    hold(c, byte, event.action == KEYBOARD_SHOW || event.action == KEYBOARD_NEXT || event.action == KEYBOARD_PREVIOUS, before, signals);
}

static bool keys_turn(struct console *c, uint64_t *signals)
{
    uint8_t byte;
    for (unsigned i = 0; i < TURN_KEYS; i++) {
        if (!i8042_read(&byte)) {
            return false;
        }
        key(c, byte, signals);
    }
    return true;
}

/* ---- output ---- */

/* Show what a client wrote; true when there is more. */
static bool client_turn(struct console *c, unsigned n, uint64_t *signals)
{
    struct client *client = &c->client[n];
    if (client->is_keyboard || client->is_out) {
        return false; /* it has come to say that its picture changed */
    }
    struct shown *s = shown(c, client->place);
    uint8_t bytes[PIECE];
    uint32_t got = 0;
    for (unsigned i = 0; i < TURN_PIECES; i++) {
        got = ds_ring_peek(&client->ring.out, 0, bytes, PIECE);
        if (!got) {
            break;
        }
        struct side *next = side_next(s);
        got = (uint32_t)terminal_write(&next->terminal, bytes, got);
        next->client = n;
        next->at = client->ring.out.at + got;
        side_take(s);
        ds_ring_consume(&client->ring.out, got);
        if (client->place != c->visible && !c->kept->has_news[client->place]) {
            c->kept->has_news[client->place] = c->is_status_old = true;
        }
    }
    if (client->hears && terminal_of(c, client->place)->answer_bytes) {
        unsigned count = terminal_take_answer(&side_next(s)->terminal, bytes, TERMINAL_ANSWER_BYTES);
        side_take(s);
        tell(c, client->place, bytes, count, signals);
    }
    return got != 0;
}

/* ---- pictures for the workstation ---- */

/* The place of this name, places when there is none. */
static unsigned place_of(const struct console *c, const char *wanted)
{
    unsigned n = 0;
    while (n < c->places) {
        const char *name = place_name(n);
        unsigned i = 0;
        while (i < NAME_BYTES && name[i] == wanted[i] && name[i]) {
            i++;
        }
        if (i == NAME_BYTES || name[i] == wanted[i]) {
            return n;
        }
        n++;
    }
    return n;
}

static uint32_t shot_names(const struct console *c, uint8_t *data)
{
    struct link_picture_head head = {.kind = LINK_PICTURE_KIND_NAMES};
    struct ds_text t = ds_text_on((char *)data + sizeof head, DS_SHOT_BYTES - sizeof head);
    for (unsigned n = 0; n < c->places; n++) {
        ds_text_put(&t, place_name(n));
        ds_text_char(&t, '\n');
    }
    memcpy(data, &head, sizeof head);
    return (uint32_t)(sizeof head + (size_t)(t.at - t.start));
}

/* A screen that is not visible is wanted for a while first, so that its picture is new; true when it is. */
static bool is_fresh(struct console *c, unsigned place, uint64_t *signals)
{
    uint64_t now = 0;
    if (!is_screen(c, place) || place == c->visible) {
        return true;
    }
    l4_clock(&now, NULL, NULL);
    if (c->shot_place != place) {
        shot_end(c);
        c->shot_place = place;
        c->shot_ns = now;
        ds_screen_want(c->picture[place].page, true);
        for (unsigned i = 0; i < c->clients; i++) {
            *signals |= c->client[i].place == place ? 1ull << i : 0;
        }
    }
    return now - c->shot_ns >= FRESH_NS;
}

/* Answer root's question, one piece; what is not ready is answered when root asks again. */
static void shot_turn(struct console *c, uint64_t *signals)
{
    struct ds_shot *s = c->shot;
    uint32_t asked = s ? __atomic_load_n(&s->asked, __ATOMIC_ACQUIRE) : 0;
    if (!s || s->answered == asked) {
        return;
    }
    struct link_picture_args args = s->args;
    unsigned place = place_of(c, (const char *)args.name);
    s->status = LINK_REPLY_STATUS_OK;
    if (!args.name[0]) {
        s->bytes = shot_names(c, s->data);
    } else if (place == c->places) {
        s->status = LINK_REPLY_STATUS_BAD_ARGUMENT;
    } else if (!is_fresh(c, place, signals)) {
        return;
    } else if (is_screen(c, place)) {
        s->bytes = shot_pixels(s->data, DS_SHOT_BYTES, &c->picture[place], args.offset);
        struct link_picture_head head;
        memcpy(&head, s->data, sizeof head);
        if (head.next >= (uint32_t)head.width * head.height) {
            shot_end(c);
        }
    } else {
        s->bytes = shot_cells(s->data, DS_SHOT_BYTES, terminal_of(c, place), args.offset);
    }
    __atomic_store_n(&s->answered, asked, __ATOMIC_RELEASE);
}

/* By link_task_state; a running task needs no word. */
static const char *const state_names[] = {"", " paused", " stopped", " faulted", " ended"};

static void states_look(struct console *c)
{
    for (unsigned n = 0; n < c->places; n++) {
        uint8_t state = c->task[n] ? __atomic_load_n(&c->states[c->task[n]], __ATOMIC_RELAXED) : 0;
        if (state != c->state[n] && state < sizeof state_names / sizeof *state_names) {
            c->state[n] = state;
            c->is_status_old = true;
        }
    }
}

static void draw_status(struct console *c)
{
    char line[LINE_BYTES];
    struct ds_text t = ds_text_on(line, sizeof line);
    unsigned from = 0, to = 0;
    for (unsigned n = 0; n < c->places; n++) {
        from = n == c->visible ? (unsigned)(t.at - t.start) : from;
        ds_text_char(&t, c->kept->has_news[n] ? '*' : ' ');
        ds_text_char(&t, 'F');
        ds_text_dec(&t, n + 1);
        ds_text_char(&t, ' ');
        ds_text_put(&t, place_name(n));
        ds_text_put(&t, state_names[c->state[n]]);
        ds_text_char(&t, ' ');
        to = n == c->visible ? (unsigned)(t.at - t.start) : to;
    }
    if (c->back) {
        ds_text_put(&t, " -");
        ds_text_dec(&t, c->back);
        ds_text_put(&t, " lines");
    }
    display_status(&c->display, line, from, to);
    c->is_status_old = false;
}

static void draw_terminal(struct console *c)
{
    struct terminal *t = visible(c);
    for (unsigned row = 0; row < rows(c); row++) {
        if (t->is_dirty[row]) {
            t->is_dirty[row] = false;
            display_row(&c->display, t, row, c->back);
        }
    }
    display_cursor(&c->display, t->is_cursor_shown && !c->back, t->pen.column, t->pen.row);
}

/* True when there is more to draw. */
static bool draw(struct console *c)
{
    bool is_more = false;
    if (is_screen(c, c->visible)) {
        is_more = picture_turn(&c->picture[c->visible], &c->display.frame);
    } else {
        draw_terminal(c);
    }
    if (c->is_status_old) {
        draw_status(c);
    }
    return is_more;
}

static bool console_turn(void *arg, uint64_t word, uint64_t *signals)
{
    struct console *c = arg;
    if (word & WAKE_IRQ) {
        l4_irq_ack(c->irq); /* before the keyboard is read: a byte that comes meanwhile is an interrupt of its own */
    }
    bool is_more = keys_turn(c, signals);
    for (unsigned n = 0; n < c->clients; n++) {
        is_more = client_turn(c, n, signals) || is_more;
    }
    states_look(c);
    shot_turn(c, signals);
    return draw(c) || is_more;
}

/* ---- the start ---- */

static void *memory(const char *name, uint64_t bytes)
{
    const struct arg_entry *arg = ds_args_find(ARG_KIND_MEMORY, name);
    if (!arg || arg->bytes < bytes) {
        ds_server_fail("an argument MEMORY display, states or terminals is missing or too small");
    }
    return (void *)(uintptr_t)arg->va;
}

static const struct arg_entry *numbered(enum arg_kind kind, const char *before, unsigned n)
{
    char name[ARG_NAME_BYTES + 1];
    struct ds_text text = ds_text_on(name, sizeof name);
    ds_text_put(&text, before);
    ds_text_dec(&text, n);
    return ds_args_find(kind, name);
}

static void terminal_begin(struct console *c, struct shown *s)
{
    s->current = 0;
    s->side[0] = (struct side){.client = CLIENTS_MAX};
    terminal_open(&s->side[0].terminal, s->cells, c->display.columns, rows(c), history(c));
    s->magic = SHOWN_MAGIC;
}

/* The last life may have ended between a piece was shown and its ring was told. */
static void piece_finish(struct console *c, const struct side *side)
{
    if (side->client < c->clients && !c->client[side->client].is_out) {
        struct ds_ring *out = &c->client[side->client].ring.out;
        uint32_t behind = side->at - out->at;
        if (behind <= PIECE) {
            ds_ring_consume(out, behind);
        }
    }
}

static void terminals_open(struct console *c)
{
    for (unsigned n = 0; n < c->count; n++) {
        struct shown *s = shown(c, n);
        if (is_sound(c, s)) {
            piece_finish(c, &s->side[s->current % 2]);
        } else {
            terminal_begin(c, s);
        }
    }
}

/* The keyboard as the last life left it, or a new one: no key is held. */
static void keys_open(struct console *c)
{
    struct kept *kept = c->kept;
    if (!kept->has_controller) {
        bool is_translated = false, has_controller = i8042_open(&is_translated);
        keyboard_open(&kept->keyboard, is_translated ? KEYBOARD_SET_1 : KEYBOARD_SET_2, ds_args_value("layout", 0) == KEYBOARD_JP ? KEYBOARD_JP : KEYBOARD_US);
        kept->held_count = 0;
        kept->has_controller = has_controller;
    }
    if (!kept->has_controller) {
        ds_log("the keyboard controller does not answer; terminals are shown, keys are not taken");
    } else if (kept->is_leds_begun) {
        leds_show(c);
    }
}

/* Screens are places only where there is a frame to show them on. */
static void screens_open(struct console *c)
{
    const struct arg_entry *memory;
    c->places = c->count;
    while (c->display.has_frame && c->places < PLACES_MAX && (memory = numbered(ARG_KIND_MEMORY, "screen", c->places)) && memory->bytes >= DS_SCREEN_BYTES) {
        picture_open(&c->picture[c->places++], (void *)(uintptr_t)memory->va);
    }
    for (unsigned n = 0; n < c->places; n++) {
        const struct arg_entry *name = numbered(ARG_KIND_TEXT, "", n);
        c->task[n] = (uint8_t)(name && name->value < SYS_TASKS_MAX ? name->value : 0);
    }
}

static void clients_open(struct console *c)
{
    const struct arg_entry *ring;
    for (; (ring = ds_args_nth(ARG_KIND_RING, c->clients)); c->clients++) {
        unsigned number = (unsigned)(ring->value & 0xff);
        struct client *client = &c->client[c->clients];
        bool is_keyboard = ring->value & DS_TERMINAL_KEYBOARD;
        if (c->clients == CLIENTS_MAX || number >= PLACES_MAX || !ds_server_add(&c->server, ring->slot)) {
            ds_server_fail("a RING argument's place has a number above 11, or there are more than 32");
        }
        c->count = !is_keyboard && number >= c->count ? number + 1 : c->count;
        *client = (struct client){.place = number, .is_keyboard = is_keyboard, .hears = is_keyboard || ring->value & DS_TERMINAL_HEARS};
        client->is_out = !ds_ring_open_server(&client->ring, (void *)(uintptr_t)ring->va, ring->bytes);
        if (client->is_out) { /* its client wrote into the page: its harm alone */
            ds_server_leave_out(ring, "is not shown and gets no keys: its ring is damaged");
        }
    }
    if (c->count == 0) {
        ds_server_fail("there is no RING argument of a terminal, so nothing to show");
    }
}

static void console_open(struct console *c)
{
    uint64_t signals = 0;
    ds_server_open(&c->server);
    c->irq = ds_server_cap("irq", "the argument CAP irq is missing");
    clients_open(c);
    c->terminals = memory("terminals", (uint64_t)c->count * SHOWN_BYTES);
    c->states = memory("states", SYS_STATES_FRAME + 1);
    const struct arg_entry *shot = ds_args_find(ARG_KIND_MEMORY, "shot");
    c->shot = shot && shot->bytes >= sizeof *c->shot ? (struct ds_shot *)(uintptr_t)shot->va : NULL;
    const struct arg_entry *frame = ds_args_find(ARG_KIND_MEMORY, "frame");
    bool has_frame = frame && frame->bytes >= FRAME_BYTES && c->states[SYS_STATES_FRAME];
    display_open(&c->display, memory("display", VGA_BYTES), has_frame ? (volatile uint32_t *)(uintptr_t)frame->va : NULL);
    terminals_open(c);
    screens_open(c);
    c->kept = &shown(c, 0)->kept;
    keys_open(c);
    show(c, c->kept->visible < c->places ? c->kept->visible : 0, &signals);
}

int main(void)
{
    static struct console console;
    console_open(&console);
    ds_server_run(&console.server, WAKE_IRQ, console_turn, &console);
}
