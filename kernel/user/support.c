/* SPDX-License-Identifier: MIT */
/*
 * The small part of libl4 that is not a bare system call: the task's start variables, debug text, names of statuses,
 * and the four memory functions that gcc calls by itself (memcpy, memmove, memset, memcmp).
 */
#include "l4/l4.h"
#include "l4/string.h"

struct k_utcb *l4_utcb;
uint64_t l4_start_arg;

_Static_assert(K_SYS_RECV == 4, "ipc.S");

enum k_status l4_debug_puts(const char *text)
{
    enum k_status status = K_OK;
    while (*text && status == K_OK) {
        uint64_t n = 0;
        while (text[n] && n < sizeof l4_utcb->bulk) {
            l4_utcb->bulk[n] = (uint8_t)text[n];
            n++;
        }
        status = L4_SYS(DEBUG_PUTS, (uintptr_t)l4_utcb->bulk, n, 0, 0, 0, 0);
        text += n;
    }
    return status;
}

const char *l4_status_name(enum k_status status)
{
    switch (status) {
#define X(name, value, text) \
    case K_##name: \
        return #name;
#include "abi/k_status.def"
#undef X
    }
    return "?";
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    void *start = to;
    size_t words = n / 8, rest = n % 8;
    __asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
    if (rest) {
        __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
    }
    return start;
}

void *memmove(void *to, const void *from, size_t n)
{
    unsigned char *t = to;
    const unsigned char *f = from;
    if (t <= f || t >= f + n) {
        return memcpy(to, from, n);
    }
    while (n--) {
        t[n] = f[n];
        __asm__ volatile("" : : : "memory"); /* keeps gcc from making this a call to memmove */
    }
    return to;
}

void *memset(void *to, int byte, size_t n)
{
    void *start = to;
    uint64_t word = (uint8_t)byte * 0x0101010101010101u;
    size_t words = n / 8, rest = n % 8;
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(word) : "memory");
    if (rest) {
        __asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(word) : "memory");
    }
    return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < n; i++) {
        if (x[i] != y[i]) {
            return x[i] - y[i];
        }
    }
    return 0;
}
