/* SPDX-License-Identifier: MIT */
/*
 * Consistent Overhead Byte Stuffing: bytes without a zero, so that a zero can end a frame.
 * Source: S. Cheshire, M. Baker, "Consistent Overhead Byte Stuffing", IEEE/ACM Transactions on Networking 7(2), 1999.
 */
#ifndef DEVSRV_COBS_H
#define DEVSRV_COBS_H

#include <stddef.h>
#include <stdint.h>

#define DS_COBS_BAD SIZE_MAX

/** Encode `count` bytes (at least 1) into at most `room`; returns the length, at most count + count / 254 + 1, or DS_COBS_BAD when it does not fit. */
size_t ds_cobs_encode(const uint8_t *bytes, size_t count, uint8_t *out, size_t room);
/** Decode one run without its zero bytes; returns the length, or DS_COBS_BAD when the run is no COBS or does not fit. `out` may be `run`. */
size_t ds_cobs_decode(const uint8_t *run, size_t count, uint8_t *out, size_t room);

#endif
