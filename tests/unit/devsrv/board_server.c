/* SPDX-License-Identifier: MIT */
/*
 * The whole serial server (main.c, as serial_main) on the test board: kernel calls and UART are models, and it runs until it waits with nothing to come.
 * Its log goes to stderr; ds_exit ends the process with the code.
 */
#include "args_gen.h"
#include "board.h"
#include "devsrv/supervisor.h"
#include "l4/l4.h"
#include "system_table_gen.h"
#include "uart_model.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLOT_WAKE = 1, SLOT_IRQ = 2, SLOT_SUPERVISOR = 3, SLOT_CLIENT = 16, ARGS_FIXED = 8 };

int serial_main(void);

static struct k_utcb utcb;
struct k_utcb *l4_utcb = &utcb;
static struct k_boot_info boot_info;
static uint64_t wake_word, now_ns;
static bool start_wanted;
static jmp_buf process;

static struct arg_entry *arg_add(struct arg_entry *at, enum arg_kind kind, const char *name, uint32_t slot, uint64_t value)
{
    *at = (struct arg_entry){.kind = kind, .slot = slot, .value = value};
    memcpy(at->name, name, strnlen(name, sizeof at->name));
    return at;
}

static void args_write(void)
{
    struct arg_header *header = (struct arg_header *)(uintptr_t)SYS_ARGS_VA;
    struct arg_entry *at = (struct arg_entry *)(header + 1);
    arg_add(at++, ARG_KIND_CAP, "wake", SLOT_WAKE, 0);
    arg_add(at++, ARG_KIND_CAP, "irq", SLOT_IRQ, 0);
    arg_add(at++, ARG_KIND_CAP, "supervisor", SLOT_SUPERVISOR, 0);
    arg_add(at++, ARG_KIND_VALUE, "port", 0, UART_MODEL_PORT);
    arg_add(at++, ARG_KIND_VALUE, "clock_hz", 0, 1843200);
    arg_add(at++, ARG_KIND_VALUE, "baud", 0, 115200);
    struct arg_entry *state = arg_add(at++, ARG_KIND_MEMORY, "state", 0, 0);
    state->va = (uintptr_t)board.state;
    state->bytes = 4096;
    struct arg_entry *boot = arg_add(at++, ARG_KIND_MEMORY, "boot", 0, 0);
    boot_info = (struct k_boot_info){.abi_version = K_ABI_VERSION};
    memcpy(boot_info.command_line, board.command_line, sizeof boot_info.command_line);
    boot->va = (uintptr_t)&boot_info;
    boot->bytes = sizeof boot_info;
    for (unsigned i = 0; i < board.channel_count; i++) {
        struct board_channel *c = &board.channel[i];
        struct arg_entry *ring = arg_add(at++, ARG_KIND_RING, (const char *)c->name, SLOT_CLIENT + i, c->number | c->kind << 8);
        ring->va = (uintptr_t)c->memory;
        ring->bytes = c->bytes;
    }
    uint32_t count = ARGS_FIXED + board.channel_count;
    *header = (struct arg_header){.magic = 0x314752414d56344cull, .version = ARG_VERSION, .count = count};
    header->total_bytes = (uint32_t)(sizeof *header + count * sizeof *at);
    memcpy(header->task, "serial", 6);
}

void server_start(void)
{
    args_write();
    start_wanted = true;
}

void server_feed(const uint8_t *bytes, unsigned count)
{
    uart_model_feed(bytes, count);
}

unsigned server_take(uint8_t *bytes, unsigned room)
{
    return uart_model_take(bytes, room);
}

void server_client(unsigned n)
{
    wake_word |= 2ull << n;
}

bool server_is_woken(void)
{
    uart_model_run();
    wake_word |= uart_model_interrupted();
    return wake_word || start_wanted;
}

enum k_status l4_wait(uint32_t notification, uint64_t deadline_ns, uint64_t *word)
{
    if (notification != SLOT_WAKE || deadline_ns != 0) {
        abort();
    }
    board_serve_ops();
    if (start_wanted) {
        longjmp(process, 1);
    }
    return l4_poll(notification, word);
}

enum k_status l4_poll(uint32_t notification, uint64_t *word)
{
    if (notification != SLOT_WAKE) {
        abort();
    }
    *word = wake_word | uart_model_interrupted();
    wake_word = 0;
    return K_OK;
}

enum k_status l4_signal(uint32_t notification, uint64_t bits)
{
    if (bits == 0 || notification < SLOT_CLIENT || notification - SLOT_CLIENT >= board.channel_count) {
        abort();
    }
    board.signals |= 1u << (notification - SLOT_CLIENT);
    return K_OK;
}

enum k_status l4_irq_ack(uint32_t irq)
{
    if (irq != SLOT_IRQ) {
        abort();
    }
    uart_model_unmask();
    return K_OK;
}

enum k_status l4_clock(uint64_t *ns, uint64_t *tsc, uint64_t *tsc_hz)
{
    now_ns += 1000;
    if (ns) {
        *ns = now_ns;
    }
    if (tsc) {
        *tsc = now_ns + (board.boots << 32);
    }
    if (tsc_hz) {
        *tsc_hz = 1000000000;
    }
    return K_OK;
}

uint64_t l4_now_ns(void)
{
    uint64_t ns = 0;
    l4_clock(&ns, NULL, NULL);
    return ns;
}

enum k_status l4_send(uint32_t ep, struct l4_msg *msg)
{
    uint64_t words[K_MR_MAX];
    if (ep != SLOT_SUPERVISOR || K_TAG_LABEL(msg->tag) != DS_SUPERVISOR_LOG || K_TAG_WORDS(msg->tag) > K_MR_MAX) {
        abort();
    }
    memcpy(words, msg->mr, sizeof msg->mr);
    memcpy(words + K_MR_REGISTERS, utcb.mr + K_MR_REGISTERS, sizeof words - sizeof msg->mr);
    fprintf(stderr, "%.*s\n", (int)K_TAG_WORDS(msg->tag) * 8, (const char *)words);
    return K_OK;
}

enum k_status l4_call(uint32_t ep, struct l4_msg *msg)
{
    if (ep != SLOT_SUPERVISOR || K_TAG_LABEL(msg->tag) != DS_SUPERVISOR_EXIT || K_TAG_WORDS(msg->tag) != 1) {
        abort();
    }
    exit((int)msg->mr[0]);
}

enum k_status l4_sleep(uint64_t deadline_ns)
{
    (void)deadline_ns;
    abort();
}

int main(int argc, char **argv)
{
    void *args = mmap((void *)(uintptr_t)SYS_ARGS_VA, ARG_MAX_BYTES, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (args == MAP_FAILED) {
        abort();
    }
    for (int i = 1; i < argc; i++) {
        uart_model_overrun(strcmp(argv[i], "overrun") == 0);
        uart_model_remove(strcmp(argv[i], "no-uart") == 0);
    }
    board_serve_ops();
    setjmp(process);
    start_wanted = false;
    wake_word = 0;
    return serial_main();
}
