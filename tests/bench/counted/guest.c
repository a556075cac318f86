/* SPDX-License-Identifier: MIT */
/*
 * A bare program in the workstation's port without Python around it, so that a tool can count the host instructions of all that runs.
 *
 *     guest MACHINE RAM_MIB ENTRY FILE     FILE: pieces of RAM, each address, size (8 bytes, little-endian), bytes
 *
 * Engine and kind of time are the board's. The console goes to standard output, the translator's counters to standard error.
 */
#include "xl_linux.h"

#include <stdio.h>
#include <stdlib.h>

enum { PIECE_MAX = 64 << 20, ROOM = 4096 };

static void load(struct xl_vm *vm, const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(PIECE_MAX);
    uint64_t head[2];

    if (!file || !bytes)
        exit(2);
    while (fread(head, sizeof head, 1, file) == 1)
        if (head[1] > PIECE_MAX || fread(bytes, 1, head[1], file) != head[1] || xl_write(vm, head[0], bytes, head[1]))
            exit(2);
    free(bytes);
    fclose(file);
}

int main(int argc, char **argv)
{
    char error[200] = "";
    uint8_t out[ROOM];
    struct xl_stats stats;

    if (argc != 5)
        return 2;
    struct xl_config config = {.machine = argv[1], .ram_bytes = strtoull(argv[2], NULL, 0) << 20, .engine = XL_ENGINE_TIERS, .time = XL_TIME_INSN};
    struct xl_linux *l = xl_linux_create(&config, NULL, error, sizeof error);
    if (!l) {
        fprintf(stderr, "%s\n", error);
        return 2;
    }
    load(xl_linux_vm(l), argv[4]);
    xl_boot(xl_linux_vm(l), strtoull(argv[3], NULL, 0));
    for (enum xl_stop stop = XL_STOP_BUDGET; stop != XL_STOP_HALT;) {
        stop = xl_linux_run(l, UINT64_MAX >> 1, 1000000000, -1);
        fwrite(out, 1, xl_linux_console_read(l, out, ROOM), stdout);
    }
    xl_stats_get(xl_linux_vm(l), &stats);
    fprintf(stderr, "guest instructions %llu, through windows %llu\n", (unsigned long long)stats.insns, (unsigned long long)stats.direct_made);
    return xl_exit_code(xl_linux_vm(l));
}
