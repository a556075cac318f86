/* SPDX-License-Identifier: MIT */
/*
 * What a guest front end is to the core: one struct xl_guest of functions and tables, and the state that both share.
 *
 * A front end owns: decoding, IR semantics, its MMU walk, how faults and interrupts enter the guest, its helpers. It owns no loop, no cache, no
 * TLB, no time. The core calls it; it calls back only what is declared here and in ir/ir.h.
 *
 * pc and npc: guests without delay slots keep npc = pc + 4 (or whatever follows) and ignore it. A state with npc != pc + insn_bytes (between a branch and
 * its delay slot) is legal everywhere: the core then asks for a block of exactly one instruction, made for this npc.
 */
#ifndef XL_GUEST_H
#define XL_GUEST_H

#include "ir/ir.h"
#include <stddef.h>

struct gva { uint32_t v; };
struct gpa { uint64_t v; };
typedef struct gva gva_t;
typedef struct gpa gpa_t;

enum mmu_access { MMU_READ, MMU_WRITE, MMU_FETCH, MMU_LOOK /* a debugger: whatever the rights, and nothing is marked */ };

/* Result of a walk: what the core may cache in its TLB. */
struct mmu_walk {
    gpa_t page;        /* physical address of the 4 KiB page that holds the address */
    bool read, write, exec; /* what this mmu index may do there without another walk (write false until the dirty bit is set) */
    uint8_t span_bits; /* mapping and rights are the same over the aligned 2^span_bits bytes around the address; 0: this page only;
                          below 12: the page has several mappings and `page` is only where the address would make it lie, not to be cached */
    bool swapped;      /* its bytes lie in the other order than an access says; span_bits is below 12 then. Instructions are swapped by the front end. */
    uint32_t fault;    /* guest-defined code when the walk fails */
};

/* A memory fault as the core reports it. */
enum xl_fault_kind { XL_FAULT_MMU, XL_FAULT_ALIGN, XL_FAULT_BUS /* nothing at that physical address */ };
struct xl_fault {
    enum xl_fault_kind kind;
    enum mmu_access access;
    uint8_t mmu;
    uint8_t size;
    gva_t va;
    uint32_t code;     /* mmu_walk.fault */
};

/* The part of the CPU state that translated code and core share. Offsets of fields are used by the emitter: nothing here moves. */
struct xl_env {
    int64_t budget;              /* guest instructions left before the core must look around */
    uint32_t *bank[XL_BANKS];    /* [0] = the guest's state struct */
    uint32_t pc, npc;
    uint32_t flags_kind, flags_a, flags_b; /* enum xl_flags_kind */
    uint32_t mode;               /* block key bits, kept current by the front end whenever privilege, MMU or window-check state changes */
    uint32_t exception;          /* raised and not yet delivered */
    uint32_t irq_level;          /* written by the machine: guest-defined interrupt request (SPARC: 0..15) */
    uint32_t idle;               /* front end: the CPU waits for an interrupt */
    uint32_t irq_own;            /* front end: interrupt requests of the CPU itself, its timers */
};

/* One CPU. `env` first; the guest's own struct lies in guest_state (env.bank[0]). The rest is the core's (rt/cpu.h). */
struct xl_cpu;
struct xl_env *xl_cpu_env(struct xl_cpu *cpu);
void *xl_cpu_guest(struct xl_cpu *cpu);

/* Translation context: the block being made. */
struct xl_ctx {
    struct ir_block *block;
    struct xl_cpu *cpu;
    const struct xl_guest *guest;
    uint32_t pc, npc;     /* of the instruction to translate now */
    uint32_t mode;        /* env.mode the block is made for */
    bool npc_dynamic;     /* npc is not pc + 4: the block is this one instruction, made for this npc, which is a constant in it */
    unsigned insns_left;  /* how many INSN marks fit the block from here on, this instruction's among them: a branch and its slot need two */
    bool done;            /* set by the front end: the block has its exits */
    struct ir_known *known; /* private to ir/: what is known of flags and registers */
    uint32_t start, bytes, page_va; /* private to rt/: what the block is made from */
    const uint8_t *page_host;
};
/* Fetch the word at va for translation (same page as the block's start only; a delay slot on the next page returns false: exit before it). */
bool xl_fetch32(struct xl_ctx *x, uint32_t va, uint32_t *word);

struct xl_reg_name {
    const char *name;
    uint8_t bank;
    uint32_t off;
};

struct xl_guest {
    const char *name;                  /* "sparc" */
    uint32_t state_bytes;
    uint32_t insn_bytes;               /* alignment and size of an instruction */
    bool big_endian;
    unsigned mmu_count;                /* mmu indices in use */
    uint32_t unhomed, unhomed_bytes;   /* registers of bank 0 that FP, GETD and PUTD reach in memory: they have no home in a region */
    const struct xl_reg_name *regs;    /* architectural registers by name, ended by a NULL name; readable through get_reg too */
    void (*reset)(struct xl_cpu *cpu);
    /*
     * Translate the instruction at x->pc; the core has made its INSN mark and fetched its word. A control transfer writes the exits and sets x->done; for
     * anything else the core goes on at npc. Every word gives valid IR: an illegal one raises.
     */
    void (*translate)(struct xl_ctx *x, uint32_t word);
    bool (*walk)(struct xl_cpu *cpu, gva_t va, enum mmu_access access, unsigned mmu, struct mmu_walk *out);
    unsigned (*fetch_mmu)(uint32_t mode);  /* which mmu index instructions are fetched through in this mode */
    unsigned (*data_mmu)(uint32_t mode);   /* and plain loads and stores; NULL: the same */
    void (*deliver_fault)(struct xl_cpu *cpu, const struct xl_fault *f);  /* memory fault -> trap entry; env pc/npc are those of the faulting instruction */
    void (*deliver_exception)(struct xl_cpu *cpu, uint32_t exception);    /* RAISE_IF, xl_raise */
    bool (*take_interrupt)(struct xl_cpu *cpu);  /* if env.irq_level or irq_own is to be taken now: enter it, true */
    void (*timer)(struct xl_cpu *cpu);           /* xl_cpu_timer's time has come; NULL: the CPU has no timers */
    bool (*get_reg)(struct xl_cpu *cpu, unsigned index, uint64_t *value); /* index into regs[]; assembled registers (PSR with icc) */
    bool (*set_reg)(struct xl_cpu *cpu, unsigned index, uint64_t value);
    const char *(*disassemble)(uint32_t word, uint32_t pc, char *out, unsigned out_bytes);
};

/* --- what a front end may call at run time (from helpers) --- */
/* The flags pseudo-register as N<<3 | Z<<2 | V<<1 | C. */
unsigned xl_flags_nzvc(const struct xl_env *env);
void xl_flags_put(struct xl_env *env, unsigned nzvc);
_Noreturn void xl_raise(struct xl_cpu *cpu, uint32_t exception);            /* precise, at the current instruction */
_Noreturn void xl_fault(struct xl_cpu *cpu, const struct xl_fault *f);
/* Guest access from a helper, with full fault semantics. */
uint64_t xl_load(struct xl_cpu *cpu, gva_t va, struct ir_mem mem);
void xl_store(struct xl_cpu *cpu, gva_t va, struct ir_mem mem, uint64_t value);
/* Access at a physical address (MMU bypass ASIs, table walks): false when nothing is there. Big-endian value as the guest sees it. */
bool xl_phys_load(struct xl_cpu *cpu, gpa_t pa, unsigned size, uint64_t *value);
bool xl_phys_store(struct xl_cpu *cpu, gpa_t pa, unsigned size, uint64_t value);
/* Drop cached translations: one page of an mmu index (-1: all indices), or everything. Call it behind the change: what windows show is walked again. */
void xl_tlb_flush_page(struct xl_cpu *cpu, int mmu, gva_t va);
void xl_tlb_flush(struct xl_cpu *cpu, int mmu);
/* The guest says its instruction memory changed (FLUSH). Stores are watched anyway. */
void xl_code_flush(struct xl_cpu *cpu, gva_t va, uint32_t bytes);
/* The front end changed interrupt enable or went to sleep: the run loop looks at the next instruction boundary. */
void xl_attention(struct xl_cpu *cpu);
void xl_cpu_halt(struct xl_cpu *cpu, int code); /* the guest ended (error mode, PROM halt): xl_run returns XL_STOP_HALT */
/* Called by the machine's CPU-acknowledge path: SPARC interrupt acknowledge of level n. */
void xl_irq_ack(struct xl_cpu *cpu, unsigned level);
/* The CPU's second address space (PowerPC DCRs): false when nothing is there. Exact in the last instruction of a block only: the front end ends it. */
bool xl_io_read(struct xl_cpu *cpu, uint32_t address, unsigned size, uint32_t *value);
bool xl_io_write(struct xl_cpu *cpu, uint32_t address, unsigned size, uint32_t value);
/* Timers of the CPU: guest time, exact in the last instruction of a block; its clock; and the one time at which `timer` is called, UINT64_MAX never. */
uint64_t xl_cpu_time_ns(struct xl_cpu *cpu);
uint64_t xl_cpu_clock_hz(struct xl_cpu *cpu);
void xl_cpu_timer(struct xl_cpu *cpu, uint64_t when_ns);

#endif
