/* SPDX-License-Identifier: MIT */
/*
 * Multiboot entry: from 32-bit protected mode to C at the upper half.
 *
 * Linked at physical addresses (section .boot); runs with paging off until it jumps. Builds one page directory with 2 MiB pages for the first GiB and hangs it at
 * three places: identity (dropped by x64_paging_finish), the direct map at 0xffff800000000000, and the kernel's own -2 GiB.
 *
 * Source: Multiboot specification 0.6.96, 3.1-3.2; Intel SDM vol. 3A, 9.8.5.
 */
#define MB_MAGIC 0x1BADB002
#define MB_FLAGS 0x00000003             /* page-aligned modules, memory map; no video */

        .section .boot, "awx"
        .align  4
        .long   MB_MAGIC, MB_FLAGS, -(MB_MAGIC + MB_FLAGS)

        .code32
        .global boot_entry
boot_entry:
        cli
        cld
        movl    %eax, boot_magic
        movl    %ebx, boot_info
        movl    $boot_stack_top, %esp

        movl    $0x80000000, %eax       # long mode there?
        cpuid
        cmpl    $0x80000001, %eax
        jb      no_long_mode
        movl    $0x80000001, %eax
        cpuid
        btl     $29, %edx
        jnc     no_long_mode

        movl    $boot_pd, %edi          # 512 pages of 2 MiB
        movl    $0x83, %eax
        movl    $512, %ecx
1:      movl    %eax, (%edi)
        movl    $0, 4(%edi)
        addl    $0x200000, %eax
        addl    $8, %edi
        loop    1b
        movl    $boot_pd + 3, boot_pdpt
        movl    $boot_pd + 3, boot_pdpt + 510 * 8
        movl    $boot_pdpt + 3, boot_pml4
        movl    $boot_pdpt + 3, boot_pml4 + 256 * 8
        movl    $boot_pdpt + 3, boot_pml4 + 511 * 8

        movl    %cr4, %eax
        orl     $0x20, %eax             # PAE
        movl    %eax, %cr4
        movl    $boot_pml4, %eax
        movl    %eax, %cr3
        movl    $0xc0000080, %ecx       # EFER: SCE, LME, NXE
        rdmsr
        orl     $0x901, %eax
        wrmsr
        movl    %cr0, %eax
        andl    $0xfffffffb, %eax       # EM off
        orl     $0x80010022, %eax       # PG, WP, NE, MP
        movl    %eax, %cr0
        lgdt    boot_gdt_pointer
        ljmp    $8, $long_mode

no_long_mode:
        movl    $no_long_mode_text, %esi
1:      lodsb
        testb   %al, %al
        jz      2f
        movw    $0x3f8, %dx
        outb    %al, %dx
        jmp     1b
2:      hlt
        jmp     2b
no_long_mode_text:
        .asciz  "PANIC: this CPU has no long mode\r\n"

        .align  8
boot_gdt:
        .quad   0
        .quad   0x00af9a000000ffff
        .quad   0x00cf92000000ffff
boot_gdt_pointer:
        .word   boot_gdt_pointer - boot_gdt - 1
        .long   boot_gdt

        .code64
long_mode:
        movl    $16, %eax
        movl    %eax, %ds
        movl    %eax, %es
        movl    %eax, %ss
        xorl    %eax, %eax
        movl    %eax, %fs
        movl    %eax, %gs
        movq    $kernel_stack_top, %rsp
        movl    boot_magic, %edi
        movl    boot_info, %esi
        movabsq $kernel_main, %rax
        xorl    %ebp, %ebp
        call    *%rax
1:      hlt
        jmp     1b

        .section .bootbss, "aw", @nobits
        .align  4096
        .global boot_pml4
boot_pml4:      .skip 4096
boot_pdpt:      .skip 4096
boot_pd:        .skip 4096
boot_stack:     .skip 512
boot_stack_top:
boot_magic:     .skip 4
boot_info:      .skip 4
        .section .note.GNU-stack, "", @progbits
