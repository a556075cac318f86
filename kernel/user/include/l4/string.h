/* SPDX-License-Identifier: MIT */
/* The memory functions of libl4 (support.c), as in the C standard. */
#ifndef L4_STRING_H
#define L4_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t n);
void *memmove(void *to, const void *from, size_t n);
void *memset(void *to, int byte, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#endif
