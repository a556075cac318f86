/* SPDX-License-Identifier: MIT */
/*
 * The program of a guest's task: from its arguments to a running machine.
 *
 * Arguments (formats/args.py): MEMORY ram (with the guest's program in it), code_rw, code_rx, arena, wake_word; CAP wake; RING console, terminal (may be missing); TEXT machine;
 * RING disk0.., net0.. and TEXT disk0.. for the disks and networks it has (vm_devices.h); MEMORY screen and RING keys for its screen and keyboard (vm_screen.h);
 * VALUE entry, time, ns_per_insn. ram and arena come with capabilities to their memory, for windows. The task holds nothing else but its supervisor's endpoint, so a guest
 * that takes the translator over has gained its own RAM.
 */
#include "devsrv/args.h"
#include "devsrv/ring.h"
#include "devsrv/supervisor.h"
#include "devsrv/terminal.h"
#include "devsrv/text.h"
#include "l4/l4.h"
#include "vm_devices.h"
#include "vm_screen.h"
#include "xl_l4.h"

enum { TIME_AUTO = 255 };

struct task {
    struct ds_ring_pair ring; /* its console */
    uint32_t server; /* notification of the serial server */
    bool news;       /* for it, since the last signal */
    struct ds_terminal terminal; /* the console again, on the board's screen */
    struct vm_devices devices;
    struct vm_screen screen;
};

static struct task task;
static struct xl_l4 port;

static unsigned console_write(void *arg, const uint8_t *bytes, unsigned count)
{
    struct task *t = arg;
    unsigned taken = ds_ring_write(&t->ring.out, bytes, count);

    ds_terminal_write(&t->terminal, bytes, taken); /* the line's room decides: what it has not taken comes again */
    t->news = t->news || count;
    return taken;
}

static unsigned console_read(void *arg, uint8_t *bytes, unsigned room)
{
    struct task *t = arg;
    unsigned got = ds_ring_read(&t->ring.in, bytes, room);

    t->news = t->news || got;
    return got + ds_terminal_read(&t->terminal, bytes + got, room - got);
}

static void slice_end(void *arg)
{
    struct task *t = arg;

    if (t->news)
        l4_signal(t->server, 0); /* its capability's badge says who */
    t->news = false;
    ds_terminal_signal(&t->terminal);
    vm_devices_signal(&t->devices);
    vm_screen_signal(&t->screen);
}

static enum xl_disk_answer disk_request(void *arg, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors)
{
    return vm_devices_request(&((struct task *)arg)->devices, n, tag, op, sector, sectors);
}

static void net_send(void *arg, unsigned n, const uint8_t *frame, unsigned bytes)
{
    vm_devices_send(&((struct task *)arg)->devices, n, frame, bytes);
}

static void screen_changed(void *arg, unsigned width, unsigned height, unsigned first, unsigned rows)
{
    vm_screen_changed(&((struct task *)arg)->screen, width, height, first, rows);
}

static bool screen_wanted(void *arg)
{
    return vm_screen_wanted(&((struct task *)arg)->screen);
}

static bool offer(void *arg, struct xl_vm *vm)
{
    struct task *t = arg;
    bool is_taken = vm_screen_offer(&t->screen, vm);

    return vm_devices_offer(&t->devices, vm) || is_taken;
}

static void log_text(void *arg, const char *text)
{
    (void)arg;
    ds_log(text);
}

/* Emulated CPUs are slow beside their clock: there a guest's time follows its instructions. */
static bool is_emulated(void)
{
    uint32_t a = 1, b, c = 0, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    if (!(c >> 31))
        return false;
    a = 0x40000000;
    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "=c"(c), "=d"(d));
    return b == 0x54474354 && c == 0x43544743 && d == 0x47435447; /* "TCGTCGTCGTCG" */
}

/* What the machine did, for whoever compares: the last line before its end. */
static void log_counters(struct xl_vm *vm)
{
    struct xl_stats s;
    char line[DS_LOG_BYTES];
    struct ds_text t = ds_text_on(line, sizeof line);

    xl_stats_get(vm, &s);
    const struct {
        const char *name;
        uint64_t value;
    } counters[] = {
        {"guest instructions ", s.insns}, {", through windows ", s.direct_made}, {", windows mapped ", s.windows_mapped}, {", dropped ", s.windows_dropped},
        {", faults in them ", s.direct_faults}, {", TLB misses ", s.tlb_misses}, {", devices ", s.mmio}, {", interrupts ", s.interrupts},
    };
    for (unsigned i = 0; i < sizeof counters / sizeof counters[0]; i++) {
        ds_text_put(&t, counters[i].name);
        ds_text_dec(&t, counters[i].value);
    }
    ds_log(line);
}

/* In exact time the state at the end follows from the guest alone: the workstation reaches the same hash. */
static void log_state(struct xl_vm *vm)
{
    char line[DS_LOG_BYTES];
    struct ds_text t = ds_text_on(line, sizeof line);

    ds_text_put(&t, "hash of registers and RAM ");
    ds_text_hex(&t, xl_state_hash(vm, true));
    ds_log(line);
}

static _Noreturn void refuse(const char *text)
{
    ds_log(text);
    ds_exit(2);
}

/* A memory argument that must be there. */
static const struct arg_entry *memory(const char *name)
{
    const struct arg_entry *a = ds_args_find(ARG_KIND_MEMORY, name);

    if (!a)
        refuse("the image gives this guest's task no memory of one of the names ram, code_rw, code_rx, arena, wake_word; build it again");
    return a;
}

int main(void)
{
    if (!ds_args_open())
        ds_exit(2);
    const struct arg_entry *ram = memory("ram"), *rw = memory("code_rw"), *rx = memory("code_rx"), *arena = memory("arena"), *word = memory("wake_word");
    const struct arg_entry *ring = ds_args_find(ARG_KIND_RING, "console"), *wake = ds_args_find(ARG_KIND_CAP, "wake");
    uint64_t time = ds_args_value("time", TIME_AUTO);
    static char error[160];

    if (!ring || !wake || rw->bytes != rx->bytes || !ds_ring_open_client(&task.ring, (void *)ring->va, ring->bytes))
        refuse("the image gives this guest's task no usable console ring, wake notification or code cache; build it again");
    if (!ds_terminal_open(&task.terminal))
        refuse("the image gives this guest's task a terminal that cannot be used; build it again");
    task.server = ring->slot;
    struct xl_l4_config config = {
        .vm = {
            .machine = ds_args_text("machine"),
            .ram_bytes = ram->bytes,
            .engine = XL_ENGINE_TIERS,
            .time = time == TIME_AUTO ? (is_emulated() ? XL_TIME_INSN : XL_TIME_HOST) : (enum xl_time)time,
            .ns_per_insn = (uint32_t)ds_args_value("ns_per_insn", 0),
            .code_bytes = rw->bytes,
        },
        .ram = (uint8_t *)ram->va,
        .code_rw = (uint8_t *)rw->va,
        .code_rx = (uint8_t *)rx->va,
        .arena = (void *)arena->va,
        .arena_bytes = arena->bytes,
        .ram_slot = ram->slot,
        .arena_slot = arena->slot,
        .notification = wake->slot,
        .word = (const uint64_t *)word->va,
        .arg = &task,
        .console_write = console_write,
        .console_read = console_read,
        .slice_end = slice_end,
        .disk_request = disk_request,
        .net_send = net_send,
        .screen_changed = screen_changed,
        .screen_wanted = screen_wanted,
        .offer = offer,
        .log = log_text,
    };
    const char *wrong = vm_devices_open(&task.devices, &config);
    if (wrong)
        refuse(wrong);
    wrong = vm_screen_open(&task.screen, &config);
    if (wrong)
        refuse(wrong);
    vm_devices_settle(&task.devices, wake->slot);
    if (!xl_l4_create(&port, &config, error, sizeof error))
        refuse(error);
    int code = xl_l4_run(&port, ds_args_value("entry", 0));
    slice_end(&task);
    if (config.vm.time == XL_TIME_EXACT)
        log_state(port.vm);
    log_counters(port.vm);
    ds_exit(code);
}
