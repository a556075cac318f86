/* SPDX-License-Identifier: MIT */
/* The machines there are. A new one adds its line here and its files beside it. */
#include "machine/machine.h"

extern const struct xl_machine xl_machine_leon3;

const struct xl_machine *const xl_machines[] = {&xl_machine_leon3, 0};
