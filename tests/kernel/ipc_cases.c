/* SPDX-License-Identifier: MIT */
/* Messages: call, reply, send, receive, deadlines, badges, ends of objects in use. */
#include "ktest.h"

/* --- call and reply --- */

static const char *call_is_answered(void)
{
    struct job *job = job_on(endpoint_new(), reply_new());
    struct worker w = run(echo_server, job, ABOVE);
    struct l4_msg m = {K_TAG(7, 1), 0, {41}};
    EXPECT(thread_state(w.thread) == K_THREAD_RECEIVING);
    EXPECT(l4_call(job->ep, &m) == K_OK);
    EXPECT(m.mr[0] == 42 && K_TAG_WORDS(m.tag) == 1 && job->count == 1);
    EXPECT(K_TAG_LABEL(job->b) == 7);
    EXPECT(l4_call(job->ep, &m) == K_OK && m.mr[0] == 43 && job->count == 2);
    worker_end(&w);
    return NULL;
}

static const char *call_is_answered_by_a_lower_thread(void)
{
    struct job *job = job_on(endpoint_new(), reply_new());
    struct worker w = run(echo_server, job, BELOW);
    struct l4_msg m = {K_TAG(0, 2), 0, {1, 2}};
    EXPECT(thread_state(w.thread) == K_THREAD_READY); /* it has not run yet */
    EXPECT(l4_call(job->ep, &m) == K_OK && m.mr[0] == 2 && m.mr[1] == 3);
    worker_end(&w);
    return NULL;
}

static const char *every_length_arrives_whole(void)
{
    struct job *job = job_on(endpoint_new(), reply_new());
    struct worker w = run(echo_server, job, ABOVE);
    for (unsigned n = 0; n <= K_MR_MAX; n++) {
        struct l4_msg m = {K_TAG(n, n), 0, {0}};
        for (unsigned i = 0; i < K_MR_REGISTERS; i++) {
            m.mr[i] = 1000ull * n + i;
        }
        for (unsigned i = K_MR_REGISTERS; i < K_MR_MAX; i++) {
            l4_utcb->mr[i] = 1000ull * n + i;
        }
        EXPECT(l4_call(job->ep, &m) == K_OK);
        EXPECT(K_TAG_WORDS(job->b) == n && K_TAG_LABEL(job->b) == n && K_TAG_WORDS(m.tag) == n);
        for (unsigned i = 0; i < n; i++) {
            EXPECT(job->words[i] == 1000ull * n + i);
            EXPECT((i < K_MR_REGISTERS ? m.mr[i] : l4_utcb->mr[i]) == 1000ull * n + i + 1);
        }
    }
    worker_end(&w);
    return NULL;
}

static const char *registers_beyond_the_message_do_not_leak(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    struct worker w = run(receive_once, job, ABOVE);
    struct l4_msg m = {K_TAG(0, 2), 0, {11, 12, 0xbad, 0xbad, 0xbad, 0xbad, 0xbad, 0xbad}};
    EXPECT(l4_send(job->ep, &m) == K_OK && job->count == 1);
    EXPECT(job->msg.mr[0] == 11 && job->msg.mr[1] == 12);
    for (unsigned i = 2; i < K_MR_REGISTERS; i++) {
        EXPECT(job->msg.mr[i] != 0xbad);
    }
    worker_end(&w);
    return NULL;
}

static const char *too_many_words_or_capabilities_are_bad_arg(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    struct worker w = run(receive_once, job, ABOVE);
    struct l4_msg m = {K_TAG(0, K_MR_MAX + 1), 0, {0}};
    EXPECT(l4_send(job->ep, &m) == K_BAD_ARG);
    m.tag = K_TAG(0, 255);
    EXPECT(l4_nb_send(job->ep, &m) == K_BAD_ARG);
    m.tag = K_TAG_CAPS(K_TAG(0, 0), K_MSG_CAPS_MAX + 1);
    EXPECT(l4_send(job->ep, &m) == K_BAD_ARG);
    m.tag = K_TAG_CAPS(K_TAG(0, 0), 255);
    EXPECT(l4_call(job->ep, &m) == K_BAD_ARG);
    EXPECT(thread_state(w.thread) == K_THREAD_RECEIVING && job->count == 0);
    worker_end(&w);
    return NULL;
}

static const char *badge_names_the_capability_used(void)
{
    struct job *job = job_on(endpoint_new(), reply_new());
    struct worker w = run(echo_server, job, ABOVE);
    uint32_t a = badged(job->ep, 0x1234), b = badged(job->ep, ~0ull);
    struct l4_msg m = {0};
    EXPECT(l4_call(a, &m) == K_OK && job->a == 0x1234);
    EXPECT(l4_call(b, &m) == K_OK && job->a == ~0ull);
    m.badge = 99; /* the sender's own field says nothing */
    EXPECT(l4_call(job->ep, &m) == K_OK && job->a == 0);
    worker_end(&w);
    return NULL;
}

static const char *sender_cannot_forge_a_notification(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    struct worker w = run(receive_once, job, ABOVE);
    struct l4_msg m = {K_TAG(3, 0) | K_TAG_NOTIFICATION, 0, {0}};
    enum k_status status = l4_send(job->ep, &m);
    EXPECT(status == K_BAD_ARG || !(job->msg.tag & K_TAG_NOTIFICATION));
    worker_end(&w);
    return NULL;
}

static const char *rights_of_an_endpoint_are_held(void)
{
    uint32_t ep = endpoint_new(), send_only = slot_new(), recv_only = slot_new();
    struct l4_msg m = {0};
    EXPECT(l4_cap_copy(ep, K_SLOT_SELF, send_only, K_RIGHT_WRITE, 0) == K_OK);
    EXPECT(l4_cap_copy(ep, K_SLOT_SELF, recv_only, K_RIGHT_READ, 0) == K_OK);
    EXPECT(l4_nb_recv(send_only, K_SLOT_NONE, &m) == K_NO_RIGHT);
    EXPECT(l4_recv(send_only, K_SLOT_NONE, 1, &m) == K_NO_RIGHT);
    EXPECT(l4_reply_recv(send_only, K_SLOT_NONE, &m) == K_NO_RIGHT);
    EXPECT(l4_nb_send(recv_only, &m) == K_NO_RIGHT);
    EXPECT(l4_send(recv_only, &m) == K_NO_RIGHT);
    EXPECT(l4_call(recv_only, &m) == K_NO_RIGHT);
    EXPECT(l4_nb_send(send_only, &m) == K_AGAIN && l4_nb_recv(recv_only, K_SLOT_NONE, &m) == K_AGAIN);
    return NULL;
}

static const char *reply_to_nobody_is_no_reply(void)
{
    uint32_t reply = reply_new();
    struct l4_msg m = {0};
    EXPECT(l4_reply(reply, &m) == K_NO_REPLY);
    EXPECT(l4_reply(endpoint_new(), &m) == K_BAD_TYPE);
    return NULL;
}

static const char *caller_is_answered_once(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t reply = reply_new();
    struct worker w = run(call_once, job, ABOVE);
    struct l4_msg m = {0};
    EXPECT(thread_state(w.thread) == K_THREAD_SENDING);
    EXPECT(l4_nb_recv(job->ep, reply, &m) == K_OK);
    EXPECT(thread_state(w.thread) == K_THREAD_CALLING && job->count == 0);
    EXPECT(l4_reply(reply, &m) == K_OK && job->count == 1 && job->status == K_OK);
    EXPECT(l4_reply(reply, &m) == K_NO_REPLY);
    worker_end(&w);
    return NULL;
}

static const char *failed_reply_keeps_the_caller(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t reply = reply_new();
    struct worker w = run(call_once, job, ABOVE);
    struct l4_msg m = {0};
    EXPECT(l4_nb_recv(job->ep, reply, &m) == K_OK);
    m.tag = K_TAG(0, K_MR_MAX + 1);
    EXPECT(l4_reply(reply, &m) == K_BAD_ARG && job->count == 0);
    m.tag = K_TAG(0, 1), m.mr[0] = 5;
    EXPECT(l4_reply(reply, &m) == K_OK && job->count == 1 && job->msg.mr[0] == 5);
    worker_end(&w);
    return NULL;
}

static const char *reply_that_holds_a_caller_is_busy(void)
{
    struct job *first = job_on(endpoint_new(), 0), *second = job_on(first->ep, 0);
    uint32_t reply = reply_new();
    struct worker a = run(call_once, first, ABOVE), b = run(call_once, second, ABOVE);
    struct l4_msg m = {0};
    EXPECT(l4_nb_recv(first->ep, reply, &m) == K_OK);
    EXPECT(l4_nb_recv(first->ep, reply, &m) == K_BUSY);
    EXPECT(second->count == 0 && thread_state(b.thread) == K_THREAD_SENDING);
    EXPECT(l4_reply(reply, &m) == K_OK && first->count == 1);
    EXPECT(l4_nb_recv(first->ep, reply, &m) == K_OK);
    EXPECT(l4_reply(reply, &m) == K_OK && second->count == 1);
    worker_end(&a);
    worker_end(&b);
    return NULL;
}

static const char *call_of_a_receiver_without_reply_is_no_reply(void)
{
    struct job *job = job_on(endpoint_new(), 0), *caller = job_on(job->ep, 0);
    struct worker w = run(receive_once, job, ABOVE), c;
    struct l4_msg m = {0};
    EXPECT(l4_call(job->ep, &m) == K_NO_REPLY && job->count == 0);
    EXPECT(l4_send(job->ep, &m) == K_OK && job->count == 1);
    c = run(call_once, caller, ABOVE); /* the same when the caller is there first */
    EXPECT(l4_nb_recv(job->ep, K_SLOT_NONE, &m) == K_AGAIN);
    EXPECT(caller->count == 1 && caller->status == K_NO_REPLY);
    worker_end(&w);
    worker_end(&c);
    return NULL;
}

static const char *deleting_the_reply_cancels_the_caller(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t reply = reply_new();
    struct worker w = run(call_once, job, ABOVE);
    struct l4_msg m = {0};
    EXPECT(l4_nb_recv(job->ep, reply, &m) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, reply) == K_OK);
    EXPECT(job->count == 1 && job->status == K_CANCELLED);
    worker_end(&w);
    return NULL;
}

static const char *deleting_a_caller_empties_its_reply(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t reply = reply_new();
    struct worker w = run(call_once, job, ABOVE);
    struct l4_msg m = {0};
    EXPECT(l4_nb_recv(job->ep, reply, &m) == K_OK);
    worker_end(&w);
    EXPECT(l4_reply(reply, &m) == K_NO_REPLY);
    EXPECT(job->count == 0);
    return NULL;
}

static const char *reply_recv_without_a_caller_only_receives(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t reply = reply_new();
    struct worker w;
    struct l4_msg m = {0};
    job->msg = (struct l4_msg){K_TAG(9, 1), 0, {17}};
    w = run(send_once, job, ABOVE);
    EXPECT(l4_reply_recv(job->ep, reply, &m) == K_OK && m.mr[0] == 17 && K_TAG_LABEL(m.tag) == 9);
    worker_end(&w);
    return NULL;
}

/* --- send and receive --- */

static const char *send_waits_until_somebody_receives(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    struct worker w;
    struct l4_msg m = {0};
    job->msg = (struct l4_msg){K_TAG(1, 1), 0, {23}};
    w = run(send_once, job, ABOVE);
    EXPECT(job->count == 0 && thread_state(w.thread) == K_THREAD_SENDING);
    EXPECT(l4_recv(job->ep, K_SLOT_NONE, 0, &m) == K_OK && m.mr[0] == 23);
    EXPECT(job->count == 1 && job->status == K_OK);
    worker_end(&w);
    return NULL;
}

static const char *nb_send_and_nb_recv_do_not_wait(void)
{
    struct job *job = job_on(endpoint_new(), 0), *sender = job_on(job->ep, 0);
    struct l4_msg m = {K_TAG(0, 1), 0, {3}};
    struct worker w, s;
    EXPECT(l4_nb_send(job->ep, &m) == K_AGAIN);
    EXPECT(l4_nb_recv(job->ep, K_SLOT_NONE, &m) == K_AGAIN);
    w = run(receive_once, job, ABOVE);
    m = (struct l4_msg){K_TAG(0, 1), 0, {3}};
    EXPECT(l4_nb_send(job->ep, &m) == K_OK && job->count == 1 && job->msg.mr[0] == 3);
    sender->msg = (struct l4_msg){K_TAG(0, 1), 0, {4}};
    s = run(send_once, sender, ABOVE);
    EXPECT(l4_nb_recv(job->ep, K_SLOT_NONE, &m) == K_OK && m.mr[0] == 4 && sender->count == 1);
    worker_end(&w);
    worker_end(&s);
    return NULL;
}

static const char *receive_ends_at_its_deadline(void)
{
    uint32_t ep = endpoint_new();
    struct l4_msg m = {0};
    uint64_t deadline = l4_now_ns() + 3 * MS;
    EXPECT(l4_recv(ep, K_SLOT_NONE, deadline, &m) == K_TIMEOUT);
    EXPECT(l4_now_ns() >= deadline && l4_now_ns() < deadline + MS);
    EXPECT(l4_recv(ep, reply_new(), 1, &m) == K_TIMEOUT); /* long past */
    return NULL;
}

static const char *message_before_the_deadline_arrives(void)
{
    struct job *job = job_on(endpoint_new(), reply_new());
    struct l4_msg m = {K_TAG(0, 1), 0, {8}};
    struct worker w;
    job->a = l4_now_ns() + 5 * MS;
    w = run(receive_once, job, ABOVE);
    EXPECT(l4_send(job->ep, &m) == K_OK && job->count == 1 && job->status == K_OK && job->msg.mr[0] == 8);
    spin_until(job->a + MS); /* the deadline that passed in vain changes nothing */
    EXPECT(job->count == 1 && job->status == K_OK && thread_state(w.thread) == K_THREAD_SLEEPING);
    worker_end(&w);
    return NULL;
}

static const char *reply_is_free_again_after_a_timeout(void)
{
    uint32_t ep = endpoint_new(), reply = reply_new();
    struct job *job = job_on(ep, 0);
    struct l4_msg m = {0};
    struct worker w;
    EXPECT(l4_recv(ep, reply, l4_now_ns() + MS, &m) == K_TIMEOUT);
    w = run(call_once, job, ABOVE);
    EXPECT(l4_nb_recv(ep, reply, &m) == K_OK && l4_reply(reply, &m) == K_OK && job->count == 1);
    worker_end(&w);
    return NULL;
}

static const char *stop_cancels_each_way_of_waiting(void)
{
    static const struct {
        worker_entry *entry;
        uint64_t state;
    } ways[] = {{receive_once, K_THREAD_RECEIVING}, {send_once, K_THREAD_SENDING}, {call_once, K_THREAD_SENDING}};
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        struct job *job = job_on(endpoint_new(), 0);
        struct worker w = run(ways[i].entry, job, ABOVE);
        struct l4_msg m = {0};
        EXPECT(thread_state(w.thread) == ways[i].state);
        EXPECT(l4_thread_stop(w.thread) == K_OK && thread_state(w.thread) == K_THREAD_STOPPED);
        EXPECT(l4_nb_send(job->ep, &m) == K_AGAIN && l4_nb_recv(job->ep, K_SLOT_NONE, &m) == K_AGAIN);
        EXPECT(job->count == 0);
        EXPECT(l4_thread_resume(w.thread) == K_OK && job->count == 1 && job->status == K_CANCELLED);
        worker_end(&w);
    }
    return NULL;
}

static const char *stop_cancels_a_held_caller(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t reply = reply_new();
    struct worker w = run(call_once, job, ABOVE);
    struct l4_msg m = {0};
    EXPECT(l4_nb_recv(job->ep, reply, &m) == K_OK);
    EXPECT(l4_thread_stop(w.thread) == K_OK);
    EXPECT(l4_reply(reply, &m) == K_NO_REPLY);
    EXPECT(l4_thread_resume(w.thread) == K_OK && job->status == K_CANCELLED);
    worker_end(&w);
    return NULL;
}

static const char *waiting_senders_come_by_priority_then_age(void)
{
    static const uint32_t priority[] = {ABOVE, ABOVE + 1, ABOVE, ABOVE + 2, ABOVE + 1};
    static const uint64_t order[] = {3, 1, 4, 0, 2};
    enum { N = 5 };
    struct worker w[N];
    uint32_t ep = endpoint_new();
    struct l4_msg m = {0};
    for (unsigned i = 0; i < N; i++) {
        struct job *job = job_on(ep, 0);
        job->msg = (struct l4_msg){K_TAG(0, 1), 0, {i}};
        w[i] = run(send_once, job, priority[i]);
    }
    for (unsigned i = 0; i < N; i++) {
        EXPECT(l4_nb_recv(ep, K_SLOT_NONE, &m) == K_OK && m.mr[0] == order[i]);
    }
    EXPECT(l4_nb_recv(ep, K_SLOT_NONE, &m) == K_AGAIN);
    for (unsigned i = 0; i < N; i++) {
        worker_end(&w[i]);
    }
    return NULL;
}

static const char *waiting_receivers_come_by_priority_then_age(void)
{
    static const uint32_t priority[] = {ABOVE, ABOVE + 1, ABOVE, ABOVE + 2, ABOVE + 1};
    static const uint64_t order[] = {3, 1, 4, 0, 2};
    enum { N = 5 };
    struct worker w[N];
    struct job *job[N];
    uint32_t ep = endpoint_new();
    for (unsigned i = 0; i < N; i++) {
        job[i] = job_on(ep, 0);
        w[i] = run(receive_once, job[i], priority[i]);
    }
    for (uint64_t i = 0; i < N; i++) {
        struct l4_msg m = {K_TAG(0, 1), 0, {i}};
        EXPECT(l4_nb_send(ep, &m) == K_OK);
        EXPECT(job[order[i]]->count == 1 && job[order[i]]->msg.mr[0] == i);
    }
    for (unsigned i = 0; i < N; i++) {
        worker_end(&w[i]);
    }
    return NULL;
}

static const char *deleting_an_endpoint_cancels_all_who_wait(void)
{
    enum { N = 6 };
    uint32_t ep = endpoint_new(), other = endpoint_new();
    struct job *job[N];
    struct worker w[N];
    for (unsigned i = 0; i < N; i++) {
        job[i] = job_on(i < 4 ? ep : other, 0);
        w[i] = run(i < 4 ? (i % 2 ? send_once : call_once) : receive_once, job[i], ABOVE);
    }
    EXPECT(l4_cap_delete(K_SLOT_SELF, ep) == K_OK && l4_cap_delete(K_SLOT_SELF, other) == K_OK);
    for (unsigned i = 0; i < N; i++) {
        EXPECT(job[i]->count == 1 && job[i]->status == K_CANCELLED);
        worker_end(&w[i]);
    }
    return NULL;
}

static const char *a_hundred_senders_survive_their_endpoint(void)
{
    enum { N = 100 }; /* more than one step of the kernel's long operations */
    static struct worker w[N];
    uint32_t ep = endpoint_new();
    struct job *job = job_on(ep, 0);
    for (unsigned i = 0; i < N; i++) {
        w[i] = run(send_once, job, ABOVE);
    }
    EXPECT(job->count == 0);
    EXPECT(l4_cap_delete(K_SLOT_SELF, ep) == K_OK);
    EXPECT(job->count == N && job->status == K_CANCELLED);
    for (unsigned i = 0; i < N; i++) {
        worker_end(&w[i]);
    }
    return NULL;
}

static const char *held_caller_outlives_the_endpoint(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t reply = reply_new();
    struct worker w = run(call_once, job, ABOVE);
    struct l4_msg m = {0};
    EXPECT(l4_nb_recv(job->ep, reply, &m) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, job->ep) == K_OK && job->count == 0);
    EXPECT(l4_reply(reply, &m) == K_OK && job->count == 1 && job->status == K_OK);
    worker_end(&w);
    return NULL;
}

static const char *endpoint_lives_while_a_copy_does(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t copy = badged(job->ep, 4);
    struct worker w = run(receive_once, job, ABOVE);
    struct l4_msg m = {0};
    EXPECT(l4_cap_delete(K_SLOT_SELF, job->ep) == K_OK && job->count == 0);
    EXPECT(l4_send(copy, &m) == K_OK && job->count == 1 && job->msg.badge == 4);
    worker_end(&w);
    return NULL;
}

/* --- between address spaces --- */

static const char *call_reaches_another_task(void)
{
    struct child c = child_make();
    EXPECT(child_syscall(&c, K_SYS_ENDPOINT_CREATE, K_SLOT_SELF, CHILD_FREE, 0, 0, 0) == K_OK);
    EXPECT(child_syscall(&c, K_SYS_ENDPOINT_CREATE, K_SLOT_SELF, CHILD_FREE, 0, 0, 0) == K_BUSY);
    EXPECT(child_do(&c, CHILD_STORE, CHILD_DATA + 8, 77) == 8 || c.data[1] == 77);
    c.data[2] = 78;
    EXPECT(child_do(&c, CHILD_LOAD, CHILD_DATA + 16, 0) == 78);
    child_end(&c);
    return NULL;
}

static const char *deleting_a_task_cancels_who_calls_it(void)
{
    struct child c = child_make();
    struct job *job = job_on(c.ep, 0);
    struct worker w;
    job->msg = (struct l4_msg){K_TAG(0, 8), 0, {K_SYS_SLEEP, ~0ull, 0, 0, 0, 0, 0, CHILD_SYSCALL}};
    w = run(call_once, job, ABOVE);
    EXPECT(thread_state(w.thread) == K_THREAD_CALLING && thread_state(c.thread) == K_THREAD_SLEEPING);
    EXPECT(l4_cap_delete(K_SLOT_SELF, c.task) == K_OK); /* its reply object goes with it */
    EXPECT(job->count == 1 && job->status == K_CANCELLED);
    worker_end(&w);
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case ipc_cases[] = {
    CASE(call_is_answered),
    CASE(call_is_answered_by_a_lower_thread),
    CASE(every_length_arrives_whole),
    CASE(registers_beyond_the_message_do_not_leak),
    CASE(too_many_words_or_capabilities_are_bad_arg),
    CASE(badge_names_the_capability_used),
    CASE(sender_cannot_forge_a_notification),
    CASE(rights_of_an_endpoint_are_held),
    CASE(reply_to_nobody_is_no_reply),
    CASE(caller_is_answered_once),
    CASE(failed_reply_keeps_the_caller),
    CASE(reply_that_holds_a_caller_is_busy),
    CASE(call_of_a_receiver_without_reply_is_no_reply),
    CASE(deleting_the_reply_cancels_the_caller),
    CASE(deleting_a_caller_empties_its_reply),
    CASE(reply_recv_without_a_caller_only_receives),
    CASE(send_waits_until_somebody_receives),
    CASE(nb_send_and_nb_recv_do_not_wait),
    CASE(receive_ends_at_its_deadline),
    CASE(message_before_the_deadline_arrives),
    CASE(reply_is_free_again_after_a_timeout),
    CASE(stop_cancels_each_way_of_waiting),
    CASE(stop_cancels_a_held_caller),
    CASE(waiting_senders_come_by_priority_then_age),
    CASE(waiting_receivers_come_by_priority_then_age),
    CASE(deleting_an_endpoint_cancels_all_who_wait),
    CASE(a_hundred_senders_survive_their_endpoint),
    CASE(held_caller_outlives_the_endpoint),
    CASE(endpoint_lives_while_a_copy_does),
    CASE(call_reaches_another_task),
    CASE(deleting_a_task_cancels_who_calls_it),
    CASES_END,
};
