/* SPDX-License-Identifier: MIT */
/* Writes through memory from its own upwards, until it touches what it does not have. */
#include <stdint.h>

int main(void)
{
    static uint8_t here[64];

    for (volatile uint8_t *p = here;; p += 512)
        *p = 0xa5;
}
