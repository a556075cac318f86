/* SPDX-License-Identifier: MIT */
/* Memory of root, clients and ops of the test board (board.h). */
#define _GNU_SOURCE
#include "board.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, PAYLOAD_MAX = 1 << 20 };

struct board board;
static uint8_t payload[PAYLOAD_MAX], answer[PAYLOAD_MAX];

/* Shared, so that a process that is killed leaves what it wrote; with guard pages, so that a byte beside it is a crash. */
static void *memory_map(uint64_t bytes)
{
    uint8_t *all = mmap(NULL, bytes + 2 * PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (all == MAP_FAILED || mprotect(all + PAGE, bytes, PROT_READ | PROT_WRITE) != 0) {
        abort();
    }
    return all + PAGE;
}

static void memory_unmap(void *memory, uint64_t bytes)
{
    munmap((uint8_t *)memory - PAGE, bytes + 2 * PAGE);
}

static uint32_t read32(const uint8_t *at)
{
    uint32_t v;
    memcpy(&v, at, 4);
    return v;
}

static void board_clear(void)
{
    for (unsigned i = 0; i < board.channel_count; i++) {
        memory_unmap(board.channel[i].memory, board.channel[i].bytes);
    }
    if (board.state) {
        memory_unmap(board.state, PAGE);
    }
    board.channel_count = 0;
    board.signals = 0;
    board.boots++;
    board.state = memory_map(PAGE);
}

/* out_bytes, in_bytes; then for each channel number, kind, name, first out index, first in index. */
static void board_boot(uint32_t out_bytes, uint32_t in_bytes, const uint8_t *at, uint32_t n)
{
    enum { ENTRY = 2 + LINK_NAME_BYTES + 8 };
    board_clear();
    for (; n >= ENTRY; n -= ENTRY, at += ENTRY) {
        struct board_channel *c = &board.channel[board.channel_count++];
        c->number = at[0];
        c->kind = at[1];
        memcpy(c->name, at + 2, LINK_NAME_BYTES);
        c->bytes = DS_RING_DATA + (uint64_t)out_bytes + in_bytes;
        c->memory = memory_map((c->bytes + PAGE - 1) / PAGE * PAGE);
        if (!ds_ring_format(c->memory, c->bytes, in_bytes)) {
            abort();
        }
        struct ds_ring_page *page = (struct ds_ring_page *)c->memory;
        page->out_producer.at = page->out_consumer.at = read32(at + 2 + LINK_NAME_BYTES);
        page->in_producer.at = page->in_consumer.at = read32(at + 6 + LINK_NAME_BYTES);
        if (!ds_ring_open_client(&c->client, c->memory, c->bytes)) {
            abort();
        }
    }
    server_start();
}

/* Run one call of the server in a process of its own, kill that after so many instructions, and start the server anew: 1 if it was killed before its end. */
static uint32_t killed_call(uint8_t op, uint32_t steps, uint32_t n)
{
    pid_t child = fork();
    if (child == 0) {
        ptrace(PTRACE_TRACEME, 0, 0, 0);
        raise(SIGSTOP);
        if (op == 'k') {
            server_take(answer, n);
        } else {
            server_feed(payload, n);
        }
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    for (uint32_t i = 0; i < steps && WIFSTOPPED(status); i++) {
        ptrace(PTRACE_SINGLESTEP, child, 0, 0);
        waitpid(child, &status, 0);
        if (WIFSTOPPED(status) && WSTOPSIG(status) != SIGTRAP) {
            abort();
        }
    }
    uint32_t was_killed = WIFSTOPPED(status);
    if (was_killed) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
    }
    server_start();
    return was_killed;
}

static uint32_t op_do(uint8_t op, uint32_t a, uint32_t b, uint32_t n)
{
    struct board_channel *c = &board.channel[a < board.channel_count ? a : 0];
    uint32_t value = 0;
    switch (op) {
    case 'O':
        board_boot(a, b, payload, n);
        return 0;
    case 'B':
        memset(board.command_line, 0, sizeof board.command_line);
        memcpy(board.command_line, payload, n < sizeof board.command_line ? n : sizeof board.command_line);
        return 0;
    case 'R':
        server_start();
        return 0;
    case 'F':
        server_feed(payload, n);
        return 0;
    case 'T':
        return server_take(answer, a < PAYLOAD_MAX ? a : PAYLOAD_MAX);
    case 'W':
        value = ds_ring_write(&c->client.out, payload, n);
        server_client(a);
        break;
    case 'G':
        value = ds_ring_read(&c->client.in, answer, b < PAYLOAD_MAX ? b : PAYLOAD_MAX);
        server_client(a);
        return value;
    case 'S':
        value = board.signals;
        board.signals = 0;
        break;
    case 'P': /* a hostile client: any bytes anywhere in its memory */
        if (b <= c->bytes && n <= c->bytes - b) {
            memcpy(c->memory + b, payload, n);
        }
        server_client(a);
        return 0;
    case 'Q':
        memcpy(answer, board.state, sizeof *board.state);
        return sizeof *board.state;
    case 'I':
        memcpy(answer, c->memory, sizeof(struct ds_ring_page));
        return sizeof(struct ds_ring_page);
    case 'K':
        value = killed_call(op, a, n);
        break;
    case 'k':
        value = killed_call(op, a, b);
        break;
    default:
        abort();
    }
    memcpy(answer, &value, sizeof value);
    return sizeof value;
}

void board_serve_ops(void)
{
    uint8_t head[13];
    while (!server_is_woken()) {
        if (fread(head, 1, sizeof head, stdin) != sizeof head) {
            exit(0);
        }
        uint32_t n = read32(head + 9);
        if (n > sizeof payload || fread(payload, 1, n, stdin) != n) {
            abort();
        }
        uint32_t count = op_do(head[0], read32(head + 1), read32(head + 5), n);
        fwrite(&count, 1, sizeof count, stdout);
        fwrite(answer, 1, count, stdout);
        fflush(stdout);
    }
}
