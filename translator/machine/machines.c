/* SPDX-License-Identifier: MIT */
/* The machines there are. A new one adds its line here and its files beside it. */
#include "machine/bamboo.h"

extern const struct xl_machine xl_machine_leon3;
extern const struct xl_guest xl_guest_ppc;

enum {
#define MACHINE(name, value) BAMBOO_##name = value,
#include "machine/bamboo.def"
};

static const struct xl_machine machine_bamboo = {
    .name = "bamboo",
    .guest = &xl_guest_ppc,
    .ram_base = BAMBOO_ram_base,
    .ram_min = BAMBOO_ram_min,
    .ram_max = BAMBOO_ram_max,
    .clock_hz = BAMBOO_clock_hz,
    .create = bamboo_create,
    .reset = bamboo_reset,
    .boot = bamboo_boot,
    .console_in = bamboo_console_in,
    .io_read = bamboo_io_read,
    .io_write = bamboo_io_write,
};

const struct xl_machine *const xl_machines[] = {&xl_machine_leon3, &machine_bamboo, 0};
