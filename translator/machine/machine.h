/* SPDX-License-Identifier: MIT */
/*
 * What a machine model is to the core: RAM ranges, devices in a physical map, an interrupt line, timed events.
 *
 * Devices are written once for workstation and board: no libc, no port calls other than those of struct xl_port. Device time is guest time in
 * nanoseconds (xl_time_ns), a function of executed instructions and, in time mode host, of the port's clock; it is exact at a device access because an
 * instruction that touches a device ends its block.
 */
#ifndef XL_MACHINE_H
#define XL_MACHINE_H

#include "xl/xl.h"
#include <stdbool.h>
#include <stdint.h>

struct xl_vm;
struct xl_cpu;
struct xl_guest;
struct xl_config;

/* Register access of a device: off < the region's size, size 1, 2, 4; value in the guest's byte order as a number. */
struct xl_device_ops {
    const char *kind;
    uint32_t (*read)(void *dev, uint32_t off, unsigned size);
    void (*write)(void *dev, uint32_t off, unsigned size, uint32_t value);
    void (*reset)(void *dev);
};

/* Both return false when the range is misaligned (4 KiB for RAM; devices may share a page) or overlaps. Called at creation only. */
bool xl_map_ram(struct xl_vm *vm, uint64_t base, uint64_t bytes);
bool xl_map_device(struct xl_vm *vm, uint64_t base, uint32_t bytes, const struct xl_device_ops *ops, void *dev);

/* Timed events: at guest time when_ns call fn. One struct per timer, owned by the device. */
struct xl_event {
    uint64_t when_ns;
    void (*fn)(void *arg);
    void *arg;
    struct xl_event *next;
    bool armed;
};
uint64_t xl_time_ns(struct xl_vm *vm);
void xl_event_arm(struct xl_vm *vm, struct xl_event *e, uint64_t when_ns);
void xl_event_cancel(struct xl_vm *vm, struct xl_event *e);

/* The guest does nothing but ask a device whether its time has come: guest time goes on to until_ns, no further than the next event, as if the CPU slept. */
void xl_time_skip(struct xl_vm *vm, uint64_t until_ns);

/* The machine drives the CPU's interrupt request: level guest-defined, 0 none. Taken before the next instruction. */
void xl_irq_set(struct xl_vm *vm, uint32_t level);
/* Guest-wide stop requests by devices. */
void xl_machine_stop(struct xl_vm *vm, int code); /* power off */

void *xl_alloc(struct xl_vm *vm, uint64_t bytes); /* zeroed, from the machine's arena at creation; NULL when full */
/* Console: bytes out go to console n of the port; bytes in arrive by this callback of the machine, which returns how many it took. */
bool xl_console_out(struct xl_vm *vm, unsigned n, uint8_t byte); /* false: no room now, try again later */

/* Disks and networks, for machine/virtio*.c: what the port gives (xl.h) and where its news go. */
bool xl_is_ram(struct xl_vm *vm, uint64_t gpa, uint64_t bytes);
bool xl_is_big_endian(struct xl_vm *vm);
uint8_t *xl_disk_data(struct xl_vm *vm, unsigned n, unsigned tag);
enum xl_disk_answer xl_disk_start(struct xl_vm *vm, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors);
void xl_net_out(struct xl_vm *vm, unsigned n, const uint8_t *frame, unsigned bytes);
struct virtio_set;
void xl_virtio_set(struct xl_vm *vm, struct virtio_set *set);

/* A display and a keyboard, for machine/screen.c and apbps2.c. */
struct screen;
struct apbps2;
void xl_screen_set(struct xl_vm *vm, struct screen *screen, struct apbps2 *keyboard);
uint32_t *xl_screen_shadow(struct xl_vm *vm);
bool xl_screen_is_wanted(struct xl_vm *vm);
bool xl_screen_size(struct xl_vm *vm, unsigned width, unsigned height); /* what is shown has this size, 0: nothing is; was it another before? */
void xl_screen_changed(struct xl_vm *vm, unsigned first, unsigned rows);

struct xl_machine {
    const char *name;                       /* "leon3" */
    const struct xl_guest *guest;
    uint64_t ram_base, ram_min, ram_max;    /* bytes */
    uint64_t clock_hz;
    bool (*create)(struct xl_vm *vm, const struct xl_config *config, void **state); /* maps RAM and devices */
    void (*reset)(void *state);
    void (*boot)(void *state, struct xl_cpu *cpu, uint64_t entry); /* registers as firmware leaves them for a program at entry */
    unsigned (*console_in)(void *state, unsigned n, const uint8_t *bytes, unsigned count);
    void (*irq_ack)(void *state, unsigned level);
    uint64_t state_bytes;
    /* The CPU's second address space (PowerPC DCRs), NULL where it has none; false: nothing is at that address. */
    bool (*io_read)(void *state, uint32_t address, unsigned size, uint32_t *value);
    bool (*io_write)(void *state, uint32_t address, unsigned size, uint32_t value);
};
extern const struct xl_machine *const xl_machines[]; /* ended by NULL; machine/machines.c */

#endif
