/* SPDX-License-Identifier: MIT */
/*
 * Real-time tasks: wait for the next period, know how late one was, report.
 *
 *     int main(void)
 *     {
 *         static struct rt rt;
 *         if (!rt_open(&rt))
 *             return 1;
 *         for (;;) {
 *             rt_wait(&rt);                 // returns at each release
 *             ... the period's work ...
 *         }
 *     }
 *
 * Latency is counted in TSC ticks from the programmed release to the return of rt_wait. A period is missed when its work ended after the deadline or when it was
 * skipped. The statistics lie in a page of their own that root reads for the management channel; nobody else writes it.
 */
#ifndef DEVSRV_RT_H
#define DEVSRV_RT_H

#include "devsrv/ring.h"
#include "devsrv/terminal.h"

#include <stdbool.h>
#include <stdint.h>

#define RT_STATS_MAGIC 0x315441545352344cull /* "L4RSTAT1" */
/* Buckets: exact below 2^RT_FINE_BITS, then RT_FINE steps per doubling: a value is known to 1/RT_FINE. */
enum { RT_FINE_BITS = 4, RT_FINE = 1 << RT_FINE_BITS, RT_BUCKETS = RT_FINE * 33 };

struct rt_stats {
    uint64_t magic;
    uint32_t sequence; /* atomic; odd while the task writes: a reader tries again, a bounded number of times */
    uint32_t reserved;
    uint64_t start_ticks, last_ticks; /* first release due; last release seen, in TSC ticks */
    uint64_t periods, misses;
    uint64_t min_ticks, max_ticks;
    uint32_t buckets[RT_BUCKETS];
};
_Static_assert(sizeof(struct rt_stats) <= 4096, "one page");

struct rt {
    struct rt_stats *stats;
    struct ds_ring_pair ring;  /* its channel */
    struct ds_terminal terminal;
    uint32_t server;           /* notification of the serial server */
    uint64_t release_ns, deadline_ns, period_ns;
    uint64_t tsc_hz;
    uint64_t tsc_of_0;         /* TSC at time 0 of the kernel's clock */
    bool running;
};

/** Find statistics page ("stats"), channel ring and values ("deadline_us", "period_us") among the arguments; false when one is missing. */
bool rt_open(struct rt *rt);
/** Account for the period that ends, then wait for the next release. */
void rt_wait(struct rt *rt);
/** Write one block of text about the statistics to the task's channel; what does not fit is left out, never waited for. */
void rt_report(struct rt *rt);

/** Index of the bucket of a latency, and the smallest latency of a bucket. */
unsigned rt_bucket(uint64_t ticks);
uint64_t rt_bucket_first(unsigned bucket);
/** Median latency: the first value of its bucket, but never less than the least; of an even number of latencies the upper one; 0 when there is none. */
uint64_t rt_median(const struct rt_stats *s);

#endif
