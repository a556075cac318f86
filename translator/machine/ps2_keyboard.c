/* SPDX-License-Identifier: MIT */
/*
 * The PS/2 keyboard's side of the wire. See ps2_keyboard.h for the rules.
 *
 *   ED leds     EE echo      F0 code set (2 alone)    F2 who are you: AB 83     F3 repeat rate
 *   F4 enable   F5 disable   F6 defaults              FE send that again        FF reset, self test passed: AA
 *
 * A byte that is none of these, and an argument out of its range, is answered by FE.
 * Source: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard (101/102-key)".
 */
#include "machine/ps2_keyboard.h"

enum { LEDS = 0xed, ECHO = 0xee, CODE_SET = 0xf0, IDENTIFY = 0xf2, TYPEMATIC = 0xf3, ENABLE = 0xf4, DISABLE = 0xf5, DEFAULTS = 0xf6, RESEND = 0xfe, RESET = 0xff };
enum { ACKNOWLEDGE = 0xfa, SELF_TEST_PASSED = 0xaa, FIRST_COMMAND = 0xed, SET_2 = 2, TYPEMATIC_DEFAULT = 0x2b };

static void answer(struct ps2_keyboard *k, unsigned count, uint8_t a, uint8_t b, uint8_t c)
{
    k->answer[0] = a;
    k->answer[1] = b;
    k->answer[2] = c;
    k->answers = count;
    k->answers_sent = 0;
}

static void defaults(struct ps2_keyboard *k)
{
    k->typematic = TYPEMATIC_DEFAULT;
    k->first = k->count = 0;
}

void ps2_keyboard_reset(struct ps2_keyboard *k)
{
    *k = (struct ps2_keyboard){0};
    defaults(k);
}

static void argument(struct ps2_keyboard *k, uint8_t command, uint8_t value)
{
    if (command == LEDS && value <= 7) {
        k->leds = value;
        answer(k, 1, ACKNOWLEDGE, 0, 0);
    } else if (command == TYPEMATIC && value <= 0x7f) {
        k->typematic = value;
        answer(k, 1, ACKNOWLEDGE, 0, 0);
    } else if (command == CODE_SET && (value == 0 || value == SET_2)) {
        answer(k, value ? 1 : 2, ACKNOWLEDGE, SET_2, 0);
    } else {
        answer(k, 1, RESEND, 0, 0);
    }
}

static void command(struct ps2_keyboard *k, uint8_t byte)
{
    switch (byte) {
    case LEDS:
    case CODE_SET:
    case TYPEMATIC:
        k->command = byte;
        answer(k, 1, ACKNOWLEDGE, 0, 0);
        break;
    case ECHO: answer(k, 1, ECHO, 0, 0); break;
    case IDENTIFY: answer(k, 3, ACKNOWLEDGE, 0xab, 0x83); break;
    case ENABLE:
    case DISABLE:
    case DEFAULTS:
        if (byte == ENABLE)
            k->first = k->count = 0;
        else
            defaults(k);
        k->is_disabled = byte == DISABLE;
        answer(k, 1, ACKNOWLEDGE, 0, 0);
        break;
    case RESEND: answer(k, 1, k->last, 0, 0); break;
    case RESET:
        ps2_keyboard_reset(k);
        answer(k, 2, ACKNOWLEDGE, SELF_TEST_PASSED, 0);
        break;
    default: answer(k, 1, RESEND, 0, 0); break;
    }
}

void ps2_keyboard_command(struct ps2_keyboard *k, uint8_t byte)
{
    uint8_t open = k->command;

    k->command = 0;
    if (open && byte < FIRST_COMMAND) /* a command in the place of an argument ends the one before it */
        argument(k, open, byte);
    else
        command(k, byte);
}

unsigned ps2_keyboard_codes(struct ps2_keyboard *k, const uint8_t *codes, unsigned count)
{
    unsigned taken = 0;

    if (k->is_disabled)
        return count;
    for (; taken < count && k->count < PS2_CODES_MAX; taken++)
        k->codes[(k->first + k->count++) % PS2_CODES_MAX] = codes[taken];
    return taken;
}

bool ps2_keyboard_has_byte(const struct ps2_keyboard *k)
{
    return k->answers_sent < k->answers || (k->count && !k->command);
}

uint8_t ps2_keyboard_send(struct ps2_keyboard *k)
{
    if (k->answers_sent < k->answers) {
        k->last = k->answer[k->answers_sent++];
    } else {
        k->last = k->codes[k->first];
        k->first = (k->first + 1) % PS2_CODES_MAX;
        k->count--;
    }
    return k->last;
}
