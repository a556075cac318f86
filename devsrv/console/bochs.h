/* SPDX-License-Identifier: MIT */
/*
 * The display of Bochs and QEMU (`-vga std`): a mode with a linear frame, by an index and a data register.
 *
 * Source: the VBE Display API of Bochs 2.x (registers 0 to 10); the frame is the device's first PCI base address, which root has found.
 */
#ifndef CONSOLE_BOCHS_H
#define CONSOLE_BOCHS_H

#include <stdbool.h>

/** Is such a display there? Then make it show `width` by `height` pixels of 32 bits; false: not there, or it has no such mode. */
bool bochs_open(unsigned width, unsigned height);

#endif
