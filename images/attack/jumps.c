/* SPDX-License-Identifier: MIT */
/* Runs what it may not run: another thing each time the clock says so. Root starts it again after each. */
#include <stdint.h>

int main(void)
{
    static uint8_t data[16] = {0xc3};
    uint32_t low, high;

    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    switch (low >> 8 & 7) {
    case 0: ((void (*)(void))(uintptr_t)data)(); break;
    case 1: __asm__ volatile("cli"); break;
    case 2: __asm__ volatile("hlt"); break;
    case 3: __asm__ volatile("mov $0x3f8, %%edx; out %%al, %%dx" ::: "edx"); break;
    case 4: __asm__ volatile("mov %0, %%rsp; push %0" ::"r"(0x8000000000000000ull)); break;
    case 5: __asm__ volatile("jmp *%0" ::"r"(0xffffffff80100000ull)); break;
    case 6: __asm__ volatile("wrmsr" ::"a"(0), "d"(0), "c"(0xc0000082u)); break;
    default: __asm__ volatile("int $0x80"); break;
    }
    return 0;
}
