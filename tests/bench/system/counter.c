/* SPDX-License-Identifier: MIT */
/*
 * A plugin for QEMU that counts a board's instructions by the program they belong to, exactly and without disturbing it.
 *
 *     -plugin counter.so,programs=FILE,out=FILE
 *
 * `programs` has a line "CLASS VA FILE" for each piece of a program's code: FILE lies at VA where a task runs it. An instruction below the kernel belongs to the piece whose
 * bytes lie around it, for all tasks have their programs at the same addresses; in [translated_first, translated_end) it was made by a translator. `out` becomes an array
 * of CLASSES 64-bit counts that whoever maps the file reads at any time.
 *
 * An instruction is classed when QEMU translates it: a page that is filled anew with other code is translated anew.
 * Source: QEMU manual, "QEMU TCG Plugins", interface version 1. Its declarations are written here as far as they are used, for Debian has no package with them.
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct plugin_block;
struct plugin_insn;
typedef void block_translated(uint64_t plugin, struct plugin_block *block);
enum { INLINE_ADD = 0, INTERFACE = 1 };

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t plugin, block_translated *call);
void qemu_plugin_register_vcpu_insn_exec_inline(struct plugin_insn *insn, int op, void *at, uint64_t value);
size_t qemu_plugin_tb_n_insns(const struct plugin_block *block);
struct plugin_insn *qemu_plugin_tb_get_insn(const struct plugin_block *block, size_t n);
uint64_t qemu_plugin_insn_vaddr(const struct plugin_insn *insn);
void *qemu_plugin_insn_haddr(const struct plugin_insn *insn);

int qemu_plugin_version = INTERFACE;
int qemu_plugin_install(uint64_t plugin, const void *info, int argc, char **argv);

enum { CLASSES = 16, PIECES_MAX = 32, PAGE = 4096, OTHER = 0, KERNEL = 1, TRANSLATED = 2 };
static const uint64_t translated_first = 3ull << 32, translated_end = 4ull << 32, kernel_first = 1ull << 63;

static struct piece {
    unsigned class;
    uint64_t va, bytes;
    uint8_t *code;
} pieces[PIECES_MAX];
static unsigned piece_count;
static uint64_t *counts;

/* Does the page around `at` hold what the piece has there? */
static bool is_in(const struct piece *p, uint64_t va, const uint8_t *at)
{
    if (va < p->va || va >= p->va + p->bytes)
        return false;
    uint64_t page = va & ~(uint64_t)(PAGE - 1), first = page < p->va ? p->va : page, end = page + PAGE;
    if (end > p->va + p->bytes)
        end = p->va + p->bytes;
    return !memcmp(at - (va - first), p->code + (first - p->va), end - first);
}

static unsigned class_of(uint64_t va, const uint8_t *at)
{
    if (va >= kernel_first)
        return KERNEL;
    if (va >= translated_first && va < translated_end)
        return TRANSLATED;
    for (unsigned i = 0; at && i < piece_count; i++)
        if (is_in(&pieces[i], va, at))
            return pieces[i].class;
    return OTHER;
}

static void translated(uint64_t plugin, struct plugin_block *block)
{
    (void)plugin;
    for (size_t n = 0; n < qemu_plugin_tb_n_insns(block); n++) {
        struct plugin_insn *insn = qemu_plugin_tb_get_insn(block, n);
        unsigned class = class_of(qemu_plugin_insn_vaddr(insn), qemu_plugin_insn_haddr(insn));
        qemu_plugin_register_vcpu_insn_exec_inline(insn, INLINE_ADD, &counts[class], 1);
    }
}

static bool piece_read(struct piece *p, const char *path)
{
    FILE *file = fopen(path, "rb");
    long bytes = file && !fseek(file, 0, SEEK_END) ? ftell(file) : -1;

    if (bytes <= 0 || p->class >= CLASSES)
        return false;
    p->bytes = (uint64_t)bytes;
    p->code = malloc(p->bytes);
    rewind(file);
    bool is_whole = p->code && fread(p->code, 1, p->bytes, file) == p->bytes;
    fclose(file);
    return is_whole;
}

static bool programs_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char code[512];

    if (!file)
        return false;
    for (; piece_count < PIECES_MAX; piece_count++) {
        struct piece *p = &pieces[piece_count];
        unsigned long long va;
        if (fscanf(file, "%u %llx %511s", &p->class, &va, code) != 3)
            break;
        p->va = va;
        if (!piece_read(p, code))
            return false;
    }
    fclose(file);
    return piece_count;
}

static bool counts_open(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    void *at = fd >= 0 && !ftruncate(fd, CLASSES * sizeof *counts) ? mmap(NULL, CLASSES * sizeof *counts, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;

    counts = at == MAP_FAILED ? NULL : at;
    return counts;
}

int qemu_plugin_install(uint64_t plugin, const void *info, int argc, char **argv)
{
    bool has_programs = false;

    (void)info;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "programs=", 9))
            has_programs = programs_read(argv[i] + 9);
        else if (!strncmp(argv[i], "out=", 4) && !counts_open(argv[i] + 4))
            return -1;
    }
    if (!has_programs || !counts) {
        fprintf(stderr, "counter: programs= and out= name files, and every line of the first is CLASS VA FILE\n");
        return -1;
    }
    qemu_plugin_register_vcpu_tb_trans_cb(plugin, translated);
    return 0;
}
