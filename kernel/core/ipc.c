/* SPDX-License-Identifier: MIT */
/*
 * Messages between threads: send, call, receive, reply, and faults, which are messages too.
 *
 *     SENDING ----> endpoint.senders     RECEIVING --> endpoint.receivers, reply.receiver
 *     CALLING ----> reply.caller         FAULTED ----> endpoint.senders (not yet seen), then reply.caller or nothing
 *
 * A message is checked whole before anything of it moves. A caller whose receiver has no scheduling context lends it its own until the reply; replies lend in the
 * order of sched.donations, and whoever answers a caller takes back what was lent on from there.
 *
 * Context: kernel, interrupts off. Words 8 and up go from UTCB to UTCB by the kernel's own mapping; nothing can fault here.
 */
#include "kernel.h"

/* By priority, then by age. */
void waiters_insert(struct node *list, struct thread *t)
{
    struct node *n = list->prev;

    while (n != list && CONTAINER(n, struct thread, queue)->priority < t->priority)
        n = n->prev;
    list_insert_before(n->next, &t->queue);
}

/* --- one message --- */

static enum k_status tag_check(uint64_t tag)
{
    return K_TAG_WORDS(tag) <= K_MR_MAX && K_TAG_NCAPS(tag) <= K_MSG_CAPS_MAX ? K_OK : K_BAD_ARG;
}

/* Can the capabilities that `from` sends arrive? */
static enum k_status caps_check(struct thread *from, struct thread *to, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct cap *cap, *room;
        uint32_t slot = to->utcb->recv_slots[i];
        if (cap_any(from->task, from->utcb->send_caps[i], &cap) != K_OK)
            return K_NO_CAP;
        if (!(cap->rights & K_RIGHT_GRANT))
            return K_NO_RIGHT;
        if (!slot || cap_room(to->task, slot, &room) != K_OK)
            return K_TOO_LONG;
        for (unsigned j = 0; j < i; j++)
            if (to->utcb->recv_slots[j] == slot)
                return K_TOO_LONG;
    }
    return K_OK;
}

static void caps_move(struct thread *from, struct thread *to, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct cap *cap;
        enum k_status status = cap_any(from->task, from->utcb->send_caps[i], &cap);
        if (status == K_OK)
            status = cap_derive(cap, to->task, to->utcb->recv_slots[i], cap->rights, cap->badge);
        BUG_ON(status != K_OK);
    }
}

static enum k_status message_check(struct thread *from, struct thread *to)
{
    return K_TAG_NCAPS(from->frame.rsi) ? caps_check(from, to, K_TAG_NCAPS(from->frame.rsi)) : K_OK;
}

/* Move a checked message; the registers beyond its words arrive as 0. */
static void message_move(struct thread *from, struct thread *to, uint64_t badge)
{
    const struct x64_frame *f = &from->frame;
    struct x64_frame *t = &to->frame;
    uint64_t tag = f->rsi & ~K_TAG_NOTIFICATION;
    unsigned words = K_TAG_WORDS(tag);

    t->rdx = words > 0 ? f->rdx : 0;
    t->r10 = words > 1 ? f->r10 : 0;
    t->r8 = words > 2 ? f->r8 : 0;
    t->r9 = words > 3 ? f->r9 : 0;
    t->r12 = words > 4 ? f->r12 : 0;
    t->r13 = words > 5 ? f->r13 : 0;
    t->r14 = words > 6 ? f->r14 : 0;
    t->r15 = words > 7 ? f->r15 : 0;
    if (words > K_MR_REGISTERS)
        memcpy(&to->utcb->mr[K_MR_REGISTERS], &from->utcb->mr[K_MR_REGISTERS], (words - K_MR_REGISTERS) * sizeof(uint64_t));
    if (K_TAG_NCAPS(tag))
        caps_move(from, to, K_TAG_NCAPS(tag));
    t->rsi = tag;
    t->rdi = badge;
    t->rax = K_OK;
}

static void fault_move(struct thread *from, struct thread *to)
{
    struct x64_frame *t = &to->frame;

    t->rdx = from->fault[0], t->r10 = from->fault[1], t->r8 = from->fault[2], t->r9 = from->fault[3], t->r12 = from->fault[4], t->r13 = from->fault[5];
    t->r14 = t->r15 = 0;
    t->rsi = K_TAG(from->fault_label, 6);
    t->rdi = from->handler_badge;
    t->rax = K_OK;
}

/* --- replies --- */

static void donation_start(struct reply *r, struct thread *server)
{
    struct sched *s = r->caller->sched;

    if (!s || server->sched)
        return;
    r->donated = s;
    list_insert_before(&s->donations, &r->in_donations);
    sched_give(s, server);
}

/* What was lent with r, and on from there, is the caller's again. */
static void donation_end(struct reply *r)
{
    struct sched *s = r->donated;

    if (!s)
        return;
    for (bool last = false; !last;) {
        struct reply *latest = CONTAINER(s->donations.prev, struct reply, in_donations);
        last = latest == r;
        latest->donated = NULL;
        list_remove(&latest->in_donations);
    }
    sched_give(s, r->caller);
}

static void reply_hold(struct reply *r, struct thread *caller, struct thread *server)
{
    r->caller = caller;
    caller->reply = r;
    donation_start(r, server);
}

static void reply_release(struct reply *r)
{
    donation_end(r);
    r->caller->reply = NULL;
    r->caller = NULL;
}

/*
 * Answer whom r holds.
 *
 * Errors:  K_NO_REPLY  nobody
 *          others      of the message; the caller is still held
 */
int ipc_reply(struct thread *t, struct reply *r)
{
    struct thread *caller = r->caller;

    if (!caller)
        return K_NO_REPLY;
    if (caller->state == K_THREAD_FAULTED) { /* go on at the fault */
        reply_release(r);
        sched_wake(caller);
        return K_OK;
    }
    enum k_status status = tag_check(t->frame.rsi);
    if (status == K_OK)
        status = message_check(t, caller);
    if (status != K_OK)
        return status;
    message_move(t, caller, 0);
    reply_release(r);
    sched_wake(caller);
    return K_OK;
}

void reply_destroy(struct reply *r)
{
    struct thread *caller = r->caller;

    if (caller) {
        bool called = caller->state == K_THREAD_CALLING;
        ipc_cancel(caller, K_CANCELLED);
        if (called)
            sched_wake(caller);
    }
    if (r->receiver)
        r->receiver->reply = NULL;
}

/* --- waiting and ceasing to wait --- */

/* Take the thread out of whatever it waits in; the call it waits in, if any, ends with `status`. Its state is the caller's to set. */
void ipc_cancel(struct thread *t, enum k_status status)
{
    bool in_call = t->state != K_THREAD_READY && t->state != K_THREAD_STOPPED && t->state != K_THREAD_FAULTED;

    timer_stop(&t->timer);
    switch (t->state) {
    case K_THREAD_SENDING:
    case K_THREAD_WAITING:
        list_remove(&t->queue);
        break;
    case K_THREAD_RECEIVING:
        list_remove(&t->queue);
        if (t->reply)
            t->reply->receiver = NULL;
        t->reply = NULL;
        break;
    case K_THREAD_CALLING:
    case K_THREAD_FAULTED:
        if (t->endpoint)
            list_remove(&t->queue);
        if (t->reply)
            reply_release(t->reply);
        break;
    case K_THREAD_STOPPED:
    case K_THREAD_READY:
    case K_THREAD_SLEEPING:
        break;
    }
    t->endpoint = NULL;
    t->waiting = NULL;
    t->fault_pending = false;
    if (in_call)
        t->frame.rax = status;
}

static struct thread *first_of(struct node *list)
{
    return list_empty(list) ? NULL : CONTAINER(list->next, struct thread, queue);
}

/* The receiver stops waiting; its reply object, if it named one, is free to hold a caller. */
static struct reply *receiver_take(struct thread *receiver)
{
    struct reply *r = receiver->reply;

    ipc_cancel(receiver, K_OK);
    return r;
}

/* --- send and receive --- */

/*
 * Errors:  K_BAD_ARG   more than 64 words or 4 capabilities
 *          K_NO_REPLY  a call, and the receiver takes no callers
 *          K_AGAIN     nobody receives and the call does not wait
 *          K_NO_CAP, K_NO_RIGHT, K_TOO_LONG  of the capabilities sent
 */
int ipc_send(struct thread *t, struct cap *cap, bool call, bool wait)
{
    struct endpoint *e = CONTAINER(cap->object, struct endpoint, object);
    struct thread *receiver = first_of(&e->receivers);
    enum k_status status = tag_check(t->frame.rsi);

    if (status != K_OK)
        return status;
    if (!receiver) {
        if (!wait)
            return K_AGAIN;
        t->endpoint = e;
        t->badge = cap->badge;
        t->calling = call;
        sched_block(t, K_THREAD_SENDING);
        waiters_insert(&e->senders, t);
        return K_OK;
    }
    if (call && !receiver->reply)
        return K_NO_REPLY;
    status = message_check(t, receiver);
    if (status != K_OK)
        return status;
    struct reply *r = receiver_take(receiver);
    message_move(t, receiver, cap->badge);
    if (call) {
        sched_block(t, K_THREAD_CALLING);
        reply_hold(r, t, receiver);
    }
    sched_wake(receiver);
    return K_OK;
}

/* Take the message of one waiting sender. False: it could not arrive, and the sender knows. */
static bool sender_take(struct thread *t, struct thread *sender, struct reply *reply)
{
    bool fault = sender->fault_pending, call = sender->calling && !fault;
    enum k_status status = call && !reply ? K_NO_REPLY : fault ? K_OK : message_check(sender, t);
    uint64_t badge = sender->badge;

    if (status != K_OK) {
        ipc_cancel(sender, status);
        sched_wake(sender);
        return false;
    }
    ipc_cancel(sender, K_OK);
    if (fault) {
        fault_move(sender, t);
        if (reply)
            reply_hold(reply, sender, t);
        return true;
    }
    message_move(sender, t, badge);
    if (call) {
        sender->state = K_THREAD_CALLING;
        reply_hold(reply, sender, t);
    } else {
        sched_wake(sender);
    }
    return true;
}

/*
 * Errors:  K_BUSY   the reply object holds a caller or waits with another receiver
 *          K_AGAIN  nothing is there and the call does not wait
 */
int ipc_recv(struct thread *t, struct endpoint *e, struct reply *reply, uint64_t deadline, bool wait)
{
    struct notification *n = t->bound;

    if (n && *n->word) {
        t->frame.rdi = *n->word;
        t->frame.rsi = K_TAG_NOTIFICATION;
        *n->word = 0;
        return K_OK;
    }
    if (reply && (reply->caller || reply->receiver))
        return K_BUSY;
    for (unsigned i = 0; i < LONG_STEPS; i++) {
        struct thread *sender = first_of(&e->senders);
        if (!sender)
            break;
        if (sender_take(t, sender, reply))
            return K_OK;
    }
    if (!list_empty(&e->senders))
        return K_RESTART;
    if (!wait)
        return K_AGAIN;
    t->endpoint = e;
    t->reply = reply;
    if (reply)
        reply->receiver = t;
    sched_block(t, K_THREAD_RECEIVING);
    waiters_insert(&e->receivers, t);
    if (deadline)
        timer_start(&t->timer, deadline);
    return K_OK;
}

int endpoint_destroy(struct endpoint *e, unsigned *steps)
{
    for (;;) {
        struct thread *t = first_of(&e->senders);
        if (!t)
            t = first_of(&e->receivers);
        if (!t)
            break;
        if (!*steps)
            return K_RESTART;
        --*steps;
        bool faulted = t->state == K_THREAD_FAULTED;
        ipc_cancel(t, K_CANCELLED);
        if (!faulted)
            sched_wake(t);
    }
    while (!list_empty(&e->handled)) {
        struct thread *t = CONTAINER(e->handled.next, struct thread, handled);
        if (!*steps)
            return K_RESTART;
        --*steps;
        ipc_handler(t, NULL, 0);
    }
    return K_OK;
}

/* --- faults --- */

void ipc_handler(struct thread *t, struct endpoint *e, uint64_t badge)
{
    list_remove(&t->handled);
    t->handler = e;
    t->handler_badge = badge;
    if (e)
        list_insert_before(&e->handled, &t->handled);
}

/* The thread stands at its fault until its handler answers or somebody resumes it. */
void ipc_fault(struct thread *t, uint32_t label, const uint64_t words[6])
{
    struct endpoint *e = t->handler;

    t->fault_label = label;
    memcpy(t->fault, words, sizeof t->fault);
    sched_block(t, K_THREAD_FAULTED);
    if (!e && t == root_thread)
        kernel_panic_frame("root faulted and nobody handles it", &t->frame);
    if (!e)
        return;
    struct thread *receiver = first_of(&e->receivers);
    if (!receiver) {
        t->endpoint = e;
        t->fault_pending = true;
        waiters_insert(&e->senders, t);
        return;
    }
    struct reply *r = receiver_take(receiver);
    fault_move(t, receiver);
    if (r)
        reply_hold(r, t, receiver);
    sched_wake(receiver);
}
