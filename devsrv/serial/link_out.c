/* SPDX-License-Identifier: MIT */
/*
 * Rings to wire: what goes next, and its frame (link.h, formats/link.py).
 *
 * A builder lays the payload into frame[] behind the header and seals it; false: it has nothing to say. A frame shows the state at the moment it is built, and
 * frames leave in the order they are built: what STATUS says was sent lies before it on the wire.
 */
#include "devsrv/cobs.h"
#include "devsrv/crc32.h"
#include "devsrv/management.h"
#include "link_private.h"

#include "l4/string.h"

static uint8_t *frame_payload(struct ds_link *link)
{
    return link->frame + sizeof(struct link_frame_header);
}

/* Put header, CRC and zero bytes around `count` payload bytes. */
static bool frame_seal_flags(struct ds_link *link, uint8_t channel, enum link_type type, uint16_t flags, uint32_t offset, size_t count)
{
    struct link_frame_header head = {.channel = channel, .type = (uint8_t)type, .flags = flags, .offset = offset};
    size_t bytes = sizeof head + count;
    memcpy(link->frame, &head, sizeof head);
    uint32_t crc = ds_crc32(0, link->frame, bytes);
    memcpy(link->frame + bytes, &crc, sizeof crc);
    size_t coded = ds_cobs_encode(link->frame, bytes + sizeof crc, link->wire + 1, LINK_MAX_ENCODED);
    link->wire[0] = link->wire[coded + 1] = 0;
    link->wire_at = 0;
    link->wire_bytes = (unsigned)coded + 2;
    link->state->frames_sent++;
    return true;
}

static bool frame_seal(struct ds_link *link, uint8_t channel, enum link_type type, uint32_t offset, size_t count)
{
    return frame_seal_flags(link, channel, type, 0, offset, count);
}

/* The window to tell, remembered as told. */
static uint32_t channel_tell_window(struct ds_link_channel *channel)
{
    channel->state->told = channel_is_stream(channel) ? ds_ring_room(&channel->ring.in) : 0;
    return channel->state->told;
}

static bool hello_reply_build(struct ds_link *link)
{
    struct link_hello_reply head = {
        .session = link->hello_session,
        .version = LINK_VERSION,
        .boot_id = link->state->boot_id,
        .server_epoch = link->state->epoch,
        .max_payload = LINK_MAX_PAYLOAD,
        .channel_count = link->hello_refused ? 0 : link->channel_count,
    };
    uint8_t *at = frame_payload(link);
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (unsigned i = 0; i < head.channel_count; i++) {
        struct ds_link_channel *channel = &link->channel[i];
        struct link_channel_entry entry = {.number = channel->number, .kind = channel->kind};
        memcpy(entry.name, channel->name, sizeof entry.name);
        if (channel_is_stream(channel)) {
            entry.tx_offset = channel->ring.out.at;
            entry.rx_offset = channel->ring.in.at;
            entry.rx_window = channel_tell_window(channel);
            entry.dropped = channel->state->dropped;
        }
        memcpy(at, &entry, sizeof entry);
        at += sizeof entry;
    }
    link->hello_owed = false;
    return frame_seal(link, LINK_CHANNEL_CONTROL, LINK_TYPE_HELLO_REPLY, 0, (size_t)(at - frame_payload(link)));
}

static struct link_status_entry status_entry(struct ds_link_channel *channel)
{
    struct link_status_entry entry = {.number = channel->number};
    if (channel_is_stream(channel)) {
        entry.tx_sent = channel->state->sent;
        entry.tx_end = channel->ring.out.at + ds_ring_used(&channel->ring.out);
        entry.rx_offset = channel->ring.in.at;
        entry.rx_window = channel_tell_window(channel);
        entry.dropped = channel->state->dropped;
    }
    return entry;
}

/* Go back as POLL asked; an offset outside what is in flight is none of ours. */
static void channel_rewind(struct ds_link_channel *channel)
{
    if (channel->retransmit && channel->retransmit_from - channel->ring.out.at <= channel_flight(channel)) {
        channel->state->sent = channel->retransmit_from;
    }
    channel->retransmit = false;
}

static bool status_build(struct ds_link *link, uint64_t now_ns)
{
    struct ds_link_state *state = link->state;
    struct link_status head = {
        .session = state->session,
        .sequence = link->status_sequence,
        .boot_id = state->boot_id,
        .board_time_ns = now_ns,
        .server_epoch = state->epoch,
        .frames_received = state->frames_received,
        .frames_sent = state->frames_sent,
        .crc_errors = state->crc_errors,
        .garbage_bytes = state->garbage_bytes,
        .uart_overruns = state->uart_overruns,
        .count = link->status_is_current ? link->channel_count : 0,
    };
    uint8_t *at = frame_payload(link);
    memcpy(at, &head, sizeof head);
    at += sizeof head;
    for (unsigned i = 0; i < head.count; i++) {
        struct link_status_entry entry = status_entry(&link->channel[i]);
        memcpy(at, &entry, sizeof entry);
        at += sizeof entry;
        channel_rewind(&link->channel[i]);
    }
    link->status_owed = false;
    return frame_seal(link, LINK_CHANNEL_CONTROL, LINK_TYPE_STATUS, 0, (size_t)(at - frame_payload(link)));
}

_Static_assert(sizeof(struct link_hello_reply) + LINK_MAX_CHANNELS * sizeof(struct link_channel_entry) <= LINK_MAX_PAYLOAD, "");
_Static_assert(sizeof(struct link_status) + LINK_MAX_CHANNELS * sizeof(struct link_status_entry) <= LINK_MAX_PAYLOAD, "");

/* Did the workstation's small window grow by enough to say so? */
static bool window_grew(struct ds_link_channel *channel)
{
    uint32_t told = channel->state->told;
    if (told >= LINK_MAX_PAYLOAD) {
        return false;
    }
    uint32_t room = ds_ring_room(&channel->ring.in);
    return room > told && (room - told >= DS_LINK_GROWTH || room == channel->ring.in.bytes);
}

static bool ack_build(struct ds_link *link)
{
    for (unsigned i = 0; i < link->channel_count; i++) {
        unsigned turn = (link->ack_turn + i) % link->channel_count;
        struct ds_link_channel *channel = &link->channel[turn];
        if (!channel_is_stream(channel) || !(channel->ack_owed || window_grew(channel))) {
            continue;
        }
        struct link_ack ack = {.window = channel_tell_window(channel)};
        memcpy(frame_payload(link), &ack, sizeof ack);
        channel->ack_owed = false;
        link->ack_turn = turn + 1;
        return frame_seal(link, channel->number, LINK_TYPE_ACK, channel->ring.in.at, sizeof ack);
    }
    return false;
}

/* The next whole record of root's, as far as there is one; its payload goes to `payload`. Records of other sessions are skipped. Returns its bytes or 0. */
static uint32_t record_take(struct ds_link *link, struct ds_link_channel *channel, uint8_t *payload)
{
    struct ds_ring *out = &channel->ring.out;
    /* Bounded: every turn consumes at least a head. */
    for (uint32_t left = out->bytes / sizeof(struct ds_management_head); left; left--) {
        struct ds_management_head head = {0};
        uint32_t used = ds_ring_used(out);
        if (used == 0) {
            return 0;
        }
        ds_ring_peek(out, 0, &head, sizeof head);
        if (head.bytes < sizeof(struct link_reply) || head.bytes > LINK_MAX_PAYLOAD || used < sizeof head + head.bytes ||
            ds_ring_peek(out, sizeof head, payload, head.bytes) != head.bytes) {
            link_consume(link, channel, used); /* root writes whole records: what follows cannot be found again */
            link->state->malformed++;
            return 0;
        }
        link_consume(link, channel, (uint32_t)sizeof head + head.bytes);
        if (head.session == link->state->session) {
            return head.bytes;
        }
    }
    return 0;
}

static bool reply_build(struct ds_link *link)
{
    struct ds_link_channel *channel = link_find(link, LINK_CHANNEL_MANAGEMENT);
    uint32_t bytes = channel ? record_take(link, channel, frame_payload(link)) : 0;
    return bytes && frame_seal(link, LINK_CHANNEL_MANAGEMENT, LINK_TYPE_REPLY, 0, bytes);
}

/* Bytes of `out` that may go now. */
static uint32_t channel_sendable(struct ds_link_channel *channel)
{
    uint32_t used = ds_ring_used(&channel->ring.out), flight = channel_flight(channel);
    uint32_t credit = channel->state->limit - channel->state->sent;
    if (flight >= used || credit > INT32_MAX) {
        return 0;
    }
    uint32_t bytes = used - flight < credit ? used - flight : credit;
    return bytes < DS_LINK_DATA_BYTES ? bytes : DS_LINK_DATA_BYTES;
}

static bool data_build(struct ds_link *link, uint64_t now_ns)
{
    uint32_t stamp = link->state->stamped ? sizeof now_ns : 0;
    memcpy(frame_payload(link), &now_ns, stamp);
    for (unsigned i = 0; i < link->channel_count; i++) {
        unsigned turn = (link->data_turn + i) % link->channel_count;
        struct ds_link_channel *channel = &link->channel[turn];
        uint32_t bytes = channel_is_stream(channel) ? channel_sendable(channel) : 0;
        bytes = ds_ring_peek(&channel->ring.out, channel_flight(channel), frame_payload(link) + stamp, bytes);
        if (bytes) {
            uint32_t offset = channel->state->sent;
            channel->state->sent += bytes;
            link->data_turn = turn + 1;
            return frame_seal_flags(link, channel->number, LINK_TYPE_DATA, stamp ? LINK_FRAME_FLAG_STAMPED : 0, offset, stamp + bytes);
        }
    }
    return false;
}

/* Build the next frame into wire[]. */
static bool frame_build(struct ds_link *link, uint64_t now_ns)
{
    if (link->hello_owed) {
        return hello_reply_build(link);
    }
    if (link->status_owed) {
        return status_build(link, now_ns);
    }
    if (link->state->session == 0) {
        return false;
    }
    bool ack_may = !link->ack_was_last;
    link->ack_was_last = ack_may && ack_build(link);
    if (link->ack_was_last || reply_build(link) || data_build(link, now_ns)) {
        return true;
    }
    link->ack_was_last = !ack_may && ack_build(link);
    return link->ack_was_last;
}

unsigned ds_link_send(struct ds_link *link, uint64_t now_ns, uint8_t *out, unsigned room)
{
    unsigned count = 0;
    while (count < room && (link->wire_at < link->wire_bytes || frame_build(link, now_ns))) {
        unsigned left = link->wire_bytes - link->wire_at;
        unsigned n = left < room - count ? left : room - count;
        memcpy(out + count, link->wire + link->wire_at, n);
        link->wire_at += n;
        count += n;
    }
    return count;
}
