/* SPDX-License-Identifier: MIT */
/*
 * Hostile clients, state and wire against the link core: fuzz hostile|raced CASES SEED. Raced: another processor writes the rings' pages all the while.
 *
 * Every ring and the state lie between guard pages, both sanitizers watch, and each call's answer is held to its bounds. Frames carry good CRCs, so that
 * what lies behind the check is reached. A case that fails is run again alone by its number as SEED with CASES 1.
 */
#define _GNU_SOURCE
#include "devsrv/cobs.h"
#include "devsrv/crc32.h"
#include "link.h"
#include "lives.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SCRIBBLES = 200000, RINGS = 5, OUT_BYTES = 4096, IN_BYTES = 2048, RING_BYTES = DS_RING_DATA + OUT_BYTES + IN_BYTES, CALLS = 24 };

static uint64_t *scribbles;
static uint8_t *ring[RINGS], *state_page;
static struct ds_link link_core;
static uint32_t frames_taken, bytes_sent, opened;

static uint32_t odd_number(void)
{
    static const uint32_t odd[] = {0, 1, 2, 511, 512, 1023, 1024, 1025, 2048, 4095, 4096, 4097, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};
    return chance(2) ? odd[chance(sizeof odd / sizeof odd[0])] : (uint32_t)(random_state >> 11);
}

static void spoil_ring(uint8_t *memory)
{
    uint32_t word = odd_number();
    memcpy(memory + chance(sizeof(struct ds_ring_page) / 4) * 4, &word, 4);
}

/* An index that is nearly right: what a client that only errs would write. */
static void nudge_ring(uint8_t *memory)
{
    struct ds_ring_page *page = (struct ds_ring_page *)memory;
    page->out_producer.at = page->out_consumer.at + chance(OUT_BYTES + 2);
    page->in_consumer.at = page->in_producer.at - chance(IN_BYTES + 2);
}

static void start(void)
{
    if (!ds_link_open(&link_core, state_page, PAGE, 7)) {
        memset(state_page, 0, PAGE);
        check(ds_link_open(&link_core, state_page, PAGE, 7), "a zeroed state is refused");
    }
    for (unsigned i = 0; i < RINGS; i++) {
        uint8_t name[LINK_NAME_BYTES] = "ring";
        opened += ds_link_add(&link_core, (uint8_t)(i + 1), 0, name, ring[i], RING_BYTES);
    }
}

static void feed_frame(void)
{
    static uint8_t frame[LINK_MAX_FRAME], wire[LINK_MAX_ENCODED + 1];
    size_t count = chance(4) ? chance(64) : chance(LINK_MAX_PAYLOAD + 1);
    struct link_frame_header head = {.channel = (uint8_t)chance(RINGS + 2), .type = (uint8_t)chance(9), .offset = odd_number()};
    if (head.channel && head.channel <= RINGS && chance(2)) {
        struct ds_ring_page *page = (struct ds_ring_page *)ring[head.channel - 1];
        head.offset = (head.type == LINK_TYPE_ACK ? page->out_consumer.at + chance(600) : page->in_producer.at - chance(3));
    }
    memcpy(frame, &head, sizeof head);
    for (size_t i = 0; i < count; i++) {
        frame[sizeof head + i] = (uint8_t)(chance(3) ? chance(6) : random_state >> 17);
    }
    uint32_t one = LINK_VERSION;
    if (head.type == LINK_TYPE_HELLO && chance(2) && count >= 8) {
        memcpy(frame + sizeof head + 4, &one, 4);
        count = sizeof(struct link_hello);
    }
    if (head.type == LINK_TYPE_POLL && chance(4)) {
        uint32_t entries = chance(7);
        memcpy(frame + sizeof head, &link_core.state->session, 4);
        memcpy(frame + sizeof head + 8, &entries, 4);
        count = sizeof(struct link_poll) + entries * sizeof(struct link_poll_entry);
    }
    if (head.type == LINK_TYPE_ACK && chance(4)) {
        count = sizeof(struct link_ack);
    }
    uint32_t crc = ds_crc32(0, frame, sizeof head + count);
    memcpy(frame + sizeof head + count, &crc, sizeof crc);
    size_t coded = ds_cobs_encode(frame, sizeof head + count + sizeof crc, wire, sizeof wire - 1);
    check(coded != DS_COBS_BAD, "a frame does not fit its COBS form");
    wire[coded] = 0;
    uint32_t before = link_core.state->frames_received;
    ds_link_receive(&link_core, wire, (unsigned)coded + 1);
    frames_taken += link_core.state->frames_received - before;
}

static void feed_noise(void)
{
    uint8_t noise[200];
    unsigned count = chance(sizeof noise);
    for (unsigned i = 0; i < count; i++) {
        noise[i] = (uint8_t)chance(chance(2) ? 256 : 5);
    }
    ds_link_receive(&link_core, noise, count);
}

static void take(void)
{
    uint8_t out[1200];
    unsigned room = chance(sizeof out + 1), count = ds_link_send(&link_core, random_state, out, room);
    check(count <= room, "send gave more than asked for");
    bytes_sent += count;
}

/* The ring functions themselves, with counts that only the ring's size bounds. */
static void use_ring(uint8_t *memory)
{
    static uint8_t bytes[4 * OUT_BYTES];
    struct ds_ring_pair pair;
    if (!(chance(2) ? ds_ring_open_server : ds_ring_open_client)(&pair, memory, RING_BYTES)) {
        return;
    }
    struct ds_ring *one = chance(2) ? &pair.out : &pair.in;
    spoil_ring(memory);
    uint32_t count = chance(sizeof bytes + 1);
    check(ds_ring_write(one, bytes, count) <= one->bytes, "a write is larger than the ring");
    check(ds_ring_peek(one, odd_number(), bytes, count) <= one->bytes, "a peek is larger than the ring");
    check(ds_ring_read(one, bytes, count) <= one->bytes, "a read is larger than the ring");
}

static void one_call(void)
{
    switch (chance(9)) {
    case 8:
        use_ring(ring[chance(RINGS)]);
        break;
    case 0:
        spoil_ring(ring[chance(RINGS)]);
        break;
    case 1:
        nudge_ring(ring[chance(RINGS)]);
        break;
    case 2:
        feed_noise();
        break;
    case 3:
        take();
        break;
    case 4:
        check(ds_link_turn(&link_core) >> link_core.channel_count == 0, "a signal for no channel");
        break;
    default:
        feed_frame();
        break;
    }
}

static void one_case(uint64_t seed)
{
    random_state = (seed + 1) * 0x9e3779b97f4a7c15;
    for (unsigned i = 0; i < RINGS; i++) {
        memset(ring[i], 0, sizeof(struct ds_ring_page));
        check(ds_ring_format(ring[i], RING_BYTES, IN_BYTES), "a ring cannot be laid out");
        nudge_ring(ring[i]);
    }
    memset(state_page, 0, PAGE);
    start();
    for (unsigned i = 0; i < CALLS; i++) {
        one_call();
        if (chance(40) == 0) {
            uint32_t word = odd_number();
            memcpy(state_page + 16 + chance((PAGE - 16) / 4) * 4, &word, 4); /* behind magic and boot_id */
            start();
        }
    }
}

static void raced_case(uint64_t seed)
{
    random_state = (seed + 1) * 0x9e3779b97f4a7c15;
    *scribbles = 0;
    pid_t scribbler = fork();
    if (scribbler == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;) {
            (chance(2) ? spoil_ring : nudge_ring)(ring[chance(RINGS)]);
            __atomic_fetch_add(scribbles, 1, __ATOMIC_RELAXED);
        }
    }
    while (__atomic_load_n(scribbles, __ATOMIC_RELAXED) < SCRIBBLES) {
        one_case(random_state);
    }
    kill(scribbler, SIGKILL);
    waitpid(scribbler, NULL, 0);
}

int main(int argc, char **argv)
{
    bool is_raced = argc == 4 && strcmp(argv[1], "raced") == 0;
    if (argc != 4 || (!is_raced && strcmp(argv[1], "hostile") != 0)) {
        fprintf(stderr, "usage: fuzz hostile|raced CASES SEED\n");
        return 2;
    }
    scribbles = memory_map(sizeof *scribbles);
    for (unsigned i = 0; i < RINGS; i++) {
        ring[i] = memory_map(RING_BYTES);
    }
    state_page = memory_map(PAGE);
    uint64_t cases = strtoull(argv[2], NULL, 0), seed = strtoull(argv[3], NULL, 0);
    for (uint64_t i = 0; i < cases; i++) {
        fprintf(stderr, "%llu\r", (unsigned long long)(seed + i));
        (is_raced ? raced_case : one_case)(seed + i);
    }
    printf("%llu cases, %u frames taken, %u bytes sent, %u rings opened\n", (unsigned long long)cases, frames_taken, bytes_sent, opened);
    return 0;
}
