/* SPDX-License-Identifier: MIT */
/*
 * The MIPS32 release 2 front end, as a little-endian 24Kc: the CPU's state and what its files share.
 *
 * Delay slots. Between a branch and its slot the state is (pc, npc) = (slot, successor | NPC_SLOT): instructions lie at multiples of four, so bit 0 of npc is free to say that
 * pc is in a slot, which an exception has to tell in Cause.BD even where the branch is not taken. A jump to an address that is no multiple of four has NPC_BAD as well and
 * its target in bad_target; it traps when it arrives, behind the slot.
 *
 * Source: MIPS32 Architecture For Programmers, volumes II and III, revision 2 (II, III); MIPS32 24K Processor Core Family Software User's Manual (24K).
 */
#ifndef MIPS_H
#define MIPS_H

#include "rt/guest.h"
#include "mips_dec_gen.h"

enum { MIPS_TLB_ENTRIES = 16 };
enum { NPC_SLOT = 1, NPC_BAD = 2 };

/* A TLB entry: a pair of pages   III 4.4 */
struct mips_tlb {
    uint32_t hi, mask, lo[2]; /* as EntryHi, PageMask, EntryLo0 and EntryLo1; G is in neither lo */
    uint32_t global;
};

struct mips_cpu {
    uint32_t r[32]; /* r[0] stays 0 */
    uint32_t hi, lo;
#define CP0(number, sel, field, read, write, mask) uint32_t field;
#include "cp0.def"
    uint32_t linked; /* LL was, and nothing came between */
    uint32_t bad_target;
    struct mips_tlb tlb[MIPS_TLB_ENTRIES];
    /* timer.c; ticks of Count's clock since power on */
    uint64_t count_offset; /* Count - ticks, while it counts */
    uint64_t compare_at;   /* when Count reaches Compare next; UINT64_MAX: it stands still */
};
#define MIPS_OFF(field) ((uint32_t)offsetof(struct mips_cpu, field))
#define MIPS_GPR(n) (MIPS_OFF(r) + 4 * (n))

/* Status   III 8.19 */
enum {
    STATUS_IE = 1,
    STATUS_EXL = 2,
    STATUS_ERL = 4,
    STATUS_UM = 0x10,
    STATUS_IM = 0xff00,
    STATUS_BEV = 0x400000,
    STATUS_CU0 = 0x10000000,
};
/* Cause   III 8.23 */
#define CAUSE_BD 0x80000000u
#define CAUSE_TI 0x40000000u
enum { CAUSE_CE_SHIFT = 28, CAUSE_DC = 0x08000000, CAUSE_IV = 0x00800000, CAUSE_IP_SHIFT = 8, CAUSE_SOFTWARE = 0x300, CAUSE_CODE = 0x7c };

/* Block key (xl_env.mode). */
enum { MIPS_MODE_USER = 1, MIPS_MODE_ERL = 2, MIPS_MODE_CU0 = 4 };
/* mmu indices; MIPS_MMU_ERROR: the kernel while Status.ERL makes kuseg unmapped */
enum { MIPS_MMU_USER, MIPS_MMU_KERNEL, MIPS_MMU_ERROR, MIPS_MMU_COUNT };

/* Exceptions by their code in Cause   III table 8-33. As exceptions of the core: the code, with what is told besides. */
enum mips_exception {
    EXC_INT = 0,
    EXC_MODIFIED = 1,
    EXC_TLB_LOAD = 2,
    EXC_TLB_STORE = 3,
    EXC_ADDRESS_LOAD = 4,
    EXC_ADDRESS_STORE = 5,
    EXC_BUS_FETCH = 6,
    EXC_BUS_DATA = 7,
    EXC_SYSCALL = 8,
    EXC_BREAK = 9,
    EXC_RESERVED = 10,
    EXC_COPROCESSOR = 11,
    EXC_OVERFLOW = 12,
    EXC_TRAP = 13,
    EXC_BAD_JUMP = 32, /* none of the CPU's: a jump to r[rs] that is misaligned goes into its slot */
    EXC_CODE = 63,
    EXC_UNIT_SHIFT = 8,
    EXC_RS_SHIFT = 8,
    EXC_RD_SHIFT = 16,
};

/* env.irq_level: the CPU's five inputs IP2 to IP6 as bits 0 to 4. env.irq_own: Cause's requests of its own. */
enum { OWN_TIMER = 1, OWN_SOFTWARE = 2 };

static inline struct mips_cpu *mips_of(struct xl_cpu *cpu)
{
    return xl_cpu_guest(cpu);
}

/* state.c: registers that are put together, exceptions */
uint32_t mips_cause(struct xl_cpu *cpu);
void mips_status_set(struct xl_cpu *cpu, uint32_t status);
void mips_cause_set(struct xl_cpu *cpu, uint32_t cause);
void mips_requests_update(struct xl_cpu *cpu); /* what the CPU asks of itself, to the core */
void mips_exception_return(struct xl_cpu *cpu);
void mips_deliver_fault(struct xl_cpu *cpu, const struct xl_fault *f);
void mips_deliver_exception(struct xl_cpu *cpu, uint32_t exception);
bool mips_take_interrupt(struct xl_cpu *cpu);
void mips_reset(struct xl_cpu *cpu);
extern const struct xl_reg_name mips_regs[];
bool mips_reg_get(struct xl_cpu *cpu, unsigned index, uint64_t *value);
bool mips_reg_set(struct xl_cpu *cpu, unsigned index, uint64_t value);

/* mmu.c */
enum mips_walk_fault { WALK_MISS = 1, WALK_INVALID, WALK_READ_ONLY, WALK_ADDRESS };
bool mips_mmu_walk(struct xl_cpu *cpu, gva_t va, enum mmu_access access, unsigned mmu, struct mmu_walk *out);
void mips_mmu_reset(struct xl_cpu *cpu);
void mips_entryhi_set(struct xl_cpu *cpu, uint32_t entryhi);
void mips_pagemask_set(struct xl_cpu *cpu, uint32_t pagemask);
void mips_wired_set(struct xl_cpu *cpu, uint32_t wired);
void mips_tlb_write(struct xl_cpu *cpu, bool random);
void mips_tlb_read(struct xl_cpu *cpu);
void mips_tlb_probe(struct xl_cpu *cpu);

/* timer.c; whoever reads time is the last instruction of its block */
void mips_timer_reset(struct xl_cpu *cpu);
void mips_timer_update(struct xl_cpu *cpu); /* what is due shows in Cause; the next event is armed */
uint32_t mips_count(struct xl_cpu *cpu);
void mips_count_set(struct xl_cpu *cpu, uint32_t count);
void mips_compare_set(struct xl_cpu *cpu, uint32_t compare);
void mips_count_stop(struct xl_cpu *cpu, bool stop);

/* translate.c: operands, shared by the files of semantics */
struct ir_ref mips_get(struct xl_ctx *x, unsigned r);
void mips_put(struct xl_ctx *x, unsigned r, struct ir_ref value);
void mips_raise(struct xl_ctx *x, uint32_t exception);
void mips_end_block(struct xl_ctx *x);
bool mips_cp0_off(struct xl_ctx *x); /* true: the instruction is privileged and was made to trap */
unsigned mips_mmu_data(const struct xl_ctx *x);

/* Semantics: one function an entry of insn.decode. */
#define X(name, lower) void mips_##lower(struct xl_ctx *x, const struct mips_insn *d);
MIPS_ENTRIES(X)
#undef X

#endif
