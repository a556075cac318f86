/* SPDX-License-Identifier: MIT */
/*
 * Interrupt lines and I/O port ranges as objects.
 *
 * A level line is masked while its interrupt waits to be acknowledged. An edge line stays open, since an edge on a masked line is lost: a second interrupt is kept
 * pending and a third masks the line, so that a storm costs two interrupts for each acknowledgement.
 */
#include "kernel.h"

struct irq *irq_of_gsi[X64_IRQS];

void irq_fired(uint32_t gsi)
{
    struct irq *irq = gsi < X64_IRQS ? irq_of_gsi[gsi] : NULL;

    if (!irq || !irq->notification || irq->flags & K_IRQ_LEVEL || irq->pending)
        x64_irq_mask(gsi, true);
    x64_apic_eoi();
    if (!irq || !irq->notification)
        return;
    if (irq->waiting_ack) {
        irq->pending = true;
        return;
    }
    irq->waiting_ack = true;
    notification_signal(irq->notification, irq->bits);
}

void irq_ack(struct irq *irq)
{
    irq->waiting_ack = false;
    if (irq->pending) {
        irq->pending = false;
        irq->waiting_ack = true;
        if (irq->notification)
            notification_signal(irq->notification, irq->bits);
    }
    x64_irq_mask(irq->gsi, false);
}

void irq_destroy(struct irq *irq)
{
    x64_irq_mask(irq->gsi, true);
    irq_of_gsi[irq->gsi] = NULL;
}

/* K_BUSY: the task has IO_GRANTS ranges already. */
enum k_status ioport_grant(struct ioport *p, struct task *task)
{
    for (unsigned i = 0; i < IO_GRANTS; i++) {
        struct io_grant *g = &task->io[i];
        if (g->ioport)
            continue;
        g->ioport = p;
        g->task = task;
        list_insert_before(&p->grants, &g->node);
        x64_io_changed();
        return K_OK;
    }
    return K_BUSY;
}

static void grant_end(struct io_grant *g)
{
    list_remove(&g->node);
    g->ioport = NULL;
    x64_io_changed();
}

void ioport_destroy(struct ioport *p)
{
    while (!list_empty(&p->grants))
        grant_end(CONTAINER(p->grants.next, struct io_grant, node));
}

void task_ports_end(struct task *task)
{
    for (unsigned i = 0; i < IO_GRANTS; i++)
        if (task->io[i].ioport)
            grant_end(&task->io[i]);
}
