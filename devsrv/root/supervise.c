/* SPDX-License-Identifier: MIT */
/*
 * Supervision: what tasks say, how they fail, and what the image's policy makes of it.
 *
 * SLOT_REPLY holds whoever called or faulted until the message is dealt with: stopping its thread lets go of it, anything else is answered with nothing, so that no task
 * keeps root from the next message. Restarts come in rows: more than ROW_MAX within ROW_NS, and the task stays stopped.
 */
#include "root.h"

#include "devsrv/supervisor.h"
#include "l4/string.h"

enum { ROW_MAX = 5, LINE_BYTES = 400 };
#define ROW_NS 10000000000ull

#define TASKS COUNT(&root.table, task)

/* A line on the log channel; when its ring is full the line is counted and left out. */
void root_log(const char *text)
{
    static char line[LINE_BYTES];
    struct ds_text t = ds_text_on(line, sizeof line);
    uint64_t ms = l4_now_ns() / 1000000;

    if (!root.has_log && !root.terminal.is_open)
        return;
    ds_text_char(&t, '[');
    ds_text_number(&t, ms / 1000, 10, 4);
    ds_text_char(&t, '.');
    for (uint64_t digit = 100; digit; digit /= 10)
        ds_text_char(&t, (char)('0' + ms / digit % 10));
    ds_text_put(&t, "] ");
    if (root.log_lost) {
        ds_text_dec(&t, root.log_lost);
        ds_text_put(&t, " lines were lost\r\n         ");
    }
    ds_text_put(&t, text);
    ds_text_put(&t, "\r\n");
    uint32_t bytes = (uint32_t)(t.at - t.start);
    ds_terminal_write(&root.terminal, line, bytes);
    ds_terminal_signal(&root.terminal);
    if (!root.has_log)
        return;
    if (ds_ring_room(&root.log.out) < bytes) {
        root.log_lost++;
    } else {
        ds_ring_write(&root.log.out, line, bytes);
        root.log_lost = 0;
    }
    l4_signal(root.log_server, 0);
}

static void log_task(uint32_t task, const char *what)
{
    static char line[200];
    struct ds_text t = ds_text_on(line, sizeof line);

    ds_text_put(&t, task_name(task));
    ds_text_put(&t, ": ");
    ds_text_put(&t, what);
    root_log(line);
}

static void threads_each(uint32_t task, enum k_status (*call)(uint32_t thread))
{
    for (uint32_t i = 1; i < COUNT(&root.table, thread); i++)
        if (TABLE(&root.table, thread)[i].task == task)
            call(SLOT_THREAD + i);
}

static enum k_status stop(uint32_t thread)
{
    return l4_thread_stop(thread);
}

static enum k_status resume(uint32_t thread)
{
    return l4_thread_resume(thread);
}

/* The console's bottom row shows it. */
static void task_state_set(uint32_t task, enum task_state state)
{
    root.task[task].state = state;
    if (!root.states)
        return;
    __atomic_store_n(&root.states[task], (uint8_t)state, __ATOMIC_RELAXED);
    root.terminal.news = true;
    ds_terminal_signal(&root.terminal);
}

void task_stop(uint32_t task, enum task_state state)
{
    threads_each(task, stop);
    task_state_set(task, state);
}

void task_pause(uint32_t task, bool pause)
{
    threads_each(task, pause ? stop : resume);
    task_state_set(task, pause ? TASK_PAUSED : TASK_RUNNING);
}

static bool is_mapped(uint32_t task, uint32_t memory)
{
    for (uint32_t i = 0; i < COUNT(&root.table, map); i++)
        if (TABLE(&root.table, map)[i].task == task && TABLE(&root.table, map)[i].memory == memory)
            return true;
    return false;
}

/* Of all rings that it has a part in; the indices stay. */
static void epochs_bump(uint32_t task)
{
    for (uint32_t i = 0; i < COUNT(&root.table, ring); i++) {
        const struct sys_ring *r = &TABLE(&root.table, ring)[i];
        if (r->client != task && r->server != task)
            continue;
        if (l4_map(K_SLOT_SELF, SLOT_MEMORY + r->memory, 0x7800000000ull, 0, K_PAGE_BYTES, K_RIGHT_READ | K_RIGHT_WRITE) != K_OK)
            continue;
        struct ds_ring_page *page = (struct ds_ring_page *)0x7800000000ull;
        ds_ring_format(page, TABLE(&root.table, memory)[r->memory].bytes, ROOT_RING_IN_BYTES); /* a client may have written into the layout */
        __atomic_fetch_add(&page->epoch, 1, __ATOMIC_RELEASE);
        l4_unmap(K_SLOT_SELF, 0x7800000000ull, K_PAGE_BYTES);
    }
}

/* Stop it, fill its memory as at the first start, and start it. */
void task_restart(uint32_t task)
{
    task_stop(task, TASK_STOPPED);
    for (uint32_t i = 0; i < COUNT(&root.table, memory); i++)
        if (!(TABLE(&root.table, memory)[i].flags & (SYS_MEMORY_FLAG_KEEP | SYS_MEMORY_FLAG_IN_IMAGE | SYS_MEMORY_FLAG_BOOT_INFO)) && is_mapped(task, i))
            memory_fill(i);
    epochs_bump(task);
    root.task[task].restarts++;
    for (uint32_t i = 1; i < COUNT(&root.table, thread); i++) {
        const struct sys_thread *t = &TABLE(&root.table, thread)[i];
        if (t->task == task)
            l4_thread_start(SLOT_THREAD + i, t->entry, t->stack_top, t->argument);
    }
    task_state_set(task, TASK_RUNNING);
    log_task(task, "started anew");
}

/* May it be restarted once more? */
static bool row_allows(uint32_t task)
{
    struct task *t = &root.task[task];
    uint64_t now = l4_now_ns();

    if (!t->row || now - t->restart_ns > ROW_NS) {
        t->restart_ns = now;
        t->row = 0;
    }
    return t->row++ < ROW_MAX;
}

/* The task faulted or ended: do what the image says. */
static void policy(uint32_t task, enum task_state state)
{
    task_stop(task, state);
    switch (TABLE(&root.table, task)[task].restart) {
    case SYS_RESTART_RESTART:
        if (row_allows(task))
            task_restart(task);
        else
            log_task(task, "failed too often, stays stopped");
        break;
    case SYS_RESTART_REBOOT:
        l4_shutdown(K_SHUTDOWN_RESET);
        break;
    case SYS_RESTART_IGNORE:
        if (state == TASK_FAULTED)
            task_pause(task, false);
        break;
    default:
        log_task(task, "stays stopped");
        break;
    }
}

static void fault(uint32_t task, uint32_t label, const struct l4_msg *m)
{
    static char line[160];
    struct ds_text t = ds_text_on(line, sizeof line);

    ds_text_put(&t, label == K_FAULT_PAGE ? "page fault" : label == K_FAULT_TIMEOUT ? "used up its budget" : label == K_FAULT_SYSCALL ? "made a system call it may not make" : "exception ");
    if (label == K_FAULT_EXCEPTION)
        ds_text_dec(&t, m->mr[0]);
    ds_text_put(&t, " at rip ");
    ds_text_hex(&t, m->mr[3]);
    ds_text_put(&t, ", error ");
    ds_text_hex(&t, m->mr[1]);
    ds_text_put(&t, ", address ");
    ds_text_hex(&t, m->mr[2]);
    ds_text_put(&t, ", rsp ");
    ds_text_hex(&t, m->mr[4]);
    log_task(task, line);
    policy(task, TASK_FAULTED);
}

static void log_message(uint32_t task, const struct l4_msg *m)
{
    static char text[DS_LOG_BYTES + 1];
    unsigned words = K_TAG_WORDS(m->tag), bytes = words * 8 < DS_LOG_BYTES ? words * 8 : DS_LOG_BYTES;
    uint64_t all[DS_LOG_BYTES / 8];

    memcpy(all, m->mr, sizeof m->mr);
    memcpy(all + K_MR_REGISTERS, &l4_utcb->mr[K_MR_REGISTERS], sizeof all - sizeof m->mr);
    struct ds_text t = ds_text_on(text, sizeof text);
    ds_text_name(&t, (const uint8_t *)all, bytes);
    log_task(task, text);
}

static void ended(uint32_t task, uint64_t code)
{
    static char line[60];
    struct ds_text t = ds_text_on(line, sizeof line);

    ds_text_put(&t, "ended with code ");
    ds_text_dec(&t, code);
    log_task(task, line);
    policy(task, TASK_EXITED);
}

static void message(const struct l4_msg *m)
{
    uint32_t task = (uint32_t)m->badge, label = K_TAG_LABEL(m->tag);
    struct l4_msg nothing = {0};

    if (m->badge >= TASKS)
        return;
    if (label >= K_FAULT_EXCEPTION)
        fault(task, label, m);
    else if (label == DS_SUPERVISOR_LOG)
        log_message(task, m);
    else if (label == DS_SUPERVISOR_EXIT)
        ended(task, m->mr[0]);
    l4_reply(SLOT_REPLY, &nothing); /* K_NO_REPLY: nobody is held */
}

_Noreturn void supervise(void)
{
    root_log("root: the system runs");
    for (;;) {
        struct l4_msg m = {0};
        enum k_status status = l4_recv(root.endpoint, SLOT_REPLY, 0, &m);
        if (status != K_OK)
            root_fail("receiving", 0, status);
        if (!(m.tag & K_TAG_NOTIFICATION))
            message(&m);
        if (root.has_management)
            manage_turn();
    }
}
