/* SPDX-License-Identifier: MIT */
/*
 * The translator's only door: make a virtual machine, load it, run it, look at it.
 *
 * One struct xl_vm is one guest: one CPU, its devices, its RAM, its code cache. It has no thread and no global state of its own: the caller runs it by
 * xl_run() on whatever thread it likes (one at a time). Everything outside the guest is reached through struct xl_port, of which the workstation
 * (port/linux) and the board (port/l4) each have one. Python reads this header through cffi.
 *
 * Errors: functions return enum xl_status, or NULL/false with a sentence in xl_error(). A fault of the guest is delivered to the guest, never returned.
 */
#ifndef XL_XL_H
#define XL_XL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xl_vm;

/* TIERS: as BLOCK, but code that runs for the first time is interpreted; much of what boots a system never runs again. */
enum xl_engine { XL_ENGINE_INTERP, XL_ENGINE_BLOCK, XL_ENGINE_TIERS };
enum xl_time { XL_TIME_HOST, XL_TIME_INSN, XL_TIME_EXACT };
enum xl_status { XL_OK, XL_BAD_ARG, XL_NO_MEMORY, XL_NOT_THERE };
/* Why xl_run returned. */
enum xl_stop { XL_STOP_BUDGET, XL_STOP_IDLE /* waits for an interrupt; deadline in xl_idle_until */, XL_STOP_HALT /* guest ended; code in xl_exit_code */, XL_STOP_REQUEST /* xl_request_stop */, XL_STOP_HOOK /* xl_hits says what */ };
enum xl_switch { XL_NO_CHAIN = 1, XL_NO_DEAD_PUT = 2, XL_NO_FUSE = 4, XL_NO_FOLD = 8, XL_NO_JUMP_CACHE = 16, XL_NO_REGION = 32, XL_NO_LINEAR = 64, XL_NO_DIRECT = 128, XL_NO_FP_COPY = 256, XL_NO_BACKED = 512 };

/* Disks and networks that the guest sees as virtio devices. */
enum { XL_DISKS_MAX = 4, XL_NETS_MAX = 2, XL_DISK_TAGS = 4, XL_DISK_REQUEST_BYTES = 65536, XL_DISK_ID_BYTES = 20, XL_FRAME_MAX = 1518 };
enum xl_disk_op { XL_DISK_READ, XL_DISK_WRITE, XL_DISK_FLUSH /* every write that was answered before is durable */ };
enum xl_disk_answer { XL_DISK_DONE, XL_DISK_FAILED, XL_DISK_LATER /* xl_disk_done will say */ };
struct xl_disk {
    uint64_t sectors;        /* of 512 bytes */
    bool is_read_only;
    uint8_t id[XL_DISK_ID_BYTES]; /* what the guest is told; padded with zeros */
};
struct xl_net {
    uint8_t mac[6];
};

/* The screen of a guest that has one. */
enum { XL_SCREEN_WIDTH_MAX = 1024, XL_SCREEN_HEIGHT_MAX = 768, XL_SCREEN_BYTES = XL_SCREEN_WIDTH_MAX * XL_SCREEN_HEIGHT_MAX * 4 };

enum { XL_WINDOWS = 4 /* of the address translations a guest has */, XL_WINDOW_BELOW = 1 << 30, XL_WINDOW_GUARD = 1 << 16 };

/* Everything outside the guest. All functions may be called only from inside xl_run / xl_create; none may call back. */
struct xl_port {
    void *arg;
    uint64_t (*clock_ns)(void *arg);                                        /* host time, monotonic */
    unsigned (*console_write)(void *arg, unsigned n, const uint8_t *bytes, unsigned count); /* how many were taken; the guest's UART keeps the rest */
    /* The code cache: the same memory mapped twice. rw and rx page aligned; bytes as asked in the config. */
    uint8_t *code_rw;
    uint8_t *code_rx;
    uint64_t code_bytes;
    void (*code_ahead)(void *arg, uint64_t from, uint64_t bytes); /* NULL, or: soon to be written and run, so both views may be filled at once */
    /* Guest RAM, zeroed, page aligned, config.ram_bytes long; owned by the port. */
    uint8_t *ram;
    /* Zeroed arena for the core's tables; its needed size is xl_arena_bytes(config). */
    void *arena;
    uint64_t arena_bytes;
    void (*log)(void *arg, const char *text);
    /*
     * Disks: the device puts what is to be written into buffer `tag` of the disk and asks; the port fills that buffer for a read. A tag is not used again before
     * its request is answered. The range was checked against the disk's size.
     */
    uint8_t *disk_data[XL_DISKS_MAX]; /* XL_DISK_TAGS buffers of XL_DISK_REQUEST_BYTES for each disk of the config */
    enum xl_disk_answer (*disk_request)(void *arg, unsigned n, unsigned tag, enum xl_disk_op op, uint64_t sector, uint32_t sectors);
    /* Networks: a frame without its checksum, 14 to XL_FRAME_MAX bytes; dropped when there is no room for it. */
    void (*net_send)(void *arg, unsigned n, const uint8_t *frame, unsigned bytes);
    /*
     * The screen of a guest that has one: pixels 0x00rrggbb, row after row without gaps, XL_SCREEN_BYTES of room. Rows first.. of it changed; width 0: the screen is off. When nobody looks,
     * the shadow may grow old; screen_wanted NULL: somebody always does.
     */
    uint32_t *screen;
    void (*screen_changed)(void *arg, unsigned width, unsigned height, unsigned first, unsigned rows);
    bool (*screen_wanted)(void *arg);
    /*
     * Windows: for each of the guest's address translations 4 GiB of host addresses, where the guest-virtual address va lies at window[n] + va. The arena is mapped a second time below
     * each, at window[n] - XL_WINDOW_BELOW, so that translated code reaches its own state and the guest's memory from one register. XL_WINDOW_GUARD bytes before and behind a window
     * are never mapped. The core maps linear stretches of RAM there; the port brings an access that faults to xl_window_fault. NULL: there are none, accesses go through the soft TLB.
     */
    uint8_t *window[XL_WINDOWS];
    bool (*window_map)(void *arg, unsigned window, uint32_t va, uint64_t ram_offset, uint64_t bytes, bool writable); /* whole pages; replaces what is there; false: no room */
    void (*window_unmap)(void *arg, unsigned window, uint32_t va, uint64_t bytes);
};

struct xl_config {
    const char *machine;     /* "leon3" */
    uint64_t ram_bytes;
    enum xl_engine engine;
    enum xl_time time;
    uint32_t ns_per_insn;    /* time insn and exact; 0: the machine's default (20 ns, a 50 MHz CPU) */
    uint32_t switches;       /* enum xl_switch, optimisations to leave out */
    uint64_t code_bytes;     /* code cache */
    unsigned disks, nets;    /* how many of those below there are */
    struct xl_disk disk[XL_DISKS_MAX];
    struct xl_net net[XL_NETS_MAX];
    bool screen;             /* the guest sees a display and a keyboard */
};

uint64_t xl_arena_bytes(const struct xl_config *config);
struct xl_vm *xl_create(const struct xl_config *config, const struct xl_port *port, char *error, size_t error_bytes);
void xl_reset(struct xl_vm *vm);
/* Copy bytes into guest-physical memory (RAM only); watches code. */
enum xl_status xl_write(struct xl_vm *vm, uint64_t gpa, const void *bytes, uint64_t count);
enum xl_status xl_read(struct xl_vm *vm, uint64_t gpa, void *bytes, uint64_t count);
/* Set the registers as the machine's firmware leaves them for a program at entry. */
void xl_boot(struct xl_vm *vm, uint64_t entry);
/* Run at most `insns` guest instructions, exactly counted; returns early when idle, halted or asked to stop. */
enum xl_stop xl_run(struct xl_vm *vm, uint64_t insns);
uint64_t xl_insns(struct xl_vm *vm);      /* executed since creation */
uint64_t xl_guest_ns(struct xl_vm *vm);   /* guest time */
uint64_t xl_idle_until_ns(struct xl_vm *vm); /* guest time of the next event after XL_STOP_IDLE; UINT64_MAX: none */
/* After XL_STOP_IDLE: guest time moves on to `ns` (no further than the next event). */
void xl_advance_ns(struct xl_vm *vm, uint64_t ns);
int xl_exit_code(struct xl_vm *vm);
void xl_request_stop(struct xl_vm *vm);   /* async-signal-safe */
/* Console bytes for the guest; returns how many were taken (a full FIFO takes fewer: offer the rest later). */
unsigned xl_console_in(struct xl_vm *vm, unsigned n, const uint8_t *bytes, unsigned count);
/* The answer to a request that was answered XL_DISK_LATER. XL_BAD_ARG: nothing was asked under this tag; XL_NOT_THERE: no such disk. */
enum xl_status xl_disk_done(struct xl_vm *vm, unsigned n, unsigned tag, bool is_good);
/* A frame for the guest; false when it has no room now: offer it again later. */
bool xl_net_in(struct xl_vm *vm, unsigned n, const uint8_t *frame, unsigned bytes);
/* Keys for the guest's keyboard, scan codes of set 2; returns how many were taken (a full keyboard takes fewer: offer the rest later). */
unsigned xl_keys_in(struct xl_vm *vm, const uint8_t *codes, unsigned count);
/* Bring the whole shadow up to date, though nobody looks and the guest does not run. Not inside xl_run. */
void xl_screen_refresh(struct xl_vm *vm);
/* Registers by name as in the manual ("g1", "o6", "psr", "pc"). */
enum xl_status xl_reg_get(struct xl_vm *vm, const char *name, uint64_t *value);
enum xl_status xl_reg_set(struct xl_vm *vm, const char *name, uint64_t value);
const char *xl_reg_name(struct xl_vm *vm, unsigned index); /* NULL past the end */

struct xl_stats {
    uint64_t insns, insns_interp, first_runs, blocks, blocks_translated_insns, host_bytes, chained, exits, jump_misses, tlb_misses, tlb_flushes, mmio, faults, interrupts,
        code_flushes, smc_stores, dead_puts, fused, folded, regions, region_homes, linear_made, direct_made, direct_faults, windows_mapped, windows_dropped, windows_switched, fp_copied, backed, disk_requests, frames_out, frames_in;
};
void xl_stats_get(struct xl_vm *vm, struct xl_stats *out);
/*
 * For the port, when the host instruction at host_pc faulted on va of a window: where to go on, 0 when it was none of ours. Async-signal-safe but for the port's own window functions.
 */
uint64_t xl_window_fault(struct xl_vm *vm, uint64_t host_pc, unsigned window, uint32_t va);
uint64_t xl_state_hash(struct xl_vm *vm, bool with_ram); /* FNV-1a 64 over registers (and RAM) */

/*
 * Guest-virtual memory as a debugger sees it: through the MMU as the CPU stands now, whatever the rights, and with no mark left in the page tables. RAM only, for a device
 * may act on being read. XL_NOT_THERE: a page is not mapped or no RAM; nothing was written.
 */
enum xl_status xl_read_virtual(struct xl_vm *vm, uint32_t va, void *bytes, uint64_t count);
enum xl_status xl_write_virtual(struct xl_vm *vm, uint32_t va, const void *bytes, uint64_t count);
enum xl_status xl_physical(struct xl_vm *vm, uint32_t va, uint64_t *pa);

/*
 * Hooks: xl_run returns XL_STOP_HOOK. CODE: before the instruction at a guest-virtual address; the next xl_run goes on with it. READ, WRITE: behind the instruction that read or wrote
 * guest-virtual memory. DEVICE_READ, DEVICE_WRITE: behind the instruction that touched a device at a guest-physical address. What no hook touches runs as if there were none.
 */
enum xl_on { XL_ON_CODE = 1, XL_ON_READ = 2, XL_ON_WRITE = 4, XL_ON_DEVICE_READ = 8, XL_ON_DEVICE_WRITE = 16 };
enum { XL_HOOKS_MAX = 64, XL_HITS_MAX = 8 };
struct xl_hit {
    uint32_t hook; /* number of the hook */
    uint32_t on;   /* the one enum xl_on that happened */
    uint64_t address, value; /* value: what was read or written; a code hook has none */
    uint32_t size, pc;
};
/* Hook number 1..XL_HOOKS_MAX for `on` (a sum of enum xl_on; CODE, memory and devices do not mix) over first..last; 0: no room or a bad argument. Not inside xl_run. */
unsigned xl_hook_add(struct xl_vm *vm, uint32_t on, uint64_t first, uint64_t last);
enum xl_status xl_hook_remove(struct xl_vm *vm, unsigned hook);
/* What the last xl_run stopped for, in order; at most XL_HITS_MAX of one instruction are kept. */
unsigned xl_hits(struct xl_vm *vm, struct xl_hit *out, unsigned room);

/*
 * Snapshots: CPU, devices, events, guest time and count, into xl_snapshot_bytes() bytes, good for this vm only; RAM is kept beside them by the caller as config.ram_bytes bytes. Restoring
 * compares page by page: what is the same stays, with the code made from it. Hooks and counters are not part of it, nor what lies
 * outside: the content of disks, frames on their way. Not inside xl_run.
 */
uint64_t xl_snapshot_bytes(const struct xl_vm *vm);
void xl_snapshot_take(struct xl_vm *vm, void *state, uint8_t *ram); /* ram zeroed: zero pages are not touched */
enum xl_status xl_snapshot_restore(struct xl_vm *vm, const void *state, const uint8_t *ram);

/*
 * Chaos, a test of the translator: slices of 1..slice_max instructions drawn from the seed, between them cached translations and code are thrown away at random. The guest must not notice.
 * slice_max 0: off. slice_max 1: the core looks around before every instruction.
 */
void xl_chaos(struct xl_vm *vm, uint64_t seed, uint32_t slice_max);
/* The guest-virtual start of the largest translated block or region that holds pc, in the CPU's mode; pc itself when there is none. */
uint32_t xl_block_start(struct xl_vm *vm, uint32_t pc);
/* Text of the translation of the block at guest virtual pc: guest text, IR before and after passes, host bytes. */
int xl_dump(struct xl_vm *vm, uint32_t pc, char *out, int out_bytes);

#endif
