/* SPDX-License-Identifier: MIT */
/*
 * Loads and stores: plain, with update, byte-reversed, multiple, string, of the FPU; reservations; caches.
 *
 * The 440 does misaligned accesses itself, all but those of lwarx and stwcx. and, with CCR0.FLSTA, those of integers. Caches hold nothing that memory does not: their instructions
 * check the address and, but for dcbz, do nothing more. What fails is started again from the beginning, so a string or multiple store may have written a part. Before an access
 * stands its debug event.
 *
 * Source: Book E 3.3.2-3.3.7, 4.6; 440 2.2, 4.
 */
#include "ppc.h"

enum { MMUCR_DULXE = 0x80000, MMUCR_IULXE = 0x40000 };
enum { LINE_BYTES = 32, UPDATE = 1, INDEXED = 2, SIGNED = 4, REVERSED = 8, OF_FPU = 16 };

static struct ir_mem access(const struct xl_ctx *x, uint8_t size, unsigned how)
{
    return (struct ir_mem){
        .size = size,
        .mmu = (uint8_t)ppc_mmu_data(x),
        .sign = (how & SIGNED) != 0,
        .little = (how & REVERSED) != 0,
        .unaligned = how & OF_FPU || !(x->mode & PPC_MODE_ALIGNED),
    };
}

static struct ir_ref ld(struct xl_ctx *x, struct ir_mem mem, struct ir_ref at)
{
    ppc_debug_access(x, ppc_access_of(mem, 0), at, IR_NONE);
    return ir_ld(x, mem, at);
}

static void st(struct xl_ctx *x, struct ir_mem mem, struct ir_ref at, struct ir_ref value)
{
    ppc_debug_access(x, ppc_access_of(mem, ACCESS_STORE), at, value);
    ir_st(x, mem, at, value);
}

static struct ir_ref address(struct xl_ctx *x, const struct ppc_insn *d, unsigned how)
{
    return ir_add(x, ppc_base(x, d->ra), how & INDEXED ? ppc_get(x, d->rb) : ir_const(x, (uint32_t)d->si));
}

/* Update forms name a base register, loads one that is not their target: other forms are invalid. */
static bool is_invalid(struct xl_ctx *x, const struct ppc_insn *d, unsigned how, bool is_load)
{
    if (!(how & UPDATE) || (d->ra && !(is_load && d->ra == d->rt)))
        return false;
    ppc_raise(x, INT_PROGRAM | ESR_PIL);
    return true;
}

static void load(struct xl_ctx *x, const struct ppc_insn *d, uint8_t size, unsigned how)
{
    if (is_invalid(x, d, how, true))
        return;
    struct ir_ref at = address(x, d, how), value = ld(x, access(x, size, how), at);
    ppc_put(x, d->rt, value);
    if (how & UPDATE)
        ppc_put(x, d->ra, at);
}

static void store(struct xl_ctx *x, const struct ppc_insn *d, uint8_t size, unsigned how)
{
    if (is_invalid(x, d, how, false))
        return;
    struct ir_ref at = address(x, d, how);
    st(x, access(x, size, how), at, ppc_get(x, d->rt));
    if (how & UPDATE)
        ppc_put(x, d->ra, at);
}

/* Singles become doubles on their way in and are cut off on their way out; nothing is signalled   5.6 */
static uint64_t widen(struct xl_cpu *cpu, uint64_t word)
{
    struct ppc_fpu *f = &ppc_of(cpu)->fpu;

    f->f[word >> 21 & 31] = ppc_fp_from_single(f->single);
    return 0;
}

static uint64_t narrow(struct xl_cpu *cpu, uint64_t word)
{
    struct ppc_fpu *f = &ppc_of(cpu)->fpu;

    f->single = ppc_fp_to_single(f->f[word >> 21 & 31]);
    return 0;
}

static const struct xl_fp fp_widen = {.name = "ppc_fp_widen", .slow = widen, .op = XL_FP_WIDEN, .form = XL_FP_SINGLE};
static const struct xl_fp fp_narrow = {.name = "ppc_fp_narrow", .slow = narrow, .op = XL_FP_CUT, .form = XL_FP_DOUBLE};

static void load_f(struct xl_ctx *x, const struct ppc_insn *d, uint8_t size, unsigned how)
{
    uint16_t single = (uint16_t)PPC_OFF(fpu.single), frt = (uint16_t)PPC_FPR(d->rt);

    if (ppc_fpu_off(x) || is_invalid(x, d, how, false))
        return;
    struct ir_ref at = address(x, d, how), value = ld(x, access(x, size, how), at);
    if (size == 8) {
        ppc_f_put(x, d->rt, value);
    } else {
        ir_put(x, 0, single, value);
        ir_fp(x, &fp_widen, (struct xl_fp_regs){frt, single, single, single}, d->word);
    }
    if (how & UPDATE)
        ppc_put(x, d->ra, at);
}

static void store_f(struct xl_ctx *x, const struct ppc_insn *d, uint8_t size, unsigned how)
{
    uint16_t single = (uint16_t)PPC_OFF(fpu.single), frs = (uint16_t)PPC_FPR(d->rt);

    if (ppc_fpu_off(x) || is_invalid(x, d, how, false))
        return;
    if (size == 4)
        ir_fp(x, &fp_narrow, (struct xl_fp_regs){single, frs, frs, frs}, d->word);
    struct ir_ref at = address(x, d, how);
    st(x, access(x, size, how), at, size == 8 ? ppc_f_get(x, d->rt) : ir_get(x, 0, single));
    if (how & UPDATE)
        ppc_put(x, d->ra, at);
}

/* stfiwx: the lower word as it is */
void ppc_stfiwx(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (!ppc_fpu_off(x))
        st(x, access(x, 4, INDEXED | OF_FPU), address(x, d, INDEXED), ir_get(x, 0, PPC_FPR(d->rt)));
}

#define ACCESS(name, function, size, how) \
    void ppc_##name(struct xl_ctx *x, const struct ppc_insn *d) \
    { \
        function(x, d, size, how); \
    }
#define FORMS(name, function, size, how) \
    ACCESS(name, function, size, how) \
    ACCESS(name##u, function, size, (how) | UPDATE) \
    ACCESS(name##x, function, size, (how) | INDEXED) \
    ACCESS(name##ux, function, size, (how) | UPDATE | INDEXED)
FORMS(lwz, load, 4, 0)
FORMS(lbz, load, 1, 0)
FORMS(lhz, load, 2, 0)
FORMS(lha, load, 2, SIGNED)
FORMS(stw, store, 4, 0)
FORMS(stb, store, 1, 0)
FORMS(sth, store, 2, 0)
FORMS(lfs, load_f, 4, OF_FPU)
FORMS(lfd, load_f, 8, OF_FPU)
FORMS(stfs, store_f, 4, OF_FPU)
FORMS(stfd, store_f, 8, OF_FPU)
ACCESS(lwbrx, load, 4, INDEXED | REVERSED)
ACCESS(lhbrx, load, 2, INDEXED | REVERSED)
ACCESS(stwbrx, store, 4, INDEXED | REVERSED)
ACCESS(sthbrx, store, 2, INDEXED | REVERSED)

/* lmw stmw: rt to r31   3.3.6 */
void ppc_lmw(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref at = address(x, d, 0), value[32];

    for (unsigned r = d->rt; r < 32; r++)
        value[r] = ld(x, access(x, 4, 0), ir_add(x, at, ir_const(x, 4 * (r - d->rt))));
    for (unsigned r = d->rt; r < 32; r++)
        ppc_put(x, r, value[r]);
}

void ppc_stmw(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref at = address(x, d, 0);

    for (unsigned r = d->rt; r < 32; r++)
        st(x, access(x, 4, 0), ir_add(x, at, ir_const(x, 4 * (r - d->rt))), ppc_get(x, r));
}

/* Strings: `how` is first register | mmu << 8; bytes fill registers from the left, the last one with zeros, r31 is followed by r0   3.3.7 */
static void string_event(struct xl_cpu *cpu, struct ir_mem mem, unsigned flags, uint32_t at, uint32_t bytes, uint32_t word)
{
    mem.size = (uint8_t)(bytes < 4 ? bytes : 4);
    if (xl_cpu_env(cpu)->mode & PPC_MODE_DAC)
        ppc_debug_data(cpu, ppc_access_of(mem, flags), at, word >> (32 - 8 * mem.size));
}

static uint64_t string_load(struct xl_cpu *cpu, uint64_t how, uint64_t at, uint64_t bytes)
{
    struct ppc_cpu *s = ppc_of(cpu);
    struct ir_mem mem = {.size = 1, .mmu = (uint8_t)(how >> 8), .unaligned = true};
    uint32_t word[32] = {0}, count = (uint32_t)bytes & 127;

    for (uint32_t i = 0; i < count; i += 4)
        string_event(cpu, mem, 0, (uint32_t)at + i, count - i, 0);
    for (uint32_t i = 0; i < count; i++) /* all of them before a register changes */
        word[i / 4] |= (uint32_t)xl_load(cpu, (gva_t){(uint32_t)at + i}, mem) << (24 - 8 * (i & 3));
    for (uint32_t i = 0; i < (count + 3) / 4; i++)
        s->r[(how + i) & 31] = word[i];
    return 0;
}

static uint64_t string_store(struct xl_cpu *cpu, uint64_t how, uint64_t at, uint64_t bytes)
{
    const struct ppc_cpu *s = ppc_of(cpu);
    struct ir_mem mem = {.size = 1, .mmu = (uint8_t)(how >> 8), .unaligned = true};
    uint32_t count = (uint32_t)bytes & 127;

    for (uint32_t i = 0; i < count; i++) {
        uint32_t word = s->r[(how + i / 4) & 31];
        if (!(i & 3))
            string_event(cpu, mem, ACCESS_STORE, (uint32_t)at + i, count - i, word);
        xl_store(cpu, (gva_t){(uint32_t)at + i}, mem, word >> (24 - 8 * (i & 3)) & 255);
    }
    return 0;
}

static const struct xl_helper string_load_helper = {"ppc_string_load", (void *)string_load, XL_H_READS | XL_H_WRITES | XL_H_FAULTS};
static const struct xl_helper string_store_helper = {"ppc_string_store", (void *)string_store, XL_H_READS | XL_H_WRITES | XL_H_FAULTS};

static void string(struct xl_ctx *x, const struct ppc_insn *d, const struct xl_helper *helper, struct ir_ref at, struct ir_ref bytes)
{
    ir_call(x, helper, 3, (struct ir_ref[]){ir_const(x, d->rt | ppc_mmu_data(x) << 8), at, bytes});
}

static struct ir_ref count_of(struct xl_ctx *x, const struct ppc_insn *d)
{
    return ir_const(x, d->nb ? d->nb : 32);
}

void ppc_lswi(struct xl_ctx *x, const struct ppc_insn *d) { string(x, d, &string_load_helper, ppc_base(x, d->ra), count_of(x, d)); }
void ppc_stswi(struct xl_ctx *x, const struct ppc_insn *d) { string(x, d, &string_store_helper, ppc_base(x, d->ra), count_of(x, d)); }

void ppc_lswx(struct xl_ctx *x, const struct ppc_insn *d)
{
    string(x, d, &string_load_helper, address(x, d, INDEXED), ir_get(x, 0, PPC_OFF(xer_bytes)));
}

void ppc_stswx(struct xl_ctx *x, const struct ppc_insn *d)
{
    string(x, d, &string_store_helper, address(x, d, INDEXED), ir_get(x, 0, PPC_OFF(xer_bytes)));
}

/* lwarx   3.3.2.1 */
void ppc_lwarx(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref at = address(x, d, INDEXED);
    struct ir_mem mem = {.size = 4, .mmu = (uint8_t)ppc_mmu_data(x)};
    struct ir_ref value = ld(x, mem, at);

    ppc_put(x, d->rt, value);
    ir_put(x, 0, PPC_OFF(reserved), ir_const(x, 1));
    ir_put(x, 0, PPC_OFF(reserved_at), at);
}

/* 1 when it stored. An address that is misaligned traps in any case. */
static uint64_t store_conditional(struct xl_cpu *cpu, uint64_t mmu, uint64_t at, uint64_t value)
{
    struct ppc_cpu *s = ppc_of(cpu);
    struct ir_mem mem = {.size = 4, .mmu = (uint8_t)mmu};
    bool holds = s->reserved && s->reserved_at == (uint32_t)at;

    if (at & 3) {
        struct xl_fault f = {.kind = XL_FAULT_ALIGN, .access = MMU_WRITE, .mmu = (uint8_t)mmu, .size = 4, .va = {(uint32_t)at}};
        xl_fault(cpu, &f);
    }
    if (holds && xl_cpu_env(cpu)->mode & PPC_MODE_DAC)
        ppc_debug_data(cpu, ppc_access_of(mem, ACCESS_STORE), (uint32_t)at, value);
    if (holds)
        xl_store(cpu, (gva_t){(uint32_t)at}, mem, (uint32_t)value);
    s->reserved = 0;
    return holds;
}

/* stwcx.   3.3.2.1 */
void ppc_stwcx_(struct xl_ctx *x, const struct ppc_insn *d)
{
    static const struct xl_helper helper = {"ppc_store_conditional", (void *)store_conditional, XL_H_READS | XL_H_WRITES | XL_H_FAULTS};
    struct ir_ref at = address(x, d, INDEXED), value = ppc_get(x, d->rt);
    struct ir_ref stored = ir_callw(x, &helper, 3, (struct ir_ref[]){ir_const(x, ppc_mmu_data(x)), at, value});

    ppc_field_put(x, 0, ir_or(x, ir_shl(x, stored, ir_const(x, 1)), ppc_so(x)));
}

/* The event of a cache line is at the address as it was given; it has no data. */
static void line_event(struct xl_ctx *x, unsigned flags, struct ir_ref at)
{
    ppc_debug_access(x, ppc_access_of((struct ir_mem){.mmu = (uint8_t)ppc_mmu_data(x), .unaligned = true}, flags), at, IR_NONE);
}

/* dcbz: a line of zeros */
void ppc_dcbz(struct xl_ctx *x, const struct ppc_insn *d)
{
    struct ir_ref at = address(x, d, INDEXED), line = ir_and(x, at, ir_const(x, ~(uint32_t)(LINE_BYTES - 1)));

    line_event(x, ACCESS_STORE, at);
    for (uint32_t i = 0; i < LINE_BYTES; i += 8)
        ir_st(x, access(x, 8, 0), ir_add(x, line, ir_const(x, i)), ir_const64(x, 0));
}

/* dcbf and icbi in user mode, when MMUCR forbids them there   440 6.5.3 */
static uint64_t lock_check(struct xl_cpu *cpu, uint64_t at, uint64_t exception)
{
    struct ppc_cpu *s = ppc_of(cpu);

    if (s->mmucr & (exception & ESR_DLK_DCBF ? MMUCR_DULXE : MMUCR_IULXE)) {
        s->dear = (uint32_t)at;
        xl_raise(cpu, (uint32_t)exception);
    }
    return 0;
}

/* Instructions that are checked as a load of the byte and do nothing more. */
static void check_byte(struct xl_ctx *x, const struct ppc_insn *d, unsigned flags, uint32_t lock)
{
    static const struct xl_helper helper = {"ppc_lock_check", (void *)lock_check, XL_H_READS | XL_H_WRITES | XL_H_FAULTS};
    struct ir_ref at = address(x, d, INDEXED);

    ir_ld(x, access(x, 1, 0), at);
    if (lock && x->mode & PPC_MODE_PR)
        ir_call(x, &helper, 2, (struct ir_ref[]){at, ir_const(x, INT_DATA_STORAGE | lock)});
    line_event(x, flags, at);
}

void ppc_dcbst(struct xl_ctx *x, const struct ppc_insn *d) { check_byte(x, d, ACCESS_COUNTS_AS_STORE, 0); }
void ppc_dcbf(struct xl_ctx *x, const struct ppc_insn *d) { check_byte(x, d, ACCESS_COUNTS_AS_STORE, ESR_DLK_DCBF); }
void ppc_icbi(struct xl_ctx *x, const struct ppc_insn *d) { check_byte(x, d, 0, ESR_DLK_ICBI); }

/* dcbi is checked as a store; memory is what the cache holds, so the byte is stored again */
void ppc_dcbi(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (ppc_user_traps(x))
        return;
    struct ir_ref at = address(x, d, INDEXED);
    line_event(x, ACCESS_STORE, at);
    ir_st(x, access(x, 1, 0), at, ir_ld(x, access(x, 1, 0), at));
}

/* Hints, barriers and what concerns caches as a whole: memory is always in order and caches always clean. */
#define NOTHING(name) \
    void ppc_##name(struct xl_ctx *x, const struct ppc_insn *d) \
    { \
        (void)x; \
        (void)d; \
    }
NOTHING(dcba)
NOTHING(mbar)
NOTHING(msync)

#define HINT(name) \
    void ppc_##name(struct xl_ctx *x, const struct ppc_insn *d) \
    { \
        if (x->mode & PPC_MODE_DAC) \
            line_event(x, ACCESS_HINTS, address(x, d, INDEXED)); \
    }
HINT(dcbt)
HINT(dcbtst)
HINT(icbt)

/* isync: what was stored as code before it runs behind it, so the block ends */
void ppc_isync(struct xl_ctx *x, const struct ppc_insn *d)
{
    (void)d;
    ppc_end_block(x);
}

#define PRIVILEGED_NOTHING(name) \
    void ppc_##name(struct xl_ctx *x, const struct ppc_insn *d) \
    { \
        (void)d; \
        ppc_user_traps(x); \
    }
PRIVILEGED_NOTHING(dccci)
PRIVILEGED_NOTHING(iccci)
PRIVILEGED_NOTHING(icread)
PRIVILEGED_NOTHING(tlbsync)

/* dcread: the data cache holds no valid line */
void ppc_dcread(struct xl_ctx *x, const struct ppc_insn *d)
{
    if (!ppc_user_traps(x))
        ppc_put(x, d->rt, ir_const(x, 0));
}
