/* SPDX-License-Identifier: MIT */
/* What link.c, link_in.c and link_out.c share. */
#ifndef SERIAL_LINK_PRIVATE_H
#define SERIAL_LINK_PRIVATE_H

#include "link.h"

/* The management channel's rings hold records, not a stream. */
static inline bool channel_is_stream(const struct ds_link_channel *channel)
{
    return channel->number != LINK_CHANNEL_MANAGEMENT;
}

/* Bytes sent and not acknowledged. */
static inline uint32_t channel_flight(const struct ds_link_channel *channel)
{
    return channel->state->sent - channel->ring.out.at;
}

/* The channel of that number, or NULL. */
struct ds_link_channel *link_find(struct ds_link *link, uint8_t number);

/* Mark the channel's client for a signal. */
void link_signal(struct ds_link *link, const struct ds_link_channel *channel);

/* Free bytes of `out`, and signal the client if it could have waited for room. */
void link_consume(struct ds_link *link, struct ds_link_channel *channel, uint32_t count);

/* Take a stream's bytes up to `offset` as acknowledged; false when that is backwards or past what was sent. */
bool channel_acknowledge(struct ds_link *link, struct ds_link_channel *channel, uint32_t offset);

/* From now on the workstation has `window` bytes of room beyond what it acknowledged. */
void channel_grant(struct ds_link_channel *channel, uint32_t window);

#endif
