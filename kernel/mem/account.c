/* SPDX-License-Identifier: MIT */
/*
 * Kernel memory: a pool of pages, handed out against accounts.
 *
 * An account pays for whole pages. Small objects of one task share slab pages of four sizes; a slab page without objects goes back at once. A page descriptor
 * per pool page tells whose it is. Since the accounts' bytes add up to the pool, an account with room always finds a page.
 */
#include "kernel.h"

/* Descriptor of a pool page. */
struct slab {
    struct task *owner;
    void *free; /* first free block, each points to the next */
    struct slab *next, *prev;
    uint16_t used;
    uint8_t class; /* SLAB_CLASSES: a whole page */
    bool listed;
};

static const uint16_t class_bytes[SLAB_CLASSES] = {256, 512, 1024, 2048};
static struct slab *slabs;
static uint8_t *first_page;
static uint64_t page_count, free_count;
static void *free_pages;

void pool_init(uint64_t pa, uint64_t bytes)
{
    uint64_t pages = bytes / PAGE_BYTES, table = (pages * sizeof(struct slab) + PAGE_BYTES - 1) / PAGE_BYTES;

    slabs = direct(pa);
    memset(slabs, 0, table * PAGE_BYTES);
    first_page = (uint8_t *)direct(pa) + table * PAGE_BYTES;
    page_count = free_count = pages - table;
    for (uint64_t i = page_count; i-- > 0;) {
        void **page = (void **)(first_page + i * PAGE_BYTES);
        *page = free_pages;
        free_pages = page;
    }
}

uint64_t pool_bytes(void)
{
    return page_count * PAGE_BYTES;
}

static struct slab *slab_of(const void *p)
{
    uint64_t i = (uint64_t)((const uint8_t *)p - first_page) / PAGE_BYTES;
    BUG_ON(i >= page_count);
    return &slabs[i];
}

void *page_alloc(struct task *payer)
{
    if (payer->total - payer->used - payer->given < PAGE_BYTES)
        return NULL;
    BUG_ON(!free_pages);
    void **page = free_pages;
    free_pages = *page;
    free_count--;
    payer->used += PAGE_BYTES;
    memset(page, 0, PAGE_BYTES);
    *slab_of(page) = (struct slab){.owner = payer, .class = SLAB_CLASSES, .used = 1};
    return page;
}

void page_free(struct task *payer, void *page)
{
    struct slab *s = slab_of(page);

    BUG_ON(s->owner != payer || !s->used);
    s->used = 0;
    s->owner = NULL;
    *(void **)page = free_pages;
    free_pages = page;
    free_count++;
    payer->used -= PAGE_BYTES;
}

static void slab_list(struct slab *s)
{
    struct slab **head = &s->owner->slabs[s->class];
    s->prev = NULL, s->next = *head;
    if (*head)
        (*head)->prev = s;
    *head = s;
    s->listed = true;
}

static void slab_unlist(struct slab *s)
{
    if (s->prev)
        s->prev->next = s->next;
    else
        s->owner->slabs[s->class] = s->next;
    if (s->next)
        s->next->prev = s->prev;
    s->listed = false;
}

/* Root's first page was paid for by nobody: it is root's own. */
void pool_adopt(struct task *task)
{
    slab_of(task)->owner = task;
}

void *block_alloc(struct task *payer, size_t bytes)
{
    uint8_t class = 0;

    while (class < SLAB_CLASSES && class_bytes[class] < bytes)
        class++;
    if (class == SLAB_CLASSES) {
        BUG_ON(bytes > PAGE_BYTES);
        return page_alloc(payer);
    }
    struct slab *s = payer->slabs[class];
    if (!s) {
        uint8_t *page = page_alloc(payer);
        if (!page)
            return NULL;
        s = slab_of(page);
        s->class = class, s->used = 0, s->free = NULL;
        for (unsigned at = PAGE_BYTES; at; at -= class_bytes[class]) {
            void **block = (void **)(page + at - class_bytes[class]);
            *block = s->free;
            s->free = block;
        }
        slab_list(s);
    }
    void **block = s->free;
    s->free = *block;
    s->used++;
    if (!s->free)
        slab_unlist(s);
    memset(block, 0, class_bytes[class]);
    return block;
}

void block_free(struct task *payer, void *block)
{
    struct slab *s = slab_of(block);

    BUG_ON(s->owner != payer || !s->used);
    if (s->class == SLAB_CLASSES) {
        page_free(payer, block);
        return;
    }
    *(void **)block = s->free;
    s->free = block;
    if (!s->listed)
        slab_list(s);
    if (--s->used == 0) {
        slab_unlist(s);
        s->used = 1;
        page_free(payer, (void *)((uint64_t)block & ~(PAGE_BYTES - 1ull)));
    }
}

void *object_alloc(struct task *payer, size_t bytes, enum k_kind kind)
{
    uint8_t *block = block_alloc(payer, bytes);
    if (!block)
        return NULL;
    struct object *o = (struct object *)(block + (kind == K_KIND_THREAD ? offsetof(struct thread, object) : 0));
    o->kind = kind;
    o->payer = payer;
    list_init(&o->caps);
    list_insert_before(&payer->objects, &o->mine);
    return block;
}

void object_free(struct object *object, void *block)
{
    list_remove(&object->mine);
    block_free(object->payer, block);
}

/* Debug builds call this at every CHECK_EXITS-th exit: free pages and used bytes are the whole pool. */
void accounts_check(void)
{
    uint64_t used = 0;

    for (struct task *t = root_task;;) {
        used += t->used;
        struct task *next = NULL;
        for (struct node *n = t->objects.next; n != &t->objects; n = n->next)
            if (CONTAINER(n, struct object, mine)->kind == K_KIND_TASK) {
                next = CONTAINER(CONTAINER(n, struct object, mine), struct task, object);
                break;
            }
        while (!next && t != root_task) { /* up, to the next brother */
            struct task *parent = t->object.payer;
            for (struct node *n = t->object.mine.next; n != &parent->objects && !next; n = n->next)
                if (CONTAINER(n, struct object, mine)->kind == K_KIND_TASK)
                    next = CONTAINER(CONTAINER(n, struct object, mine), struct task, object);
            t = parent;
        }
        if (!next)
            break;
        t = next;
    }
    BUG_ON(used + free_count * PAGE_BYTES != pool_bytes());
}
