/* SPDX-License-Identifier: MIT */
/* Plays periods to rt_wait. The clock counts nanoseconds, a tick is one, and both change only where a period says so. */
#include "devsrv/rt.h"

#include "l4/l4.h"

struct period {
    uint64_t release_ns; /* its nominal start */
    uint64_t skipped;    /* periods that passed unseen before it */
    uint64_t latency_ns; /* from the release to the return of rt_wait */
    uint64_t work_ns;    /* from there to the next rt_wait */
};

static const struct period *next;
static uint64_t now_ns;

enum k_status l4_clock(uint64_t *ns, uint64_t *tsc, uint64_t *tsc_hz)
{
    if (ns)
        *ns = now_ns;
    if (tsc)
        *tsc = now_ns;
    if (tsc_hz)
        *tsc_hz = 1000000000;
    return K_OK;
}

uint64_t l4_now_ns(void)
{
    return now_ns;
}

enum k_status l4_next_period(uint64_t *release_ns, uint64_t *skipped)
{
    *release_ns = next->release_ns;
    *skipped = next->skipped;
    now_ns = next->release_ns + next->latency_ns;
    return K_OK;
}

enum k_status l4_signal(uint32_t notification, uint64_t bits)
{
    (void)notification, (void)bits;
    return K_OK;
}

/* Play so many periods; returns the median of their latencies. The last period is not over: whether it was late is not known yet. */
uint64_t rt_play(const struct period *periods, unsigned count, uint64_t deadline_ns, struct rt_stats *stats)
{
    struct rt rt = {.stats = stats, .deadline_ns = deadline_ns, .period_ns = deadline_ns, .tsc_hz = 1000000000};

    *stats = (struct rt_stats){.magic = RT_STATS_MAGIC, .min_ticks = UINT64_MAX};
    for (unsigned i = 0; i < count; i++) {
        next = &periods[i];
        rt_wait(&rt);
        now_ns += periods[i].work_ns;
    }
    return rt_median(stats);
}
