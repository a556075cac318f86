/* SPDX-License-Identifier: MIT */
/*
 * The Bamboo board without its CPU: what a struct xl_machine needs, for the PowerPC front end's entry in machines.c to name.
 *
 * Interrupts to the CPU: xl_irq_set bit 0 external, bit 1 critical. The CPU's timers are the front end's.
 */
#ifndef XL_BAMBOO_H
#define XL_BAMBOO_H

#include "machine/machine.h"

bool bamboo_create(struct xl_vm *vm, const struct xl_config *config, void **state);
void bamboo_reset(void *state);
void bamboo_boot(void *state, struct xl_cpu *cpu, uint64_t entry);
unsigned bamboo_console_in(void *state, unsigned n, const uint8_t *bytes, unsigned count);
/* DCR `address`: false when the board has none of that number, or size is not 4. */
bool bamboo_io_read(void *state, uint32_t address, unsigned size, uint32_t *value);
bool bamboo_io_write(void *state, uint32_t address, unsigned size, uint32_t value);

#endif
