/* SPDX-License-Identifier: MIT */
/* COBS (devsrv/cobs.h). A code byte n < 255 stands for n - 1 bytes and a zero, 255 for 254 bytes and no zero; the last zero is not written. */
#include "devsrv/cobs.h"

enum { CODE_FULL = 255 };

size_t ds_cobs_encode(const uint8_t *bytes, size_t count, uint8_t *out, size_t room)
{
    size_t code_at = 0, at = 1;
    uint8_t code = 1;
    if (room == 0) {
        return DS_COBS_BAD;
    }
    for (size_t i = 0; i < count; i++) {
        if (bytes[i]) {
            if (at == room) {
                return DS_COBS_BAD;
            }
            out[at++] = bytes[i];
            code++;
        }
        /* A full group at the very end needs no group behind it. */
        if (!bytes[i] || (code == CODE_FULL && i + 1 < count)) {
            if (at == room) {
                return DS_COBS_BAD;
            }
            out[code_at] = code;
            code_at = at++;
            code = 1;
        }
    }
    out[code_at] = code;
    return at;
}

size_t ds_cobs_decode(const uint8_t *run, size_t count, uint8_t *out, size_t room)
{
    size_t from = 0, to = 0;
    while (from < count) {
        size_t code = run[from++];
        if (code == 0 || code - 1 > count - from || code - 1 > room - to) {
            return DS_COBS_BAD;
        }
        for (size_t i = 1; i < code; i++) {
            if (run[from] == 0) {
                return DS_COBS_BAD;
            }
            out[to++] = run[from++];
        }
        if (code < CODE_FULL && from < count) {
            if (to == room) {
                return DS_COBS_BAD;
            }
            out[to++] = 0;
        }
    }
    return to;
}
