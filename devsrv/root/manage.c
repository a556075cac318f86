/* SPDX-License-Identifier: MIT */
/*
 * The workstation's requests: one record in, one record out, on the ring of the management channel (devsrv/management.h, formats/link.py).
 *
 * The last reply is kept: a request that repeats session, id and op is answered from it, so that what changes something happens once. Requests come from a wire: every
 * length is held to its range, a name that no task has is answered so.
 */
#include "root.h"

#include "devsrv/args.h"
#include "devsrv/management.h"
#include "devsrv/rt.h"
#include "l4/string.h"
#include "link_gen.h"

enum { DATA_MAX = LINK_MAX_PAYLOAD - sizeof(struct link_reply), TURNS = 8, STATS_TRIES = 100 };
#define DRAIN_NS 100000000ull /* the longest reply takes 90 ms at 115200 baud */

static struct {
    struct ds_management_head head;
    struct link_reply reply;
    uint8_t data[DATA_MAX];
} last;
_Static_assert(sizeof last == sizeof last.head + sizeof last.reply + DATA_MAX, "it goes into the ring as it lies");
static bool has_last;

/* --- lists --- */

struct list {
    uint8_t *at;
    uint32_t index, first, count;
};

static struct list list_begin(const uint8_t *args, uint32_t bytes)
{
    struct link_list_args wanted = {0};

    if (bytes >= sizeof wanted)
        memcpy(&wanted, args, sizeof wanted);
    return (struct list){.at = last.data + sizeof(struct link_list_head), .first = wanted.first};
}

/* Is the next record wanted, and does it fit? */
static bool list_wants(struct list *l, uint32_t record_bytes)
{
    bool before = l->index++ < l->first;

    return !before && (uint32_t)(l->at - last.data) + record_bytes <= DATA_MAX;
}

static void list_put(struct list *l, const void *record, uint32_t bytes)
{
    memcpy(l->at, record, bytes);
    l->at += bytes;
    l->count++;
}

static uint32_t list_end(const struct list *l)
{
    uint64_t ns, ticks, hz;

    l4_clock(&ns, &ticks, &hz);
    struct link_list_head head = {.total = l->index, .first = l->first, .count = l->count, .tsc_khz = (uint32_t)(hz / 1000), .board_time_ns = ns, .board_ticks = ticks};
    memcpy(last.data, &head, sizeof head);
    return (uint32_t)(l->at - last.data);
}

/* --- operations; each returns the bytes of its data --- */

static const struct sys_thread *first_thread(uint32_t task, uint32_t *number)
{
    for (uint32_t i = 0; i < COUNT(&root.table, thread); i++)
        if (TABLE(&root.table, thread)[i].task == task) {
            *number = i;
            return &TABLE(&root.table, thread)[i];
        }
    return NULL;
}

static uint32_t tasks(const uint8_t *args, uint32_t bytes)
{
    struct list l = list_begin(args, bytes);
    uint64_t hz = 0;

    l4_clock(NULL, NULL, &hz);
    for (uint32_t i = 0; i < COUNT(&root.table, task); i++) {
        const struct sys_task *t = &TABLE(&root.table, task)[i];
        struct link_task_entry e = {.kind = t->kind, .state = (uint8_t)root.task[i].state, .channel = t->channel, .restarts = root.task[i].restarts};
        uint32_t number;
        const struct sys_thread *thread = first_thread(i, &number);
        if (!list_wants(&l, sizeof e))
            continue;
        memcpy(e.name, t->name, sizeof e.name);
        if (thread) {
            struct l4_out info = {{0}};
            l4_thread_info(number ? SLOT_THREAD + number : K_SLOT_BOOT_THREAD, &info);
            e.priority = (uint8_t)thread->priority;
            e.run_ticks = info.v[1] / 1000 * (hz / 1000) / 1000;
            if (thread->sched != UINT32_MAX) {
                e.budget_us = TABLE(&root.table, sched)[thread->sched].budget_us;
                e.period_us = TABLE(&root.table, sched)[thread->sched].period_us;
            }
        }
        list_put(&l, &e, sizeof e);
    }
    return list_end(&l);
}

/* A consistent copy of a task's statistics; what its writer never finishes is taken as it is. */
static void stats_copy(const struct rt_stats *from, struct rt_stats *to)
{
    for (unsigned i = 0; i < STATS_TRIES; i++) {
        uint32_t before = __atomic_load_n(&from->sequence, __ATOMIC_ACQUIRE);
        memcpy(to, from, sizeof *to);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(before & 1) && __atomic_load_n(&from->sequence, __ATOMIC_RELAXED) == before)
            return;
    }
}

static unsigned log2_bucket(uint64_t ticks)
{
    unsigned n = ticks < 2 ? 0 : 63 - (unsigned)__builtin_clzll(ticks);

    return n < LINK_HISTOGRAM_BUCKETS ? n : LINK_HISTOGRAM_BUCKETS - 1;
}

static void realtime_entry(const struct rt_stats *s, uint64_t hz, struct link_realtime_entry *e)
{
    e->start_ticks = s->start_ticks;
    e->last_ticks = s->last_ticks;
    e->periods = s->periods;
    e->misses = s->misses;
    if (!s->periods)
        return;
    for (unsigned b = 0; b < RT_BUCKETS; b++) /* skipped periods have no latency, so fewer than s->periods */
        e->histogram[log2_bucket(rt_bucket_first(b))] += s->buckets[b];
    e->min_ticks = s->min_ticks;
    e->max_ticks = s->max_ticks;
    e->median_ticks = rt_median(s);
    uint64_t khz = hz / 1000 ? hz / 1000 : 1;
    e->min_ns = e->min_ticks * 1000000 / khz;
    e->median_ns = e->median_ticks * 1000000 / khz;
    e->max_ns = e->max_ticks * 1000000 / khz;
}

static const struct rt_stats *stats_of(uint32_t realtime)
{
    char name[24];
    struct ds_text t = ds_text_on(name, sizeof name);

    ds_text_put(&t, "stats.");
    ds_text_dec(&t, realtime);
    const struct arg_entry *a = ds_args_find(ARG_KIND_MEMORY, name);
    const struct rt_stats *s = a && a->bytes >= sizeof *s ? (const struct rt_stats *)a->va : NULL;
    return s && s->magic == RT_STATS_MAGIC ? s : NULL;
}

static uint32_t realtime(const uint8_t *args, uint32_t bytes)
{
    static struct rt_stats copy;
    struct list l = list_begin(args, bytes);
    uint64_t hz = 0;

    l4_clock(NULL, NULL, &hz);
    for (uint32_t i = 0; i < COUNT(&root.table, realtime); i++) {
        const struct sys_realtime *r = &TABLE(&root.table, realtime)[i];
        struct link_realtime_entry e = {.period_us = r->period_us, .budget_us = r->budget_us, .deadline_us = r->deadline_us};
        const struct rt_stats *s = stats_of(i);
        if (!list_wants(&l, sizeof e))
            continue;
        memcpy(e.name, TABLE(&root.table, task)[r->task].name, sizeof e.name);
        if (s) {
            stats_copy(s, &copy);
            realtime_entry(&copy, hz, &e);
        }
        list_put(&l, &e, sizeof e);
    }
    return list_end(&l);
}

static uint32_t memory(const uint8_t *args, uint32_t bytes)
{
    struct list l = list_begin(args, bytes);

    for (uint32_t i = 0; i < COUNT(&root.table, task); i++) {
        struct link_memory_entry e = {0};
        struct l4_out info = {{0}};
        if (!list_wants(&l, sizeof e))
            continue;
        memcpy(e.name, TABLE(&root.table, task)[i].name, sizeof e.name);
        l4_account_info(i ? SLOT_TASK + i : K_SLOT_SELF, &info);
        e.account_bytes = info.v[0];
        e.used_bytes = info.v[1];
        list_put(&l, &e, sizeof e);
    }
    return list_end(&l);
}

static enum link_reply_status task(const uint8_t *args, uint32_t bytes)
{
    struct link_task_args a;
    uint32_t i = 1;

    if (bytes != sizeof a)
        return LINK_REPLY_STATUS_BAD_ARGUMENT;
    memcpy(&a, args, sizeof a);
    while (i < COUNT(&root.table, task) && memcmp(a.name, TABLE(&root.table, task)[i].name, sizeof a.name))
        i++;
    if (i >= COUNT(&root.table, task))
        return LINK_REPLY_STATUS_NO_SUCH_TASK;
    if (TABLE(&root.table, task)[i].kind == SYS_TASK_KIND_SERVER && a.action != LINK_TASK_ACTION_RESTART)
        return LINK_REPLY_STATUS_REFUSED; /* the reply itself needs the servers */
    switch (a.action) {
    case LINK_TASK_ACTION_STOP: task_stop(i, TASK_STOPPED); return LINK_REPLY_STATUS_OK;
    case LINK_TASK_ACTION_PAUSE:
        if (root.task[i].state != TASK_RUNNING)
            return LINK_REPLY_STATUS_REFUSED;
        task_pause(i, true);
        return LINK_REPLY_STATUS_OK;
    case LINK_TASK_ACTION_RESUME:
        if (root.task[i].state != TASK_PAUSED)
            return LINK_REPLY_STATUS_REFUSED;
        task_pause(i, false);
        return LINK_REPLY_STATUS_OK;
    case LINK_TASK_ACTION_RESTART: task_restart(i); return LINK_REPLY_STATUS_OK;
    default: return LINK_REPLY_STATUS_BAD_ARGUMENT;
    }
}

static enum link_reply_status shutdown(const uint8_t *args, uint32_t bytes)
{
    struct link_shutdown_args a;

    if (bytes != sizeof a)
        return LINK_REPLY_STATUS_BAD_ARGUMENT;
    memcpy(&a, args, sizeof a);
    if (a.code > K_SHUTDOWN_RESET)
        return LINK_REPLY_STATUS_BAD_ARGUMENT;
    root.shutdown = 1 + (uint64_t)a.code;
    return LINK_REPLY_STATUS_OK;
}

static struct link_picture_args wanted; /* the question to the console server */
static bool is_asked;

static void picture_ask(const struct link_picture_args *args)
{
    wanted = *args;
    root.shot->args = wanted;
    __atomic_store_n(&root.shot->asked, root.shot->asked + 1, __ATOMIC_RELEASE);
    is_asked = true;
}

/* The piece behind this one will be wanted next. */
static void picture_ask_next(uint32_t bytes)
{
    struct link_picture_args next = wanted;
    struct link_picture_head head;

    if (bytes < sizeof head)
        return;
    memcpy(&head, last.data, sizeof head);
    next.offset = head.next;
    if (head.kind != LINK_PICTURE_KIND_NAMES && head.next < (uint32_t)head.width * head.height)
        picture_ask(&next);
}

/* The answer to the question when it is there, else the question (devsrv/shot.h). */
static enum link_reply_status picture(const uint8_t *args, uint32_t bytes, uint32_t *data)
{
    struct ds_shot *s = root.shot;
    struct link_picture_args a;
    enum link_reply_status status = LINK_REPLY_STATUS_BUSY;

    if (!s)
        return LINK_REPLY_STATUS_REFUSED;
    if (bytes != sizeof a)
        return LINK_REPLY_STATUS_BAD_ARGUMENT;
    memcpy(&a, args, sizeof a);
    bool is_same = is_asked && !memcmp(&wanted, &a, sizeof a);
    if (is_same && __atomic_load_n(&s->answered, __ATOMIC_ACQUIRE) == s->asked) {
        uint32_t said = s->status, count = s->bytes;
        is_asked = false;
        status = said < LINK_REPLY_STATUS_BUSY && count <= DATA_MAX ? (enum link_reply_status)said : LINK_REPLY_STATUS_REFUSED;
        *data = status == LINK_REPLY_STATUS_OK ? count : 0;
        memcpy(last.data, s->data, *data);
        picture_ask_next(*data);
    } else if (!is_same) {
        picture_ask(&a);
    }
    root.terminal.news = true;
    ds_terminal_signal(&root.terminal);
    return status;
}

/* --- records --- */

static void execute(const struct link_request *r, const uint8_t *args, uint32_t bytes)
{
    enum link_reply_status status = LINK_REPLY_STATUS_OK;
    uint32_t data = 0;

    switch (r->op) {
    case LINK_OP_PING:
        data = bytes < DATA_MAX ? bytes : DATA_MAX;
        memcpy(last.data, args, data);
        break;
    case LINK_OP_TASKS: data = tasks(args, bytes); break;
    case LINK_OP_REALTIME: data = realtime(args, bytes); break;
    case LINK_OP_MEMORY: data = memory(args, bytes); break;
    case LINK_OP_TASK: status = task(args, bytes); break;
    case LINK_OP_PICTURE: status = picture(args, bytes, &data); break;
    case LINK_OP_SHUTDOWN: status = shutdown(args, bytes); break;
    default: status = LINK_REPLY_STATUS_UNKNOWN_OP; break;
    }
    last.reply = (struct link_reply){.id = r->id, .op = r->op, .status = (uint16_t)status};
    last.head.bytes = (uint16_t)(sizeof last.reply + data);
}

static void answer(void)
{
    ds_ring_write(&root.management.out, &last, (uint32_t)sizeof last.head + last.head.bytes); /* no room: the workstation asks again */
    l4_signal(root.management_server, 0);
}

/* One record from the ring; false when there is none whole. */
static bool request(void)
{
    static uint8_t payload[LINK_MAX_PAYLOAD];
    struct ds_ring *in = &root.management.in;
    struct ds_management_head head;
    struct link_request r;

    if (ds_ring_peek(in, 0, &head, sizeof head) < sizeof head)
        return false;
    if (head.bytes < sizeof r || head.bytes > sizeof payload || ds_ring_used(in) < sizeof head + head.bytes) {
        ds_ring_consume(in, ds_ring_used(in));
        return false;
    }
    ds_ring_consume(in, sizeof head);
    ds_ring_read(in, payload, head.bytes);
    memcpy(&r, payload, sizeof r);
    bool again = has_last && last.head.session == head.session && last.reply.id == r.id && last.reply.op == r.op;
    if (!again) {
        last.head.session = head.session;
        execute(&r, payload + sizeof r, head.bytes - (uint32_t)sizeof r);
        has_last = true;
    }
    answer();
    return true;
}

/* Stop the board when the server has taken the last reply and had time to send it. Nobody signals root when it took it, so root looks again by its timer. */
static void shutdown_turn(void)
{
    static uint64_t at_ns;
    static bool taken;
    uint64_t now = l4_now_ns();

    if (!root.shutdown)
        return;
    if (!taken) {
        taken = ds_ring_room(&root.management.out) >= root.management.out.bytes;
        at_ns = now + DRAIN_NS;
    } else if (now >= at_ns) {
        l4_shutdown(root.shutdown - 1);
    }
    l4_notification_timer(root.wake, at_ns, 1);
}

void manage_turn(void)
{
    for (unsigned i = 0; i < TURNS && request(); i++) {
    }
    shutdown_turn();
}
