/* SPDX-License-Identifier: MIT */
/*
 * Time base, decrementer, fixed interval timer and watchdog.
 *
 * Everything is a function of the ticks since power on (guest time in units of the CPU's clock, without those for which DBCR0.FT stopped the timers), brought up to date when it is
 * read and when the next event is due; so interpreter and blocks see the same values at the same instruction.
 *
 *   TCR   31 WP 30 | 29 WRC 28 | 27 WIE | 26 DIE | 25 FP 24 | 23 FIE | 22 ARE
 *   TSR   31 ENW | 30 WIS | 29 WRS 28 | 27 DIS | 26 FIS           a one written clears
 *
 * Source: Book E chapter 8; 440 chapter 7.
 */
#include "ppc.h"

#define NEVER UINT64_MAX
#define TSR_ENW 0x80000000u
#define TSR_WIS 0x40000000u
#define TSR_DIS 0x08000000u
#define TSR_FIS 0x04000000u
#define TCR_WRC 0x30000000u
#define TCR_WIE 0x08000000u
#define TCR_DIE 0x04000000u
#define TCR_FIE 0x00800000u
#define TCR_ARE 0x00400000u
enum { TCR_WP_SHIFT = 30, TCR_FP_SHIFT = 24, FIT_FIRST_BIT = 12, WATCHDOG_FIRST_BIT = 20, BITS_APART = 4 };
#define SECOND_NS 1000000000ull

static uint64_t ticks_of_clock(struct xl_cpu *cpu)
{
    uint64_t ns = xl_cpu_time_ns(cpu), hz = xl_cpu_clock_hz(cpu);

    return ns / SECOND_NS * hz + ns % SECOND_NS * hz / SECOND_NS;
}

static uint64_t ticks_now(struct xl_cpu *cpu)
{
    const struct ppc_cpu *s = ppc_of(cpu);

    return s->frozen != NEVER ? s->frozen : ticks_of_clock(cpu) - s->lost;
}

/* The first nanosecond at which so many ticks have passed. */
static uint64_t ns_of(struct xl_cpu *cpu, uint64_t ticks)
{
    uint64_t hz = xl_cpu_clock_hz(cpu);

    return ticks / hz * SECOND_NS + (ticks % hz * SECOND_NS + hz - 1) / hz;
}

/* The next tick after `now` at which the time base's bit goes from 0 to 1. */
static uint64_t next_edge(const struct ppc_cpu *s, uint64_t now, unsigned bit)
{
    uint64_t half = 1ull << bit, period = 2 * half, tb = now + s->tb_offset;

    return now + (period - ((tb - half) & (period - 1)));
}

static unsigned fit_bit(const struct ppc_cpu *s)
{
    return FIT_FIRST_BIT + BITS_APART * (s->tcr >> TCR_FP_SHIFT & 3);
}

static unsigned watchdog_bit(const struct ppc_cpu *s)
{
    return WATCHDOG_FIRST_BIT + BITS_APART * (s->tcr >> TCR_WP_SHIFT);
}

static void edges_find(struct ppc_cpu *s, uint64_t now)
{
    s->fit_next = next_edge(s, now, fit_bit(s));
    s->watchdog_next = next_edge(s, now, watchdog_bit(s));
}

/* At zero DIS is set; with ARE the count goes on from DECAR, else it stays at zero   440 7.2 */
static void decrementer_update(struct ppc_cpu *s, uint64_t now)
{
    if (s->dec_zero == NEVER || now < s->dec_zero)
        return;
    s->tsr |= TSR_DIS;
    if (s->tcr & TCR_ARE && s->decar) {
        s->dec_zero += (now - s->dec_zero) / s->decar * s->decar + s->decar;
    } else {
        s->dec_zero = NEVER;
        s->dec_stopped = 0;
    }
}

/* First ENW, then WIS, then the reset that WRC asks for   440 7.4 */
static void watchdog_expire(struct xl_cpu *cpu)
{
    struct ppc_cpu *s = ppc_of(cpu);

    if (!(s->tsr & TSR_ENW)) {
        s->tsr |= TSR_ENW;
    } else if (!(s->tsr & TSR_WIS)) {
        s->tsr |= TSR_WIS;
    } else if (s->tcr & TCR_WRC) {
        s->tsr |= s->tcr & TCR_WRC;
        xl_cpu_halt(cpu, 1);
    }
}

static void requests_update(struct xl_cpu *cpu)
{
    const struct ppc_cpu *s = ppc_of(cpu);
    struct xl_env *env = xl_cpu_env(cpu);

    env->irq_own = (s->tsr & TSR_DIS && s->tcr & TCR_DIE ? OWN_DECREMENTER : 0) | (s->tsr & TSR_FIS && s->tcr & TCR_FIE ? OWN_FIT : 0) |
                   (s->tsr & TSR_WIS && s->tcr & TCR_WIE ? OWN_WATCHDOG : 0) | (ppc_debug_is_pending(s) ? OWN_DEBUG : 0);
    if (env->irq_own)
        xl_attention(cpu);
}

/* What nobody waits for is found when TSR is read. */
static void event_arm(struct xl_cpu *cpu)
{
    const struct ppc_cpu *s = ppc_of(cpu);
    uint64_t next = s->tcr & TCR_DIE ? s->dec_zero : NEVER;

    if (s->tcr & TCR_FIE && s->fit_next < next)
        next = s->fit_next;
    if (s->tcr & (TCR_WIE | TCR_WRC) && s->watchdog_next < next)
        next = s->watchdog_next;
    xl_cpu_timer(cpu, next == NEVER || s->frozen != NEVER ? UINT64_MAX : ns_of(cpu, next + s->lost));
}

static void catch_up(struct xl_cpu *cpu, uint64_t now)
{
    struct ppc_cpu *s = ppc_of(cpu);

    decrementer_update(s, now);
    if (now >= s->fit_next)
        s->tsr |= TSR_FIS;
    for (int i = 0; i < 3 && now >= s->watchdog_next; i++) { /* the third one resets */
        watchdog_expire(cpu);
        s->watchdog_next = next_edge(s, s->watchdog_next, watchdog_bit(s));
    }
    edges_find(s, now);
}

static void settle(struct xl_cpu *cpu)
{
    event_arm(cpu);
    requests_update(cpu);
}

/* After a reset: nothing is due, whatever the time. */
void ppc_timers_reset(struct xl_cpu *cpu)
{
    edges_find(ppc_of(cpu), ticks_now(cpu));
    settle(cpu);
}

void ppc_timers_update(struct xl_cpu *cpu)
{
    catch_up(cpu, ticks_now(cpu));
    settle(cpu);
}

static uint32_t decrementer(const struct ppc_cpu *s, uint64_t now)
{
    return s->dec_zero == NEVER ? s->dec_stopped : (uint32_t)(s->dec_zero - now);
}

uint32_t ppc_timer_get(struct xl_cpu *cpu, unsigned spr)
{
    const struct ppc_cpu *s = ppc_of(cpu);
    uint64_t now = ticks_now(cpu), tb = now + s->tb_offset;

    if (spr == SPR_TBL || spr == SPR_TBU)
        return (uint32_t)(spr == SPR_TBL ? tb : tb >> 32);
    ppc_timers_update(cpu);
    return spr == SPR_DEC ? decrementer(s, now) : s->tsr;
}

static void decrementer_set(struct ppc_cpu *s, uint64_t now, uint32_t value)
{
    s->dec_zero = value ? now + value : NEVER;
    s->dec_stopped = 0;
}

void ppc_timer_set(struct xl_cpu *cpu, unsigned spr, uint32_t value)
{
    struct ppc_cpu *s = ppc_of(cpu);
    uint64_t now = ticks_now(cpu), tb = now + s->tb_offset;

    catch_up(cpu, now);
    switch (spr) {
    case SPR_DEC: decrementer_set(s, now, value); break;
    case SPR_TSR: s->tsr &= ~value; break;
    case SPR_TCR: s->tcr = (value & 0xffc00000u) | (s->tcr & TCR_WRC); break; /* WRC can be set, not cleared */
    case SPR_TBL_WRITE: s->tb_offset = ((tb & ~(uint64_t)UINT32_MAX) | value) - now; break;
    case SPR_TBU_WRITE: s->tb_offset = ((uint64_t)value << 32 | (uint32_t)tb) - now; break;
    default: break;
    }
    edges_find(s, now);
    settle(cpu);
}

/* DBCR0.FT: while a debug event is in DBSR nothing counts   440 8.5 */
void ppc_timers_freeze(struct xl_cpu *cpu, bool freeze)
{
    struct ppc_cpu *s = ppc_of(cpu);

    if (freeze && s->frozen == NEVER) {
        catch_up(cpu, ticks_now(cpu));
        s->frozen = ticks_now(cpu);
    } else if (!freeze && s->frozen != NEVER) {
        s->lost = ticks_of_clock(cpu) - s->frozen;
        s->frozen = NEVER;
    }
    settle(cpu);
}
