/* SPDX-License-Identifier: MIT */
/*
 * ACPI, as far as interrupts need it: where LAPIC and IOAPIC are and how ISA interrupts are wired. Without tables the values of every PC since 1995 stand.
 *
 * Nothing in the tables is believed without a bound: lengths, checksums and the end of mapped memory are checked before each step.
 *
 * Source: ACPI 6.4, 5.2.5 (RSDP), 5.2.7 (RSDT), 5.2.12 (MADT).
 */
#include "kernel.h"

enum { BIOS_FIRST = 0xe0000, BIOS_END = 0x100000, MAPPED_END = 1 << 30, TABLES_MAX = 64 };
enum { MADT_IOAPIC = 1, MADT_OVERRIDE = 2, FLAG_LOW = 3, FLAG_LEVEL = 3 << 2 };

struct x64_acpi x64_acpi = {.lapic_pa = 0xfee00000, .ioapic_pa = 0xfec00000};

static uint32_t word(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static bool sums_to_zero(const uint8_t *p, uint32_t bytes)
{
    uint8_t sum = 0;

    for (uint32_t i = 0; i < bytes; i++)
        sum = (uint8_t)(sum + p[i]);
    return sum == 0;
}

/* A table at pa with its whole length mapped and a good checksum, or NULL. */
static const uint8_t *table(uint32_t pa)
{
    if (pa == 0 || pa > MAPPED_END - 36)
        return NULL;
    const uint8_t *t = direct(pa);
    uint32_t bytes = word(t + 4);
    return bytes >= 36 && bytes <= MAPPED_END - pa && sums_to_zero(t, bytes) ? t : NULL;
}

static const uint8_t *rsdp_find(void)
{
    for (uint32_t pa = BIOS_FIRST; pa < BIOS_END; pa += 16) {
        const uint8_t *p = direct(pa);
        if (!memcmp(p, "RSD PTR ", 8) && sums_to_zero(p, 20))
            return p;
    }
    return NULL;
}

static void madt_read(const uint8_t *madt)
{
    uint32_t bytes = word(madt + 4);

    if (bytes < 44)
        return;
    x64_acpi.lapic_pa = word(madt + 36);
    for (uint32_t at = 44; at + 2 <= bytes;) {
        const uint8_t *e = madt + at;
        if (e[1] < 2 || e[1] > bytes - at)
            return;
        if (e[0] == MADT_IOAPIC && e[1] >= 12 && word(e + 8) == 0)
            x64_acpi.ioapic_pa = word(e + 4);
        if (e[0] == MADT_OVERRIDE && e[1] >= 10 && e[3] < 16) {
            uint32_t flags = e[8];
            x64_acpi.gsi_of_isa[e[3]] = word(e + 4);
            x64_acpi.isa_flags[e[3]] = (uint8_t)(((flags & 12) == FLAG_LEVEL ? 1 : 0) | ((flags & 3) == FLAG_LOW ? 2 : 0));
        }
        at += e[1];
    }
}

void x64_acpi_init(void)
{
    for (uint32_t i = 0; i < 16; i++)
        x64_acpi.gsi_of_isa[i] = i;
    const uint8_t *rsdp = rsdp_find(), *rsdt = rsdp ? table(word(rsdp + 16)) : NULL;
    if (!rsdt)
        return;
    uint32_t count = (word(rsdt + 4) - 36) / 4;
    for (uint32_t i = 0; i < count && i < TABLES_MAX; i++) {
        const uint8_t *t = table(word(rsdt + 36 + 4 * i));
        if (t && !memcmp(t, "APIC", 4))
            madt_read(t);
    }
}
