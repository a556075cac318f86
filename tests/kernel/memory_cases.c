/* SPDX-License-Identifier: MIT */
/* Memory: map, unmap, protect, batches, sub-ranges, W^X, executable views, revoke, page sizes. */
#include "ktest.h"

enum { PAGE = 4096, RW = K_RIGHT_READ | K_RIGHT_WRITE, RX = K_RIGHT_READ | K_RIGHT_EXEC };

static const char *mapped_memory_keeps_what_is_written(void)
{
    volatile uint64_t *p = ram_map(16 * PAGE);
    for (unsigned i = 0; i < 16; i++) {
        p[i * 512 + i] = 1000 + i;
    }
    for (unsigned i = 0; i < 16; i++) {
        EXPECT(p[i * 512 + i] == 1000 + i);
    }
    return NULL;
}

static const char *two_mappings_show_the_same_memory(void)
{
    uint32_t m = ram_new(2 * PAGE);
    uint64_t a = va_new(2 * PAGE), b = va_new(PAGE);
    EXPECT(l4_map(K_SLOT_SELF, m, a, 0, 2 * PAGE, RW) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, m, b, PAGE, PAGE, K_RIGHT_READ) == K_OK);
    *(volatile uint64_t *)(a + PAGE + 8) = 77;
    EXPECT(*(volatile uint64_t *)(b + 8) == 77);
    return NULL;
}

static const char *overlapping_map_is_busy(void)
{
    uint32_t m = ram_new(4 * PAGE);
    uint64_t va = va_new(4 * PAGE);
    EXPECT(l4_map(K_SLOT_SELF, m, va + PAGE, 0, PAGE, RW) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 0, 4 * PAGE, RW) == K_BUSY);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 0, PAGE, RW) == K_OK); /* the failed call mapped nothing */
    return NULL;
}

static const char *unaligned_is_bad_align(void)
{
    uint32_t m = ram_new(2 * PAGE);
    uint64_t va = va_new(2 * PAGE);
    EXPECT(l4_map(K_SLOT_SELF, m, va + 1, 0, PAGE, RW) == K_BAD_ALIGN);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 8, PAGE, RW) == K_BAD_ALIGN);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 0, 100, RW) == K_BAD_ALIGN);
    EXPECT(l4_unmap(K_SLOT_SELF, va + 1, PAGE) == K_BAD_ALIGN);
    EXPECT(l4_protect(K_SLOT_SELF, va, 1, K_RIGHT_READ) == K_BAD_ALIGN);
    return NULL;
}

static const char *range_outside_the_object_is_bad_arg(void)
{
    uint32_t m = ram_new(2 * PAGE);
    uint64_t va = va_new(8 * PAGE);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 0, 3 * PAGE, RW) == K_BAD_ARG);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 2 * PAGE, PAGE, RW) == K_BAD_ARG);
    EXPECT(l4_map(K_SLOT_SELF, m, va, ~0ull << 12, 2 * PAGE, RW) == K_BAD_ARG);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 0, ~0ull << 12, RW) == K_BAD_ARG);
    EXPECT(l4_memory_create(m, slot_new(), PAGE, 2 * PAGE) == K_BAD_ARG);
    return NULL;
}

static const char *kernel_addresses_cannot_be_mapped(void)
{
    uint32_t m = ram_new(2 * PAGE);
    EXPECT(l4_map(K_SLOT_SELF, m, 0xffff800000000000ull, 0, PAGE, RW) == K_BAD_ARG);
    EXPECT(l4_map(K_SLOT_SELF, m, 0x0000800000000000ull - PAGE, 0, 2 * PAGE, RW) == K_BAD_ARG);
    EXPECT(l4_map(K_SLOT_SELF, m, 0x0000900000000000ull, 0, PAGE, RW) == K_BAD_ARG);
    EXPECT(l4_unmap(K_SLOT_SELF, 0xffffffff80000000ull, PAGE) == K_BAD_ARG);
    EXPECT(l4_protect(K_SLOT_SELF, 0xffffffff80000000ull, PAGE, K_RIGHT_READ) == K_BAD_ARG);
    return NULL;
}

static const char *writable_and_executable_is_refused(void)
{
    uint32_t m = ram_new(PAGE);
    uint64_t va = va_new(PAGE);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 0, PAGE, RW | K_RIGHT_EXEC) == K_WX);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 0, PAGE, RW) == K_OK);
    EXPECT(l4_protect(K_SLOT_SELF, va, PAGE, RW | K_RIGHT_EXEC) == K_WX);
    return NULL;
}

static const char *exec_beside_a_writable_mapping_needs_the_view_right(void)
{
    uint32_t m = ram_new(PAGE), plain = slot_new();
    uint64_t a = va_new(PAGE), b = va_new(PAGE);
    EXPECT(l4_cap_copy(m, K_SLOT_SELF, plain, RW | K_RIGHT_EXEC, 0) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, plain, a, 0, PAGE, RW) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, plain, b, 0, PAGE, RX) == K_WX);
    return NULL;
}

static const char *code_written_in_one_view_runs_in_the_other(void)
{
    static const uint8_t code[] = {0xb8, 0x2a, 0, 0, 0, 0xc3}; /* mov $42, %eax; ret */
    uint32_t m = ram_new(PAGE);
    uint64_t a = va_new(PAGE), b = va_new(PAGE);
    EXPECT(l4_map(K_SLOT_SELF, m, a, 0, PAGE, RW) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, m, b, 0, PAGE, RX | K_RIGHT_EXEC_VIEW) == K_OK);
    memcpy((void *)a, code, sizeof code);
    EXPECT(((int (*)(void))b)() == 42);
    ((uint8_t *)a)[1] = 43;
    EXPECT(((int (*)(void))b)() == 43);
    return NULL;
}

static const char *rights_beyond_the_capability_are_refused(void)
{
    uint32_t m = ram_new(PAGE), weak = slot_new();
    uint64_t va = va_new(PAGE);
    EXPECT(l4_cap_copy(m, K_SLOT_SELF, weak, K_RIGHT_READ, 0) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, weak, va, 0, PAGE, RW) == K_NO_RIGHT);
    EXPECT(l4_map(K_SLOT_SELF, weak, va, 0, PAGE, K_RIGHT_READ) == K_OK);
    EXPECT(l4_protect(K_SLOT_SELF, va, PAGE, RW) == K_NO_RIGHT);
    return NULL;
}

static const char *sub_range_needs_the_split_right(void)
{
    uint32_t m = ram_new(2 * PAGE), weak = slot_new(), sub = slot_new();
    struct l4_out out;
    EXPECT(l4_cap_copy(m, K_SLOT_SELF, weak, RW, 0) == K_OK);
    EXPECT(l4_memory_create(weak, slot_new(), 0, PAGE) == K_NO_RIGHT);
    EXPECT(l4_memory_create(m, sub, PAGE, PAGE) == K_OK);
    EXPECT(l4_memory_info(sub, &out) == K_OK && out.v[0] == PAGE);
    return NULL;
}

static const char *physical_address_needs_its_right(void)
{
    uint32_t m = ram_new(2 * PAGE), sub = slot_new(), weak = slot_new();
    struct l4_out whole, part, hidden;
    EXPECT(l4_memory_create(m, sub, PAGE, PAGE) == K_OK);
    EXPECT(l4_cap_copy(sub, K_SLOT_SELF, weak, RW, 0) == K_OK);
    EXPECT(l4_memory_info(m, &whole) == K_OK && l4_memory_info(sub, &part) == K_OK);
    EXPECT(whole.v[1] != 0 && part.v[1] == whole.v[1] + PAGE);
    EXPECT(l4_memory_info(weak, &hidden) == K_OK && hidden.v[1] == 0);
    return NULL;
}

static const char *unmap_then_map_again(void)
{
    uint32_t m = ram_new(64 * PAGE);
    uint64_t va = va_new(64 * PAGE);
    struct l4_out out;
    for (int round = 0; round < 3; round++) {
        EXPECT(l4_map(K_SLOT_SELF, m, va, 0, 64 * PAGE, RW) == K_OK);
        EXPECT(l4_memory_info(m, &out) == K_OK && out.v[2] > 0);
        EXPECT(l4_unmap(K_SLOT_SELF, va, 64 * PAGE) == K_OK);
        EXPECT(l4_memory_info(m, &out) == K_OK && out.v[2] == 0);
    }
    return NULL;
}

static const char *unmap_of_nothing_skips(void)
{
    EXPECT(l4_unmap(K_SLOT_SELF, va_new(1 << 20), 1 << 20) == K_OK);
    return NULL;
}

static const char *protect_of_nothing_is_not_mapped(void)
{
    EXPECT(l4_protect(K_SLOT_SELF, va_new(PAGE), PAGE, K_RIGHT_READ) == K_NOT_MAPPED);
    return NULL;
}

static const char *batch_is_all_or_nothing(void)
{
    uint32_t m = ram_new(4 * PAGE);
    uint64_t va = va_new(8 * PAGE);
    struct k_map_entry *e = (struct k_map_entry *)l4_utcb->bulk;
    e[0] = (struct k_map_entry){va, 0, PAGE, RW};
    e[1] = (struct k_map_entry){va + PAGE, PAGE, PAGE, RW};
    e[2] = (struct k_map_entry){va + 2 * PAGE, 9 * PAGE, PAGE, RW};
    EXPECT(l4_map_batch(K_SLOT_SELF, m, 3) == K_BAD_ARG);
    EXPECT(l4_protect(K_SLOT_SELF, va, PAGE, RW) == K_NOT_MAPPED);
    e[2].offset = 2 * PAGE;
    e[2].va = va; /* overlaps the first of the same batch */
    EXPECT(l4_map_batch(K_SLOT_SELF, m, 3) == K_BUSY);
    EXPECT(l4_protect(K_SLOT_SELF, va, PAGE, RW) == K_NOT_MAPPED);
    e[2].va = va + 2 * PAGE;
    EXPECT(l4_map_batch(K_SLOT_SELF, m, 3) == K_OK);
    *(volatile uint32_t *)(va + 2 * PAGE) = 5;
    EXPECT(l4_map_batch(K_SLOT_SELF, m, K_MAP_BATCH_MAX + 1) == K_BAD_ARG);
    return NULL;
}

static const char *large_pages_are_split_by_a_partial_unmap(void)
{
    enum { LARGE = 2 << 20 };
    uint32_t m = ram_new(2 * LARGE);
    uint64_t va = va_new(4 * LARGE);
    struct l4_out out;
    EXPECT(l4_memory_info(m, &out) == K_OK);
    uint64_t offset = (0 - out.v[1]) & (LARGE - 1); /* where physical 2 MiB alignment starts */
    EXPECT(l4_map(K_SLOT_SELF, m, va, offset, LARGE, RW) == K_OK);
    *(volatile uint64_t *)(va + LARGE - 8) = 9;
    EXPECT(l4_unmap(K_SLOT_SELF, va, PAGE) == K_OK);
    EXPECT(*(volatile uint64_t *)(va + LARGE - 8) == 9);
    EXPECT(l4_protect(K_SLOT_SELF, va, PAGE, RW) == K_NOT_MAPPED);
    EXPECT(l4_map(K_SLOT_SELF, m, va, offset, PAGE, RW) == K_OK);
    return NULL;
}

static const char *revoke_unmaps_the_children_everywhere(void)
{
    uint32_t m = ram_new(PAGE), child = slot_new();
    uint64_t va = va_new(PAGE);
    EXPECT(l4_memory_create(m, child, 0, PAGE) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, child, va, 0, PAGE, RW) == K_OK);
    *(volatile uint32_t *)va = 1;
    EXPECT(l4_cap_revoke(m) == K_OK);
    EXPECT(l4_protect(K_SLOT_SELF, va, PAGE, RW) == K_NOT_MAPPED);
    EXPECT(l4_cap_delete(K_SLOT_SELF, child) == K_NO_CAP);
    return NULL;
}

static const char *map_of_a_poor_task_is_no_memory_and_maps_nothing(void)
{
    uint32_t task = slot_new(), m = ram_new(PAGE);
    enum k_status status = K_OK;
    uint64_t i = 0;
    EXPECT(l4_task_create(K_SLOT_SELF, task, 64 << 10, 16) == K_OK);
    for (; status == K_OK && i < 100; i++) { /* each page in a gigabyte of its own: two tables each */
        status = l4_map(task, m, i << 30, 0, PAGE, RW);
    }
    EXPECT(status == K_NO_MEMORY);
    EXPECT(l4_protect(task, (i - 1) << 30, PAGE, RW) == K_NOT_MAPPED);
    EXPECT(l4_unmap(task, 0, i << 30) == K_OK);
    EXPECT(l4_cap_delete(K_SLOT_SELF, task) == K_OK);
    return NULL;
}

static const char *image_is_read_only(void)
{
    EXPECT(l4_map(K_SLOT_SELF, K_SLOT_IMAGE, va_new(PAGE), 0, PAGE, RW) == K_NO_RIGHT);
    uint64_t va = va_new(PAGE);
    EXPECT(l4_map(K_SLOT_SELF, K_SLOT_IMAGE, va, 0, PAGE, K_RIGHT_READ) == K_OK);
    EXPECT(memcmp((void *)va, "L4VMIMG1", 8) == 0);
    return NULL;
}

static const char *boot_info_tells_the_abi(void)
{
    uint32_t m = ram_new(PAGE);
    uint64_t va = va_new(PAGE);
    EXPECT(l4_boot_info(m) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 0, PAGE, K_RIGHT_READ) == K_OK);
    const struct k_boot_info *info = (const struct k_boot_info *)va;
    EXPECT(info->abi_version == K_ABI_VERSION && info->ram_count > 0 && info->tsc_hz > 1000000);
    return NULL;
}

/* --- what takes effect at once --- */

static void load_and_store(uint64_t arg, struct k_utcb *utcb)
{
    struct job *job = (struct job *)arg;
    (void)utcb;
    job->b = *(volatile uint64_t *)job->a;
    job->count++;
    *(volatile uint64_t *)job->a = job->b + 1;
    job->count++;
    worker_done();
}

/* How far a worker comes at this address: 0 it cannot read, 1 it can read only, 2 it can write. */
static uint64_t reach(uint64_t va)
{
    struct job *job = job_new();
    struct worker w = worker_make(ABOVE, 10000, 10000);
    job->a = va;
    worker_start(&w, load_and_store, (uint64_t)job);
    worker_end(&w);
    return job->count;
}

static const char *protect_takes_effect_at_once(void)
{
    uint64_t p = (uint64_t)ram_map(40 * PAGE);
    for (unsigned i = 0; i < 40; i++) {
        ((volatile uint64_t *)p)[i * 512] = i; /* the translation is in use */
    }
    EXPECT(l4_protect(K_SLOT_SELF, p, 40 * PAGE, K_RIGHT_READ) == K_OK);
    EXPECT(reach(p) == 1 && reach(p + 20 * PAGE) == 1 && reach(p + 39 * PAGE) == 1);
    EXPECT(l4_protect(K_SLOT_SELF, p + 20 * PAGE, PAGE, RW) == K_OK);
    EXPECT(reach(p + 19 * PAGE) == 1 && reach(p + 20 * PAGE) == 2 && reach(p + 21 * PAGE) == 1);
    return NULL;
}

static const char *unmap_takes_effect_at_once(void)
{
    uint64_t p = (uint64_t)ram_map(40 * PAGE);
    for (unsigned i = 0; i < 40; i++) {
        ((volatile uint64_t *)p)[i * 512] = i;
    }
    EXPECT(l4_unmap(K_SLOT_SELF, p + PAGE, PAGE) == K_OK);
    EXPECT(reach(p) == 2 && reach(p + PAGE) == 0 && reach(p + 2 * PAGE) == 2);
    EXPECT(l4_unmap(K_SLOT_SELF, p, 40 * PAGE) == K_OK);
    EXPECT(reach(p) == 0 && reach(p + 20 * PAGE) == 0 && reach(p + 39 * PAGE) == 0);
    return NULL;
}

static const char *revoke_takes_effect_at_once(void)
{
    enum { PAGES = 200 }; /* more than one step */
    uint32_t m = ram_new(PAGES * PAGE), child = slot_new();
    uint64_t va = va_new(PAGES * PAGE);
    EXPECT(l4_memory_create(m, child, 0, PAGES * PAGE) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, child, va, 0, PAGES * PAGE, RW) == K_OK);
    for (unsigned i = 0; i < PAGES; i++) {
        ((volatile uint64_t *)va)[i * 512] = i;
    }
    EXPECT(l4_cap_revoke(m) == K_OK);
    EXPECT(reach(va) == 0 && reach(va + 100 * PAGE) == 0 && reach(va + (PAGES - 1) * PAGE) == 0);
    return NULL;
}

static const char *deleting_the_last_capability_unmaps(void)
{
    uint32_t m = ram_new(PAGE), copy = slot_new();
    uint64_t va = va_new(PAGE);
    EXPECT(l4_cap_copy(m, K_SLOT_SELF, copy, K_RIGHT_ALL, 0) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, copy, va, 0, PAGE, RW) == K_OK && reach(va) == 2);
    EXPECT(l4_cap_delete(K_SLOT_SELF, m) == K_OK && reach(va) == 2);
    EXPECT(l4_cap_delete(K_SLOT_SELF, copy) == K_OK && reach(va) == 0);
    return NULL;
}

/* --- writable or executable --- */

static const char *memory_may_be_written_first_and_executed_then(void)
{
    uint32_t m = ram_new(PAGE), plain = slot_new();
    uint64_t a = va_new(PAGE), b = va_new(PAGE);
    EXPECT(l4_cap_copy(m, K_SLOT_SELF, plain, RW | K_RIGHT_EXEC, 0) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, plain, a, 0, PAGE, RW) == K_OK);
    *(volatile uint8_t *)a = 0xc3; /* ret */
    EXPECT(l4_unmap(K_SLOT_SELF, a, PAGE) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, plain, b, 0, PAGE, RX) == K_OK);
    ((void (*)(void))b)();
    EXPECT(l4_map(K_SLOT_SELF, plain, a, 0, PAGE, RW) == K_WX); /* while it is executable */
    EXPECT(l4_protect(K_SLOT_SELF, b, PAGE, RW) == K_OK); /* one mapping may turn about */
    EXPECT(l4_protect(K_SLOT_SELF, b, PAGE, RX) == K_OK);
    ((void (*)(void))b)();
    EXPECT(l4_protect(K_SLOT_SELF, b, PAGE, RW | K_RIGHT_EXEC) == K_WX);
    return NULL;
}

static const char *parts_of_memory_do_not_lead_around_the_rule(void)
{
    uint32_t m = ram_new(2 * PAGE), part = slot_new(), plain = slot_new();
    uint64_t a = va_new(2 * PAGE), b = va_new(2 * PAGE);
    EXPECT(l4_cap_copy(m, K_SLOT_SELF, plain, RW | K_RIGHT_EXEC | K_RIGHT_SPLIT, 0) == K_OK);
    EXPECT(l4_memory_create(plain, part, 0, PAGE) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, part, a, 0, PAGE, RW) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, plain, b, 0, PAGE, RX) == K_WX); /* written by the part, executed by the whole */
    EXPECT(l4_unmap(K_SLOT_SELF, a, PAGE) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, plain, b, 0, PAGE, RW) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, part, a, 0, PAGE, RX) == K_WX); /* and the other way round */
    return NULL;
}

static const char *protect_does_not_lead_around_the_rule(void)
{
    uint32_t m = ram_new(PAGE), plain = slot_new();
    uint64_t a = va_new(PAGE), b = va_new(PAGE);
    EXPECT(l4_cap_copy(m, K_SLOT_SELF, plain, RW | K_RIGHT_EXEC, 0) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, plain, a, 0, PAGE, K_RIGHT_READ) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, plain, b, 0, PAGE, K_RIGHT_READ) == K_OK);
    EXPECT(l4_protect(K_SLOT_SELF, a, PAGE, RW) == K_OK);
    EXPECT(l4_protect(K_SLOT_SELF, b, PAGE, RX) == K_WX);
    EXPECT(l4_protect(K_SLOT_SELF, a, PAGE, K_RIGHT_READ) == K_OK);
    EXPECT(l4_protect(K_SLOT_SELF, b, PAGE, RX) == K_OK);
    EXPECT(l4_protect(K_SLOT_SELF, a, PAGE, RW) == K_WX);
    return NULL;
}

/* --- large ranges --- */

static const char *large_ranges_cost_few_tables(void)
{
    enum { LARGE = 2 << 20, N = 8 };
    uint32_t m = ram_new((N + 1) * LARGE);
    uint64_t va = va_new(N * LARGE), before;
    struct l4_out out;
    EXPECT(l4_memory_info(m, &out) == K_OK);
    uint64_t offset = (0 - out.v[1]) & (LARGE - 1);
    before = free_bytes(K_SLOT_SELF);
    EXPECT(l4_map(K_SLOT_SELF, m, va, offset, N * LARGE, RW) == K_OK);
    EXPECT(before - free_bytes(K_SLOT_SELF) <= 4 * PAGE); /* in 4 KiB pages it would take eight tables */
    EXPECT(l4_unmap(K_SLOT_SELF, va, N * LARGE) == K_OK && l4_memory_info(m, &out) == K_OK && out.v[2] == 0);
    EXPECT(before - free_bytes(K_SLOT_SELF) <= PAGE); /* tables go back; a page of links may stay */
    EXPECT(l4_map(K_SLOT_SELF, m, va, offset, N * LARGE, RW) == K_OK);
    for (unsigned i = 0; i < N; i++) {
        *(volatile uint64_t *)(va + (i + 1) * LARGE - 8) = i;
    }
    for (unsigned i = 0; i < N; i++) {
        EXPECT(*(volatile uint64_t *)(va + (i + 1) * LARGE - 8) == i);
    }
    EXPECT(l4_protect(K_SLOT_SELF, va + 3 * LARGE + PAGE, PAGE, K_RIGHT_READ) == K_OK); /* splits one */
    EXPECT(reach(va + 3 * LARGE + PAGE) == 1 && reach(va + 3 * LARGE) == 2 && reach(va + 4 * LARGE) == 2);
    EXPECT(l4_unmap(K_SLOT_SELF, va, N * LARGE) == K_OK && reach(va + 5 * LARGE) == 0);
    EXPECT(l4_memory_info(m, &out) == K_OK && out.v[2] == 0);
    return NULL;
}

static const char *large_range_in_small_pages_arrives_whole(void)
{
    enum { BYTES = 12 << 20 };
    uint32_t m = ram_new(BYTES + (2 << 20));
    uint64_t va = va_new(BYTES + (2 << 20)) + PAGE;
    struct l4_out out;
    EXPECT(l4_memory_info(m, &out) == K_OK);
    uint64_t offset = (0 - out.v[1]) & ((2 << 20) - 1); /* aligned where va is not: no large page fits */
    EXPECT(l4_map(K_SLOT_SELF, m, va, offset, BYTES, RW) == K_OK);
    for (uint64_t at = 0; at < BYTES; at += PAGE) {
        *(volatile uint64_t *)(va + at) = at;
    }
    for (uint64_t at = 0; at < BYTES; at += PAGE) {
        EXPECT(*(volatile uint64_t *)(va + at) == at);
    }
    EXPECT(l4_memory_info(m, &out) == K_OK && out.v[2] == BYTES / PAGE);
    EXPECT(l4_unmap(K_SLOT_SELF, va, BYTES) == K_OK && l4_memory_info(m, &out) == K_OK && out.v[2] == 0);
    return NULL;
}

static const char *failed_map_tells_how_far_it_came(void)
{
    enum { BYTES = 8 << 20 };
    uint32_t m = ram_new(BYTES);
    uint64_t va = va_new(BYTES) + PAGE, left;
    struct l4_out out;
    EXPECT(l4_map(K_SLOT_SELF, m, va + (5 << 20), 0, PAGE, RW) == K_OK); /* in the way */
    EXPECT(l4_syscall(K_SYS_MAP, K_SLOT_SELF, m, va, 0, 6 << 20, RW, &out) == K_BUSY);
    left = out.v[0];
    EXPECT(left >= va && left <= va + (5 << 20));
    EXPECT(left == va || reach(left - PAGE) == 2);
    EXPECT(reach(left) == 0);
    EXPECT(left == va || l4_unmap(K_SLOT_SELF, va, left - va) == K_OK);
    EXPECT(l4_map(K_SLOT_SELF, m, va, 0, 6 << 20, RW) == K_BUSY); /* the library takes back what was mapped */
    EXPECT(reach(va) == 0 && reach(va + (4 << 20)) == 0 && reach(va + (5 << 20)) == 2);
    return NULL;
}

#define CASE(f) {#f, f}
const struct ktest_case memory_cases[] = {
    CASE(mapped_memory_keeps_what_is_written),
    CASE(two_mappings_show_the_same_memory),
    CASE(overlapping_map_is_busy),
    CASE(unaligned_is_bad_align),
    CASE(range_outside_the_object_is_bad_arg),
    CASE(kernel_addresses_cannot_be_mapped),
    CASE(writable_and_executable_is_refused),
    CASE(exec_beside_a_writable_mapping_needs_the_view_right),
    CASE(code_written_in_one_view_runs_in_the_other),
    CASE(rights_beyond_the_capability_are_refused),
    CASE(sub_range_needs_the_split_right),
    CASE(physical_address_needs_its_right),
    CASE(unmap_then_map_again),
    CASE(unmap_of_nothing_skips),
    CASE(protect_of_nothing_is_not_mapped),
    CASE(batch_is_all_or_nothing),
    CASE(large_pages_are_split_by_a_partial_unmap),
    CASE(revoke_unmaps_the_children_everywhere),
    CASE(map_of_a_poor_task_is_no_memory_and_maps_nothing),
    CASE(image_is_read_only),
    CASE(boot_info_tells_the_abi),
    CASE(protect_takes_effect_at_once),
    CASE(unmap_takes_effect_at_once),
    CASE(revoke_takes_effect_at_once),
    CASE(deleting_the_last_capability_unmaps),
    CASE(memory_may_be_written_first_and_executed_then),
    CASE(parts_of_memory_do_not_lead_around_the_rule),
    CASE(protect_does_not_lead_around_the_rule),
    CASE(large_ranges_cost_few_tables),
    CASE(large_range_in_small_pages_arrives_whole),
    CASE(failed_map_tells_how_far_it_came),
    CASES_END,
};
