/* SPDX-License-Identifier: MIT */
/*
 * The kernel's only door: what a task and the kernel agree on.
 *
 * Calls enter by SYSCALL. Number in rax; arguments a0.. in rdi, rsi, rdx, r10, r8, r9; status comes back in rax,
 * out0..out3 in rdx, r10, r8, r9. SYSCALL destroys rcx and r11; every other register is preserved (IPC aside).
 *
 * IPC calls: a0 (endpoint or reply slot) in rdi, tag in rsi, reply slot in rbp for REPLY_RECV (low 32 bits; K_SLOT_NONE: none),
 * message words MR0..MR7 in rdx, r10, r8, r9, r12, r13, r14, r15. Words 8..63 lie in the UTCB. For RECV/NB_RECV the reply slot
 * is in rbp too and the absolute deadline (ns since boot, 0: forever) in rdx. On return: rax status, rdi badge of the sender's
 * capability (or the notification word with K_TAG_NOTIFICATION set), rsi tag, MR0..MR7 as above.
 *
 * Every struct here has a fixed layout, asserted below; closed lists live in the .def files beside this one.
 */
#ifndef K_ABI_H
#define K_ABI_H

#include <stddef.h>
#include <stdint.h>

#define K_ABI_VERSION 1

enum k_status {
#define X(name, value, text) K_##name = value,
#include "k_status.def"
#undef X
};

enum k_syscall {
#define X(name, value, text) K_SYS_##name = value,
#include "k_syscall.def"
#undef X
};

enum k_kind {
#define X(name, value, text) K_KIND_##name = value,
#include "k_object.def"
#undef X
};

enum k_right {
#define X(name, bit, text) K_RIGHT_##name = 1 << bit,
#include "k_right.def"
#undef X
    K_RIGHT_ALL = 0xff,
};

enum {
    K_PAGE_BYTES = 4096,
    K_SLOT_SELF = 0,        /* the task itself */
    K_SLOT_SYSTEM = 1,      /* root only */
    K_SLOT_IRQ_CONTROL = 2, /* root only */
    K_SLOT_IOPORT_CONTROL = 3,
    K_SLOT_IMAGE = 4,       /* root only: memory object of the packed image, read-only */
    K_SLOT_BOOT_THREAD = 5, /* root only: its own thread */
    K_SLOT_BOOT_SCHED = 6,
    K_SLOT_DISPLAY = 7,     /* root only: memory object of a PC's display memory, K_DISPLAY_BYTES at K_DISPLAY_BASE; no RAM lies there */
    K_DISPLAY_BASE = 0xa0000,
    K_DISPLAY_BYTES = 0x20000,
    K_SLOT_DEVICES = 8,     /* root only: memory object of the devices' addresses below K_DEVICES_END, as far down as 2 GiB where no RAM lies; empty slot: RAM reaches up to it */
    K_DEVICES_END = 0xfec00000, /* from here on: interrupt controllers and firmware */
    K_SLOT_RAM_FIRST = 9,   /* root only: one memory object per free RAM range, k_boot_info.ram_count of them */
    K_SLOT_NONE = 0xffffffff,
    K_PRIORITY_MAX = 255,
    K_MR_REGISTERS = 8,
    K_MR_MAX = 64,
    K_MSG_CAPS_MAX = 4,
    K_THREAD_NO_FPU = 1,
    K_THREAD_NO_SYSCALLS = 2,
    K_THREAD_TIMEOUT_FAULT = 4, /* an exhausted budget is a fault of the thread, not only a pause */
    K_IRQ_LEVEL = 1,
    K_IRQ_LOW = 2,
    K_MAP_BATCH_MAX = 30,
    K_ROOT_UTCB_VA = 0x1ff000,   /* root's first thread: UTCB page; every started thread finds its UTCB's address in rsi */
    K_ROOT_STACK_TOP = 0x1f0000, /* and its stack, K_ROOT_STACK_BYTES below this */
    K_ROOT_STACK_BYTES = 0x10000,
    K_ROOT_CAP_SLOTS = 4096,
    K_SHUTDOWN_POWER_OFF = 0x100, /* codes below it go to the debug exit port */
    K_SHUTDOWN_RESET = 0x101,
};

/*
 * Message tag:  63..32 label | 31 K_TAG_NOTIFICATION | 15..8 capabilities | 7..0 words
 * Capabilities to send: slots in k_utcb.send_caps[]; they arrive in the slots the receiver named in recv_slots[].
 */
#define K_TAG(label, words) (((uint64_t)(label) << 32) | (uint64_t)(words))
#define K_TAG_CAPS(tag, n) ((tag) | ((uint64_t)(n) << 8))
#define K_TAG_NOTIFICATION (1ull << 31)
#define K_TAG_WORDS(tag) ((unsigned)((tag)&0xff))
#define K_TAG_NCAPS(tag) ((unsigned)(((tag) >> 8) & 0xff))
#define K_TAG_LABEL(tag) ((uint32_t)((tag) >> 32))

/* Labels of messages the kernel itself sends (fault IPC): MR0 = vector, MR1 = error code, MR2 = fault address, MR3 = rip, MR4 = rsp, MR5 = rflags. */
enum k_fault_label { K_FAULT_EXCEPTION = 0xffff0000u, K_FAULT_PAGE = 0xffff0001u, K_FAULT_TIMEOUT = 0xffff0002u, K_FAULT_SYSCALL = 0xffff0003u };

/* All user registers of a thread, in the order the fault upcall saves them. */
struct k_regs {
    uint64_t rax, rbx, rcx, rdx, rsi, rdi, rbp, rsp;
    uint64_t r8, r9, r10, r11, r12, r13, r14, r15;
    uint64_t rip, rflags;
    uint64_t vector, error, cr2; /* of the fault; ignored when written back */
    uint64_t fs_base, gs_base;
    uint64_t reserved;
};
_Static_assert(sizeof(struct k_regs) == 192, "asm and fault upcall rely on it");

/* One page per thread, mapped read-write in its task. The kernel reads it through its own alias and trusts nothing in it. */
struct k_utcb {
    struct k_regs regs;                      /* fault upcall: saved state; THREAD_REGS: transfer area */
    uint32_t in_upcall;                      /* set by the kernel at an upcall, cleared by UPCALL_RETURN */
    uint32_t recv_slots[K_MSG_CAPS_MAX];     /* where received capabilities go; 0: refuse them */
    uint32_t send_caps[K_MSG_CAPS_MAX];
    uint32_t pad;
    uint64_t self;                           /* this page's address in the task; written once by the kernel, which never reads it */
    uint32_t reserved[4];
    uint64_t mr[K_MR_MAX];                   /* words 8..63 of a message at their own index; 0..7 unused */
    uint8_t bulk[2048];                      /* MAP_BATCH entries, DEBUG_PUTS text */
};
_Static_assert(offsetof(struct k_utcb, mr) == 256, "fixed layout");
_Static_assert(offsetof(struct k_utcb, bulk) == 768, "fixed layout");

struct k_map_entry {
    uint64_t va, offset, bytes;
    uint64_t rights;
};
_Static_assert(sizeof(struct k_map_entry) * K_MAP_BATCH_MAX <= 2048, "fits the UTCB");

struct k_boot_ram {
    uint64_t base, bytes;
};

/* BOOT_INFO fills one page of this. */
struct k_boot_info {
    uint32_t abi_version, ram_count;
    uint64_t tsc_hz, image_bytes;
    uint64_t boot_ns;             /* clock when root started */
    uint32_t cpu_flags;           /* enum k_cpu_flag */
    uint32_t hypervisor;          /* 0 bare, 1 TCG, 2 other */
    char bootloader[32];
    char command_line[256];       /* the loader's, cut to fit, NUL-terminated */
    struct k_boot_ram ram[64];    /* physical, for reports */
};

enum k_cpu_flag { K_CPU_FSGSBASE = 1, K_CPU_MOVBE = 2, K_CPU_AVX = 4, K_CPU_TSC_INVARIANT = 8, K_CPU_BMI2 = 16, K_CPU_SMAP = 32, K_CPU_SMEP = 64, K_CPU_UMIP = 128, K_CPU_LZCNT = 256 };

enum k_thread_state { K_THREAD_STOPPED, K_THREAD_READY, K_THREAD_SENDING, K_THREAD_RECEIVING, K_THREAD_CALLING, K_THREAD_WAITING, K_THREAD_FAULTED, K_THREAD_SLEEPING };

#endif
