/* SPDX-License-Identifier: MIT */
/*
 * Count and Compare: Count goes up with every other cycle; when it becomes Compare, Cause.TI is set until Compare is written.
 *
 * Everything is a function of the ticks since power on, brought up to date when it is read and when the next event is due; so interpreter and blocks see the same values at the
 * same instruction. Source: III 8.11, 8.18; 24K 5.7.
 */
#include "mips.h"

enum { CYCLES_A_TICK = 2 };
#define NEVER UINT64_MAX
#define SECOND_NS 1000000000ull

static uint64_t ticks_a_second(struct xl_cpu *cpu)
{
    return xl_cpu_clock_hz(cpu) / CYCLES_A_TICK;
}

static uint64_t ticks_now(struct xl_cpu *cpu)
{
    uint64_t ns = xl_cpu_time_ns(cpu), hz = ticks_a_second(cpu);

    return ns / SECOND_NS * hz + ns % SECOND_NS * hz / SECOND_NS;
}

/* The first nanosecond at which so many ticks have passed. */
static uint64_t ns_of(struct xl_cpu *cpu, uint64_t ticks)
{
    uint64_t hz = ticks_a_second(cpu);

    return ticks / hz * SECOND_NS + (ticks % hz * SECOND_NS + hz - 1) / hz;
}

static bool is_stopped(const struct mips_cpu *s)
{
    return s->cause & CAUSE_DC;
}

/* The next time Count becomes Compare: not now. */
static void compare_find(struct xl_cpu *cpu, uint64_t now)
{
    struct mips_cpu *s = mips_of(cpu);
    uint32_t until = s->compare - (uint32_t)(now + s->count_offset);

    s->compare_at = is_stopped(s) ? NEVER : now + (until ? until : 1ull << 32);
    xl_cpu_timer(cpu, is_stopped(s) ? UINT64_MAX : ns_of(cpu, s->compare_at));
}

void mips_timer_update(struct xl_cpu *cpu)
{
    struct mips_cpu *s = mips_of(cpu);
    uint64_t now = ticks_now(cpu);

    if (s->compare_at == NEVER || now < s->compare_at)
        return;
    s->cause |= CAUSE_TI;
    compare_find(cpu, now);
    mips_requests_update(cpu);
}

uint32_t mips_count(struct xl_cpu *cpu)
{
    const struct mips_cpu *s = mips_of(cpu);

    mips_timer_update(cpu);
    return is_stopped(s) ? s->count : (uint32_t)(ticks_now(cpu) + s->count_offset);
}

void mips_count_set(struct xl_cpu *cpu, uint32_t count)
{
    struct mips_cpu *s = mips_of(cpu);
    uint64_t now = ticks_now(cpu);

    mips_timer_update(cpu);
    s->count = count;
    s->count_offset = count - now;
    compare_find(cpu, now);
}

void mips_compare_set(struct xl_cpu *cpu, uint32_t compare)
{
    struct mips_cpu *s = mips_of(cpu);

    s->compare = compare;
    s->cause &= ~CAUSE_TI;
    compare_find(cpu, ticks_now(cpu));
    mips_requests_update(cpu);
}

/* Cause.DC. The bit itself is changed here, between the two ways of counting. */
void mips_count_stop(struct xl_cpu *cpu, bool stop)
{
    struct mips_cpu *s = mips_of(cpu);

    if (stop == is_stopped(s))
        return;
    uint32_t count = mips_count(cpu);
    s->cause ^= CAUSE_DC;
    mips_count_set(cpu, count);
}

void mips_timer_reset(struct xl_cpu *cpu)
{
    mips_of(cpu)->compare_at = NEVER;
    mips_count_set(cpu, 0);
}
