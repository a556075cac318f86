/* SPDX-License-Identifier: MIT */
/*
 * Between the devices and the port: disk requests, frames and pictures out, completions, frames and keys in.
 *
 * Source: none; include/xl/xl.h and machine/machine.h say what each side promises.
 */
#include "machine/apbps2.h"
#include "machine/screen.h"
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

void xl_screen_set(struct xl_vm *vm, struct screen *screen, struct apbps2 *keyboard)
{
    vm->screen = screen;
    vm->keyboard = keyboard;
}

uint32_t *xl_screen_shadow(struct xl_vm *vm)
{
    return vm->port.screen;
}

bool xl_screen_is_wanted(struct xl_vm *vm)
{
    return !vm->port.screen_wanted || vm->port.screen_wanted(vm->port.arg);
}

/* The size is the vm's and not the device's, so that a snapshot of another time cannot disagree with what the port was told. */
bool xl_screen_size(struct xl_vm *vm, unsigned width, unsigned height)
{
    if (width == vm->screen_width && height == vm->screen_height)
        return false;
    vm->screen_width = width;
    vm->screen_height = height;
    if (!width)
        vm->port.screen_changed(vm->port.arg, 0, 0, 0, 0);
    return true;
}

void xl_screen_changed(struct xl_vm *vm, unsigned first, unsigned rows)
{
    vm->port.screen_changed(vm->port.arg, vm->screen_width, vm->screen_height, first, rows);
}

void xl_screen_refresh(struct xl_vm *vm)
{
    if (vm->screen)
        screen_refresh(vm->screen);
}

unsigned xl_keys_in(struct xl_vm *vm, const uint8_t *codes, unsigned count)
{
    return vm->keyboard ? apbps2_keys(vm->keyboard, codes, count) : count; /* nobody will ever take them */
}
