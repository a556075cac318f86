/* SPDX-License-Identifier: MIT */
/*
 * Time: timers, scheduling contexts, run queues, and the way back to user mode.
 *
 * A thread may run when it is READY, has a scheduling context, and the head of that context's refills is due. The thread of the highest priority that may run does,
 * the oldest first among equals. A budget is a hard cap: what was used from an activation on comes back one period after that activation (sporadic server), pieces too
 * small to run on are joined to the next, and when the room for pieces is used up they are joined at the later time. A used-up context goes behind its equals.
 *
 *     refills:  [ at 0, 3 ms ][ at 10 ms, 7 ms ]    budget 10 ms, period 10 ms, 7 ms used
 *
 * One timer interrupt is programmed: for the earliest timer or the end of the running refill.
 *
 * Source: Sprunt, Sha, Lehoczky: Aperiodic Task Scheduling for Hard-Real-Time Systems (1989).
 */
#include "kernel.h"

enum { PRIORITIES = 256, MIN_NS = 1000, EXPIRE_MAX = 16, CHECK_EXITS = 256 };

struct thread *current;
static struct node queues[PRIORITIES];
static uint64_t queue_bits[PRIORITIES / 64];
static struct node timers;
static uint64_t since_ns, programmed_ns;     /* the running thread runs since; when the timer will fire */
static struct thread *fpu_owner, *bases_owner; /* whose state is in the CPU; NULL: nobody's */

uint64_t now_ns(void)
{
    return x64_ns_of(x64_rdtsc());
}

void sched_init(void)
{
    list_init(&timers);
    for (unsigned i = 0; i < PRIORITIES; i++)
        list_init(&queues[i]);
}

/* --- timers --- */

void timer_init(struct timer *timer, enum timer_kind kind)
{
    list_init(&timer->node);
    timer->kind = kind;
}

void timer_start(struct timer *timer, uint64_t at_ns)
{
    struct node *n = timers.prev;

    timer_stop(timer);
    timer->at_ns = at_ns;
    while (n != &timers && CONTAINER(n, struct timer, node)->at_ns > at_ns)
        n = n->prev;
    list_insert_before(n->next, &timer->node);
}

void timer_stop(struct timer *timer)
{
    list_remove(&timer->node);
}

/* --- refills --- */

static struct refill *refill_at(struct sched *s, unsigned i)
{
    return &s->refills[(s->head + i) % REFILLS];
}

static void refill_pop(struct sched *s)
{
    s->head = (s->head + 1) % REFILLS;
    s->count--;
}

static void refill_push(struct sched *s, uint64_t at_ns, uint64_t amount_ns)
{
    struct refill *last = refill_at(s, s->count - 1);

    if (s->count > 1 && at_ns <= last->at_ns + last->amount_ns) {
        last->amount_ns += amount_ns;
    } else if (s->count == REFILLS) {
        last->at_ns = at_ns;
        last->amount_ns += amount_ns;
    } else {
        s->count++;
        *refill_at(s, s->count - 1) = (struct refill){at_ns, amount_ns};
    }
}

/* What was used comes back a period later. Use beyond the whole budget (the kernel's own latency) delays what is left. */
static void refill_charge(struct sched *s, uint64_t used_ns)
{
    for (unsigned i = s->count; i && used_ns; i--) {
        struct refill *h = refill_at(s, 0);
        uint64_t n = used_ns < h->amount_ns ? used_ns : h->amount_ns, from = h->at_ns;
        h->amount_ns -= n;
        h->at_ns += n;
        used_ns -= n;
        if (n)
            refill_push(s, from + s->period_ns, n);
        if (!refill_at(s, 0)->amount_ns && s->count > 1)
            refill_pop(s);
    }
    refill_at(s, 0)->at_ns += used_ns;
}

/* Join the head with what follows it without a gap, or when it is too small to run on. */
static void refill_join(struct sched *s)
{
    while (s->count > 1) {
        struct refill *h = refill_at(s, 0), *next = refill_at(s, 1);
        if (next->at_ns <= h->at_ns + h->amount_ns) {
            next->at_ns = h->at_ns;
            next->amount_ns += h->amount_ns;
        } else if (h->amount_ns < MIN_NS) {
            next->amount_ns += h->amount_ns;
        } else {
            return;
        }
        refill_pop(s);
    }
}

static bool refill_due(struct sched *s, uint64_t now)
{
    refill_join(s);
    return refill_at(s, 0)->at_ns <= now;
}

/* --- run queues --- */

static void queue_in(struct thread *t)
{
    if (t->runnable)
        return;
    t->runnable = true;
    t->turn_ns = t->consumed_ns;
    list_insert_before(&queues[t->priority], &t->queue);
    queue_bits[t->priority / 64] |= 1ull << (t->priority % 64);
}

static void queue_out(struct thread *t)
{
    if (!t->runnable)
        return;
    t->runnable = false;
    list_remove(&t->queue);
    if (list_empty(&queues[t->priority]))
        queue_bits[t->priority / 64] &= ~(1ull << (t->priority % 64));
}

static struct thread *queue_first(void)
{
    for (unsigned i = PRIORITIES / 64; i-- > 0;)
        if (queue_bits[i])
            return CONTAINER(queues[i * 64 + 63 - (unsigned)__builtin_clzll(queue_bits[i])].next, struct thread, queue);
    return NULL;
}

/* A READY thread runs, or waits for its refill. */
static void queue_or_wait(struct thread *t, uint64_t now)
{
    if (t->state != K_THREAD_READY || !t->sched)
        return;
    if (refill_due(t->sched, now))
        queue_in(t);
    else
        timer_start(&t->sched->timer, refill_at(t->sched, 0)->at_ns);
}

/* Charge the running thread's context up to now. */
static void charge(uint64_t now)
{
    struct thread *t = current;

    if (t) {
        t->consumed_ns += now - since_ns;
        if (t->sched)
            refill_charge(t->sched, now - since_ns);
    }
    since_ns = now;
}

/* The thread wants to run: whatever it waited for is over. An activation starts now: what was not used before does not move the refills into the past. */
void sched_wake(struct thread *t)
{
    timer_stop(&t->timer);
    t->state = K_THREAD_READY;
    if (!t->sched || t->runnable)
        return;
    uint64_t now = now_ns();
    struct refill *h = refill_at(t->sched, 0);
    if (h->at_ns < now && !(current && current->sched == t->sched))
        h->at_ns = now;
    queue_or_wait(t, now);
}

void sched_block(struct thread *t, enum k_thread_state state)
{
    t->state = state;
    queue_out(t);
    if (t->sched)
        timer_stop(&t->sched->timer);
}

void sched_priority(struct thread *t, uint8_t priority)
{
    bool queued = t->runnable;

    queue_out(t);
    t->priority = priority;
    if (queued)
        queue_in(t);
}

/* --- scheduling contexts --- */

/* The context runs `to` from now on (NULL: nobody); whoever ran on it stands still, or goes on on its own if that is free. */
void sched_give(struct sched *s, struct thread *to)
{
    struct thread *from = s->thread;

    if (from == to)
        return;
    if (current && current->sched == s)
        charge(now_ns());
    timer_stop(&s->timer);
    if (from) {
        queue_out(from);
        from->sched = NULL;
        s->thread = NULL;
        if (from->home && from->home != s && !from->home->thread)
            sched_give(from->home, from);
    }
    if (!to)
        return;
    if (to->sched) { /* it leaves its own, idle */
        queue_out(to);
        timer_stop(&to->sched->timer);
        to->sched->thread = NULL;
    }
    to->sched = s;
    s->thread = to;
    if (to->state == K_THREAD_READY)
        queue_or_wait(to, now_ns());
}

/* Make s (or none) the thread's own. s must be nobody's. */
void sched_home(struct thread *t, struct sched *s)
{
    struct sched *old = t->home;

    if (old == s)
        return;
    t->home = s;
    if (old) {
        old->home = NULL;
        if (old->thread == t)
            sched_give(old, NULL);
    }
    if (s) {
        s->home = t;
        if (!t->sched)
            sched_give(s, t);
    }
}

void sched_set(struct sched *s, uint64_t budget_ns, uint64_t period_ns)
{
    if (current && current->sched == s)
        charge(now_ns());
    s->budget_ns = budget_ns;
    s->period_ns = period_ns;
    s->release_ns = 0;
    s->head = 0, s->count = 1;
    s->refills[0] = (struct refill){now_ns(), budget_ns};
}

void sched_destroy(struct sched *s)
{
    while (!list_empty(&s->donations)) {
        struct reply *r = CONTAINER(s->donations.next, struct reply, in_donations);
        list_remove(&r->in_donations);
        r->donated = NULL;
    }
    if (s->home)
        s->home->home = NULL;
    sched_give(s, NULL);
    timer_stop(&s->timer);
}

/* Charge the rest of the head. */
void sched_yield(void)
{
    uint64_t now = now_ns();
    struct sched *s = current->sched;

    charge(now);
    if (s) {
        refill_join(s);
        if (refill_at(s, 0)->at_ns <= now)
            refill_charge(s, refill_at(s, 0)->amount_ns);
    }
    queue_out(current);
    queue_or_wait(current, now);
}

/* For NEXT_PERIOD: the start in rdx, periods skipped in r10. K_BAD_ARG: the thread has no context of its own. */
int sched_next_period(struct thread *t)
{
    struct sched *s = t->home;
    uint64_t now = now_ns(), skipped = 0;

    if (!s)
        return K_BAD_ARG;
    uint64_t next = s->release_ns ? s->release_ns + s->period_ns : now + s->period_ns;
    if (next + s->period_ns <= now) {
        skipped = (now - next) / s->period_ns;
        next += skipped * s->period_ns;
    }
    s->release_ns = next;
    t->frame.rdx = next;
    t->frame.r10 = skipped;
    if (next > now) {
        sched_block(t, K_THREAD_SLEEPING);
        timer_start(&t->timer, next);
    }
    return K_OK;
}

/* --- the clock's interrupt --- */

static void expire(struct timer *timer)
{
    timer_stop(timer);
    switch (timer->kind) {
    case TIMER_THREAD: {
        struct thread *t = CONTAINER(timer, struct thread, timer);
        ipc_cancel(t, t->state == K_THREAD_SLEEPING ? K_OK : K_TIMEOUT);
        sched_wake(t);
        break;
    }
    case TIMER_REFILL: {
        struct sched *s = CONTAINER(timer, struct sched, timer);
        if (s->thread)
            queue_or_wait(s->thread, now_ns());
        break;
    }
    case TIMER_NOTIFICATION: {
        struct notification *n = CONTAINER(timer, struct notification, timer);
        notification_signal(n, n->timer_bits);
        break;
    }
    }
}

/* The running thread's refill may be used up. */
static void budget_check(uint64_t now)
{
    struct thread *t = current;

    if (!t || !t->runnable || !t->sched)
        return;
    charge(now);
    if (refill_due(t->sched, now) && refill_at(t->sched, 0)->amount_ns >= MIN_NS && t->sched->budget_ns != t->sched->period_ns)
        return;
    if (t->flags & K_THREAD_TIMEOUT_FAULT && !refill_due(t->sched, now)) {
        thread_fault(t, K_FAULT_TIMEOUT, 0, 0, 0);
        return;
    }
    if (refill_at(t->sched, 0)->at_ns > now || t->consumed_ns - t->turn_ns >= t->sched->budget_ns) { /* behind its equals */
        queue_out(t);
        queue_or_wait(t, now);
    }
}

void sched_tick(void)
{
    uint64_t now = now_ns();

    programmed_ns = 0;
    for (unsigned i = 0; i < EXPIRE_MAX && !list_empty(&timers); i++) {
        struct timer *first = CONTAINER(timers.next, struct timer, node);
        if (first->at_ns > now)
            break;
        expire(first);
    }
    budget_check(now);
}

/* --- back to user mode --- */

static inline void bases_switch(struct thread *to)
{
    if (bases_owner && x64_features & K_CPU_FSGSBASE)
        x64_bases_get(&bases_owner->fs_base, &bases_owner->gs_base);
    x64_bases_set(to->fs_base, to->gs_base);
    bases_owner = to;
}

static inline void fpu_switch(struct thread *to)
{
    x64_fpu_forbid(to->flags & K_THREAD_NO_FPU);
    if (to->flags & K_THREAD_NO_FPU || fpu_owner == to)
        return;
    if (fpu_owner)
        x64_fpu_save(fpu_owner->fpu);
    x64_fpu_load(to->fpu);
    fpu_owner = to;
}

void thread_forget(struct thread *t)
{
    if (fpu_owner == t)
        fpu_owner = NULL;
    if (bases_owner == t)
        bases_owner = NULL;
    if (root_thread == t)
        root_thread = NULL;
    if (current == t) {
        charge(now_ns());
        current = NULL;
    }
}

/* The registers that the CPU holds of a thread, into its struct: before anybody reads or writes them there. */
void thread_sync(struct thread *t)
{
    if (bases_owner == t && x64_features & K_CPU_FSGSBASE)
        x64_bases_get(&t->fs_base, &t->gs_base);
    if (bases_owner == t)
        bases_owner = NULL; /* loaded again at the next exit */
}

/* NO_FPU came or went for a thread that runs now. */
void thread_flags_changed(struct thread *t)
{
    if (t == current)
        fpu_switch(t);
}

static void timer_program(void)
{
    uint64_t at = list_empty(&timers) ? UINT64_MAX : CONTAINER(timers.next, struct timer, node)->at_ns;

    if (current && current->sched) {
        uint64_t end = since_ns + refill_at(current->sched, 0)->amount_ns;
        at = end < at ? end : at;
    }
    if (at == programmed_ns)
        return;
    programmed_ns = at;
    x64_timer_set(x64_tsc_of(at));
}

/* The only way out: run whoever is first. */
void kernel_exit(void)
{
    struct thread *next = queue_first();

#ifdef K_DEBUG
    static unsigned exits;
    if (exits++ % CHECK_EXITS == 0)
        accounts_check();
#endif
    if (next != current) {
        charge(now_ns());
        current = next;
        if (next) {
            vspace_load(next->task);
            x64_stack_set(&next->frame + 1);
            fpu_switch(next);
        }
    }
    if (next)
        x64_io_set(next->task);
    timer_program();
    if (!next)
        x64_idle();
    if (bases_owner != next)
        bases_switch(next);
    x64_user_return(&next->frame);
}
