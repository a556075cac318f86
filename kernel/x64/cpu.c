/* SPDX-License-Identifier: MIT */
/*
 * CPU set-up: descriptor tables, system call MSRs, protection features. Every feature is looked for at run time.
 *
 * Source: Intel SDM vol. 3A, 2.5 (CR4), 3.4.5 (descriptors), 5.8.8 (SYSCALL), 7.7 (TSS).
 */
#include "abi/k_abi.h"
#include "kernel.h"

enum { MSR_STAR = 0xc0000081, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK, MSR_FS_BASE = 0xc0000100, MSR_GS_BASE };
enum { CR4_OSFXSR = 1 << 9, CR4_OSXMMEXCPT = 1 << 10, CR4_UMIP = 1 << 11, CR4_FSGSBASE = 1 << 16, CR4_OSXSAVE = 1 << 18, CR4_SMEP = 1 << 20, CR4_SMAP = 1 << 21 };
enum { IO_BITMAP_BYTES = 8192 };

struct tss {
    uint32_t reserved0;
    uint64_t rsp[3], reserved1, ist[7], reserved2;
    uint16_t reserved3, io_base;
    uint8_t io[IO_BITMAP_BYTES + 1];
} __attribute__((packed));
_Static_assert(offsetof(struct tss, io) == 104, "Intel SDM vol. 3A, figure 7-11");

struct gate {
    uint16_t offset_low, selector;
    uint8_t ist, type;
    uint16_t offset_mid;
    uint32_t offset_high, reserved;
};

static uint64_t gdt[7];
static struct gate idt[256];
static struct tss tss;
uint32_t x64_features, x64_hypervisor;
extern uint64_t x64_syscall_stack;
extern char x64_vectors[], x64_syscall_entry[], x64_ist_stacks[];

static void tables_load(void)
{
    uint64_t base = (uint64_t)&tss, limit = sizeof tss - 1;
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {sizeof gdt - 1, (uint64_t)gdt};

    gdt[1] = 0x00af9a000000ffffull; /* kernel code */
    gdt[2] = 0x00cf92000000ffffull; /* kernel data */
    gdt[3] = 0x00cff2000000ffffull; /* user data */
    gdt[4] = 0x00affa000000ffffull; /* user code */
    gdt[5] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    gdt[6] = base >> 32;
    __asm__ volatile("lgdt %0" : : "m"(pointer));
    __asm__ volatile("pushq %0; leaq 1f(%%rip), %%rax; pushq %%rax; lretq; 1:" : : "i"(X64_KERNEL_CS) : "rax", "memory");
    __asm__ volatile("mov %0, %%ss; mov %0, %%ds; mov %0, %%es" : : "r"(X64_KERNEL_DS));
    for (unsigned v = 0; v < 256; v++) {
        uint64_t at = (uint64_t)x64_vectors + 16 * v;
        idt[v] = (struct gate){(uint16_t)at, X64_KERNEL_CS, 0, 0x8e, (uint16_t)(at >> 16), (uint32_t)(at >> 32), 0};
    }
    idt[X64_BP].type = 0xee; /* INT3 is allowed in user mode */
    idt[X64_DB].ist = 1;
    idt[X64_NMI].ist = 2;
    idt[X64_DF].ist = 3;
    idt[X64_MC].ist = 4;
    for (unsigned i = 0; i < 4; i++)
        tss.ist[i] = (uint64_t)x64_ist_stacks - 4096 * i;
    pointer.limit = sizeof idt - 1;
    pointer.base = (uint64_t)idt;
    __asm__ volatile("lidt %0" : : "m"(pointer));
    tss.io_base = sizeof tss; /* past the limit: no ports */
    memset(tss.io, 0xff, sizeof tss.io); /* the byte behind the last port must be set too */
    __asm__ volatile("ltr %w0" : : "r"(X64_TSS));
}

static void features_find(void)
{
    struct x64_cpuid one = x64_cpuid(1, 0), seven = {0}, ext = x64_cpuid(0x80000001, 0), power = {0};

    if (x64_cpuid(0, 0).a >= 7)
        seven = x64_cpuid(7, 0);
    if (x64_cpuid(0x80000000, 0).a >= 0x80000007)
        power = x64_cpuid(0x80000007, 0);
    x64_features = (seven.b & 1 ? K_CPU_FSGSBASE : 0) | (one.c >> 22 & 1 ? K_CPU_MOVBE : 0) | (one.c >> 28 & 1 ? K_CPU_AVX : 0) |
                   (power.d >> 8 & 1 ? K_CPU_TSC_INVARIANT : 0) | (seven.b >> 8 & 1 ? K_CPU_BMI2 : 0) | (seven.b >> 20 & 1 ? K_CPU_SMAP : 0) |
                   (seven.b >> 7 & 1 ? K_CPU_SMEP : 0) | (seven.c >> 2 & 1 ? K_CPU_UMIP : 0) | (ext.c >> 5 & 1 ? K_CPU_LZCNT : 0);
    if (one.c >> 31 & 1) {
        struct x64_cpuid h = x64_cpuid(0x40000000, 0);
        x64_hypervisor = h.b == 0x54474354 /* "TCGT" */ ? 1 : 2;
    }
    if (x64_cr4() & 1 << 12)
        kernel_panic("5-level paging is on; switch it off in the firmware");
}

void x64_cpu_init(void)
{
    tables_load();
    features_find();
    uint64_t cr4 = x64_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (x64_features & K_CPU_FSGSBASE)
        cr4 |= CR4_FSGSBASE;
    if (x64_features & K_CPU_SMEP)
        cr4 |= CR4_SMEP;
    if (x64_features & K_CPU_SMAP)
        cr4 |= CR4_SMAP;
    if (x64_features & K_CPU_UMIP)
        cr4 |= CR4_UMIP;
    x64_cr4_set(cr4);
    x64_wrmsr(MSR_STAR, (uint64_t)(X64_USER_DS - 8) << 48 | (uint64_t)X64_KERNEL_CS << 32);
    x64_wrmsr(MSR_LSTAR, (uint64_t)x64_syscall_entry);
    x64_wrmsr(MSR_SFMASK, 0x257fd5 & ~2u); /* all but the fixed bit: IF TF DF AC NT IOPL off inside */
    x64_fpu_init();
}

void x64_stack_set(struct x64_frame *end_of_frame)
{
    tss.rsp[0] = (uint64_t)end_of_frame;
    x64_syscall_stack = (uint64_t)end_of_frame;
}

void x64_bases_get(uint64_t *fs, uint64_t *gs)
{
    __asm__ volatile("rdfsbase %0; rdgsbase %1" : "=r"(*fs), "=r"(*gs));
}

void x64_bases_set(uint64_t fs, uint64_t gs)
{
    if (x64_features & K_CPU_FSGSBASE) {
        __asm__ volatile("wrfsbase %0; wrgsbase %1" : : "r"(fs), "r"(gs));
    } else {
        x64_wrmsr(MSR_FS_BASE, fs);
        x64_wrmsr(MSR_GS_BASE, gs);
    }
}

/* Set or clear the bits of ports in the bitmap; a clear bit allows the port. */
static void ports_allow(uint32_t first, uint32_t count, bool allow)
{
    for (uint32_t port = first; port < first + count; port++) {
        uint8_t bit = (uint8_t)(1 << (port & 7));
        if (allow)
            tss.io[port / 8] &= (uint8_t)~bit;
        else
            tss.io[port / 8] |= bit;
    }
}

/* The ranges that are open now, so that closing them is all there is to do at the next switch. */
static struct {
    uint32_t first, count;
} open_ports[IO_GRANTS];
static const struct task *io_now;

void x64_io_changed(void)
{
    io_now = NULL;
}

void x64_io_set(const struct task *task)
{
    if (io_now == task)
        return;
    io_now = task;
    bool any = false;
    for (unsigned i = 0; i < IO_GRANTS; i++) {
        ports_allow(open_ports[i].first, open_ports[i].count, false);
        open_ports[i].count = 0;
    }
    for (unsigned i = 0; i < IO_GRANTS; i++) {
        const struct ioport *p = task->io[i].ioport;
        if (!p)
            continue;
        any = true;
        open_ports[i].first = p->first, open_ports[i].count = p->count;
        ports_allow(p->first, p->count, true);
    }
    tss.io_base = any ? offsetof(struct tss, io) : sizeof tss;
}
