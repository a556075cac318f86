/* SPDX-License-Identifier: MIT */
/*
 * Address spaces: page tables, and the links between memory objects and spaces.
 *
 *     63 62      52 51            12 11      8 7  6 5 4 3 2 1 0
 *     NX link index physical address ........ PS D A . . U W P
 *
 * Index 0 marks a page of the kernel's (UTCB, notification word) that the task can neither unmap nor protect. Tables are paid for by the task's account and go back
 * as soon as they are empty. One call works on at most one page table (map, protect) or a few (unmap), then the system call starts again behind what is done.
 *
 * No entry is ever writable and executable. A memory object counts its writable and executable pages, those of its parts included, so that a second, executable view
 * of writable memory exists only where the capability has EXEC_VIEW and the call asks for it.
 *
 * Source: Intel SDM vol. 3A, 4.5 (4-level paging), 4.10 (TLB).
 */
#include "kernel.h"

#define PTE_P 1ull
#define PTE_W 2ull
#define PTE_U 4ull
#define PTE_LARGE 0x80ull
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000ffffffffff000ull
enum { INDEX_SHIFT = 52, ENTRIES = 512, TABLE_STEPS = 8, FLUSH_PAGES = 16 };

uint64_t *kernel_pml4;
static struct task *loaded;

/* --- kernel space --- */

static uint64_t *early_table(uint64_t *free_pa)
{
    uint64_t *table = direct(*free_pa);

    *free_pa += PAGE_BYTES;
    memset(table, 0, PAGE_BYTES);
    return table;
}

static void early_map(uint64_t va, uint64_t pa, uint64_t flags, uint64_t *free_pa)
{
    uint64_t *table = kernel_pml4;
    unsigned last = flags & PTE_LARGE ? 21 : 12;

    for (unsigned shift = 39; shift > last; shift -= 9) {
        uint64_t *entry = &table[va >> shift & 511];
        if (!*entry)
            *entry = direct_pa(early_table(free_pa)) | PTE_P | PTE_W;
        table = direct(*entry & PTE_ADDRESS);
    }
    table[va >> last & 511] = pa | flags | PTE_P;
}

/* The kernel's own tables: text read-only, constants and data never executable, all RAM at DIRECT_MAP. Takes pages from *free_pa on, which lie below 1 GiB. */
void paging_init(uint64_t ram_end, uint64_t *free_pa)
{
    extern char kernel_text[], kernel_rodata[], kernel_data[], kernel_end[];

    kernel_pml4 = early_table(free_pa);
    for (uint64_t va = (uint64_t)kernel_text; va < (uint64_t)kernel_end; va += PAGE_BYTES) {
        uint64_t flags = va < (uint64_t)kernel_rodata ? 0 : va < (uint64_t)kernel_data ? PTE_NX : PTE_NX | PTE_W;
        early_map(va, va - KERNEL_VMA, flags, free_pa);
    }
    for (uint64_t pa = 0; pa < ram_end; pa += LARGE_BYTES)
        early_map(DIRECT_MAP + pa, pa, PTE_W | PTE_NX | PTE_LARGE, free_pa);
    x64_cr3_set(direct_pa(kernel_pml4));
}

bool vspace_init(struct task *task)
{
    task->pml4 = page_alloc(task);
    if (!task->pml4)
        return false;
    memcpy(task->pml4 + ENTRIES / 2, kernel_pml4 + ENTRIES / 2, PAGE_BYTES / 2);
    return true;
}

void vspace_load(struct task *task)
{
    if (loaded == task)
        return;
    loaded = task;
    x64_cr3_set(direct_pa(task ? task->pml4 : kernel_pml4));
}

static void flush(const struct task *task, uint64_t va, uint64_t pages)
{
    if (task != loaded)
        return;
    if (pages > FLUSH_PAGES)
        x64_cr3_set(x64_cr3());
    else
        for (uint64_t i = 0; i < pages; i++)
            x64_invlpg(va + i * PAGE_BYTES);
}

/* A user range: below the last page of the user half, which stays empty so that no return address behind it is non-canonical. */
bool range_ok(uint64_t va, uint64_t bytes)
{
    return bytes && va < USER_END - PAGE_BYTES && bytes <= USER_END - PAGE_BYTES - va;
}

/* --- links --- */

static struct link *link_at(const struct task *task, unsigned index)
{
    return &task->link_pages[index / LINKS_PER_PAGE][index % LINKS_PER_PAGE];
}

static struct link *link_find(const struct memory *m, const struct task *task, const struct task *by, uint8_t rights)
{
    for (struct node *n = m->links.next; n != &m->links; n = n->next) {
        struct link *l = CONTAINER(n, struct link, node);
        if (l->task == task && l->by == by && l->rights == rights && !l->sweep_va)
            return l;
    }
    return NULL;
}

static struct link *link_new(struct memory *m, struct task *task, struct task *by, uint8_t rights)
{
    for (unsigned page = 0; page < LINK_PAGES; page++) {
        if (!task->link_pages[page])
            task->link_pages[page] = page_alloc(task);
        struct link *links = task->link_pages[page];
        if (!links)
            return NULL;
        for (unsigned i = page ? 0 : 1; i < LINKS_PER_PAGE && page * LINKS_PER_PAGE + i <= LINKS_MAX; i++) {
            if (links[i].memory)
                continue;
            links[i] = (struct link){.memory = m, .task = task, .by = by, .index = (uint16_t)(page * LINKS_PER_PAGE + i), .rights = rights};
            list_insert_before(&m->links, &links[i].node);
            return &links[i];
        }
    }
    return NULL;
}

static void link_count(struct link *l, uint64_t entry, int64_t pages)
{
    struct memory *m = l->memory;

    l->pages += pages;
    m->pages += pages;
    if (entry & PTE_W)
        m->writable += pages;
    if (!(entry & PTE_NX))
        m->executable += pages;
    for (struct memory *a = m; a && (entry & PTE_W || !(entry & PTE_NX)); a = a->parent) {
        if (entry & PTE_W)
            a->writable_all += pages;
        else
            a->executable_all += pages;
    }
    if (!l->pages) {
        list_remove(&l->node);
        l->memory = NULL;
    }
}

/* --- tables --- */

/* The entry for va at a level (2: page directory, 1: page table), or NULL when the tables above it are not there. */
static uint64_t *entry_find(const struct task *task, uint64_t va, unsigned level)
{
    uint64_t *table = task->pml4;

    for (unsigned l = 4; l > level; l--) {
        uint64_t entry = table[va >> (3 + 9 * l) & 511];
        if (!(entry & PTE_P) || entry & PTE_LARGE)
            return NULL;
        table = direct(entry & PTE_ADDRESS);
    }
    return &table[va >> (3 + 9 * level) & 511];
}

static bool table_empty(const uint64_t *table)
{
    for (unsigned i = 0; i < ENTRIES; i++)
        if (table[i])
            return false;
    return true;
}

/* Give back the tables over va that are empty. */
static void tables_trim(struct task *task, uint64_t va)
{
    for (unsigned level = 2; level <= 4; level++) {
        uint64_t *entry = level == 4 ? &task->pml4[va >> 39 & 511] : entry_find(task, va, level);
        if (!entry || !(*entry & PTE_P) || *entry & PTE_LARGE || !table_empty(direct(*entry & PTE_ADDRESS)))
            return;
        page_free(task, direct(*entry & PTE_ADDRESS));
        *entry = 0;
    }
}

/* As entry_find, but makes the tables; NULL when the account cannot pay (what was made is given back). */
static uint64_t *entry_make(struct task *task, uint64_t va, unsigned level)
{
    uint64_t *table = task->pml4;

    for (unsigned l = 4; l > level; l--) {
        uint64_t *entry = &table[va >> (3 + 9 * l) & 511];
        if (!*entry) {
            void *page = page_alloc(task);
            if (!page) {
                for (unsigned k = l + 1; k <= 4; k++) { /* tables above may be new and empty */
                    uint64_t *above = k == 4 ? &task->pml4[va >> 39 & 511] : entry_find(task, va, k);
                    if (!above || !table_empty(direct(*above & PTE_ADDRESS)))
                        break;
                    page_free(task, direct(*above & PTE_ADDRESS));
                    *above = 0;
                }
                return NULL;
            }
            *entry = direct_pa(page) | PTE_P | PTE_W | PTE_U;
        }
        table = direct(*entry & PTE_ADDRESS);
    }
    return &table[va >> (3 + 9 * level) & 511];
}

/* Make 512 small pages of a large one. */
static bool large_split(struct task *task, uint64_t *entry)
{
    uint64_t *table = page_alloc(task);

    if (!table)
        return false;
    for (unsigned i = 0; i < ENTRIES; i++)
        table[i] = (*entry & ~PTE_LARGE) + (uint64_t)i * PAGE_BYTES;
    *entry = direct_pa(table) | PTE_P | PTE_W | PTE_U;
    return true;
}

/* --- map --- */

static uint64_t ancestors(const struct memory *m, bool writable)
{
    uint64_t sum = 0;

    for (const struct memory *a = m->parent; a; a = a->parent)
        sum += writable ? a->writable : a->executable;
    return sum;
}

/* May pages of m become what `rights` says, when `own_w` and `own_x` pages of it stop being writable and executable by the same step? */
static enum k_status rights_check(const struct memory *m, uint8_t cap_rights, uint64_t rights, uint64_t own_w, uint64_t own_x)
{
    if (rights & ~(uint64_t)(K_RIGHT_READ | K_RIGHT_WRITE | K_RIGHT_EXEC | K_RIGHT_EXEC_VIEW) || !(rights & K_RIGHT_READ))
        return K_BAD_ARG;
    if (rights & K_RIGHT_WRITE && rights & K_RIGHT_EXEC)
        return K_WX;
    if (rights & ~(uint64_t)cap_rights)
        return K_NO_RIGHT;
    if (rights & K_RIGHT_EXEC && !(rights & K_RIGHT_EXEC_VIEW) && m->writable_all - own_w + ancestors(m, true))
        return K_WX;
    if (rights & K_RIGHT_WRITE && !(cap_rights & K_RIGHT_EXEC_VIEW) && m->executable_all - own_x + ancestors(m, false))
        return K_WX;
    return K_OK;
}

enum k_status vspace_map_check(struct task *task, const struct memory *m, uint8_t cap_rights, const struct k_map_entry *e)
{
    (void)task;
    if ((e->va | e->offset | e->bytes) & (PAGE_BYTES - 1))
        return K_BAD_ALIGN;
    if (!range_ok(e->va, e->bytes) || e->offset > m->bytes || e->bytes > m->bytes - e->offset)
        return K_BAD_ARG;
    return rights_check(m, cap_rights, e->rights, 0, 0);
}

static uint64_t pte_flags(uint64_t rights)
{
    return PTE_P | PTE_U | (rights & K_RIGHT_WRITE ? PTE_W : 0) | (rights & K_RIGHT_EXEC ? 0 : PTE_NX);
}

/*
 * Map what of an entry lies behind *done, as far as one page table reaches; moves *done on.
 *
 * Errors:  K_BUSY       something is mapped there already
 *          K_NO_MEMORY  the task's account cannot pay, or its 2047 links are used up
 *          K_RESTART    there is more
 */
int vspace_map(struct task *task, struct memory *m, struct task *by, uint8_t cap_rights, const struct k_map_entry *e, uint64_t *done)
{
    uint64_t va = e->va + *done, pa = m->pa + e->offset + *done, left = e->bytes - *done;
    uint64_t flags = pte_flags(e->rights);
    bool large = left >= LARGE_BYTES && !((va | pa) & (LARGE_BYTES - 1));
    uint64_t span = LARGE_BYTES - (va & (LARGE_BYTES - 1)), bytes = left < span ? left : span;
    uint64_t *above = entry_find(task, va, 2), *at;

    if (above && *above) {
        if (*above & PTE_LARGE)
            return K_BUSY;
        at = entry_find(task, va, 1);
        for (uint64_t i = 0; i < bytes / PAGE_BYTES; i++)
            if (at[i])
                return K_BUSY;
        large = false;
    }
    at = entry_make(task, va, large ? 2 : 1);
    if (!at)
        return K_NO_MEMORY;
    struct link *l = link_find(m, task, by, cap_rights);
    if (!l)
        l = link_new(m, task, by, cap_rights);
    if (!l) {
        tables_trim(task, va);
        return K_NO_MEMORY;
    }
    uint64_t entry = pa | flags | (uint64_t)l->index << INDEX_SHIFT;
    if (large)
        *at = entry | PTE_LARGE;
    else
        for (uint64_t i = 0; i < bytes / PAGE_BYTES; i++)
            at[i] = entry + i * PAGE_BYTES;
    link_count(l, entry, (int64_t)(bytes / PAGE_BYTES));
    *done += bytes;
    return *done < e->bytes ? K_RESTART : K_OK;
}

/* --- unmap --- */

static unsigned index_of(uint64_t entry)
{
    return entry >> INDEX_SHIFT & LINKS_MAX;
}

/* Clear entries of one page table from va to end; how many went. */
static uint64_t clear_small(struct task *task, uint64_t va, uint64_t end, const struct link *only)
{
    uint64_t *at = entry_find(task, va, 1), gone = 0;

    for (; va < end; va += PAGE_BYTES, at++) {
        unsigned index = index_of(*at);
        if (!*at || !index || (only && index != only->index))
            continue;
        uint64_t entry = *at;
        *at = 0;
        gone++;
        link_count(link_at(task, index), entry, -1);
    }
    return gone;
}

/* Unmap one stretch of [va, end) that one page-directory entry covers. */
static int unmap_stretch(struct task *task, uint64_t va, uint64_t end, const struct link *only)
{
    uint64_t *above = entry_find(task, va, 2), gone;

    if (!above || !*above)
        return K_OK;
    if (*above & PTE_LARGE) {
        unsigned index = index_of(*above);
        if (only && index != only->index)
            return K_OK;
        if (end - va == LARGE_BYTES) {
            uint64_t entry = *above;
            *above = 0;
            link_count(link_at(task, index), entry, -ENTRIES);
            gone = ENTRIES;
        } else {
            if (!large_split(task, above))
                return K_NO_MEMORY;
            flush(task, va, ENTRIES);
            gone = clear_small(task, va, end, only);
        }
    } else {
        gone = clear_small(task, va, end, only);
    }
    if (gone) {
        flush(task, va, (end - va) / PAGE_BYTES);
        tables_trim(task, va);
    }
    return K_OK;
}

/*
 * Unmap [*va, end), or of it only the entries of one link; moves *va on.
 *
 * Errors:  K_NO_MEMORY  a large page would have to be split and the account cannot pay
 *          K_RESTART    the steps are used up
 */
int vspace_unmap(struct task *task, uint64_t *va, uint64_t end, const struct link *only, unsigned *steps)
{
    while (*va < end) {
        if (only && !only->memory)
            break;
        if (*steps < TABLE_STEPS)
            return K_RESTART;
        unsigned shift = 39;
        if (task->pml4[*va >> 39 & 511])
            for (shift = 30; shift > 21; shift -= 9) {
                uint64_t *entry = entry_find(task, *va, 3);
                if (!entry || !*entry)
                    break;
            }
        uint64_t next = (*va | ((1ull << shift) - 1)) + 1, stop = next < end ? next : end;
        if (shift == 21) {
            int status = unmap_stretch(task, *va, stop, only);
            if (status != K_OK)
                return status;
            *steps -= TABLE_STEPS;
        } else {
            *steps -= 1;
        }
        *va = stop;
    }
    return K_OK;
}

int link_sweep(struct link *link, unsigned *steps)
{
    if (!link->sweep_va)
        link->sweep_va = 1; /* marks it: no new mapping joins it */
    uint64_t va = link->sweep_va & ~1ull;
    int status = vspace_unmap(link->task, &va, USER_END, link, steps);

    if (link->memory)
        link->sweep_va = va | 1;
    return status;
}

int vspace_destroy(struct task *task, unsigned *steps)
{
    int status = vspace_unmap(task, &task->sweep_va, USER_END, NULL, steps);

    if (status != K_OK)
        return status;
    if (loaded == task)
        vspace_load(NULL);
    page_free(task, task->pml4);
    for (unsigned i = 0; i < LINK_PAGES; i++)
        if (task->link_pages[i])
            page_free(task, task->link_pages[i]);
    return K_OK;
}

/* --- protect --- */

/* Change the rights of [*va, end) as far as one page table reaches; moves *va on. K_NOT_MAPPED: some page there is not mapped, and no page of the stretch was changed. */
int vspace_protect(struct task *task, uint64_t *va, uint64_t end, uint64_t rights)
{
    uint64_t next = (*va | (LARGE_BYTES - 1)) + 1, stop = next < end ? next : end, pages = (stop - *va) / PAGE_BYTES;
    uint64_t *above = entry_find(task, *va, 2), flags = pte_flags(rights);

    if (!above || !*above)
        return K_NOT_MAPPED;
    bool large = *above & PTE_LARGE && pages == ENTRIES;
    if (*above & PTE_LARGE && !large) {
        if (!large_split(task, above))
            return K_NO_MEMORY;
        flush(task, *va, ENTRIES);
    }
    uint64_t *at = large ? above : entry_find(task, *va, 1), count = large ? 1 : pages;
    for (uint64_t i = 0; i < count; i++) {
        unsigned index = index_of(at[i]);
        if (!at[i] || !index)
            return K_NOT_MAPPED;
        const struct link *l = link_at(task, index);
        uint64_t own = large ? ENTRIES : 1;
        enum k_status status = rights_check(l->memory, l->rights, rights, at[i] & PTE_W ? own : 0, at[i] & PTE_NX ? 0 : own);
        if (status != K_OK)
            return status;
    }
    for (uint64_t i = 0; i < count; i++) {
        struct link *l = link_at(task, index_of(at[i]));
        uint64_t keep = at[i] & ~(PTE_P | PTE_U | PTE_W | PTE_NX);
        int64_t n = large ? ENTRIES : 1;
        l->pages += n; /* so that the link does not die in between */
        link_count(l, at[i], -n);
        link_count(l, keep | flags, n);
        l->pages -= n;
        at[i] = keep | flags;
    }
    flush(task, *va, pages);
    *va = stop;
    return *va < end ? K_RESTART : K_OK;
}

/* --- pages of the kernel's in a task --- */

enum k_status vspace_map_kernel_page(struct task *task, uint64_t va, void *page, bool writable)
{
    if (va & (PAGE_BYTES - 1))
        return K_BAD_ALIGN;
    if (!range_ok(va, PAGE_BYTES))
        return K_BAD_ARG;
    uint64_t *above = entry_find(task, va, 2);
    if (above && *above & PTE_LARGE)
        return K_BUSY;
    uint64_t *at = entry_make(task, va, 1);
    if (!at)
        return K_NO_MEMORY;
    if (*at)
        return K_BUSY;
    *at = direct_pa(page) | PTE_P | PTE_U | PTE_NX | (writable ? PTE_W : 0);
    return K_OK;
}

void vspace_unmap_kernel_page(struct task *task, uint64_t va, const void *page)
{
    uint64_t *at = entry_find(task, va, 1);

    BUG_ON(!at || (*at & PTE_ADDRESS) != direct_pa(page));
    *at = 0;
    flush(task, va, 1);
    tables_trim(task, va);
}
