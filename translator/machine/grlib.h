/* SPDX-License-Identifier: MIT */
/*
 * GRLIB devices as the LEON machines use them: one struct each, made by its `_init`, reached through its `_ops`.
 *
 * Interrupts are pulses into the IRQMP, as on the APB bus. Source: GRLIB IP Core User's Manual (one chapter a core).
 */
#ifndef XL_GRLIB_H
#define XL_GRLIB_H

#include "machine/machine.h"

enum { GPTIMER_TIMERS_MAX = 7, APBUART_FIFO_MAX = 64, APB_DEVICES_MAX = 16 };

struct irqmp {
    struct xl_vm *vm;
    uint32_t level, pending, force, mask;
};
void irqmp_init(struct irqmp *d, struct xl_vm *vm);
void irqmp_raise(struct irqmp *d, unsigned irq); /* a pulse on line 1..15 */
void irqmp_ack(struct irqmp *d, unsigned level); /* the CPU took this interrupt */
extern const struct xl_device_ops irqmp_ops;

struct gptimer;
struct gptimer_timer {
    struct gptimer *unit;
    struct xl_event event;
    uint32_t reload, control;
    uint32_t value;   /* counter at start_ns while running, else the counter */
    uint64_t start_ns;
};
struct gptimer {
    struct xl_vm *vm;
    struct irqmp *irqmp;
    unsigned irq, timers;
    uint64_t clock_ns; /* of one bus clock */
    uint32_t scaler_reload;
    uint64_t scaler_start_ns;
    struct gptimer_timer timer[GPTIMER_TIMERS_MAX];
};
void gptimer_init(struct gptimer *d, struct xl_vm *vm, struct irqmp *irqmp, unsigned irq, unsigned timers, uint64_t clock_hz);
void gptimer_scaler_set(struct gptimer *d, uint32_t reload);
extern const struct xl_device_ops gptimer_ops;

struct apbuart {
    struct xl_vm *vm;
    struct irqmp *irqmp;
    unsigned irq, console, fifo_bytes;
    uint32_t control, scaler, sticky; /* sticky: overrun, break, parity, framing */
    uint8_t rx[APBUART_FIFO_MAX], tx[APBUART_FIFO_MAX];
    unsigned rx_count, tx_count;
    struct xl_event retry; /* the console had no room */
};
void apbuart_init(struct apbuart *d, struct xl_vm *vm, struct irqmp *irqmp, unsigned irq, unsigned console, unsigned fifo_bytes);
void apbuart_enable(struct apbuart *d); /* as firmware leaves it */
unsigned apbuart_receive(struct apbuart *d, const uint8_t *bytes, unsigned count);
extern const struct xl_device_ops apbuart_ops;

struct mctrl {
    uint32_t mcfg[8];
};
extern const struct xl_device_ops mctrl_ops;

/* The APB bridge: devices by their offset, plug&play records of them at pnp_offset; holes read as 0. */
struct apb_slot {
    uint32_t base, bytes, id;
    const struct xl_device_ops *ops;
    void *dev;
};
struct apb {
    uint32_t base, pnp;
    unsigned slots;
    struct apb_slot slot[APB_DEVICES_MAX];
};
/* Set base and pnp first. False when the device reaches out of what lies between them or into another one, or when there are too many. */
bool apb_add(struct apb *d, uint32_t base, uint32_t bytes, uint32_t id, const struct xl_device_ops *ops, void *dev);
extern const struct xl_device_ops apb_ops;

/* AHB plug&play: 64 master and 64 slave records of 8 words. */
struct ahb_pnp {
    uint32_t word[1024];
};
extern const struct xl_device_ops ahb_pnp_ops;
#define PNP_ID(vendor, device, version, irq) ((uint32_t)(vendor) << 24 | (uint32_t)(device) << 12 | (uint32_t)(version) << 5 | (uint32_t)(irq))

#endif
