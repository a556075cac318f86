/* SPDX-License-Identifier: MIT */
/*
 * LEON PROM, services: the romvec that Linux calls while it boots, and the node tree it reads.
 *
 * Built flat (-mflat: no register windows), because Linux calls with traps disabled on whatever stack there is. Nodes and properties are tables
 * which l4vm/guests/wrap.py appends behind the PROM; a node is named by its index, from 1. No libc.
 *
 * Source: Linux arch/sparc/include/asm/openprom.h gives the layout of the vector; IEEE 1275-1994 the meaning of the node calls.
 */
#include <stdint.h>

struct prom_property {
    const char *name;
    const uint8_t *value;
    int32_t len_bytes;
};

struct prom_node {
    uint32_t next, child; /* node numbers, 0 none */
    const struct prom_property *property;
    uint32_t properties;
};

struct prom_list {
    struct prom_list *next;
    uint32_t start, bytes;
};

/* Written by wrap.py, in this order. */
struct prom_facts {
    const struct prom_node *node; /* node[0] is node number 1 */
    uint32_t nodes;
    char *arguments;
    uint32_t uart_pa, gptimer_pa, scaler, context_table, entry;
    uint32_t ram_pa, ram_bytes;
};
extern const volatile struct prom_facts prom_facts;
extern void prom_stop(void);

static uint32_t io_load(uint32_t pa)
{
    uint32_t value;
    __asm__ volatile("lda [%1] 0x1c, %0" : "=r"(value) : "r"(pa));
    return value;
}

static void io_store(uint32_t pa, uint32_t value)
{
    __asm__ volatile("sta %0, [%1] 0x1c" : : "r"(value), "r"(pa) : "memory");
}

static int same(const char *a, const char *b)
{
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

static const struct prom_node *node_of(int number)
{
    return number >= 1 && (uint32_t)number <= prom_facts.nodes ? &prom_facts.node[number - 1] : 0;
}

static const struct prom_property *property_of(int number, const char *name)
{
    const struct prom_node *node = node_of(number);

    for (uint32_t i = 0; node && name && i < node->properties; i++)
        if (same(node->property[i].name, name))
            return &node->property[i];
    return 0;
}

static int node_next(int number)
{
    const struct prom_node *node = node_of(number);

    return number == 0 ? 1 : node ? (int)node->next : 0;
}

static int node_child(int number)
{
    const struct prom_node *node = node_of(number);

    return node ? (int)node->child : 0;
}

static int property_len(int number, const char *name)
{
    const struct prom_property *p = property_of(number, name);

    return p ? p->len_bytes : -1;
}

static int property_get(int number, const char *name, uint8_t *value)
{
    const struct prom_property *p = property_of(number, name);

    for (int32_t i = 0; p && i < p->len_bytes; i++)
        value[i] = p->value[i];
    return p ? p->len_bytes : -1;
}

static int property_set(int number, const char *name, const uint8_t *value, int len)
{
    (void)number;
    (void)name;
    (void)value;
    (void)len;
    return -1;
}

static const char *property_next(int number, const char *name)
{
    const struct prom_node *node = node_of(number);

    if (!node || node->properties == 0)
        return "";
    if (!name || !*name)
        return node->property[0].name;
    for (uint32_t i = 0; i + 1 < node->properties; i++)
        if (same(node->property[i].name, name))
            return node->property[i + 1].name;
    return "";
}

/* APBUART: data +0, status +4; status bit 0 data ready, bit 1 shift register empty, bit 9 FIFO full, bit 2 holding register empty. */
static int char_put(int c)
{
    for (int spins = 0; spins < 1000000; spins++)
        if (io_load(prom_facts.uart_pa + 4) & 4) {
            io_store(prom_facts.uart_pa, (uint32_t)c & 0xff);
            return 1;
        }
    return 1;
}

static int char_get_now(void)
{
    return io_load(prom_facts.uart_pa + 4) & 1 ? (int)(io_load(prom_facts.uart_pa) & 0xff) : -1;
}

static int char_get(void)
{
    int c;

    while ((c = char_get_now()) < 0)
        ;
    return c;
}

static void char_put_all(const char *text, int len)
{
    for (int i = 0; i < len; i++)
        char_put(text[i]);
}

/* printf of the text itself; Linux prints through the console once it runs. */
static void text_put(const char *text)
{
    while (*text)
        char_put(*text++);
}

static void stop_with(char *text)
{
    (void)text;
    prom_stop();
}

static void evaluate(int len, char *text)
{
    (void)len;
    (void)text;
    prom_stop();
}

static const struct {
    int (*next)(int);
    int (*child)(int);
    int (*proplen)(int, const char *);
    int (*getprop)(int, const char *, uint8_t *);
    int (*setprop)(int, const char *, const uint8_t *, int);
    const char *(*nextprop)(int, const char *);
} nodeops = {node_next, node_child, property_len, property_get, property_set, property_next};

static const uint8_t stdio_is_ttya = 1;
static struct prom_list memory;
static struct prom_list *memory_list = &memory;
static struct {
    char *argv[8];
} arguments;
static void *arguments_at = &arguments;
static void (*synchook)(void);
static volatile uint32_t ticks;

/* The vector, one word a field. */
const void *const prom_romvec[36] __attribute__((aligned(8))) = {
    [0x00 / 4] = (void *)0x10010407,
    [0x10 / 4] = &memory_list,
    [0x14 / 4] = &memory_list,
    [0x18 / 4] = &memory_list,
    [0x1c / 4] = &nodeops,
    [0x48 / 4] = &stdio_is_ttya,
    [0x4c / 4] = &stdio_is_ttya,
    [0x50 / 4] = char_get,
    [0x54 / 4] = char_put,
    [0x58 / 4] = char_get_now,
    [0x5c / 4] = char_put,
    [0x60 / 4] = char_put_all,
    [0x64 / 4] = stop_with,
    [0x68 / 4] = text_put,
    [0x6c / 4] = prom_stop,
    [0x70 / 4] = (void *)&ticks,
    [0x74 / 4] = prom_stop,
    [0x78 / 4] = &synchook,
    [0x7c / 4] = evaluate,
    [0x80 / 4] = &arguments_at,
};

/* Called by start.S once memory is mapped. */
void prom_setup(void)
{
    memory.start = prom_facts.ram_pa;
    memory.bytes = prom_facts.ram_bytes;
    arguments.argv[0] = (char *)"";
    arguments.argv[1] = prom_facts.arguments;
}
