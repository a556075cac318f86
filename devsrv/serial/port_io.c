/* SPDX-License-Identifier: MIT */
/* IN and OUT in user mode: the task's I/O permission bitmap lets it reach its own ports only; any other is a fault. Source: Intel SDM vol. 1, 19.5.2. */
#include "devsrv/port_io.h"

uint8_t port_read8(uint16_t port)
{
    uint8_t byte;
    __asm__ volatile("inb %1, %0" : "=a"(byte) : "Nd"(port));
    return byte;
}

void port_write8(uint16_t port, uint8_t byte)
{
    __asm__ volatile("outb %0, %1" : : "a"(byte), "Nd"(port));
}

uint16_t port_read16(uint16_t port)
{
    uint16_t word;
    __asm__ volatile("inw %1, %0" : "=a"(word) : "Nd"(port));
    return word;
}

void port_write16(uint16_t port, uint16_t word)
{
    __asm__ volatile("outw %0, %1" : : "a"(word), "Nd"(port));
}

uint32_t port_read32(uint16_t port)
{
    uint32_t word;
    __asm__ volatile("inl %1, %0" : "=a"(word) : "Nd"(port));
    return word;
}

void port_write32(uint16_t port, uint32_t word)
{
    __asm__ volatile("outl %0, %1" : : "a"(word), "Nd"(port));
}
