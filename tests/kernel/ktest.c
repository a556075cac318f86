/* SPDX-License-Identifier: MIT */
/* Kernel tests: tools for the cases, the list of groups and the report. See ktest.h. */
#include "ktest.h"

#define GUARD_NS 60000000000ull

static uint32_t next_slot = 512;
static uint64_t next_va = 0x100000000ull, ram_used;

/* Slots of ended workers come first: there are more workers than slots. */
static uint32_t freed[64], freed_count;

uint32_t slot_new(void)
{
    return freed_count ? freed[--freed_count] : next_slot++;
}

uint32_t slots_new(uint32_t count)
{
    next_slot += count;
    return next_slot - count;
}

void slot_free(uint32_t slot)
{
    if (freed_count < sizeof freed / sizeof freed[0]) {
        freed[freed_count++] = slot;
    }
}

uint64_t va_new(uint64_t bytes)
{
    uint64_t va = next_va;
    next_va += (bytes + 0x3fffff) & ~0x1fffffull;
    return va;
}

static void put_number(uint64_t n)
{
    char text[24], *at = text + sizeof text - 1;
    *at = 0;
    do {
        *--at = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    l4_debug_puts(at);
}

void die(const char *why, enum k_status status)
{
    l4_debug_puts("FAIL 0 set-up: ");
    l4_debug_puts(why);
    l4_debug_puts(": ");
    l4_debug_puts(l4_status_name(status));
    l4_debug_puts("\n");
    l4_shutdown(1);
}

void must(const char *what, enum k_status status)
{
    if (status != K_OK) {
        die(what, status);
    }
}

/* The largest RAM range feeds all cases; ranges are never given back. */
static uint32_t ram_slot(void)
{
    static uint32_t best;
    uint64_t most = 0;
    for (uint32_t slot = K_SLOT_RAM_FIRST; !best && slot < K_SLOT_RAM_FIRST + 64; slot++) {
        struct l4_out out;
        if (l4_memory_info(slot, &out) == K_OK && out.v[0] > most) {
            most = out.v[0];
        }
    }
    for (uint32_t slot = K_SLOT_RAM_FIRST; !best && slot < K_SLOT_RAM_FIRST + 64; slot++) {
        struct l4_out out;
        if (l4_memory_info(slot, &out) == K_OK && out.v[0] == most) {
            best = slot;
        }
    }
    return best;
}

uint32_t ram_new(uint64_t bytes)
{
    uint32_t slot = slot_new();
    must("MEMORY_CREATE", l4_memory_create(ram_slot(), slot, ram_used, bytes));
    ram_used += bytes;
    return slot;
}

void *ram_map(uint64_t bytes)
{
    bytes = (bytes + K_PAGE_BYTES - 1) & ~(uint64_t)(K_PAGE_BYTES - 1);
    uint64_t va = va_new(bytes);
    must("MAP", l4_map(K_SLOT_SELF, ram_new(bytes), va, 0, bytes, K_RIGHT_READ | K_RIGHT_WRITE));
    memset((void *)va, 0, bytes);
    return (void *)va;
}

uint32_t endpoint_new(void)
{
    uint32_t slot = slot_new();
    must("ENDPOINT_CREATE", l4_endpoint_create(K_SLOT_SELF, slot));
    return slot;
}

uint32_t reply_new(void)
{
    uint32_t slot = slot_new();
    must("REPLY_CREATE", l4_reply_create(K_SLOT_SELF, slot));
    return slot;
}

uint32_t notification_new(void)
{
    uint32_t slot = slot_new();
    must("NOTIFICATION_CREATE", l4_notification_create(K_SLOT_SELF, slot));
    return slot;
}

uint64_t thread_state(uint32_t thread)
{
    struct l4_out out = {{~0ull, 0, 0, 0}};
    l4_thread_info(thread, &out);
    return out.v[0];
}

uint64_t free_bytes(uint32_t task)
{
    struct l4_out out = {{0, 0, 0, 0}};
    must("ACCOUNT_INFO", l4_account_info(task, &out));
    return out.v[0] - out.v[1] - out.v[2];
}

void spin_until(uint64_t ns)
{
    while (l4_now_ns() < ns) {
    }
}

/* A case that makes main fault or wait for ever ends the run at once: in an idle machine that counts instructions, board time passes quickly. */
static void guard(uint64_t ep, struct k_utcb *utcb)
{
    struct l4_msg m = {0};
    enum k_status status = l4_recv((uint32_t)ep, K_SLOT_NONE, l4_now_ns() + GUARD_NS, &m);

    l4_utcb = utcb; /* debug text goes through the caller's */
    l4_debug_puts(status == K_TIMEOUT ? "FAIL 0 the running case does not end\n" : "FAIL 0 the running case made main fault at rip ");
    if (status == K_OK) {
        put_number(m.mr[3]);
        l4_debug_puts(", vector ");
        put_number(m.mr[0]);
        l4_debug_puts("\n");
    }
    l4_shutdown(1);
    worker_done();
}

static void guard_start(void)
{
    uint32_t ep = endpoint_new();
    struct worker w = worker_make(K_PRIORITY_MAX, 10000, 10000);

    must("THREAD_FAULT_HANDLER of main", l4_thread_fault_handler(K_SLOT_BOOT_THREAD, ep, 0));
    worker_start(&w, guard, ep);
}

int main(void)
{
    static const struct ktest_case *const groups[] = {cap_cases, sweep_cases, memory_cases, ipc_cases, transfer_cases, notification_cases, sched_cases, switch_cases, fault_cases, upcall_cases, device_cases};
    uint64_t number = 0, failed = 0;

    must("THREAD_CONFIGURE of main", l4_thread_configure(K_SLOT_BOOT_THREAD, K_SLOT_BOOT_SCHED, MAIN_PRIORITY, 0));
    guard_start();
    for (unsigned g = 0; g < sizeof groups / sizeof groups[0]; g++) {
        for (const struct ktest_case *c = groups[g]; c->run; c++) {
            const char *why = c->run();
            number++;
            failed += why != NULL;
            l4_debug_puts(why ? "FAIL " : "ok ");
            put_number(number);
            l4_debug_puts(" ");
            l4_debug_puts(c->name);
            if (why) {
                l4_debug_puts(": ");
                l4_debug_puts(why);
            }
            l4_debug_puts("\n");
        }
    }
    put_number(number - failed);
    l4_debug_puts(" passed, ");
    put_number(failed);
    l4_debug_puts(" failed\n");
    l4_shutdown(failed ? 1 : 16);
    return 0;
}
