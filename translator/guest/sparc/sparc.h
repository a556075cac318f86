/* SPDX-License-Identifier: MIT */
/*
 * The SPARC V8 front end: the CPU's state and what its files share.
 *
 * Register windows: win[] holds outs (8 words) and locals (8 words) of each window. Bank 1 points at those of CWP; bank 2 at the outs of CWP + 1, which are
 * the ins of CWP. SAVE and RESTORE move the two pointers.
 *
 *   r0-r7 globals: bank 0    r8-r15 outs, r16-r23 locals: bank 1    r24-r31 ins: bank 2
 *
 * icc lives in the core's flags pseudo-register. FSR is kept in parts, so that FP helpers and translated code never share a word:
 * fsr (RD, TEM, NS), ftt, fcc, aexc, cexc.
 *
 * Source: The SPARC Architecture Manual, Version 8 (V8); GRLIB IP Core User's Manual, LEON3.
 */
#ifndef SPARC_H
#define SPARC_H

#include "rt/guest.h"
#include "sparc_dec_gen.h"

enum { SPARC_WINDOWS = 8 };

struct sparc_cpu {
    uint32_t g[8]; /* g[0] stays 0 */
    uint32_t win[SPARC_WINDOWS * 16];
    _Alignas(8) uint32_t f[32]; /* f[r ^ 1]: a couple is a 64-bit word of the host */
    uint32_t y, wim, tba, tt, cwp;
    uint32_t psr; /* EF, PIL, S, PS, ET only */
    uint32_t fsr, ftt, fcc, aexc, cexc;
    uint32_t fp_guard; /* 0: the host may compute inline, struct xl_fp */
    struct {
        uint32_t number, free; /* of the instruction done inline that ftt, aexc and cexc are to be had from; 0: they are up to date */
        uint64_t operand[3];
    } late;
    uint32_t mmu_control, mmu_table, mmu_context, mmu_sfsr, mmu_sfar;
    uint32_t cache_control;
};
#define SPARC_OFF(field) ((uint32_t)offsetof(struct sparc_cpu, field))

/* PSR   31 impl 28 | 27 ver 24 | 23 icc 20 | 13 EC | 12 EF | 11 PIL 8 | 7 S | 6 PS | 5 ET | 4 CWP 0   V8 4.2 */
enum {
    PSR_ET = 1 << 5,
    PSR_PS = 1 << 6,
    PSR_S = 1 << 7,
    PSR_PIL = 0xf << 8,
    PSR_EF = 1 << 12,
    PSR_KEPT = PSR_ET | PSR_PS | PSR_S | PSR_PIL | PSR_EF,
};
#define PSR_IMPL_VER 0xf3000000u /* Gaisler, LEON3 */

/* Block key (xl_env.mode). */
enum { SPARC_MODE_S = 1, SPARC_MODE_EF = 2 };

/* mmu indices */
enum { SPARC_MMU_USER, SPARC_MMU_SUPER, SPARC_MMU_COUNT };

/* Trap types   V8 table 7-1 */
enum {
    TT_INSN_ACCESS = 0x01,
    TT_ILLEGAL = 0x02,
    TT_PRIVILEGED = 0x03,
    TT_FP_DISABLED = 0x04,
    TT_WINDOW_OVERFLOW = 0x05,
    TT_WINDOW_UNDERFLOW = 0x06,
    TT_ALIGN = 0x07,
    TT_FP_EXCEPTION = 0x08,
    TT_DATA_ACCESS = 0x09,
    TT_TAG = 0x0a,
    TT_INTERRUPT = 0x10,
    TT_CP_DISABLED = 0x24,
    TT_DIV_ZERO = 0x2a,
    TT_TRAP = 0x80,
};

/* FSR   31 RD 30 | 27 TEM 23 | 22 NS | 19 ver 17 | 16 ftt 14 | 13 qne | 11 fcc 10 | 9 aexc 5 | 4 cexc 0   V8 4.4 */
#define FSR_KEPT 0xcfc00000u
#define FSR_VER (2u << 17)
enum sparc_ftt { FTT_NONE, FTT_IEEE, FTT_UNFINISHED, FTT_UNIMPLEMENTED, FTT_SEQUENCE, FTT_HARDWARE, FTT_REGISTER };

static inline struct sparc_cpu *sparc_of(struct xl_cpu *cpu)
{
    return xl_cpu_guest(cpu);
}

/* state.c: registers that are put together, windows, traps */
uint32_t sparc_psr(struct xl_cpu *cpu);
void sparc_psr_set(struct xl_cpu *cpu, uint32_t psr);
void sparc_cwp_set(struct xl_cpu *cpu, uint32_t cwp);
uint32_t sparc_fsr(struct xl_cpu *cpu);
void sparc_fsr_set(struct xl_cpu *cpu, uint32_t fsr);
void sparc_fp_settle(struct xl_cpu *cpu); /* fpu.c: the late operation's flags into FSR */
void sparc_fp_guard(struct sparc_cpu *s);
void sparc_trap(struct xl_cpu *cpu, uint32_t tt);
void sparc_deliver_fault(struct xl_cpu *cpu, const struct xl_fault *f);
bool sparc_take_interrupt(struct xl_cpu *cpu);
extern const struct xl_reg_name sparc_regs[];
bool sparc_reg_get(struct xl_cpu *cpu, unsigned index, uint64_t *value);
bool sparc_reg_set(struct xl_cpu *cpu, unsigned index, uint64_t value);

/* mmu.c */
bool sparc_mmu_walk(struct xl_cpu *cpu, gva_t va, enum mmu_access access, unsigned mmu, struct mmu_walk *out);
void sparc_mmu_record(struct xl_cpu *cpu, const struct xl_fault *f);
bool sparc_mmu_no_fault(struct xl_cpu *cpu);
uint32_t sparc_mmu_probe(struct xl_cpu *cpu, uint32_t va);
void sparc_mmu_flush(struct xl_cpu *cpu, uint32_t va);
bool sparc_mmu_reg_get(struct xl_cpu *cpu, uint32_t reg, uint32_t *value);
bool sparc_mmu_reg_set(struct xl_cpu *cpu, uint32_t reg, uint32_t value);

/* asi.c: alternate spaces that are no plain memory. how: ASI | size << 8 | sign-extended << 12 */
uint64_t sparc_asi_load(struct xl_cpu *cpu, uint64_t how, uint64_t va);
uint64_t sparc_asi_store(struct xl_cpu *cpu, uint64_t how, uint64_t va, uint64_t value);

/* translate.c: operands, shared by the files of semantics */
struct ir_ref sparc_get(struct xl_ctx *x, unsigned r);
void sparc_put(struct xl_ctx *x, unsigned r, struct ir_ref value);
struct ir_ref sparc_operand(struct xl_ctx *x, const struct sparc_insn *d);
void sparc_raise(struct xl_ctx *x, uint32_t tt);
void sparc_rett(struct xl_ctx *x, const struct sparc_insn *d, struct ir_ref npc);
bool sparc_fpu_off(struct xl_ctx *x);

/* Semantics: one function an entry of insn.decode. */
#define X(name, lower) void sparc_##lower(struct xl_ctx *x, const struct sparc_insn *d);
SPARC_ENTRIES(X)
#undef X

#endif
