/* SPDX-License-Identifier: MIT */
/*
 * The device servers' library for the tests of test_lib.py. Input on stdin, in buffers of exactly its size:
 *
 *   crc32          prints the CRC-32 of the input, taken in two halves
 *   encode ROOM    writes the COBS form, or exits 3
 *   decode ROOM    writes what the COBS run holds, or exits 3
 *   format BYTES IN   prints out_bytes and in_bytes of a ring laid out in BYTES, or exits 3
 *   args           takes the input as the block of arguments and prints what the functions find there, or exits 3
 *   log            logs the input and prints what arrived
 *   exit CODE      ends by ds_exit, and prints what arrived
 */
#define _GNU_SOURCE
#include "devsrv/args.h"
#include "devsrv/cobs.h"
#include "devsrv/crc32.h"
#include "devsrv/ring.h"
#include "devsrv/supervisor.h"
#include "l4/l4.h"
#include "system_table_gen.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { INPUT_MAX = 1 << 16, REFUSED = 3 };

static struct k_utcb utcb;
struct k_utcb *l4_utcb = &utcb;

static void message_print(const char *call, uint32_t ep, const struct l4_msg *msg)
{
    uint64_t words[K_MR_MAX];
    memcpy(words, msg->mr, sizeof msg->mr);
    memcpy(words + K_MR_REGISTERS, utcb.mr + K_MR_REGISTERS, sizeof words - sizeof msg->mr);
    printf("%s slot %u label %u words %u\n", call, ep, K_TAG_LABEL(msg->tag), K_TAG_WORDS(msg->tag));
    fwrite(words, 8, K_TAG_WORDS(msg->tag), stdout);
}

enum k_status l4_send(uint32_t ep, struct l4_msg *msg)
{
    message_print("send", ep, msg);
    return K_OK;
}

enum k_status l4_call(uint32_t ep, struct l4_msg *msg)
{
    message_print("call", ep, msg);
    exit(0); /* root never answers */
}

enum k_status l4_sleep(uint64_t deadline_ns)
{
    (void)deadline_ns;
    abort();
}

static void args_map(const uint8_t *block, size_t count)
{
    void *memory = mmap((void *)(uintptr_t)SYS_ARGS_VA, ARG_MAX_BYTES, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (memory == MAP_FAILED || count > ARG_MAX_BYTES) {
        abort();
    }
    memcpy(memory, block, count);
}

static int args_print(void)
{
    if (!ds_args_open()) {
        return REFUSED;
    }
    printf("task %s\n", ds_args_task());
    const struct arg_entry *ring;
    for (unsigned n = 0; (ring = ds_args_nth(ARG_KIND_RING, n)); n++) {
        printf("ring %u slot %u value %llu\n", n, ring->slot, (unsigned long long)ring->value);
    }
    const struct arg_entry *wake = ds_args_find(ARG_KIND_CAP, "wake");
    printf("wake %d memory-wake %d\n", wake ? (int)wake->slot : -1, ds_args_find(ARG_KIND_MEMORY, "wake") != NULL);
    printf("port %llu baud %llu\n", (unsigned long long)ds_args_value("port", 1), (unsigned long long)ds_args_value("baud", 9600));
    printf("machine '%s' none '%s'\n", ds_args_text("machine"), ds_args_text("none"));
    printf("long %llu %llu\n", (unsigned long long)ds_args_value("a-name-of-16-byt", 0),
           (unsigned long long)ds_args_value("a-name-of-16-byte", 0));
    return 0;
}

static int ring_print(uint64_t bytes, uint32_t in_bytes)
{
    uint8_t *memory = calloc(1, bytes);
    struct ds_ring_pair pair;
    int code = REFUSED;
    if (ds_ring_format(memory, bytes, in_bytes)) {
        code = 0;
        printf("%d %d ", ds_ring_open_client(&pair, memory, bytes), ds_ring_open_server(&pair, memory, bytes));
        printf("%d %u %u\n", ds_ring_open_server(&pair, memory, bytes - 1), pair.out.bytes, pair.in.bytes);
    }
    free(memory);
    return code;
}

static int cobs_print(const char *what, const uint8_t *in, size_t count, size_t room)
{
    uint8_t *out = malloc(room ? room : 1);
    size_t n = strcmp(what, "encode") == 0 ? ds_cobs_encode(in, count, out, room) : ds_cobs_decode(in, count, out, room);
    if (n != DS_COBS_BAD) {
        fwrite(out, 1, n, stdout);
    }
    free(out);
    return n == DS_COBS_BAD ? REFUSED : 0;
}

static int check_run(const char *what, unsigned long a, unsigned long b, uint8_t *in, size_t count)
{
    if (strcmp(what, "crc32") == 0) {
        printf("%u\n", ds_crc32(ds_crc32(0, in, count / 2), in + count / 2, count - count / 2));
        return 0;
    }
    if (strcmp(what, "encode") == 0 || strcmp(what, "decode") == 0) {
        return cobs_print(what, in, count, a);
    }
    if (strcmp(what, "format") == 0) {
        return ring_print(a, (uint32_t)b);
    }
    if (strcmp(what, "args") == 0) {
        args_map(in, count);
        return args_print();
    }
    /* log and exit: without arguments the supervisor's slot is none */
    if (strcmp(what, "log") == 0) {
        ds_log((const char *)in);
        return 0;
    }
    if (strcmp(what, "exit") == 0) {
        ds_exit((int)a);
    }
    return 2;
}

int main(int argc, char **argv)
{
    static uint8_t all[INPUT_MAX];
    size_t count = fread(all, 1, sizeof all, stdin);
    bool is_text = argc > 1 && strcmp(argv[1], "log") == 0;
    uint8_t *in = calloc(1, count + (is_text ? 1 : count == 0));
    memcpy(in, all, count);
    int code = argc > 1 ? check_run(argv[1], argc > 2 ? strtoul(argv[2], NULL, 0) : 0, argc > 3 ? strtoul(argv[3], NULL, 0) : 0, in, count) : 2;
    free(in);
    return code;
}
