/* SPDX-License-Identifier: MIT */
/*
 * Text into a bounded buffer, without libc: what dumps and error sentences are written with.
 *
 * `wanted` counts what would have been written; the buffer is always ended by a zero and never overrun.
 */
#ifndef XL_TEXT_H
#define XL_TEXT_H

#include <stdbool.h>
#include <stdint.h>

struct text {
    char *out;
    int room;   /* bytes of the buffer */
    int wanted; /* bytes asked for so far */
};

static inline bool text_is(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static inline struct text text_on(char *out, int room)
{
    if (room > 0)
        out[0] = 0;
    return (struct text){out, room, 0};
}

static inline void text_char(struct text *t, char c)
{
    if (t->wanted + 1 < t->room) {
        t->out[t->wanted] = c;
        t->out[t->wanted + 1] = 0;
    }
    t->wanted++;
}

static inline void text_put(struct text *t, const char *s)
{
    while (*s)
        text_char(t, *s++);
}

/* Hexadecimal, at least `digits` digits. */
static inline void text_hex(struct text *t, uint64_t value, int digits)
{
    int i = 16;

    while (i > 1 && i > digits && !(value >> (4 * (i - 1)) & 15))
        i--;
    while (i--)
        text_char(t, "0123456789abcdef"[value >> (4 * i) & 15]);
}

static inline void text_dec(struct text *t, uint64_t value)
{
    char digit[20];
    int n = 0;

    do
        digit[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n)
        text_char(t, digit[--n]);
}

#endif
