/* SPDX-License-Identifier: MIT */
/*
 * The PowerPC 440 front end: the CPU's state and what its files share.
 *
 * Each bit of CR is a word that is 0 or 1, so that a compare, a CR operation and a conditional branch are operations on words; XER's SO, OV and CA likewise. What translated code
 * touches most lies first (ir/known.h remembers the first 128 words).
 *
 * Bits are written by their value here; the manuals count them from the left.
 *
 * Source: Book E: Enhanced PowerPC Architecture 1.0; PPC440x6 Embedded Processor Core User's Manual (440); PPC440EP User's Manual.
 */
#ifndef PPC_H
#define PPC_H

#include "rt/guest.h"
#include "fpu.h"
#include "ppc_dec_gen.h"

enum { PPC_TLB_ENTRIES = 64 };

/* A TLB entry as tlbwe writes it: word 0 without its TID, word 1, word 2, and the TID   440 5.3 */
struct ppc_tlb {
    uint32_t page, real;
    uint16_t rights;
    uint8_t tid;
};

/*
 * A CR field: (a < b) << 3 | (a > b) << 2 | (a == b) << 1, with what `how` says: bit 31 that numbers have no sign, bits 3 to 0 what is turned around. Bit 0 of the sum is the
 * field's SO. A compare puts its operands as they are and a constant; bits that no compare gives are put by `how` with a = b = 0.
 */
struct ppc_field {
    uint32_t a, b, how;
};
#define FIELD_UNSIGNED 0x80000000u
enum { FIELD_TURNED = 15, FIELD_EQUAL = 2 /* the field where a == b and nothing is turned */ };

struct ppc_cpu {
    uint32_t r[32];
    struct ppc_field cr[8];
    uint32_t so, ov, ca, xer_bytes;
    uint32_t msr;
    uint32_t reserved, reserved_at; /* lwarx: 1 and the address */
#define SPR(number, field, read, write, mask) uint32_t field;
#include "spr.def"
    struct ppc_tlb tlb[PPC_TLB_ENTRIES];
    uint32_t little; /* entries of little-endian pages */
    struct ppc_fpu fpu;
    /* timers.c; ticks of the CPU's clock since power on, UINT64_MAX never */
    uint64_t tb_offset; /* time base - ticks */
    uint64_t dec_zero, fit_next, watchdog_next;
    uint64_t frozen, lost; /* the tick at which a debug event stopped the timers, UINT64_MAX: they run; ticks that they stood still before */
    uint32_t dec_stopped; /* what DEC reads when dec_zero is never */
};
#define PPC_OFF(field) ((uint32_t)offsetof(struct ppc_cpu, field))
#define PPC_GPR(n) (PPC_OFF(r) + 4 * (n))
#define PPC_FPR(n) (PPC_OFF(fpu.f) + 8 * (n))
#define PPC_FIELD(n, word) (PPC_OFF(cr) + (uint32_t)sizeof(struct ppc_field) * (n) + (uint32_t)offsetof(struct ppc_field, word))

/* MSR   440 2.8.5 */
enum {
    MSR_DS = 0x10,
    MSR_IS = 0x20,
    MSR_FE1 = 0x100,
    MSR_DE = 0x200,
    MSR_DWE = 0x400,
    MSR_FE0 = 0x800,
    MSR_ME = 0x1000,
    MSR_FP = 0x2000,
    MSR_PR = 0x4000,
    MSR_EE = 0x8000,
    MSR_CE = 0x20000,
    MSR_WE = 0x40000,
    MSR_KEPT = MSR_DS | MSR_IS | MSR_FE1 | MSR_DE | MSR_DWE | MSR_FE0 | MSR_ME | MSR_FP | MSR_PR | MSR_EE | MSR_CE | MSR_WE,
};

/*
 * Block key (xl_env.mode): the mmu index of instructions is (IS << 1 | PR), that of data (DS << 1 | PR). XER's SO, which hardly ever is 1 and goes into every compare, is a constant of
 * a block. So is whether integers must be aligned (CCR0.FLSTA), and which debug events may happen.
 */
enum { PPC_MODE_PR = 1, PPC_MODE_IS = 2, PPC_MODE_DS = 4, PPC_MODE_FP = 8, PPC_MODE_SO = 16, PPC_MODE_ALIGNED = 32 };
enum {
    PPC_MODE_IAC = 64,
    PPC_MODE_DAC = 128,
    PPC_MODE_BRT = 256,
    PPC_MODE_TRAP = 512,
    PPC_MODE_RET = 1024,
    PPC_MODE_ICMP = 2048,
    PPC_MODE_DEBUG = PPC_MODE_IAC | PPC_MODE_DAC | PPC_MODE_BRT | PPC_MODE_TRAP | PPC_MODE_RET | PPC_MODE_ICMP,
};
enum { PPC_MMU_COUNT = 4 };

/* Interrupts by the IVOR that holds their offset   440 6.5. As exceptions of the core: this number, with bits of ESR. */
enum ppc_interrupt {
    INT_CRITICAL,
    INT_MACHINE_CHECK,
    INT_DATA_STORAGE,
    INT_INSN_STORAGE,
    INT_EXTERNAL,
    INT_ALIGNMENT,
    INT_PROGRAM,
    INT_FP_UNAVAILABLE,
    INT_SYSTEM_CALL,
    INT_AP_UNAVAILABLE,
    INT_DECREMENTER,
    INT_FIT,
    INT_WATCHDOG,
    INT_DATA_TLB,
    INT_INSN_TLB,
    INT_DEBUG,
};
enum { INT_MASK = 15 };

/* ESR   440 6.4.7 */
#define ESR_MCI 0x80000000u
#define ESR_PIL 0x08000000u
#define ESR_PPR 0x04000000u
#define ESR_PTR 0x02000000u
#define ESR_FP 0x01000000u
#define ESR_ST 0x00800000u
#define ESR_DLK_DCBF 0x00200000u
#define ESR_DLK_ICBI 0x00100000u
#define ESR_KEPT 0xfffffff0u

/* env.irq_level, as the machine drives it; env.irq_own, as timers.c does. */
enum { IRQ_EXTERNAL = 1, IRQ_CRITICAL = 2 };
enum { OWN_DECREMENTER = 1, OWN_FIT = 2, OWN_WATCHDOG = 4, OWN_DEBUG = 8 };

static inline struct ppc_cpu *ppc_of(struct xl_cpu *cpu)
{
    return xl_cpu_guest(cpu);
}

/* state.c: registers that are put together, interrupts */
uint32_t ppc_cr(const struct ppc_cpu *s);
void ppc_cr_set(struct ppc_cpu *s, uint32_t cr, uint32_t mask); /* the fields that mask touches */
void ppc_field_set(struct ppc_cpu *s, unsigned field, uint32_t bits);
uint32_t ppc_xer(const struct ppc_cpu *s);
void ppc_xer_set(struct xl_cpu *cpu, uint32_t xer);
void ppc_mode_update(struct xl_cpu *cpu); /* after a change of MSR, SO, CCR0 or what debug events may happen */
void ppc_msr_set(struct xl_cpu *cpu, uint32_t msr);
void ppc_deliver_fault(struct xl_cpu *cpu, const struct xl_fault *f);
void ppc_deliver_exception(struct xl_cpu *cpu, uint32_t exception);
bool ppc_take_interrupt(struct xl_cpu *cpu);
void ppc_reset(struct xl_cpu *cpu);
extern const struct xl_reg_name ppc_regs[];
bool ppc_reg_get(struct xl_cpu *cpu, unsigned index, uint64_t *value);
bool ppc_reg_set(struct xl_cpu *cpu, unsigned index, uint64_t value);

/* mmu.c */
enum ppc_walk_fault { WALK_MISS = 1, WALK_RIGHTS };
bool ppc_mmu_walk(struct xl_cpu *cpu, gva_t va, enum mmu_access access, unsigned mmu, struct mmu_walk *out);
enum { PAGE_INHIBITED = 0x400, PAGE_LITTLE = 0x80 };
unsigned ppc_mmu_attributes(struct xl_cpu *cpu, uint32_t va, unsigned mmu); /* word 2 of the entry, 0 without one */
void ppc_mmu_reset(struct xl_cpu *cpu);
void ppc_pid_set(struct xl_cpu *cpu, uint32_t pid);
uint64_t ppc_tlb_read(struct xl_cpu *cpu, uint64_t index, uint64_t word);
uint64_t ppc_tlb_write(struct xl_cpu *cpu, uint64_t index, uint64_t word, uint64_t value);
uint64_t ppc_tlb_search(struct xl_cpu *cpu, uint64_t va); /* index, or bit 32 for none */

/* timers.c; whoever reads time is the last instruction of its block */
void ppc_timers_reset(struct xl_cpu *cpu);
void ppc_timers_update(struct xl_cpu *cpu); /* what is due shows in TSR; the next event is armed */
uint32_t ppc_timer_get(struct xl_cpu *cpu, unsigned spr);
void ppc_timer_set(struct xl_cpu *cpu, unsigned spr, uint32_t value);
void ppc_timers_freeze(struct xl_cpu *cpu, bool freeze);
enum { SPR_DEC = 22, SPR_TBL = 268, SPR_TBU = 269, SPR_TBL_WRITE = 284, SPR_TBU_WRITE = 285, SPR_TSR = 336, SPR_TCR = 340 };

/* debug.c: at run time */
uint32_t ppc_debug_mode(const struct ppc_cpu *s); /* PPC_MODE_DEBUG */
void ppc_debug_update(struct xl_cpu *cpu);
bool ppc_debug_is_pending(const struct ppc_cpu *s);
bool ppc_debug_stopped(const struct ppc_cpu *s);
bool ppc_debug_fetch(struct xl_cpu *cpu, uint32_t pc); /* true: a Debug interrupt is to come, before the instruction or its fault */
void ppc_debug_interrupt(struct xl_cpu *cpu, bool is_critical); /* one was entered */
/* `how` of an access: bytes, 0 for a cache line; the mmu index; which rights it needs, as which event it counts, how it may fail. */
enum { ACCESS_SIZE = 15, ACCESS_MMU_SHIFT = 4, ACCESS_STORES = 64, ACCESS_COUNTS_AS_STORE = 128, ACCESS_LITTLE = 256, ACCESS_ALIGNED = 512, ACCESS_HINTS = 1024 };
enum { ACCESS_STORE = ACCESS_STORES | ACCESS_COUNTS_AS_STORE };
uint32_t ppc_access_of(struct ir_mem mem, unsigned flags);
void ppc_debug_data(struct xl_cpu *cpu, uint32_t how, uint32_t va, uint64_t value);
/* and as IR, where the block's mode asks for it: before an effect of the instruction, but for the last */
void ppc_debug_begin(struct xl_ctx *x);
void ppc_debug_branch(struct xl_ctx *x, struct ir_ref test); /* IR_NONE: it is taken in any case */
void ppc_debug_trap(struct xl_ctx *x, struct ir_ref test);
enum ppc_return { RETURN_PLAIN, RETURN_CRITICAL };
void ppc_debug_return(struct xl_ctx *x, enum ppc_return from);
void ppc_debug_access(struct xl_ctx *x, uint32_t how, struct ir_ref at, struct ir_ref value);
void ppc_debug_end(struct xl_ctx *x);

/* translate.c: operands, shared by the files of semantics */
struct ir_ref ppc_get(struct xl_ctx *x, unsigned r);
struct ir_ref ppc_base(struct xl_ctx *x, unsigned r); /* 0 for r0 */
void ppc_put(struct xl_ctx *x, unsigned r, struct ir_ref value);
struct ir_ref ppc_so(struct xl_ctx *x);
void ppc_so_put(struct xl_ctx *x, struct ir_ref so); /* the last of its instruction: may end the block */
void ppc_record(struct xl_ctx *x, struct ir_ref result, struct ir_ref so); /* the result against 0 into field 0 */
void ppc_field_put(struct xl_ctx *x, unsigned field, struct ir_ref bits); /* LT GT EQ SO as 8 4 2 1 */
struct ir_ref ppc_cr_bit(struct xl_ctx *x, unsigned bit);                 /* 0 or 1; bits 0 to 31 from the left */
void ppc_cr_bit_put(struct xl_ctx *x, unsigned bit, struct ir_ref value);
void ppc_finish(struct xl_ctx *x, const struct ppc_insn *d, struct ir_ref result, struct ir_ref ov); /* field 0 with Rc; the overflow, IR_NONE without OE */
void ppc_raise(struct xl_ctx *x, uint32_t exception);
bool ppc_user_traps(struct xl_ctx *x); /* true: the instruction is privileged and was made to trap */
bool ppc_fpu_off(struct xl_ctx *x); /* true: the FPU is off and the instruction was made to trap */
struct ir_ref ppc_f_get(struct xl_ctx *x, unsigned r); /* 64 bits */
void ppc_f_put(struct xl_ctx *x, unsigned r, struct ir_ref value);
void ppc_end_block(struct xl_ctx *x);
unsigned ppc_mmu_data(const struct xl_ctx *x);

/* Semantics: one function an entry of insn.decode. */
#define X(name, lower) void ppc_##lower(struct xl_ctx *x, const struct ppc_insn *d);
PPC_ENTRIES(X)
#undef X

#endif
