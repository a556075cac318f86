/* SPDX-License-Identifier: MIT */
/*
 * Exceptions and interrupts.
 *
 * From user mode an exception is the thread's own affair (thread_fault); an interrupt is served and whoever is first runs. Inside the kernel interrupts are on only in
 * x64_idle; an exception there is a broken kernel, but for #DB, which MOV SS before SYSCALL can push to the first instruction inside, and NMI.
 */
#include "kernel.h"

static void interrupt(uint64_t vector)
{
    if (vector == X64_VECTOR_TIMER) {
        x64_apic_eoi();
        sched_tick();
    } else if (vector >= X64_VECTOR_IRQ && vector < X64_VECTOR_IRQ + X64_IRQS) {
        irq_fired((uint32_t)(vector - X64_VECTOR_IRQ));
    } /* else: spurious, from the LAPIC or the masked PIC: no end of interrupt */
}

static bool is_interrupt(uint64_t vector)
{
    return vector >= 32;
}

_Noreturn void kernel_trap(struct x64_frame *f)
{
    struct thread *t = current;

    if (f != &t->frame) /* came by a stack of the IST */
        memcpy(&t->frame, f, sizeof *f);
    if (is_interrupt(f->vector))
        interrupt(f->vector);
    else if (f->vector == X64_MC || f->vector == X64_DF)
        kernel_panic_frame("machine check or double fault in user mode", f);
    else if (f->vector != X64_NMI)
        thread_fault(t, f->vector == X64_PF ? K_FAULT_PAGE : K_FAULT_EXCEPTION, f->vector, f->error, f->vector == X64_PF ? x64_cr2() : 0);
    kernel_exit();
}

/* Returns the frame to go on with. */
struct x64_frame *kernel_trap_inside(struct x64_frame *f)
{
    if (f->vector == X64_NMI || f->vector == X64_DB)
        return f;
    if (!is_interrupt(f->vector) || current)
        kernel_panic_frame("an exception inside the kernel", f);
    interrupt(f->vector);
    kernel_exit();
}
