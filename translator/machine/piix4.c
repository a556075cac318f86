/* SPDX-License-Identifier: MIT */
/*
 * 82371AB (PIIX4) south bridge.
 *
 *   port 61   0 gate of counter 2 | 1 speaker | 2 3 error sources off | 4 refresh | 5 output of counter 2        port cf9   1 hard reset | 2 do it
 *   USB       0 command: 0 run | 1 reset | 2 global reset     2 status: 5 halted, 4..0 a written 1 clears     6 frame number     c start of frame     10 12 ports: 7 always 1, nobody there
 *   PM        0 status, a written 1 clears     2 enable     4 control: 13 suspend | 12..10 which, 0: soft off
 *
 * Soft off is asked of the CPU by STPCLK#, which the machine's CPU grants at once. The frame number stands still: there is no schedule to run.
 * Source: Intel 82371AB data sheet, 4 to 7 (functions 0 to 3), 8 and 9.
 */
#include "machine/piix4.h"

enum { ISA, IDE, USB, POWER };
enum { COMMAND = 4, COMMAND_IO = 1, USB_BASE = 0x20, PM_BASE = 0x40, PM_MISC = 0x80, PM_MISC_ENABLE = 1, PORT_MASK = 0xfffc };
enum { PORT61_GATE = 1, PORT61_WRITABLE = 0xf, PORT61_REFRESH = 0x10, PORT61_OUTPUT = 0x20, REFRESH_NS = 15085, RESET_WRITABLE = 2, RESET_GO = 4, SPEAKER_COUNTER = 2 };
enum { USB_COMMAND, USB_STATUS = 2, USB_INTERRUPT = 4, USB_FRAME = 6, USB_LIST = 8, USB_SOF = 12, USB_PORT1 = 16, USB_PORT2 = 18 };
enum { USB_RUN = 1, USB_RESETS = 6, USB_HALTED = 0x20, USB_CAUSES = 0x1f, USB_SOF_START = 0x40, USB_PORT_START = 0x80 };
enum { PM_STATUS, PM_ENABLE = 2, PM_CONTROL = 4, PM_SUSPEND = 0x20, PM_TYPE = 0x1c /* both in the control's second byte */, PM_STATUS_CLEARS = 0x8d31 };

#define HEADER(device, class_revision, commands)                                                                                     \
    {0x00, 4, (device) << 16 | 0x8086, 0, 0}, {0x04, 2, 0, commands, 0}, {0x06, 2, 0x0280, 0, 0x3900}, {0x08, 4, class_revision, 0, 0}
static const struct pci_register isa_table[] = {
    {0x00, 4, 0x71108086, 0, 0}, {0x04, 2, 0x0007, 0x0108, 0}, {0x06, 2, 0x0280, 0, 0x7800}, {0x08, 4, 0x06010002, 0, 0}, {0x0e, 1, 0x80, 0, 0},
    {0x4c, 1, 0x4d, 0x7f, 0},     /* I/O recovery */
    {0x4e, 2, 0x0003, 0x07ff, 0}, /* X-bus chip selects */
    {0x60, 4, 0x80808080, 0x8f8f8f8f, 0}, /* where PCI interrupts go: nowhere */
    {0x64, 1, 0x10, 0xff, 0},     /* serial interrupts */
    {0x69, 1, 0x02, 0xfa, 0},     /* top of memory */
    {0x6a, 2, 0, 0x8001, 0}, {0x76, 2, 0x0c0c, 0x8f8f, 0}, {0x80, 1, 0, 0xff, 0}, {0x82, 1, 0, 0x0f, 0}, {0x90, 2, 0, 0xfffc, 0}, {0x92, 2, 0, 0xfffc, 0},
    {0xb0, 4, 0, 0xffffffff, 0},  /* what pins are */
    {0xcb, 1, 0x21, 0x3d, 0},     /* clock */
};
static const struct pci_register ide_table[] = {
    HEADER(0x7111, 0x01018001, 0x0005), {0x0d, 1, 0, 0xf0, 0}, {0x20, 4, 1, 0xfff0, 0}, /* bus master registers */
    {0x40, 4, 0, 0xf3fff3ff, 0}, {0x44, 1, 0, 0xff, 0}, {0x48, 1, 0, 0x0f, 0}, {0x4a, 2, 0, 0x3333, 0},
};
static const struct pci_register usb_table[] = {
    HEADER(0x7112, 0x0c030001, 0x0005), {0x0d, 1, 0, 0xf0, 0}, {0x20, 4, 1, 0xffe0, 0}, {0x3c, 2, 0x0400, 0x00ff, 0},
    {0x60, 1, 0x10, 0, 0}, {0xc0, 2, 0x2000, 0x20bf, 0x8f00}, {0xff, 1, 0, 0x01, 0},
};
static const struct pci_register power_table[] = {
    HEADER(0x7113, 0x06800002, 0x0001), {0x3d, 1, 0x01, 0, 0}, {PM_BASE, 4, 1, 0xffc0, 0}, {PM_MISC, 1, 0, 0x01, 0},
    {0x90, 4, 1, 0xfff0, 0}, {0xd2, 1, 0, 0x0f, 0}, /* SMBus base and enable */
};
static const struct {
    const struct pci_register *table;
    unsigned registers;
} tables[PIIX4_FUNCTIONS] = {
#define TABLE(name) {name, sizeof name / sizeof name[0]}
    TABLE(isa_table), TABLE(ide_table), TABLE(usb_table), TABLE(power_table),
};

/* Devices at fixed ports. */
static const struct {
    uint16_t port, bytes;
    const struct xl_device_ops *ops;
    uint32_t part; /* of struct piix4 */
} fixed[] = {
    {0x20, 2, &i8259_first_ops, offsetof(struct piix4, pic)}, {0xa0, 2, &i8259_second_ops, offsetof(struct piix4, pic)}, {0x4d0, 2, &i8259_elcr_ops, offsetof(struct piix4, pic)},
    {0x40, 4, &i8254_ops, offsetof(struct piix4, timer)}, {0x70, 4, &mc146818_ops, offsetof(struct piix4, clock)},
};
enum { FIXED = sizeof fixed / sizeof fixed[0], PORT61 = 0x61, RESET_CONTROL = 0xcf9 };

static int fixed_at(uint32_t port)
{
    for (unsigned i = 0; i < FIXED; i++)
        if (port >= fixed[i].port && port - fixed[i].port < fixed[i].bytes)
            return (int)i;
    return -1;
}

/* Is the port in a window of a function's, which its base register places? off: where. */
static bool is_in(const struct pci_function *f, unsigned base, uint32_t bytes, uint32_t port, uint32_t *off)
{
    uint32_t start = pci_function_read(f, base) & PORT_MASK;

    *off = port - start;
    return start && port >= start && *off < bytes;
}

static bool is_usb(const struct piix4 *d, uint32_t port, uint32_t *off)
{
    return d->function[USB].byte[COMMAND] & COMMAND_IO && is_in(&d->function[USB], USB_BASE, PIIX4_USB_BYTES, port, off);
}

static bool is_pm(const struct piix4 *d, uint32_t port, uint32_t *off)
{
    return d->function[POWER].byte[PM_MISC] & PM_MISC_ENABLE && is_in(&d->function[POWER], PM_BASE, PIIX4_PM_BYTES, port, off);
}

static void usb_reset(struct piix4 *d)
{
    for (unsigned i = 0; i < PIIX4_USB_BYTES; i++)
        d->usb[i] = 0;
    d->usb[USB_STATUS] = USB_HALTED;
    d->usb[USB_SOF] = USB_SOF_START;
    d->usb[USB_PORT1] = d->usb[USB_PORT2] = USB_PORT_START;
}

static void usb_write(struct piix4 *d, uint32_t off, uint8_t value)
{
    if (off == USB_COMMAND && value & USB_RESETS)
        usb_reset(d);
    if (off == USB_COMMAND) {
        d->usb[off] = value & (uint8_t)~2u; /* a reset ends by itself */
        d->usb[USB_STATUS] = (uint8_t)((d->usb[USB_STATUS] & ~USB_HALTED) | (value & USB_RUN ? 0 : USB_HALTED));
    } else if (off == USB_STATUS) {
        d->usb[off] &= (uint8_t)~(value & USB_CAUSES);
    } else if (off == USB_INTERRUPT) {
        d->usb[off] = value & 15;
    } else if (off >= USB_LIST && off < USB_LIST + 4) {
        d->usb[off] = off == USB_LIST ? 0 : off == USB_LIST + 1 ? value & 0xf0 : value;
    } else if (off == USB_SOF) {
        d->usb[off] = value & 127;
    }
}

static void pm_write(struct piix4 *d, uint32_t off, uint8_t value)
{
    if (off < PM_ENABLE)
        d->pm[off] &= (uint8_t)~(value & PM_STATUS_CLEARS >> 8 * off);
    else
        d->pm[off] = value;
    if (off == PM_CONTROL + 1 && value & PM_SUSPEND && !(value & PM_TYPE))
        xl_machine_stop(d->vm, 0);
}

static uint8_t port61_read(struct piix4 *d)
{
    bool refresh = xl_time_ns(d->vm) / REFRESH_NS & 1;

    return (uint8_t)(d->port61 | (refresh ? PORT61_REFRESH : 0) | (i8254_output(&d->timer, SPEAKER_COUNTER) ? PORT61_OUTPUT : 0));
}

bool piix4_port_read(struct piix4 *d, uint32_t port, uint8_t *value)
{
    uint32_t off;
    int i = fixed_at(port);

    if (i >= 0)
        *value = (uint8_t)fixed[i].ops->read((uint8_t *)d + fixed[i].part, port - fixed[i].port, 1);
    else if (port == PORT61)
        *value = port61_read(d);
    else if (port == RESET_CONTROL)
        *value = d->reset_control;
    else if (is_usb(d, port, &off))
        *value = d->usb[off];
    else if (is_pm(d, port, &off))
        *value = d->pm[off];
    else
        return false;
    return true;
}

bool piix4_port_write(struct piix4 *d, uint32_t port, uint8_t value)
{
    uint32_t off;
    int i = fixed_at(port);

    if (i >= 0) {
        fixed[i].ops->write((uint8_t *)d + fixed[i].part, port - fixed[i].port, 1, value);
    } else if (port == PORT61) {
        d->port61 = value & PORT61_WRITABLE;
        i8254_gate(&d->timer, SPEAKER_COUNTER, value & PORT61_GATE);
    } else if (port == RESET_CONTROL) {
        if (value & RESET_GO && !(d->reset_control & RESET_GO))
            xl_machine_stop(d->vm, 0);
        d->reset_control = value & RESET_WRITABLE;
    } else if (is_usb(d, port, &off)) {
        usb_write(d, off, value);
    } else if (is_pm(d, port, &off)) {
        pm_write(d, off, value);
    } else {
        return false;
    }
    return true;
}

void piix4_reset(struct piix4 *d)
{
    for (unsigned i = 0; i < PIIX4_FUNCTIONS; i++)
        pci_function_reset(&d->function[i]);
    i8259_reset(&d->pic);
    i8254_ops.reset(&d->timer);
    mc146818_ops.reset(&d->clock);
    usb_reset(d);
    for (unsigned i = 0; i < PIIX4_PM_BYTES; i++)
        d->pm[i] = 0;
    d->port61 = d->reset_control = 0;
}

void piix4_init(struct piix4 *d, struct xl_vm *vm, void (*interrupt)(void *, unsigned, bool), void *arg, unsigned line)
{
    d->vm = vm;
    for (unsigned i = 0; i < PIIX4_FUNCTIONS; i++) {
        d->function[i].table = tables[i].table;
        d->function[i].registers = tables[i].registers;
    }
    i8259_init(&d->pic, interrupt, arg, line);
    i8254_init(&d->timer, vm, i8259_input, &d->pic, IRQ_TIMER);
    mc146818_init(&d->clock, vm, i8259_input, &d->pic, IRQ_CLOCK);
}
