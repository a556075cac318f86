/* SPDX-License-Identifier: MIT */
/*
 * The serial server: one UART, the link over it, and the rings of all channels.
 *
 * Arguments: RING, one per channel, in the order of the wake bits; CAP "irq", "wake", "supervisor"; MEMORY "state"; VALUE "port", "baud", "clock_hz";
 * MEMORY "boot" (may be missing): struct k_boot_info, whose command line may ask for a session from the start (preset.h).
 * Wake word: bit 0 the interrupt, bit 1 + n the client of ring n. The word only says that there is something to do: each wake looks at everything.
 *
 * It may be ended at any instruction and started anew. All it needs then lies in root's memory: the rings and the state. So a start does not wait
 * first: it acknowledges the interrupt, serves the line and signals every client.
 */
#include "devsrv/args.h"
#include "devsrv/server.h"
#include "l4/l4.h"
#include "link.h"
#include "preset.h"
#include "uart16550.h"

enum {
    WAKE_IRQ = 1,
    ROUNDS = 32, /* of the UART before clients are signalled: 2 KiB each way */
    READ_BYTES = 64,
    WRITE_BYTES = 16,
};

struct serial {
    struct ds_link link;
    struct uart16550 uart;
    struct ds_server server;
    uint32_t irq;
};

static void serial_open_link(struct serial *s)
{
    const struct arg_entry *state = ds_args_find(ARG_KIND_MEMORY, "state");
    uint64_t boot_id = 0;
    l4_clock(NULL, &boot_id, NULL);
    if (!state || !ds_link_open(&s->link, (void *)(uintptr_t)state->va, state->bytes, boot_id)) {
        ds_server_fail("the argument MEMORY state is missing, shorter than a page, or holds something else");
    }
    const struct arg_entry *ring;
    for (unsigned n = 0; (ring = ds_args_nth(ARG_KIND_RING, n)); n++) {
        uint8_t number = (uint8_t)ring->value, kind = (uint8_t)(ring->value >> 8);
        if (ds_link_add(&s->link, number, kind, ring->name, (void *)(uintptr_t)ring->va, ring->bytes)) {
            ds_server_add(&s->server, ring->slot);
        } else { /* its client wrote into the page: its harm alone */
            ds_server_leave_out(ring, "has no channel: its ring is damaged, its number is taken, or there are more than 24");
        }
    }
}

/* Open the session that the loader's command line asks for, if it does. */
static void serial_preset(struct serial *s)
{
    const struct arg_entry *entry = ds_args_find(ARG_KIND_MEMORY, "boot");
    const struct k_boot_info *boot = entry ? (const struct k_boot_info *)(uintptr_t)entry->va : NULL;
    struct preset preset;
    if (boot && entry->bytes >= sizeof *boot && boot->abi_version == K_ABI_VERSION &&
        preset_read(boot->command_line, sizeof boot->command_line, &preset)) {
        ds_link_preset(&s->link, preset.session, preset.window);
    }
}

static void serial_open(struct serial *s)
{
    ds_server_open(&s->server);
    s->irq = ds_server_cap("irq", "the argument CAP irq is missing");
    serial_open_link(s);
    serial_preset(s);
    uint64_t port = ds_args_value("port", 0), clock_hz = ds_args_value("clock_hz", 0), baud = ds_args_value("baud", 0);
    if (port == 0 || port > UINT16_MAX - 7 || clock_hz > UINT32_MAX || baud > UINT32_MAX) {
        ds_server_fail("the arguments VALUE port, clock_hz and baud are missing or out of range");
    }
    const char *wrong = uart16550_open(&s->uart, (uint16_t)port, (uint32_t)clock_hz, (uint32_t)baud);
    if (wrong) {
        ds_server_fail(wrong);
    }
}

/* One round of the UART; false when it is at rest: its interrupt line is down, nothing came and nothing went. */
static bool serial_round(struct serial *s, uint64_t now_ns)
{
    uint8_t bytes[READ_BYTES];
    bool is_settled = uart16550_settle(&s->uart);
    unsigned got = uart16550_read(&s->uart, bytes, sizeof bytes);
    ds_link_receive(&s->link, bytes, got);
    unsigned room = uart16550_room(&s->uart);
    unsigned put = ds_link_send(&s->link, now_ns, bytes, room < WRITE_BYTES ? room : WRITE_BYTES);
    uart16550_write(&s->uart, bytes, put);
    return !is_settled || got || put;
}

/* Serve line and rings. */
static bool serial_turn(void *arg, uint64_t word, uint64_t *signals)
{
    struct serial *s = arg;
    if (word & WAKE_IRQ) {
        l4_irq_ack(s->irq); /* before the line is served: uart16550.h */
    }
    uint64_t now_ns = l4_now_ns();
    unsigned rounds = 0;
    while (rounds < ROUNDS && serial_round(s, now_ns)) {
        rounds++;
    }
    ds_link_count_overruns(&s->link, uart16550_take_overruns(&s->uart));
    *signals = ds_link_turn(&s->link);
    return rounds == ROUNDS;
}

int main(void)
{
    static struct serial serial;
    serial_open(&serial);
    ds_server_run(&serial.server, WAKE_IRQ, serial_turn, &serial);
}
