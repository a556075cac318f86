/* SPDX-License-Identifier: MIT */
/*
 * Interrupt controllers: LAPIC (timer, end of interrupt), IOAPIC (lines to vectors), and the old PIC, which is masked for good.
 *
 * The LAPIC timer runs one-shot, counted in its own ticks, whose rate is measured against the TSC once. Line gsi arrives at vector X64_VECTOR_IRQ + gsi.
 *
 * Source: Intel SDM vol. 3A, 11.4 and 11.5 (LAPIC); 82093AA data sheet (IOAPIC); 8259A data sheet.
 */
#include "kernel.h"

enum { ID = 0x20, EOI = 0xb0, SPURIOUS = 0xf0, LVT_TIMER = 0x320, LVT_LINT0 = 0x350, LVT_LINT1 = 0x360, LVT_ERROR = 0x370, TIMER_INITIAL = 0x380, TIMER_NOW = 0x390, TIMER_DIVIDE = 0x3e0 };
enum { MASKED = 1 << 16, SOFTWARE_ON = 1 << 8, DIVIDE_BY_1 = 0xb, NMI = 4 << 8 };
enum { IOAPIC_VERSION = 1, REDIRECT = 0x10, ACTIVE_LOW = 1 << 13, LEVEL = 1 << 15 };
enum { PTE_DEVICE = 0x1b /* present, write, no cache */, MEASURE_MS = 10 };
#define PTE_NX (1ull << 63)
#define MSR_APIC_BASE 0x1b

static volatile uint32_t *const lapic = (uint32_t *)DEVICE_MAP;
static volatile uint32_t *const ioapic = (uint32_t *)(DEVICE_MAP + PAGE_BYTES);
static uint64_t pdpt[512] __attribute__((aligned(4096))), pd[512] __attribute__((aligned(4096))), pt[512] __attribute__((aligned(4096)));
static uint64_t ticks_per_tsc; /* LAPIC ticks per TSC tick, 32.32 fixed point */
static uint32_t lines;

static uint64_t static_pa(const void *p)
{
    return (uint64_t)p - KERNEL_VMA;
}

static void devices_map(void)
{
    kernel_pml4[DEVICE_MAP >> 39 & 511] = static_pa(pdpt) | 3;
    pdpt[DEVICE_MAP >> 30 & 511] = static_pa(pd) | 3;
    pd[DEVICE_MAP >> 21 & 511] = static_pa(pt) | 3;
    pt[0] = (x64_acpi.lapic_pa & ~0xfffull) | PTE_DEVICE | PTE_NX;
    pt[1] = (x64_acpi.ioapic_pa & ~0xfffull) | PTE_DEVICE | PTE_NX;
    x64_cr3_set(x64_cr3());
}

static uint32_t io_read(uint32_t reg)
{
    ioapic[0] = reg;
    return ioapic[4];
}

static void io_write(uint32_t reg, uint32_t value)
{
    ioapic[0] = reg;
    ioapic[4] = value;
}

static void pic_mask(void)
{
    x64_outb(0x20, 0x11); /* ICW1..4: vectors 0x20 and 0x28, so that a spurious one is told from an exception */
    x64_outb(0xa0, 0x11);
    x64_outb(0x21, 0x20);
    x64_outb(0xa1, 0x28);
    x64_outb(0x21, 4);
    x64_outb(0xa1, 2);
    x64_outb(0x21, 1);
    x64_outb(0xa1, 1);
    x64_outb(0x21, 0xff);
    x64_outb(0xa1, 0xff);
}

/* Rate of the LAPIC timer: let it run for 10 ms of TSC time. */
static void timer_measure(void)
{
    uint64_t span = x64_tsc_hz / (1000 / MEASURE_MS), start = x64_rdtsc();

    lapic[TIMER_DIVIDE / 4] = DIVIDE_BY_1;
    lapic[LVT_TIMER / 4] = MASKED | X64_VECTOR_TIMER;
    lapic[TIMER_INITIAL / 4] = 0xffffffff;
    while (x64_rdtsc() - start < span) {
    }
    uint64_t ticks = 0xffffffffu - lapic[TIMER_NOW / 4], tsc = x64_rdtsc() - start;
    lapic[TIMER_INITIAL / 4] = 0;
    ticks_per_tsc = (ticks << 32) / tsc;
    if (!ticks_per_tsc)
        kernel_panic("the LAPIC timer does not run");
    lapic[LVT_TIMER / 4] = X64_VECTOR_TIMER;
}

void x64_apic_init(void)
{
    pic_mask();
    devices_map();
    x64_wrmsr(MSR_APIC_BASE, (x64_acpi.lapic_pa & ~0xfffull) | (x64_rdmsr(MSR_APIC_BASE) & 0x100) | 1 << 11);
    lapic[LVT_LINT0 / 4] = MASKED;
    lapic[LVT_LINT1 / 4] = NMI;
    lapic[LVT_ERROR / 4] = MASKED;
    lapic[SPURIOUS / 4] = SOFTWARE_ON | X64_VECTOR_SPURIOUS;
    lines = (io_read(IOAPIC_VERSION) >> 16 & 0xff) + 1;
    if (lines > X64_IRQS)
        lines = X64_IRQS;
    for (uint32_t gsi = 0; gsi < lines; gsi++) {
        io_write(REDIRECT + 2 * gsi, MASKED);
        io_write(REDIRECT + 2 * gsi + 1, 0);
    }
    timer_measure();
    x64_apic_eoi();
}

void x64_apic_eoi(void)
{
    lapic[EOI / 4] = 0;
}

void x64_timer_set(uint64_t tsc_deadline)
{
    uint64_t now = x64_rdtsc(), wait = tsc_deadline > now ? tsc_deadline - now : 0;
    uint64_t ticks = (uint64_t)(((unsigned __int128)wait * ticks_per_tsc) >> 32) + 1;

    lapic[TIMER_INITIAL / 4] = ticks > 0xffffffff ? 0xffffffff : (uint32_t)ticks;
}

uint32_t x64_irq_count(void)
{
    return lines;
}

bool x64_irq_route(uint32_t gsi, bool level, bool low)
{
    if (gsi >= lines)
        return false;
    uint32_t entry = MASKED | (X64_VECTOR_IRQ + gsi) | (level ? LEVEL : 0) | (low ? ACTIVE_LOW : 0);
    io_write(REDIRECT + 2 * gsi + 1, lapic[ID / 4] & 0xff000000);
    io_write(REDIRECT + 2 * gsi, entry);
    return true;
}

void x64_irq_mask(uint32_t gsi, bool masked)
{
    uint32_t entry = io_read(REDIRECT + 2 * gsi);

    io_write(REDIRECT + 2 * gsi, masked ? entry | MASKED : entry & ~(uint32_t)MASKED);
}
