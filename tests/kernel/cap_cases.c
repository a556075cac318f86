/* SPDX-License-Identifier: MIT */
/* Capabilities: copy, move, delete, rights, badges, derivation, revoke; who pays; what a call says to a wrong slot. */
#include "ktest.h"

static const char *empty_slot_is_no_cap(void)
{
    struct l4_out out;
    EXPECT(l4_cap_revoke(slot_new()) == K_NO_CAP);
    EXPECT(l4_memory_info(slot_new(), &out) == K_NO_CAP);
    EXPECT(l4_signal(slot_new(), 1) == K_NO_CAP);
    return NULL;
}

static const char *slot_outside_the_table_is_no_cap(void)
{
    EXPECT(l4_signal(0x7fffffff, 1) == K_NO_CAP);
    EXPECT(l4_signal(K_SLOT_NONE, 1) == K_NO_CAP);
    EXPECT(l4_endpoint_create(K_SLOT_SELF, 0x7fffffff) == K_NO_CAP);
    return NULL;
}

static const char *wrong_kind_is_bad_type(void)
{
    uint32_t n = notification_new(), ep = endpoint_new();
    struct l4_msg m = {0};
    EXPECT(l4_signal(ep, 1) == K_BAD_TYPE);
    EXPECT(l4_call(n, &m) == K_BAD_TYPE);
    EXPECT(l4_thread_stop(ep) == K_BAD_TYPE);
    EXPECT(l4_map(ep, n, va_new(4096), 0, 4096, K_RIGHT_READ) == K_BAD_TYPE);
    return NULL;
}

static const char *create_into_a_used_slot_is_busy(void)
{
    uint32_t ep = endpoint_new();
    EXPECT(l4_endpoint_create(K_SLOT_SELF, ep) == K_BUSY);
    EXPECT(l4_notification_create(K_SLOT_SELF, ep) == K_BUSY);
    EXPECT(l4_reply_create(K_SLOT_SELF, ep) == K_BUSY);
    EXPECT(l4_sched_create(K_SLOT_SELF, ep, 1, 1000) == K_BUSY);
    return NULL;
}

static const char *cap_info_names_the_kind(void)
{
    struct l4_out out;
    EXPECT(l4_cap_info(K_SLOT_SELF, endpoint_new(), &out) == K_OK && out.v[0] == K_KIND_ENDPOINT);
    EXPECT(l4_cap_info(K_SLOT_SELF, notification_new(), &out) == K_OK && out.v[0] == K_KIND_NOTIFICATION);
    EXPECT(l4_cap_info(K_SLOT_SELF, reply_new(), &out) == K_OK && out.v[0] == K_KIND_REPLY);
    EXPECT(l4_cap_info(K_SLOT_SELF, ram_new(4096), &out) == K_OK && out.v[0] == K_KIND_MEMORY);
    EXPECT(l4_cap_info(K_SLOT_SELF, K_SLOT_BOOT_THREAD, &out) == K_OK && out.v[0] == K_KIND_THREAD);
    EXPECT(l4_cap_info(K_SLOT_SELF, K_SLOT_SELF, &out) == K_OK && out.v[0] == K_KIND_TASK);
    return NULL;
}

static const char *copy_can_only_take_rights_away(void)
{
    uint32_t n = notification_new(), weak = slot_new(), again = slot_new();
    struct l4_out out;
    uint64_t word;
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, weak, K_RIGHT_WRITE | K_RIGHT_GRANT, 0) == K_OK);
    EXPECT(l4_cap_info(K_SLOT_SELF, weak, &out) == K_OK && out.v[1] == (K_RIGHT_WRITE | K_RIGHT_GRANT));
    EXPECT(l4_poll(weak, &word) == K_NO_RIGHT);
    EXPECT(l4_signal(weak, 1) == K_OK);
    l4_cap_copy(weak, K_SLOT_SELF, again, K_RIGHT_ALL, 0);
    EXPECT(l4_poll(again, &word) != K_OK);
    return NULL;
}

static const char *read_only_notification_cannot_be_signalled(void)
{
    uint32_t n = notification_new(), weak = slot_new();
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, weak, K_RIGHT_READ, 0) == K_OK);
    EXPECT(l4_signal(weak, 1) == K_NO_RIGHT);
    return NULL;
}

static const char *badge_is_given_once(void)
{
    uint32_t n = notification_new(), a = slot_new(), b = slot_new();
    struct l4_out out;
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, a, K_RIGHT_ALL, 5) == K_OK);
    EXPECT(l4_cap_info(K_SLOT_SELF, a, &out) == K_OK && out.v[2] == 5);
    EXPECT(l4_cap_copy(a, K_SLOT_SELF, b, K_RIGHT_ALL, 6) != K_OK);
    return NULL;
}

static const char *copy_into_a_used_slot_is_busy(void)
{
    uint32_t n = notification_new(), m = notification_new();
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, m, K_RIGHT_ALL, 0) == K_BUSY);
    return NULL;
}

static const char *move_empties_the_source(void)
{
    uint32_t n = notification_new(), to = slot_new();
    EXPECT(l4_cap_move(n, to) == K_OK);
    EXPECT(l4_signal(n, 1) == K_NO_CAP);
    EXPECT(l4_signal(to, 1) == K_OK);
    EXPECT(l4_cap_move(n, slot_new()) == K_NO_CAP);
    return NULL;
}

static const char *delete_empties_the_slot(void)
{
    uint32_t n = notification_new();
    EXPECT(l4_cap_delete(K_SLOT_SELF, n) == K_OK);
    EXPECT(l4_signal(n, 1) == K_NO_CAP);
    EXPECT(l4_notification_create(K_SLOT_SELF, n) == K_OK);
    return NULL;
}

static const char *object_lives_until_its_last_cap(void)
{
    uint32_t n = notification_new(), copy = slot_new();
    uint64_t word = 0;
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, copy, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_signal(n, 6) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, n) == K_OK);
    EXPECT(l4_poll(copy, &word) == K_OK && word == 6);
    return NULL;
}

static const char *revoke_empties_every_child_slot(void)
{
    uint32_t n = notification_new(), child = slot_new(), grandchild = slot_new(), other = slot_new();
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, child, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_copy(child, K_SLOT_SELF, grandchild, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, other, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_revoke(n) == K_OK);
    EXPECT(l4_signal(child, 1) == K_NO_CAP);
    EXPECT(l4_signal(grandchild, 1) == K_NO_CAP);
    EXPECT(l4_signal(other, 1) == K_NO_CAP);
    EXPECT(l4_signal(n, 1) == K_OK);
    return NULL;
}

static const char *revoke_of_a_child_spares_parent_and_sibling(void)
{
    uint32_t n = notification_new(), child = slot_new(), grandchild = slot_new(), sibling = slot_new();
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, child, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, sibling, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_copy(child, K_SLOT_SELF, grandchild, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_revoke(child) == K_OK);
    EXPECT(l4_signal(grandchild, 1) == K_NO_CAP);
    EXPECT(l4_signal(child, 1) == K_OK && l4_signal(sibling, 1) == K_OK && l4_signal(n, 1) == K_OK);
    return NULL;
}

static const char *children_of_a_deleted_cap_stay_revocable(void)
{
    uint32_t n = notification_new(), child = slot_new(), grandchild = slot_new();
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, child, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_copy(child, K_SLOT_SELF, grandchild, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, child) == K_OK);
    EXPECT(l4_signal(grandchild, 1) == K_OK);
    EXPECT(l4_cap_revoke(n) == K_OK);
    EXPECT(l4_signal(grandchild, 1) == K_NO_CAP);
    return NULL;
}

static const char *revoke_follows_a_moved_child(void)
{
    uint32_t n = notification_new(), child = slot_new(), moved = slot_new();
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, child, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_cap_move(child, moved) == K_OK);
    EXPECT(l4_cap_revoke(n) == K_OK);
    EXPECT(l4_signal(moved, 1) == K_NO_CAP);
    return NULL;
}

static const char *revoke_of_a_thousand_children_ends(void)
{
    uint32_t n = notification_new(), first = slots_new(1000);
    for (uint32_t i = 0; i < 1000; i++) {
        /* half of them hang in one long chain */
        uint32_t from = i % 2 && i > 1 ? first + i - 2 : n;
        EXPECT(l4_cap_copy(from, K_SLOT_SELF, first + i, K_RIGHT_ALL, 0) == K_OK);
    }
    EXPECT(l4_cap_revoke(n) == K_OK);
    for (uint32_t i = 0; i < 1000; i++) {
        EXPECT(l4_signal(first + i, 1) == K_NO_CAP);
    }
    return NULL;
}

static const char *revoke_of_a_long_chain_ends(void)
{
    enum { N = 300 };
    uint32_t n = notification_new(), first = slots_new(N);
    for (uint32_t i = 0; i < N; i++) {
        EXPECT(l4_cap_copy(i ? first + i - 1 : n, K_SLOT_SELF, first + i, K_RIGHT_ALL, 0) == K_OK);
    }
    EXPECT(l4_cap_delete(K_SLOT_SELF, first + N / 2) == K_OK); /* the chain closes over the gap */
    EXPECT(l4_cap_revoke(first) == K_OK);
    EXPECT(l4_signal(first, 1) == K_OK);
    for (uint32_t i = 1; i < N; i++) {
        EXPECT(l4_signal(first + i, 1) == K_NO_CAP);
    }
    return NULL;
}

static const char *move_of_a_capability_with_many_children_is_busy(void)
{
    enum { N = 65 };
    uint32_t n = notification_new(), first = slot_new(), to = slots_new(N);
    EXPECT(l4_cap_copy(n, K_SLOT_SELF, first, K_RIGHT_ALL, 0) == K_OK);
    for (uint32_t i = 1; i < N; i++) {
        EXPECT(l4_cap_copy(n, K_SLOT_SELF, to + i, K_RIGHT_ALL, 0) == K_OK);
    }
    EXPECT(l4_cap_move(n, to) == K_BUSY && l4_signal(n, 1) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, first) == K_OK);
    EXPECT(l4_cap_move(n, to) == K_OK && l4_cap_revoke(to) == K_OK && l4_signal(to + 1, 1) == K_NO_CAP);
    return NULL;
}

static const char *self_cannot_be_destroyed_by_its_slot(void)
{
    struct l4_out out;
    l4_cap_delete(K_SLOT_SELF, K_SLOT_SELF);
    EXPECT(l4_cap_info(K_SLOT_SELF, K_SLOT_SELF, &out) == K_OK && out.v[0] == K_KIND_TASK);
    return NULL;
}

enum { EXHAUST_SLOTS = 1200 };

static enum k_status make_endpoint(uint32_t payer, uint32_t dst)
{
    return l4_endpoint_create(payer, dst);
}

/* A slot whose page of our own table is there already: pages are made at first use, and an account shall be the same before and after. */
static uint32_t slot_touched(void)
{
    uint32_t slot = slot_new();
    if (make_endpoint(K_SLOT_SELF, slot) != K_OK || l4_cap_delete(K_SLOT_SELF, slot) != K_OK) {
        die("a fresh slot", K_BUSY);
    }
    return slot;
}

static uint32_t poor_task(uint64_t bytes)
{
    uint32_t task = slot_touched();
    return l4_task_create(K_SLOT_SELF, task, bytes, 16) == K_OK ? task : K_SLOT_NONE;
}

/* Create objects that a small account pays for until it refuses; deleting the task must give every byte back. */
static const char *exhaust(enum k_status (*create)(uint32_t payer, uint32_t dst))
{
    struct l4_out before, poor, after;
    static uint32_t first; /* each object needs a slot of ours; one range serves all cases */
    uint32_t task, made = 0;
    enum k_status status = K_OK;

    if (!first) {
        first = slots_new(EXHAUST_SLOTS);
        for (uint32_t i = 0; i < EXHAUST_SLOTS; i++) {
            EXPECT(make_endpoint(K_SLOT_SELF, first + i) == K_OK && l4_cap_delete(K_SLOT_SELF, first + i) == K_OK);
        }
    }
    task = slot_touched();
    EXPECT(l4_account_info(K_SLOT_SELF, &before) == K_OK);
    EXPECT(l4_task_create(K_SLOT_SELF, task, 64 << 10, 16) == K_OK);
    while (status == K_OK && made < EXHAUST_SLOTS) {
        status = create(task, first + made);
        made += status == K_OK;
    }
    EXPECT(status == K_NO_MEMORY);
    EXPECT(made > 0);
    EXPECT(l4_account_info(task, &poor) == K_OK);
    EXPECT(poor.v[1] <= poor.v[0]);
    for (uint32_t i = 0; i < made; i++) {
        EXPECT(l4_cap_delete(K_SLOT_SELF, first + i) == K_OK);
    }
    EXPECT(create(task, first) == K_OK); /* what was given back can be used again */
    EXPECT(l4_cap_delete(K_SLOT_SELF, first) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, task) == K_OK);
    EXPECT(l4_account_info(K_SLOT_SELF, &after) == K_OK);
    EXPECT(after.v[0] - after.v[1] - after.v[2] == before.v[0] - before.v[1] - before.v[2]);
    return NULL;
}

static enum k_status make_notification(uint32_t payer, uint32_t dst)
{
    return l4_notification_create(payer, dst);
}
static enum k_status make_reply(uint32_t payer, uint32_t dst)
{
    return l4_reply_create(payer, dst);
}
static enum k_status make_sched(uint32_t payer, uint32_t dst)
{
    return l4_sched_create(payer, dst, 100, 1000);
}
static enum k_status make_thread(uint32_t payer, uint32_t dst)
{
    return l4_thread_create(payer, dst, 0x10000000 + (uint64_t)dst * 4096);
}
static enum k_status make_task(uint32_t payer, uint32_t dst)
{
    return l4_task_create(payer, dst, 32 << 10, 16);
}

static const char *endpoints_exhaust_only_their_account(void)
{
    return exhaust(make_endpoint);
}
static const char *notifications_exhaust_only_their_account(void)
{
    return exhaust(make_notification);
}
static const char *replies_exhaust_only_their_account(void)
{
    return exhaust(make_reply);
}
static const char *scheds_exhaust_only_their_account(void)
{
    return exhaust(make_sched);
}
static const char *threads_exhaust_only_their_account(void)
{
    return exhaust(make_thread);
}
static const char *tasks_exhaust_only_their_account(void)
{
    return exhaust(make_task);
}

static const char *task_larger_than_the_payer_is_no_memory(void)
{
    struct l4_out before, after;
    EXPECT(l4_account_info(K_SLOT_SELF, &before) == K_OK);
    EXPECT(l4_task_create(K_SLOT_SELF, slot_new(), 1ull << 40, 64) == K_NO_MEMORY);
    EXPECT(l4_account_info(K_SLOT_SELF, &after) == K_OK);
    EXPECT(memcmp(&before, &after, 3 * sizeof(uint64_t)) == 0);
    return NULL;
}

static const char *account_gives_only_what_is_free(void)
{
    struct l4_out a, b;
    uint32_t task = poor_task(128 << 10);
    EXPECT(task != K_SLOT_NONE);
    EXPECT(l4_account_info(task, &a) == K_OK);
    EXPECT(l4_account_give(K_SLOT_SELF, task, 64 << 10) == K_OK);
    EXPECT(l4_account_info(task, &b) == K_OK && b.v[0] == a.v[0] + (64 << 10));
    EXPECT(l4_account_give(task, K_SLOT_SELF, 1ull << 40) == K_NO_MEMORY);
    EXPECT(l4_account_give(task, K_SLOT_SELF, 64 << 10) == K_OK);
    EXPECT(l4_account_info(task, &b) == K_OK && b.v[0] == a.v[0]);
    return NULL;
}

static const char *bad_budgets_are_refused(void)
{
    EXPECT(l4_sched_create(K_SLOT_SELF, slot_new(), 0, 1000) == K_BAD_ARG);
    EXPECT(l4_sched_create(K_SLOT_SELF, slot_new(), 1001, 1000) == K_BAD_ARG);
    EXPECT(l4_sched_create(K_SLOT_SELF, slot_new(), ~0ull, ~0ull) == K_BAD_ARG);
    return NULL;
}

static const char *unknown_syscall_is_named(void)
{
    EXPECT(l4_syscall((enum k_syscall)7, 0, 0, 0, 0, 0, 0, NULL) == K_NO_SYSCALL);
    EXPECT(l4_syscall((enum k_syscall)1000, 0, 0, 0, 0, 0, 0, NULL) == K_NO_SYSCALL);
    EXPECT(l4_syscall((enum k_syscall)0xffffffff, 0, 0, 0, 0, 0, 0, NULL) == K_NO_SYSCALL);
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case cap_cases[] = {
    CASE(empty_slot_is_no_cap),
    CASE(slot_outside_the_table_is_no_cap),
    CASE(wrong_kind_is_bad_type),
    CASE(create_into_a_used_slot_is_busy),
    CASE(cap_info_names_the_kind),
    CASE(copy_can_only_take_rights_away),
    CASE(read_only_notification_cannot_be_signalled),
    CASE(badge_is_given_once),
    CASE(copy_into_a_used_slot_is_busy),
    CASE(move_empties_the_source),
    CASE(delete_empties_the_slot),
    CASE(object_lives_until_its_last_cap),
    CASE(revoke_empties_every_child_slot),
    CASE(revoke_of_a_child_spares_parent_and_sibling),
    CASE(children_of_a_deleted_cap_stay_revocable),
    CASE(revoke_follows_a_moved_child),
    CASE(revoke_of_a_thousand_children_ends),
    CASE(self_cannot_be_destroyed_by_its_slot),
    CASE(endpoints_exhaust_only_their_account),
    CASE(notifications_exhaust_only_their_account),
    CASE(replies_exhaust_only_their_account),
    CASE(scheds_exhaust_only_their_account),
    CASE(threads_exhaust_only_their_account),
    CASE(tasks_exhaust_only_their_account),
    CASE(task_larger_than_the_payer_is_no_memory),
    CASE(account_gives_only_what_is_free),
    CASE(bad_budgets_are_refused),
    CASE(unknown_syscall_is_named),
    CASE(revoke_of_a_long_chain_ends),
    CASE(move_of_a_capability_with_many_children_is_busy),
    CASES_END,
};
