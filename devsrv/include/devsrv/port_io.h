/* SPDX-License-Identifier: MIT */
/* Bytes and words from or to I/O ports of the CPU. port_io.c does it; a test links a model of the device instead. */
#ifndef DEVSRV_PORT_IO_H
#define DEVSRV_PORT_IO_H

#include <stdint.h>

uint8_t port_read8(uint16_t port);
void port_write8(uint16_t port, uint8_t byte);
uint16_t port_read16(uint16_t port);
void port_write16(uint16_t port, uint16_t word);
uint32_t port_read32(uint16_t port);
void port_write32(uint16_t port, uint32_t word);

#endif
