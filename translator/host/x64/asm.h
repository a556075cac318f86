/* SPDX-License-Identifier: MIT */
/*
 * x86-64 instruction encoder: one function per form, bytes straight into the code cache.
 *
 * Private to host/x64. The caller keeps room (X64_ROOM bytes) before each group of instructions. Forms: rr register-register, rm register-memory with
 * base + disp, rx with base + index + disp. `w` is 1 for 64-bit. Source: Intel SDM vol. 2, chapter 2 and opcode maps.
 */
#ifndef X64_ASM_H
#define X64_ASM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum x64_reg { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI, R8, R9, R10, R11, R12, R13, R14, R15, X64_NO_REG };
enum x64_cc { CC_O, CC_NO, CC_B, CC_AE, CC_E, CC_NE, CC_BE, CC_A, CC_S, CC_NS, CC_P, CC_NP, CC_L, CC_GE, CC_LE, CC_G };
/* The opcode of "op reg, r/m"; its /digit for immediates is bits 3..5. */
enum x64_alu { ALU_ADD = 0x03, ALU_OR = 0x0b, ALU_AND = 0x23, ALU_SUB = 0x2b, ALU_XOR = 0x33, ALU_CMP = 0x3b };
enum x64_shift { SHIFT_ROL = 0, SHIFT_ROR = 1, SHIFT_SHL = 4, SHIFT_SHR = 5, SHIFT_SAR = 7 };

struct x64 {
    uint8_t *p, *end;
};

static inline void x64_b(struct x64 *a, unsigned byte) { *a->p++ = (uint8_t)byte; }

static inline void x64_d(struct x64 *a, uint32_t value)
{
    memcpy(a->p, &value, 4);
    a->p += 4;
}

static inline void x64_q(struct x64 *a, uint64_t value)
{
    memcpy(a->p, &value, 8);
    a->p += 8;
}

static inline void x64_rex(struct x64 *a, unsigned w, unsigned reg, unsigned index, unsigned base)
{
    unsigned rex = w << 3 | (reg >> 3) << 2 | (index >> 3) << 1 | base >> 3;
    if (rex)
        x64_b(a, 0x40 | rex);
}

/* Opcodes above 0xff are two bytes 0f xx, above 0xffff three. */
static inline void x64_opcode(struct x64 *a, unsigned op)
{
    if (op > 0xffff)
        x64_b(a, op >> 16);
    if (op > 0xff)
        x64_b(a, op >> 8 & 0xff);
    x64_b(a, op & 0xff);
}

static inline void x64_rr(struct x64 *a, unsigned op, unsigned w, unsigned reg, unsigned rm)
{
    x64_rex(a, w, reg, 0, rm);
    x64_opcode(a, op);
    x64_b(a, 0xc0 | (reg & 7) << 3 | (rm & 7));
}

static inline void x64_modrm_disp(struct x64 *a, unsigned reg, unsigned base, int32_t disp)
{
    unsigned mod = disp == 0 && (base & 7) != RBP ? 0 : disp >= -128 && disp < 128 ? 1 : 2;

    x64_b(a, mod << 6 | (reg & 7) << 3 | (base & 7));
    if ((base & 7) == RSP)
        x64_b(a, 0x24);
    if (mod == 1)
        x64_b(a, (uint8_t)disp);
    if (mod == 2)
        x64_d(a, (uint32_t)disp);
}

static inline void x64_rm(struct x64 *a, unsigned op, unsigned w, unsigned reg, unsigned base, int32_t disp)
{
    x64_rex(a, w, reg, 0, base);
    x64_opcode(a, op);
    x64_modrm_disp(a, reg, base, disp);
}

/* base + index + disp; scale 1. */
static inline void x64_rx(struct x64 *a, unsigned op, unsigned w, unsigned reg, unsigned base, unsigned index, int32_t disp)
{
    unsigned mod = disp == 0 && (base & 7) != RBP ? 0 : disp >= -128 && disp < 128 ? 1 : 2;

    x64_rex(a, w, reg, index, base);
    x64_opcode(a, op);
    x64_b(a, mod << 6 | (reg & 7) << 3 | 4);
    x64_b(a, (index & 7) << 3 | (base & 7));
    if (mod == 1)
        x64_b(a, (uint8_t)disp);
    if (mod == 2)
        x64_d(a, (uint32_t)disp);
}

/* The same of a byte register, base + disp when index is X64_NO_REG: a REX prefix makes 4..7 SPL..DIL out of AH..BH. */
static inline void x64_rx8(struct x64 *a, unsigned op, unsigned reg, unsigned base, unsigned index, int32_t disp)
{
    x64_b(a, 0x40 | (reg >> 3) << 2 | (index == X64_NO_REG ? 0 : (index >> 3) << 1) | base >> 3);
    x64_opcode(a, op);
    if (index == X64_NO_REG) {
        x64_modrm_disp(a, reg, base, disp);
        return;
    }
    x64_b(a, 0x84 | (reg & 7) << 3);
    x64_b(a, (index & 7) << 3 | (base & 7));
    x64_d(a, (uint32_t)disp);
}

/* test byte reg, imm */
static inline void x64_test8(struct x64 *a, unsigned reg, unsigned imm)
{
    x64_b(a, 0x40 | reg >> 3);
    x64_b(a, 0xf6);
    x64_b(a, 0xc0 | (reg & 7));
    x64_b(a, imm);
}

static inline void x64_mov(struct x64 *a, unsigned dst, unsigned src)
{
    if (dst != src)
        x64_rr(a, 0x8b, 0, dst, src);
}

static inline void x64_mov64(struct x64 *a, unsigned dst, unsigned src)
{
    if (dst != src)
        x64_rr(a, 0x8b, 1, dst, src);
}

/* Leaves the flags alone. */
static inline void x64_mov_imm(struct x64 *a, unsigned dst, uint64_t value)
{
    if (value >> 32) {
        x64_rex(a, 1, 0, 0, dst);
        x64_b(a, 0xb8 | (dst & 7));
        x64_q(a, value);
        return;
    }
    x64_rex(a, 0, 0, 0, dst);
    x64_b(a, 0xb8 | (dst & 7));
    x64_d(a, (uint32_t)value);
}

static inline void x64_load(struct x64 *a, unsigned w, unsigned dst, unsigned base, int32_t disp) { x64_rm(a, 0x8b, w, dst, base, disp); }
static inline void x64_store(struct x64 *a, unsigned w, unsigned src, unsigned base, int32_t disp) { x64_rm(a, 0x89, w, src, base, disp); }

static inline void x64_store_imm(struct x64 *a, uint32_t value, unsigned base, int32_t disp)
{
    x64_rm(a, 0xc7, 0, 0, base, disp);
    x64_d(a, value);
}

static inline void x64_alu(struct x64 *a, enum x64_alu op, unsigned w, unsigned dst, unsigned src) { x64_rr(a, op, w, dst, src); }

static inline void x64_alu_imm(struct x64 *a, enum x64_alu op, unsigned w, unsigned dst, int32_t imm)
{
    bool small = imm >= -128 && imm < 128;

    x64_rex(a, w, 0, 0, dst);
    x64_b(a, small ? 0x83 : 0x81);
    x64_b(a, 0xc0 | ((unsigned)op & 0x38) | (dst & 7));
    if (small)
        x64_b(a, (uint8_t)imm);
    else
        x64_d(a, (uint32_t)imm);
}

/* op dword [base + disp], imm */
static inline void x64_alu_mem_imm(struct x64 *a, enum x64_alu op, unsigned base, int32_t disp, int32_t imm)
{
    bool small = imm >= -128 && imm < 128;

    x64_rm(a, small ? 0x83 : 0x81, 0, (unsigned)op >> 3, base, disp);
    if (small)
        x64_b(a, (uint8_t)imm);
    else
        x64_d(a, (uint32_t)imm);
}

static inline void x64_shift_imm(struct x64 *a, enum x64_shift op, unsigned w, unsigned dst, unsigned count)
{
    x64_rex(a, w, 0, 0, dst);
    x64_b(a, 0xc1);
    x64_b(a, 0xc0 | (unsigned)op << 3 | (dst & 7));
    x64_b(a, count);
}

static inline void x64_shift_cl(struct x64 *a, enum x64_shift op, unsigned w, unsigned dst)
{
    x64_rex(a, w, 0, 0, dst);
    x64_b(a, 0xd3);
    x64_b(a, 0xc0 | (unsigned)op << 3 | (dst & 7));
}

static inline void x64_bswap(struct x64 *a, unsigned w, unsigned dst)
{
    x64_rex(a, w, 0, 0, dst);
    x64_b(a, 0x0f);
    x64_b(a, 0xc8 | (dst & 7));
}

/* movzx or movsx dst, byte or word register: op 0x0fb6, 0x0fb7, 0x0fbe, 0x0fbf */
static inline void x64_extend(struct x64 *a, unsigned op, unsigned dst, unsigned src)
{
    x64_b(a, 0x40 | (dst >> 3) << 2 | src >> 3);
    x64_opcode(a, op);
    x64_b(a, 0xc0 | (dst & 7) << 3 | (src & 7));
}

static inline void x64_setcc(struct x64 *a, enum x64_cc cc, unsigned dst)
{
    x64_b(a, 0x40 | dst >> 3);
    x64_b(a, 0x0f);
    x64_b(a, 0x90 | (unsigned)cc);
    x64_b(a, 0xc0 | (dst & 7));
}

/* Jumps with a rel32 to be filled; the address of the rel32 comes back. */
static inline uint8_t *x64_jcc(struct x64 *a, enum x64_cc cc)
{
    x64_b(a, 0x0f);
    x64_b(a, 0x80 | (unsigned)cc);
    x64_d(a, 0);
    return a->p - 4;
}

static inline uint8_t *x64_jmp(struct x64 *a)
{
    x64_b(a, 0xe9);
    x64_d(a, 0);
    return a->p - 4;
}

static inline void x64_fix(uint8_t *rel32, const uint8_t *target)
{
    int32_t rel = (int32_t)(target - (rel32 + 4));
    memcpy(rel32, &rel, 4);
}

static inline void x64_jmp_to(struct x64 *a, const uint8_t *target) { x64_fix(x64_jmp(a), target); }

static inline void x64_call_to(struct x64 *a, const uint8_t *target)
{
    x64_b(a, 0xe8);
    x64_d(a, 0);
    x64_fix(a->p - 4, target);
}

static inline void x64_call_reg(struct x64 *a, unsigned reg)
{
    x64_rex(a, 0, 0, 0, reg);
    x64_b(a, 0xff);
    x64_b(a, 0xd0 | (reg & 7));
}

static inline void x64_push(struct x64 *a, unsigned reg)
{
    x64_rex(a, 0, 0, 0, reg);
    x64_b(a, 0x50 | (reg & 7));
}

static inline void x64_pop(struct x64 *a, unsigned reg)
{
    x64_rex(a, 0, 0, 0, reg);
    x64_b(a, 0x58 | (reg & 7));
}

#endif
