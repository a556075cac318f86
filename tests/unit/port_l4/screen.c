/* SPDX-License-Identifier: MIT */
/*
 * A guest's task between its screen and whoever shows it: vm_screen.c with the real memory and ring, the arguments a test gives, and a keyboard with as much room as it says.
 */
#include "vm_screen.h"

#include "devsrv/args.h"
#include "l4/l4.h"

#include <stdlib.h>
#include <string.h>

enum { SERVER_SLOT = 9, RING_BYTES = 4096 + 1024 + 1024 };

static struct {
    struct vm_screen screen;
    struct xl_l4_config config;
    uint8_t *memory, *keys;
    struct ds_ring_pair server;
    struct arg_entry screen_memory, key_ring;
    unsigned signals, room, typed_count;
    uint8_t typed[256];
} b;

const struct arg_entry *ds_args_find(enum arg_kind kind, const char *name)
{
    if (kind == ARG_KIND_MEMORY && strcmp(name, "screen") == 0 && b.screen_memory.bytes)
        return &b.screen_memory;
    return kind == ARG_KIND_RING && strcmp(name, "keys") == 0 && b.key_ring.bytes ? &b.key_ring : NULL;
}

enum k_status l4_signal(uint32_t notification, uint64_t bits)
{
    (void)bits;
    b.signals += notification == SERVER_SLOT;
    return K_OK;
}

unsigned xl_keys_in(struct xl_vm *vm, const uint8_t *codes, unsigned count)
{
    unsigned taken = count < b.room ? count : b.room;

    (void)vm;
    memcpy(b.typed + b.typed_count, codes, taken);
    b.typed_count += taken;
    b.room -= taken;
    return taken;
}

/* What is wrong with these arguments, or "". Memory of its last life is kept unless it is another size. */
const char *screen_make(uint64_t screen_bytes, uint64_t ring_bytes)
{
    uint8_t *memory = b.memory, *keys = b.keys;

    memset(&b, 0, sizeof b);
    b.memory = memory ? memory : calloc(1, DS_SCREEN_BYTES);
    b.keys = keys ? keys : calloc(1, RING_BYTES);
    b.screen_memory = (struct arg_entry){.va = (uint64_t)b.memory, .bytes = screen_bytes};
    b.key_ring = (struct arg_entry){.va = (uint64_t)b.keys, .bytes = ring_bytes, .slot = SERVER_SLOT};
    if (ring_bytes == RING_BYTES)
        ds_ring_format(b.keys, RING_BYTES, 1024);
    const char *wrong = vm_screen_open(&b.screen, &b.config);
    if (!wrong && ring_bytes)
        ds_ring_open_server(&b.server, b.keys, RING_BYTES);
    return wrong ? wrong : "";
}

bool screen_is_configured(void)
{
    return b.config.vm.screen && b.config.screen == (uint32_t *)(void *)(b.memory + DS_SCREEN_PIXELS);
}

void screen_changed(unsigned width, unsigned height, unsigned first, unsigned rows)
{
    vm_screen_changed(&b.screen, width, height, first, rows);
}

bool screen_wanted(void)
{
    return vm_screen_wanted(&b.screen);
}

void screen_want(bool is_wanted)
{
    ds_screen_want((struct ds_screen_page *)(void *)b.memory, is_wanted);
}

/* Width | height << 16, 0 when it cannot be shown. */
unsigned screen_size(void)
{
    uint32_t width, height;

    return ds_screen_size((struct ds_screen_page *)(void *)b.memory, &width, &height) ? width | height << 16 : 0;
}

void screen_size_set(uint32_t size)
{
    ((struct ds_screen_page *)(void *)b.memory)->size = size;
}

uint32_t screen_take(unsigned word)
{
    return ds_screen_take((struct ds_screen_page *)(void *)b.memory, word);
}

unsigned screen_press(const uint8_t *codes, unsigned count)
{
    return ds_ring_write(&b.server.in, codes, count);
}

bool screen_offer(unsigned room)
{
    b.room = room;
    return vm_screen_offer(&b.screen, NULL);
}

unsigned screen_typed(uint8_t *out)
{
    memcpy(out, b.typed, b.typed_count);
    return b.typed_count;
}

unsigned screen_signals(void)
{
    vm_screen_signal(&b.screen);
    return b.signals;
}
