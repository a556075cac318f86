/* SPDX-License-Identifier: MIT */
/*
 * The Malta machine: devices of malta.def put together, and the state in which YAMON hands a program over.
 *
 * Interrupts to the CPU: xl_irq_set bits 0 to 4 are its inputs IP2 to IP6. An access to PCI that nobody answers reads all ones. Source: malta.def.
 */
#include "machine/gt64120.h"
#include "machine/ns16550.h"
#include "machine/piix4.h"
#include "xl/xl.h"

/* Facts of the map as constants. */
enum {
#define MACHINE(name, value) FACT_##name = value,
#include "machine/malta.def"
};
enum {
#define BUS(name, line, base, bytes) LINE_##name = line, BASE_##name = base, BYTES_##name = bytes,
#define ISA(name, irq, base, bytes) IRQ_##name = irq, PORT_##name = base - FACT_pci_io, BYTES_##name = bytes,
#include "machine/malta.def"
};
enum { CONSOLE_COM1, CONSOLE_CBUS, CONSOLE_COM2, UARTS };
enum { FPGA_LEDBAR = 0x408, FPGA_SOFTRES = 0x500, FPGA_BRKRES = 0x508, GO_RESET = 0x42, BRKRES_START = 0x0a, REVISION = 0x10, CBUS_SHIFT = 3 /* registers 8 bytes apart */, FIRST_INPUT = 2 };

struct malta {
    struct xl_vm *vm;
    uint64_t ram_bytes;
    uint32_t inputs; /* levels of the CPU's */
    struct gt64120 gt;
    struct piix4 bridge;
    struct ns16550 uart[UARTS];
    uint8_t ledbar, brkres;
};

static void cpu_input(void *arg, unsigned line, bool high)
{
    struct malta *m = arg;
    uint32_t bit = 1u << (line - FIRST_INPUT);

    m->inputs = high ? m->inputs | bit : m->inputs & ~bit;
    xl_irq_set(m->vm, m->inputs);
}

static uint32_t cbus_read(void *dev, uint32_t off, unsigned size)
{
    (void)size;
    return ns16550_ops.read(dev, off >> CBUS_SHIFT, 1);
}

static void cbus_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    (void)size;
    ns16550_ops.write(dev, off >> CBUS_SHIFT, 1, value & 255);
}

static const struct xl_device_ops cbus_ops = {"CBUS_UART", cbus_read, cbus_write, 0};

static struct ns16550 *uart_at(struct malta *m, uint32_t port, uint32_t *off)
{
    *off = port & (BYTES_COM1 - 1);
    port -= *off;
    return port == PORT_COM1 ? &m->uart[CONSOLE_COM1] : port == PORT_COM2 ? &m->uart[CONSOLE_COM2] : NULL;
}

static uint8_t port_read(struct malta *m, uint32_t port)
{
    uint32_t off;
    uint8_t value = 0xff;
    struct ns16550 *uart = uart_at(m, port, &off);

    if (uart)
        return (uint8_t)ns16550_ops.read(uart, off, 1);
    piix4_port_read(&m->bridge, port, &value);
    return value;
}

static uint32_t io_read(void *dev, uint32_t off, unsigned size)
{
    uint32_t value = 0;

    for (unsigned i = 0; i < size; i++)
        value |= (uint32_t)port_read(dev, off + i) << 8 * i;
    return value;
}

static void io_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct malta *m = dev;
    uint32_t reg;

    for (unsigned i = 0; i < size; i++) {
        struct ns16550 *uart = uart_at(m, off + i, &reg);
        if (uart)
            ns16550_ops.write(uart, reg, 1, value >> 8 * i & 255);
        else
            piix4_port_write(&m->bridge, off + i, (uint8_t)(value >> 8 * i));
    }
}

static const struct xl_device_ops io_ops = {"PCI I/O", io_read, io_write, 0};

static uint32_t ones_read(void *dev, uint32_t off, unsigned size)
{
    (void)dev;
    (void)off;
    return (uint32_t)((1ull << 8 * size) - 1);
}

static void nothing_written(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    (void)dev;
    (void)off;
    (void)size;
    (void)value;
}

static const struct xl_device_ops pci_memory_ops = {"PCI memory", ones_read, nothing_written, 0};
static const struct xl_device_ops flash_ops = {"erased flash", ones_read, nothing_written, 0};

/* The flash once more, but for the word that says which board and core card this is. */
static uint32_t boot_read(void *dev, uint32_t off, unsigned size)
{
    if (off >= REVISION && off < REVISION + 4)
        return (uint32_t)((uint64_t)FACT_revision >> 8 * (off & 3) & ((1ull << 8 * size) - 1));
    return ones_read(dev, off, size);
}

static const struct xl_device_ops boot_ops = {"boot flash", boot_read, nothing_written, 0};

/* Switches and jumpers read as 0: little-endian, PCI at 33 MHz. The right word into SOFTRES resets the board: the machine is off then, as nothing starts it again. */
static uint32_t fpga_read(void *dev, uint32_t off, unsigned size)
{
    const struct malta *m = dev;

    (void)size;
    return off == FPGA_LEDBAR ? m->ledbar : off == FPGA_BRKRES ? m->brkres : 0;
}

static void fpga_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    struct malta *m = dev;

    (void)size;
    if (off == FPGA_SOFTRES && value == GO_RESET)
        xl_machine_stop(m->vm, 0);
    else if (off == FPGA_LEDBAR)
        m->ledbar = (uint8_t)value;
    else if (off == FPGA_BRKRES)
        m->brkres = (uint8_t)value;
}

static const struct xl_device_ops fpga_ops = {"FPGA", fpga_read, fpga_write, 0};

static struct pci_function *function_at(void *arg, unsigned device, unsigned number)
{
    struct malta *m = arg;

    return device == FACT_south_bridge && number < PIIX4_FUNCTIONS ? &m->bridge.function[number] : NULL;
}

static uint8_t interrupt_acknowledge(void *arg)
{
    struct malta *m = arg;

    return i8259_acknowledge(&m->bridge.pic);
}

static bool devices_map(struct malta *m)
{
    struct xl_vm *vm = m->vm;

    return xl_map_device(vm, FACT_pci_io, FACT_pci_io_bytes, &io_ops, m) && xl_map_device(vm, FACT_pci_memory, FACT_pci_memory_bytes, &pci_memory_ops, m) &&
           xl_map_device(vm, BASE_GT64120, BYTES_GT64120, &gt64120_ops, &m->gt) && xl_map_device(vm, BASE_FLASH, BYTES_FLASH, &flash_ops, m) &&
           xl_map_device(vm, BASE_FPGA, BYTES_FPGA, &fpga_ops, m) && xl_map_device(vm, BASE_CBUS_UART, BYTES_CBUS_UART, &cbus_ops, &m->uart[CONSOLE_CBUS]) &&
           xl_map_device(vm, BASE_BOOT, BYTES_BOOT, &boot_ops, m);
}

static bool malta_create(struct xl_vm *vm, const struct xl_config *config, void **state)
{
    struct malta *m = xl_alloc(vm, sizeof *m);

    if (!m || config->screen || config->disks || config->nets)
        return false;
    *state = m;
    m->vm = vm;
    m->ram_bytes = config->ram_bytes;
    m->gt = (struct gt64120){.function = function_at, .acknowledge = interrupt_acknowledge, .line = cpu_input, .arg = m, .line_number = LINE_GT64120};
    gt64120_init(&m->gt);
    piix4_init(&m->bridge, vm, cpu_input, m, FACT_south_bridge_input);
    ns16550_init(&m->uart[CONSOLE_COM1], vm, CONSOLE_COM1, i8259_input, &m->bridge.pic, IRQ_COM1);
    ns16550_init(&m->uart[CONSOLE_COM2], vm, CONSOLE_COM2, i8259_input, &m->bridge.pic, IRQ_COM2);
    ns16550_init(&m->uart[CONSOLE_CBUS], vm, CONSOLE_CBUS, cpu_input, m, LINE_CBUS_UART);
    return xl_map_ram(vm, FACT_ram_base, config->ram_bytes) && devices_map(m);
}

static void malta_reset(void *state)
{
    struct malta *m = state;

    gt64120_ops.reset(&m->gt);
    piix4_reset(&m->bridge);
    for (unsigned i = 0; i < UARTS; i++)
        ns16550_ops.reset(&m->uart[i]);
    m->ledbar = 0;
    m->brkres = BRKRES_START;
}

/* As YAMON's `go` leaves it: a0 to a2 an empty command line and environment, a3 the memory's size, a stack at its end; ERL off, vectors still those of the boot flash. */
static void malta_boot(void *state, struct xl_cpu *cpu, uint64_t entry)
{
    enum { STATUS_BEV = 0x400000 };
    const struct malta *m = state;

    (void)cpu;
    xl_reg_set(m->vm, "status", STATUS_BEV);
    xl_reg_set(m->vm, "r4", 0);
    xl_reg_set(m->vm, "r5", 0);
    xl_reg_set(m->vm, "r6", 0);
    xl_reg_set(m->vm, "r7", m->ram_bytes);
    xl_reg_set(m->vm, "r29", 0x80000000u + m->ram_bytes - FACT_stack_bytes);
    xl_reg_set(m->vm, "pc", entry);
}

static unsigned malta_console_in(void *state, unsigned n, const uint8_t *bytes, unsigned count)
{
    struct malta *m = state;

    return n < UARTS ? ns16550_receive(&m->uart[n], bytes, count) : 0;
}

extern const struct xl_guest xl_guest_mips;

const struct xl_machine xl_machine_malta = {
    .name = "malta",
    .guest = &xl_guest_mips,
    .ram_base = FACT_ram_base,
    .ram_min = FACT_ram_min,
    .ram_max = FACT_ram_max,
    .clock_hz = FACT_clock_hz,
    .create = malta_create,
    .reset = malta_reset,
    .boot = malta_boot,
    .console_in = malta_console_in,
    .state_bytes = sizeof(struct malta),
};
