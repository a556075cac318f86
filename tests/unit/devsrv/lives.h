/* SPDX-License-Identifier: MIT */
/*
 * What hostile and killed runs of servers share: chance, memory that processes share between guard pages, and a server's life that ends at any instruction.
 */
#ifndef TESTS_LIVES_H
#define TESTS_LIVES_H

#include <stdbool.h>
#include <stdint.h>

enum { PAGE = 4096 };

/* Never 0. */
extern uint64_t random_state;
/* Lives that were ended. */
extern uint64_t kills;

/** A number below `below`. */
uint32_t chance(uint32_t below);
/** End the program with the sentence when it is not so. */
void check(bool is_good, const char *what);
/** Zeroed memory between guard pages, shared with processes that are killed; at least so many bytes, whole pages. */
void *memory_map(uint64_t bytes);
/** As memory_map, but the memory ends exactly before the guard page, aligned to 16 bytes. */
void *memory_map_end(uint64_t bytes);
/** A server's life in a process of its own, which is killed after so many instructions of its turns; 0: it lives to its end. `open` runs whole. */
void life_run(void (*open)(void), uint64_t (*turns)(void), uint32_t steps);
/** Instructions until a kill, now and then 0. */
uint32_t steps_draw(uint32_t most);

#endif
