/* SPDX-License-Identifier: MIT */
/* The demo's real-time task: it keeps its period and says how well, after a second and then every ten. Period, budget and channel are image.toml's. */
#include "devsrv/rt.h"

int main(void)
{
    static struct rt rt;

    if (!rt_open(&rt))
        return 1;
    for (;;) {
        rt_wait(&rt);
        if (rt.stats->periods % 10000 == 1000)
            rt_report(&rt);
    }
}
