/* SPDX-License-Identifier: MIT */
/* See lives.h. */
#define _GNU_SOURCE
#include "lives.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

uint64_t random_state = 1, kills;

uint32_t chance(uint32_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)(random_state >> 20) % below;
}

void check(bool is_good, const char *what)
{
    if (!is_good) {
        fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
        abort();
    }
}

void *memory_map(uint64_t bytes)
{
    uint64_t whole = (bytes + PAGE - 1) / PAGE * PAGE;
    uint8_t *all = mmap(NULL, whole + 2 * PAGE, PROT_NONE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    check(all != MAP_FAILED && mprotect(all + PAGE, whole, PROT_READ | PROT_WRITE) == 0, "no memory");
    return all + PAGE;
}

void *memory_map_end(uint64_t bytes)
{
    return (uint8_t *)memory_map(bytes) + (PAGE - bytes % PAGE) % PAGE / 16 * 16;
}

void life_run(void (*open)(void), uint64_t (*turns)(void), uint32_t steps)
{
    pid_t child = fork();
    if (child == 0) {
        open();
        if (steps) {
            ptrace(PTRACE_TRACEME, 0, 0, 0);
            raise(SIGSTOP);
        }
        turns();
        _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    for (uint32_t i = 0; i < steps && WIFSTOPPED(status); i++) {
        check(i == 0 || WSTOPSIG(status) == SIGTRAP, "the server got a signal");
        ptrace(PTRACE_SINGLESTEP, child, 0, 0);
        waitpid(child, &status, 0);
    }
    if (WIFSTOPPED(status)) {
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        kills++;
    } else {
        check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server failed");
    }
}

uint32_t steps_draw(uint32_t most)
{
    return chance(5) ? 1 + chance(most) : 0;
}
