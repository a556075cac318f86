/* SPDX-License-Identifier: MIT */
/*
 * The real-time library (devsrv/rt.h). One system call waits for the release, one reads the clock; the rest is counting.
 *
 * The statistics' sequence number is odd while they are written: root reads them from another task, at a lower priority, and tries again.
 */
#include "devsrv/rt.h"

#include "devsrv/args.h"
#include "devsrv/text.h"
#include "l4/l4.h"

enum { REPORT_BYTES = 1600, BARS_MAX = 16, BAR_WIDTH = 40, US = 1000, SECOND = 1000000000 };

/* Ticks of so many ns; the parts keep the product within 64 bits. */
static uint64_t ticks_of(const struct rt *rt, uint64_t ns)
{
    return ns / SECOND * rt->tsc_hz + ns % SECOND * rt->tsc_hz / SECOND;
}

bool rt_open(struct rt *rt)
{
    if (!ds_args_open())
        return false;
    const struct arg_entry *stats = ds_args_find(ARG_KIND_MEMORY, "stats"), *ring = ds_args_find(ARG_KIND_RING, "report");
    uint64_t ns;

    *rt = (struct rt){.period_ns = ds_args_value("period_us", 0) * US, .deadline_ns = ds_args_value("deadline_us", 0) * US};
    if (!stats || stats->bytes < sizeof *rt->stats || !ring || !rt->period_ns || !ds_ring_open_client(&rt->ring, (void *)ring->va, ring->bytes))
        return false;
    if (!ds_terminal_open(&rt->terminal))
        return false;
    rt->server = ring->slot;
    rt->stats = (struct rt_stats *)stats->va;
    if (!rt->deadline_ns)
        rt->deadline_ns = rt->period_ns;
    l4_clock(&ns, &rt->tsc_of_0, &rt->tsc_hz);
    rt->tsc_of_0 -= ticks_of(rt, ns);
    *rt->stats = (struct rt_stats){.magic = RT_STATS_MAGIC, .min_ticks = UINT64_MAX};
    return true;
}

static void write_begin(struct rt_stats *s)
{
    __atomic_store_n(&s->sequence, s->sequence + 1, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
}

static void write_end(struct rt_stats *s)
{
    __atomic_store_n(&s->sequence, s->sequence + 1, __ATOMIC_RELEASE);
}

void rt_wait(struct rt *rt)
{
    struct rt_stats *s = rt->stats;
    uint64_t release_ns, skipped, ns, ticks;
    bool late = rt->running && l4_now_ns() - rt->release_ns > rt->deadline_ns;

    l4_next_period(&release_ns, &skipped);
    l4_clock(&ns, &ticks, NULL);
    uint64_t due = rt->tsc_of_0 + ticks_of(rt, release_ns), latency = ticks > due ? ticks - due : 0;
    write_begin(s);
    if (!rt->running)
        s->start_ticks = due;
    s->last_ticks = due;
    s->periods += 1 + skipped;
    s->misses += skipped + late;
    if (latency < s->min_ticks)
        s->min_ticks = latency;
    if (latency > s->max_ticks)
        s->max_ticks = latency;
    s->buckets[rt_bucket(latency)]++;
    write_end(s);
    rt->release_ns = release_ns;
    rt->running = true;
}

/* One line: a bar for the latencies of one doubling. */
static void bar(struct ds_text *t, uint64_t first, uint64_t count, uint64_t most)
{
    ds_text_number(t, first, 10, 10);
    ds_text_put(t, " |");
    for (uint64_t i = 0; i < count * BAR_WIDTH / most; i++)
        ds_text_char(t, '#');
    ds_text_char(t, ' ');
    ds_text_dec(t, count);
    ds_text_put(t, "\r\n");
}

static void histogram(struct ds_text *t, const struct rt_stats *s)
{
    uint64_t sum[64] = {0}, most = 1;
    unsigned first = 64, last = 0;

    for (unsigned b = 0; b < RT_BUCKETS; b++) {
        if (!s->buckets[b])
            continue;
        uint64_t low = rt_bucket_first(b);
        unsigned power = low < 2 ? 0 : 63 - (unsigned)__builtin_clzll(low);
        sum[power] += s->buckets[b];
        most = sum[power] > most ? sum[power] : most;
        first = power < first ? power : first;
        last = power;
    }
    if (last >= first + BARS_MAX)
        first = last - BARS_MAX + 1;
    for (unsigned p = first; p <= last; p++)
        bar(t, p ? 1ull << p : 0, sum[p], most);
}

void rt_report(struct rt *rt)
{
    static char text[REPORT_BYTES];
    const struct rt_stats *s = rt->stats;
    struct ds_text t = ds_text_on(text, sizeof text);

    ds_text_dec(&t, s->periods);
    ds_text_put(&t, " periods of ");
    ds_text_dec(&t, rt->period_ns / US);
    ds_text_put(&t, " us, ");
    ds_text_dec(&t, s->misses);
    ds_text_put(&t, " misses");
    if (s->periods) {
        ds_text_put(&t, ", latency ");
        ds_text_dec(&t, s->min_ticks);
        ds_text_put(&t, " to ");
        ds_text_dec(&t, s->max_ticks);
        ds_text_put(&t, " ticks");
    }
    ds_text_put(&t, "\r\n");
    histogram(&t, s);
    ds_terminal_write(&rt->terminal, text, (uint32_t)(t.at - t.start));
    ds_terminal_signal(&rt->terminal);
    if (ds_ring_room(&rt->ring.out) < (uint32_t)(t.at - t.start))
        return;
    ds_ring_write(&rt->ring.out, text, (uint32_t)(t.at - t.start));
    l4_signal(rt->server, 0);
}
