/* SPDX-License-Identifier: MIT */
/*
 * Memory functions, the early console on COM1 (polled), panic and shutdown.
 *
 * Source: 16550 data sheet; QEMU isa-debug-exit.
 */
#include "kernel.h"

#include <stdarg.h>

enum { COM1 = 0x3f8, UART_IER = 1, UART_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5, LSR_THRE = 0x20, DEBUG_EXIT = 0xf4, KEYBOARD = 0x64, ACPI_PM1A = 0x604 };

static bool silent;

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    void *start = to;
    __asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
    return start;
}

void *memset(void *to, int byte, size_t n)
{
    void *start = to;
    __asm__ volatile("rep stosb" : "+D"(to), "+c"(n) : "a"(byte) : "memory");
    return start;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const uint8_t *x = a, *y = b;
    for (size_t i = 0; i < n; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

void early_init(void)
{
    x64_outb(COM1 + UART_IER, 0);
    x64_outb(COM1 + UART_LCR, 0x80); /* divisor 1: 115200 */
    x64_outb(COM1, 1);
    x64_outb(COM1 + 1, 0);
    x64_outb(COM1 + UART_LCR, 3);
    x64_outb(COM1 + UART_FCR, 7);
    x64_outb(COM1 + UART_MCR, 3);
}

void early_stop(void)
{
    silent = true;
}

static void put(char c)
{
    for (unsigned i = 0; i < 100000 && !(x64_inb(COM1 + UART_LSR) & LSR_THRE); i++) {
    }
    x64_outb(COM1, (uint8_t)c);
}

void early_puts(const char *text, size_t bytes)
{
    for (size_t i = 0; i < bytes && !silent; i++) {
        if (text[i] == '\n')
            put('\r');
        put(text[i]);
    }
}

static void put_number(uint64_t value, unsigned base)
{
    char text[20];
    unsigned n = 0;

    do {
        text[n++] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    while (n)
        early_puts(&text[--n], 1);
}

void early_print(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    for (const char *f = format; *f; f++) {
        if (*f != '%') {
            early_puts(f, 1);
        } else if (*++f == 's') {
            for (const char *s = va_arg(args, const char *); *s; s++)
                early_puts(s, 1);
        } else {
            put_number(va_arg(args, uint64_t), *f == 'x' ? 16 : 10);
        }
    }
    va_end(args);
}

/* Return addresses on the stack above: every word that points into the kernel's text. */
static void backtrace(const uint64_t *sp)
{
    extern char kernel_text[], kernel_rodata[];

    early_print("\n  text words on the stack:");
    for (unsigned i = 0, shown = 0; shown < 16 && sp + i < (uint64_t *)kernel_stack_top; i++) {
        if (sp[i] >= (uint64_t)kernel_text && sp[i] < (uint64_t)kernel_rodata) {
            early_print(" %x", sp[i]);
            shown++;
        }
    }
    early_print("\n");
}

void kernel_panic_frame(const char *sentence, const struct x64_frame *f)
{
    uint64_t here;

    silent = false;
    put(0);
    early_print("PANIC %s\n", sentence);
    if (f) {
        early_print("  vector %u error %x rip %x cs %x rsp %x rflags %x cr2 %x\n", f->vector, f->error, f->rip, f->cs, f->rsp, f->rflags, x64_cr2());
        early_print("  rax %x rbx %x rcx %x rdx %x rsi %x rdi %x rbp %x\n", f->rax, f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, f->rbp);
        early_print("  r8 %x r9 %x r10 %x r11 %x r12 %x r13 %x r14 %x r15 %x", f->r8, f->r9, f->r10, f->r11, f->r12, f->r13, f->r14, f->r15);
    }
    backtrace(&here);
    put(0);
    kernel_shutdown(1);
}

void kernel_panic(const char *sentence)
{
    kernel_panic_frame(sentence, NULL);
}

/* A code below K_SHUTDOWN_POWER_OFF ends an emulator with a debug exit device; elsewhere the board stands still with its last words on the console. */
void kernel_shutdown(uint64_t code)
{
    if (code == K_SHUTDOWN_POWER_OFF)
        __asm__ volatile("outw %w0, %w1" : : "a"(0x2000), "Nd"((uint16_t)ACPI_PM1A));
    else if (code < K_SHUTDOWN_POWER_OFF)
        x64_outb(DEBUG_EXIT, (uint8_t)code);
    if (code == K_SHUTDOWN_RESET)
        x64_outb(KEYBOARD, 0xfe); /* reset line */
    for (;;)
        __asm__ volatile("cli; hlt");
}
