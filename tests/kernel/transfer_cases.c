/* SPDX-License-Identifier: MIT */
/* What messages carry beside words: capabilities, and the scheduling context lent with a call. */
#include "ktest.h"

/* --- capabilities in messages --- */

static void receive_caps(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    for (uint32_t i = 0; i < K_MSG_CAPS_MAX; i++) {
        utcb->recv_slots[i] = job->slot ? job->slot + i : 0;
    }
    receive_once(arg, utcb);
}


static const char *capability_arrives_in_the_named_slot(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t n = notification_new(), weak = slot_new();
    struct l4_msg m = {K_TAG_CAPS(K_TAG(0, 1), 1), 0, {6}};
    struct l4_out out;
    struct worker w;
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, weak, K_RIGHT_WRITE | K_RIGHT_GRANT, 0x40) == K_OK);
    job->slot = slots_new(K_MSG_CAPS_MAX);
    w = run(receive_caps, job, ABOVE);
    l4_utcb->send_caps[0] = weak;
    EXPECT(l4_send(job->ep, &m) == K_OK && job->count == 1);
    EXPECT(K_TAG_NCAPS(job->msg.tag) == 1 && job->msg.mr[0] == 6);
    EXPECT(l4_cap_info(K_SLOT_SELF, job->slot, &out) == K_OK);
    EXPECT(out.v[0] == K_KIND_NOTIFICATION && out.v[1] == (K_RIGHT_WRITE | K_RIGHT_GRANT) && out.v[2] == 0x40);
    EXPECT(l4_cap_info(K_SLOT_SELF, weak, &out) == K_OK); /* the sender keeps its own */
    EXPECT(l4_cap_revoke(weak) == K_OK);
    EXPECT(l4_cap_info(K_SLOT_SELF, job->slot, &out) == K_NO_CAP);
    worker_end(&w);
    return NULL;
}

static const char *four_capabilities_arrive_at_once(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    struct l4_msg m = {K_TAG_CAPS(K_TAG(0, 0), 4), 0, {0}};
    struct l4_out out;
    struct worker w;
    l4_utcb->send_caps[0] = notification_new(), l4_utcb->send_caps[1] = endpoint_new();
    l4_utcb->send_caps[2] = ram_new(4096), l4_utcb->send_caps[3] = K_SLOT_BOOT_THREAD;
    job->slot = slots_new(K_MSG_CAPS_MAX);
    w = run(receive_caps, job, ABOVE);
    EXPECT(l4_send(job->ep, &m) == K_OK);
    for (uint32_t i = 0; i < 4; i++) {
        static const uint64_t kind[] = {K_KIND_NOTIFICATION, K_KIND_ENDPOINT, K_KIND_MEMORY, K_KIND_THREAD};
        EXPECT(l4_cap_info(K_SLOT_SELF, job->slot + i, &out) == K_OK && out.v[0] == kind[i]);
    }
    worker_end(&w);
    return NULL;
}

static const char *capabilities_travel_in_replies(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t reply = reply_new(), arrived = slot_new();
    struct worker w = worker_make(ABOVE, 10000, 10000);
    struct l4_msg m = {0};
    struct l4_out out;
    w.utcb->recv_slots[0] = arrived;
    worker_start(&w, call_once, (uint64_t)job);
    EXPECT(l4_nb_recv(job->ep, reply, &m) == K_OK);
    l4_utcb->send_caps[0] = notification_new();
    m.tag = K_TAG_CAPS(K_TAG(0, 0), 1);
    EXPECT(l4_reply(reply, &m) == K_OK && job->status == K_OK && K_TAG_NCAPS(job->msg.tag) == 1);
    EXPECT(l4_cap_info(K_SLOT_SELF, arrived, &out) == K_OK && out.v[0] == K_KIND_NOTIFICATION);
    worker_end(&w);
    return NULL;
}

static const char *capability_that_cannot_arrive_refuses_the_message(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    uint32_t n = notification_new(), kept = slot_new();
    struct l4_msg m = {K_TAG_CAPS(K_TAG(0, 0), 1), 0, {0}};
    struct worker w;
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, kept, K_RIGHT_READ | K_RIGHT_WRITE, 0) == K_OK);
    w = run(receive_caps, job, ABOVE); /* its slots are 0: none wanted */
    l4_utcb->send_caps[0] = n;
    EXPECT(l4_send(job->ep, &m) == K_TOO_LONG && job->count == 0);
    w.utcb->recv_slots[0] = kept; /* in use */
    EXPECT(l4_send(job->ep, &m) == K_TOO_LONG && job->count == 0);
    w.utcb->recv_slots[0] = 0x7fffffff; /* outside the table */
    EXPECT(l4_send(job->ep, &m) == K_TOO_LONG && job->count == 0);
    w.utcb->recv_slots[0] = slot_new();
    l4_utcb->send_caps[0] = slot_new();
    EXPECT(l4_send(job->ep, &m) == K_NO_CAP && job->count == 0);
    l4_utcb->send_caps[0] = kept; /* without GRANT */
    EXPECT(l4_send(job->ep, &m) == K_NO_RIGHT && job->count == 0);
    l4_utcb->send_caps[0] = n;
    EXPECT(l4_send(job->ep, &m) == K_OK && job->count == 1);
    worker_end(&w);
    return NULL;
}

static const char *message_with_one_bad_capability_moves_none(void)
{
    struct job *job = job_on(endpoint_new(), 0);
    struct l4_msg m = {K_TAG_CAPS(K_TAG(0, 0), 2), 0, {0}};
    struct l4_out out;
    struct worker w;
    job->slot = slots_new(K_MSG_CAPS_MAX);
    w = run(receive_caps, job, ABOVE);
    l4_utcb->send_caps[0] = notification_new();
    l4_utcb->send_caps[1] = slot_new();
    EXPECT(l4_send(job->ep, &m) == K_NO_CAP && job->count == 0);
    EXPECT(l4_cap_info(K_SLOT_SELF, job->slot, &out) == K_NO_CAP);
    l4_utcb->send_caps[1] = l4_utcb->send_caps[0];
    w.utcb->recv_slots[1] = w.utcb->recv_slots[0]; /* two for one slot */
    EXPECT(l4_send(job->ep, &m) == K_TOO_LONG && job->count == 0);
    EXPECT(l4_cap_info(K_SLOT_SELF, job->slot, &out) == K_NO_CAP);
    worker_end(&w);
    return NULL;
}

static const char *waiting_sender_hears_why_its_capability_was_refused(void)
{
    struct job *bad = job_on(endpoint_new(), 0), *good = job_on(bad->ep, 0);
    struct l4_msg m = {0};
    struct worker a, b;
    bad->msg.tag = K_TAG_CAPS(K_TAG(0, 0), 1);
    bad->slot = notification_new();
    good->msg = (struct l4_msg){K_TAG(0, 1), 0, {12}};
    a = run(send_once, bad, ABOVE);
    b = run(send_once, good, ABOVE);
    memset(l4_utcb->recv_slots, 0, sizeof l4_utcb->recv_slots);
    EXPECT(l4_nb_recv(bad->ep, K_SLOT_NONE, &m) == K_OK && m.mr[0] == 12); /* the next in the queue */
    EXPECT(bad->count == 1 && bad->status == K_TOO_LONG && good->status == K_OK);
    worker_end(&a);
    worker_end(&b);
    return NULL;
}

/* --- scheduling contexts lent with a call --- */

/* An echo server that waits to receive and has no scheduling context of its own. */
static struct worker passive(struct job *job)
{
    struct worker w = run(echo_server, job, ABOVE);
    enum k_status status = l4_thread_configure(w.thread, K_SLOT_NONE, ABOVE, 0);
    if (status != K_OK) {
        die("THREAD_CONFIGURE to passive", status);
    }
    return w;
}

static const char *passive_server_runs_on_its_callers_time(void)
{
    struct job *job = job_on(endpoint_new(), reply_new());
    struct worker w = passive(job);
    struct l4_msg m = {K_TAG(0, 1), 0, {1}};
    for (unsigned i = 1; i <= 3; i++) {
        m.mr[0] = i;
        EXPECT(l4_call(job->ep, &m) == K_OK && m.mr[0] == i + 1 && job->count == i);
    }
    worker_end(&w);
    return NULL;
}

static const char *plain_send_lends_nothing(void)
{
    struct job *job = job_on(endpoint_new(), reply_new());
    struct worker w = passive(job);
    struct l4_msg m = {0};
    EXPECT(l4_send(job->ep, &m) == K_OK);
    l4_sleep(l4_now_ns() + 2 * MS);
    EXPECT(job->count == 0 && thread_state(w.thread) == K_THREAD_READY); /* has the message, and no time to run */
    EXPECT(l4_thread_configure(w.thread, w.sched, ABOVE, 0) == K_OK && job->count == 1);
    worker_end(&w);
    return NULL;
}

static void relay_server(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    struct l4_msg m = {0};
    enum k_status status = l4_recv(job->ep, job->reply, 0, &m);
    (void)utcb;
    while (status == K_OK) {
        job->count++;
        status = l4_call(job->slot, &m);
        if (status == K_OK) {
            m.mr[0] *= 2;
            status = l4_reply_recv(job->ep, job->reply, &m);
        }
    }
    job->status = status;
    worker_done();
}

static const char *lent_time_is_lent_on_and_comes_back(void)
{
    struct job *last = job_on(endpoint_new(), reply_new()), *first = job_on(endpoint_new(), reply_new());
    struct worker b = passive(last), a;
    struct l4_msg m = {K_TAG(0, 1), 0, {20}};
    first->slot = last->ep;
    a = run(relay_server, first, ABOVE);
    EXPECT(l4_thread_configure(a.thread, K_SLOT_NONE, ABOVE, 0) == K_OK);
    EXPECT(l4_call(first->ep, &m) == K_OK && m.mr[0] == 42);
    m.mr[0] = 1;
    EXPECT(l4_call(first->ep, &m) == K_OK && m.mr[0] == 4);
    EXPECT(first->count == 2 && last->count == 2);
    worker_end(&a);
    worker_end(&b);
    return NULL;
}

static void call_in_turns(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    struct l4_msg m = {0};
    (void)utcb;
    while ((job->status = l4_call(job->ep, &m)) == K_OK) {
        job->count++;
    }
    worker_done();
}

static const char *passive_server_spends_its_callers_budget(void)
{
    struct job *job = job_on(endpoint_new(), reply_new()), *client = job_on(job->ep, 0);
    struct worker server = passive(job), w = worker_make(ABOVE, 1000, 10000);
    uint64_t calls, start = l4_now_ns();
    worker_start(&w, call_in_turns, (uint64_t)client);
    spin_until(start + 20 * MS); /* main is below both: it runs when the client's millisecond is used up */
    calls = client->count;
    EXPECT(calls > 0 && l4_now_ns() < start + 25 * MS);
    struct l4_out a, b;
    EXPECT(l4_thread_info(server.thread, &a) == K_OK && l4_thread_info(w.thread, &b) == K_OK);
    EXPECT(a.v[1] + b.v[1] <= 4 * MS); /* of three periods at most */
    l4_thread_stop(w.thread);
    worker_end(&server);
    worker_end(&w);
    return NULL;
}

static const char *caller_goes_on_when_its_server_dies(void)
{
    struct job *job = job_on(endpoint_new(), reply_new()), *client = job_on(job->ep, 0);
    struct worker server, w;
    uint32_t block = endpoint_new();
    job->slot = block; /* the server waits there for ever, on the client's time */
    server = run(relay_server, job, ABOVE);
    EXPECT(l4_thread_configure(server.thread, K_SLOT_NONE, ABOVE, 0) == K_OK);
    w = run(call_once, client, ABOVE);
    EXPECT(thread_state(w.thread) == K_THREAD_CALLING && thread_state(server.thread) == K_THREAD_SENDING);
    worker_end(&server);
    EXPECT(client->count == 0);
    EXPECT(l4_cap_delete(K_SLOT_SELF, job->reply) == K_OK);
    EXPECT(client->count == 1 && client->status == K_CANCELLED);
    worker_end(&w);
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case transfer_cases[] = {
    CASE(capability_arrives_in_the_named_slot),
    CASE(four_capabilities_arrive_at_once),
    CASE(capabilities_travel_in_replies),
    CASE(capability_that_cannot_arrive_refuses_the_message),
    CASE(message_with_one_bad_capability_moves_none),
    CASE(waiting_sender_hears_why_its_capability_was_refused),
    CASE(passive_server_runs_on_its_callers_time),
    CASE(plain_send_lends_nothing),
    CASE(lent_time_is_lent_on_and_comes_back),
    CASE(passive_server_spends_its_callers_budget),
    CASE(caller_goes_on_when_its_server_dies),
    CASES_END,
};
