/* SPDX-License-Identifier: MIT */
/* Notifications: signals, waiting, badges, binding to a thread, the mapped word. */
#include "ktest.h"

static const char *signals_are_ored_and_taken_at_once(void)
{
    uint32_t n = notification_new();
    uint64_t word = 9;
    EXPECT(l4_poll(n, &word) == K_OK && word == 0);
    EXPECT(l4_signal(n, 1) == K_OK && l4_signal(n, 4) == K_OK && l4_signal(n, 1ull << 63) == K_OK);
    EXPECT(l4_poll(n, &word) == K_OK && word == (5 | 1ull << 63));
    EXPECT(l4_poll(n, &word) == K_OK && word == 0);
    EXPECT(l4_signal(n, 2) == K_OK && l4_wait(n, 0, &word) == K_OK && word == 2);
    return NULL;
}

static const char *badge_of_a_notification_is_its_bit(void)
{
    uint32_t n = notification_new(), a = badged(n, 0x10), b = badged(n, 0x20);
    uint64_t word = 0;
    EXPECT(l4_signal(a, 0) == K_OK && l4_signal(b, 0) == K_OK);
    EXPECT(l4_poll(n, &word) == K_OK && word == 0x30);
    return NULL;
}

static void wait_once(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    uint64_t word = 0;
    (void)utcb;
    job->status = l4_wait(job->slot, job->a, &word);
    job->b = word;
    job->count++;
    worker_done();
}

static struct job *job_waiting(uint32_t notification, uint64_t deadline)
{
    struct job *job = job_on(0, 0);
    job->slot = notification;
    job->a = deadline;
    return job;
}

static const char *signal_wakes_one_waiter_by_priority(void)
{
    uint32_t n = notification_new();
    struct job *low = job_waiting(n, 0), *high = job_waiting(n, 0);
    struct worker a = run(wait_once, low, ABOVE), b = run(wait_once, high, ABOVE + 1);
    EXPECT(thread_state(a.thread) == K_THREAD_WAITING);
    EXPECT(l4_signal(n, 7) == K_OK && high->count == 1 && high->b == 7 && low->count == 0);
    EXPECT(l4_signal(n, 8) == K_OK && low->count == 1 && low->b == 8);
    worker_end(&a);
    worker_end(&b);
    return NULL;
}

static const char *wait_ends_at_its_deadline(void)
{
    uint32_t n = notification_new();
    uint64_t deadline = l4_now_ns() + 2 * MS, word = 5;
    EXPECT(l4_wait(n, deadline, &word) == K_TIMEOUT && l4_now_ns() >= deadline);
    EXPECT(l4_wait(n, 1, &word) == K_TIMEOUT);
    EXPECT(l4_signal(n, 3) == K_OK && l4_wait(n, 1, &word) == K_OK && word == 3); /* what is there comes first */
    return NULL;
}

static const char *deleting_a_notification_cancels_its_waiters(void)
{
    uint32_t n = notification_new();
    struct job *one = job_waiting(n, 0), *two = job_waiting(n, l4_now_ns() + 3600ull * 1000 * MS);
    struct worker a = run(wait_once, one, ABOVE), b = run(wait_once, two, ABOVE);
    EXPECT(l4_cap_delete(K_SLOT_SELF, n) == K_OK);
    EXPECT(one->count == 1 && one->status == K_CANCELLED && two->count == 1 && two->status == K_CANCELLED);
    worker_end(&a);
    worker_end(&b);
    return NULL;
}

static const char *bound_notification_interrupts_a_receive(void)
{
    uint32_t n = notification_new();
    struct job *job = job_on(endpoint_new(), reply_new());
    struct worker w = worker_make(ABOVE, 10000, 10000);
    EXPECT(l4_notification_bind(n, w.thread) == K_OK);
    worker_start(&w, receive_once, (uint64_t)job);
    EXPECT(thread_state(w.thread) == K_THREAD_RECEIVING);
    EXPECT(l4_signal(n, 0x50) == K_OK && job->count == 1 && job->status == K_OK);
    EXPECT(job->msg.tag & K_TAG_NOTIFICATION && job->msg.badge == 0x50);
    worker_end(&w);
    return NULL;
}

static const char *bound_notification_that_came_first_is_received(void)
{
    uint32_t n = notification_new();
    uint64_t word = 1;
    struct job *job = job_on(endpoint_new(), 0);
    struct worker w = worker_make(ABOVE, 10000, 10000);
    EXPECT(l4_signal(n, 2) == K_OK && l4_notification_bind(n, w.thread) == K_OK);
    worker_start(&w, receive_once, (uint64_t)job);
    EXPECT(job->count == 1 && job->msg.tag & K_TAG_NOTIFICATION && job->msg.badge == 2);
    EXPECT(l4_poll(n, &word) == K_OK && word == 0);
    worker_end(&w);
    return NULL;
}

static const char *thread_and_notification_are_bound_to_one_another_only(void)
{
    uint32_t n = notification_new(), other = notification_new(), ep = endpoint_new();
    struct worker w = worker_make(ABOVE, 10000, 10000), v = worker_make(ABOVE, 10000, 10000);
    struct l4_msg m = {0};
    EXPECT(l4_notification_bind(n, w.thread) == K_OK);
    EXPECT(l4_notification_bind(n, v.thread) == K_BUSY && l4_notification_bind(other, w.thread) == K_BUSY);
    EXPECT(l4_notification_bind(n, K_SLOT_NONE) == K_OK);
    EXPECT(l4_notification_bind(other, w.thread) == K_OK && l4_notification_bind(n, v.thread) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, other) == K_OK); /* binding ends with either */
    worker_end(&v);
    EXPECT(l4_notification_bind(n, w.thread) == K_OK);
    worker_end(&w);
    EXPECT(l4_signal(n, 1) == K_OK && l4_nb_recv(ep, K_SLOT_NONE, &m) == K_AGAIN);
    return NULL;
}

static const char *mapped_word_shows_signals(void)
{
    uint32_t n = notification_new();
    uint64_t va = va_new(4096), word = 0;
    EXPECT(l4_signal(n, 1) == K_OK);
    EXPECT(l4_notification_map(n, K_SLOT_SELF, va) == K_OK);
    EXPECT(*(volatile uint64_t *)va == 1);
    EXPECT(l4_signal(n, 6) == K_OK && *(volatile uint64_t *)va == 7);
    EXPECT(l4_poll(n, &word) == K_OK && word == 7 && *(volatile uint64_t *)va == 0);
    EXPECT(l4_notification_map(n, K_SLOT_SELF, va) == K_BUSY);
    EXPECT(l4_notification_map(notification_new(), K_SLOT_SELF, va + 8) == K_BAD_ALIGN);
    EXPECT(l4_notification_map(notification_new(), K_SLOT_SELF, 0xffff800000000000ull) == K_BAD_ARG);
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case notification_cases[] = {
    CASE(signals_are_ored_and_taken_at_once),
    CASE(badge_of_a_notification_is_its_bit),
    CASE(signal_wakes_one_waiter_by_priority),
    CASE(wait_ends_at_its_deadline),
    CASE(deleting_a_notification_cancels_its_waiters),
    CASE(bound_notification_interrupts_a_receive),
    CASE(bound_notification_that_came_first_is_received),
    CASE(thread_and_notification_are_bound_to_one_another_only),
    CASE(mapped_word_shows_signals),
    CASES_END,
};
