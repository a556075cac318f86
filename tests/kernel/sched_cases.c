/* SPDX-License-Identifier: MIT */
/*
 * Time: priorities, budgets as hard caps, periods, sleeping, timers.
 *
 * Times are the board's own (CLOCK), so that they come out the same in every run of an emulator that counts instructions.
 */
#include "ktest.h"

enum { TICK = 50000, LOG_MAX = 128 }; /* ns: how late the end of a budget may be noticed */

/* --- workers --- */

static void note_once(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->count++;
    job->a = l4_now_ns();
    worker_done();
}

static void spin(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    for (;;) {
        job->count++;
    }
}

/* When a busy thread ran: [from, to) of each piece, in ns. A gap of more than 20 us between two looks at the clock is time it did not have. */
struct log {
    volatile unsigned count;
    uint64_t from[LOG_MAX], to[LOG_MAX];
};

static void spin_and_log(uint64_t arg, struct k_utcb *utcb)
{
    struct log *log = (struct log *)arg;
    uint64_t last = l4_now_ns(), now;
    (void)utcb;
    log->from[0] = last;
    for (;;) {
        now = l4_now_ns();
        log->to[log->count] = last;
        if (now - last > 20000) {
            if (log->count + 1 == LOG_MAX) {
                worker_done();
            }
            log->count = log->count + 1;
            log->from[log->count] = now;
            log->to[log->count] = now;
        }
        last = now;
    }
}

/* The most that lies in any window of that length; it starts where a piece does. */
static uint64_t most_in_window(const struct log *log, uint64_t window)
{
    uint64_t most = 0;
    for (unsigned i = 0; i <= log->count; i++) {
        uint64_t end = log->from[i] + window, sum = 0;
        for (unsigned j = i; j <= log->count && log->from[j] < end; j++) {
            sum += (log->to[j] < end ? log->to[j] : end) - log->from[j];
        }
        most = sum > most ? sum : most;
    }
    return most;
}

static uint64_t sum_of(const struct log *log)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i <= log->count; i++) {
        sum += log->to[i] - log->from[i];
    }
    return sum;
}

static uint64_t consumed(uint32_t thread)
{
    struct l4_out out = {{0, 0, 0, 0}};
    l4_thread_info(thread, &out);
    return out.v[1];
}

/* --- priorities --- */

static const char *higher_thread_runs_at_once(void)
{
    struct job *job = job_new();
    struct worker w = worker_run(note_once, (uint64_t)job, ABOVE);
    EXPECT(job->count == 1);
    worker_end(&w);
    return NULL;
}

static const char *lower_thread_waits_until_nobody_else_wants_to_run(void)
{
    struct job *job = job_new();
    struct worker w = worker_run(note_once, (uint64_t)job, BELOW);
    spin_until(l4_now_ns() + 3 * MS);
    EXPECT(job->count == 0);
    l4_sleep(l4_now_ns() + MS);
    EXPECT(job->count == 1);
    worker_end(&w);
    return NULL;
}

static const char *raised_priority_takes_effect_at_once(void)
{
    struct job *job = job_new();
    struct worker w = worker_run(note_once, (uint64_t)job, BELOW);
    EXPECT(job->count == 0);
    EXPECT(l4_thread_configure(w.thread, w.sched, ABOVE, 0) == K_OK && job->count == 1);
    worker_end(&w);
    return NULL;
}

static const char *lowered_priority_takes_effect_at_once(void)
{
    struct job *job = job_new(), *busy = job_new();
    struct worker b = worker_run(spin, (uint64_t)busy, BELOW + 1), w = worker_run(note_once, (uint64_t)job, BELOW);
    l4_sleep(l4_now_ns() + 2 * MS);
    EXPECT(busy->count > 0 && job->count == 0);
    EXPECT(l4_thread_configure(b.thread, b.sched, BELOW - 1, 0) == K_OK);
    l4_sleep(l4_now_ns() + 2 * MS);
    EXPECT(job->count == 1);
    worker_end(&b);
    worker_end(&w);
    return NULL;
}

static const char *equals_with_full_budgets_take_turns(void)
{
    struct job *one = job_new(), *two = job_new();
    struct worker a = worker_make(BELOW, 1000, 1000), b = worker_make(BELOW, 1000, 1000);
    uint64_t ran_a, ran_b;
    worker_start(&a, spin, (uint64_t)one);
    worker_start(&b, spin, (uint64_t)two);
    l4_sleep(l4_now_ns() + 20 * MS);
    ran_a = consumed(a.thread), ran_b = consumed(b.thread);
    worker_end(&a);
    worker_end(&b);
    EXPECT(one->count > 0 && two->count > 0);
    EXPECT(ran_a + ran_b > 19 * MS && ran_a > 8 * MS && ran_b > 8 * MS);
    return NULL;
}

static const char *configure_refuses_bad_values(void)
{
    struct worker w = worker_make(BELOW, 1000, 10000), v = worker_make(BELOW, 1000, 10000);
    EXPECT(l4_thread_configure(w.thread, w.sched, K_PRIORITY_MAX + 1, 0) == K_BAD_ARG);
    EXPECT(l4_thread_configure(w.thread, w.sched, BELOW, 8) == K_BAD_ARG);
    EXPECT(l4_thread_configure(w.thread, w.thread, BELOW, 0) == K_BAD_TYPE);
    EXPECT(l4_thread_configure(w.thread, v.sched, BELOW, 0) == K_BUSY); /* another thread's own */
    EXPECT(l4_sched_configure(w.sched, 0, 1000) == K_BAD_ARG);
    EXPECT(l4_sched_configure(w.sched, 1001, 1000) == K_BAD_ARG);
    EXPECT(l4_sched_configure(w.sched, 1, ~0ull) == K_BAD_ARG);
    EXPECT(l4_sched_configure(w.sched, 1000, 1000) == K_OK);
    worker_end(&w);
    worker_end(&v);
    return NULL;
}

static const char *thread_without_time_does_not_run(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 0, 0);
    uint32_t sched = slot_new();
    worker_start(&w, note_once, (uint64_t)job);
    l4_sleep(l4_now_ns() + 2 * MS);
    EXPECT(job->count == 0);
    EXPECT(l4_sched_create(K_SLOT_SELF, sched, 1000, 1000) == K_OK);
    EXPECT(l4_thread_configure(w.thread, sched, ABOVE, 0) == K_OK && job->count == 1);
    worker_end(&w);
    return NULL;
}

static const char *deleting_its_sched_stops_a_thread(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(BELOW, 10000, 10000);
    uint64_t count;
    worker_start(&w, spin, (uint64_t)job);
    l4_sleep(l4_now_ns() + MS);
    EXPECT(job->count > 0);
    EXPECT(l4_cap_delete(K_SLOT_SELF, w.sched) == K_OK);
    count = job->count;
    l4_sleep(l4_now_ns() + 2 * MS);
    EXPECT(job->count == count);
    EXPECT(l4_cap_delete(K_SLOT_SELF, w.thread) == K_OK);
    return NULL;
}

/* --- budgets --- */

static const char *twenty_percent_are_never_more(void)
{
    struct log *log = ram_map(sizeof *log);
    struct worker w = worker_make(ABOVE, 2000, 10000);
    uint64_t start = l4_now_ns();
    worker_start(&w, spin_and_log, (uint64_t)log);
    spin_until(start + 60 * MS);
    worker_end(&w);
    EXPECT(log->count >= 4);
    EXPECT(most_in_window(log, 10 * MS) <= 2 * MS + TICK);
    EXPECT(most_in_window(log, 20 * MS) <= 4 * MS + 2 * TICK);
    EXPECT(sum_of(log) >= 5 * (2 * MS - TICK)); /* and it gets what it was promised */
    return NULL;
}

static void spin_in_bursts(uint64_t arg, struct k_utcb *utcb)
{
    struct log *log = (struct log *)arg;
    (void)utcb;
    for (unsigned i = 0; i < LOG_MAX; i++) { /* sleeping between pieces of work must not win anything */
        uint64_t now = l4_now_ns();
        log->count = i;
        log->from[i] = now;
        while (l4_now_ns() < now + 300000) {
            log->to[i] = l4_now_ns();
        }
        l4_sleep(l4_now_ns() + 200000 + 70000 * (i % 5));
    }
    worker_done();
}

static const char *bursts_win_nothing(void)
{
    struct log *log = ram_map(sizeof *log);
    struct worker w = worker_make(ABOVE, 2000, 10000);
    uint64_t start = l4_now_ns(), ran, windows = 8;
    worker_start(&w, spin_in_bursts, (uint64_t)log);
    spin_until(start + windows * 10 * MS);
    ran = consumed(w.thread);
    worker_end(&w);
    EXPECT(ran <= windows * (2 * MS + TICK));
    EXPECT(ran >= (windows - 1) * (MS + MS / 2));
    return NULL;
}

static const char *budget_goes_round_the_clock_with_many_pieces(void)
{
    struct log *log = ram_map(sizeof *log);
    struct worker w = worker_make(ABOVE, 500, 1000);
    uint64_t start = l4_now_ns();
    worker_start(&w, spin_and_log, (uint64_t)log);
    spin_until(start + 30 * MS);
    worker_end(&w);
    EXPECT(most_in_window(log, MS) <= MS / 2 + TICK);
    EXPECT(sum_of(log) >= 29 * (MS / 2 - TICK));
    return NULL;
}

static const char *used_up_budget_lets_lower_threads_run(void)
{
    struct job *high = job_new(), *low = job_new();
    struct worker a = worker_make(ABOVE, 9000, 10000), b = worker_make(BELOW, 10000, 10000);
    uint64_t start = l4_now_ns(), ran;
    worker_start(&a, spin, (uint64_t)high);
    worker_start(&b, spin, (uint64_t)low);
    l4_sleep(start + 40 * MS);
    ran = consumed(b.thread);
    worker_end(&a);
    worker_end(&b);
    EXPECT(low->count > 0 && ran >= 3 * MS - TICK && ran <= 5 * MS);
    return NULL;
}

static const char *smaller_budget_holds_from_now_on(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 5000, 10000);
    uint64_t start = l4_now_ns(), before;
    worker_start(&w, spin, (uint64_t)job);
    spin_until(start + 20 * MS);
    EXPECT(l4_sched_configure(w.sched, 1000, 10000) == K_OK);
    before = consumed(w.thread);
    start = l4_now_ns();
    spin_until(start + 20 * MS);
    uint64_t ran = consumed(w.thread) - before;
    worker_end(&w);
    EXPECT(ran <= 3 * (MS + TICK) && ran >= MS);
    return NULL;
}

static void yield_and_note(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->a = l4_now_ns();
    l4_yield();
    job->b = l4_now_ns();
    job->count++;
    worker_done();
}

static const char *yield_gives_up_the_rest_of_the_budget(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 5000, 10000);
    uint64_t start = l4_now_ns();
    worker_start(&w, yield_and_note, (uint64_t)job);
    EXPECT(job->count == 0);
    spin_until(start + 15 * MS);
    worker_end(&w);
    EXPECT(job->count == 1);
    EXPECT(job->b - job->a >= 9 * MS && job->b - job->a <= 11 * MS);
    return NULL;
}

static const char *consumed_time_counts_running_only(void)
{
    struct job *busy = job_new(), *idle = job_new();
    struct worker a = worker_run(spin, (uint64_t)busy, BELOW), b = worker_run(note_once, (uint64_t)idle, ABOVE);
    uint64_t ran_busy, ran_idle;
    l4_sleep(l4_now_ns() + 10 * MS);
    ran_busy = consumed(a.thread), ran_idle = consumed(b.thread);
    worker_end(&a);
    worker_end(&b);
    EXPECT(ran_busy > 9 * MS && ran_busy <= 10 * MS + TICK && ran_idle > 0 && ran_idle < MS);
    return NULL;
}

/* --- timeout faults --- */

static const char *exhausted_budget_is_a_fault_when_asked_for(void)
{
    struct job *job = job_new();
    uint32_t ep = endpoint_new(), reply = reply_new();
    struct worker w = worker_make(ABOVE, 1000, 10000);
    struct l4_msg m = {0};
    uint64_t count;
    EXPECT(l4_thread_configure(w.thread, w.sched, ABOVE, K_THREAD_TIMEOUT_FAULT) == K_OK);
    EXPECT(l4_thread_fault_handler(w.thread, ep, 0x77) == K_OK);
    worker_start(&w, spin, (uint64_t)job);
    EXPECT(l4_recv(ep, reply, l4_now_ns() + 20 * MS, &m) == K_OK);
    EXPECT(K_TAG_LABEL(m.tag) == K_FAULT_TIMEOUT && m.badge == 0x77);
    EXPECT(thread_state(w.thread) == K_THREAD_FAULTED);
    count = job->count;
    l4_sleep(l4_now_ns() + 15 * MS);
    EXPECT(job->count == count); /* stands still, refill or not */
    EXPECT(l4_reply(reply, &m) == K_OK);
    EXPECT(l4_recv(ep, reply, l4_now_ns() + 20 * MS, &m) == K_OK && K_TAG_LABEL(m.tag) == K_FAULT_TIMEOUT);
    EXPECT(job->count > count);
    worker_end(&w);
    return NULL;
}

static const char *exhausted_budget_is_a_pause_otherwise(void)
{
    struct job *job = job_new();
    uint32_t ep = endpoint_new();
    struct worker w = worker_make(ABOVE, 1000, 10000);
    struct l4_msg m = {0};
    EXPECT(l4_thread_fault_handler(w.thread, ep, 0) == K_OK);
    worker_start(&w, spin, (uint64_t)job);
    EXPECT(l4_recv(ep, reply_new(), l4_now_ns() + 20 * MS, &m) == K_TIMEOUT);
    EXPECT(thread_state(w.thread) == K_THREAD_READY);
    worker_end(&w);
    return NULL;
}

/* --- clock, sleep, periods, timers --- */

static const char *clock_agrees_with_the_time_stamp_counter(void)
{
    uint64_t ns[2], tsc[2], hz = 0, expected;
    EXPECT(l4_clock(&ns[0], &tsc[0], &hz) == K_OK);
    spin_until(ns[0] + 10 * MS);
    EXPECT(l4_clock(&ns[1], &tsc[1], &hz) == K_OK && hz > 1000000);
    expected = (tsc[1] - tsc[0]) * 1000 / (hz / 1000000); /* hundredths of a second of ticks: far from 64 bits */
    EXPECT(ns[1] > ns[0]);
    EXPECT(ns[1] - ns[0] <= expected + expected / 1000 && expected <= ns[1] - ns[0] + expected / 1000);
    return NULL;
}

static const char *sleep_ends_at_its_deadline(void)
{
    for (unsigned i = 0; i < 5; i++) {
        uint64_t deadline = l4_now_ns() + (i + 1) * MS / 2, now;
        EXPECT(l4_sleep(deadline) == K_OK);
        now = l4_now_ns();
        EXPECT(now >= deadline && now < deadline + 2 * TICK);
    }
    return NULL;
}

static const char *sleep_into_the_past_returns(void)
{
    uint64_t before = l4_now_ns();
    EXPECT(l4_sleep(1) == K_OK && l4_sleep(before) == K_OK);
    EXPECT(l4_now_ns() < before + MS);
    return NULL;
}

static const char *timers_fire_in_the_order_of_their_deadlines(void)
{
    enum { N = 20 };
    uint64_t order[N];
    uint64_t base = l4_now_ns() + 2 * MS, word, seen = 0;
    uint32_t timer[N];
    for (unsigned i = 0; i < N; i++) {
        timer[i] = notification_new();
        order[i] = (i * 7) % N; /* a permutation: 7 and 20 have no common factor */
        EXPECT(l4_notification_timer(timer[i], base + order[i] * MS / 4, 1) == K_OK);
    }
    for (uint64_t k = 0; k < N; k++) {
        l4_sleep(base + k * MS / 4 + MS / 8);
        for (unsigned i = 0; i < N; i++) {
            EXPECT(l4_poll(timer[i], &word) == K_OK);
            EXPECT(word == (order[i] == k));
            seen += word;
        }
    }
    EXPECT(seen == N);
    return NULL;
}

static void periodic(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    for (unsigned i = 0; i < 12; i++) {
        uint64_t release = 0, skipped = 99;
        job->status = l4_next_period(&release, &skipped);
        job->words[i * 3] = release;
        job->words[i * 3 + 1] = skipped;
        job->words[i * 3 + 2] = l4_now_ns();
        job->count++;
        if (i == 7) {
            l4_sleep(l4_now_ns() + job->a);
        }
    }
    worker_done();
}

static const char *periods_start_exactly_one_after_another(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 200, 1000);
    worker_start(&w, periodic, (uint64_t)job);
    spin_until(l4_now_ns() + 20 * MS);
    worker_end(&w);
    EXPECT(job->count == 12 && job->status == K_OK);
    for (unsigned i = 0; i < 8; i++) {
        EXPECT(job->words[i * 3 + 1] == 0);
        EXPECT(job->words[i * 3 + 2] >= job->words[i * 3] && job->words[i * 3 + 2] < job->words[i * 3] + TICK);
        EXPECT(!i || job->words[i * 3] == job->words[i * 3 - 3] + MS);
    }
    return NULL;
}

static const char *missed_periods_are_counted(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 200, 1000);
    const uint64_t *before = &job->words[7 * 3], *after = &job->words[8 * 3];
    job->a = 3 * MS + MS / 2; /* overslept */
    worker_start(&w, periodic, (uint64_t)job);
    spin_until(l4_now_ns() + 30 * MS);
    worker_end(&w);
    EXPECT(job->count == 12);
    EXPECT(after[1] >= 2 && after[1] <= 3);
    EXPECT(after[0] == before[0] + (after[1] + 1) * MS); /* the grid of periods stays */
    EXPECT(after[2] >= after[0] && after[2] < after[0] + MS);
    EXPECT(job->words[9 * 3 + 1] == 0 && job->words[9 * 3] == after[0] + MS);
    return NULL;
}

static const char *timer_raises_its_bits(void)
{
    uint32_t n = notification_new();
    uint64_t at = l4_now_ns() + 2 * MS, word = 0;
    EXPECT(l4_notification_timer(n, at, 0x18) == K_OK);
    EXPECT(l4_poll(n, &word) == K_OK && word == 0);
    EXPECT(l4_wait(n, at + 10 * MS, &word) == K_OK && word == 0x18);
    EXPECT(l4_now_ns() >= at && l4_now_ns() < at + 2 * TICK);
    EXPECT(l4_wait(n, at + 5 * MS, &word) == K_TIMEOUT); /* once */
    EXPECT(l4_notification_timer(n, 1, 4) == K_OK); /* long past: at once */
    EXPECT(l4_wait(n, l4_now_ns() + MS, &word) == K_OK && word == 4);
    return NULL;
}

static const char *timer_is_moved_and_cancelled(void)
{
    uint32_t n = notification_new();
    uint64_t start = l4_now_ns(), word = 0;
    EXPECT(l4_notification_timer(n, start + 2 * MS, 1) == K_OK);
    EXPECT(l4_notification_timer(n, start + 4 * MS, 2) == K_OK);
    EXPECT(l4_wait(n, start + 3 * MS, &word) == K_TIMEOUT);
    EXPECT(l4_wait(n, start + 5 * MS, &word) == K_OK && word == 2);
    EXPECT(l4_notification_timer(n, l4_now_ns() + 2 * MS, 1) == K_OK && l4_notification_timer(n, 0, 0) == K_OK);
    EXPECT(l4_wait(n, l4_now_ns() + 4 * MS, &word) == K_TIMEOUT);
    return NULL;
}

static const char *deleted_timer_never_fires(void)
{
    uint32_t n = notification_new();
    uint64_t word = 0;
    EXPECT(l4_notification_timer(n, l4_now_ns() + 2 * MS, 1) == K_OK && l4_cap_delete(K_SLOT_SELF, n) == K_OK);
    EXPECT(l4_notification_create(K_SLOT_SELF, n) == K_OK); /* perhaps in the same memory */
    EXPECT(l4_wait(n, l4_now_ns() + 4 * MS, &word) == K_TIMEOUT);
    return NULL;
}

static const char *forty_timers_at_one_moment_all_fire(void)
{
    enum { N = 40 }; /* more than one interrupt serves */
    uint32_t timer[N];
    uint64_t at = l4_now_ns() + 2 * MS, word;
    for (unsigned i = 0; i < N; i++) {
        timer[i] = notification_new();
        EXPECT(l4_notification_timer(timer[i], at, i + 1) == K_OK);
    }
    l4_sleep(at + MS);
    for (unsigned i = 0; i < N; i++) {
        EXPECT(l4_poll(timer[i], &word) == K_OK && word == i + 1);
    }
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case sched_cases[] = {
    CASE(higher_thread_runs_at_once),
    CASE(lower_thread_waits_until_nobody_else_wants_to_run),
    CASE(raised_priority_takes_effect_at_once),
    CASE(lowered_priority_takes_effect_at_once),
    CASE(equals_with_full_budgets_take_turns),
    CASE(configure_refuses_bad_values),
    CASE(thread_without_time_does_not_run),
    CASE(deleting_its_sched_stops_a_thread),
    CASE(twenty_percent_are_never_more),
    CASE(bursts_win_nothing),
    CASE(budget_goes_round_the_clock_with_many_pieces),
    CASE(used_up_budget_lets_lower_threads_run),
    CASE(smaller_budget_holds_from_now_on),
    CASE(yield_gives_up_the_rest_of_the_budget),
    CASE(consumed_time_counts_running_only),
    CASE(exhausted_budget_is_a_fault_when_asked_for),
    CASE(exhausted_budget_is_a_pause_otherwise),
    CASE(clock_agrees_with_the_time_stamp_counter),
    CASE(sleep_ends_at_its_deadline),
    CASE(sleep_into_the_past_returns),
    CASE(timers_fire_in_the_order_of_their_deadlines),
    CASE(periods_start_exactly_one_after_another),
    CASE(missed_periods_are_counted),
    CASE(timer_raises_its_bits),
    CASE(timer_is_moved_and_cancelled),
    CASE(deleted_timer_never_fires),
    CASE(forty_timers_at_one_moment_all_fire),
    CASES_END,
};
