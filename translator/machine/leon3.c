/* SPDX-License-Identifier: MIT */
/*
 * The LEON3 machine: devices of leon3.def put together, and the state in which firmware hands a program over.
 *
 * Addresses, interrupts and plug&play records all come from leon3.def.
 */
#include "machine/apbps2.h"
#include "machine/grlib.h"
#include "machine/svgactrl.h"
#include "machine/virtio.h"
#include "rt/guest.h"
#include "xl/xl.h"

/* Facts of the map as constants: FACT_ram_base, IRQ_APBUART, .. */
enum {
#define MACHINE(name, value) FACT_##name = value,
#include "machine/leon3.def"
#define APB(name, vendor, device, version, irq, base, bytes) IRQ_##name = irq,
#define SCREEN_APB(name, vendor, device, version, irq, base, bytes) IRQ_##name = irq,
#include "machine/leon3.def"
};

struct leon3 {
    struct xl_vm *vm;
    uint64_t ram_bytes;
    struct apb apb;
    struct ahb_pnp ahb;
    struct irqmp irqmp;
    struct gptimer gptimer;
    struct apbuart apbuart;
    struct mctrl mctrl;
};

enum { AHB_SLAVES = 0x800 / 4, AHB_RECORD_WORDS = 8, AHB_SYSTEM_ID = 0xff0 / 4, APB_BYTES = 0x100000 };

static void pnp_fill(struct leon3 *m)
{
    unsigned master = 0, slave = AHB_SLAVES;

#define MASTER(name, vendor, device, version, irq)                                                 \
    m->ahb.word[master] = PNP_ID(vendor, device, version, irq);                                    \
    master += AHB_RECORD_WORDS;
#define AHB(name, vendor, device, version, irq, base, mask)                                        \
    m->ahb.word[slave] = PNP_ID(vendor, device, version, irq);                                     \
    m->ahb.word[slave + 4] = (uint32_t)(base) << 20 | (uint32_t)(mask) << 4 | 2;                   \
    slave += AHB_RECORD_WORDS;
#include "machine/leon3.def"
    m->ahb.word[AHB_SYSTEM_ID] = FACT_system_id;
    (void)master;
    (void)slave;
}

static bool devices_add(struct leon3 *m)
{
    struct xl_vm *vm = m->vm;
    bool ok = true;
    struct {
        void *MCTRL, *APBUART, *IRQMP, *GPTIMER;
    } dev = {&m->mctrl, &m->apbuart, &m->irqmp, &m->gptimer};
    const struct {
        const struct xl_device_ops *MCTRL, *APBUART, *IRQMP, *GPTIMER;
    } ops = {&mctrl_ops, &apbuart_ops, &irqmp_ops, &gptimer_ops};

    m->apb.base = FACT_apb;
    m->apb.pnp = FACT_apb_pnp;
#define APB(name, vendor, device, version, irq, base, bytes)                                       \
    ok = ok && apb_add(&m->apb, base, bytes, PNP_ID(vendor, device, version, irq), ops.name, dev.name);
#include "machine/leon3.def"
    irqmp_init(&m->irqmp, vm);
    gptimer_init(&m->gptimer, vm, &m->irqmp, IRQ_GPTIMER, FACT_gptimer_timers, FACT_clock_hz);
    apbuart_init(&m->apbuart, vm, &m->irqmp, IRQ_APBUART, 0, FACT_uart_fifo_bytes);
    pnp_fill(m);
    return ok;
}

static void irqmp_pulse(void *arg, unsigned irq)
{
    irqmp_raise(arg, irq);
}

/* What a guest with a screen has more; it is in the arena of those alone. */
struct desk {
    struct screen screen;
    struct svgactrl SVGACTRL;
    struct apbps2 APBPS2;
};

static bool desk_add(struct leon3 *m)
{
    struct desk *desk = xl_alloc(m->vm, sizeof *desk);
    const struct {
        const struct xl_device_ops *SVGACTRL, *APBPS2;
    } ops = {&svgactrl_ops, &apbps2_ops};
    bool ok = desk;

    if (!ok)
        return false;
#define SCREEN_APB(name, vendor, device, version, irq, base, bytes)                                    \
    ok = ok && apb_add(&m->apb, base, bytes, PNP_ID(vendor, device, version, irq), ops.name, &desk->name);
#include "machine/leon3.def"
    screen_init(&desk->screen, m->vm);
    svgactrl_init(&desk->SVGACTRL, &desk->screen);
    apbps2_init(&desk->APBPS2, m->vm, irqmp_pulse, &m->irqmp, IRQ_APBPS2);
    xl_screen_set(m->vm, &desk->screen, &desk->APBPS2);
    return ok;
}

static const struct virtio_place virtio_places[] = {
#define VIRTIO(kind, n, irq, base) {VIRTIO_##kind, n, irq, base},
#include "machine/leon3.def"
};

/* The IRQMP latches edges: a line that falls is no news. */
static void virtio_irq(void *arg, unsigned irq, bool is_high)
{
    if (is_high)
        irqmp_raise(arg, irq);
}

static bool leon3_create(struct xl_vm *vm, const struct xl_config *config, void **state)
{
    struct leon3 *m = xl_alloc(vm, sizeof *m);

    if (!m)
        return false;
    *state = m;
    m->vm = vm;
    m->ram_bytes = config->ram_bytes;
    return xl_map_ram(vm, FACT_ram_base, config->ram_bytes) && devices_add(m) && (!config->screen || desk_add(m)) &&
           xl_map_device(vm, m->apb.base, APB_BYTES, &apb_ops, &m->apb) &&
           xl_map_device(vm, FACT_ahb_pnp, 0x1000, &ahb_pnp_ops, &m->ahb) &&
           virtio_create(vm, config, virtio_places, sizeof virtio_places / sizeof virtio_places[0], virtio_irq, &m->irqmp);
}

static void leon3_reset(void *state)
{
    struct leon3 *m = state;

    apb_ops.reset(&m->apb);
}

/* As a debug monitor leaves it: supervisor, traps off, window 1 invalid, stack at the end of RAM, UART on, timers at 1 MHz. */
static void leon3_boot(void *state, struct xl_cpu *cpu, uint64_t entry)
{
    struct leon3 *m = state;
    uint64_t stack = (uint64_t)FACT_ram_base + m->ram_bytes - 0x80;

    (void)cpu;
    xl_reg_set(m->vm, "psr", 0xc0);
    xl_reg_set(m->vm, "wim", 2);
    xl_reg_set(m->vm, "tbr", entry & ~0xfffu);
    xl_reg_set(m->vm, "o6", stack);
    xl_reg_set(m->vm, "i6", stack);
    xl_reg_set(m->vm, "pc", entry);
    xl_reg_set(m->vm, "npc", entry + 4);
    apbuart_enable(&m->apbuart);
    gptimer_scaler_set(&m->gptimer, (uint32_t)(FACT_clock_hz / 1000000 - 1));
}

static unsigned leon3_console_in(void *state, unsigned n, const uint8_t *bytes, unsigned count)
{
    struct leon3 *m = state;

    return n == 0 ? apbuart_receive(&m->apbuart, bytes, count) : 0;
}

static void leon3_irq_ack(void *state, unsigned level)
{
    struct leon3 *m = state;

    irqmp_ack(&m->irqmp, level);
}

extern const struct xl_guest xl_guest_sparc;

const struct xl_machine xl_machine_leon3 = {
    .name = "leon3",
    .guest = &xl_guest_sparc,
    .ram_base = FACT_ram_base,
    .ram_min = FACT_ram_min,
    .ram_max = FACT_ram_max,
    .clock_hz = FACT_clock_hz,
    .create = leon3_create,
    .reset = leon3_reset,
    .boot = leon3_boot,
    .console_in = leon3_console_in,
    .irq_ack = leon3_irq_ack,
    .state_bytes = sizeof(struct leon3),
};
