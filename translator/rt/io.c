/* SPDX-License-Identifier: MIT */
/*
 * Between the devices and the port: disk requests and frames out, completions and frames in.
 *
 * Source: none; include/xl/xl.h and machine/machine.h say what each side promises.
 */
#include "machine/virtio.h"
#include "rt/cpu.h"

bool xl_is_ram(struct xl_vm *vm, uint64_t gpa, uint64_t bytes)
{
    return xl_ram_at(vm, gpa, bytes) != NULL;
}

bool xl_is_big_endian(struct xl_vm *vm)
{
    return vm->machine->guest->big_endian;
}

void xl_virtio_set(struct xl_vm *vm, struct virtio_set *set)
{
    vm->virtio = set;
}

uint8_t *xl_disk_data(struct xl_vm *vm, unsigned n, unsigned tag)
{
    return vm->port.disk_data[n] + (uint64_t)tag * XL_DISK_REQUEST_BYTES;
}

enum xl_disk_answer xl_disk_start(struct xl_vm *vm, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors)
{
    vm->stats.disk_requests++;
    return vm->port.disk_request(vm->port.arg, n, tag, op, sector, sectors);
}

void xl_net_out(struct xl_vm *vm, unsigned n, const uint8_t *frame, unsigned bytes)
{
    vm->stats.frames_out++;
    vm->port.net_send(vm->port.arg, n, frame, bytes);
}

enum xl_status xl_disk_done(struct xl_vm *vm, unsigned n, unsigned tag, bool is_good)
{
    if (!vm->virtio || n >= vm->virtio->disks)
        return XL_NOT_THERE;
    return virtio_disk_done(vm->virtio->disk[n], tag, is_good) ? XL_OK : XL_BAD_ARG;
}

bool xl_net_in(struct xl_vm *vm, unsigned n, const uint8_t *frame, unsigned bytes)
{
    if (!vm->virtio || n >= vm->virtio->nets)
        return true; /* nobody will ever take it */
    bool is_taken = virtio_net_receive(vm->virtio->net[n], frame, bytes);
    vm->stats.frames_in += is_taken;
    return is_taken;
}
