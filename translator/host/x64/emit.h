/* SPDX-License-Identifier: MIT */
/*
 * The emitter's scratch for one block, and what its files offer each other. Private to host/x64.
 *
 * Host registers in translated code: rbp cpu (seen below its window), r12 and r13 guest banks 1 and 2, r14 budget, rax and rcx scratch, rsp spill slots; all others hold IR
 * values. Nothing lives in registers across blocks, and guest registers are written through, so state is precise wherever a block can be left.
 *
 * In a region the guest registers used most have homes: a host register each, loaded at the entry and stored wherever the region can be left or looked into. A GET of such
 * a register is an alias of its home; a PUT moves the value there, or finds it made there.
 */
#ifndef X64_EMIT_H
#define X64_EMIT_H

#include "host/x64/asm.h"
#include "rt/cpu.h"

enum {
    EMIT_SLOTS = 128,
    EMIT_COLD_MAX = 384,
    EMIT_ROOM = 1024,      /* bytes that one op may take at most, its calls and spills included */
    EMIT_COLD_ROOM = 640,  /* bytes that one cold piece may take */
    EMIT_HOMES = 8,
    EMIT_BACKED = 32,      /* values whose place in the guest's state is kept in mind */
    EMIT_WORDS = 128,      /* of a bank that may have a home */
    EMIT_JUMPS = 64,       /* between the blocks of a region */
    EMIT_COPY_FIRST = 5,   /* xmm registers that hold copies, copies.c */
    EMIT_COPIES = 11,
    EMIT_COPY_WIDE = 1,    /* in a copy's offset: it is a double */
    EMIT_NONE = 0xffff,
};

/* A word or more of the host's memory. */
struct emit_place {
    uint8_t base; /* host register */
    int32_t disp;
};

struct emit_value {
    uint16_t last;  /* op that uses it last */
    uint16_t uses;
    uint8_t reg;    /* X64_NO_REG: not in a register */
    uint8_t slot;   /* 0xff: not on the stack */
    bool backed;    /* lies in the guest register of `back` too */
    struct emit_place back;
    bool deferred;  /* a comparison or address that its only user makes itself */
    uint8_t home;   /* lives in this home (number + 1) */
    uint8_t hint;   /* will be put into this home (number + 1), and nothing looks there before */
};

/* A guest register that lives in a host register for the whole region. */
struct emit_home {
    uint8_t bank, reg;
    bool written;
    unsigned accesses;
    uint32_t off;
};

/* A jump to another block of the region whose place is not known yet. */
struct emit_jump {
    uint8_t *jump;
    unsigned to;
};

enum emit_cold_kind { COLD_LOAD, COLD_LOAD_PROBE, COLD_STORE, COLD_STORE_PROBE, COLD_FLAGS, COLD_RAISE, COLD_FP, COLD_EXIT, COLD_IND, COLD_BUDGET };

/* A piece of code behind the block, reached by a forward jump. */
struct emit_cold {
    uint8_t kind, reg_a, reg_b, reg_result, reg_npc;
    uint16_t op;
    uint16_t insn;      /* the instruction that it belongs to */
    uint16_t passed;    /* INSN marks passed */
    bool ends;
    uint8_t *from;      /* rel32 that jumps here; NULL: none does */
    uint8_t *direct;    /* access through a window whose slow form this is, NULL */
    int32_t disp;       /* the address is reg_a + disp */
    uint8_t *back;
    uint8_t *accept;    /* FP: where an exact zero goes on, NULL */
    uint8_t xmm[3], xmm_result; /* FP: operands and result */
    uint16_t copy[EMIT_COPIES]; /* what is known of xmm registers at `back` */
};

struct emit {
    struct x64 a;
    struct xl_cpu *cpu;
    struct xl_vm *vm;
    struct ir_block *ir;
    struct xl_block *block;
    uint32_t number;
    unsigned half;       /* of the code cache */
    uint32_t directs;    /* recorded before this block */
    unsigned op;         /* index of the op in work */
    unsigned passed;     /* INSN marks passed */
    uint16_t insn_op;    /* the running INSN */
    bool ends;           /* a helper changed mode or mappings: all exits go through the run loop */
    bool failed, full;
    int flags_kind;      /* known to be in env, -1 unknown */
    uint32_t pinned;     /* registers that must stay during this op */
    uint16_t owner[16];
    bool slot_used[EMIT_SLOTS];
    const struct xl_loop *loop; /* NULL: a single block */
    struct emit_home home[EMIT_HOMES];
    unsigned homes;
    unsigned accesses[XL_BANKS][EMIT_WORDS];
    bool writes[XL_BANKS][EMIT_WORDS];
    uint32_t reserved;   /* host registers that hold no values: homes, and bases of banks */
    uint16_t backed[EMIT_BACKED];
    unsigned backed_count;
    uint8_t *label[XL_REGION_BLOCKS];
    struct emit_jump jump[EMIT_JUMPS];
    unsigned jumps;
    uint32_t pc;         /* of the block in work */
    unsigned colds;
    uint16_t copy[EMIT_COPIES]; /* EMIT_NONE, or the offset in bank 0, with EMIT_COPY_WIDE */
    unsigned copy_turn;
    uint32_t singles;    /* copies that a single can hold */
    struct emit_value value[IR_OPS_MAX];
    struct emit_cold cold[EMIT_COLD_MAX];
    /* made once */
    bool has_movbe, has_fma;
    uint8_t *leave, *load, *store, *flags, *raise, *next, *fp;
};

/* regs.c */
void regs_plan(struct emit *e);
uint16_t regs_npc_source(const struct emit *e, const struct ir_op *insn);
unsigned regs_use(struct emit *e, uint16_t ref);
unsigned regs_make(struct emit *e);
unsigned regs_make_over(struct emit *e, uint16_t ref);
bool regs_stays(const struct emit *e, uint16_t ref);
unsigned regs_make_for(struct emit *e, uint16_t ref);
bool regs_dies(const struct emit *e, uint16_t ref);
void regs_done(struct emit *e);
void regs_before_call(struct emit *e);
void regs_load_arg(struct emit *e, unsigned reg, uint16_t ref);
void regs_get_home(struct emit *e, unsigned home);
void regs_put_home(struct emit *e, unsigned home, uint16_t ref);
void regs_leave_homes(struct emit *e);
void regs_to_slot(struct emit *e, uint16_t ref, unsigned reg);
bool regs_const(const struct emit *e, uint16_t ref, uint64_t *value);
bool regs_imm(const struct emit *e, uint16_t ref, int32_t *imm);
bool regs_in_memory(const struct emit *e, uint16_t ref, struct emit_place *at);
bool regs_operand(const struct emit *e, uint16_t ref, struct emit_place *at);
/* backed.c */
void backed_reset(struct emit *e);
bool backed_by(struct emit *e, uint16_t ref, const struct ir_op *op);
void backed_overwrite(struct emit *e, const struct ir_op *put);
void backed_forget(struct emit *e);
/* homes.c */
void homes_count(struct emit *e);
bool home_never(const struct emit *e, const struct ir_op *op);
void homes_choose(struct emit *e);
unsigned home_find(const struct emit *e, const struct ir_op *op);
void homes_load(struct emit *e);
void homes_store(struct emit *e);
void homes_leave(struct emit *e);
void homes_bases(struct emit *e);
struct emit_place place_of(const struct ir_op *op);
/* ops.c */
void emit_op(struct emit *e, const struct ir_op *op);
enum x64_cc emit_test(struct emit *e, uint16_t ref);
/* fp.c */
void emit_fp(struct emit *e, const struct ir_op *op);
void emit_fp_zero(struct emit *e, const struct xl_fp *fp, const struct emit_cold *c);
/* copies.c */
void copies_forget(struct emit *e);
void copies_drop(struct emit *e, uint32_t off, unsigned bytes);
unsigned copies_find(struct emit *e, uint32_t off, bool wide);
unsigned copies_take(struct emit *e, uint32_t kept);
void copies_set(struct emit *e, unsigned xmm, uint32_t off, bool wide, bool single);
bool copies_single(const struct emit *e, unsigned xmm);
void emit_back(struct emit *e, struct emit_cold *c);
void emit_go_back(struct emit *e, const struct emit_cold *c);
/* memory.c */
void emit_load(struct emit *e, const struct ir_op *op);
void emit_store(struct emit *e, const struct ir_op *op);
uint8_t *emit_probe(struct emit *e, const struct emit_cold *c, const struct ir_op *op);
bool emit_is_direct(const struct emit *e, const struct ir_op *op, uint32_t pc);
/* emit.c */
struct emit_cold *emit_cold_new(struct emit *e, enum emit_cold_kind kind, uint8_t *from);
void emit_site(struct emit *e, unsigned insn_op, unsigned passed, unsigned npc_reg);
unsigned emit_npc_reg(struct emit *e);

#define ENV(field) ((int32_t)offsetof(struct xl_env, field))
#define CPU(field) ((int32_t)offsetof(struct xl_cpu, field))

#endif
