/* SPDX-License-Identifier: MIT */
/*
 * A machine that is nothing but RAM, virtio devices and a port, for tests of translator/machine/virtio*.c without a CPU.
 *
 * RAM is one heap block of exactly its size, so that a sanitizer sees every step beside it. The port's answers are chosen by the test: at once, failed, or later.
 * Everything is held to its promises on the way: a request outside the disk, a tag used twice or a write to a read-only disk ends the program.
 */
#ifndef FAKE_VM_H
#define FAKE_VM_H

#include "machine/virtio.h"

enum { FAKE_RAM_BASE = 0x40000000, FAKE_RAM_BYTES = 384 << 10, FAKE_SECTORS = 256, FAKE_FRAMES = 128 };

struct fake_request {
    bool is_open;
    enum xl_disk_op op;
    uint64_t sector;
    uint32_t sectors;
};
struct fake_frame {
    unsigned bytes;
    uint8_t data[XL_FRAME_MAX];
};
struct xl_vm {
    uint8_t *ram;
    bool is_big_endian, is_high;
    unsigned irqs; /* rising calls */
    struct virtio_set *set;
    enum xl_disk_answer answer;
    bool is_read_only;
    uint8_t disk[FAKE_SECTORS * 512];
    uint8_t *data; /* the port's buffers */
    struct fake_request request[XL_DISK_TAGS];
    unsigned requests, flushes, frames;
    struct fake_frame frame[FAKE_FRAMES];
    void (*write_hook)(struct xl_vm *vm, uint64_t gpa, uint64_t bytes); /* NULL, or asked before each write to RAM */
};

/* One disk and one network. */
struct xl_vm *fake_create(bool is_big_endian, bool is_read_only);
void fake_destroy(struct xl_vm *vm);
uint32_t fake_register_read(struct xl_vm *vm, enum virtio_kind kind, uint32_t off, unsigned size);
void fake_register_write(struct xl_vm *vm, enum virtio_kind kind, uint32_t off, unsigned size, uint32_t value);
/* Carry out the open request under this tag and answer it; false when there is none. */
bool fake_finish(struct xl_vm *vm, unsigned tag, bool is_good);
bool fake_frame_in(struct xl_vm *vm, const uint8_t *frame, unsigned bytes);
uint8_t *fake_ram(struct xl_vm *vm);
uint8_t *fake_disk(struct xl_vm *vm);
const struct fake_frame *fake_sent(struct xl_vm *vm, unsigned index);
void fake_answer_set(struct xl_vm *vm, enum xl_disk_answer answer);
unsigned fake_count(struct xl_vm *vm, char what); /* 'i'rqs, 'r'equests, 'f'lushes, 's'ent frames, is the line 'h'igh */
void fake_expect(bool is_good, const char *what);

#endif
