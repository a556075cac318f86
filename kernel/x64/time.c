/* SPDX-License-Identifier: MIT */
/*
 * The clock: TSC ticks since boot, in nanoseconds by a 32.32 multiplication. Its rate comes from CPUID where the CPU says it, else from the PIT: at most
 * three measurements of 10 ms, each bounded in loop rounds, so that a board without a PIT cannot hang the boot.
 *
 * Source: Intel SDM vol. 3B, 18.7.3 (TSC rate, leaf 0x15); 8254 data sheet.
 */
#include "kernel.h"

enum { PIT_HZ = 1193182, PIT_COUNT = PIT_HZ / 100, PIT_GATE = 0x61, PIT_CHANNEL2 = 0x42, PIT_MODE = 0x43, ROUNDS_MAX = 10000000 };

uint64_t x64_tsc_hz;
static uint64_t boot_tsc, ns_per_tick, ticks_per_ns; /* 32.32 */

static uint64_t tsc_hz_cpuid(void)
{
    if (x64_cpuid(0, 0).a < 0x15)
        return 0;
    struct x64_cpuid r = x64_cpuid(0x15, 0);
    return r.a && r.b && r.c ? (uint64_t)r.c * r.b / r.a : 0;
}

/* TSC ticks while PIT channel 2 counts 10 ms down; 0 when it never ends. */
static uint64_t tsc_per_10ms(void)
{
    x64_outb(PIT_GATE, (uint8_t)((x64_inb(PIT_GATE) & ~2u) | 1));
    x64_outb(PIT_MODE, 0xb0); /* channel 2, both bytes, mode 0 */
    x64_outb(PIT_CHANNEL2, PIT_COUNT & 0xff);
    x64_outb(PIT_CHANNEL2, PIT_COUNT >> 8);
    uint64_t start = x64_rdtsc();
    for (uint32_t i = 0; i < ROUNDS_MAX; i++)
        if (x64_inb(PIT_GATE) & 0x20)
            return x64_rdtsc() - start;
    return 0;
}

static uint64_t tsc_hz_pit(void)
{
    uint64_t best = 0;

    for (unsigned i = 0; i < 3; i++) {
        uint64_t ticks = tsc_per_10ms();
        if (ticks && (!best || ticks < best)) /* the shortest was disturbed least */
            best = ticks;
    }
    return best * PIT_HZ / PIT_COUNT;
}

void x64_time_init(void)
{
    x64_tsc_hz = tsc_hz_cpuid();
    if (!x64_tsc_hz)
        x64_tsc_hz = tsc_hz_pit();
    if (x64_tsc_hz < 1000000)
        kernel_panic("the TSC's rate cannot be found: CPUID leaf 0x15 is empty and the PIT does not count");
    if (x64_hypervisor == 1 && x64_tsc_hz > 990000000 && x64_tsc_hz < 1010000000)
        x64_tsc_hz = 1000000000; /* an emulator that counts instructions: one a nanosecond, exactly */
    ns_per_tick = (1000000000ull << 32) / x64_tsc_hz;
    ticks_per_ns = (x64_tsc_hz << 30) / (1000000000ull >> 2);
    boot_tsc = x64_rdtsc();
}

uint64_t x64_ns_of(uint64_t tsc)
{
    return (uint64_t)(((unsigned __int128)(tsc - boot_tsc) * ns_per_tick) >> 32);
}

uint64_t x64_tsc_of(uint64_t ns)
{
    unsigned __int128 ticks = ((unsigned __int128)ns * ticks_per_ns) >> 32;

    return ticks > UINT64_MAX / 2 ? UINT64_MAX / 2 : boot_tsc + (uint64_t)ticks;
}
