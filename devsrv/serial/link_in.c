/* SPDX-License-Identifier: MIT */
/*
 * Wire to rings: runs between zero bytes, frames, and what each frame does (link.h, formats/link.py).
 *
 * A handler gets a payload that passed its CRC; it still holds every length and number to its range. False from a handler: the frame makes no sense and is counted.
 */
#include "devsrv/cobs.h"
#include "devsrv/crc32.h"
#include "devsrv/management.h"
#include "link_private.h"

#include "l4/string.h"

enum { CRC_BYTES = 4 };

/* A new session: all that is not acknowledged is sent again. The number comes last: until then the old session stands, with duplicates at most. */
static void session_start(struct ds_link *link, uint32_t session, uint32_t window)
{
    struct ds_link_state *state = link->state;
    for (unsigned i = 0; i < link->channel_count; i++) {
        struct ds_link_channel *channel = &link->channel[i];
        channel->state->sent = channel->ring.out.at;
        channel_grant(channel, window);
        channel->ack_owed = channel->retransmit = false;
    }
    link->status_owed = false;
    state->stamped = 0;
    state->window = window;
    __atomic_store_n(&state->session, session, __ATOMIC_RELEASE);
}

void ds_link_preset(struct ds_link *link, uint32_t session, uint32_t window)
{
    if (link->state->session == 0 && session != 0) {
        session_start(link, session, window);
        link->state->stamped = 1;
        link->hello_owed = true;
        link->hello_session = session;
    }
}

static bool take_hello(struct ds_link *link, const uint8_t *payload, size_t count)
{
    struct link_hello hello;
    if (count != sizeof hello) {
        return false;
    }
    memcpy(&hello, payload, sizeof hello);
    if (hello.session == 0) {
        return false;
    }
    link->hello_owed = true;
    link->hello_refused = hello.version != LINK_VERSION;
    link->hello_session = hello.session;
    if (!link->hello_refused && hello.session != link->state->session) {
        session_start(link, hello.session, hello.window);
    }
    return true;
}

static void take_poll_entry(struct ds_link *link, const struct link_poll_entry *entry)
{
    struct ds_link_channel *channel = link_find(link, entry->number);
    if (!channel || !channel_is_stream(channel)) {
        return;
    }
    if (channel_acknowledge(link, channel, entry->offset)) {
        channel_grant(channel, channel->state->granted);
    }
    if (entry->flags & LINK_POLL_FLAG_RETRANSMIT) {
        channel->retransmit = true; /* obeyed when the STATUS is built */
        channel->retransmit_from = entry->offset;
    }
}

static bool take_poll(struct ds_link *link, const uint8_t *payload, size_t count)
{
    struct link_poll poll;
    if (count < sizeof poll) {
        return false;
    }
    memcpy(&poll, payload, sizeof poll);
    if (poll.count != (count - sizeof poll) / sizeof(struct link_poll_entry) ||
        (count - sizeof poll) % sizeof(struct link_poll_entry) != 0) {
        return false;
    }
    link->status_owed = true;
    link->status_sequence = poll.sequence;
    link->status_is_current = poll.session != 0 && poll.session == link->state->session;
    for (uint32_t i = 0; i < poll.count && link->status_is_current; i++) {
        struct link_poll_entry entry;
        memcpy(&entry, payload + sizeof poll + i * sizeof entry, sizeof entry);
        take_poll_entry(link, &entry);
    }
    return true;
}

static bool take_ack(struct ds_link *link, struct ds_link_channel *channel, uint32_t offset, const uint8_t *payload,
                     size_t count)
{
    struct link_ack ack;
    if (count != sizeof ack || !channel_is_stream(channel)) {
        return false;
    }
    memcpy(&ack, payload, sizeof ack);
    if (channel_acknowledge(link, channel, offset)) {
        channel_grant(channel, ack.window);
    }
    return true;
}

static bool take_data(struct ds_link *link, struct ds_link_channel *channel, uint32_t offset, const uint8_t *payload,
                      size_t count)
{
    struct ds_ring *in = &channel->ring.in;
    uint32_t known = in->at - offset; /* bytes of the frame that came before */
    if (!channel_is_stream(channel)) {
        return false;
    }
    if (known > INT32_MAX) {
        return true; /* a gap: the next POLL shows it */
    }
    if (known < count && ds_ring_write(in, payload + known, (uint32_t)count - known)) {
        link_signal(link, channel);
    }
    channel->ack_owed = true;
    return true;
}

static bool take_request(struct ds_link *link, struct ds_link_channel *channel, const uint8_t *payload, size_t count)
{
    struct ds_management_head head = {.bytes = (uint16_t)count, .session = link->state->session};
    uint8_t record[sizeof head + LINK_MAX_PAYLOAD];
    if (channel_is_stream(channel) || count < sizeof(struct link_request)) {
        return false;
    }
    if (ds_ring_room(&channel->ring.in) < sizeof head + count) {
        return true; /* the workstation repeats it */
    }
    memcpy(record, &head, sizeof head);
    memcpy(record + sizeof head, payload, count);
    ds_ring_write(&channel->ring.in, record, (uint32_t)(sizeof head + count));
    link_signal(link, channel);
    return true;
}

static bool take_frame(struct ds_link *link, const struct link_frame_header *head, const uint8_t *payload, size_t count)
{
    struct ds_link_channel *channel = link_find(link, head->channel);
    if (head->flags != 0) {
        return false;
    }
    if (head->type == LINK_TYPE_HELLO) {
        return take_hello(link, payload, count);
    }
    if (head->type == LINK_TYPE_POLL) {
        return take_poll(link, payload, count);
    }
    if (link->state->session == 0) {
        return true; /* of a session before this boot */
    }
    if (!channel) {
        return false;
    }
    switch (head->type) {
    case LINK_TYPE_ACK:
        return take_ack(link, channel, head->offset, payload, count);
    case LINK_TYPE_DATA:
        return take_data(link, channel, head->offset, payload, count);
    case LINK_TYPE_REQUEST:
        return take_request(link, channel, payload, count);
    default:
        return false;
    }
}

/* Read run[0..count) as a frame, or count it. */
static void run_decode(struct ds_link *link, size_t count)
{
    struct ds_link_state *state = link->state;
    struct link_frame_header head;
    uint32_t crc = 0;
    size_t bytes = ds_cobs_decode(link->run, count, link->run, sizeof link->run);
    if (bytes == DS_COBS_BAD || bytes < sizeof head + CRC_BYTES || bytes > LINK_MAX_FRAME) {
        state->garbage_bytes += (uint32_t)count;
        return;
    }
    memcpy(&crc, link->run + bytes - CRC_BYTES, CRC_BYTES);
    if (ds_crc32(0, link->run, bytes - CRC_BYTES) != crc) {
        state->garbage_bytes += (uint32_t)count;
        state->crc_errors++;
        return;
    }
    memcpy(&head, link->run, sizeof head);
    state->frames_received++;
    if (!take_frame(link, &head, link->run + sizeof head, bytes - sizeof head - CRC_BYTES)) {
        state->malformed++;
    }
}

/* A zero byte ends the run: nothing, text, a frame, or garbage. */
static void run_close(struct ds_link *link)
{
    uint32_t count = link->run_bytes;
    bool is_text = link->run_is_text;
    link->run_bytes = 0;
    link->run_is_text = true;
    if (count == 0 || is_text) {
        return;
    }
    if (count > sizeof link->run) {
        link->state->garbage_bytes += count;
    } else {
        run_decode(link, count);
    }
}

static bool byte_is_text(uint8_t byte)
{
    return (byte >= 0x20 && byte <= 0x7e) || byte == 0x1b || byte == '\r' || byte == '\n';
}

void ds_link_receive(struct ds_link *link, const uint8_t *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        if (bytes[i] == 0) {
            run_close(link);
            continue;
        }
        link->run_is_text = link->run_is_text && byte_is_text(bytes[i]);
        if (link->run_bytes < sizeof link->run) {
            link->run[link->run_bytes] = bytes[i];
        }
        link->run_bytes += link->run_bytes < UINT32_MAX;
    }
}
