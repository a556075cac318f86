/* SPDX-License-Identifier: MIT */
/*
 * Hostile drivers against the virtio devices: fuzz disk|net CASES SEED.
 *
 * A case starts a device as a driver does, fills rings with good chains, spoils some of it (descriptors, indices, headers, registers: loops, chains past RAM, lengths
 * 0 and 2^32-1, also between notification and completion), and lets notifications, completions and frames come in any order. Sanitizers watch; fake_vm.c holds every
 * request to the disk; and each byte the device writes must lie in a used ring or in a descriptor that the driver gave for writing. After each case the device is reset and must
 * serve a good request. A case that fails is run again alone by its number as SEED with CASES 1.
 */
#include "fake_vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 0x000, DRIVER_FEATURES = 0x020, DRIVER_FEATURES_SEL = 0x024, QUEUE_SEL = 0x030, QUEUE_NUM = 0x038, QUEUE_READY = 0x044, QUEUE_NOTIFY = 0x050, INTERRUPT_ACK = 0x064, STATUS = 0x070 };
enum { QUEUE_DESC = 0x080, QUEUE_DRIVER = 0x090, QUEUE_DEVICE = 0x0a0, NEEDS_RESET = 64, DRIVER_OK = 4, QUEUES = 2, STEPS = 20, ALLOWED_MAX = 65536 };
/* In RAM: rings, 8 places of 16 KiB (32 of 4 KiB) for buffers, one of 160 KiB for large ones. */
enum { BUFFERS_AT = 0x10000, LARGE_AT = 0x38000 };

struct range {
    uint64_t gpa, bytes;
};
static struct xl_vm *vm;
static enum virtio_kind kind;
static uint64_t random_state;
static uint64_t part[QUEUES][3]; /* where this case's driver put descriptors, available and used ring */
static unsigned entries[QUEUES], queues;
static struct range allowed[ALLOWED_MAX];
static unsigned allowed_count;
static unsigned broken, served, late, received;

static uint32_t chance(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % below;
}

static uint64_t odd_number(void)
{
    static const uint64_t odd[] = {0, 1, 2, 3, 11, 12, 15, 16, 17, 63, 64, 65, 511, 512, 513, 4096, 65535, 65536, 65537, 0x7fffffff, 0x80000000,
                                   0xfffffffe, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0xfffffffffffffff0, 0xffffffffffffffff,
                                   FAKE_RAM_BASE, FAKE_RAM_BASE - 1, FAKE_RAM_BASE + FAKE_RAM_BYTES, FAKE_RAM_BASE + FAKE_RAM_BYTES - 1,
                                   FAKE_RAM_BASE + FAKE_RAM_BYTES - 16, FAKE_SECTORS, FAKE_SECTORS - 1, FAKE_SECTORS + 1};
    return chance(3) ? odd[chance(sizeof odd / sizeof odd[0])] : random_state;
}

static void put(uint64_t gpa, unsigned bytes, uint64_t value)
{
    if (xl_is_ram(vm, gpa, bytes))
        virtio_le_put(vm->ram + (gpa - FAKE_RAM_BASE), bytes, value);
}

static uint64_t get(uint64_t gpa, unsigned bytes)
{
    return xl_is_ram(vm, gpa, bytes) ? virtio_le(vm->ram + (gpa - FAKE_RAM_BASE), bytes) : 0;
}

static void reg(uint32_t off, uint32_t value)
{
    fake_register_write(vm, kind, off, 4, value);
}

/* --- what the device may write --- */

static void allow(uint64_t gpa, uint64_t bytes)
{
    if (allowed_count < ALLOWED_MAX && xl_is_ram(vm, gpa, bytes))
        allowed[allowed_count++] = (struct range){gpa, bytes};
}

static struct virtio *device(void)
{
    return kind == VIRTIO_DISK ? &vm->set->disk[0]->v : &vm->set->net[0]->v;
}

/* The rings as the device knows them now, and what their descriptors give for writing. */
static void allow_all(void)
{
    const struct virtio *v = device();

    for (unsigned i = 0; i < queues; i++) {
        const struct virtq *q = &v->queue[i];
        if (!q->ready)
            continue;
        allow(q->device, 4 + 8ull * q->entries);
        for (unsigned d = 0; d < q->entries; d++)
            if (get(q->desc + 16ull * d + 12, 2) & 2)
                allow(get(q->desc + 16ull * d, 8), get(q->desc + 16ull * d + 8, 4));
    }
}

static void write_hook(struct xl_vm *m, uint64_t gpa, uint64_t bytes)
{
    bool is_inside = false;

    (void)m;
    allow_all(); /* the write before this one may have been to a descriptor */
    for (unsigned i = allowed_count; i-- > 0 && !is_inside;)
        is_inside = gpa >= allowed[i].gpa && bytes <= allowed[i].bytes && gpa - allowed[i].gpa <= allowed[i].bytes - bytes;
    fake_expect(is_inside || allowed_count == ALLOWED_MAX, "a write where the driver gave no room");
    if (allowed_count > ALLOWED_MAX / 2)
        memmove(allowed, allowed + ALLOWED_MAX / 4, (allowed_count -= ALLOWED_MAX / 4) * sizeof *allowed);
}

/* --- a driver --- */

static void queue_start(unsigned i, unsigned n, uint64_t at)
{
    entries[i] = n;
    part[i][0] = at;
    part[i][1] = at + 16 * n;
    part[i][2] = (part[i][1] + 4 + 2 * n + 3) & ~3ull;
    reg(QUEUE_SEL, i);
    reg(QUEUE_NUM, n);
    for (unsigned p = 0; p < 3; p++) {
        uint32_t off = p == 0 ? QUEUE_DESC : p == 1 ? QUEUE_DRIVER : QUEUE_DEVICE;
        reg(off, (uint32_t)part[i][p]);
        reg(off + 4, (uint32_t)(part[i][p] >> 32));
    }
    reg(QUEUE_READY, 1);
}

static void driver_start(bool is_hostile)
{
    reg(STATUS, 0);
    memset(vm->ram, 0, BUFFERS_AT);
    reg(STATUS, 1);
    reg(STATUS, 3);
    reg(DRIVER_FEATURES_SEL, 1);
    reg(DRIVER_FEATURES, is_hostile && !chance(50) ? (uint32_t)odd_number() : 1);
    reg(STATUS, 11);
    for (unsigned i = 0; i < queues; i++) {
        bool is_odd = is_hostile && !chance(12);
        uint64_t at = is_odd ? (chance(2) ? FAKE_RAM_BASE + FAKE_RAM_BYTES - 16 * chance(128) : odd_number()) : FAKE_RAM_BASE + 0x4000 * i;
        queue_start(i, is_hostile ? 1u << (chance(8) ? 3 + chance(4) : chance(3)) : 16, at);
    }
    if (is_hostile && !chance(20))
        reg(MAGIC + 4 * chance(0x40), (uint32_t)odd_number());
    reg(STATUS, 15);
}

static void descriptor(unsigned i, unsigned d, uint64_t gpa, uint32_t bytes, unsigned flags, unsigned next)
{
    uint64_t at = part[i][0] + 16ull * (d % entries[i]);

    put(at, 8, gpa);
    put(at + 8, 4, bytes);
    put(at + 12, 2, flags);
    put(at + 14, 2, next % entries[i]);
}

static void publish(unsigned i, unsigned head)
{
    uint64_t index = get(part[i][1] + 2, 2);

    put(part[i][1] + 4 + 2 * (index % entries[i]), 2, head);
    put(part[i][1] + 2, 2, index + 1);
}

/* A request of three descriptors from `d` on: header, data, status. Returns the address of its status. */
static uint64_t disk_chain(unsigned d, uint32_t type, uint64_t sector, uint32_t bytes)
{
    uint64_t at = FAKE_RAM_BASE + BUFFERS_AT + 0x4000ull * (d % 8);

    put(at, 4, type);
    put(at + 8, 8, sector);
    descriptor(0, d, at, 16, 1, d + 1);
    descriptor(0, d + 1, bytes < 0x3000 ? at + 32 : FAKE_RAM_BASE + LARGE_AT, bytes, type == 1 ? 1 : 3, d + 2);
    descriptor(0, d + 2, at + 0x3ff0, 1, 2, 0);
    put(at + 0x3ff0, 1, 0xff);
    publish(0, d % entries[0]);
    return at + 0x3ff0;
}

/* Room to receive a frame, or one of so many bytes to send. */
static void net_chain(unsigned queue, unsigned d, unsigned bytes)
{
    uint64_t at = FAKE_RAM_BASE + BUFFERS_AT + 0x1000ull * (d % 16) + 0x10000ull * queue;

    descriptor(queue, d, at, queue ? 12 : 12 + chance(4), queue ? 1 : 3, d + 1);
    descriptor(queue, d + 1, at + 16, queue ? bytes : XL_FRAME_MAX, queue ? 0 : 2, 0);
    publish(queue, d % entries[queue]);
}

static void chain_add(void)
{
    static const uint32_t type[] = {0, 1, 4, 8, 0, 1};
    unsigned queue = chance(queues), d = chance(entries[queue]) & ~3u; /* so that good chains do not share descriptors */

    if (kind == VIRTIO_NET)
        net_chain(queue, d, 14 + chance(chance(4) ? XL_FRAME_MAX - 13 : 3500));
    else
        disk_chain(d, type[chance(6)], chance(FAKE_SECTORS), 512 * (1 + chance(chance(4) ? 16 : 320)));
}

/* Spoil one field of whatever the device will look at. */
static void spoil(void)
{
    unsigned queue = chance(queues), d = chance(entries[queue]);
    uint64_t desc = part[queue][0] + 16ull * d;

    switch (chance(9)) {
    case 0: put(desc, 8, chance(2) ? odd_number() : FAKE_RAM_BASE + chance(FAKE_RAM_BYTES + 64)); break;
    case 1: put(desc + 8, 4, odd_number()); break;
    case 2: put(desc + 12, 2, chance(8)); break;
    case 3: put(desc + 14, 2, chance(3) ? chance(entries[queue]) : odd_number()); break; /* loops, and past the table */
    case 4: put(part[queue][1] + 2, 2, odd_number()); break;
    case 5: put(part[queue][1] + 4 + 2 * d, 2, odd_number()); break;
    case 6: put(FAKE_RAM_BASE + BUFFERS_AT + 0x4000 * chance(8) + 8 * chance(2), 8, odd_number()); break; /* type, sector */
    case 7: put(desc, 8, part[queue][chance(3)] + chance(64)); break; /* the ring itself as a buffer */
    default: put(FAKE_RAM_BASE + chance(BUFFERS_AT), 1, odd_number()); break;
    }
}

static void step(void)
{
    static uint8_t frame[XL_FRAME_MAX + 8];

    vm->answer = (enum xl_disk_answer)chance(3);
    allow_all(); /* what a chain that is taken now may be answered with later */
    switch (chance(8)) {
    case 0: chain_add(); break;
    case 1: spoil(); break;
    case 2:
        if (!chance(8))
            reg(chance(4) ? 0x030 + 4 * chance(0x1e) : 4 * chance(0x80), (uint32_t)odd_number());
        break;
    case 3:
        if (kind == VIRTIO_DISK)
            for (unsigned tag = 0; tag < XL_DISK_TAGS; tag++)
                late += chance(2) && fake_finish(vm, tag, chance(4));
        else
            received += fake_frame_in(vm, frame, chance(sizeof frame));
        break;
    default: reg(QUEUE_NOTIFY, chance(queues)); break;
    }
}

static void finish_all(void)
{
    for (unsigned rounds = 0, open = 1; open && rounds < 200; rounds++) {
        open = 0;
        vm->answer = XL_DISK_DONE;
        for (unsigned tag = 0; tag < XL_DISK_TAGS; tag++)
            open += fake_finish(vm, tag, true);
    }
}

/* After all that: a reset, and the device serves as if nothing had been. */
static void good_request(void)
{
    driver_start(false);
    vm->answer = XL_DISK_DONE;
    if (kind == VIRTIO_DISK) {
        uint64_t status = disk_chain(0, 0, 5, 1024);
        reg(QUEUE_NOTIFY, 0);
        if (get(status, 1) == 0)
            fake_expect(!memcmp(vm->ram + BUFFERS_AT + 32, vm->disk + 5 * 512, 1024), "a good request reads something else");
        finish_all(); /* of requests that the reset made the device forget, which hold the tags until the port is done */
        fake_expect(get(status, 1) == 0 && get(part[0][2] + 2, 2) == 1, "a good request is not served after a reset");
    } else {
        uint8_t frame[60] = {1, 2, 3};
        net_chain(0, 0, 0);
        net_chain(1, 0, 60);
        unsigned before = vm->frames;
        reg(QUEUE_NOTIFY, 1);
        fake_expect(fake_frame_in(vm, frame, sizeof frame) && vm->frames == before + 1, "frames do not pass after a reset");
        fake_expect(get(part[0][2] + 2, 2) == 1 && get(part[0][2] + 8, 4) == 72, "the received frame is not told");
    }
    fake_expect((fake_register_read(vm, kind, STATUS, 4) & (NEEDS_RESET | DRIVER_OK)) == DRIVER_OK, "the device is broken after a good request");
}

static void one_case(void)
{
    unsigned before = vm->requests + vm->frames;

    allowed_count = 0;
    driver_start(true);
    for (unsigned i = chance(6); i > 0; i--)
        chain_add();
    for (unsigned i = chance(4); i > 0; i--)
        spoil();
    for (unsigned i = 0; i < STEPS; i++)
        step();
    broken += (fake_register_read(vm, kind, STATUS, 4) & NEEDS_RESET) != 0;
    served += vm->requests + vm->frames != before;
    if (chance(2))
        finish_all();
    allowed_count = 0;
    good_request();
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    kind = !strcmp(argv[1], "disk") ? VIRTIO_DISK : VIRTIO_NET;
    queues = kind == VIRTIO_DISK ? 1 : 2;
    unsigned cases = (unsigned)strtoul(argv[2], NULL, 10), seed = (unsigned)strtoul(argv[3], NULL, 10);
    for (unsigned i = 0; i < cases; i++) {
        random_state = ((uint64_t)(seed + i) + 1) * 0x9e3779b97f4a7c15ull;
        vm = fake_create(false, (seed + i) % 4 == 0); /* little-endian: the register values above are numbers */
        vm->write_hook = write_hook;
        fprintf(stderr, "\r%u", seed + i);
        one_case();
        fake_destroy(vm);
    }
    fprintf(stderr, "\n");
    printf("%u cases, %u broken, %u with traffic, %u late answers, %u frames received\n", cases, broken, served, late, received);
    return 0;
}
