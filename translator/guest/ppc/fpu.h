/* SPDX-License-Identifier: MIT */
/*
 * The FPU of the PowerPC 440EP on its own state: registers and FPSCR, and every operation on them. Nothing here knows of translation, memory or interrupts.
 *
 * Layers
 *   fpu_math.c   values and FPSCR in, result and FPSCR bits out: exact, in integers. It is the reference.
 *   fpu_state.c  the same on struct ppc_fpu. In the common case (round to nearest, XX set and not trapped, a normal result) the host computes, and FR, FI and FPRF wait
 *                in `late` until somebody reads FPSCR: then fpu_math.c computes them from the operands.
 *   fpu.c        the instructions: IR, helpers, exceptions.
 *
 * FPRs hold doubles; a single is a double that a single can hold.
 *
 * Source: Book E: Enhanced PowerPC Architecture 1.0, 5 (Floating-Point Operations) and its appendix on execution models; PowerPC Microprocessor Family: The
 * Programming Environments for 32-bit Microprocessors, 3 and appendix D.
 */
#ifndef PPC_FPU_H
#define PPC_FPU_H

#include "guest/common/ieee.h"

/*
 * FPSCR   bit 0 is the leftmost
 *
 *   0  1   2  3  4  5  6  7      8     9     10    11    12   13 14 15   19 20 21     22     23    24 25 26 27 28 29 30 31
 *   FX FEX VX OX UX ZX XX VXSNAN VXISI VXIDI VXZDZ VXIMZ VXVC FR FI FPRF    -  VXSOFT VXSQRT VXCVI VE OE UE ZE XE NI RN
 */
#define FPSCR_FX 0x80000000u
#define FPSCR_FEX 0x40000000u
#define FPSCR_VX 0x20000000u
#define FPSCR_OX 0x10000000u
#define FPSCR_UX 0x08000000u
#define FPSCR_ZX 0x04000000u
#define FPSCR_XX 0x02000000u
#define FPSCR_VXSNAN 0x01000000u
#define FPSCR_VXISI 0x00800000u
#define FPSCR_VXIDI 0x00400000u
#define FPSCR_VXZDZ 0x00200000u
#define FPSCR_VXIMZ 0x00100000u
#define FPSCR_VXVC 0x00080000u
#define FPSCR_FR 0x00040000u
#define FPSCR_FI 0x00020000u
#define FPSCR_FPRF 0x0001f000u
#define FPSCR_FPCC 0x0000f000u /* FPRF without C: FL FG FE FU */
#define FPSCR_VXSOFT 0x00000400u
#define FPSCR_VXSQRT 0x00000200u
#define FPSCR_VXCVI 0x00000100u
#define FPSCR_VE 0x00000080u
#define FPSCR_OE 0x00000040u
#define FPSCR_UE 0x00000020u
#define FPSCR_ZE 0x00000010u
#define FPSCR_XE 0x00000008u
#define FPSCR_NI 0x00000004u /* kept; results are IEEE's in either mode */
#define FPSCR_RN 0x00000003u
#define FPSCR_VX_ALL (FPSCR_VXSNAN | FPSCR_VXISI | FPSCR_VXIDI | FPSCR_VXZDZ | FPSCR_VXIMZ | FPSCR_VXVC | FPSCR_VXSOFT | FPSCR_VXSQRT | FPSCR_VXCVI)
#define FPSCR_EXCEPTIONS (FPSCR_OX | FPSCR_UX | FPSCR_ZX | FPSCR_XX | FPSCR_VX_ALL)
#define FPSCR_KEPT 0xfffff7ffu /* bit 20 is reserved and 0 */
enum { RN_NEAREST, RN_ZERO, RN_UP, RN_DOWN };

/* FPRF of each kind of value: C FL FG FE FU, in place. A negative one swaps FL and FG, or sets C of a zero. */
#define FPRF_QNAN 0x11000u
#define FPRF_INFINITY 0x05000u
#define FPRF_NORMAL 0x04000u
#define FPRF_SUBNORMAL 0x14000u
#define FPRF_ZERO 0x02000u

#define PPC_FP_CONVERTED 0xfff80000u /* what fctiw leaves in the upper word, which the manual leaves undefined */

enum ppc_fp_op {
    FPU_ADD, FPU_SUB, FPU_MUL, FPU_DIV, FPU_SQRT, FPU_MADD, FPU_MSUB, FPU_NMADD, FPU_NMSUB,
    FPU_RSP, FPU_RES, FPU_RSQRTE, FPU_CTIW, FPU_CTIWZ, FPU_OPS
};

/* What an operation does to its target and to FPSCR. */
struct ppc_fp_outcome {
    uint64_t bits;
    uint32_t set;      /* exceptions, FR, FI and FPRF that come out; without FX, FEX, VX */
    uint32_t replaced; /* of FR, FI, FPRF: those that take the value in `set`; the others keep theirs */
    bool written;      /* false: an enabled exception leaves the target alone */
};

/* a, b, c: contents of FRA, FRB, FRC as far as the operation has them (one operand: b). single: rounded to single. */
struct ppc_fp_outcome ppc_fp_compute(enum ppc_fp_op op, bool single, uint64_t a, uint64_t b, uint64_t c, uint32_t fpscr);
struct ppc_fp_outcome ppc_fp_compare(bool ordered, uint64_t a, uint64_t b, uint32_t fpscr);
uint64_t ppc_fp_from_single(uint32_t word); /* lfs: every bit pattern, nothing is signalled */
uint32_t ppc_fp_to_single(uint64_t bits);   /* stfs: cuts off, signals nothing */

struct ppc_fpu {
    uint64_t f[32];
    uint32_t fpscr;         /* FR, FI and FPRF are those of `late` when late_op is set, FPCC that of late_relation: read by ppc_fpscr() */
    uint32_t guard;         /* 0: XX is set and not trapped, rounding is to nearest, nothing enabled is pending: the host may compute inline (struct xl_fp) */
    uint32_t late_op;       /* 0, or 1 + enum ppc_fp_op + 256 when single */
    uint32_t late_relation; /* 0, or FPCC of a compare after it; written along with late_op (struct xl_fp) */
    uint64_t late[3];       /* its operands: FRA, FRB, FRC; of a multiplication FRA, FRC */
    uint32_t single;        /* on its way between memory and a register */
    uint32_t free;
};

/* Each leaves FEX in FPSCR; the caller raises the exception when it is set and MSR wants it. Registers are 0..31. */
void ppc_fp_do(struct ppc_fpu *f, enum ppc_fp_op op, bool single, unsigned d, unsigned a, unsigned b, unsigned c);
unsigned ppc_fp_do_compare(struct ppc_fpu *f, bool ordered, unsigned a, unsigned b); /* gives LT GT EQ UN as 8 4 2 1 */
uint32_t ppc_fpscr(struct ppc_fpu *f);
void ppc_fpscr_put(struct ppc_fpu *f, uint32_t value, uint32_t mask); /* mtfsf, mtfsfi: sets FX as it is told only */
void ppc_fpscr_bit(struct ppc_fpu *f, unsigned bit, bool value);      /* mtfsb0, mtfsb1 */
unsigned ppc_fpscr_field_take(struct ppc_fpu *f, unsigned field);     /* mcrfs: gives the field, and clears its exceptions */
uint64_t ppc_fp_select(uint64_t a, uint64_t b, uint64_t c);           /* fsel */

#endif
