/* SPDX-License-Identifier: MIT */
/* Linked list: find, reverse, and a merge sort of 400 nodes. Loads that depend on each other, short branches. */
#include "bench.h"

enum { NODES = 400 };
struct node {
    struct node *next;
    uint32_t key;
};
static struct node pool[NODES];
const char bench_name[] = "list";
const uint32_t bench_rounds = 45000, bench_expected = 0xc6af57bf;

static struct node *merge(struct node *a, struct node *b)
{
    struct node head, *tail = &head;
    while (a && b) {
        struct node **least = a->key <= b->key ? &a : &b;
        tail = tail->next = *least;
        *least = (*least)->next;
    }
    tail->next = a ? a : b;
    return head.next;
}

static struct node *sort(struct node *list)
{
    if (!list || !list->next)
        return list;
    struct node *slow = list, *fast = list->next;
    while (fast && fast->next) {
        slow = slow->next;
        fast = fast->next->next;
    }
    struct node *half = slow->next;
    slow->next = 0;
    return merge(sort(list), sort(half));
}

static struct node *reverse(struct node *list)
{
    struct node *out = 0;
    while (list) {
        struct node *next = list->next;
        list->next = out;
        out = list;
        list = next;
    }
    return out;
}

uint32_t bench_run(uint32_t rounds)
{
    uint32_t seed = 12345, sum = 0;
    for (uint32_t r = 0; r < rounds; r++) {
        for (int i = 0; i < NODES; i++) {
            pool[i].key = bench_next(&seed) & 0xffff;
            pool[i].next = i + 1 < NODES ? &pool[i + 1] : 0;
        }
        struct node *list = reverse(sort(&pool[0]));
        for (struct node *n = list; n; n = n->next)
            sum = sum * 31 + n->key;
    }
    return sum;
}
