/* SPDX-License-Identifier: MIT */
/*
 * Devices, accounts between tasks, and what only root may do. The interrupt source is the real-time clock's periodic interrupt (MC146818: registers A, B, C by
 * ports 0x70 and 0x71, line 8, edge).
 */
#include "ktest.h"

enum { RTC_INDEX = 0x70, RTC_DATA = 0x71, RTC_GSI = 8, RTC_A = 10, RTC_B = 11, RTC_C = 12, RTC_1024_HZ = 0x26, RTC_PIE = 0x40, RTC_24H = 2 };

static void out8(uint16_t port, uint8_t value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static uint8_t in8(uint16_t port)
{
    uint8_t value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

static uint8_t rtc_read(uint8_t reg)
{
    out8(RTC_INDEX, reg);
    return in8(RTC_DATA);
}

static void rtc_write(uint8_t reg, uint8_t value)
{
    out8(RTC_INDEX, reg);
    out8(RTC_DATA, value);
}

/* The clock's ports for ourselves; stays granted for the cases below. */
static bool rtc_ports(void)
{
    static uint32_t ports;
    if (!ports) {
        ports = slot_new();
        return l4_ioport_create(K_SLOT_IOPORT_CONTROL, ports, RTC_INDEX, 2) == K_OK && l4_ioport_grant(ports, K_SLOT_SELF) == K_OK;
    }
    return true;
}

/* --- ports --- */

/* Does a byte read of the port fault, in a worker of this task? */
static void read_port(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    if (job->b == 2) {
        uint16_t value;
        __asm__ volatile("inw %1, %0" : "=a"(value) : "d"((uint16_t)job->a));
    } else {
        in8((uint16_t)job->a);
    }
    job->count++;
    worker_done();
}

static bool port_works(uint16_t port, unsigned bytes)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 10000, 10000);
    job->a = port, job->b = bytes;
    worker_start(&w, read_port, (uint64_t)job);
    bool works = job->count == 1;
    if (!works && thread_state(w.thread) != K_THREAD_FAULTED) {
        die("a port that neither works nor faults", K_BAD_ARG);
    }
    worker_end(&w);
    return works;
}

static const char *granted_ports_work_and_those_beside_them_fault(void)
{
    uint32_t ports = slot_new();
    EXPECT(!port_works(0x84, 1));
    EXPECT(l4_ioport_create(K_SLOT_IOPORT_CONTROL, ports, 0x84, 2) == K_OK);
    EXPECT(!port_works(0x84, 1)); /* the object alone gives nothing */
    EXPECT(l4_ioport_grant(ports, K_SLOT_SELF) == K_OK);
    EXPECT(port_works(0x84, 1) && port_works(0x85, 1) && port_works(0x84, 2));
    EXPECT(!port_works(0x83, 1) && !port_works(0x86, 1));
    EXPECT(!port_works(0x83, 2) && !port_works(0x85, 2)); /* half of it inside */
    EXPECT(l4_cap_delete(K_SLOT_SELF, ports) == K_OK);
    EXPECT(!port_works(0x84, 1)); /* the grant ends with the object */
    return NULL;
}

static const char *revoking_port_control_takes_the_ports(void)
{
    uint32_t control = slot_new(), ports = slot_new();
    EXPECT(l4_cap_copy(K_SLOT_IOPORT_CONTROL, K_SLOT_SELF, control, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_ioport_create(control, ports, 0x88, 1) == K_OK && l4_ioport_grant(ports, K_SLOT_SELF) == K_OK);
    EXPECT(port_works(0x88, 1));
    EXPECT(l4_cap_revoke(control) == K_OK && !port_works(0x88, 1));
    EXPECT(l4_ioport_grant(ports, K_SLOT_SELF) == K_NO_CAP);
    return NULL;
}

/* The grant and its end, with no other thread in between. a: how far it came. */
static void grant_use_and_end(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->status = l4_ioport_grant(job->slot, K_SLOT_SELF);
    in8(0x98);
    job->count = 1;
    job->status |= l4_cap_delete(K_SLOT_SELF, job->slot);
    in8(0x98);
    job->count = 2;
    worker_done();
}

static const char *grant_and_its_end_take_effect_at_once(void)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 10000, 10000);
    struct l4_out out;
    job->slot = slot_new();
    EXPECT(l4_ioport_create(K_SLOT_IOPORT_CONTROL, job->slot, 0x98, 1) == K_OK);
    worker_start(&w, grant_use_and_end, (uint64_t)job);
    EXPECT(job->count == 1 && job->status == K_OK);
    EXPECT(l4_thread_info(w.thread, &out) == K_OK && out.v[0] == K_THREAD_FAULTED && out.v[2] == 13);
    worker_end(&w);
    return NULL;
}

static const char *ports_are_granted_to_one_task(void)
{
    struct child a = child_make(), b = child_make();
    uint32_t ports = slot_new();
    EXPECT(l4_ioport_create(K_SLOT_IOPORT_CONTROL, ports, 0x8c, 1) == K_OK);
    EXPECT(l4_ioport_grant(ports, a.task) == K_OK);
    child_do(&a, CHILD_IN, 0x8c, 0); /* would not come back from a fault */
    child_do(&a, CHILD_OUT, 0x8c, 1);
    EXPECT(child_tell(&b, CHILD_IN, 0x8c, 0) == K_OK && thread_state(b.thread) == K_THREAD_FAULTED);
    EXPECT(!port_works(0x8c, 1));
    EXPECT(child_tell(&a, CHILD_OUT, 0x8d, 0) == K_OK && thread_state(a.thread) == K_THREAD_FAULTED);
    child_end(&a);
    child_end(&b);
    return NULL;
}

static const char *bad_port_ranges_are_refused(void)
{
    uint32_t slot = slot_new();
    EXPECT(l4_ioport_create(K_SLOT_IOPORT_CONTROL, slot, 0x80, 0) == K_BAD_ARG);
    EXPECT(l4_ioport_create(K_SLOT_IOPORT_CONTROL, slot, 0x10000, 1) == K_BAD_ARG);
    EXPECT(l4_ioport_create(K_SLOT_IOPORT_CONTROL, slot, 0xffff, 2) == K_BAD_ARG);
    EXPECT(l4_ioport_create(K_SLOT_IOPORT_CONTROL, slot, 1, 0xffffffff) == K_BAD_ARG);
    EXPECT(l4_ioport_create(K_SLOT_IRQ_CONTROL, slot, 0x80, 1) == K_BAD_TYPE);
    EXPECT(l4_ioport_create(K_SLOT_IOPORT_CONTROL, slot, 0xffff, 1) == K_OK);
    return NULL;
}

/* --- interrupts --- */

struct line {
    uint32_t irq, notification;
};

/* The clock ticks 1024 times a second and its line raises bit 0x100. Not yet acknowledged: masked. */
static bool line_open(struct line *l)
{
    l->irq = slot_new();
    l->notification = notification_new();
    if (!rtc_ports() || l4_irq_create(K_SLOT_IRQ_CONTROL, l->irq, RTC_GSI, 0) != K_OK) {
        return false;
    }
    rtc_write(RTC_A, RTC_1024_HZ);
    rtc_write(RTC_B, RTC_24H | RTC_PIE);
    rtc_read(RTC_C);
    return l4_irq_bind(l->irq, l->notification, 0x100) == K_OK;
}

static void line_close(const struct line *l)
{
    rtc_write(RTC_B, RTC_24H);
    rtc_read(RTC_C);
    if (l4_cap_delete(K_SLOT_SELF, l->irq) != K_OK) {
        die("CAP_DELETE of a line", K_BAD_ARG);
    }
}

static bool fires(const struct line *l)
{
    uint64_t word = 0;
    return l4_wait(l->notification, l4_now_ns() + 10 * MS, &word) == K_OK && word == 0x100;
}

static const char *interrupt_arrives_after_each_acknowledgement(void)
{
    struct line l;
    EXPECT(line_open(&l));
    EXPECT(!fires(&l)); /* masked until the first acknowledgement */
    rtc_read(RTC_C);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT(l4_irq_ack(l.irq) == K_OK);
        EXPECT(fires(&l));
        rtc_read(RTC_C);
    }
    line_close(&l);
    return NULL;
}

static const char *interrupt_waits_for_its_acknowledgement(void)
{
    struct line l;
    EXPECT(line_open(&l) && l4_irq_ack(l.irq) == K_OK && fires(&l));
    for (unsigned i = 0; i < 3; i++) {
        rtc_read(RTC_C); /* the device may go on */
        EXPECT(!fires(&l));
    }
    rtc_read(RTC_C);
    EXPECT(l4_irq_ack(l.irq) == K_OK && fires(&l));
    line_close(&l);
    return NULL;
}

static const char *masked_interrupt_is_silent(void)
{
    struct line l;
    uint64_t word;
    EXPECT(line_open(&l) && l4_irq_ack(l.irq) == K_OK && fires(&l));
    rtc_read(RTC_C);
    EXPECT(l4_irq_ack(l.irq) == K_OK && l4_irq_mask(l.irq) == K_OK);
    EXPECT(l4_poll(l.notification, &word) == K_OK);
    rtc_read(RTC_C);
    EXPECT(!fires(&l));
    rtc_read(RTC_C);
    EXPECT(l4_irq_ack(l.irq) == K_OK && fires(&l));
    line_close(&l);
    return NULL;
}

static const char *interrupt_arrives_as_a_message_of_the_bound_thread(void)
{
    struct line l;
    struct l4_msg m = {0};
    EXPECT(line_open(&l));
    EXPECT(l4_notification_bind(l.notification, K_SLOT_BOOT_THREAD) == K_OK); /* as a server would */
    EXPECT(l4_irq_ack(l.irq) == K_OK);
    EXPECT(l4_recv(endpoint_new(), K_SLOT_NONE, l4_now_ns() + 10 * MS, &m) == K_OK);
    EXPECT(m.tag & K_TAG_NOTIFICATION && m.badge == 0x100);
    EXPECT(l4_notification_bind(l.notification, K_SLOT_NONE) == K_OK);
    line_close(&l);
    return NULL;
}

static const char *line_outlives_its_notification(void)
{
    struct line l;
    EXPECT(line_open(&l) && l4_irq_ack(l.irq) == K_OK && fires(&l));
    EXPECT(l4_cap_delete(K_SLOT_SELF, l.notification) == K_OK);
    rtc_read(RTC_C);
    l4_irq_ack(l.irq);
    spin_until(l4_now_ns() + 5 * MS); /* interrupts for nobody */
    l.notification = notification_new();
    EXPECT(l4_irq_bind(l.irq, l.notification, 0x100) == K_OK && l4_irq_ack(l.irq) == K_OK);
    rtc_read(RTC_C);
    EXPECT(fires(&l));
    line_close(&l);
    return NULL;
}

static const char *line_exists_once(void)
{
    uint32_t irq = slot_new(), again = slot_new();
    EXPECT(l4_irq_create(K_SLOT_IRQ_CONTROL, irq, RTC_GSI, 0) == K_OK);
    EXPECT(l4_irq_create(K_SLOT_IRQ_CONTROL, again, RTC_GSI, 0) == K_BUSY);
    EXPECT(l4_cap_delete(K_SLOT_SELF, irq) == K_OK);
    EXPECT(l4_irq_create(K_SLOT_IRQ_CONTROL, again, RTC_GSI, 0) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, again) == K_OK);
    return NULL;
}

static const char *bad_lines_are_refused(void)
{
    uint32_t slot = slot_new();
    EXPECT(l4_irq_create(K_SLOT_IRQ_CONTROL, slot, 0xffffffff, 0) == K_BAD_ARG);
    EXPECT(l4_irq_create(K_SLOT_IRQ_CONTROL, slot, 4096, 0) == K_BAD_ARG);
    EXPECT(l4_irq_create(K_SLOT_IRQ_CONTROL, slot, RTC_GSI, 4) == K_BAD_ARG);
    EXPECT(l4_irq_create(K_SLOT_IOPORT_CONTROL, slot, RTC_GSI, 0) == K_BAD_TYPE);
    EXPECT(l4_irq_ack(notification_new()) == K_BAD_TYPE);
    return NULL;
}

/* --- tasks apart --- */

static const char *child_reaches_nothing_it_was_not_given(void)
{
    struct child c = child_make();
    for (uint64_t slot = CHILD_FREE; slot < CHILD_SLOTS; slot++) {
        EXPECT(child_syscall(&c, K_SYS_CAP_INFO, K_SLOT_SELF, slot, 0, 0, 0) == K_NO_CAP);
    }
    EXPECT(child_syscall(&c, K_SYS_CAP_INFO, K_SLOT_SELF, CHILD_SLOTS, 0, 0, 0) == K_NO_CAP);
    EXPECT(child_syscall(&c, K_SYS_DEBUG_PUTS, CHILD_UTCB + offsetof(struct k_utcb, bulk), 1, 0, 0, 0) == K_NO_RIGHT);
    EXPECT(child_syscall(&c, K_SYS_SHUTDOWN, 1, 0, 0, 0, 0) == K_NO_RIGHT);
    EXPECT(child_syscall(&c, K_SYS_BOOT_INFO, CHILD_FREE, 0, 0, 0, 0) == K_NO_RIGHT);
    EXPECT(child_syscall(&c, K_SYS_SCHED_CREATE, K_SLOT_SELF, CHILD_FREE, 1000, 1000, 0) == K_NO_RIGHT);
    EXPECT(child_syscall(&c, K_SYS_IRQ_CREATE, K_SLOT_IRQ_CONTROL, CHILD_FREE, RTC_GSI, 0, 0) != K_OK);
    EXPECT(child_tell(&c, CHILD_LOAD, (uint64_t)&rtc_read, 0) == K_OK && thread_state(c.thread) == K_THREAD_FAULTED); /* our memory */
    child_end(&c);
    return NULL;
}

static const char *child_cannot_raise_its_priority(void)
{
    struct child c = child_make();
    EXPECT(l4_cap_copy(c.thread, c.task, CHILD_FREE, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_copy(c.sched, c.task, CHILD_FREE + 1, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(child_syscall(&c, K_SYS_THREAD_CONFIGURE, CHILD_FREE, CHILD_FREE + 1, ABOVE + 1, 0, 0) == K_NO_RIGHT);
    EXPECT(child_syscall(&c, K_SYS_SCHED_CONFIGURE, CHILD_FREE + 1, 10000, 10000, 0, 0) == K_NO_RIGHT);
    EXPECT(child_syscall(&c, K_SYS_THREAD_CONFIGURE, CHILD_FREE, CHILD_FREE + 1, ABOVE - 1, 0, 0) == K_OK);
    child_end(&c);
    return NULL;
}

static const char *copy_to_another_task_needs_the_grant_right(void)
{
    struct child c = child_make();
    uint32_t n = notification_new(), weak = slot_new();
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, weak, K_RIGHT_READ | K_RIGHT_WRITE, 0) == K_OK);
    EXPECT(l4_cap_copy(weak, c.task, CHILD_FREE, K_RIGHT_READ, 0) == K_NO_RIGHT);
    EXPECT(l4_cap_copy(n, c.task, CHILD_FREE, K_RIGHT_WRITE, 0) == K_OK);
    EXPECT(child_syscall(&c, K_SYS_SIGNAL, CHILD_FREE, 8, 0, 0, 0) == K_OK);
    uint64_t word = 0;
    EXPECT(l4_poll(n, &word) == K_OK && word == 8);
    EXPECT(child_syscall(&c, K_SYS_POLL, CHILD_FREE, 0, 0, 0, 0) == K_NO_RIGHT);
    EXPECT(l4_cap_copy(reply_new(), c.task, CHILD_FREE + 1, K_RIGHT_ALL, 0) == K_BAD_TYPE);
    EXPECT(l4_cap_copy(n, c.task, CHILD_SLOTS, K_RIGHT_ALL, 0) == K_NO_CAP);
    child_end(&c);
    return NULL;
}

static const char *badged_child_signals_its_badge_only(void)
{
    struct child c = child_make();
    uint32_t n = notification_new();
    uint64_t word = 0;
    EXPECT(l4_cap_copy(n, c.task, CHILD_FREE, K_RIGHT_WRITE, 0x20) == K_OK);
    EXPECT(child_syscall(&c, K_SYS_SIGNAL, CHILD_FREE, ~0ull, 0, 0, 0) == K_OK);
    EXPECT(l4_poll(n, &word) == K_OK && word == 0x20);
    child_end(&c);
    return NULL;
}

static const char *revoke_reaches_into_other_tasks(void)
{
    struct child c = child_make();
    uint32_t n = notification_new();
    EXPECT(l4_cap_copy(n, c.task, CHILD_FREE, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(child_syscall(&c, K_SYS_CAP_COPY, CHILD_FREE, K_SLOT_SELF, CHILD_FREE + 1, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_revoke(n) == K_OK);
    EXPECT(child_syscall(&c, K_SYS_SIGNAL, CHILD_FREE, 1, 0, 0, 0) == K_NO_CAP);
    EXPECT(child_syscall(&c, K_SYS_SIGNAL, CHILD_FREE + 1, 1, 0, 0, 0) == K_NO_CAP);
    child_end(&c);
    return NULL;
}

static const char *revoke_unmaps_in_other_tasks(void)
{
    struct child c = child_make();
    uint32_t m = ram_new(4096);
    EXPECT(l4_cap_copy(m, c.task, CHILD_FREE, K_RIGHT_READ | K_RIGHT_WRITE, 0) == K_OK);
    struct l4_msg map = {K_TAG(0, 8), 0, {K_SYS_MAP, K_SLOT_SELF, CHILD_FREE, 0x800000, 0, 4096, K_RIGHT_READ | K_RIGHT_WRITE, CHILD_SYSCALL}};
    EXPECT(l4_call(c.ep, &map) == K_OK && map.mr[0] == K_OK);
    child_do(&c, CHILD_STORE, 0x800010, 5);
    EXPECT(child_do(&c, CHILD_LOAD, 0x800010, 0) == 5);
    EXPECT(l4_cap_revoke(m) == K_OK);
    EXPECT(child_tell(&c, CHILD_LOAD, 0x800010, 0) == K_OK && thread_state(c.thread) == K_THREAD_FAULTED);
    child_end(&c);
    return NULL;
}

static const char *task_ends_while_it_runs(void)
{
    struct child c = child_make();
    EXPECT(l4_thread_configure(c.thread, c.sched, BELOW, 0) == K_OK);
    EXPECT(child_tell(&c, CHILD_SPIN, 0, 0) == K_OK);
    l4_sleep(l4_now_ns() + 2 * MS);
    struct l4_out out;
    EXPECT(l4_thread_info(c.thread, &out) == K_OK && out.v[0] == K_THREAD_READY && out.v[1] > MS);
    EXPECT(l4_cap_delete(K_SLOT_SELF, c.task) == K_OK);
    EXPECT(l4_thread_info(c.thread, &out) == K_NO_CAP); /* its threads go with it */
    return NULL;
}

static const char *task_gives_back_all_it_was_given(void)
{
    struct child first = child_make(); /* slots and tables that are made once are made now */
    child_end(&first);
    uint64_t before = free_bytes(K_SLOT_SELF), after;
    for (unsigned i = 0; i < 3; i++) {
        struct child c = child_make();
        EXPECT(child_syscall(&c, K_SYS_ENDPOINT_CREATE, K_SLOT_SELF, CHILD_FREE, 0, 0, 0) == K_OK);
        EXPECT(child_syscall(&c, K_SYS_NOTIFICATION_CREATE, K_SLOT_SELF, CHILD_FREE + 1, 0, 0, 0) == K_OK);
        EXPECT(child_syscall(&c, K_SYS_NOTIFICATION_MAP, CHILD_FREE + 1, K_SLOT_SELF, 0x900000, 0, 0) == K_OK);
        EXPECT(child_syscall(&c, K_SYS_TASK_CREATE, K_SLOT_SELF, CHILD_FREE + 2, 64 << 10, 16, 0) == K_OK);
        EXPECT(child_syscall(&c, K_SYS_THREAD_CREATE, CHILD_FREE + 2, CHILD_FREE + 3, CHILD_UTCB, 0, 0) == K_OK);
        EXPECT(free_bytes(K_SLOT_SELF) + (512 << 10) <= before);
        child_end(&c);
    }
    after = free_bytes(K_SLOT_SELF);
    /* What remains are parts of our own: two memory objects, an endpoint and a mapping a round, and pages of slots. */
    EXPECT(before - after <= 24 * 4096);
    return NULL;
}

static const char *account_is_given_along_the_family_only(void)
{
    struct child a = child_make(), b = child_make();
    uint64_t free_a = free_bytes(a.task), free_b = free_bytes(b.task), mine = free_bytes(K_SLOT_SELF);
    EXPECT(l4_account_give(a.task, b.task, 8192) == K_OK);
    EXPECT(free_bytes(a.task) == free_a - 8192 && free_bytes(b.task) == free_b + 8192);
    EXPECT(l4_account_give(b.task, K_SLOT_SELF, 8192) == K_OK && free_bytes(K_SLOT_SELF) == mine + 8192);
    EXPECT(l4_account_give(K_SLOT_SELF, a.task, 8192) == K_OK && free_bytes(K_SLOT_SELF) == mine && free_bytes(a.task) == free_a);
    EXPECT(l4_account_give(a.task, b.task, 100) == K_BAD_ALIGN);
    EXPECT(l4_account_give(a.task, b.task, 1ull << 40) == K_NO_MEMORY);
    EXPECT(child_syscall(&a, K_SYS_ACCOUNT_GIVE, K_SLOT_SELF, CHILD_EP, 4096, 0, 0) == K_BAD_TYPE);
    child_end(&a);
    child_end(&b);
    return NULL;
}

static const char *nested_tasks_end_with_the_outermost(void)
{
    struct child c = child_make();
    struct l4_out out;
    EXPECT(child_syscall(&c, K_SYS_TASK_CREATE, K_SLOT_SELF, CHILD_FREE, 128 << 10, 16, 0) == K_OK);
    EXPECT(child_syscall(&c, K_SYS_TASK_CREATE, CHILD_FREE, CHILD_FREE + 1, 32 << 10, 16, 0) == K_OK);
    EXPECT(child_syscall(&c, K_SYS_ENDPOINT_CREATE, CHILD_FREE + 1, CHILD_FREE + 2, 0, 0, 0) == K_OK);
    EXPECT(l4_account_info(c.task, &out) == K_OK && out.v[2] == 128 << 10);
    EXPECT(child_syscall(&c, K_SYS_CAP_DELETE, K_SLOT_SELF, CHILD_FREE, 0, 0, 0) == K_OK);
    EXPECT(child_syscall(&c, K_SYS_CAP_INFO, K_SLOT_SELF, CHILD_FREE + 1, 0, 0, 0) == K_NO_CAP);
    EXPECT(child_syscall(&c, K_SYS_CAP_INFO, K_SLOT_SELF, CHILD_FREE + 2, 0, 0, 0) == K_NO_CAP);
    EXPECT(l4_account_info(c.task, &out) == K_OK && out.v[2] == 0);
    EXPECT(child_syscall(&c, K_SYS_CAP_DELETE, K_SLOT_SELF, K_SLOT_SELF, 0, 0, 0) == K_BAD_ARG); /* nobody ends himself */
    child_end(&c);
    return NULL;
}

/* --- the system capability --- */

static const char *debug_text_lies_in_the_utcb(void)
{
    uint64_t bulk = (uint64_t)l4_utcb->bulk;
    EXPECT(l4_syscall(K_SYS_DEBUG_PUTS, bulk, sizeof l4_utcb->bulk + 1, 0, 0, 0, 0, NULL) == K_BAD_ARG);
    EXPECT(l4_syscall(K_SYS_DEBUG_PUTS, bulk + sizeof l4_utcb->bulk, 1, 0, 0, 0, 0, NULL) == K_BAD_ARG);
    EXPECT(l4_syscall(K_SYS_DEBUG_PUTS, bulk - 1, 1, 0, 0, 0, 0, NULL) == K_BAD_ARG);
    EXPECT(l4_syscall(K_SYS_DEBUG_PUTS, bulk, ~0ull, 0, 0, 0, 0, NULL) == K_BAD_ARG);
    EXPECT(l4_syscall(K_SYS_DEBUG_PUTS, 0xffffffff80000000ull, 16, 0, 0, 0, 0, NULL) == K_BAD_ARG);
    EXPECT(l4_syscall(K_SYS_DEBUG_PUTS, bulk, 0, 0, 0, 0, 0, NULL) == K_OK);
    return NULL;
}

static const char *unknown_shutdown_codes_are_refused(void)
{
    EXPECT(l4_shutdown(K_SHUTDOWN_RESET + 1) == K_BAD_ARG);
    EXPECT(l4_shutdown(~0ull) == K_BAD_ARG);
    return NULL;
}

static const char *boot_info_needs_writable_memory(void)
{
    uint32_t m = ram_new(4096), weak = slot_new();
    EXPECT(l4_cap_copy(m, K_SLOT_SELF, weak, K_RIGHT_READ, 0) == K_OK);
    EXPECT(l4_boot_info(weak) == K_NO_RIGHT);
    EXPECT(l4_boot_info(K_SLOT_IMAGE) == K_NO_RIGHT);
    EXPECT(l4_boot_info(K_SLOT_BOOT_THREAD) == K_BAD_TYPE);
    return NULL;
}

static const char *addresses_of_devices_hold_no_ram_and_no_code(void)
{
    struct l4_out info, ram;
    uint32_t part = slot_new();
    EXPECT(l4_memory_info(K_SLOT_DEVICES, &info) == K_OK);
    EXPECT(info.v[1] >= 1ull << 31 && info.v[1] + info.v[0] == K_DEVICES_END);
    for (uint32_t slot = K_SLOT_RAM_FIRST; l4_memory_info(slot, &ram) == K_OK; slot++) {
        EXPECT(ram.v[1] + ram.v[0] <= info.v[1] || ram.v[1] >= K_DEVICES_END);
    }
    EXPECT(l4_memory_create(K_SLOT_DEVICES, part, info.v[0] - K_PAGE_BYTES, K_PAGE_BYTES) == K_OK);
    EXPECT(l4_boot_info(part) == K_BAD_ARG);
    EXPECT(l4_map(K_SLOT_SELF, part, 0x7100000000ull, 0, K_PAGE_BYTES, K_RIGHT_READ | K_RIGHT_EXEC) == K_NO_RIGHT);
    EXPECT(l4_cap_delete(K_SLOT_SELF, part) == K_OK);
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case device_cases[] = {
    CASE(granted_ports_work_and_those_beside_them_fault),
    CASE(revoking_port_control_takes_the_ports),
    CASE(grant_and_its_end_take_effect_at_once),
    CASE(ports_are_granted_to_one_task),
    CASE(bad_port_ranges_are_refused),
    CASE(interrupt_arrives_after_each_acknowledgement),
    CASE(interrupt_waits_for_its_acknowledgement),
    CASE(masked_interrupt_is_silent),
    CASE(interrupt_arrives_as_a_message_of_the_bound_thread),
    CASE(line_outlives_its_notification),
    CASE(line_exists_once),
    CASE(bad_lines_are_refused),
    CASE(child_reaches_nothing_it_was_not_given),
    CASE(child_cannot_raise_its_priority),
    CASE(copy_to_another_task_needs_the_grant_right),
    CASE(badged_child_signals_its_badge_only),
    CASE(revoke_reaches_into_other_tasks),
    CASE(revoke_unmaps_in_other_tasks),
    CASE(task_ends_while_it_runs),
    CASE(task_gives_back_all_it_was_given),
    CASE(account_is_given_along_the_family_only),
    CASE(nested_tasks_end_with_the_outermost),
    CASE(debug_text_lies_in_the_utcb),
    CASE(unknown_shutdown_codes_are_refused),
    CASE(boot_info_needs_writable_memory),
    CASE(addresses_of_devices_hold_no_ram_and_no_code),
    CASES_END,
};
