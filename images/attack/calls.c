/* SPDX-License-Identifier: MIT */
/* Every system call with arguments that are random, small, or at the edges of what they may be. */
#include "l4/l4.h"

#include <stdbool.h>

static uint64_t state = 0x9e3779b97f4a7c15ull;

static uint64_t next(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    return state ^= state << 17;
}

static uint64_t argument(void)
{
    static const uint64_t edge[] = {0, 1, 0xfff, 0x1000, 0x7fffffffffffull, 0x800000000000ull, 0xffff800000000000ull, 0xffffffff80000000ull, UINT64_MAX};
    uint64_t n = next();

    switch (n & 3) {
    case 0: return n >> 2 & 63;
    case 1: return edge[(n >> 2) % (sizeof edge / sizeof edge[0])];
    case 2: return (n >> 2 & 0xffff) << 12;
    default: return n;
    }
}

/* A call that waits for others would end the game: they never come. */
static bool waits(unsigned call)
{
    return call <= K_SYS_REPLY || call == K_SYS_WAIT || call == K_SYS_SLEEP;
}

int main(void)
{
    for (;;) {
        unsigned call = (unsigned)(next() % (K_SYS_BOOT_INFO + 2));
        if (!waits(call))
            l4_syscall((enum k_syscall)call, argument(), argument(), argument(), argument(), argument(), argument(), NULL);
    }
}
