/* SPDX-License-Identifier: MIT */
/*
 * A guest's task between its machine and the servers: vm_devices.c with the real cores of both servers, the arguments a test gives, and a machine that only notes what it is given.
 * A signal to a server runs one turn of it at once, unless the test says that it is away.
 */
#include "vm_devices.h"

#include "devsrv/args.h"
#include "disk.h"
#include "l4/l4.h"
#include "switch.h"

#include <string.h>

enum { DISK_SLOT = 5, NET_SLOT = 6, WAKE_SLOT = 7, SECTORS = 64 };

static struct {
    struct vm_devices devices;
    struct xl_l4_config config;
    struct ds_block_memory block;
    struct ds_net_memory net[2]; /* the guest's and another's */
    uint8_t area[SECTORS * DS_BLOCK_SECTOR];
    struct block_client server;
    struct net_switch net_switch;
    struct arg_entry disk_ring, net_ring, disk_name;
    unsigned away_turns, signals, done_tag, done_count, frame_bytes;
    bool done_good, takes_frames;
} b;

const struct arg_entry *ds_args_find(enum arg_kind kind, const char *name)
{
    if (kind == ARG_KIND_RING && strcmp(name, "disk0") == 0 && b.disk_ring.bytes)
        return &b.disk_ring;
    return kind == ARG_KIND_RING && strcmp(name, "net0") == 0 && b.net_ring.bytes ? &b.net_ring : NULL;
}

const char *ds_args_text(const char *name)
{
    return strcmp(name, "disk0") == 0 ? "work.data" : "";
}

enum k_status l4_signal(uint32_t notification, uint64_t bits)
{
    uint64_t signals = 0;

    (void)bits;
    b.signals++;
    if (b.away_turns) {
        b.away_turns--;
        return K_OK;
    }
    if (notification == DISK_SLOT)
        block_client_turn(&b.server);
    for (unsigned n = 0; n < b.net_switch.ports && notification == NET_SLOT; n++)
        switch_turn(&b.net_switch, n, &signals);
    return K_OK;
}

enum k_status l4_wait(uint32_t notification, uint64_t deadline_ns, uint64_t *word)
{
    (void)word;
    return notification == WAKE_SLOT && deadline_ns ? K_OK : (enum k_status)1;
}

uint64_t l4_now_ns(void)
{
    return 1;
}

enum xl_status xl_disk_done(struct xl_vm *vm, unsigned n, unsigned tag, bool is_good)
{
    (void)vm;
    (void)n;
    b.done_count++;
    b.done_tag = tag;
    b.done_good = is_good;
    return XL_OK;
}

bool xl_net_in(struct xl_vm *vm, unsigned n, const uint8_t *frame, unsigned bytes)
{
    (void)vm;
    (void)n;
    (void)frame;
    b.frame_bytes = b.takes_frames ? bytes : b.frame_bytes;
    return b.takes_frames;
}

/* The task's start; the memory of queues and disk stays as it is. */
const char *devices_open(void)
{
    const char *wrong;

    memset(&b.devices, 0, sizeof b.devices);
    memset(&b.config, 0, sizeof b.config);
    wrong = vm_devices_open(&b.devices, &b.config);
    return wrong ? wrong : "";
}

const char *devices_make(uint64_t disk_bytes, uint64_t net_bytes, int is_read_only)
{
    uint64_t value = (uint64_t)SECTORS << 1 | (is_read_only != 0);

    memset(&b, 0, sizeof b);
    b.disk_ring = (struct arg_entry){.slot = DISK_SLOT, .va = (uint64_t)(uintptr_t)&b.block, .bytes = disk_bytes, .value = value};
    b.net_ring = (struct arg_entry){.slot = NET_SLOT, .va = (uint64_t)(uintptr_t)&b.net[0], .bytes = net_bytes, .value = 0x060504030202};
    if (!block_client_open(&b.server, &b.block, sizeof b.block, b.area, sizeof b.area, value))
        return "the server refuses its client";
    for (unsigned n = 0; n < 2; n++)
        if (!switch_add(&b.net_switch, &b.net[n], sizeof b.net[n], b.net_ring.value + n))
            return "the server refuses a port";
    return devices_open();
}

uint64_t devices_sectors(void)
{
    return b.config.vm.disks ? b.config.vm.disk[0].sectors << 1 | b.config.vm.disk[0].is_read_only : 0;
}

const uint8_t *devices_id(void)
{
    return b.config.vm.disk[0].id;
}

const uint8_t *devices_mac(void)
{
    return b.config.vm.net[0].mac;
}

uint8_t *devices_buffer(unsigned tag)
{
    return b.config.disk_data[0] + (uint64_t)tag * XL_DISK_REQUEST_BYTES;
}

uint8_t *devices_area(void)
{
    return b.area;
}

int devices_request(unsigned tag, int op, uint64_t sector, unsigned sectors)
{
    return vm_devices_request(&b.devices, 0, tag, (enum xl_disk_op)op, sector, sectors);
}

void devices_signal(void)
{
    vm_devices_signal(&b.devices);
}

void devices_settle(void)
{
    vm_devices_settle(&b.devices, WAKE_SLOT);
}

int devices_offer(void)
{
    return vm_devices_offer(&b.devices, NULL);
}

/* The last answer: count << 8, tag << 1, good. */
unsigned devices_done(void)
{
    return b.done_count << 8 | b.done_tag << 1 | b.done_good;
}

unsigned devices_signals(void)
{
    return b.signals;
}

void devices_away(unsigned turns)
{
    b.away_turns = turns;
}

void devices_take_frames(int does)
{
    b.takes_frames = does;
}

unsigned devices_frame_bytes(void)
{
    return b.frame_bytes;
}

void devices_send(const uint8_t *frame, unsigned bytes)
{
    vm_devices_send(&b.devices, 0, frame, bytes);
}

/* The other port sends, and what it got: its length. */
unsigned devices_other(const uint8_t *frame, unsigned bytes)
{
    static uint8_t got[DS_NET_FRAME_MAX];
    struct ds_net other;

    if (!ds_net_open(&other, &b.net[1], sizeof b.net[1], 0))
        return 0;
    if (bytes) {
        ds_net_send(&other, frame, bytes);
        l4_signal(NET_SLOT, 1);
    }
    return ds_net_receive(&other, got, sizeof got);
}
