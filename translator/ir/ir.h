/* SPDX-License-Identifier: MIT */
/*
 * The intermediate representation of one block, and the functions by which a guest front end writes it.
 *
 * A block is a straight run of guest instructions with one entry and several exits. Values are SSA: an ir_ref is the index of the op that
 * made it. Guest registers are words at (bank, offset): bank 0 is the guest's own state struct; banks 1 and 2 are reached through pointers in
 * struct xl_env (register windows, banked modes), so that switching a window moves a pointer and copies nothing.
 *
 * Rules
 *  - Every guest instruction begins with ir_insn(); what is put before a faulting op of the same instruction must be restorable: write
 *    results (ir_put) after the last op of the instruction that may fault.
 *  - The budget counts INSN marks that were passed: an annulled delay slot has none, a delay slot has one of its own, a trapping instruction
 *    counts one. Exits refund what the block took in advance and did not run.
 *  - A helper that may fault or change mode, mappings or interrupt state is declared so in its xl_helper row.
 *  - Semantics are written once, as IR: interp/ and host/x64/ both walk it.
 */
#ifndef XL_IR_H
#define XL_IR_H

#include <stdbool.h>
#include <stdint.h>

struct xl_cpu;
struct xl_ctx;

enum ir_opcode {
#define X(name, result, args, effects, text) IR_OP_##name,
#include "ir_ops.def"
#undef X
    IR_OP_COUNT
};

/* Index of the op that made a value. */
struct ir_ref {
    uint16_t i;
};
#define IR_NONE ((struct ir_ref){0xffff})

/* Conditions over a - b (CMP), a + b (CMPADD) or the flags (FLAGS_COND). An even/odd pair is a condition and its negation. */
enum ir_cond {
    IR_EQ, IR_NE,   /* Z */
    IR_LTU, IR_GEU, /* C: borrow of a - b, carry of a + b */
    IR_LEU, IR_GTU, /* C or Z */
    IR_NEG, IR_POS, /* N */
    IR_VS, IR_VC,   /* V */
    IR_LT, IR_GE,   /* N xor V */
    IR_LE, IR_GT,   /* Z or (N xor V) */
    IR_NEVER, IR_ALWAYS
};

/* How the flags pseudo-register is kept. Logic results are (SUB, result, 0). NZVC: a = N<<3 | Z<<2 | V<<1 | C. */
enum xl_flags_kind { XL_FLAGS_SUB, XL_FLAGS_ADD, XL_FLAGS_NZVC };

/* A memory access. */
struct ir_mem {
    uint8_t size;     /* 1, 2, 4, 8 bytes */
    uint8_t mmu;      /* which of the guest's address translations (XL_MMU_MAX of them) */
    bool sign;        /* sign-extend */
    bool little;      /* little-endian access; false: big-endian */
    bool unaligned;   /* true: any address; false: a misaligned address faults (XL_FAULT_ALIGN) */
    bool atomic;      /* part of a load-store pair that must not be split */
};

enum { IR_OPS_MAX = 1024, IR_INSNS_MAX = 64, XL_MMU_MAX = 4, XL_BANKS = 3, XL_BANK_ENV = 3 /* struct xl_env itself */ };

struct ir_op {
    uint8_t opcode; /* enum ir_opcode */
    uint8_t cond;   /* enum ir_cond, or flags kind for FLAGS_SET, bank for GET/PUT/BANK, 1 for an INSN whose npc is that of env */
    uint16_t arg[4]; /* ir_ref indices; 0xffff none */
    uint16_t insn;  /* index of the INSN mark this belongs to */
    union {
        uint64_t imm;
        struct {
            uint32_t pc, npc; /* INSN, EXIT, EXIT_IF */
        } to;
        struct ir_mem mem;
        uint32_t off; /* GET, PUT: byte offset */
    };
};

struct ir_block {
    struct ir_op op[IR_OPS_MAX];
    uint16_t count;
    uint16_t insns; /* INSN marks */
    bool full;      /* an op did not fit: the block is unusable, translate fewer instructions */
};

/* Tables made from ir_ops.def. */
enum ir_result { IR_RESULT_N, IR_RESULT_W, IR_RESULT_D };
enum ir_effect { IR_EFFECT_P, IR_EFFECT_G, IR_EFFECT_S, IR_EFFECT_M, IR_EFFECT_E, IR_EFFECT_B };
struct ir_op_info {
    const char *name;
    uint8_t result, args, effect;
};
extern const struct ir_op_info ir_info[IR_OP_COUNT]; /* print.c */

/* Builder: each function appends one op and returns its value; constants are folded on the way. */
void ir_insn(struct xl_ctx *x, uint32_t pc, uint32_t npc);
void ir_insn_to(struct xl_ctx *x, uint32_t pc, struct ir_ref npc); /* a delay slot whose successor is known at run time only */
struct ir_ref ir_const(struct xl_ctx *x, uint32_t value);
struct ir_ref ir_const64(struct xl_ctx *x, uint64_t value);
struct ir_ref ir_get(struct xl_ctx *x, unsigned bank, uint32_t off);
void ir_put(struct xl_ctx *x, unsigned bank, uint32_t off, struct ir_ref value);
struct ir_ref ir_getd(struct xl_ctx *x, uint32_t off);
void ir_putd(struct xl_ctx *x, uint32_t off, struct ir_ref value);
struct ir_ref ir_op1(struct xl_ctx *x, enum ir_opcode op, struct ir_ref a);
struct ir_ref ir_op2(struct xl_ctx *x, enum ir_opcode op, struct ir_ref a, struct ir_ref b);
struct ir_ref ir_cmp(struct xl_ctx *x, enum ir_cond cond, struct ir_ref a, struct ir_ref b);
struct ir_ref ir_cmpadd(struct xl_ctx *x, enum ir_cond cond, struct ir_ref a, struct ir_ref b);
struct ir_ref ir_select(struct xl_ctx *x, struct ir_ref test, struct ir_ref yes, struct ir_ref no);
bool ir_is_const(struct xl_ctx *x, struct ir_ref a, uint32_t *value);
#define ir_add(x, a, b) ir_op2(x, IR_OP_ADD, a, b)
#define ir_sub(x, a, b) ir_op2(x, IR_OP_SUB, a, b)
#define ir_and(x, a, b) ir_op2(x, IR_OP_AND, a, b)
#define ir_or(x, a, b) ir_op2(x, IR_OP_OR, a, b)
#define ir_xor(x, a, b) ir_op2(x, IR_OP_XOR, a, b)
#define ir_shl(x, a, b) ir_op2(x, IR_OP_SHL, a, b)
#define ir_shr(x, a, b) ir_op2(x, IR_OP_SHR, a, b)
#define ir_sar(x, a, b) ir_op2(x, IR_OP_SAR, a, b)

/* Flags: set once per instruction; reading gives CMP/CMPADD of the operands when they are known in this block, FLAGS_COND otherwise. */
void ir_flags_set(struct xl_ctx *x, enum xl_flags_kind kind, struct ir_ref a, struct ir_ref b);
struct ir_ref ir_flags_cond(struct xl_ctx *x, enum ir_cond cond);

struct ir_ref ir_ld(struct xl_ctx *x, struct ir_mem mem, struct ir_ref addr);   /* word, or 64-bit when size is 8 */
void ir_st(struct xl_ctx *x, struct ir_mem mem, struct ir_ref addr, struct ir_ref value);

/*
 * A helper: C called from translated code. `fn` is uint64_t (*)(struct xl_cpu *, uint64_t a, uint64_t b, uint64_t c, uint64_t d) with fewer
 * arguments allowed. Flags tell the optimiser and the run loop what may change.
 */
enum xl_helper_flags {
    XL_H_READS = 1,    /* reads guest registers: puts before it must be in memory */
    XL_H_WRITES = 2,   /* writes guest registers: what was known of them is forgotten (flags too) */
    XL_H_FAULTS = 4,   /* may call xl_raise / xl_fault: state must be precise */
    XL_H_BANKS = 8,    /* moves bank pointers */
    XL_H_ENDS = 16,    /* changes mode, mappings or interrupt enable: the front end ends the block right after it */
};
typedef uint64_t (*xl_helper_fn)(struct xl_cpu *, uint64_t, uint64_t, uint64_t, uint64_t);
struct xl_helper {
    const char *name;
    void *fn;
    uint8_t flags;
};
void ir_call(struct xl_ctx *x, const struct xl_helper *h, unsigned nargs, const struct ir_ref *args);
struct ir_ref ir_callw(struct xl_ctx *x, const struct xl_helper *h, unsigned nargs, const struct ir_ref *args);
struct ir_ref ir_calld(struct xl_ctx *x, const struct xl_helper *h, unsigned nargs, const struct ir_ref *args);

/*
 * A floating-point operation of a guest whose FPU rounds as IEEE 754 wants it. The host computes inline when `guard` is 0 and the result is a normal number or an exact zero, so that no
 * exception but inexact can have come with it; it then leaves number and operands in `late`, from which the guest finds flags when somebody reads them. Else, and in the interpreter, slow
 * does all of it. Operations of one operand take the second.
 *
 *   guard  word of bank 0, 0 while rounding is to nearest and inexact is recorded already and not trapped; 0: the operation is exact and neither reads nor leaves operands
 *   late   bank 0: number as 64 bits (the upper half becomes 0), three operands of 8 bytes as they were; number 0: nothing is left
 *   whole  slow does not look at `late` but to replace it: what an operation left there is dead when another one follows at once
 */
enum xl_fp_op {
    XL_FP_ADD, XL_FP_SUB, XL_FP_MUL, XL_FP_DIV, XL_FP_SQRT,
    XL_FP_MADD /* first * third + second */, XL_FP_MSUB, XL_FP_NMADD, XL_FP_NMSUB,
    XL_FP_MUL_WIDE, /* of words, to a double */
    XL_FP_NARROW,   /* a double to a single */
    XL_FP_WIDEN,    /* a word to a double */
    XL_FP_CUT,      /* a double to a word, without rounding   Book E 5.6.3 */
    XL_FP_FROM_INT, /* a word, signed */
    XL_FP_TO_INT,   /* to a word, towards zero; ROUNDED: a double, with `upper` above it */
    XL_FP_TO_NEAR,  /* to a word, to nearest */
    XL_FP_COMPARE,  /* first with second; gives a word: less, greater or equal */
    XL_FP_SELECT    /* third when the first is not less than zero and no NaN, else second */
};
enum xl_fp_form { XL_FP_DOUBLE, XL_FP_SINGLE /* words */, XL_FP_ROUNDED /* singles kept as doubles */ };
struct xl_fp {
    const char *name;
    uint64_t (*slow)(struct xl_cpu *cpu, uint64_t word); /* may raise; if not, it writes registers without a home only, as the block may keep values in the others */
    uint8_t op, form;
    bool whole;
    uint8_t less, greater, equal;
    uint32_t guard, late, number, upper;
};
struct xl_fp_regs {
    uint16_t to, a, b, c; /* byte offsets in bank 0 */
};
void ir_fp(struct xl_ctx *x, const struct xl_fp *fp, struct xl_fp_regs regs, uint32_t word);

void ir_bank(struct xl_ctx *x, unsigned bank, uint32_t off, struct ir_ref at); /* bank 1 or 2 lies at byte off + at of bank 0 from now on */
void ir_exit(struct xl_ctx *x, uint32_t pc, uint32_t npc);
void ir_exit_if(struct xl_ctx *x, struct ir_ref test, uint32_t pc, uint32_t npc);
void ir_exit_ind(struct xl_ctx *x, struct ir_ref pc, struct ir_ref npc);
void ir_exit_state(struct xl_ctx *x);
void ir_raise_if(struct xl_ctx *x, struct ir_ref test, uint32_t exception);

/* Text of a block, one op a line, for --dump and the golden tests. Returns bytes written without the final zero (as snprintf). */
int ir_print(const struct ir_block *b, char *out, int out_bytes);
/* Check of the rules above; NULL when the block is well-formed, else a sentence. Debug builds call it after the front end and after each pass. */
const char *ir_verify(const struct ir_block *b);

#endif
