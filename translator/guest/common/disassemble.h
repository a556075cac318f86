/* SPDX-License-Identifier: MIT */
/*
 * The text of an instruction word by its table (NAME_texts of the generated header): what the front ends' disassembly has in common.
 *
 * A hole of a text is \001 kind (64 + lowest bit) (64 + bits, + 32 when signed). Kinds that are the guest's own, registers and letters of mnemonics, are printed by its function,
 * which says whether it did. Source: host_runtime/l4vm/decode/emit.py.
 */
#ifndef GUEST_DISASSEMBLE_H
#define GUEST_DISASSEMBLE_H

#include "rt/text.h"

typedef bool (*text_operand)(struct text *t, char kind, uint32_t value);

/* d signed, n unsigned decimal, b a target in words from pc, others hexadecimal */
static inline void text_number(struct text *t, char kind, uint32_t value, uint32_t pc)
{
    bool negative = kind == 'd' && (int32_t)value < 0;

    if (negative)
        text_char(t, '-');
    if (kind == 'd' || kind == 'n') {
        text_dec(t, negative ? -value : value);
        return;
    }
    text_put(t, "0x");
    text_hex(t, kind == 'b' ? pc + (value << 2) : value, 1);
}

static inline const char *text_of_word(const char *pattern, uint32_t word, uint32_t pc, text_operand own, char *out, unsigned out_bytes)
{
    struct text t = text_on(out, (int)out_bytes);

    for (const char *p = pattern; *p; p++) {
        if (*p != 1) {
            text_char(&t, *p);
            continue;
        }
        uint32_t low = (uint32_t)((uint8_t)p[2] - 64), bits = (uint32_t)((uint8_t)p[3] - 64);
        bool sign = bits > 32;
        bits -= sign ? 32 : 0;
        uint32_t raw = word << (32 - low - bits), value = sign ? (uint32_t)((int32_t)raw >> (32 - bits)) : raw >> (32 - bits);
        if (!own(&t, p[1], value))
            text_number(&t, p[1], value, pc);
        p += 3;
    }
    return out;
}

#endif
