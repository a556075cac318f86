/* SPDX-License-Identifier: MIT */
/*
 * The console server: the board's display and keyboard, shared by terminals. The visible terminal's rows that changed are drawn, and keys go to the visible terminal only.
 *
 * Arguments: RING, one per client (devsrv/terminal.h; value: the terminal's number, and whether keys go to this client); TEXT "0", "1".. the terminals' names (value: the task's index, 0 for none); VALUE "layout";
 * MEMORY "states" (root's: a byte for each task, link_task_state), "display", "terminals" (struct shown for each terminal, zeroed at power on); CAP "irq", "wake", "supervisor".
 * Wake word: bit 0 the keyboard's interrupt, bit 1 + n the client of ring n.
 *
 * Alt-F1.. and Alt with arrows switch, Shift with page up and down looks back. The bottom row names the terminals; a star stands before one that got output since it was looked at.
 * Terminals lie in root's memory: what is shown outlives this task. A piece of output is consumed behind it was shown, so a piece may be shown twice when the server ends between.
 */
#include "devsrv/args.h"
#include "devsrv/server.h"
#include "devsrv/supervisor.h"
#include "devsrv/terminal.h"
#include "devsrv/text.h"
#include "i8042.h"
#include "keyboard.h"
#include "l4/l4.h"
#include "system_table_gen.h"
#include "terminal.h"
#include "vga.h"

enum {
    WAKE_IRQ = 1,
    TERMINALS_MAX = 12, /* keys F1 to F12 */
    CLIENTS_MAX = 32,
    ROWS = VGA_ROWS - 1,
    HISTORY = 400,
    CELLS = (ROWS + HISTORY) * VGA_COLUMNS,
    PIECE = 128,       /* bytes shown between two looks at the ring's index */
    TURN_PIECES = 16,  /* of one client in one turn */
    TURN_KEYS = 32,
};
#define SHOWN_MAGIC 0x314c4e544d56344cull /* "L4VMTNL1" */

/* One terminal, in root's memory. */
struct shown {
    uint64_t magic;
    struct terminal terminal;
    struct terminal_cell cells[CELLS];
};
_Static_assert(sizeof(struct shown) <= 0x48000, "SHOWN_BYTES in host_runtime/l4vm/description/resolve.py");
enum { SHOWN_BYTES = 0x48000 };

struct client {
    struct ds_ring_pair ring;
    unsigned terminal;
    bool hears;
};

struct console {
    struct ds_server server;
    uint32_t irq;
    volatile uint16_t *display;
    uint8_t *terminals;
    const uint8_t *states;
    uint8_t task[TERMINALS_MAX], state[TERMINALS_MAX]; /* whose state is shown, 0: nobody's; and as it was drawn */
    unsigned count, clients;
    struct client client[CLIENTS_MAX];
    bool has_news[TERMINALS_MAX]; /* output that nobody looked at */
    unsigned visible, back;       /* lines back in its history */
    bool is_status_old;
    struct keyboard keyboard;
};

static struct shown *shown(const struct console *c, unsigned n)
{
    return (struct shown *)(void *)(c->terminals + (size_t)n * SHOWN_BYTES);
}

static struct terminal *visible(const struct console *c)
{
    return &shown(c, c->visible)->terminal;
}

/* May it be used as it lies there? Its last server may have ended in the middle of a step. */
static bool is_sound(const struct shown *s)
{
    const struct terminal *t = &s->terminal;
    return s->magic == SHOWN_MAGIC && t->cells == s->cells && t->columns == VGA_COLUMNS && t->rows == ROWS && t->lines == ROWS + HISTORY && t->top < t->lines &&
           t->history <= HISTORY && t->pen.row < ROWS && t->pen.column < VGA_COLUMNS && t->saved.row < ROWS && t->saved.column < VGA_COLUMNS &&
           t->region_top <= t->region_bottom && t->region_bottom < ROWS && t->answer_bytes <= TERMINAL_ANSWER_BYTES && t->parameters <= TERMINAL_PARAMETERS;
}

static void all_dirty(struct console *c)
{
    struct terminal *t = visible(c);
    for (unsigned row = 0; row < ROWS; row++) {
        t->is_dirty[row] = true;
    }
    c->is_status_old = true;
}

static void show(struct console *c, unsigned n)
{
    if (n < c->count) {
        c->visible = n;
        c->back = 0;
        c->has_news[n] = false;
        all_dirty(c);
    }
}

/* ---- keys ---- */

static unsigned modes(const struct terminal *t)
{
    return (t->is_cursor_application ? KEYBOARD_CURSOR_APPLICATION : 0u) | (t->is_newline ? KEYBOARD_NEWLINE : 0u);
}

/* Bytes for a terminal's program; what it has no room for is lost, as on a keyboard that nobody reads. */
static void tell(struct console *c, unsigned terminal, const uint8_t *bytes, unsigned count, uint64_t *signals)
{
    for (unsigned i = 0; count && i < c->clients; i++) {
        if (c->client[i].terminal == terminal && c->client[i].hears && ds_ring_write(&c->client[i].ring.in, bytes, count)) {
            *signals |= 1ull << i;
        }
    }
}

static void look_back(struct console *c, int lines)
{
    int most = (int)visible(c)->history, back = (int)c->back + lines;
    c->back = (unsigned)(back < 0 ? 0 : back > most ? most : back);
    all_dirty(c);
}

static void key(struct console *c, uint8_t byte, uint64_t *signals)
{
    struct keyboard_event event = keyboard_take(&c->keyboard, byte, modes(visible(c)));
    switch (event.action) {
    case KEYBOARD_WRITE:
        if (c->back) {
            look_back(c, -(int)c->back);
        }
        tell(c, c->visible, event.bytes, event.count, signals);
        break;
    case KEYBOARD_SHOW: show(c, event.number); break;
    case KEYBOARD_NEXT: show(c, (c->visible + 1) % c->count); break;
    case KEYBOARD_PREVIOUS: show(c, (c->visible + c->count - 1) % c->count); break;
    case KEYBOARD_UP: look_back(c, ROWS / 2); break;
    case KEYBOARD_DOWN: look_back(c, -(ROWS / 2)); break;
    case KEYBOARD_LEDS: i8042_leds(c->keyboard.leds); break;
    default: break;
    }
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
    struct terminal *t = &shown(c, client->terminal)->terminal;
    uint8_t bytes[PIECE];
    uint32_t got = PIECE;
    for (unsigned i = 0; i < TURN_PIECES && got == PIECE; i++) {
        got = ds_ring_peek(&client->ring.out, 0, bytes, PIECE);
        terminal_write(t, bytes, got);
        ds_ring_consume(&client->ring.out, got);
        if (got && client->terminal != c->visible && !c->has_news[client->terminal]) {
            c->has_news[client->terminal] = c->is_status_old = true;
        }
    }
    if (client->hears) {
        tell(c, client->terminal, bytes, terminal_take_answer(t, bytes, TERMINAL_ANSWER_BYTES), signals);
    }
    return got == PIECE;
}

/* By link_task_state; a running task needs no word. */
static const char *const state_names[] = {"", " paused", " stopped", " faulted", " ended"};

static void states_look(struct console *c)
{
    for (unsigned n = 0; n < c->count; n++) {
        uint8_t state = c->task[n] ? __atomic_load_n(&c->states[c->task[n]], __ATOMIC_RELAXED) : 0;
        if (state != c->state[n] && state < sizeof state_names / sizeof *state_names) {
            c->state[n] = state;
            c->is_status_old = true;
        }
    }
}

static void draw_status(struct console *c)
{
    char line[VGA_COLUMNS + 1], number[4];
    struct ds_text t = ds_text_on(line, sizeof line), name;
    unsigned from = 0, to = 0;
    for (unsigned n = 0; n < c->count; n++) {
        name = ds_text_on(number, sizeof number);
        ds_text_dec(&name, n);
        from = n == c->visible ? (unsigned)(t.at - t.start) : from;
        ds_text_char(&t, c->has_news[n] ? '*' : ' ');
        ds_text_char(&t, 'F');
        ds_text_dec(&t, n + 1);
        ds_text_char(&t, ' ');
        ds_text_put(&t, ds_args_text(number));
        ds_text_put(&t, state_names[c->state[n]]);
        ds_text_char(&t, ' ');
        to = n == c->visible ? (unsigned)(t.at - t.start) : to;
    }
    if (c->back) {
        ds_text_put(&t, " -");
        ds_text_dec(&t, c->back);
        ds_text_put(&t, " lines");
    }
    vga_status(c->display, line, from, to);
    c->is_status_old = false;
}

static void draw(struct console *c)
{
    struct terminal *t = visible(c);
    for (unsigned row = 0; row < ROWS; row++) {
        if (t->is_dirty[row]) {
            t->is_dirty[row] = false;
            vga_row(c->display, t, row, c->back);
        }
    }
    vga_cursor(t->is_cursor_shown && !c->back, t->pen.column, t->pen.row);
    if (c->is_status_old) {
        draw_status(c);
    }
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
    draw(c);
    return is_more;
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

static void terminals_open(struct console *c)
{
    for (unsigned n = 0; n < c->count; n++) {
        struct shown *s = shown(c, n);
        char number[4];
        struct ds_text text = ds_text_on(number, sizeof number);
        ds_text_dec(&text, n);
        const struct arg_entry *name = ds_args_find(ARG_KIND_TEXT, number);
        c->task[n] = (uint8_t)(name && name->value < SYS_TASKS_MAX ? name->value : 0);
        if (!is_sound(s)) {
            terminal_open(&s->terminal, s->cells, VGA_COLUMNS, ROWS, HISTORY);
            s->magic = SHOWN_MAGIC;
        }
    }
}

static void clients_open(struct console *c)
{
    const struct arg_entry *ring;
    for (; (ring = ds_args_nth(ARG_KIND_RING, c->clients)); c->clients++) {
        unsigned number = (unsigned)(ring->value & 0xff);
        if (c->clients == CLIENTS_MAX || number >= TERMINALS_MAX ||
            !ds_ring_open_server(&c->client[c->clients].ring, (void *)(uintptr_t)ring->va, ring->bytes) || !ds_server_add(&c->server, ring->slot)) {
            ds_server_fail("a RING argument is damaged, its terminal's number is above 11, or there are more than 32");
        }
        c->client[c->clients].terminal = number;
        c->client[c->clients].hears = ring->value & DS_TERMINAL_HEARS;
        c->count = number >= c->count ? number + 1 : c->count;
    }
    if (c->count == 0) {
        ds_server_fail("there is no RING argument, so nothing to show");
    }
}

static void console_open(struct console *c)
{
    ds_server_open(&c->server);
    c->irq = ds_server_cap("irq", "the argument CAP irq is missing");
    clients_open(c);
    c->display = memory("display", VGA_BYTES);
    c->terminals = memory("terminals", (uint64_t)c->count * SHOWN_BYTES);
    c->states = memory("states", SYS_TASKS_MAX);
    terminals_open(c);
    keyboard_open(&c->keyboard, KEYBOARD_SET_2, ds_args_value("layout", 0) == KEYBOARD_JP ? KEYBOARD_JP : KEYBOARD_US);
    if (!i8042_open()) {
        ds_log("the keyboard controller does not answer; terminals are shown, keys are not taken");
    }
    show(c, 0);
}

int main(void)
{
    static struct console console;
    console_open(&console);
    ds_server_run(&console.server, WAKE_IRQ, console_turn, &console);
}
