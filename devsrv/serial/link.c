/* SPDX-License-Identifier: MIT */
/* The link's state, channels and acknowledgement (link.h). */
#include "link_private.h"

#include "l4/string.h"

bool ds_link_open(struct ds_link *link, void *memory, uint64_t bytes, uint64_t boot_id)
{
    struct ds_link_state *state = memory;
    if (bytes < sizeof *state) {
        return false;
    }
    uint64_t magic = __atomic_load_n(&state->magic, __ATOMIC_ACQUIRE);
    if (magic != 0 && magic != DS_LINK_STATE_MAGIC) {
        return false;
    }
    if (magic == 0) {
        memset(state, 0, sizeof *state);
        state->boot_id = boot_id;
        __atomic_store_n(&state->magic, DS_LINK_STATE_MAGIC, __ATOMIC_RELEASE);
    }
    state->epoch++;
    memset(link, 0, sizeof *link);
    link->state = state;
    link->run_is_text = true;
    return true;
}

/* The channel's part of the state, made sensible: it may be another image's or half written. */
static struct ds_link_channel_state *state_adopt(struct ds_link *link, uint8_t number, const struct ds_ring *out)
{
    struct ds_link_channel_state *state = &link->state->channel[link->channel_count];
    if (state->number != number) {
        *state = (struct ds_link_channel_state){.number = number, .sent = out->at, .limit = out->at};
    }
    if (state->sent - out->at > out->bytes) {
        state->sent = out->at;
    }
    return state;
}

bool ds_link_add(struct ds_link *link, uint8_t number, uint8_t kind, const uint8_t *name, void *memory, uint64_t bytes)
{
    if (link->channel_count == LINK_MAX_CHANNELS || number == LINK_CHANNEL_CONTROL || link_find(link, number)) {
        return false;
    }
    struct ds_link_channel *channel = &link->channel[link->channel_count];
    if (!ds_ring_open_server(&channel->ring, memory, bytes)) {
        return false;
    }
    channel->number = number;
    channel->kind = kind;
    memcpy(channel->name, name, LINK_NAME_BYTES);
    channel->state = state_adopt(link, number, &channel->ring.out);
    /* The server before this one may have ended between a change of the ring and its signal, or owe an ACK. */
    channel->ack_owed = channel_is_stream(channel);
    link_signal(link, channel);
    link->channel_count++;
    return true;
}

struct ds_link_channel *link_find(struct ds_link *link, uint8_t number)
{
    for (unsigned i = 0; i < link->channel_count; i++) {
        if (link->channel[i].number == number) {
            return &link->channel[i];
        }
    }
    return NULL;
}

void link_signal(struct ds_link *link, const struct ds_link_channel *channel)
{
    link->signals |= 1u << (channel - link->channel);
}

void link_consume(struct ds_link *link, struct ds_link_channel *channel, uint32_t count)
{
    struct ds_ring *out = &channel->ring.out;
    if (count == 0) {
        return;
    }
    ds_ring_consume(out, count);
    /* The index is out before the client's is read: a client that wrote and then saw no room is seen here. Below half full none waits. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (ds_ring_used(out) + count > out->bytes / 2) {
        link_signal(link, channel);
    }
}

bool channel_acknowledge(struct ds_link *link, struct ds_link_channel *channel, uint32_t offset)
{
    uint32_t taken = offset - channel->ring.out.at;
    if (taken > channel_flight(channel)) {
        return false;
    }
    link_consume(link, channel, taken);
    return true;
}

void channel_grant(struct ds_link_channel *channel, uint32_t window)
{
    /* More than the ring holds is never on its way; the bound keeps differences of offsets within 31 bits. */
    uint32_t most = channel->ring.out.bytes;
    channel->state->granted = window < most ? window : most;
    channel->state->limit = channel->ring.out.at + channel->state->granted;
}

/* Nobody listens: above three quarters the oldest quarter goes, so that what a session finds is the newest. */
static void channel_make_room(struct ds_link *link, struct ds_link_channel *channel)
{
    struct ds_ring *out = &channel->ring.out;
    uint32_t quarter = out->bytes / 4;
    if (ds_ring_used(out) <= 3 * quarter) {
        return;
    }
    channel->state->dropped += quarter;
    link_consume(link, channel, quarter);
    channel->state->sent = out->at;
    __atomic_store_n(&channel->ring.page->dropped, channel->state->dropped, __ATOMIC_RELAXED);
}

uint32_t ds_link_turn(struct ds_link *link)
{
    for (unsigned i = 0; i < link->channel_count && link->state->session == 0; i++) {
        struct ds_link_channel *channel = &link->channel[i];
        if (channel_is_stream(channel)) {
            channel_make_room(link, channel);
        } else {
            link_consume(link, channel, ds_ring_used(&channel->ring.out)); /* replies to nobody */
        }
    }
    uint32_t signals = link->signals;
    link->signals = 0;
    return signals;
}

void ds_link_count_overruns(struct ds_link *link, uint32_t count)
{
    link->state->uart_overruns += count;
}
