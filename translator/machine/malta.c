/* SPDX-License-Identifier: MIT */
/*
 * The Malta machine: devices of malta.def put together, and the state in which YAMON hands a program over.
 *
 * Interrupts to the CPU: xl_irq_set bits 0 to 4 are its inputs IP2 to IP6. Source: malta.def.
 */
#include "machine/ns16550.h"
#include "xl/xl.h"

/* Facts of the map as constants. */
enum {
#define MACHINE(name, value) FACT_##name = value,
#include "machine/malta.def"
};
enum {
#define BUS(name, line, base, bytes) LINE_##name = line, BASE_##name = base, BYTES_##name = bytes,
#include "machine/malta.def"
};
enum { CONSOLE_COM1, CONSOLE_CBUS, UARTS };
enum { FPGA_SOFTRES = 0x500, GO_RESET = 0x42, CBUS_SHIFT = 3 /* registers 8 bytes apart */, FIRST_INPUT = 2 };

struct malta {
    struct xl_vm *vm;
    uint64_t ram_bytes;
    struct ns16550 uart[UARTS];
};

static void cpu_input(void *arg, unsigned line, bool high)
{
    struct malta *m = arg;

    xl_irq_set(m->vm, high ? 1u << (line - FIRST_INPUT) : 0); /* the one device that has an input */
}

static void no_input(void *arg, unsigned line, bool high)
{
    (void)arg;
    (void)line;
    (void)high;
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

static void cbus_reset(void *dev)
{
    ns16550_ops.reset(dev);
}

static const struct xl_device_ops cbus_ops = {"CBUS_UART", cbus_read, cbus_write, cbus_reset};

/* Lights and switches read as 0; the right word into SOFTRES resets the board: the machine is off then, as nothing starts it again. */
static uint32_t fpga_read(void *dev, uint32_t off, unsigned size)
{
    (void)dev;
    (void)off;
    (void)size;
    return 0;
}

static void fpga_write(void *dev, uint32_t off, unsigned size, uint32_t value)
{
    const struct malta *m = dev;

    (void)size;
    if (off == FPGA_SOFTRES && value == GO_RESET)
        xl_machine_stop(m->vm, 0);
}

static void fpga_reset(void *dev)
{
    (void)dev;
}

static const struct xl_device_ops fpga_ops = {"FPGA", fpga_read, fpga_write, fpga_reset};

static bool malta_create(struct xl_vm *vm, const struct xl_config *config, void **state)
{
    struct malta *m = xl_alloc(vm, sizeof *m);

    if (!m || config->screen || config->disks || config->nets)
        return false;
    *state = m;
    m->vm = vm;
    m->ram_bytes = config->ram_bytes;
    ns16550_init(&m->uart[CONSOLE_COM1], vm, CONSOLE_COM1, no_input, m, LINE_COM1);
    ns16550_init(&m->uart[CONSOLE_CBUS], vm, CONSOLE_CBUS, cpu_input, m, LINE_CBUS_UART);
    return xl_map_ram(vm, FACT_ram_base, config->ram_bytes) && xl_map_device(vm, BASE_COM1, BYTES_COM1, &ns16550_ops, &m->uart[CONSOLE_COM1]) &&
           xl_map_device(vm, BASE_FPGA, BYTES_FPGA, &fpga_ops, m) && xl_map_device(vm, BASE_CBUS_UART, BYTES_CBUS_UART, &cbus_ops, &m->uart[CONSOLE_CBUS]);
}

static void malta_reset(void *state)
{
    struct malta *m = state;

    for (unsigned i = 0; i < UARTS; i++)
        ns16550_ops.reset(&m->uart[i]);
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
