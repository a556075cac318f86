/* SPDX-License-Identifier: MIT */
/*
 * Holds images from standard input against root's verify.c: a 4-byte length, then the bytes, again and again. Prints a line each: "ok" or the reason.
 *
 * An image that passes is then read as build.c reads it, every record and all it points at, so that the sanitizers see what verify.c let through.
 */
#include "../../../devsrv/root/root.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t sum; /* of all that is read, so that nothing is left out */

static void read_bytes(const void *p, uint64_t bytes)
{
    for (uint64_t i = 0; i < bytes; i++)
        sum += ((const uint8_t *)p)[i];
}

static void read_all(const struct table *t)
{
    for (uint32_t i = 0; i < COUNT(t, load); i++)
        read_bytes(t->blobs + TABLE(t, load)[i].blob, TABLE(t, load)[i].bytes);
    for (uint32_t i = 0; i < COUNT(t, thread); i++)
        sum += (uint64_t)TABLE(t, task)[TABLE(t, thread)[i].task].channel;
    for (uint32_t i = 0; i < COUNT(t, ring); i++)
        sum += TABLE(t, memory)[TABLE(t, ring)[i].memory].bytes + TABLE(t, task)[TABLE(t, ring)[i].client].kind;
    for (uint32_t i = 0; i < COUNT(t, map); i++)
        sum += TABLE(t, memory)[TABLE(t, map)[i].memory].bytes;
#define ALL(array) read_bytes(TABLE(t, array), (uint64_t)COUNT(t, array) * sizeof *TABLE(t, array))
    ALL(task), ALL(thread), ALL(sched), ALL(memory), ALL(load), ALL(map), ALL(irq), ALL(ioport), ALL(object), ALL(cap), ALL(bind), ALL(ring), ALL(realtime);
#undef ALL
}

int main(void)
{
    uint32_t bytes;

    while (fread(&bytes, sizeof bytes, 1, stdin) == 1) {
        char text[256];
        struct ds_text why = ds_text_on(text, sizeof text - 1);
        uint8_t *image = malloc(bytes ? bytes : 1);
        struct table t;
        if (!image || fread(image, 1, bytes, stdin) != bytes)
            return 1;
        bool ok = table_open(&t, image, bytes, &why);
        if (ok)
            read_all(&t);
        *why.at = 0;
        puts(ok ? "ok" : text);
        free(image);
    }
    return sum == 1;
}
