/* SPDX-License-Identifier: MIT */
/* The machine of desk.h: the functions that screen.c, svgactrl.c and apbps2.c call, and a port behind them. */
#include "desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void desk_expect(bool is_good, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "desk: %s\n", what);
        abort();
    }
}

enum xl_status xl_read(struct xl_vm *vm, uint64_t gpa, void *bytes, uint64_t count)
{
    if (gpa < DESK_RAM_BASE || count > DESK_RAM_BYTES || gpa - DESK_RAM_BASE > DESK_RAM_BYTES - count)
        return XL_BAD_ARG;
    memcpy(bytes, vm->ram + (gpa - DESK_RAM_BASE), count);
    return XL_OK;
}

uint64_t xl_time_ns(struct xl_vm *vm)
{
    return vm->now_ns;
}

void xl_event_cancel(struct xl_vm *vm, struct xl_event *e)
{
    for (struct xl_event **at = &vm->events; *at; at = &(*at)->next)
        if (*at == e) {
            *at = e->next;
            break;
        }
    e->armed = false;
}

void xl_event_arm(struct xl_vm *vm, struct xl_event *e, uint64_t when_ns)
{
    struct xl_event **at = &vm->events;

    desk_expect(when_ns > vm->now_ns, "an event that is due at once would never let the guest run");
    xl_event_cancel(vm, e);
    while (*at && (*at)->when_ns <= when_ns)
        at = &(*at)->next;
    e->when_ns = when_ns;
    e->next = *at;
    e->armed = true;
    *at = e;
}

uint32_t *xl_screen_shadow(struct xl_vm *vm)
{
    return vm->shadow;
}

bool xl_screen_is_wanted(struct xl_vm *vm)
{
    return vm->is_wanted;
}

bool xl_screen_size(struct xl_vm *vm, unsigned width, unsigned height)
{
    desk_expect(width <= XL_SCREEN_WIDTH_MAX && height <= XL_SCREEN_HEIGHT_MAX && !width == !height, "a size that no shadow has room for");
    if (width == vm->width && height == vm->height)
        return false;
    vm->width = width;
    vm->height = height;
    if (!width)
        vm->tellings++;
    return true;
}

void xl_screen_changed(struct xl_vm *vm, unsigned first, unsigned rows)
{
    desk_expect(rows && first < vm->height && rows <= vm->height - first, "rows that the screen has not");
    vm->tellings++;
    vm->first_row = first;
    vm->rows += rows;
}

static void pulse(void *arg, unsigned irq)
{
    struct xl_vm *vm = arg;

    desk_expect(irq == 5, "another device's interrupt");
    vm->pulses++;
}

struct xl_vm *desk_create(void)
{
    struct xl_vm *vm = calloc(1, sizeof *vm);

    desk_expect(vm && (vm->ram = calloc(1, DESK_RAM_BYTES)) && (vm->shadow = calloc(1, XL_SCREEN_BYTES)), "no memory");
    vm->is_wanted = true;
    screen_init(&vm->screen, vm);
    svgactrl_init(&vm->svgactrl, &vm->screen);
    apbps2_init(&vm->apbps2, vm, pulse, vm, 5);
    svgactrl_ops.reset(&vm->svgactrl);
    apbps2_ops.reset(&vm->apbps2);
    return vm;
}

void desk_destroy(struct xl_vm *vm)
{
    free(vm->ram);
    free(vm->shadow);
    free(vm);
}

uint32_t desk_read(struct xl_vm *vm, uint32_t off)
{
    return off >= SVGACTRL_AT ? svgactrl_ops.read(&vm->svgactrl, off - SVGACTRL_AT, 4) : apbps2_ops.read(&vm->apbps2, off - APBPS2_AT, 4);
}

void desk_write(struct xl_vm *vm, uint32_t off, uint32_t value)
{
    if (off >= SVGACTRL_AT)
        svgactrl_ops.write(&vm->svgactrl, off - SVGACTRL_AT, 4, value);
    else
        apbps2_ops.write(&vm->apbps2, off - APBPS2_AT, 4, value);
}

void desk_advance(struct xl_vm *vm, uint64_t ns)
{
    uint64_t end = vm->now_ns + ns;

    while (vm->events && vm->events->when_ns <= end) {
        struct xl_event *e = vm->events;
        vm->events = e->next;
        e->armed = false;
        vm->now_ns = e->when_ns;
        e->fn(e->arg);
    }
    vm->now_ns = end;
}

unsigned desk_keys(struct xl_vm *vm, const uint8_t *codes, unsigned count)
{
    return apbps2_keys(&vm->apbps2, codes, count);
}

void desk_refresh(struct xl_vm *vm)
{
    screen_refresh(&vm->screen);
}

void desk_wanted(struct xl_vm *vm, bool is_wanted)
{
    vm->is_wanted = is_wanted;
}

uint8_t *desk_ram(struct xl_vm *vm)
{
    return vm->ram;
}

uint32_t *desk_shadow(struct xl_vm *vm)
{
    return vm->shadow;
}

unsigned desk_count(struct xl_vm *vm, char what)
{
    switch (what) {
    case 'w': return vm->width;
    case 'h': return vm->height;
    case 't': return vm->tellings;
    case 'r': return vm->rows;
    case 'f': return vm->first_row;
    case 'l': return vm->apbps2.keyboard.leds;
    case 'm': return vm->apbps2.keyboard.typematic;
    default: return vm->pulses;
    }
}
