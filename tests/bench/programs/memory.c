/* SPDX-License-Identifier: MIT */
/* The functions that a compiler may call in programs without a library. Source: C11 7.24. */
#include <stddef.h>

#pragma GCC optimize("no-tree-loop-distribute-patterns") /* else these loops become calls of themselves */

void *memset(void *to, int value, size_t bytes)
{
    unsigned char *p = to;
    while (bytes--)
        *p++ = (unsigned char)value;
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    unsigned char *p = to;
    const unsigned char *q = from;
    while (bytes--)
        *p++ = *q++;
    return to;
}

void *memmove(void *to, const void *from, size_t bytes)
{
    unsigned char *p = to;
    const unsigned char *q = from;
    if (p < q)
        for (size_t i = 0; i < bytes; i++)
            p[i] = q[i];
    else
        while (bytes--)
            p[bytes] = q[bytes];
    return to;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *p = a, *q = b;
    for (; bytes; bytes--, p++, q++)
        if (*p != *q)
            return *p - *q;
    return 0;
}
