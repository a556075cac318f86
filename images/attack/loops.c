/* SPDX-License-Identifier: MIT */
/* Takes all of the processor that it is given, and asks for nothing. */
int main(void)
{
    for (;;)
        __asm__ volatile("");
}
