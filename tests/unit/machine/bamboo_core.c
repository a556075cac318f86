/* SPDX-License-Identifier: MIT */
/* The Bamboo board on the core of core.c: its physical map is a short list, its CPU three registers. One board at a time. */
#include "machine/apbps2.h"
#include "machine/screen.h"
#include "machine/virtio.h"
#include "rt/guest.h"
#include "xl/xl.h"
#include <stdlib.h>
#include <string.h>

void test_begin(void);

extern const struct xl_machine xl_machine_bamboo;
const struct xl_guest xl_guest_ppc = {.name = "none: the board is tried without its CPU"};

static struct region {
    uint64_t base;
    uint32_t bytes;
    const struct xl_device_ops *ops;
    void *dev;
} region[8];
static unsigned regions;
static void *board;
static uint64_t register_value[3];

void *xl_alloc(struct xl_vm *vm, uint64_t bytes)
{
    (void)vm;
    return calloc(1, bytes);
}

bool xl_is_big_endian(struct xl_vm *vm)
{
    (void)vm;
    return true;
}

bool xl_map_ram(struct xl_vm *vm, uint64_t base, uint64_t bytes)
{
    (void)vm;
    return base == 0 && bytes % 4096 == 0;
}

bool xl_map_device(struct xl_vm *vm, uint64_t base, uint32_t bytes, const struct xl_device_ops *ops, void *dev)
{
    (void)vm;
    if (regions == sizeof region / sizeof *region)
        return false;
    region[regions++] = (struct region){base, bytes, ops, dev};
    return true;
}

enum xl_status xl_reg_set(struct xl_vm *vm, const char *name, uint64_t value)
{
    static const char *const names[] = {"r1", "r3", "pc"};

    (void)vm;
    for (unsigned i = 0; i < 3; i++)
        if (!strcmp(name, names[i])) {
            register_value[i] = value;
            return XL_OK;
        }
    return XL_NOT_THERE;
}

/* The devices have tests of their own (tests/unit/virtio); here only their places and lines are of interest. */
static struct {
    const struct virtio_place *place;
    unsigned count;
    virtio_irq_fn *irq;
    void *arg;
} disks_and_nets;

bool virtio_create(struct xl_vm *vm, const struct xl_config *config, const struct virtio_place *places, unsigned count, virtio_irq_fn *irq, void *irq_arg)
{
    (void)vm;
    (void)config;
    disks_and_nets.place = places;
    disks_and_nets.count = count;
    disks_and_nets.irq = irq;
    disks_and_nets.arg = irq_arg;
    return true;
}

/* Drive the line of a place; false: there is no such place. */
bool board_virtio_line(unsigned kind, unsigned n, bool is_high)
{
    for (unsigned i = 0; i < disks_and_nets.count; i++) {
        const struct virtio_place *at = &disks_and_nets.place[i];
        if (at->kind == kind && at->n == n) {
            disks_and_nets.irq(disks_and_nets.arg, at->irq, is_high);
            return true;
        }
    }
    return false;
}

bool bamboo_begin(uint64_t ram_bytes, bool has_screen)
{
    struct xl_config config = {.ram_bytes = ram_bytes, .screen = has_screen};

    test_begin();
    free(board);
    regions = 0;
    if (!xl_machine_bamboo.create(NULL, &config, &board))
        return false;
    xl_machine_bamboo.reset(board);
    return true;
}

/* Display and keyboard, too, have tests of their own (tests/unit/screen): nobody looks here. */
static struct screen *screen;
static struct apbps2 *keyboard;

void xl_screen_set(struct xl_vm *vm, struct screen *s, struct apbps2 *k)
{
    (void)vm;
    screen = s;
    keyboard = k;
}

bool xl_screen_is_wanted(struct xl_vm *vm)
{
    (void)vm;
    return false;
}

uint32_t *xl_screen_shadow(struct xl_vm *vm)
{
    (void)vm;
    return NULL;
}

bool xl_screen_size(struct xl_vm *vm, unsigned width, unsigned height)
{
    (void)vm;
    (void)width;
    (void)height;
    return false;
}

void xl_screen_changed(struct xl_vm *vm, unsigned first, unsigned rows)
{
    (void)vm;
    (void)first;
    (void)rows;
}

enum xl_status xl_read(struct xl_vm *vm, uint64_t gpa, void *bytes, uint64_t count)
{
    (void)vm;
    (void)gpa;
    (void)bytes;
    (void)count;
    return XL_BAD_ARG;
}

/* Where the frame lies that is shown. */
uint64_t board_screen(void)
{
    return screen->mode.frame;
}

unsigned board_key(uint8_t code)
{
    return apbps2_keys(keyboard, &code, 1);
}

static const struct region *at(uint32_t address)
{
    for (unsigned i = 0; i < regions; i++)
        if (address >= region[i].base && address - region[i].base < region[i].bytes)
            return &region[i];
    abort();
}

uint32_t board_read(uint32_t address, unsigned size)
{
    const struct region *r = at(address);

    return r->ops->read(r->dev, (uint32_t)(address - r->base), size);
}

void board_write(uint32_t address, unsigned size, uint32_t value)
{
    const struct region *r = at(address);

    r->ops->write(r->dev, (uint32_t)(address - r->base), size, value);
}

bool board_dcr_read(uint32_t number, uint32_t *value)
{
    return xl_machine_bamboo.io_read(board, number, 4, value);
}

bool board_dcr_write(uint32_t number, uint32_t value)
{
    return xl_machine_bamboo.io_write(board, number, 4, value);
}

unsigned board_receive(unsigned n, const uint8_t *bytes, unsigned count)
{
    return xl_machine_bamboo.console_in(board, n, bytes, count);
}

uint64_t board_boot(uint64_t entry, unsigned which)
{
    xl_machine_bamboo.boot(board, NULL, entry);
    return register_value[which];
}
