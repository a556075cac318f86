/* SPDX-License-Identifier: MIT */
/*
 * The cores of the block and the net server, against hostile clients and against sudden ends: sharers WHAT CASES SEED.
 *
 *   disk-hostile   a client that writes anything into its memory, one that may only read, and a good one beside them
 *   net-hostile    a port that writes anything into its memory and sends what it likes, good ports beside it, one of another network
 *   disk-raced     a client whose memory another processor writes all the while
 *   net-raced      the same of a port
 *   disk-killed    a server that is ended after any instruction and started anew, under a client that remembers what must be on the disk
 *   net-killed     the same under numbered frames
 *
 * All shared memory lies between guard pages and both sanitizers watch. A case that fails is run again alone by its number as SEED with CASES 1.
 */
#define _GNU_SOURCE
#include "disk.h"
#include "lives.h"
#include "switch.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SECTORS = 256, AREAS = 3, AREA_BYTES = SECTORS * DS_BLOCK_SECTOR, HOSTILE = 0, READER = 1, GOOD = 2, ROUNDS = 16, SCRIBBLES = 20000, RACED_TURNS = 200 };

static uint64_t *scribbles, served, refused, handed_on;

static uint32_t odd_number(void)
{
    static const uint32_t odd[] = {0, 1, 2, 3, 4, 7, 8, 9, 64, 65, 127, 128, 129, 255, 256, 257, 1518, 1519, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff};
    return chance(4) ? odd[chance(sizeof odd / sizeof odd[0])] : (uint32_t)(random_state >> 11);
}

/*
 * A process that spoils one word of a good record and mends it, as fast as it can, until it is ended; the first `words` of a record are as in `good`. It moves the index so that there
 * is always something to look at.
 */
static pid_t scribbler_start(struct ds_queue_page *page, uint32_t entries, uint32_t record_words, const uint32_t *good, uint32_t words)
{
    *scribbles = 0;
    pid_t child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
    }
    while (child == 0) {
        uint32_t at = __atomic_load_n(&page->consumer.at, __ATOMIC_RELAXED);
        uint32_t *record = (uint32_t *)((uint8_t *)page + DS_QUEUE_SLOTS) + (at & (entries - 1)) * record_words;
        for (uint32_t i = 0; i < words; i++) {
            __atomic_store_n(&record[i], good[i], __ATOMIC_RELAXED);
        }
        __atomic_store_n(&page->producer.at, chance(9) ? at + 1 + chance(entries) : odd_number(), __ATOMIC_RELAXED);
        for (uint32_t i = 0; i < 64; i++) {
            uint32_t word = chance(words), odd = odd_number();
            __atomic_store_n(&record[word], odd, __ATOMIC_RELAXED);
            __atomic_store_n(&record[word], good[word], __ATOMIC_RELAXED);
        }
        __atomic_fetch_add(scribbles, 1, __ATOMIC_RELAXED);
    }
    return child;
}

static bool scribbler_goes_on(void)
{
    return __atomic_load_n(scribbles, __ATOMIC_RELAXED) < SCRIBBLES;
}

static void scribbler_end(pid_t scribbler)
{
    kill(scribbler, SIGKILL);
    waitpid(scribbler, NULL, 0);
}

/* --- disks --- */

static struct ds_block_memory *block_memory[AREAS];
static uint8_t *areas, model[AREA_BYTES];
static struct block_client client[AREAS];
static struct {
    bool is_busy, is_read, is_wrong;
    uint32_t bytes;
    uint8_t expected[DS_BLOCK_BUFFER];
} asked[DS_BLOCK_TAGS];

static uint64_t area_value(unsigned n)
{
    return (uint64_t)SECTORS << 1 | (n == READER);
}

static void disk_server_open(void)
{
    for (unsigned n = 0; n < AREAS; n++) {
        check(block_client_open(&client[n], block_memory[n], sizeof *block_memory[n], areas + n * AREA_BYTES, AREA_BYTES, area_value(n)), "a client is refused");
    }
}

/* Until no client has anything left; a hostile index can keep a client busy for some turns only. */
static uint64_t disk_server_turns(void)
{
    for (unsigned i = 0, done = 1; i < 8 && done; i++) {
        done = 0;
        for (unsigned n = 0; n < AREAS; n++) {
            unsigned one = block_client_turn(&client[n]);
            check(one <= BLOCK_TURN, "a turn is too long");
            done += one;
        }
    }
    return 0;
}

/* A request of the good client; what it must find or leave is known at once, for requests are done in order. */
static void good_ask(struct ds_block *b)
{
    unsigned tag = chance(DS_BLOCK_TAGS), count = chance(6) ? 1 + chance(8) : 1 + chance(DS_BLOCK_BUFFER / DS_BLOCK_SECTOR), op = chance(5);
    if (asked[tag].is_busy) {
        return;
    }
    uint64_t sector = chance(SECTORS);
    bool is_wrong = sector + count > SECTORS;
    asked[tag].is_busy = true;
    asked[tag].is_read = op < 2;
    asked[tag].is_wrong = is_wrong && op < 4;
    asked[tag].bytes = count * DS_BLOCK_SECTOR;
    if (op == 4) {
        check(ds_block_ask(b, tag, DS_BLOCK_FLUSH, 0, 0), "no room to ask");
        return;
    }
    uint8_t *at = model + sector * DS_BLOCK_SECTOR;
    if (op >= 2) {
        memset(b->memory->buffer[tag], (int)chance(256), asked[tag].bytes);
        if (!is_wrong) {
            memcpy(at, b->memory->buffer[tag], asked[tag].bytes);
        }
    } else if (!is_wrong) {
        memcpy(asked[tag].expected, at, asked[tag].bytes);
    }
    check(ds_block_ask(b, tag, op < 2 ? DS_BLOCK_READ : DS_BLOCK_WRITE, sector, count), "no room to ask");
}

static void good_answers(struct ds_block *b)
{
    unsigned tag;
    bool is_good;
    while (ds_block_answer(b, &tag, &is_good)) {
        check(tag < DS_BLOCK_TAGS && asked[tag].is_busy, "an answer to no request");
        check(is_good != asked[tag].is_wrong, "a request was answered wrongly");
        if (is_good && asked[tag].is_read) {
            check(memcmp(b->memory->buffer[tag], asked[tag].expected, asked[tag].bytes) == 0, "a read found something else than was written");
        }
        asked[tag].is_busy = false;
        served++;
    }
}

static void disk_case_open(struct ds_block *b)
{
    memset(areas, 0, AREAS * AREA_BYTES);
    memset(areas + READER * AREA_BYTES, 'r', AREA_BYTES);
    memset(model, 0, sizeof model);
    memset(asked, 0, sizeof asked);
    for (unsigned n = 0; n < AREAS; n++) {
        memset(block_memory[n], 0, PAGE);
        block_memory[n]->page.producer.at = block_memory[n]->page.consumer.at = chance(2) ? 0 : 0u - chance(20);
    }
    check(ds_block_open(b, block_memory[GOOD], sizeof *block_memory[GOOD]), "the client's memory is refused");
}

/* Requests that are nearly right, and anything anywhere in the first page. */
static void spoil_disk(unsigned n)
{
    struct ds_block_memory *m = block_memory[n];
    for (unsigned i = 0; i < DS_BLOCK_ENTRIES; i++) {
        m->request[i] = (struct ds_block_request){.op = chance(8) ? chance(3) : odd_number(), .tag = chance(4) ? chance(DS_BLOCK_TAGS) : odd_number(),
                                                  .sector = chance(3) ? chance(SECTORS) : (uint64_t)odd_number() << (chance(2) ? 32 : 0) | odd_number(),
                                                  .sectors = chance(3) ? 1 + chance(8) : odd_number()};
    }
    m->page.producer.at = chance(3) ? m->page.consumer.at + chance(DS_BLOCK_ENTRIES + 1) : odd_number();
    if (chance(4) == 0) {
        ((uint32_t *)m)[chance(PAGE / 4)] = odd_number();
    }
    memset(m->buffer[chance(DS_BLOCK_TAGS)], 'h', DS_BLOCK_SECTOR);
}

static void count_statuses(unsigned n)
{
    for (unsigned i = 0; i < DS_BLOCK_ENTRIES; i++) {
        refused += block_memory[n]->request[i].status == DS_BLOCK_REFUSED;
    }
}

static void disk_check(struct ds_block *b)
{
    check(ds_block_is_idle(b), "a good client was not served");
    check(memcmp(areas + GOOD * AREA_BYTES, model, sizeof model) == 0, "another client's disk was changed");
    for (unsigned i = 0; i < AREA_BYTES; i++) {
        check(areas[READER * AREA_BYTES + i] == 'r', "a disk was written that may only be read");
    }
}

static void disk_hostile(void)
{
    struct ds_block b;
    disk_case_open(&b);
    disk_server_open();
    for (unsigned i = 0; i < ROUNDS; i++) {
        spoil_disk(HOSTILE);
        spoil_disk(READER);
        good_ask(&b);
        disk_server_turns();
        good_answers(&b);
        count_statuses(HOSTILE);
        if (chance(10) == 0) {
            disk_server_open();
        }
    }
    disk_check(&b);
}

static void disk_raced(void)
{
    static const uint32_t good[] = {DS_BLOCK_WRITE, 0, SECTORS - 1, 0, 1};
    struct ds_block b;
    disk_case_open(&b);
    disk_server_open();
    pid_t scribbler = scribbler_start(&block_memory[HOSTILE]->page, DS_BLOCK_ENTRIES, sizeof(struct ds_block_request) / 4, good, 5);
    while (scribbler_goes_on()) {
        good_ask(&b);
        for (unsigned i = 0; i < RACED_TURNS; i++) {
            disk_server_turns();
        }
        good_answers(&b);
        count_statuses(HOSTILE);
    }
    scribbler_end(scribbler);
    disk_check(&b);
}

static void disk_killed(void)
{
    struct ds_block b;
    disk_case_open(&b);
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned k = chance(4); k < DS_BLOCK_TAGS; k++) {
            good_ask(&b);
        }
        life_run(disk_server_open, disk_server_turns, steps_draw(chance(2) ? 1000 : 6000));
        good_answers(&b);
        if (chance(8) == 0) { /* the client is started anew as well: it waits for what it asked before */
            life_run(disk_server_open, disk_server_turns, 0);
            good_answers(&b);
            check(ds_block_open(&b, block_memory[GOOD], sizeof *block_memory[GOOD]) && ds_block_is_idle(&b), "the client's memory is refused");
        }
    }
    life_run(disk_server_open, disk_server_turns, 0);
    good_answers(&b);
    check(ds_block_is_idle(&b) && memcmp(areas + GOOD * AREA_BYTES, model, sizeof model) == 0, "an answered write was lost");
}

/* --- networks --- */

enum { PORTS = 4, LISTENER = 1, SENDER = 2, APART = 3, FRAME = 64 };
static struct ds_net_memory *net_memory[PORTS];
static struct net_switch net_switch;

static uint64_t port_value(unsigned n)
{
    return 2 | (uint64_t)(n + 1) << 40 | (uint64_t)(n == APART) << DS_NET_GROUP_AT;
}

static void net_server_open(void)
{
    memset(&net_switch, 0, sizeof net_switch);
    for (unsigned n = 0; n < PORTS; n++) {
        check(switch_add(&net_switch, net_memory[n], sizeof *net_memory[n], port_value(n)), "a port is refused");
    }
}

static uint64_t net_server_turns(void)
{
    uint64_t signals = 0;
    for (unsigned i = 0, done = 1; i < 4 && done; i++) {
        done = 0;
        for (unsigned n = 0; n < PORTS; n++) {
            unsigned one = switch_turn(&net_switch, n, &signals);
            check(one <= SWITCH_TURN, "a turn is too long");
            done += one;
        }
    }
    check(signals >> PORTS == 0, "a signal for no port");
    return signals;
}

static void net_case_open(struct ds_net net[PORTS])
{
    for (unsigned n = 0; n < PORTS; n++) {
        memset(&net_memory[n]->out.page, 0, DS_QUEUE_SLOTS);
        memset(&net_memory[n]->in.page, 0, DS_QUEUE_SLOTS);
        check(ds_net_open(&net[n], net_memory[n], sizeof *net_memory[n], port_value(n)), "a port's memory is refused");
    }
}

/* A frame from the sender to the listener with a number in it. */
static void numbered_send(struct ds_net net[PORTS], uint32_t number)
{
    uint8_t frame[FRAME] = {0};
    memcpy(frame, net[LISTENER].mac, DS_NET_MAC_BYTES);
    memcpy(frame + DS_NET_MAC_BYTES, net[SENDER].mac, DS_NET_MAC_BYTES);
    frame[12] = 0x88, frame[13] = 0xb5; /* IEEE 802: local experiments */
    memcpy(frame + DS_NET_FRAME_MIN, &number, sizeof number);
    check(ds_net_send(&net[SENDER], frame, sizeof frame), "no room for a frame");
}

/* Take what came; frames from the sender must be numbers from *next on, at most the last one twice. */
static void numbered_receive(struct ds_net net[PORTS], uint32_t *next)
{
    uint8_t frame[DS_NET_FRAME_MAX];
    unsigned bytes;
    while ((bytes = ds_net_receive(&net[LISTENER], frame, sizeof frame))) {
        uint32_t number;
        handed_on++;
        if (memcmp(frame + DS_NET_MAC_BYTES, net[SENDER].mac, DS_NET_MAC_BYTES) != 0 || frame[12] != 0x88 || bytes != FRAME) {
            continue;
        }
        memcpy(&number, frame + DS_NET_FRAME_MIN, sizeof number);
        check(number == *next || number + 1 == *next, "a frame was lost or came out of order");
        *next = number + 1;
    }
    check(ds_net_receive(&net[APART], frame, sizeof frame) == 0, "a frame came from another network");
}

static void spoil_net(struct ds_net net[PORTS])
{
    struct ds_net_memory *m = net_memory[HOSTILE];
    uint8_t frame[DS_NET_FRAME_MAX];
    for (unsigned i = 0; i < 6; i++) {
        for (unsigned k = 0; k < DS_NET_FRAME_MIN; k++) {
            frame[k] = (uint8_t)chance(chance(2) ? 4 : 256);
        }
        if (chance(2)) {
            memcpy(frame, net[chance(PORTS)].mac, DS_NET_MAC_BYTES);
        }
        if (chance(2)) { /* as if it were another */
            memcpy(frame + DS_NET_MAC_BYTES, net[chance(PORTS)].mac, DS_NET_MAC_BYTES);
        }
        frame[12] = 0x08;
        ds_net_send(&net[HOSTILE], frame, chance(2) ? DS_NET_FRAME_MIN + chance(100) : odd_number() % (DS_NET_FRAME_MAX + 1));
    }
    if (chance(2)) {
        m->out.frame[chance(DS_NET_ENTRIES)].bytes = odd_number();
    }
    if (chance(3) == 0) {
        ((uint32_t *)&m->out.page)[chance(DS_QUEUE_SLOTS / 4)] = odd_number();
        ((uint32_t *)&m->in.page)[chance(DS_QUEUE_SLOTS / 4)] = odd_number();
        check(ds_net_open(&net[HOSTILE], m, sizeof *m, port_value(HOSTILE)), "a port's memory is refused");
    }
}

static void net_hostile(void)
{
    struct ds_net net[PORTS];
    uint32_t next = 0;
    net_case_open(net);
    net_server_open();
    for (uint32_t i = 0; i < ROUNDS; i++) {
        spoil_net(net);
        numbered_send(net, i);
        net_server_turns();
        numbered_receive(net, &next);
        if (chance(10) == 0) {
            net_server_open();
        }
    }
    net_server_turns();
    numbered_receive(net, &next);
    check(next == ROUNDS, "a frame between good ports was lost");
    refused += net_memory[HOSTILE]->in.page.dropped.at != 0;
    served += net_switch.port[HOSTILE].out.broken;
}

static void net_raced(void)
{
    static const uint32_t good[] = {FRAME};
    struct ds_net net[PORTS];
    uint32_t next = 0, sent = 0;
    net_case_open(net);
    net_server_open();
    pid_t scribbler = scribbler_start(&net_memory[HOSTILE]->out.page, DS_NET_ENTRIES, sizeof(struct ds_net_frame) / 4, good, 1);
    while (scribbler_goes_on()) {
        numbered_send(net, sent++);
        for (unsigned i = 0; i < RACED_TURNS; i++) {
            net_server_turns();
            numbered_receive(net, &next);
        }
    }
    scribbler_end(scribbler);
    net_server_turns();
    numbered_receive(net, &next);
    check(next == sent, "a frame between good ports was lost");
}

static void net_killed(void)
{
    struct ds_net net[PORTS];
    uint32_t next = 0, sent = 0;
    net_case_open(net);
    for (unsigned i = 0; i < ROUNDS; i++) {
        for (unsigned k = chance(3); k < 3; k++) {
            numbered_send(net, sent++);
        }
        life_run(net_server_open, net_server_turns, steps_draw(chance(2) ? 1000 : 6000));
        numbered_receive(net, &next);
    }
    for (uint32_t underway = DS_NET_ENTRIES; underway; underway = ds_queue_underway(&net[SENDER].out)) { /* one life takes some turns only */
        life_run(net_server_open, net_server_turns, 0);
        numbered_receive(net, &next);
    }
    check(next == sent, "a frame was lost with the server");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } cases[] = {{"disk-hostile", disk_hostile}, {"net-hostile", net_hostile}, {"disk-raced", disk_raced}, {"net-raced", net_raced}, {"disk-killed", disk_killed}, {"net-killed", net_killed}};
    void (*run)(void) = NULL;
    for (unsigned i = 0; argc == 4 && i < sizeof cases / sizeof cases[0]; i++) {
        run = strcmp(argv[1], cases[i].name) == 0 ? cases[i].run : run;
    }
    if (!run) {
        fprintf(stderr, "usage: sharers disk-hostile|net-hostile|disk-raced|net-raced|disk-killed|net-killed CASES SEED\n");
        return 2;
    }
    scribbles = memory_map(sizeof *scribbles);
    areas = memory_map(AREAS * AREA_BYTES);
    for (unsigned n = 0; n < AREAS; n++) {
        block_memory[n] = memory_map(sizeof *block_memory[n]);
    }
    for (unsigned n = 0; n < PORTS; n++) {
        net_memory[n] = memory_map(sizeof *net_memory[n]);
    }
    uint64_t count = strtoull(argv[2], NULL, 0), seed = strtoull(argv[3], NULL, 0);
    for (uint64_t i = 0; i < count; i++) {
        fprintf(stderr, "%llu\r", (unsigned long long)(seed + i));
        random_state = (seed + i + 1) * 0x9e3779b97f4a7c15;
        run();
    }
    printf("%llu cases, %llu served, %llu refused, %llu frames, %llu kills\n", (unsigned long long)count, (unsigned long long)served, (unsigned long long)refused,
           (unsigned long long)handed_on, (unsigned long long)kills);
    return 0;
}
