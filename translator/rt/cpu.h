/* SPDX-License-Identifier: MIT */
/*
 * The core's own view of a CPU and its virtual machine: soft TLB, block cache, physical map, events, run loop.
 *
 * Private to translator/{rt,ir,opt,interp,host}. Front ends see guest.h, machines see machine.h, users see include/xl/xl.h. Translated code reaches every
 * field of struct xl_cpu by its offset from one host register; those it touches most lie first.
 */
#ifndef XL_CPU_H
#define XL_CPU_H

#include "machine/machine.h"
#include "rt/guest.h"
#include "xl/xl.h"

enum {
    XL_PAGE_BITS = 12,
    XL_PAGE_BYTES = 1 << XL_PAGE_BITS,
    XL_TLB_BITS = 11,
    XL_TLB_ENTRIES = 1 << XL_TLB_BITS,
    XL_ITLB_ENTRIES = 1024,
    XL_JUMP_BITS = 13,
    XL_JUMP_PAGE_BITS = 12,
    XL_JUMP_ENTRIES = 1 << XL_JUMP_BITS,
    XL_BLOCKS_MAX = 1 << 15,
    XL_HASH_ENTRIES = 1 << 14,
    XL_RAN_BITS = 16,   /* code that has run: a hashed bitmap of where blocks begin */
    XL_SITES_BITS = 13, /* device sites: a hashed bitmap of instruction addresses */
    XL_REGIONS_MAX = 24,
    XL_BLOCK_EXITS = 4,
    XL_CODE_AHEAD = 128 << 10, /* bytes of the code cache of which the port is told at once */
    XL_GRANULE_BITS = 6, /* 64 granules a page for code marks */
    XL_SLICE_INSNS = 200000,
    XL_HOST_SLICE_NS = 100000,
    XL_HOST_SLICE_MIN = 5000,
    XL_HOST_SLICE_MAX = 4000000,
    XL_REGION_BLOCKS = 12, /* of a region at most */
    XL_SPANS = 16,             /* linear stretches that a window shows */
    XL_SPAN_BYTES = 1 << 16,   /* the smallest worth a mapping */
    XL_WINDOW_SPLITS = 8000,   /* pages whose rights differ from their neighbours', before windows are given up */
    XL_DIRECT_MAX = 1 << 15,   /* accesses through windows in a half of the code cache */
    XL_DIRECT_FAULTS = 4,      /* of one access, before it goes straight to its slow form */
    XL_REGION_HOT = 2,     /* slices that ended at a block before a region is made around it */
};
#define XL_PAGE_MASK ((uint32_t)XL_PAGE_BYTES - 1)
#define XL_TLB_NONE 0xffffffffu /* no masked address equals it: its low bits are all set */

/* One soft TLB entry. host address = addend + zero-extended guest virtual address. */
struct xl_tlb_entry {
    uint32_t tag_read, tag_write;
    uint64_t addend;
};

/*
 * A stretch of guest addresses that maps to RAM linearly and may be read: host address = addend + va for va in [base, base + size).
 * limit[n] = size >> n, so that one rotation and one comparison check the place and the alignment of an access of 2^n bytes.
 */
struct xl_linear {
    uint32_t base, limit[4]; /* all limits 0: there is none */
    uint64_t addend;
};

/* RAM that a window shows: guest-virtual va .. va + bytes at physical pa. */
struct xl_span {
    uint32_t va;
    bool write;
    uint64_t bytes, pa;
};

struct xl_window {
    unsigned count;
    struct xl_span span[XL_SPANS];
};

/* An access through a window in translated code: where it is, where its slow form is, and how often it faulted. Offsets in the code cache; sorted, a table for each half. */
struct xl_direct {
    uint32_t at, cold, faults;
};

/* An instruction page: virtual page and mode -> physical page. */
struct xl_itlb_entry {
    uint32_t va, mode;
    uint64_t pa; /* UINT64_MAX: empty */
};

/* The jump cache: where a block for (pc, mode) begins in host memory. All ones: empty, as no guest has such a mode. */
struct xl_jump_entry {
    uint32_t pc, mode;
    const uint8_t *code;
};

/* A direct exit of a block: the host jump to patch and the block it goes to. Block and exit numbers from 1; 0 none. */
struct xl_exit {
    uint32_t jump_offset; /* of the rel32 in the code cache */
    uint32_t cold_offset; /* where it goes while not chained */
    uint32_t pc;
    uint32_t target;      /* block number */
    uint32_t next_from;   /* next exit (block * XL_BLOCK_EXITS + index + 1) that goes to the same target */
};

struct xl_block {
    uint32_t pc, npc, mode; /* npc: pc + insn_bytes, or where a delay slot between goes: then the block is that one instruction */
    uint64_t page_pa;
    uint32_t code_offset, code_bytes;
    uint16_t insns;   /* budget that it takes at entry */
    uint16_t first;   /* where in its page the guest bytes begin that it was made from, */
    uint16_t bytes;   /* and how many they are */
    uint8_t exits;
    uint8_t hot;      /* slices that ended here */
    bool live, is_region;
    uint32_t next_hash, next_page; /* block numbers */
    uint32_t from;                 /* first exit that is chained to this block */
    struct xl_exit exit[XL_BLOCK_EXITS];
};

/* What translated code tells the core before it may fault: written in cold code only. */
struct xl_site {
    uint32_t refund; /* instructions of the block behind this one */
    uint32_t block;  /* number, 0 in the interpreter */
    uint32_t last;   /* 1: the instruction is the block's last, so a device may be touched here */
    uint32_t mem;    /* the access, xl_mem_bits() */
};

/* The bytes that the block in the interpreter was made from: what it overwrites is not run in its old form. */
struct xl_source {
    const uint8_t *page;
    uint32_t first, bytes;
    uint8_t copy[4 * IR_INSNS_MAX];
};

/* Which groups of a cache's entries are empty, so that emptying it, or looking through it, costs what was used. Zeroed: none is. */
enum { XL_USED_GROUP = 16, XL_USED_WORDS = 8 };
struct xl_used {
    uint64_t empty[XL_USED_WORDS];
};
#define XL_USED_FITS(entries) ((entries) % (64 * XL_USED_GROUP) == 0 && (entries) / (64 * XL_USED_GROUP) <= XL_USED_WORDS)
_Static_assert(XL_USED_FITS(XL_TLB_ENTRIES) && XL_USED_FITS(XL_ITLB_ENTRIES) && XL_USED_FITS(XL_JUMP_ENTRIES) && XL_USED_FITS(1 << XL_JUMP_PAGE_BITS), "whole words");

/* Why translated code came back. */
enum xl_leave { XL_LEAVE_LOOKUP = 0 /* pc, npc are in env */, XL_LEAVE_UNWOUND = 1, XL_LEAVE_EXIT = 16 /* + 8 * exit number: chain it */ };

/* A loop of blocks that is compiled as one: the first is where it is entered. All lie in one page. */
struct xl_loop {
    unsigned count;
    uint32_t pc[XL_REGION_BLOCKS];
};

struct xl_cpu {
    struct xl_env env; /* first: its fields are reached with short displacements */
    struct xl_site site;
    uint64_t unwind_sp;
    struct xl_cpu *self; /* for C: translated code may see the CPU at another address */
    struct xl_vm *vm;
    const struct xl_guest *guest;
    uint64_t parked;   /* budget taken away so that the core looks around */
    bool redo;         /* run one instruction in the interpreter before anything else */
    bool in_interp;
    const struct xl_source *source; /* valid while in_interp */
    uint64_t fp_slow;  /* what the thunk of floating point calls */
    bool faulted;      /* pending, deliver at the run loop */
    struct xl_fault fault;
    bool raised;       /* env.exception is pending */
    struct xl_linear linear[XL_MMU_MAX];
    struct xl_window window[XL_MMU_MAX];
    struct xl_tlb_entry tlb[XL_MMU_MAX][XL_TLB_ENTRIES];
    struct xl_jump_entry jump[XL_JUMP_ENTRIES];
    uint32_t jump_page[1 << XL_JUMP_PAGE_BITS]; /* by hash, the page that has entries in `jump`; XL_JUMP_MANY: several have, XL_JUMP_NONE */
    unsigned jump_pages;                         /* noted there */
    struct xl_itlb_entry itlb[XL_ITLB_ENTRIES];
    struct xl_used tlb_used[XL_MMU_MAX], jump_used, jump_page_used, itlb_used;
    uint8_t device_site[(1 << XL_SITES_BITS) / 8];
    struct xl_event timer; /* the front end's, xl_cpu_timer */
    uint64_t guest_state[256];
    uint8_t ran[(1 << XL_RAN_BITS) / 8];
    uint32_t ran_count;    /* bits set in it */
};

struct xl_region {
    uint64_t base, bytes;
    uint8_t *ram; /* NULL: a device */
    uint64_t ram_offset;
    const struct xl_device_ops *ops;
    void *dev;
};

/* What a user wants to be told of; on 0: free. */
struct xl_hook {
    uint32_t on;
    uint64_t first, last;
};

struct xl_vm {
    struct xl_cpu *cpu;
    const struct xl_machine *machine;
    void *machine_state;
    struct xl_config config;
    struct xl_port port;
    struct virtio_set *virtio; /* NULL: no disks, no networks */
    struct screen *screen;     /* NULL: neither screen nor keyboard */
    struct apbps2 *keyboard;
    unsigned screen_width, screen_height; /* as the port was told */
    uint64_t arena_used;
    uint64_t insns;        /* done before the running slice */
    uint64_t slice;        /* budget given to the running slice */
    uint64_t idle_ns;      /* time added while idle (insn, exact) */
    uint64_t host_start_ns, host_now_ns;
    uint64_t host_slice; /* instructions of a slice in host time, 0 at first: as many as take about XL_HOST_SLICE_NS */
    bool host_ran;       /* a whole slice has just run */
    bool halted;
    int exit_code;
    volatile int stop;
    unsigned window_now; /* that translated code last ran with */
    struct xl_event *events; /* by time */
    struct xl_region region[XL_REGIONS_MAX];
    unsigned regions;
    uint32_t code_ready;      /* up to where the port was told of code to come */
    /* RAM pages that hold translated code */
    uint64_t *code_granules;  /* one word a RAM page */
    uint32_t *page_blocks;    /* first block of each RAM page */
    struct xl_block *block;   /* [XL_BLOCKS_MAX + 1] */
    uint32_t blocks;          /* numbers given out */
    uint32_t free_block;
    uint32_t *hash;
    uint64_t code_used;       /* bytes of the code cache in use, bump allocated */
    uint64_t code_start;      /* first byte behind the thunks */
    struct xl_direct *direct[2]; /* [XL_DIRECT_MAX] of each half; NULL: no windows */
    uint32_t directs[2];
    uint8_t *page_guarded;    /* of each RAM page: do windows show it read-only for the code in it, window.c */
    uint32_t splits;
    struct ir_block *ir;
    struct ir_known *known;
    void *emitter;            /* host/x64's scratch */
    struct xl_stats stats;
    uint64_t machine_from;    /* where the machine's part of the arena begins */
    struct xl_hook hook[XL_HOOKS_MAX];
    struct xl_hit hit[XL_HITS_MAX];
    uint32_t hooks_on;        /* all of them together */
    unsigned hits;
    bool told;                /* the hook at told_pc was hit at told_insns: go on with the instruction */
    uint32_t told_pc;
    uint64_t told_insns;
    uint64_t chaos;           /* state of the generator */
    uint32_t chaos_slice_max; /* 0: no chaos */
};

static inline void xl_used_note(struct xl_used *u, unsigned entry)
{
    unsigned group = entry / XL_USED_GROUP;

    u->empty[group / 64] &= ~(1ull << group % 64);
}

static inline bool xl_used_any(const struct xl_used *u, unsigned group)
{
    return !(u->empty[group / 64] >> group % 64 & 1);
}

/* Where the jump cache keeps a pc: host/x64 emits the same computation. */
static inline unsigned xl_jump_index(uint32_t pc)
{
    return pc >> 2 & (XL_JUMP_ENTRIES - 1);
}

#define XL_JUMP_NONE 0xffffffffu /* neither is the address of a page */
#define XL_JUMP_MANY 1u
void xl_jump_page_note(struct xl_cpu *cpu, uint32_t pc); /* before pc enters the jump cache */

/* No pc alone says that an entry is empty: translated code compares (pc, mode) and jumps, and a guest may jump to any address, be it one that traps there. */
static inline void xl_jump_drop(struct xl_jump_entry *e)
{
    *e = (struct xl_jump_entry){UINT32_MAX, UINT32_MAX, NULL};
}

/* rt/hooks.c */
bool xl_hook_find(const struct xl_vm *vm, uint32_t on, uint64_t first, uint64_t bytes);
void xl_hook_note(struct xl_cpu *cpu, uint32_t on, uint64_t address, unsigned size, uint64_t value);
bool xl_hook_stops(struct xl_cpu *cpu);
static inline bool xl_is_hooked(const struct xl_vm *vm, uint32_t on, uint64_t first, uint64_t bytes)
{
    return vm->hooks_on & on && xl_hook_find(vm, on, first, bytes);
}
/* rt/check.c */
uint64_t xl_chaos_slice(struct xl_vm *vm, uint64_t wanted);
/* rt/phys.c */
struct xl_region *xl_region_at(struct xl_vm *vm, uint64_t pa);
uint8_t *xl_ram_at(struct xl_vm *vm, uint64_t pa, uint64_t bytes);
bool xl_device_load(struct xl_vm *vm, struct xl_region *r, uint64_t pa, unsigned size, uint64_t *value);
bool xl_device_store(struct xl_vm *vm, struct xl_region *r, uint64_t pa, unsigned size, uint64_t value);
/* rt/mem.c */
uint64_t xl_slow_load(struct xl_cpu *cpu, uint32_t va, uint32_t unused, uint32_t mem_bits);
void xl_slow_store(struct xl_cpu *cpu, uint32_t va, uint64_t value, uint32_t mem_bits);
uint32_t xl_mem_bits(struct ir_mem mem);
const struct xl_itlb_entry *xl_itlb_entry(const struct xl_cpu *cpu, uint32_t va);
bool xl_fetch_page(struct xl_cpu *cpu, uint32_t va, uint64_t *page_pa);
void xl_attention(struct xl_cpu *cpu);
_Noreturn void xl_unwind(struct xl_cpu *cpu);
void xl_tlb_protect_code(struct xl_cpu *cpu, uint64_t page_pa);
/* rt/window.c */
bool xl_windows(const struct xl_vm *vm);
void xl_window_note(struct xl_cpu *cpu, unsigned mmu, uint32_t va, uint64_t pa, uint64_t bytes, bool write);
void xl_window_check(struct xl_cpu *cpu, unsigned mmu, uint32_t va, uint64_t bytes);
void xl_window_guard(struct xl_cpu *cpu, uint64_t page_pa);
struct xl_cpu *xl_window_view(struct xl_cpu *cpu);
unsigned xl_window_of(const struct xl_cpu *cpu, uint32_t mode);
/* rt/block.c */
uint32_t xl_block_find(struct xl_cpu *cpu, uint32_t pc, uint32_t npc, uint32_t mode, uint64_t page_pa);
uint32_t xl_block_make(struct xl_cpu *cpu, uint32_t pc, uint32_t npc, uint32_t mode, uint64_t page_pa);
uint32_t xl_block_make_region(struct xl_cpu *cpu, const struct xl_loop *loop, uint32_t mode, uint64_t page_pa, unsigned first, unsigned end);
void xl_block_drop(struct xl_cpu *cpu, uint32_t number);
void xl_block_drop_range(struct xl_cpu *cpu, uint64_t page_pa, unsigned first, unsigned last);
void xl_block_chain(struct xl_cpu *cpu, uint32_t exit_number, uint32_t target);
void xl_block_flush(struct xl_cpu *cpu);
uint64_t xl_ram_page(struct xl_vm *vm, uint64_t pa);
bool xl_site_is_device(const struct xl_cpu *cpu, uint32_t pc);
void xl_site_mark(struct xl_cpu *cpu, uint32_t pc);
/* rt/translate.c */
void xl_translate(struct xl_cpu *cpu, uint32_t pc, uint32_t npc, uint32_t mode, uint64_t page_pa, unsigned insns_max, uint32_t *bytes);
/* rt/run.c. Where translated code goes on at env.pc, by the jump cache: code and the view of the CPU for its mode; NULL: back to the run loop. */
struct xl_target {
    const void *code;
    struct xl_cpu *view;
};
struct xl_target xl_next(struct xl_cpu *cpu);
struct xl_target xl_raise_next(struct xl_cpu *cpu, uint32_t exception); /* deliver it first */
uint64_t xl_insns_now(const struct xl_vm *vm);
/* interp/interp.c: run the block in vm->ir until its end or the budget's */
void xl_interp(struct xl_cpu *cpu, const struct ir_block *b);
uint32_t xl_flags_test(struct xl_cpu *cpu, uint32_t cond);
bool xl_cond_sub(unsigned cond, uint32_t a, uint32_t b);
bool xl_cond_add(unsigned cond, uint32_t a, uint32_t b);
/* rt/region.c */
void xl_region_try(struct xl_cpu *cpu, uint32_t number);
/* opt/ */
unsigned opt_dead_puts(struct ir_block *b);
/* host/x64: emit the block; false when it does not fit (code cache full: *full) */
uint64_t emit_scratch_bytes(void);
bool emit_init(struct xl_vm *vm);
bool emit_block(struct xl_cpu *cpu, struct ir_block *b, uint32_t number, bool *cache_full);
bool emit_region(struct xl_cpu *cpu, const struct xl_loop *loop, uint32_t number, bool *cache_full);
void emit_direct_patch(struct xl_vm *vm, uint32_t at, uint32_t cold);
void emit_patch_jump(struct xl_vm *vm, uint32_t jump_offset, uint32_t target_offset);
/* host/x64/enter.S */
uint64_t xl_enter(struct xl_cpu *cpu, const void *code, struct xl_cpu *view);
uint64_t xl_call_unwindable(struct xl_cpu *cpu, uint64_t (*fn)(struct xl_cpu *, void *), void *arg);

#endif
