/* SPDX-License-Identifier: MIT */
/* The CRC-32 of Ethernet, zlib and the link's frames: polynomial 0xedb88320 (reflected), start and end inverted. */
#ifndef DEVSRV_CRC32_H
#define DEVSRV_CRC32_H

#include <stddef.h>
#include <stdint.h>

/** CRC-32 of `count` bytes behind those whose CRC-32 is `crc` (0: there are none). */
uint32_t ds_crc32(uint32_t crc, const void *bytes, size_t count);

#endif
