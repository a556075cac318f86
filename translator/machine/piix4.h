/* SPDX-License-Identifier: MIT */
/*
 * 82371AB (PIIX4) south bridge: four PCI functions and what of the PC's old devices is in it. Ports are bytes; a wider access is several of them, as on an ISA bus.
 *
 *   0 ISA bridge: interrupt controllers, timer, clock, ports 61 and cf9     1 IDE, to which nothing is attached     2 USB, to which nothing is attached
 *   3 power management, of which switching off is there
 *
 * Its DMA controllers are not there. Source: Intel 82371AB data sheet (290562).
 */
#ifndef XL_PIIX4_H
#define XL_PIIX4_H

#include "machine/i8254.h"
#include "machine/i8259.h"
#include "machine/mc146818.h"
#include "machine/pci.h"

enum { PIIX4_FUNCTIONS = 4, PIIX4_USB_BYTES = 32, PIIX4_PM_BYTES = 64 };
enum { IRQ_TIMER = 0, IRQ_CLOCK = 8 };

struct piix4 {
    struct xl_vm *vm;
    struct pci_function function[PIIX4_FUNCTIONS];
    struct i8259_pair pic;
    struct i8254 timer;
    struct mc146818 clock;
    uint8_t port61, reset_control;
    uint8_t usb[PIIX4_USB_BYTES];
    uint8_t pm[PIIX4_PM_BYTES];
};
void piix4_init(struct piix4 *d, struct xl_vm *vm, void (*interrupt)(void *, unsigned, bool), void *arg, unsigned line);
void piix4_reset(struct piix4 *d);
/* A byte of I/O space; false: nothing of the bridge is at this port. */
bool piix4_port_read(struct piix4 *d, uint32_t port, uint8_t *value);
bool piix4_port_write(struct piix4 *d, uint32_t port, uint8_t value);

#endif
