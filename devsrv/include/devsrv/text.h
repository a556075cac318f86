/* SPDX-License-Identifier: MIT */
/* Text into a buffer of fixed size, without a C library: what does not fit is cut, and the end is always a NUL. */
#ifndef DEVSRV_TEXT_H
#define DEVSRV_TEXT_H

#include <stdint.h>

struct ds_text {
    char *start, *at, *end; /* end: the last byte, for the NUL */
};

static inline struct ds_text ds_text_on(char *buffer, unsigned bytes)
{
    buffer[0] = 0;
    return (struct ds_text){buffer, buffer, buffer + bytes - 1};
}

static inline void ds_text_char(struct ds_text *t, char c)
{
    if (t->at < t->end)
        *t->at++ = c;
    *t->at = 0;
}

static inline void ds_text_put(struct ds_text *t, const char *s)
{
    while (*s)
        ds_text_char(t, *s++);
}

/* At most `bytes` bytes, ended by a NUL before if there is one: a name field of a record. */
static inline void ds_text_name(struct ds_text *t, const uint8_t *name, unsigned bytes)
{
    for (unsigned i = 0; i < bytes && name[i]; i++)
        ds_text_char(t, name[i] >= 0x20 && name[i] < 0x7f ? (char)name[i] : '?');
}

static inline void ds_text_number(struct ds_text *t, uint64_t value, unsigned base, unsigned width)
{
    char digits[20];
    unsigned n = 0;

    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    for (unsigned i = n; i < width; i++)
        ds_text_char(t, ' ');
    while (n)
        ds_text_char(t, digits[--n]);
}

static inline void ds_text_dec(struct ds_text *t, uint64_t value)
{
    ds_text_number(t, value, 10, 0);
}

static inline void ds_text_hex(struct ds_text *t, uint64_t value)
{
    ds_text_put(t, "0x");
    ds_text_number(t, value, 16, 0);
}

#endif
