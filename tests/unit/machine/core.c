/* SPDX-License-Identifier: MIT */
/*
 * A core that the device models can be tested without a CPU: guest time is a number, events fire when it is moved, the interrupt level and the console's bytes
 * are kept for the test to look at. One machine at a time.
 */
#include "machine/grlib.h"
#include <stddef.h>
#include <string.h>

static struct {
    uint64_t now_ns;
    struct xl_event *events;
    uint32_t level;
    uint8_t out[256];
    unsigned out_count, out_room;
    struct irqmp irqmp;
    struct gptimer gptimer;
    struct apbuart apbuart;
    struct mctrl mctrl;
    struct apb apb;
} t;

uint64_t xl_time_ns(struct xl_vm *vm)
{
    (void)vm;
    return t.now_ns;
}

void xl_event_cancel(struct xl_vm *vm, struct xl_event *e)
{
    (void)vm;
    for (struct xl_event **at = &t.events; *at; at = &(*at)->next)
        if (*at == e) {
            *at = e->next;
            break;
        }
    e->armed = false;
}

void xl_event_arm(struct xl_vm *vm, struct xl_event *e, uint64_t when_ns)
{
    struct xl_event **at = &t.events;

    xl_event_cancel(vm, e);
    while (*at && (*at)->when_ns <= when_ns)
        at = &(*at)->next;
    e->when_ns = when_ns;
    e->next = *at;
    e->armed = true;
    *at = e;
}

void xl_irq_set(struct xl_vm *vm, uint32_t level)
{
    (void)vm;
    t.level = level;
}

bool xl_console_out(struct xl_vm *vm, unsigned n, uint8_t byte)
{
    (void)vm;
    if (n || t.out_count >= t.out_room)
        return false;
    t.out[t.out_count++] = byte;
    return true;
}

void test_begin(void)
{
    memset(&t, 0, sizeof t);
    t.out_room = sizeof t.out;
    t.apb.base = 0x80000000;
    t.apb.pnp = 0x800ff000;
    irqmp_init(&t.irqmp, NULL);
    gptimer_init(&t.gptimer, NULL, &t.irqmp, 6, 2, 50000000);
    apbuart_init(&t.apbuart, NULL, &t.irqmp, 3, 0, 16);
    apb_add(&t.apb, 0x80000000, 0x100, PNP_ID(4, 0xf, 0, 0), &mctrl_ops, &t.mctrl);
    apb_add(&t.apb, 0x80000100, 0x100, PNP_ID(1, 0xc, 1, 3), &apbuart_ops, &t.apbuart);
    apb_add(&t.apb, 0x80000200, 0x100, PNP_ID(1, 0xd, 2, 0), &irqmp_ops, &t.irqmp);
    apb_add(&t.apb, 0x80000300, 0x100, PNP_ID(1, 0x11, 0, 6), &gptimer_ops, &t.gptimer);
    apb_ops.reset(&t.apb);
}

void test_advance(uint64_t ns)
{
    uint64_t end = t.now_ns + ns;

    while (t.events && t.events->when_ns <= end) {
        struct xl_event *e = t.events;
        t.events = e->next;
        e->armed = false;
        t.now_ns = e->when_ns;
        e->fn(e->arg);
    }
    t.now_ns = end;
}

bool test_add(uint32_t base, uint32_t bytes)
{
    return apb_add(&t.apb, base, bytes, 0, &mctrl_ops, &t.mctrl);
}

uint32_t test_read(uint32_t off)
{
    return apb_ops.read(&t.apb, off, 4);
}

void test_write(uint32_t off, uint32_t value)
{
    apb_ops.write(&t.apb, off, 4, value);
}

uint32_t test_level(void)
{
    return t.level;
}

void test_ack(unsigned level)
{
    irqmp_ack(&t.irqmp, level);
}

unsigned test_receive(const uint8_t *bytes, unsigned count)
{
    return apbuart_receive(&t.apbuart, bytes, count);
}

void test_room(unsigned room)
{
    t.out_room = room;
}

unsigned test_sent(uint8_t *out)
{
    memcpy(out, t.out, t.out_count);
    return t.out_count;
}
