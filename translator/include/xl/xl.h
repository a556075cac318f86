/* SPDX-License-Identifier: MIT */
/*
 * The translator's only door: make a virtual machine, load it, run it, look at it.
 *
 * One struct xl_vm is one guest: one CPU, its devices, its RAM, its code cache. It has no thread and no global state of its own: the caller runs it by
 * xl_run() on whatever thread it likes (one at a time). Everything outside the guest is reached through struct xl_port, of which the workstation
 * (port/linux) and the board (port/l4) each have one. Python reads this header through cffi.
 *
 * Errors: functions return enum xl_status, or NULL/false with a sentence in xl_error(). A fault of the guest is delivered to the guest, never returned.
 */
#ifndef XL_XL_H
#define XL_XL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xl_vm;

enum xl_engine { XL_ENGINE_INTERP, XL_ENGINE_BLOCK };
enum xl_time { XL_TIME_HOST, XL_TIME_INSN, XL_TIME_EXACT };
enum xl_status { XL_OK, XL_BAD_ARG, XL_NO_MEMORY, XL_NOT_THERE };
/* Why xl_run returned. */
enum xl_stop { XL_STOP_BUDGET, XL_STOP_IDLE /* waits for an interrupt; deadline in xl_idle_until */, XL_STOP_HALT /* guest ended; code in xl_exit_code */, XL_STOP_REQUEST /* xl_request_stop */ };
enum xl_switch { XL_NO_CHAIN = 1, XL_NO_DEAD_PUT = 2, XL_NO_FUSE = 4, XL_NO_FOLD = 8, XL_NO_JUMP_CACHE = 16, XL_NO_REGION = 32, XL_NO_LINEAR = 64 };

/* Everything outside the guest. All functions may be called only from inside xl_run / xl_create; none may call back. */
struct xl_port {
    void *arg;
    uint64_t (*clock_ns)(void *arg);                                        /* host time, monotonic */
    unsigned (*console_write)(void *arg, unsigned n, const uint8_t *bytes, unsigned count); /* how many were taken; the guest's UART keeps the rest */
    /* The code cache: the same memory mapped twice. rw and rx page aligned; bytes as asked in the config. */
    uint8_t *code_rw;
    uint8_t *code_rx;
    uint64_t code_bytes;
    /* Guest RAM, zeroed, page aligned, config.ram_bytes long; owned by the port. */
    uint8_t *ram;
    /* Zeroed arena for the core's tables; its needed size is xl_arena_bytes(config). */
    void *arena;
    uint64_t arena_bytes;
    void (*log)(void *arg, const char *text);
};

struct xl_config {
    const char *machine;     /* "leon3" */
    uint64_t ram_bytes;
    enum xl_engine engine;
    enum xl_time time;
    uint32_t ns_per_insn;    /* time insn and exact; 0: the machine's default (20 ns, a 50 MHz CPU) */
    uint32_t switches;       /* enum xl_switch, optimisations to leave out */
    uint64_t code_bytes;     /* code cache */
};

uint64_t xl_arena_bytes(const struct xl_config *config);
struct xl_vm *xl_create(const struct xl_config *config, const struct xl_port *port, char *error, size_t error_bytes);
void xl_reset(struct xl_vm *vm);
/* Copy bytes into guest-physical memory (RAM only); watches code. */
enum xl_status xl_write(struct xl_vm *vm, uint64_t gpa, const void *bytes, uint64_t count);
enum xl_status xl_read(struct xl_vm *vm, uint64_t gpa, void *bytes, uint64_t count);
/* Set the registers as the machine's firmware leaves them for a program at entry. */
void xl_boot(struct xl_vm *vm, uint64_t entry);
/* Run at most `insns` guest instructions, exactly counted; returns early when idle, halted or asked to stop. */
enum xl_stop xl_run(struct xl_vm *vm, uint64_t insns);
uint64_t xl_insns(struct xl_vm *vm);      /* executed since creation */
uint64_t xl_guest_ns(struct xl_vm *vm);   /* guest time */
uint64_t xl_idle_until_ns(struct xl_vm *vm); /* guest time of the next event after XL_STOP_IDLE; UINT64_MAX: none */
/* After XL_STOP_IDLE: guest time moves on to `ns` (no further than the next event). */
void xl_advance_ns(struct xl_vm *vm, uint64_t ns);
int xl_exit_code(struct xl_vm *vm);
void xl_request_stop(struct xl_vm *vm);   /* async-signal-safe */
/* Console bytes for the guest; returns how many were taken (a full FIFO takes fewer: offer the rest later). */
unsigned xl_console_in(struct xl_vm *vm, unsigned n, const uint8_t *bytes, unsigned count);
/* Registers by name as in the manual ("g1", "o6", "psr", "pc"). */
enum xl_status xl_reg_get(struct xl_vm *vm, const char *name, uint64_t *value);
enum xl_status xl_reg_set(struct xl_vm *vm, const char *name, uint64_t value);
const char *xl_reg_name(struct xl_vm *vm, unsigned index); /* NULL past the end */

struct xl_stats {
    uint64_t insns, insns_interp, blocks, blocks_translated_insns, host_bytes, chained, exits, tlb_misses, tlb_flushes, mmio, faults, interrupts,
        code_flushes, smc_stores, dead_puts, fused, folded, regions, region_homes, linear_made;
};
void xl_stats_get(struct xl_vm *vm, struct xl_stats *out);
uint64_t xl_state_hash(struct xl_vm *vm, bool with_ram); /* FNV-1a 64 over registers (and RAM) */
/* Text of the translation of the block at guest virtual pc: guest text, IR before and after passes, host bytes. */
int xl_dump(struct xl_vm *vm, uint32_t pc, char *out, int out_bytes);

#endif
