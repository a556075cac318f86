/* SPDX-License-Identifier: MIT */
/* The machine of fake_vm.h: the functions that virtio*.c calls, and a port behind them. */
#include "fake_vm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fake_expect(bool is_good, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "virtio: %s\n", what);
        abort();
    }
}

bool xl_is_ram(struct xl_vm *vm, uint64_t gpa, uint64_t bytes)
{
    (void)vm;
    return gpa >= FAKE_RAM_BASE && bytes <= FAKE_RAM_BYTES && gpa - FAKE_RAM_BASE <= FAKE_RAM_BYTES - bytes;
}

bool xl_is_big_endian(struct xl_vm *vm)
{
    return vm->is_big_endian;
}

enum xl_status xl_read(struct xl_vm *vm, uint64_t gpa, void *bytes, uint64_t count)
{
    fake_expect(xl_is_ram(vm, gpa, count), "the device reads what it did not check");
    memcpy(bytes, vm->ram + (gpa - FAKE_RAM_BASE), count);
    return XL_OK;
}

enum xl_status xl_write(struct xl_vm *vm, uint64_t gpa, const void *bytes, uint64_t count)
{
    fake_expect(xl_is_ram(vm, gpa, count), "the device writes what it did not check");
    if (vm->write_hook)
        vm->write_hook(vm, gpa, count);
    memcpy(vm->ram + (gpa - FAKE_RAM_BASE), bytes, count);
    return XL_OK;
}

void *xl_alloc(struct xl_vm *vm, uint64_t bytes)
{
    (void)vm;
    return calloc(1, bytes);
}

bool xl_map_device(struct xl_vm *vm, uint64_t base, uint32_t bytes, const struct xl_device_ops *ops, void *dev)
{
    (void)vm;
    (void)base;
    (void)dev;
    return bytes == VIRTIO_REGISTER_BYTES && ops == &virtio_mmio_ops;
}

void xl_virtio_set(struct xl_vm *vm, struct virtio_set *set)
{
    vm->set = set;
}

uint8_t *xl_disk_data(struct xl_vm *vm, unsigned n, unsigned tag)
{
    fake_expect(n == 0 && tag < XL_DISK_TAGS, "a buffer that does not exist");
    return vm->data + (size_t)tag * XL_DISK_REQUEST_BYTES;
}

static void carry_out(struct xl_vm *vm, unsigned tag)
{
    const struct fake_request *r = &vm->request[tag];
    uint8_t *at = vm->disk + r->sector * 512, *data = xl_disk_data(vm, 0, tag);

    if (r->op == XL_DISK_READ)
        memcpy(data, at, r->sectors * 512);
    else if (r->op == XL_DISK_WRITE)
        memcpy(at, data, r->sectors * 512);
    else
        vm->flushes++;
}

enum xl_disk_answer xl_disk_start(struct xl_vm *vm, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors)
{
    fake_expect(n == 0 && tag < XL_DISK_TAGS && !vm->request[tag].is_open, "a tag is used twice");
    fake_expect(op == XL_DISK_FLUSH ? !sectors : sectors && sectors <= XL_DISK_REQUEST_BYTES / 512, "a request larger than its buffer, or empty");
    fake_expect(sector <= FAKE_SECTORS && sectors <= FAKE_SECTORS - sector, "a request outside the disk");
    fake_expect(op != XL_DISK_WRITE || !vm->is_read_only, "a write to a read-only disk");
    vm->requests++;
    vm->request[tag] = (struct fake_request){vm->answer == XL_DISK_LATER, op, sector, sectors};
    if (vm->answer == XL_DISK_DONE)
        carry_out(vm, tag);
    return vm->answer;
}

void xl_net_out(struct xl_vm *vm, unsigned n, const uint8_t *frame, unsigned bytes)
{
    fake_expect(n == 0 && bytes >= 14 && bytes <= XL_FRAME_MAX, "a frame of an illegal size");
    struct fake_frame *f = &vm->frame[vm->frames++ % FAKE_FRAMES];
    f->bytes = bytes;
    memcpy(f->data, frame, bytes);
}

static void irq(void *arg, unsigned line, bool is_high)
{
    struct xl_vm *vm = arg;

    (void)line;
    vm->irqs += is_high;
    vm->is_high = is_high;
}

struct xl_vm *fake_create(bool is_big_endian, bool is_read_only)
{
    static const struct virtio_place places[] = {{VIRTIO_DISK, 0, 1, 0}, {VIRTIO_NET, 0, 2, 0x1000}};
    struct xl_config config = {.disks = 1, .nets = 1};
    struct xl_vm *vm = calloc(1, sizeof *vm);

    fake_expect(vm && (vm->ram = calloc(1, FAKE_RAM_BYTES)) && (vm->data = calloc(XL_DISK_TAGS, XL_DISK_REQUEST_BYTES)), "no memory");
    vm->is_big_endian = is_big_endian;
    vm->is_read_only = is_read_only;
    config.disk[0] = (struct xl_disk){.sectors = FAKE_SECTORS, .is_read_only = is_read_only, .id = "the disk"};
    memcpy(config.net[0].mac, "\x02\x00\x00\x00\x00\x07", 6);
    fake_expect(virtio_create(vm, &config, places, 2, irq, vm), "the devices cannot be made");
    virtio_set_reset(vm->set);
    return vm;
}

void fake_destroy(struct xl_vm *vm)
{
    free(vm->set->disk[0]);
    free(vm->set->net[0]);
    free(vm->set);
    free(vm->ram);
    free(vm->data);
    free(vm);
}

static struct virtio *device(struct xl_vm *vm, enum virtio_kind kind)
{
    return kind == VIRTIO_DISK ? &vm->set->disk[0]->v : &vm->set->net[0]->v;
}

uint32_t fake_register_read(struct xl_vm *vm, enum virtio_kind kind, uint32_t off, unsigned size)
{
    return virtio_mmio_ops.read(device(vm, kind), off, size);
}

void fake_register_write(struct xl_vm *vm, enum virtio_kind kind, uint32_t off, unsigned size, uint32_t value)
{
    virtio_mmio_ops.write(device(vm, kind), off, size, value);
}

bool fake_finish(struct xl_vm *vm, unsigned tag, bool is_good)
{
    if (!vm->request[tag].is_open)
        return false;
    if (is_good)
        carry_out(vm, tag);
    vm->request[tag].is_open = false;
    fake_expect(virtio_disk_done(vm->set->disk[0], tag, is_good), "an answer that nobody waits for");
    return true;
}

bool fake_frame_in(struct xl_vm *vm, const uint8_t *frame, unsigned bytes)
{
    return virtio_net_receive(vm->set->net[0], frame, bytes);
}

uint8_t *fake_ram(struct xl_vm *vm)
{
    return vm->ram;
}

uint8_t *fake_disk(struct xl_vm *vm)
{
    return vm->disk;
}

const struct fake_frame *fake_sent(struct xl_vm *vm, unsigned index)
{
    return &vm->frame[index % FAKE_FRAMES];
}

void fake_answer_set(struct xl_vm *vm, enum xl_disk_answer answer)
{
    vm->answer = answer;
}

unsigned fake_count(struct xl_vm *vm, char what)
{
    switch (what) {
    case 'i': return vm->irqs;
    case 'r': return vm->requests;
    case 'f': return vm->flushes;
    case 's': return vm->frames;
    default: return vm->is_high;
    }
}
