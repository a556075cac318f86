/* SPDX-License-Identifier: MIT */
/* The machines there are: a new one adds its line here and its files beside it (docs/guide/machines.md). */
#include "machine/machine.h"

#define MACHINES(X) \
    X(leon3)        \
    X(bamboo)       \
    X(malta)

#define X(name) extern const struct xl_machine xl_machine_##name;
MACHINES(X)
#undef X

#define X(name) &xl_machine_##name,
const struct xl_machine *const xl_machines[] = {MACHINES(X) 0};
#undef X
