/* SPDX-License-Identifier: MIT */
/* One byte from or to an I/O port of the CPU. port_io.c does it; a test links a model of the device instead. */
#ifndef SERIAL_PORT_IO_H
#define SERIAL_PORT_IO_H

#include <stdint.h>

uint8_t port_read8(uint16_t port);
void port_write8(uint16_t port, uint8_t byte);

#endif
