/* SPDX-License-Identifier: MIT */
/*
 * The Bamboo machine: devices of bamboo.def put together, and the state in which firmware hands a program over.
 *
 * Interrupts to the CPU: xl_irq_set bit 0 external, bit 1 critical; its timers are the front end's.
 * Addresses, DCR numbers and interrupt lines all come from bamboo.def. UIC1's outputs are lines of UIC0, whose outputs are the CPU's inputs.
 */
#include "machine/apbps2.h"
#include "machine/ns16550.h"
#include "machine/ppc4xx.h"
#include "machine/screen.h"
#include "machine/virtio.h"
#include "xl/xl.h"

/* Facts of the map as constants: FACT_ram_base, DCR_UIC0, NUMBER_UART0, .. */
enum {
#define MACHINE(name, value) FACT_##name = value,
#include "machine/bamboo.def"
};
enum { UICS = 2, WINDOWS = 4, EXTERNAL = 1, CRITICAL = 2 };
enum {
#define OPB(name, uic, line, base, bytes) NUMBER_##name,
#include "machine/bamboo.def"
    UARTS
};
enum {
#define SCREEN_OPB(name, uic, line, base, bytes) UIC_##name = uic, LINE_##name = line, BASE_##name = base, BYTES_##name = bytes,
#include "machine/bamboo.def"
};
enum {
#define DCR(name, first, count) DCR_##name = first, COUNT_##name = count,
#include "machine/bamboo.def"
};

struct bamboo {
    struct xl_vm *vm;
    uint64_t ram_bytes;
    struct uic uic[UICS];
    struct ns16550 uart[UARTS];
    struct dcr_window window[WINDOWS];
    struct pci_bridge pci;
    struct desk *desk; /* NULL: the guest has no screen */
};

/* What a guest with a screen has more: the end of its RAM is a frame of fixed size that is always shown. */
struct desk {
    struct screen screen;
    struct apbps2 keyboard;
};
_Static_assert((uint64_t)FACT_screen_width *FACT_screen_height * 2 <= FACT_screen_bytes, "bamboo.def: the frame does not fit");

static void cpu_inputs(void *arg, bool noncritical, bool critical)
{
    const struct bamboo *m = arg;

    xl_irq_set(m->vm, (noncritical ? EXTERNAL : 0) | (critical ? CRITICAL : 0));
}

static void cascade(void *arg, bool noncritical, bool critical)
{
    struct bamboo *m = arg;

    uic_line(&m->uic[0], FACT_uic_cascade, noncritical);
    uic_line(&m->uic[0], FACT_uic_cascade + 1, critical);
}

static void uic_input(void *arg, unsigned line, bool high)
{
    uic_line(arg, line, high);
}

static void uic_pulse(void *arg, unsigned line)
{
    uic_line(arg, line, true);
    uic_line(arg, line, false);
}

static bool desk_add(struct bamboo *m)
{
    struct desk *desk = m->desk = xl_alloc(m->vm, sizeof *desk);

    if (!desk)
        return false;
    screen_init(&desk->screen, m->vm);
    apbps2_init(&desk->keyboard, m->vm, uic_pulse, &m->uic[UIC_APBPS2], LINE_APBPS2);
    xl_screen_set(m->vm, &desk->screen, &desk->keyboard);
    return xl_map_device(m->vm, BASE_APBPS2, BYTES_APBPS2, &apbps2_ops, &desk->keyboard);
}

/* Where the RAM that the kernel is told of ends. */
static uint64_t memory_end(const struct bamboo *m)
{
    return FACT_ram_base + m->ram_bytes - (m->desk ? FACT_screen_bytes : 0);
}

static void desk_reset(struct bamboo *m)
{
    const struct screen_mode mode = {SCREEN_RGB565, FACT_screen_width, FACT_screen_height, memory_end(m)};

    screen_reset(&m->desk->screen);
    screen_show(&m->desk->screen, &mode);
    apbps2_ops.reset(&m->desk->keyboard);
}

static const struct virtio_place virtio_places[] = {
#define VIRTIO(kind, n, line, base) {VIRTIO_##kind, n, line, base},
#include "machine/bamboo.def"
};

static bool bamboo_create(struct xl_vm *vm, const struct xl_config *config, void **state)
{
    struct bamboo *m = xl_alloc(vm, sizeof *m);
    bool ok;

    if (!m)
        return false;
    *state = m;
    m->vm = vm;
    m->ram_bytes = config->ram_bytes;
    m->uic[0].output = cpu_inputs;
    m->uic[1].output = cascade;
    m->uic[0].arg = m->uic[1].arg = m;
    ok = xl_map_ram(vm, FACT_ram_base, config->ram_bytes) && xl_map_device(vm, FACT_pci_config, PCI_CONFIG_BYTES, &pci_config_ops, &m->pci) &&
         xl_map_device(vm, FACT_pci_registers, PCI_REGISTER_BYTES, &pci_register_ops, &m->pci);
#define OPB(name, uic_number, line, base, bytes)                                                   \
    ns16550_init(&m->uart[NUMBER_##name], vm, NUMBER_##name, uic_input, &m->uic[uic_number], line); \
    ok = ok && xl_map_device(vm, base, bytes, &ns16550_ops, &m->uart[NUMBER_##name]);
#include "machine/bamboo.def"
    return ok && (!config->screen || desk_add(m)) && virtio_create(vm, config, virtio_places, sizeof virtio_places / sizeof virtio_places[0], uic_input, &m->uic[0]);
}

static void bamboo_reset(void *state)
{
    struct bamboo *m = state;

    for (unsigned i = 0; i < UICS; i++)
        uic_reset(&m->uic[i]);
    for (unsigned i = 0; i < UARTS; i++)
        ns16550_ops.reset(&m->uart[i]);
    for (unsigned i = 0; i < WINDOWS; i++)
        m->window[i] = (struct dcr_window){0};
    pci_config_ops.reset(&m->pci);
    if (m->desk)
        desk_reset(m);
}

/* As firmware leaves it (ePAPR 1.1, 5.4): r3 the device tree at the end of memory, a stack below it; MSR 0. Memory mapped one to one is the CPU's reset state. */
static void bamboo_boot(void *state, struct xl_cpu *cpu, uint64_t entry)
{
    struct bamboo *m = state;
    uint64_t tree = memory_end(m) - FACT_tree_bytes;

    (void)cpu;
    xl_reg_set(m->vm, "r1", tree - 16);
    xl_reg_set(m->vm, "r3", tree);
    xl_reg_set(m->vm, "pc", entry);
}

static unsigned bamboo_console_in(void *state, unsigned n, const uint8_t *bytes, unsigned count)
{
    struct bamboo *m = state;

    return n < UARTS ? ns16550_receive(&m->uart[n], bytes, count) : 0;
}

/* The four windows lie one behind the other, two DCRs each. */
_Static_assert(DCR_SDR0 == DCR_CPR0 + 2 && DCR_SDRAM0 == DCR_CPR0 + 4 && DCR_EBC0 == DCR_CPR0 + 6, "bamboo.def: CPR0, SDR0, SDRAM0, EBC0 in a row");

static bool is_window(uint32_t address)
{
    return address >= DCR_CPR0 && address < DCR_EBC0 + COUNT_EBC0;
}

static struct uic *uic_at(struct bamboo *m, uint32_t address, unsigned *reg)
{
    unsigned i = address >= DCR_UIC1;

    *reg = address - (i ? DCR_UIC1 : DCR_UIC0);
    return address >= DCR_UIC0 && *reg < COUNT_UIC0 ? &m->uic[i] : 0;
}

static bool bamboo_io_read(void *state, uint32_t address, unsigned size, uint32_t *value)
{
    struct bamboo *m = state;
    unsigned reg;
    const struct uic *uic = uic_at(m, address, &reg);

    if (size != 4 || (!uic && !is_window(address)))
        return false;
    *value = uic ? uic_read(uic, reg) : dcr_window_read(&m->window[(address - DCR_CPR0) / 2], (address - DCR_CPR0) & 1);
    return true;
}

static bool bamboo_io_write(void *state, uint32_t address, unsigned size, uint32_t value)
{
    struct bamboo *m = state;
    unsigned reg;
    struct uic *uic = uic_at(m, address, &reg);

    if (size != 4 || (!uic && !is_window(address)))
        return false;
    if (uic)
        uic_write(uic, reg, value);
    else
        dcr_window_write(&m->window[(address - DCR_CPR0) / 2], (address - DCR_CPR0) & 1, value);
    return true;
}

extern const struct xl_guest xl_guest_ppc;

const struct xl_machine xl_machine_bamboo = {
    .name = "bamboo",
    .guest = &xl_guest_ppc,
    .ram_base = FACT_ram_base,
    .ram_min = FACT_ram_min,
    .ram_max = FACT_ram_max,
    .clock_hz = FACT_clock_hz,
    .create = bamboo_create,
    .reset = bamboo_reset,
    .boot = bamboo_boot,
    .console_in = bamboo_console_in,
    .io_read = bamboo_io_read,
    .io_write = bamboo_io_write,
};
