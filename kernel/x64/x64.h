/* SPDX-License-Identifier: MIT */
/*
 * x86-64 for the kernel: instructions, descriptors, the register frame, page tables, interrupt controllers, time.
 *
 * Source: Intel SDM vol. 3A. Everything runs with interrupts off except the halt in x64_idle.
 */
#ifndef X64_H
#define X64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Addresses that must never be mixed. */
typedef struct { uint64_t v; } pa_t;

#define DIRECT_MAP 0xffff800000000000ull /* all RAM, read-write, never executable */
#define KERNEL_VMA 0xffffffff80000000ull
#define DEVICE_MAP 0xfffffe0000000000ull /* LAPIC and IOAPIC pages, uncached */
#define USER_END 0x0000800000000000ull   /* first address that is no user address */
enum { PAGE_BYTES = 4096, LARGE_BYTES = 2 << 20 };

static inline void *direct(uint64_t pa)
{
    return (void *)(DIRECT_MAP + pa);
}
static inline uint64_t direct_pa(const void *va)
{
    return (uint64_t)va - DIRECT_MAP;
}

/* What an entry leaves in the thread: pushed by the CPU (from rip on) and by trap.S. r15 at the lowest address. */
struct x64_frame {
    uint64_t r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    uint64_t vector, error;
    uint64_t rip, cs, rflags, rsp, ss;
};
_Static_assert(sizeof(struct x64_frame) == 176, "trap.S");

enum {
    X64_KERNEL_CS = 0x08,
    X64_KERNEL_DS = 0x10,
    X64_USER_DS = 0x1b, /* SYSRET wants data below code */
    X64_USER_CS = 0x23,
    X64_TSS = 0x28,
    X64_VECTOR_SYSCALL = 0x100,
    X64_VECTOR_TIMER = 0xef,
    X64_VECTOR_SPURIOUS = 0xff,
    X64_VECTOR_IRQ = 0x40, /* + gsi */
    X64_IRQS = 64,
};
enum { X64_DB = 1, X64_NMI = 2, X64_BP = 3, X64_NM = 7, X64_DF = 8, X64_GP = 13, X64_PF = 14, X64_MC = 18 };
/* Flags that a user may have: CF PF AF ZF SF DF OF, TF, RF, ID, and IF always set. */
#define X64_RFLAGS_USER 0x210dd5ull
#define X64_RFLAGS_IF 0x200ull

static inline uint64_t x64_rdtsc(void)
{
    uint32_t low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (uint64_t)high << 32 | low;
}
static inline uint64_t x64_rdmsr(uint32_t msr)
{
    uint32_t low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (uint64_t)high << 32 | low;
}
static inline void x64_wrmsr(uint32_t msr, uint64_t value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)) : "memory");
}
static inline void x64_outb(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint8_t x64_inb(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}
static inline void x64_outl(uint16_t port, uint32_t value)
{
    __asm__ volatile("outl %0, %1" : : "a"(value), "Nd"(port));
}
static inline uint64_t x64_cr2(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr2, %0" : "=r"(value));
    return value;
}
static inline uint64_t x64_cr3(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr3, %0" : "=r"(value));
    return value;
}
static inline void x64_cr3_set(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr3" : : "r"(value) : "memory");
}
static inline uint64_t x64_cr4(void)
{
    uint64_t value;
    __asm__ volatile("mov %%cr4, %0" : "=r"(value));
    return value;
}
static inline void x64_cr4_set(uint64_t value)
{
    __asm__ volatile("mov %0, %%cr4" : : "r"(value) : "memory");
}
static inline void x64_invlpg(uint64_t va)
{
    __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}
struct x64_cpuid {
    uint32_t a, b, c, d;
};
static inline struct x64_cpuid x64_cpuid(uint32_t leaf, uint32_t sub)
{
    struct x64_cpuid r;
    __asm__ volatile("cpuid" : "=a"(r.a), "=b"(r.b), "=c"(r.c), "=d"(r.d) : "a"(leaf), "c"(sub));
    return r;
}

/* cpu.c: descriptors, features, MSRs. */
extern uint32_t x64_features;   /* enum k_cpu_flag */
extern uint32_t x64_hypervisor; /* k_boot_info.hypervisor */
void x64_cpu_init(void);
void x64_stack_set(struct x64_frame *end_of_frame); /* where the next entry from user mode saves its registers */
struct task;
void x64_io_set(const struct task *task); /* its ports are open from now on, and no others */
void x64_io_changed(void);                /* some task's ports changed: the next x64_io_set looks again */
void x64_bases_get(uint64_t *fs, uint64_t *gs); /* needs K_CPU_FSGSBASE */
void x64_bases_set(uint64_t fs, uint64_t gs);   /* both canonical */
/* trap.S */
_Noreturn void x64_user_return(struct x64_frame *frame); /* SYSRET when it came by SYSCALL, else IRET */
_Noreturn void x64_idle(void);                           /* halt with interrupts on until one comes */
extern char kernel_stack_top[];
/* fpu.c: eager save and restore */
enum { X64_FPU_BYTES = 2816 };
extern uint32_t x64_fpu_bytes;
void x64_fpu_init(void);
void x64_fpu_fresh(void *area);
void x64_fpu_save(void *area);
void x64_fpu_load(const void *area);
void x64_fpu_forbid(bool forbid);
/* apic.c */
void x64_apic_init(void);
void x64_apic_eoi(void);
void x64_timer_set(uint64_t tsc_deadline); /* one shot; as soon as possible when it is past */
bool x64_irq_route(uint32_t gsi, bool level, bool low);
void x64_irq_mask(uint32_t gsi, bool masked);
uint32_t x64_irq_count(void);
/* time.c */
extern uint64_t x64_tsc_hz;
void x64_time_init(void);
uint64_t x64_ns_of(uint64_t tsc);
uint64_t x64_tsc_of(uint64_t ns); /* saturates */
/* acpi.c */
struct x64_acpi {
    uint32_t lapic_pa, ioapic_pa;
    uint32_t gsi_of_isa[16];
    uint8_t isa_flags[16]; /* bit 0 level, bit 1 active low */
};
extern struct x64_acpi x64_acpi;
void x64_acpi_init(void);

#endif
