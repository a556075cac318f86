/* SPDX-License-Identifier: MIT */
/*
 * Arithmetic of the SPARC FPU on values alone: no registers, no traps. Exact IEEE 754 results and flags, NaNs and tininess as V8 appendix N wants them.
 */
#ifndef SPARC_FPU_H
#define SPARC_FPU_H

#include "guest/common/ieee.h"

/* Exceptions in the order of FSR's cexc. */
enum { FP_NX = 1, FP_DZ = 2, FP_UF = 4, FP_OF = 8, FP_NV = 16 };
enum fp_operation { FP_ADD, FP_SUB, FP_MUL, FP_DIV, FP_SQRT };

/* rd: FSR.RD, 0 nearest, 1 to zero, 2 up, 3 down. Flags are OR-ed into *flags. SQRT uses b. */
uint32_t fp_single(enum fp_operation op, uint32_t a, uint32_t b, unsigned rd, unsigned *flags);
uint64_t fp_double(enum fp_operation op, uint64_t a, uint64_t b, unsigned rd, unsigned *flags);
uint64_t fp_single_mul_double(uint32_t a, uint32_t b, unsigned *flags);
uint32_t fp_from_int_single(uint32_t a, unsigned rd, unsigned *flags);
uint64_t fp_from_int_double(uint32_t a);
uint64_t fp_widen(uint32_t a, unsigned *flags);
uint32_t fp_narrow(uint64_t a, unsigned rd, unsigned *flags);
uint32_t fp_single_to_int(uint32_t a, unsigned *flags); /* towards zero, saturates */
uint32_t fp_double_to_int(uint64_t a, unsigned *flags);
enum ieee_relation fp_compare_single(uint32_t a, uint32_t b, bool signal_quiet, unsigned *flags);
enum ieee_relation fp_compare_double(uint64_t a, uint64_t b, bool signal_quiet, unsigned *flags);

#endif
