/* SPDX-License-Identifier: MIT */
/* Prints without end and without looking whether there is room, and signals the server each time. */
#include "devsrv/rt.h"

int main(void)
{
    static struct rt rt;

    if (!rt_open(&rt))
        return 1;
    for (;;)
        rt_report(&rt);
}
