/* SPDX-License-Identifier: MIT */
/*
 * Every system call that names a slot, with slots that are empty, outside the table, of another kind, or without the right it needs. One table says what each
 * call wants; a letter stands for an argument:
 *
 *     T task   H thread   E endpoint   R reply   N notification   S scheduling context   M memory   I line   P ports   C line control   O port control
 *     D empty slot   A any kind   . a plain 0   1 a plain 1   p a page's bytes   v a free page's address
 *
 * and the text behind it the rights of these in order: a letter of w (WRITE) r (READ) c (CONTROL) s (SPLIT), or - (none).
 */
#include "ktest.h"

struct call {
    const char *name;
    enum k_syscall number;
    const char *arguments, *rights;
};
#define CALL(name, arguments, rights) {#name, K_SYS_##name, arguments, rights}
static const struct call calls[] = {
    CALL(SIGNAL, "N1", "w"),
    CALL(POLL, "N", "r"),
    CALL(CAP_COPY, "ATD.", "-w"),
    CALL(CAP_MOVE, "AD", "-"),
    CALL(CAP_DELETE, "TA", "w-"),
    CALL(CAP_REVOKE, "A", "-"),
    CALL(CAP_INFO, "TA", "r-"),
    CALL(TASK_CREATE, "TDp1", "c"),
    CALL(THREAD_CREATE, "TDv", "c"),
    CALL(ENDPOINT_CREATE, "TD", "c"),
    CALL(NOTIFICATION_CREATE, "TD", "c"),
    CALL(REPLY_CREATE, "TD", "c"),
    CALL(SCHED_CREATE, "TD11", "c"),
    CALL(MEMORY_CREATE, "MD.p", "s"),
    CALL(IRQ_CREATE, "CD1.", "-"),
    CALL(IOPORT_CREATE, "OD11", "-"),
    CALL(THREAD_CONFIGURE, "HS1.", "wc"),
    CALL(THREAD_START, "Hvv.", "w"),
    CALL(THREAD_STOP, "H", "w"),
    CALL(THREAD_RESUME, "H", "w"),
    CALL(THREAD_REGS, "H.", "r"),
    CALL(THREAD_REGS, "H1", "w"),
    CALL(THREAD_FAULT_HANDLER, "HE.", "ww"),
    CALL(THREAD_UPCALL, "H..", "w"),
    CALL(THREAD_INFO, "H", "r"),
    CALL(NOTIFICATION_BIND, "NH", "rw"),
    CALL(NOTIFICATION_TIMER, "N..", "w"),
    CALL(SCHED_CONFIGURE, "S11", "c"),
    CALL(UNMAP, "Tvp", "w"),
    CALL(PROTECT, "Tvp1", "w"),
    CALL(MAP_BATCH, "TM.", "w-"),
    CALL(MEMORY_INFO, "M", "-"),
    CALL(ACCOUNT_INFO, "T", "r"),
    CALL(ACCOUNT_GIVE, "TT.", "cc"),
    CALL(IRQ_BIND, "IN1", "ww"),
    CALL(IRQ_ACK, "I", "w"),
    CALL(IRQ_MASK, "I", "w"),
    CALL(IOPORT_GRANT, "PT", "-w"),
    CALL(NOTIFICATION_MAP, "NTv", "rw"),
    CALL(BOOT_INFO, "M", "w"),
};
enum { CALLS = sizeof calls / sizeof calls[0], GSI = 5 };

/* One good slot per letter. */
static struct {
    uint32_t task, thread, endpoint, reply, notification, sched, memory, irq, ioport, empty;
    uint64_t va;
} good;

static void good_make(void)
{
    if (good.task) {
        return;
    }
    struct worker w = worker_make(BELOW, 1000, 10000);
    good.thread = w.thread, good.sched = w.sched;
    good.endpoint = endpoint_new(), good.reply = reply_new(), good.notification = notification_new(), good.memory = ram_new(4096);
    good.irq = slot_new(), good.ioport = slot_new(), good.empty = slot_new(), good.task = slot_new();
    good.va = va_new(4096);
    must("TASK_CREATE", l4_task_create(K_SLOT_SELF, good.task, 64 << 10, 16));
    must("IRQ_CREATE", l4_irq_create(K_SLOT_IRQ_CONTROL, good.irq, GSI, 0));
    must("IOPORT_CREATE", l4_ioport_create(K_SLOT_IOPORT_CONTROL, good.ioport, 0x94, 1));
}

static uint64_t good_argument(char letter)
{
    switch (letter) {
    case 'T':
        return good.task;
    case 'H':
        return good.thread;
    case 'E':
        return good.endpoint;
    case 'R':
        return good.reply;
    case 'N':
    case 'A':
        return good.notification;
    case 'S':
        return good.sched;
    case 'M':
        return good.memory;
    case 'I':
        return good.irq;
    case 'P':
        return good.ioport;
    case 'C':
        return K_SLOT_IRQ_CONTROL;
    case 'O':
        return K_SLOT_IOPORT_CONTROL;
    case 'D':
        return good.empty;
    case '1':
        return 1;
    case 'p':
        return 4096;
    case 'v':
        return good.va;
    default:
        return 0;
    }
}

static bool is_slot(char letter)
{
    return letter >= 'A' && letter <= 'Z';
}

/* The call with good arguments, but for one. */
static enum k_status call_with(const struct call *c, unsigned which, uint64_t value)
{
    uint64_t a[6] = {0};
    for (unsigned i = 0; c->arguments[i]; i++) {
        a[i] = i == which ? value : good_argument(c->arguments[i]);
    }
    return (enum k_status)l4_syscall(c->number, a[0], a[1], a[2], a[3], a[4], a[5], NULL);
}

/* "CALL argument N: ..." for the report. */
static const char *told(const struct call *c, unsigned which, const char *what, enum k_status status)
{
    static char text[128];
    const char *parts[] = {c->name, " argument ", (const char[]){(char)('0' + which), 0}, ": ", what, ": ", l4_status_name(status)};
    unsigned n = 0;
    for (unsigned i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        for (const char *p = parts[i]; *p && n < sizeof text - 1; p++) {
            text[n++] = *p;
        }
    }
    text[n] = 0;
    return text;
}

static const char *sweep(uint64_t value, const char *what, enum k_status expected)
{
    good_make();
    for (unsigned i = 0; i < CALLS; i++) {
        for (unsigned k = 0; calls[i].arguments[k]; k++) {
            if (!is_slot(calls[i].arguments[k]) || (calls[i].arguments[k] == 'D' && expected == K_NO_CAP && value == good.empty)) {
                continue;
            }
            enum k_status status = call_with(&calls[i], k, value);
            if (status != expected) {
                return told(&calls[i], k, what, status);
            }
        }
    }
    return NULL;
}

static const char *every_call_refuses_an_empty_slot(void)
{
    good_make();
    return sweep(good.empty, "an empty slot", K_NO_CAP);
}

static const char *every_call_refuses_a_slot_outside_the_table(void)
{
    static const uint64_t outside[] = {K_ROOT_CAP_SLOTS, 0x7fffffff, 0xfffffffe, 1ull << 32, (1ull << 32) + 600, ~0ull, 1ull << 63};
    for (unsigned i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        const char *why = sweep(outside[i], "a slot outside the table", K_NO_CAP);
        if (why) {
            return why;
        }
    }
    return NULL;
}

static const char *every_call_refuses_another_kind(void)
{
    static const char letters[] = "THERNSMIPCO";
    good_make();
    for (unsigned i = 0; i < CALLS; i++) {
        for (unsigned k = 0; calls[i].arguments[k]; k++) {
            char wanted = calls[i].arguments[k];
            for (const char *other = letters; *other && is_slot(wanted) && wanted != 'D' && wanted != 'A'; other++) {
                enum k_status status = *other == wanted ? K_BAD_TYPE : call_with(&calls[i], k, good_argument(*other));
                if (status != K_BAD_TYPE) {
                    return told(&calls[i], k, "another kind", status);
                }
            }
        }
    }
    return NULL;
}

static const char *every_maker_refuses_a_slot_in_use(void)
{
    good_make();
    for (unsigned i = 0; i < CALLS; i++) {
        for (unsigned k = 0; calls[i].arguments[k]; k++) {
            bool here = calls[i].arguments[k] == 'D' && calls[i].number != K_SYS_CAP_COPY; /* its slot is another task's */
            enum k_status status = here ? call_with(&calls[i], k, good.endpoint) : K_BUSY;
            if (status != K_BUSY) {
                return told(&calls[i], k, "a slot in use", status);
            }
        }
    }
    return NULL;
}

static const char *every_call_needs_its_right(void)
{
    static const struct {
        char letter;
        uint64_t right;
    } rights[] = {{'w', K_RIGHT_WRITE}, {'r', K_RIGHT_READ}, {'c', K_RIGHT_CONTROL}, {'s', K_RIGHT_SPLIT}};
    uint32_t weak = slot_new();
    good_make();
    for (unsigned i = 0; i < CALLS; i++) {
        const char *needed = calls[i].rights;
        for (unsigned k = 0; calls[i].arguments[k]; k++) {
            if (!is_slot(calls[i].arguments[k]) || calls[i].arguments[k] == 'D') {
                continue;
            }
            for (unsigned r = 0; r < sizeof rights / sizeof rights[0]; r++) {
                if (rights[r].letter != *needed) {
                    continue;
                }
                EXPECT(l4_cap_copy((uint32_t)good_argument(calls[i].arguments[k]), K_SLOT_SELF, weak, K_RIGHT_ALL & ~rights[r].right, 0) == K_OK);
                enum k_status status = call_with(&calls[i], k, weak);
                EXPECT(l4_cap_delete(K_SLOT_SELF, weak) == K_OK);
                if (status != K_NO_RIGHT) {
                    return told(&calls[i], k, "without its right", status);
                }
            }
            needed++;
        }
    }
    return NULL;
}

/* None of the refused calls above may have changed anything: the same calls do their work now. */
static const char *refused_calls_changed_nothing(void)
{
    struct l4_out out;
    good_make();
    EXPECT(l4_cap_info(K_SLOT_SELF, good.empty, &out) == K_NO_CAP);
    EXPECT(l4_cap_info(K_SLOT_SELF, good.task, &out) == K_OK && out.v[0] == K_KIND_TASK);
    EXPECT(thread_state(good.thread) == K_THREAD_STOPPED);
    EXPECT(l4_notification_bind(good.notification, good.thread) == K_OK && l4_notification_bind(good.notification, K_SLOT_NONE) == K_OK);
    EXPECT(l4_account_info(good.task, &out) == K_OK && out.v[0] == 64 << 10 && out.v[2] == 0);
    EXPECT(l4_protect(good.task, good.va, 4096, K_RIGHT_READ) == K_NOT_MAPPED);
    return NULL;
}

static const char *messages_refuse_bad_slots(void)
{
    static const uint32_t bad[] = {K_ROOT_CAP_SLOTS, 0x7fffffff, 0xfffffffe};
    static const enum k_syscall sends[] = {K_SYS_CALL, K_SYS_SEND, K_SYS_NB_SEND, K_SYS_REPLY_RECV, K_SYS_RECV, K_SYS_NB_RECV, K_SYS_REPLY};
    struct l4_msg m = {0};
    good_make();
    for (unsigned i = 0; i < sizeof sends / sizeof sends[0]; i++) {
        for (unsigned k = 0; k < sizeof bad / sizeof bad[0]; k++) {
            EXPECT(l4_ipc(sends[i], bad[k], K_SLOT_NONE, &m, 1) == K_NO_CAP);
        }
        EXPECT(l4_ipc(sends[i], good.empty, K_SLOT_NONE, &m, 1) == K_NO_CAP);
        EXPECT(l4_ipc(sends[i], good.sched, K_SLOT_NONE, &m, 1) == K_BAD_TYPE);
    }
    for (unsigned i = 3; i < 6; i++) { /* the reply slot of the three that receive */
        EXPECT(l4_ipc(sends[i], good.endpoint, good.empty, &m, 1) == K_NO_CAP);
        EXPECT(l4_ipc(sends[i], good.endpoint, bad[0], &m, 1) == K_NO_CAP);
        EXPECT(l4_ipc(sends[i], good.endpoint, good.sched, &m, 1) == K_BAD_TYPE);
    }
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case sweep_cases[] = {
    CASE(every_call_refuses_an_empty_slot),
    CASE(every_call_refuses_a_slot_outside_the_table),
    CASE(every_call_refuses_another_kind),
    CASE(every_maker_refuses_a_slot_in_use),
    CASE(every_call_needs_its_right),
    CASE(refused_calls_changed_nothing),
    CASE(messages_refuse_bad_slots),
    CASES_END,
};
