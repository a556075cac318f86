/* SPDX-License-Identifier: MIT */
/*
 * A network hub on the workstation: whatever one member sends, all others get. Members are machines of this process and, if the hub has a name, other processes.
 *
 * The name is a path. The first process that asks for it listens there and is the hub; those that come later connect to it (SOCK_SEQPACKET, one frame a message).
 * Queues are bounded: a member that does not take its frames loses what comes after HUB_QUEUE_FRAMES of them. One thread at a time may use a hub and the machines on it.
 *
 * Source: unix(7), socket(2).
 */
#ifndef XL_HUB_H
#define XL_HUB_H

#include "xl/xl.h"

struct xl_hub;
enum { HUB_MEMBERS_MAX = 16, HUB_QUEUE_FRAMES = 256 };

/* path "": machines of this process only. NULL with a sentence in error. */
struct xl_hub *xl_hub_create(const char *path, char *error, size_t error_bytes);
/* Every machine on it must be gone. */
void xl_hub_destroy(struct xl_hub *hub);

/* A machine comes and goes; join returns its member number, -1 when the hub is full. */
int xl_hub_join(struct xl_hub *hub);
void xl_hub_leave(struct xl_hub *hub, int member);
void xl_hub_send(struct xl_hub *hub, int from, const uint8_t *frame, unsigned bytes);
/* The oldest frame that waits for a member, NULL for none; it stays until it is dropped. */
const uint8_t *xl_hub_first(struct xl_hub *hub, int member, unsigned *bytes);
void xl_hub_drop(struct xl_hub *hub, int member);
/* Take what other processes sent. Never waits. */
void xl_hub_pump(struct xl_hub *hub);
/* Descriptors on which news may come, at most room; returns how many. */
unsigned xl_hub_descriptors(const struct xl_hub *hub, int *fd, unsigned room);
/* Frames that a full queue or socket lost. */
uint64_t xl_hub_lost(const struct xl_hub *hub);

#endif
