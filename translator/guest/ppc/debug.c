/* SPDX-License-Identifier: MIT */
/*
 * Debug events: compares of instruction and data addresses and of data, branches, traps, returns, completed instructions, interrupts.
 *
 * What DBCR0 enables and the state lets happen is a bit of the mode (PPC_MODE_DEBUG); a block of such a mode is one instruction with the checks for its bits, other blocks have
 * none. An event is recorded in DBSR. In internal mode (IDM) it becomes a Debug interrupt: instead of the instruction that causes it, or behind it when that has happened; with
 * MSR.DE off as soon as DE is on. In external mode (EDM) the CPU stops, as no debug tool is there to let it go on. A debug tool's own event, UDE, comes by writing the register
 * "dbsr".
 *
 *   DBCR0   31 EDM | 30 IDM | 29 RST 28 | 27 ICMP | 26 BRT | 25 IRPT | 24 TRAP | 23 IAC1-4 20 | 19 DAC1R | 18 DAC1W | 17 DAC2R | 16 DAC2W | 15 RET | 0 FT
 *   DBCR1   31 IAC1US 30 | 29 IAC1ER 28 | 27 IAC2US 26 | 25 IAC2ER 24 | 23 IAC12M 22 | 16 IAC12AT, and the same for IAC3 and IAC4 in the lower half
 *   DBCR2   31 DAC1US 30 | 29 DAC1ER 28 | 27 DAC2US 26 | 25 DAC2ER 24 | 23 DAC12M 22 | 21 DAC12A | 19 DVC1M 18 | 17 DVC2M 16 | 11 DVC1BE 8 | 3 DVC2BE 0
 *   DBSR    31 IDE | 30 UDE | 29 MRR 28 | 27 to 15 as DBCR0 | 1 IAC12ATS | 0 IAC34ATS      a one written clears
 *
 * Source: PPC440x5 Embedded Processor Core User's Manual, chapter 8 and 6.5.16.
 */
#include "ppc.h"

enum { ICMP = 0x08000000, BRT = 0x04000000, IRPT = 0x02000000, TRAP = 0x01000000, IAC12 = 0xc00000, IAC34 = 0x300000, DAC = 0xf0000, RET = 0x8000 };
enum { DAC_READ = 0xa0000, DAC_WRITE = 0x50000 };
#define EDM 0x80000000u
#define IDM 0x40000000u
#define FT 1u
#define IDE 0x80000000u
#define UDE 0x40000000u
#define EVENTS (UDE | ICMP | BRT | IRPT | TRAP | IAC12 | IAC34 | DAC | RET)
enum { IAC1_SHIFT = 22, DAC1 = 0xc0000, DAC2 = 0x30000, DAC12A = 0x200000, DVC_BYTES = 0xf0f };
/* Of DBCR1's halves, and of DBCR2's upper one: how a pair compares */
enum { PAIR_MODE_SHIFT = 6, PAIR_RANGE = 2, PAIR_EXCLUSIVE = 3, PAIR_MASK = 1, PAIR_TOGGLES = 1 };
enum { BYTES_ALL = 1, BYTES_ONE, BYTES_PAIR }; /* DVC1M */

static bool is_internal(const struct ppc_cpu *s)
{
    return (s->dbcr0 & (EDM | IDM)) == IDM;
}

static unsigned pair_mode(uint32_t half)
{
    return half >> PAIR_MODE_SHIFT & 3;
}

static uint32_t iac_half(const struct ppc_cpu *s, unsigned pair)
{
    return pair ? s->dbcr1 & 0xffff : s->dbcr1 >> 16;
}

/* Enabled, and possible: in internal mode with DE off what would come again and again from the handler itself cannot occur   8.3 */
static uint32_t enabled(const struct ppc_cpu *s)
{
    uint32_t on = s->dbcr0 & EVENTS;

    if (!is_internal(s) || s->msr & MSR_DE)
        return on;
    on &= ~(uint32_t)(ICMP | BRT);
    for (unsigned pair = 0; pair < 2; pair++)
        if (pair_mode(iac_half(s, pair)) & PAIR_RANGE)
            on &= ~(uint32_t)(pair ? IAC34 : IAC12);
    return on;
}

uint32_t ppc_debug_mode(const struct ppc_cpu *s)
{
    uint32_t on = s->dbcr0 & EVENTS ? enabled(s) : 0;

    return (on & (IAC12 | IAC34) ? PPC_MODE_IAC : 0) | (on & DAC ? PPC_MODE_DAC : 0) | (on & BRT ? PPC_MODE_BRT : 0) | (on & TRAP ? PPC_MODE_TRAP : 0) | (on & RET ? PPC_MODE_RET : 0) |
           (on & ICMP ? PPC_MODE_ICMP : 0);
}

bool ppc_debug_is_pending(const struct ppc_cpu *s)
{
    return is_internal(s) && s->dbsr & EVENTS;
}

/* After a change of DBCR0 or DBSR. */
void ppc_debug_update(struct xl_cpu *cpu)
{
    const struct ppc_cpu *s = ppc_of(cpu);

    ppc_mode_update(cpu);
    ppc_timers_freeze(cpu, s->dbcr0 & FT && s->dbsr & EVENTS);
}

/* True: the event comes before its instruction, which is not to be carried out. */
static bool record(struct xl_cpu *cpu, uint32_t event)
{
    struct ppc_cpu *s = ppc_of(cpu);

    s->dbsr |= event;
    if (is_internal(s) && !(s->msr & MSR_DE))
        s->dbsr |= IDE;
    if (s->dbcr0 & EDM)
        xl_cpu_halt(cpu, INT_DEBUG);
    ppc_debug_update(cpu);
    return s->dbcr0 & EDM || (is_internal(s) && s->msr & MSR_DE);
}

static void record_before(struct xl_cpu *cpu, uint32_t event)
{
    if (event && record(cpu, event))
        xl_raise(cpu, INT_DEBUG);
}

/* In external mode the CPU has stopped. */
bool ppc_debug_stopped(const struct ppc_cpu *s)
{
    return s->dbcr0 & EDM;
}

/* Critical interrupts and machine checks are no event in internal mode: they would overwrite what the Debug interrupt keeps   8.3.8 */
void ppc_debug_interrupt(struct xl_cpu *cpu, bool is_critical)
{
    const struct ppc_cpu *s = ppc_of(cpu);

    if (s->dbcr0 & IRPT && !(is_critical && is_internal(s)))
        record(cpu, IRPT);
}

/* US and ER, four bits: which of user and supervisor, which address space */
static bool is_meant(const struct ppc_cpu *s, unsigned condition, uint32_t space)
{
    bool user = s->msr & MSR_PR, second = s->msr & space;

    return (!(condition & 8) || (condition >> 2 & 1) == user) && (!(condition & 2) || (condition & 1) == second);
}

static uint32_t iac_pair(struct ppc_cpu *s, unsigned pair, uint32_t pc)
{
    const uint32_t *iac = &s->iac1 + 2 * pair;
    uint32_t half = iac_half(s, pair), toggled = pair ? 1 : 2, on = enabled(s) >> (IAC1_SHIFT - 2 * pair) & 3;
    bool first = is_meant(s, half >> 12 & 15, MSR_IS), second = is_meant(s, half >> 8 & 15, MSR_IS);

    if (pair_mode(half) & PAIR_RANGE) {
        bool turned = half & PAIR_TOGGLES && s->dbsr & toggled, outside = (pair_mode(half) == PAIR_EXCLUSIVE) != turned;
        if (!on || !first || (iac[0] <= pc && pc < iac[1]) == outside)
            return 0;
        if (half & PAIR_TOGGLES)
            s->dbsr ^= toggled;
    } else {
        on &= (first && iac[0] == pc ? 2u : 0) | (second && iac[1] == pc ? 1u : 0);
    }
    return on << (IAC1_SHIFT - 2 * pair);
}

/* At an instruction, whether it can be fetched or not; false: it, or its interrupt, is to come */
bool ppc_debug_fetch(struct xl_cpu *cpu, uint32_t pc)
{
    struct ppc_cpu *s = ppc_of(cpu);
    uint32_t event = iac_pair(s, 0, pc) | iac_pair(s, 1, pc);

    return event && record(cpu, event);
}

static uint64_t fetched(struct xl_cpu *cpu, uint64_t pc)
{
    if (ppc_debug_fetch(cpu, (uint32_t)pc))
        xl_raise(cpu, INT_DEBUG);
    return 0;
}

static uint64_t happened(struct xl_cpu *cpu, uint64_t event, uint64_t test)
{
    if (test)
        record_before(cpu, (uint32_t)event);
    return 0;
}

static uint64_t completed(struct xl_cpu *cpu)
{
    record(cpu, ICMP);
    return 0;
}

/* rfci and rfmci must be able to return from a handler of their class   8.3.6 */
static uint64_t returning(struct xl_cpu *cpu, uint64_t is_critical)
{
    const struct ppc_cpu *s = ppc_of(cpu);

    if (!is_critical || !is_internal(s) || s->msr & MSR_DE)
        record_before(cpu, RET);
    return 0;
}

enum { EVENT = XL_H_READS | XL_H_WRITES | XL_H_FAULTS };

void ppc_debug_begin(struct xl_ctx *x)
{
    static const struct xl_helper helper = {"ppc_debug_fetched", (void *)fetched, EVENT};

    if (x->mode & PPC_MODE_IAC)
        ir_call(x, &helper, 1, (struct ir_ref[]){ir_const(x, x->pc)});
}

static void check(struct xl_ctx *x, uint32_t mode, uint32_t event, struct ir_ref test)
{
    static const struct xl_helper helper = {"ppc_debug_happened", (void *)happened, EVENT};

    if (x->mode & mode)
        ir_call(x, &helper, 2, (struct ir_ref[]){ir_const(x, event), test.i == IR_NONE.i ? ir_const(x, 1) : test});
}

void ppc_debug_branch(struct xl_ctx *x, struct ir_ref test) { check(x, PPC_MODE_BRT, BRT, test); }
void ppc_debug_trap(struct xl_ctx *x, struct ir_ref test) { check(x, PPC_MODE_TRAP, TRAP, test); }

void ppc_debug_return(struct xl_ctx *x, enum ppc_return from)
{
    static const struct xl_helper helper = {"ppc_debug_returning", (void *)returning, EVENT};

    if (x->mode & PPC_MODE_RET)
        ir_call(x, &helper, 1, (struct ir_ref[]){ir_const(x, from == RETURN_CRITICAL)});
}

void ppc_debug_end(struct xl_ctx *x)
{
    static const struct xl_helper helper = {"ppc_debug_completed", (void *)completed, XL_H_READS | XL_H_WRITES | XL_H_ENDS};

    if (x->mode & PPC_MODE_ICMP)
        ir_call(x, &helper, 0, NULL);
}

/* Which DAC events an access that begins at va is, whatever its data: bits of DBSR, those of reads and writes */
static uint32_t dac_at(const struct ppc_cpu *s, uint32_t va)
{
    uint32_t half = s->dbcr2 >> 16;
    bool first = is_meant(s, half >> 12 & 15, MSR_DS), second = is_meant(s, half >> 8 & 15, MSR_DS);

    if (pair_mode(half) & PAIR_RANGE)
        first = second = first && (s->dac1 <= va && va < s->dac2) != (pair_mode(half) == PAIR_EXCLUSIVE);
    else if (pair_mode(half) == PAIR_MASK)
        first = second = first && !((va ^ s->dac1) & s->dac2);
    else
        first = first && va == s->dac1, second = second && va == s->dac2;
    return (first ? DAC1 : 0) | (second ? DAC2 : 0);
}

/* Do the bytes of an aligned word that an access transfers (lanes, the leftmost is 8) match DVC as DVCnM wants it? */
static bool word_matches(uint32_t word, unsigned lanes, uint32_t dvc, unsigned wanted, unsigned how)
{
    unsigned same = 0;

    for (unsigned i = 0; i < 4; i++)
        same |= !((word ^ dvc) >> 8 * i & 255) << i;
    same &= lanes & wanted;
    if (how == BYTES_ONE)
        return same;
    if (how == BYTES_PAIR)
        return (wanted & 12 && (same & 12) == (wanted & 12)) || (wanted & 3 && (same & 3) == (wanted & 3));
    return how == BYTES_ALL && same == wanted;
}

/* The access in the order of memory, cut at aligned words; one that matches is enough. */
static bool data_match(const uint8_t *bytes, uint32_t va, unsigned size, uint32_t dvc, unsigned wanted, unsigned how)
{
    for (unsigned i = 0; i < size;) {
        uint32_t word = 0;
        unsigned lanes = 0;
        do {
            word |= (uint32_t)bytes[i] << (24 - 8 * ((va + i) & 3));
            lanes |= 8u >> ((va + i) & 3);
        } while (++i < size && (va + i) & 3);
        if (word_matches(word, lanes, dvc, wanted, how))
            return true;
    }
    return false;
}

/* Accesses that fail are no event, their interrupt comes instead; nor are hints about pages that are not cached. */
static bool is_carried_out(struct xl_cpu *cpu, uint32_t how, uint32_t va, struct mmu_walk *walk)
{
    enum mmu_access access = how & ACCESS_STORES ? MMU_WRITE : MMU_READ;
    unsigned mmu = how >> ACCESS_MMU_SHIFT & 3, size = how & ACCESS_SIZE;

    if (how & ACCESS_ALIGNED && va & (size - 1))
        return false;
    if (how & ACCESS_HINTS && ppc_mmu_attributes(cpu, va, mmu) & PAGE_INHIBITED)
        return false;
    return ppc_mmu_walk(cpu, (gva_t){size ? va + size - 1 : va}, access, mmu, walk) && ppc_mmu_walk(cpu, (gva_t){va}, access, mmu, walk);
}

/* What is read or written, byte by byte as memory has it. For this a device is read as by loads of bytes. */
static void bytes_of(struct xl_cpu *cpu, uint32_t how, uint32_t va, uint64_t value, bool swapped, uint8_t *bytes)
{
    struct ir_mem one = {.size = 1, .mmu = (uint8_t)(how >> ACCESS_MMU_SHIFT & 3), .unaligned = true};
    unsigned size = how & ACCESS_SIZE;
    bool little = ((how & ACCESS_LITTLE) != 0) != swapped;

    for (unsigned i = 0; i < size; i++)
        if (how & ACCESS_STORES)
            bytes[i] = (uint8_t)(value >> 8 * (little ? i : size - 1 - i));
        else
            bytes[i] = (uint8_t)xl_load(cpu, (gva_t){va + i}, one);
}

/* Without the events whose data compare is on and fails   8.3.3 */
static uint32_t matching(const struct ppc_cpu *s, uint32_t event, const uint8_t *bytes, uint32_t va, unsigned size)
{
    unsigned first = s->dbcr2 >> 8 & 15, second = s->dbcr2 & 15;

    if (first && !data_match(bytes, va, size, s->dvc1, first, s->dbcr2 >> 18 & 3))
        event &= ~(uint32_t)DAC1;
    if (second && !data_match(bytes, va, size, s->dvc2, second, s->dbcr2 >> 16 & 3))
        event &= ~(uint32_t)DAC2;
    return event;
}

/* Before an access, which is compared at its first byte and, where it crosses into another quadword, at the first one there   440 chapter 4, Load and Store Alignment */
void ppc_debug_data(struct xl_cpu *cpu, uint32_t how, uint32_t va, uint64_t value)
{
    const struct ppc_cpu *s = ppc_of(cpu);
    uint32_t next = (va | 15) + 1, event = dac_at(s, va), size = how & ACCESS_SIZE;
    struct mmu_walk walk;
    uint8_t bytes[8];

    if (size && next - va < size)
        event |= dac_at(s, next);
    event &= enabled(s) & (how & ACCESS_COUNTS_AS_STORE ? DAC_WRITE : DAC_READ);
    if (!event || !is_carried_out(cpu, how, va, &walk))
        return;
    if (s->dbcr2 & DVC_BYTES) {
        bytes_of(cpu, how, va, value, walk.swapped, bytes);
        event = matching(s, event, bytes, va, size);
    }
    if (event && s->dbcr2 & DAC12A)
        record(cpu, event);
    else
        record_before(cpu, event);
}

static uint64_t accessed(struct xl_cpu *cpu, uint64_t how, uint64_t va, uint64_t value)
{
    ppc_debug_data(cpu, (uint32_t)how, (uint32_t)va, value);
    return 0;
}

uint32_t ppc_access_of(struct ir_mem mem, unsigned flags)
{
    return mem.size | (uint32_t)mem.mmu << ACCESS_MMU_SHIFT | flags | (mem.little ? ACCESS_LITTLE : 0) | (mem.unaligned ? 0 : ACCESS_ALIGNED);
}

void ppc_debug_access(struct xl_ctx *x, uint32_t how, struct ir_ref at, struct ir_ref value)
{
    static const struct xl_helper helper = {"ppc_debug_accessed", (void *)accessed, EVENT};

    if (x->mode & PPC_MODE_DAC)
        ir_call(x, &helper, 3, (struct ir_ref[]){ir_const(x, how), at, value.i == IR_NONE.i ? ir_const(x, 0) : value});
}
