/* SPDX-License-Identifier: MIT */
/*
 * Registers that are put together from parts, exceptions, interrupts, reset.
 *
 * Called by the core between blocks and by helpers at run time. Source: III 5, 8.
 */
#include "mips.h"

enum { OFF_REFILL = 0, OFF_GENERAL = 0x180, OFF_INTERRUPT = 0x200 };
enum { INTCTL_VS = 0x3e0, PAGE_OF_PAIR = 0xffffe000 };
#define BOOT_VECTORS 0xbfc00200u
#define RESET_VECTOR 0xbfc00000u

/* IP7 TI | IP6-IP2 the machine's lines | IP1-IP0 software   III 8.23 */
uint32_t mips_cause(struct xl_cpu *cpu)
{
    const struct xl_env *env = xl_cpu_env(cpu);
    const struct mips_cpu *s = mips_of(cpu);
    uint32_t lines = (env->irq_level & 31) << 2 | (s->cause & CAUSE_TI ? 0x80 : 0);

    return s->cause | lines << CAUSE_IP_SHIFT;
}

void mips_requests_update(struct xl_cpu *cpu)
{
    struct xl_env *env = xl_cpu_env(cpu);
    uint32_t cause = mips_of(cpu)->cause;

    env->irq_own = (cause & CAUSE_TI ? OWN_TIMER : 0) | (cause & CAUSE_SOFTWARE ? OWN_SOFTWARE : 0);
    if (env->irq_own)
        xl_attention(cpu);
}

static void mode_update(struct xl_cpu *cpu)
{
    uint32_t status = mips_of(cpu)->status;
    bool user = (status & (STATUS_UM | STATUS_EXL | STATUS_ERL)) == STATUS_UM;

    xl_cpu_env(cpu)->mode = (user ? MIPS_MODE_USER : 0) | (status & STATUS_ERL ? MIPS_MODE_ERL : 0) | (status & STATUS_CU0 ? MIPS_MODE_CU0 : 0);
}

static void status_put(struct xl_cpu *cpu, uint32_t status)
{
    const struct xl_env *env = xl_cpu_env(cpu);

    mips_of(cpu)->status = status;
    mode_update(cpu);
    if (env->irq_level || env->irq_own)
        xl_attention(cpu);
}

static uint32_t merged(uint32_t old, uint32_t value, uint32_t mask)
{
    return (old & ~mask) | (value & mask);
}

enum {
#define CP0(number, sel, field, read, write, mask) MASK_##field = (int)(mask),
#include "cp0.def"
};

void mips_status_set(struct xl_cpu *cpu, uint32_t status)
{
    status_put(cpu, merged(mips_of(cpu)->status, status, MASK_status));
}

void mips_cause_set(struct xl_cpu *cpu, uint32_t cause)
{
    struct mips_cpu *s = mips_of(cpu);

    mips_count_stop(cpu, cause & CAUSE_DC);
    s->cause = merged(s->cause, cause, MASK_cause);
    mips_requests_update(cpu);
}

static void go_to(struct xl_cpu *cpu, uint32_t pc)
{
    struct xl_env *env = xl_cpu_env(cpu);

    env->pc = pc;
    env->npc = pc + 4;
}

/* In a delay slot EPC is the branch's address. With EXL set EPC and BD are left alone   III 5.3 */
static void enter(struct xl_cpu *cpu, uint32_t code, uint32_t unit, uint32_t offset)
{
    struct mips_cpu *s = mips_of(cpu);
    const struct xl_env *env = xl_cpu_env(cpu);

    if (!(s->status & STATUS_EXL)) {
        bool slot = env->npc & NPC_SLOT && !(env->pc & 3);
        s->epc = slot ? env->pc - 4 : env->pc;
        s->cause = (s->cause & ~CAUSE_BD) | (slot ? CAUSE_BD : 0);
    } else if (offset == OFF_REFILL) {
        offset = OFF_GENERAL;
    }
    s->cause = (s->cause & ~(3u << CAUSE_CE_SHIFT | CAUSE_CODE)) | unit << CAUSE_CE_SHIFT | code << 2;
    go_to(cpu, (s->status & STATUS_BEV ? BOOT_VECTORS : s->ebase) + offset);
    status_put(cpu, s->status | STATUS_EXL);
}

static void address_put(struct mips_cpu *s, uint32_t va, bool by_tlb)
{
    s->badvaddr = va;
    if (!by_tlb)
        return;
    s->context = merged(s->context, va >> 9, 0x007ffff0);
    s->entryhi = merged(s->entryhi, va, PAGE_OF_PAIR);
}

/* III 5.9, 5.10: what fails by what */
void mips_deliver_fault(struct xl_cpu *cpu, const struct xl_fault *f)
{
    bool store = f->access == MMU_WRITE;

    if (f->kind == XL_FAULT_BUS) {
        enter(cpu, f->access == MMU_FETCH ? EXC_BUS_FETCH : EXC_BUS_DATA, 0, OFF_GENERAL);
    } else if (f->kind == XL_FAULT_ALIGN || f->code == WALK_ADDRESS) {
        address_put(mips_of(cpu), f->va.v, false);
        enter(cpu, store ? EXC_ADDRESS_STORE : EXC_ADDRESS_LOAD, 0, OFF_GENERAL);
    } else {
        address_put(mips_of(cpu), f->va.v, true);
        enter(cpu, f->code == WALK_READ_ONLY ? EXC_MODIFIED : store ? EXC_TLB_STORE : EXC_TLB_LOAD, 0, f->code == WALK_MISS ? OFF_REFILL : OFF_GENERAL);
    }
}

/* The rest of JR and JALR whose target is misaligned: the slot is next, the target's trap comes behind it. */
static void jump_badly(struct xl_cpu *cpu, unsigned rs, unsigned rd)
{
    struct xl_env *env = xl_cpu_env(cpu);
    struct mips_cpu *s = mips_of(cpu);

    s->bad_target = s->r[rs];
    if (rd)
        s->r[rd] = env->pc + 8;
    env->pc += 4;
    env->npc = (s->bad_target & ~3u) | NPC_SLOT | NPC_BAD;
}

void mips_deliver_exception(struct xl_cpu *cpu, uint32_t exception)
{
    uint32_t code = exception & EXC_CODE;

    if (code == EXC_BAD_JUMP)
        jump_badly(cpu, exception >> EXC_RS_SHIFT & 31, exception >> EXC_RD_SHIFT & 31);
    else
        enter(cpu, code, exception >> EXC_UNIT_SHIFT & 3, OFF_GENERAL);
}

/* Vectored interrupts: the number of the highest request; compatibility mode is a spacing of 0   III 5.6.1 */
static uint32_t interrupt_offset(const struct mips_cpu *s, uint32_t pending)
{
    uint32_t number = 7;

    if (!(s->cause & CAUSE_IV))
        return OFF_GENERAL;
    while (!(pending >> number & 1))
        number--;
    return OFF_INTERRUPT + number * (s->intctl & INTCTL_VS);
}

/* WAIT ends with an interrupt that Status.IM lets through, whether it is taken or not   24K 2.3 */
bool mips_take_interrupt(struct xl_cpu *cpu)
{
    const struct mips_cpu *s = mips_of(cpu);
    uint32_t pending = (mips_cause(cpu) & s->status & STATUS_IM) >> CAUSE_IP_SHIFT;

    if (!pending)
        return false;
    xl_cpu_env(cpu)->idle = 0;
    if ((s->status & (STATUS_IE | STATUS_EXL | STATUS_ERL)) != STATUS_IE)
        return false;
    enter(cpu, EXC_INT, 0, interrupt_offset(s, pending));
    return true;
}

void mips_exception_return(struct xl_cpu *cpu)
{
    struct mips_cpu *s = mips_of(cpu);
    bool error = s->status & STATUS_ERL;

    go_to(cpu, error ? s->errorepc : s->epc);
    s->linked = 0;
    status_put(cpu, s->status & ~(uint32_t)(error ? STATUS_ERL : STATUS_EXL));
}

/*
 * As a 24Kc with TLB and two caches of 16 KiB, without parity, FPU, MIPS16e, UserLocal and coprocessors   24K 5.2
 *   Config   31 M | 15 BE | 14 AT 13 | 12 AR 10 | 9 MT 7 | 2 K0 0            Config1   31 M | 30 TLB entries - 1 25 | 24 IS 22 | IL 19 | IA 16 | DS 13 | DL 10 | DA 7
 *   Config7  31 WII: WAIT ends with an interrupt that is not taken, too
 */
void mips_reset(struct xl_cpu *cpu)
{
    enum { RELEASE_2 = 1 << 10, MT_TLB = 1 << 7, UNCACHED = 2, SETS_128 = 1, LINE_32 = 4, WAYS_4 = 3, VECTORED = 1 << 5 };
    const uint32_t cache = SETS_128 << 6 | LINE_32 << 3 | WAYS_4, more = 0x80000000u, wait_ends = 0x80000000u;
    struct xl_env *env = xl_cpu_env(cpu);
    struct mips_cpu *s = mips_of(cpu);

    *s = (struct mips_cpu){
        .random = MIPS_TLB_ENTRIES - 1,
        .intctl = 7u << 29,
        .prid = 0x00019300,
        .ebase = 0x80000000u,
        .config = more | RELEASE_2 | MT_TLB | UNCACHED,
        .config1 = more | (MIPS_TLB_ENTRIES - 1) << 25 | cache << 16 | cache << 7,
        .config2 = more,
        .config3 = VECTORED,
        .config7 = wait_ends,
    };
    mips_mmu_reset(cpu);
    env->irq_own = env->idle = 0;
    mips_timer_reset(cpu);
    go_to(cpu, RESET_VECTOR);
    status_put(cpu, STATUS_BEV | STATUS_ERL);
}

/* Registers whose value is put together, or whose change has consequences, are SPECIAL; off is then the field's all the same. */
enum { SPECIAL = XL_BANKS + 1, REG_PC = 0xffff };

#define R(n) {"r" #n, 0, MIPS_GPR(n)}
const struct xl_reg_name mips_regs[] = {
    R(0), R(1), R(2), R(3), R(4), R(5), R(6), R(7), R(8), R(9), R(10), R(11), R(12), R(13), R(14), R(15), R(16), R(17), R(18), R(19), R(20), R(21), R(22), R(23), R(24),
    R(25), R(26), R(27), R(28), R(29), R(30), R(31), {"hi", 0, MIPS_OFF(hi)}, {"lo", 0, MIPS_OFF(lo)}, {"pc", SPECIAL, REG_PC},
#define CP0(number, sel, field, read, write, mask) {#field, SPECIAL, MIPS_OFF(field)},
#include "cp0.def"
    {"linked", 0, MIPS_OFF(linked)},
    {0},
};
enum { REG_COUNT = sizeof(mips_regs) / sizeof(mips_regs[0]) - 1 };

bool mips_reg_get(struct xl_cpu *cpu, unsigned index, uint64_t *value)
{
    if (index >= REG_COUNT)
        return false;
    uint32_t off = mips_regs[index].off;
    if (off == REG_PC)
        *value = xl_cpu_env(cpu)->pc;
    else if (off == MIPS_OFF(count))
        *value = mips_count(cpu);
    else if (off == MIPS_OFF(cause))
        *value = mips_cause(cpu);
    else
        *value = xl_cpu_env(cpu)->bank[0][off / 4];
    return true;
}

/* What decides translation, interrupts or time goes the way of its instruction, but for bits that no instruction can write. */
static void special_set(struct xl_cpu *cpu, uint32_t off, uint32_t word)
{
    struct mips_cpu *s = mips_of(cpu);

    if (off == REG_PC) {
        go_to(cpu, word);
    } else if (off == MIPS_OFF(status)) {
        mips_status_set(cpu, word);
    } else if (off == MIPS_OFF(cause)) {
        s->cause = merged(s->cause, word, CAUSE_BD | CAUSE_CODE | 3u << CAUSE_CE_SHIFT);
        mips_cause_set(cpu, word);
    } else if (off == MIPS_OFF(count)) {
        mips_count_set(cpu, word);
    } else if (off == MIPS_OFF(compare)) {
        mips_compare_set(cpu, word);
    } else if (off == MIPS_OFF(entryhi)) {
        mips_entryhi_set(cpu, word);
    } else if (off == MIPS_OFF(pagemask)) {
        mips_pagemask_set(cpu, word);
    } else if (off == MIPS_OFF(wired)) {
        mips_wired_set(cpu, word);
    } else if (off == MIPS_OFF(ebase)) {
        s->ebase = merged(s->ebase, word, MASK_ebase);
    } else {
        xl_cpu_env(cpu)->bank[0][off / 4] = word;
    }
}

bool mips_reg_set(struct xl_cpu *cpu, unsigned index, uint64_t value)
{
    if (index >= REG_COUNT || value > UINT32_MAX)
        return false;
    if (mips_regs[index].bank == SPECIAL)
        special_set(cpu, mips_regs[index].off, (uint32_t)value);
    else if (index)
        xl_cpu_env(cpu)->bank[0][mips_regs[index].off / 4] = (uint32_t)value;
    return true;
}
