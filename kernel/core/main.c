/* SPDX-License-Identifier: MIT */
/*
 * Boot: from the loader's memory map to the first instruction of root.
 *
 * The packed image lies at the page behind the kernel. The kernel checks what it relies on itself, header, checksum and root's segments; root checks the system table.
 * All of RAM becomes memory objects of root's, but for the kernel, its page tables, the image and the pool of kernel memory, which is root's account.
 *
 * Source: Multiboot specification 0.6.96, 3.3; formats/boot_image.py.
 */
#include "boot_image_gen.h"
#include "kernel.h"

enum { MULTIBOOT_MAGIC = 0x2badb002, MB_COMMAND_LINE = 1 << 2, MB_MMAP = 1 << 6, MB_LOADER_NAME = 1 << 9, RANGES_MAX = 64, POOL_SHARE = 32, MIB = 1 << 20 };
#define RAM_MAX (64ull << 30) /* of the direct map */

struct mb_info {
    uint32_t flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length, mmap_addr, drives[2], config, loader_name;
};
struct mb_range {
    uint32_t size; /* of what follows */
    uint64_t base, bytes;
    uint32_t type; /* 1: RAM */
} __attribute__((packed));

struct k_boot_info boot_facts;
struct task *root_task;
struct thread *root_thread;
static struct k_boot_ram ranges[RANGES_MAX];
static unsigned range_count;
static const struct img_header *image;
static uint64_t image_pa, image_bytes;

static uint64_t page_up(uint64_t n)
{
    return (n + PAGE_BYTES - 1) & ~(uint64_t)(PAGE_BYTES - 1);
}

/* The image cannot be used: say so and stop. */
static _Noreturn void refuse(const char *what, uint64_t found, uint64_t expected)
{
    early_print("\nThe packed image is damaged: %s is %x (hexadecimal), expected %x. Build and flash it again.\n", what, found, expected);
    kernel_shutdown(1);
}

/* --- memory map --- */

static void range_add(uint64_t base, uint64_t end)
{
    base = page_up(base), end &= ~(uint64_t)(PAGE_BYTES - 1);
    if (end > RAM_MAX)
        end = RAM_MAX;
    if (base < MIB) /* firmware and loader data below 1 MiB stay alone */
        base = MIB;
    if (base >= end || range_count == RANGES_MAX)
        return;
    ranges[range_count++] = (struct k_boot_ram){base, end - base};
}

/* Take [base, end) out of the ranges. */
static void range_take(uint64_t base, uint64_t end)
{
    for (unsigned i = 0, count = range_count; i < count; i++) {
        uint64_t first = ranges[i].base, last = first + ranges[i].bytes;
        if (end <= first || base >= last)
            continue;
        ranges[i] = (struct k_boot_ram){first, base > first ? base - first : 0};
        range_add(end, last);
    }
}

static void ranges_read(const struct mb_info *info)
{
    if (!(info->flags & MB_MMAP))
        kernel_panic("the loader gave no memory map");
    for (uint64_t at = info->mmap_addr, end = at + info->mmap_length; at + sizeof(struct mb_range) <= end;) {
        const struct mb_range *r = (const struct mb_range *)at;
        if (r->type == 1 && r->base + r->bytes > r->base)
            range_add(r->base, r->base + r->bytes);
        at += r->size + sizeof r->size;
    }
    for (unsigned i = 0; i < range_count; i++) /* overlapping entries of a careless firmware */
        for (unsigned j = 0; j < i; j++)
            if (ranges[i].base < ranges[j].base + ranges[j].bytes && ranges[j].base < ranges[i].base + ranges[i].bytes)
                ranges[i].bytes = 0;
}

static uint64_t ram_end(void)
{
    uint64_t end = 0;

    for (unsigned i = 0; i < range_count; i++)
        if (ranges[i].base + ranges[i].bytes > end)
            end = ranges[i].base + ranges[i].bytes;
    return end;
}

/* Where the addresses of devices below K_DEVICES_END begin: behind RAM, and what firmware keeps near its end lies below 2 GiB or in a range of its own. */
static uint64_t devices_base(void)
{
    uint64_t base = 1ull << 31;

    for (unsigned i = 0; i < range_count; i++) {
        uint64_t end = ranges[i].base + ranges[i].bytes;
        if (ranges[i].base < K_DEVICES_END && end > base)
            base = (end + 0xfffffff) & ~0xfffffffull;
    }
    return base;
}

/* The range around pa, or NULL. */
static const struct k_boot_ram *range_of(uint64_t pa)
{
    for (unsigned i = 0; i < range_count; i++)
        if (pa >= ranges[i].base && pa - ranges[i].base < ranges[i].bytes)
            return &ranges[i];
    return NULL;
}

/* --- the image --- */

static uint32_t crc32(const uint8_t *p, uint64_t bytes)
{
    static const uint32_t nibble[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffff;

    for (uint64_t i = 0; i < bytes; i++) {
        crc = nibble[(crc ^ p[i]) & 15] ^ crc >> 4;
        crc = nibble[(crc ^ p[i] >> 4) & 15] ^ crc >> 4;
    }
    return ~crc;
}

/* Header, size and checksum. `image` is readable by the boot tables below 1 GiB. */
static void image_check(void)
{
    extern char kernel_end[];
    const struct k_boot_ram *range;

    image_pa = page_up((uint64_t)kernel_end - KERNEL_VMA);
    range = range_of(image_pa);
    if (!range)
        kernel_panic("there is no memory behind the kernel");
    image = direct(image_pa);
    if (memcmp(image->magic, "L4VMIMG1", 8))
        refuse("magic", *(const uint32_t *)image->magic, 0x4d56344c);
    if (image->version != IMG_VERSION)
        refuse("version", image->version, IMG_VERSION);
    if (image->header_bytes != IMG_HEADER_BYTES)
        refuse("header_bytes", image->header_bytes, IMG_HEADER_BYTES);
    uint64_t room = range->bytes - (image_pa - range->base), below = (1ull << 30) - image_pa;
    if (room > below)
        room = below;
    image_bytes = image->total_bytes;
    if (image_bytes < IMG_HEADER_BYTES || image_bytes > room)
        refuse("total_bytes", image_bytes, room);
    uint32_t crc = crc32((const uint8_t *)image + IMG_HEADER_BYTES, image_bytes - IMG_HEADER_BYTES);
    if (crc != image->crc32)
        refuse("crc32", crc, image->crc32);
}

/* --- root --- */

static struct object *plain_object(enum k_kind kind)
{
    struct object *o = object_alloc(root_task, sizeof *o, kind);

    BUG_ON(!o);
    return o;
}

static void root_cap(uint64_t slot, struct object *object, uint8_t rights)
{
    struct cap *cap;
    enum k_status status = cap_room(root_task, slot, &cap);

    BUG_ON(status != K_OK || !object);
    cap_set(cap, root_task, object, rights, 0, NULL);
}

static void root_map(struct memory *m, uint64_t va, uint64_t offset, uint64_t bytes, uint64_t rights)
{
    struct k_map_entry e = {va, offset, bytes, rights};
    uint64_t done = 0;
    int status = (int)vspace_map_check(root_task, m, K_RIGHT_ALL, &e);

    if (status == K_OK)
        for (status = K_RESTART; status == K_RESTART;)
            status = vspace_map(root_task, m, root_task, K_RIGHT_ALL, &e, &done);
    if (status != K_OK)
        refuse("a segment of root: status", (uint64_t)status, K_OK);
}

/* Fresh memory for root itself, from the end of the pool's neighbour. */
static struct memory *root_memory(uint64_t bytes)
{
    for (unsigned i = 0; i < range_count; i++)
        if (ranges[i].bytes >= bytes + MIB) {
            ranges[i].bytes -= bytes;
            uint64_t pa = ranges[i].base + ranges[i].bytes;
            memset(direct(pa), 0, bytes);
            struct memory *m = memory_create(root_task, NULL, pa, bytes);
            BUG_ON(!m);
            return m;
        }
    kernel_panic("there is no memory for root");
}

static void root_segments(struct memory *whole)
{
    const struct img_segment *s = (const void *)((const uint8_t *)image + image->root_segments_offset);

    if (image->root_segments > 16 || image->root_segments_offset > image_bytes || image->root_segments * sizeof *s > image_bytes - image->root_segments_offset)
        refuse("root_segments", image->root_segments, 16);
    for (uint32_t i = 0; i < image->root_segments; i++) {
        uint64_t bytes = page_up(s[i].mem_bytes);
        if (s[i].offset > image_bytes || s[i].file_bytes > image_bytes - s[i].offset || s[i].file_bytes > s[i].mem_bytes || bytes > 64 * MIB || !bytes)
            refuse("the length of a segment of root", s[i].file_bytes, s[i].mem_bytes);
        if (!(s[i].rights & K_RIGHT_WRITE) && s[i].mem_bytes == s[i].file_bytes && !(s[i].offset & (PAGE_BYTES - 1))) {
            root_map(whole, s[i].va, s[i].offset, bytes, s[i].rights);
            continue;
        }
        struct memory *m = root_memory(bytes);
        memcpy(direct(m->pa), (const uint8_t *)image + s[i].offset, s[i].file_bytes);
        root_map(m, s[i].va, 0, bytes, s[i].rights);
    }
}

/* Root's own task pays for itself: it is made by hand. */
static void root_create(uint64_t account)
{
    static struct task first; /* pays for nothing but root's page */

    list_init(&first.objects);
    first.total = account;
    root_task = &first;
    struct task *t = object_alloc(&first, sizeof *t, K_KIND_TASK);
    BUG_ON(!t);
    *t = (struct task){.object = t->object, .total = account, .used = first.used, .cap_slots = K_ROOT_CAP_SLOTS};
    list_init(&t->objects);
    list_init(&t->threads);
    list_init(&t->views);
    list_init(&t->object.mine); /* nobody's */
    list_init(&t->object.caps);
    pool_adopt(t);
    t->object.payer = NULL;
    root_task = t;
    BUG_ON(!vspace_init(t));
    root_cap(K_SLOT_SELF, &t->object, K_RIGHT_ALL);
    root_cap(K_SLOT_SYSTEM, plain_object(K_KIND_SYSTEM), K_RIGHT_ALL);
    root_cap(K_SLOT_IRQ_CONTROL, plain_object(K_KIND_IRQ_CONTROL), K_RIGHT_ALL);
    root_cap(K_SLOT_IOPORT_CONTROL, plain_object(K_KIND_IOPORT_CONTROL), K_RIGHT_ALL);
    struct cap *self = cap_at(t, K_SLOT_SELF);
    self->weak = true;
    t->object.weight--;
}

static void root_start(void)
{
    struct memory *whole = memory_create(root_task, NULL, image_pa, page_up(image_bytes)), *stack = root_memory(K_ROOT_STACK_BYTES);
    struct memory *display = memory_create(root_task, NULL, K_DISPLAY_BASE, K_DISPLAY_BYTES);
    uint64_t devices = devices_base();
    struct thread *t;
    struct sched *s = object_alloc(root_task, sizeof *s, K_KIND_SCHED);

    BUG_ON(!whole || !display || !s || thread_create(root_task, K_ROOT_UTCB_VA, &t) != K_OK);
    root_cap(K_SLOT_IMAGE, &whole->object, K_RIGHT_ALL & ~K_RIGHT_WRITE);
    root_cap(K_SLOT_DISPLAY, &display->object, K_RIGHT_ALL & ~K_RIGHT_EXEC);
    if (devices < K_DEVICES_END) {
        struct memory *m = memory_create(root_task, NULL, devices, K_DEVICES_END - devices);
        root_cap(K_SLOT_DEVICES, m ? &m->object : NULL, K_RIGHT_ALL & ~K_RIGHT_EXEC);
    }
    root_segments(whole);
    root_map(stack, K_ROOT_STACK_TOP - K_ROOT_STACK_BYTES, 0, K_ROOT_STACK_BYTES, K_RIGHT_READ | K_RIGHT_WRITE);
    timer_init(&s->timer, TIMER_REFILL);
    list_init(&s->donations);
    sched_set(s, 10000000, 10000000);
    root_cap(K_SLOT_BOOT_THREAD, &t->object, K_RIGHT_ALL);
    root_cap(K_SLOT_BOOT_SCHED, &s->object, K_RIGHT_ALL);
    t->priority = K_PRIORITY_MAX;
    sched_home(t, s);
    boot_facts.ram_count = 0;
    for (unsigned i = 0; i < range_count; i++) {
        if (!ranges[i].bytes)
            continue;
        struct memory *m = memory_create(root_task, NULL, ranges[i].base, ranges[i].bytes);
        root_cap(K_SLOT_RAM_FIRST + boot_facts.ram_count, m ? &m->object : NULL, K_RIGHT_ALL);
        boot_facts.ram[boot_facts.ram_count++] = ranges[i];
    }
    boot_facts.boot_ns = now_ns();
    root_thread = t;
    thread_start(t, image->root_entry, K_ROOT_STACK_TOP - 8, 0);
}

/* --- first words --- */

static void greet(void)
{
    early_print("L4VM: %u MiB of RAM, TSC %u kHz%s, %s, image %u KiB\n", ram_end() / MIB, x64_tsc_hz / 1000, x64_features & K_CPU_TSC_INVARIANT ? "" : " (not invariant)",
                x64_hypervisor == 0 ? "bare metal" : x64_hypervisor == 1 ? "QEMU TCG" : "a hypervisor", image_bytes / 1024);
    early_print("L4VM: mitigations: SMEP %s, SMAP %s, UMIP %s, kernel page-table split no\n", x64_features & K_CPU_SMEP ? "yes" : "no",
                x64_features & K_CPU_SMAP ? "yes" : "no", x64_features & K_CPU_UMIP ? "yes" : "no");
}

static void text_copy(char *to, unsigned room, uint32_t pa)
{
    const char *from = (const char *)(uint64_t)pa;

    for (unsigned i = 0; i + 1 < room && from[i]; i++)
        to[i] = from[i];
}

_Noreturn void kernel_main(uint32_t magic, uint32_t info_pa)
{
    const struct mb_info *info = (const void *)(uint64_t)info_pa;

    early_init();
    if (magic != MULTIBOOT_MAGIC)
        kernel_panic("not started by a Multiboot loader");
    x64_cpu_init();
    ranges_read(info);
    boot_facts.abi_version = K_ABI_VERSION;
    boot_facts.cpu_flags = x64_features;
    boot_facts.hypervisor = x64_hypervisor;
    if (info->flags & MB_LOADER_NAME)
        text_copy(boot_facts.bootloader, sizeof boot_facts.bootloader, info->loader_name);
    if (info->flags & MB_COMMAND_LINE)
        text_copy(boot_facts.command_line, sizeof boot_facts.command_line, info->cmdline);
    image_check();
    boot_facts.image_bytes = image_bytes;
    uint64_t taken = image_pa + page_up(image_bytes), all = ram_end(), pool = page_up(all / POOL_SHARE);
    x64_acpi_init(); /* by the boot tables, which reach further than RAM */
    const struct k_boot_ram *range = range_of(taken);
    if (!range || range->bytes - (taken - range->base) < pool + MIB)
        kernel_panic("there is too little memory behind the image");
    paging_init(all, &taken);
    x64_time_init();
    x64_apic_init();
    boot_facts.tsc_hz = x64_tsc_hz;
    greet();
    sched_init();
    range_take(MIB, taken + pool);
    pool_init(taken, pool);
    root_create(pool_bytes());
    root_start();
    kernel_exit();
}
