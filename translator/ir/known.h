/* SPDX-License-Identifier: MIT */
/* What the builder knows at one point of a block: values that guest registers and flags hold. Private to ir/ and rt/. */
#ifndef IR_KNOWN_H
#define IR_KNOWN_H

#include "ir/ir.h"

enum { IR_KNOWN_BANKS = XL_BANKS, IR_KNOWN_WORDS = 128 };

struct ir_known {
    uint16_t value[IR_KNOWN_BANKS][IR_KNOWN_WORDS]; /* op index, 0xffff unknown */
    struct ir_ref flags_a, flags_b;
    uint8_t flags_kind;
    bool flags;
};

void ir_known_reset(struct xl_ctx *x);
void ir_known_forget(struct ir_known *k, unsigned bank);

#endif
