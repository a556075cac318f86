/* SPDX-License-Identifier: MIT */
/*
 * A machine that is nothing but RAM, SVGACTRL, APBPS2 and a port, for tests of translator/machine's screen and keyboard without a CPU.
 *
 * RAM and shadow are heap blocks of exactly their size, so that a sanitizer sees every step beside them. What the port is told is held to its promises on the way.
 */
#ifndef DESK_H
#define DESK_H

#include "machine/apbps2.h"
#include "machine/svgactrl.h"

enum { DESK_RAM_BASE = 0x40000000, DESK_RAM_BYTES = 1 << 20, SVGACTRL_AT = 0x600, APBPS2_AT = 0x500 };

struct xl_vm {
    uint8_t *ram;
    uint32_t *shadow;
    uint64_t now_ns;
    struct xl_event *events;
    bool is_wanted;
    unsigned width, height;             /* as the port was told */
    unsigned tellings, rows, first_row; /* tellings, rows of all of them, and where the last began */
    unsigned pulses;
    struct screen screen;
    struct svgactrl svgactrl;
    struct apbps2 apbps2;
};

struct xl_vm *desk_create(void);
void desk_destroy(struct xl_vm *vm);
uint32_t desk_read(struct xl_vm *vm, uint32_t off);
void desk_write(struct xl_vm *vm, uint32_t off, uint32_t value);
void desk_advance(struct xl_vm *vm, uint64_t ns);
unsigned desk_keys(struct xl_vm *vm, const uint8_t *codes, unsigned count);
void desk_refresh(struct xl_vm *vm);
void desk_wanted(struct xl_vm *vm, bool is_wanted);
uint8_t *desk_ram(struct xl_vm *vm);
uint32_t *desk_shadow(struct xl_vm *vm);
unsigned desk_count(struct xl_vm *vm, char what); /* 'w'idth, 'h'eight, 't'ellings, 'r'ows, 'f'irst row, 'p'ulses, 'l'eds, 'm'atic rate */
void desk_expect(bool is_good, const char *what);

#endif
