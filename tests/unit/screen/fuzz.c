/* SPDX-License-Identifier: MIT */
/*
 * Hostile drivers against display and keyboard: fuzz CASES SEED.
 *
 * A case is a driver that writes and reads registers in any order and width, with sizes and frame addresses about every border, presses keys, lets time go on and has the port look away.
 * Sanitizers watch; desk.c holds what the port is told to the shadow's size. What is shown must be what an own reading of the registers says. After each case the devices are reset and
 * must show a good picture and give a key. A case that fails is run again alone by its number as SEED with CASES 1.
 */
#include "desk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STATUS = SVGACTRL_AT, LENGTH = SVGACTRL_AT + 4, FRAME = SVGACTRL_AT + 0x14, PALETTE = SVGACTRL_AT + 0x28, STEPS = 24 };
enum { DATA = APBPS2_AT, KEY_STATUS = APBPS2_AT + 4, CONTROL = APBPS2_AT + 8, DR = 1, FRAME_NS = 40000000, BYTE_NS = 1000000 };

static struct xl_vm *vm;
static uint64_t random_state;
static uint32_t palette[256];
static unsigned shown, off_ram, keys, answered;

static uint32_t chance(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % below;
}

static uint32_t odd_number(void)
{
    static const uint32_t odd[] = {0, 1, 2, 3, 4, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xfffffffc, 0xffffffff, DESK_RAM_BASE, DESK_RAM_BASE - 4, DESK_RAM_BASE + DESK_RAM_BYTES,
                                   DESK_RAM_BASE + DESK_RAM_BYTES - 4, DESK_RAM_BASE + DESK_RAM_BYTES - 4096, DESK_RAM_BASE + 5};
    return chance(2) ? odd[chance(sizeof odd / sizeof odd[0])] : (uint32_t)random_state;
}

static uint32_t odd_size(void)
{
    static const uint32_t odd[] = {0, 1, 2, 31, 639, 640, 1022, 1023, 1024, 1025, 0xfffe, 0xffff, 767, 768, 769, 479};
    return chance(3) ? chance(200) : odd[chance(sizeof odd / sizeof odd[0])];
}

/* The pixel that the registers ask for, by another road than the device's. */
static uint32_t pixel_meant(uint32_t x, uint32_t y)
{
    uint32_t width = (desk_read(vm, LENGTH) & 0xffff) + 1, bits = desk_read(vm, STATUS) >> 4 & 3;
    uint64_t bytes = bits == 3 ? 4 : bits, row = (desk_read(vm, FRAME) & ~3u) + y * width * bytes, at = row + x * bytes;
    uint32_t value = 0;

    if (row < DESK_RAM_BASE || row + width * bytes > DESK_RAM_BASE + DESK_RAM_BYTES)
        return off_ram++, 0;
    for (unsigned i = 0; i < bytes; i++)
        value = value << 8 | vm->ram[at - DESK_RAM_BASE + i];
    if (bits == 1)
        return palette[value];
    if (bits == 3)
        return value & 0xffffff;
    uint32_t r = value >> 11, g = value >> 5 & 63, b = value & 31;
    return r * 33 / 4 << 16 | g * 65 / 16 << 8 | b * 33 / 4;
}

static void picture_check(void)
{
    uint32_t status = desk_read(vm, STATUS), length = desk_read(vm, LENGTH), width = (length & 0xffff) + 1, height = (length >> 16) + 1;
    bool is_on = status & 1 && status & 0x30 && width <= XL_SCREEN_WIDTH_MAX && height <= XL_SCREEN_HEIGHT_MAX;

    desk_refresh(vm);
    desk_expect(vm->width == (is_on ? width : 0) && vm->height == (is_on ? height : 0), "a size that the registers do not say");
    if (!is_on)
        return;
    shown++;
    for (unsigned i = 0; i < 64; i++) {
        uint32_t x = i ? chance(width) : width - 1, y = i ? chance(height) : height - 1;
        desk_expect(vm->shadow[y * width + x] == pixel_meant(x, y), "a pixel that is not the frame's");
    }
}

static void palette_put(uint32_t value)
{
    palette[value >> 24] = value & 0xffffff;
    desk_write(vm, PALETTE, value);
}

static void hostile_step(void)
{
    uint8_t codes[100];

    switch (chance(12)) {
    case 0: desk_write(vm, STATUS, chance(2) ? odd_number() : 1 | chance(4) << 4); break;
    case 1: desk_write(vm, LENGTH, odd_size() << 16 | odd_size()); break;
    case 2: desk_write(vm, FRAME, odd_number()); break;
    case 3: palette_put(odd_number()); break;
    case 4: desk_write(vm, SVGACTRL_AT + chance(0x28), odd_number()); break;
    case 5: vm->ram[chance(DESK_RAM_BYTES)] = (uint8_t)random_state; break;
    case 6: desk_write(vm, DATA, chance(2) ? 0xed + chance(19) : odd_number()); break;
    case 7: desk_write(vm, APBPS2_AT + chance(0x100), chance(2) ? 7 : odd_number()); break;
    case 8:
        for (unsigned i = 0; i < sizeof codes; i++)
            codes[i] = (uint8_t)chance(256);
        keys += desk_keys(vm, codes, chance(sizeof codes));
        break;
    case 9: desk_advance(vm, chance(3) ? chance(3 * BYTE_NS) : chance(2 * FRAME_NS)); break;
    case 10: desk_wanted(vm, chance(4)); break;
    default:
        for (unsigned i = chance(20); i > 0; i--)
            answered += desk_read(vm, KEY_STATUS) & DR && desk_read(vm, DATA) <= 0xff;
        desk_read(vm, chance(2) ? SVGACTRL_AT + chance(0x100) : APBPS2_AT + chance(0x100));
        break;
    }
}

static uint32_t byte_received(void)
{
    for (unsigned i = 0; i < 200 && !(desk_read(vm, KEY_STATUS) & DR); i++)
        desk_advance(vm, BYTE_NS);
    return desk_read(vm, DATA);
}

/* After a reset the desk is as new, whatever was done to it. */
static void good_driver(void)
{
    static const uint8_t key[] = {0x1c};

    svgactrl_ops.reset(&vm->svgactrl);
    apbps2_ops.reset(&vm->apbps2);
    memset(palette, 0, sizeof palette);
    desk_wanted(vm, true);
    desk_write(vm, LENGTH, 63 << 16 | 127);
    desk_write(vm, FRAME, DESK_RAM_BASE);
    palette_put(7u << 24 | 0x123456);
    memset(vm->ram, 7, 128 * 64);
    desk_write(vm, STATUS, 0x11);
    desk_advance(vm, 2ull * FRAME_NS);
    for (unsigned i = 0; i < 128 * 64; i++)
        desk_expect(vm->shadow[i] == 0x123456, "a picture that a good driver did not get");
    desk_write(vm, CONTROL, 7);
    desk_write(vm, DATA, 0xff);
    desk_expect(byte_received() == 0xfa && byte_received() == 0xaa, "a keyboard that does not answer");
    desk_keys(vm, key, 1);
    desk_expect(byte_received() == 0x1c, "a key that a good driver did not get");
}

static void one_case(uint64_t number)
{
    random_state = number * 0x9e3779b97f4a7c15 + 1;
    for (unsigned i = 0; i < STEPS; i++)
        hostile_step();
    picture_check();
    desk_advance(vm, chance(FRAME_NS));
    good_driver();
}

int main(int count, char **argument)
{
    if (count != 3)
        return 2;
    uint64_t cases = strtoull(argument[1], NULL, 0), seed = strtoull(argument[2], NULL, 0);

    vm = desk_create();
    for (uint64_t i = 0; i < cases; i++) {
        fprintf(stderr, "%s%llu", i ? "\n" : "", (unsigned long long)(seed + i));
        one_case(seed + i);
    }
    desk_destroy(vm);
    printf("%llu cases, %u pictures, %u pixels beyond RAM, %u codes typed, %u bytes received\n", (unsigned long long)cases, shown, off_ram, keys, answered);
    return 0;
}
