/* SPDX-License-Identifier: MIT */
/* The end of a program that has nobody to tell: linked last, so that a library which knows better comes before it (devsrv/lib/log.c). */
#include "l4/l4.h"

_Noreturn void l4_main_ended(int code)
{
    (void)code;
    for (;;)
        l4_sleep(UINT64_MAX);
}
