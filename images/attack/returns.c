/* SPDX-License-Identifier: MIT */
/* Returns from main before it has asked for anything. Root is told the code all the same. */
int main(void)
{
    return 3;
}
