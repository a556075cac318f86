/* SPDX-License-Identifier: MIT */
/*
 * Text of one block for people and golden tests: the guest's words, IR as the front end wrote it, IR after the passes, and the host bytes if the block exists.
 *
 * Makes the block anew from guest memory; nothing that runs is changed.
 */
#include "rt/cpu.h"
#include "rt/text.h"

static void put_ir(struct text *t, const struct ir_block *b)
{
    int used = t->wanted < t->room ? t->wanted : t->room;

    t->wanted += ir_print(b, t->out + used, t->room - used);
}

static void put_guest(struct text *t, const struct xl_guest *guest, const uint8_t *word, uint32_t pc, uint32_t bytes)
{
    char line[96];

    for (uint32_t i = 0; i + 4 <= bytes; i += 4, word += 4) {
        uint32_t value = guest->big_endian ? (uint32_t)word[0] << 24 | (uint32_t)word[1] << 16 | (uint32_t)word[2] << 8 | word[3]
                                           : (uint32_t)word[3] << 24 | (uint32_t)word[2] << 16 | (uint32_t)word[1] << 8 | word[0];
        text_hex(t, pc + i, 8);
        text_put(t, "  ");
        text_hex(t, value, 8);
        text_put(t, "  ");
        text_put(t, guest->disassemble(value, pc + i, line, sizeof line));
        text_char(t, '\n');
    }
}

int xl_dump(struct xl_vm *vm, uint32_t pc, char *out, int out_bytes)
{
    struct xl_cpu *cpu = vm->cpu;
    struct text t = text_on(out, out_bytes);
    uint32_t bytes;
    uint64_t page_pa;

    if (!xl_fetch_page(cpu, pc, &page_pa)) {
        cpu->faulted = false;
        text_put(&t, "no instructions are mapped there\n");
        return t.wanted;
    }
    xl_translate(cpu, pc, pc + cpu->guest->insn_bytes, cpu->env.mode, page_pa, IR_INSNS_MAX, &bytes);
    const uint8_t *guest_bytes = xl_ram_at(vm, page_pa + (pc & XL_PAGE_MASK), bytes);
    text_put(&t, "guest\n");
    if (guest_bytes)
        put_guest(&t, cpu->guest, guest_bytes, pc, bytes);
    text_put(&t, "IR from the front end\n");
    put_ir(&t, vm->ir);
    text_put(&t, "IR after the passes\n");
    if (!(vm->config.switches & XL_NO_DEAD_PUT))
        opt_dead_puts(vm->ir);
    put_ir(&t, vm->ir);
    uint32_t number = xl_block_find(cpu, pc, pc + cpu->guest->insn_bytes, cpu->env.mode, page_pa);
    text_put(&t, number ? "host bytes\n" : "not compiled yet\n");
    const struct xl_block *b = &vm->block[number];
    for (uint32_t i = 0; number && i < b->code_bytes; i++) {
        text_hex(&t, vm->port.code_rx[b->code_offset + i], 2);
        text_put(&t, i % 32 == 31 || i + 1 == b->code_bytes ? "\n" : " ");
    }
    return t.wanted;
}
