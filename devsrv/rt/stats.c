/* SPDX-License-Identifier: MIT */
/* The latency buckets of devsrv/rt.h: exact below RT_FINE, then RT_FINE steps per doubling; and their median. Pure; root reads them too. */
#include "devsrv/rt.h"

unsigned rt_bucket(uint64_t ticks)
{
    if (ticks < RT_FINE)
        return (unsigned)ticks;
    unsigned top = 63 - (unsigned)__builtin_clzll(ticks), row = top - RT_FINE_BITS + 1;
    unsigned bucket = row * RT_FINE + (unsigned)(ticks >> (top - RT_FINE_BITS) & (RT_FINE - 1));

    return bucket < RT_BUCKETS ? bucket : RT_BUCKETS - 1;
}

uint64_t rt_bucket_first(unsigned bucket)
{
    unsigned row = bucket / RT_FINE;

    return row ? (uint64_t)(RT_FINE + bucket % RT_FINE) << (row - 1) : bucket;
}

uint64_t rt_median(const struct rt_stats *s)
{
    uint64_t all = 0, seen = 0;
    unsigned bucket = 0;

    for (unsigned b = 0; b < RT_BUCKETS; b++)
        all += s->buckets[b];
    if (!all)
        return 0;
    while ((seen += s->buckets[bucket]) <= all / 2)
        bucket++;
    uint64_t first = rt_bucket_first(bucket);
    return first < s->min_ticks ? s->min_ticks : first;
}
