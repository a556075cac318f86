/* SPDX-License-Identifier: MIT */
/*
 * What every server's program is: it opens its arguments, and then takes turns for ever. A server has a notification "wake", and a notification of each client.
 *
 * The wake word only says that there is something to do: each turn looks at everything. A server may be ended at any instruction and started anew; it therefore does not wait
 * first, and its first turn signals every client, for a signal may have been lost with its last life.
 */
#ifndef DEVSRV_SERVER_H
#define DEVSRV_SERVER_H

#include <stdbool.h>
#include <stdint.h>

struct arg_entry;

enum { DS_SERVER_CLIENTS_MAX = 63 };

struct ds_server {
    uint32_t wake;
    unsigned clients;
    uint32_t client[DS_SERVER_CLIENTS_MAX]; /* slots of the clients' notifications */
};

/** Open the arguments and the notification "wake"; ends the task when they are not there. */
void ds_server_open(struct ds_server *s);
/** Say why to the log and end the task with code 1. */
_Noreturn void ds_server_fail(const char *sentence);
/** The slot of the CAP argument of this name; ends the task with `otherwise` when there is none. */
uint32_t ds_server_cap(const char *name, const char *otherwise);
/** Remember the next client's notification; false when there are too many. */
bool ds_server_add(struct ds_server *s, uint32_t notification);

/** Say to the log that a client is left out, and why: "has ..." */
void ds_server_leave_out(const struct arg_entry *ring, const char *why);

/** One turn: `word` is what woke the server. Sets in *signals the bits of clients that have news; true when there is more to do at once. */
typedef bool ds_server_turn(void *arg, uint64_t word, uint64_t *signals);
/** Take turns for ever; the first with `word`. */
_Noreturn void ds_server_run(const struct ds_server *s, uint64_t word, ds_server_turn *turn, void *arg);

#endif
