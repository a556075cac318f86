/* SPDX-License-Identifier: MIT */
/*
 * FPU state, saved and restored eagerly at each switch between threads that use it. XSAVE with x87, SSE and AVX where present; a thread without the
 * FPU runs with CR0.TS set, so that a use is a fault and nothing of another thread is ever seen.
 *
 * Source: Intel SDM vol. 1, 13.
 */
#include "abi/k_abi.h"
#include "kernel.h"

enum { CR0_TS = 8, CR4_OSXSAVE = 1 << 18 };

uint32_t x64_fpu_bytes = 512;
static bool has_xsave, has_xsaveopt;
static uint32_t mask = 3;
static _Alignas(64) uint8_t fresh[X64_FPU_BYTES];

void x64_fpu_save(void *area)
{
    if (has_xsaveopt)
        __asm__ volatile("xsaveopt64 (%0)" : : "r"(area), "a"(mask), "d"(0) : "memory");
    else if (has_xsave)
        __asm__ volatile("xsave64 (%0)" : : "r"(area), "a"(mask), "d"(0) : "memory");
    else
        __asm__ volatile("fxsave64 (%0)" : : "r"(area) : "memory");
}

void x64_fpu_load(const void *area)
{
    if (has_xsave)
        __asm__ volatile("xrstor64 (%0)" : : "r"(area), "a"(mask), "d"(0) : "memory");
    else
        __asm__ volatile("fxrstor64 (%0)" : : "r"(area) : "memory");
}

void x64_fpu_forbid(bool forbid)
{
    uint64_t cr0;

    __asm__ volatile("mov %%cr0, %0" : "=r"(cr0));
    if (forbid && !(cr0 & CR0_TS))
        __asm__ volatile("mov %0, %%cr0" : : "r"(cr0 | CR0_TS) : "memory");
    else if (!forbid && (cr0 & CR0_TS))
        __asm__ volatile("clts" : : : "memory");
}

void x64_fpu_fresh(void *area)
{
    memcpy(area, fresh, x64_fpu_bytes);
}

void x64_fpu_init(void)
{
    uint32_t mxcsr = 0x1f80;

    if (x64_cpuid(1, 0).c >> 26 & 1) {
        x64_cr4_set(x64_cr4() | CR4_OSXSAVE);
        has_xsave = true;
        mask = x64_cpuid(0xd, 0).a & (x64_features & K_CPU_AVX ? 7 : 3);
        __asm__ volatile("xsetbv" : : "c"(0), "a"(mask), "d"(0));
        has_xsaveopt = x64_cpuid(0xd, 1).a & 1;
        x64_fpu_bytes = x64_cpuid(0xd, 0).b; /* for the features now on */
        if (x64_fpu_bytes > X64_FPU_BYTES)
            kernel_panic("the FPU state is larger than the kernel's room for it");
    }
    x64_fpu_forbid(false);
    __asm__ volatile("fninit; ldmxcsr %0" : : "m"(mxcsr));
    x64_fpu_save(fresh);
}
