/* SPDX-License-Identifier: MIT */
/*
 * Scan codes to actions (keyboard.h): bytes -> key (its code of set 1, bit 7 for the prefix E0) -> action. Pause is the one key with prefix E1; it does nothing here.
 */
#include "keyboard.h"

#include "l4/string.h"

enum { PREFIX = 0xe0, PAUSE = 0xe1, RELEASE_2 = 0xf0, TEST_PASSED_2 = 0xaa, LOST_1 = 0xff, LOST_2 = 0x00, BIT_7 = 0x80, PAUSE_CODES = 2 };
enum { ESC = 0x1b, DEL = 0x7f, CONTROL_MASK = 0x1f };

enum key {
    KEY_NONE = 0,
#define X(name, set1, set2) KEY_##name = (set1),
#include "others.def"
#undef X
};

struct character {
    uint8_t set1, set2;
    char shown[2][2]; /* by layout and shift */
};

static const struct character characters[] = {
#define X(set1, set2, us, us_shift, jp, jp_shift) {set1, set2, {{us, us_shift}, {jp, jp_shift}}},
#include "characters.def"
#undef X
};

struct other {
    uint8_t set1, set2;
};

static const struct other others[] = {
#define X(name, set1, set2) {set1, set2},
#include "others.def"
#undef X
};

enum { CHARACTERS = sizeof characters / sizeof *characters, OTHERS = sizeof others / sizeof *others };

/* What keys write that are the same in all layouts: between ESC [ and the end of the text. */
struct sequence {
    uint8_t key;
    char text[4];
};

static const struct sequence sequences[] = {
    {KEY_F1, "[A"},      {KEY_F2, "[B"},       {KEY_F3, "[C"},           {KEY_F4, "[D"},    {KEY_F5, "[E"},     {KEY_F6, "17~"},
    {KEY_F7, "18~"},     {KEY_F8, "19~"},      {KEY_F9, "20~"},          {KEY_F10, "21~"},  {KEY_F11, "23~"},   {KEY_F12, "24~"},
    {KEY_E0_HOME, "1~"}, {KEY_E0_INSERT, "2~"}, {KEY_E0_DELETE, "3~"},   {KEY_E0_END, "4~"}, {KEY_E0_PAGE_UP, "5~"}, {KEY_E0_PAGE_DOWN, "6~"},
    {KEY_E0_UP, "A"},    {KEY_E0_DOWN, "B"},   {KEY_E0_RIGHT, "C"},      {KEY_E0_LEFT, "D"}, {KEY_PAD_5, "G"},
};

/* The keypad: its character with Num Lock, the key that it is without. */
struct pad {
    uint8_t key;
    char character;
    uint8_t without;
};

static const struct pad pads[] = {
    {KEY_PAD_0, '0', KEY_E0_INSERT}, {KEY_PAD_1, '1', KEY_E0_END},     {KEY_PAD_2, '2', KEY_E0_DOWN},  {KEY_PAD_3, '3', KEY_E0_PAGE_DOWN},
    {KEY_PAD_4, '4', KEY_E0_LEFT},   {KEY_PAD_5, '5', KEY_PAD_5},      {KEY_PAD_6, '6', KEY_E0_RIGHT}, {KEY_PAD_7, '7', KEY_E0_HOME},
    {KEY_PAD_8, '8', KEY_E0_UP},     {KEY_PAD_9, '9', KEY_E0_PAGE_UP}, {KEY_PAD_POINT, '.', KEY_E0_DELETE},
    {KEY_PAD_PLUS, '+', 0},          {KEY_PAD_MINUS, '-', 0},          {KEY_PAD_MULTIPLY, '*', 0},     {KEY_E0_PAD_DIVIDE, '/', 0},
};

void keyboard_open(struct keyboard *k, enum keyboard_set set, enum keyboard_layout layout)
{
    memset(k, 0, sizeof *k);
    k->set = set;
    k->layout = layout;
}

static bool is_held(const struct keyboard *k, unsigned key)
{
    return k->held[key / 8] >> key % 8 & 1;
}

static bool is_shift(const struct keyboard *k)
{
    return is_held(k, KEY_LEFT_SHIFT) || is_held(k, KEY_RIGHT_SHIFT);
}

static bool is_control(const struct keyboard *k)
{
    return is_held(k, KEY_LEFT_CONTROL) || is_held(k, KEY_E0_RIGHT_CONTROL);
}

static bool is_alt(const struct keyboard *k)
{
    return is_held(k, KEY_LEFT_ALT) || is_held(k, KEY_E0_RIGHT_ALT);
}

static void all_released(struct keyboard *k)
{
    memset(k->held, 0, sizeof k->held);
    k->is_extended = k->is_release = false;
    k->skip = 0;
}

/* The key of a code of set 2; KEY_NONE when there is none. */
static uint8_t key_of_set_2(uint8_t code, bool is_extended)
{
    for (unsigned i = 0; i < OTHERS; i++) {
        if (others[i].set2 == code && (others[i].set1 & BIT_7) == (is_extended ? BIT_7 : 0)) {
            return others[i].set1;
        }
    }
    for (unsigned i = 0; i < CHARACTERS && !is_extended; i++) {
        if (characters[i].set2 == code) {
            return characters[i].set1;
        }
    }
    return KEY_NONE;
}

static uint8_t set_2_of_key(uint8_t key)
{
    for (unsigned i = 0; i < OTHERS; i++) {
        if (others[i].set1 == key) {
            return others[i].set2;
        }
    }
    for (unsigned i = 0; i < CHARACTERS; i++) {
        if (characters[i].set1 == key) {
            return characters[i].set2;
        }
    }
    return 0;
}

unsigned keyboard_set_2(const uint8_t *codes, unsigned count, uint8_t bytes[KEYBOARD_BYTES])
{
    unsigned at = 0;
    uint8_t last = codes[count - 1], prefix = count > 1 ? codes[0] : 0;
    uint8_t code = set_2_of_key((uint8_t)((last & ~BIT_7) | (prefix == PREFIX ? BIT_7 : 0)));
    if (!code) {
        return 0;
    }
    if (prefix) {
        bytes[at++] = prefix;
    }
    if (last & BIT_7) {
        bytes[at++] = RELEASE_2;
    }
    bytes[at++] = code;
    return at;
}

static void byte_add(struct keyboard_event *event, uint8_t byte)
{
    event->action = KEYBOARD_WRITE;
    event->bytes[event->count++] = byte;
}

/* Control and a character, as Linux's console has it; what has no control character stays itself. */
static uint8_t controlled(char character)
{
    static const uint8_t digits[] = {0x00, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f, DEL}; /* 2..8 */
    if (character >= '2' && character <= '8') {
        return digits[character - '2'];
    }
    if ((character >= '@' && character <= '_') || (character >= 'a' && character <= 'z')) {
        return (uint8_t)character & CONTROL_MASK;
    }
    return character == ' ' || character == '`' ? 0 : character == '/' ? CONTROL_MASK : character == '?' ? DEL : (uint8_t)character;
}

static void character_write(const struct keyboard *k, char character, struct keyboard_event *event)
{
    if (is_alt(k)) {
        byte_add(event, ESC);
    }
    byte_add(event, is_control(k) ? controlled(character) : (uint8_t)character);
}

/* ESC [ text; cursor keys in application mode: ESC O text. */
static bool sequence_write(unsigned key, unsigned modes, struct keyboard_event *event)
{
    for (unsigned i = 0; i < sizeof sequences / sizeof *sequences; i++) {
        if (sequences[i].key == key) {
            const char *text = sequences[i].text;
            bool is_cursor = text[0] >= 'A' && text[0] <= 'D';
            byte_add(event, ESC);
            byte_add(event, is_cursor && (modes & KEYBOARD_CURSOR_APPLICATION) ? 'O' : '[');
            for (unsigned at = 0; at < sizeof sequences[i].text && text[at]; at++) {
                byte_add(event, (uint8_t)text[at]);
            }
            return true;
        }
    }
    return false;
}

static bool lock_toggle(struct keyboard *k, unsigned key, bool was_held, struct keyboard_event *event)
{
    uint8_t led = key == KEY_CAPS_LOCK ? KEYBOARD_LED_CAPS : key == KEY_NUM_LOCK ? KEYBOARD_LED_NUM : key == KEY_SCROLL_LOCK ? KEYBOARD_LED_SCROLL : 0;
    if (led && !was_held) {
        k->leds ^= led;
        event->action = KEYBOARD_LEDS;
    }
    return led != 0;
}

/* Keys for the console itself. */
static bool is_command(const struct keyboard *k, unsigned key, struct keyboard_event *event)
{
    if (is_alt(k) && key >= KEY_F1 && key <= KEY_F10) {
        *event = (struct keyboard_event){.action = KEYBOARD_SHOW, .number = key - KEY_F1};
    } else if (is_alt(k) && (key == KEY_F11 || key == KEY_F12)) {
        *event = (struct keyboard_event){.action = KEYBOARD_SHOW, .number = key - KEY_F11 + 10};
    } else if (is_alt(k) && (key == KEY_E0_LEFT || key == KEY_E0_RIGHT)) {
        event->action = key == KEY_E0_LEFT ? KEYBOARD_PREVIOUS : KEYBOARD_NEXT;
    } else if (is_shift(k) && (key == KEY_E0_PAGE_UP || key == KEY_E0_PAGE_DOWN)) {
        event->action = key == KEY_E0_PAGE_UP ? KEYBOARD_UP : KEYBOARD_DOWN;
    } else {
        return false;
    }
    return true;
}

static bool single_write(const struct keyboard *k, unsigned key, unsigned modes, struct keyboard_event *event)
{
    switch (key) {
    case KEY_ESCAPE: character_write(k, ESC, event); break;
    case KEY_BACKSPACE: character_write(k, DEL, event); break;
    case KEY_TAB:
        if (is_shift(k)) {
            byte_add(event, ESC);
            byte_add(event, '[');
            byte_add(event, 'Z');
        } else {
            character_write(k, '\t', event);
        }
        break;
    case KEY_ENTER:
    case KEY_E0_PAD_ENTER:
        character_write(k, '\r', event);
        if (modes & KEYBOARD_NEWLINE) {
            byte_add(event, '\n');
        }
        break;
    default: return false;
    }
    return true;
}

/* A key of the keypad: writes its character, or becomes the key that it is without Num Lock. */
static unsigned pad_write(const struct keyboard *k, unsigned key, struct keyboard_event *event)
{
    for (unsigned i = 0; i < sizeof pads / sizeof *pads; i++) {
        if (pads[i].key == key) {
            if (pads[i].without && !(k->leds & KEYBOARD_LED_NUM)) {
                return pads[i].without;
            }
            character_write(k, pads[i].character, event);
            return KEY_NONE;
        }
    }
    return key;
}

static void layout_write(const struct keyboard *k, unsigned key, struct keyboard_event *event)
{
    for (unsigned i = 0; i < CHARACTERS; i++) {
        if (characters[i].set1 == key) {
            char plain = characters[i].shown[k->layout][0];
            bool is_caps = (k->leds & KEYBOARD_LED_CAPS) && plain >= 'a' && plain <= 'z';
            char shown = characters[i].shown[k->layout][is_shift(k) != is_caps];
            if (shown) {
                character_write(k, shown, event);
            }
        }
    }
}

static struct keyboard_event key_event(struct keyboard *k, unsigned key, bool is_release, unsigned modes)
{
    struct keyboard_event event = {.action = KEYBOARD_NOTHING};
    bool was_held = is_held(k, key);
    uint8_t bit = (uint8_t)(1u << key % 8);
    k->held[key / 8] = (uint8_t)(is_release ? k->held[key / 8] & ~bit : k->held[key / 8] | bit);
    if (is_release || key == KEY_NONE || lock_toggle(k, key, was_held, &event)) {
        return event;
    }
    key = pad_write(k, key, &event);
    if (!is_command(k, key, &event) && !single_write(k, key, modes, &event) && !sequence_write(key, modes, &event)) {
        layout_write(k, key, &event);
    }
    return event;
}

struct keyboard_event keyboard_take(struct keyboard *k, uint8_t byte, unsigned modes)
{
    struct keyboard_event nothing = {.action = KEYBOARD_NOTHING};
    bool is_set_2 = k->set == KEYBOARD_SET_2;
    if (is_set_2 ? byte == LOST_2 || byte == LOST_1 || byte == TEST_PASSED_2 : byte == LOST_2 || byte == LOST_1) {
        all_released(k);
    } else if (byte == PREFIX) {
        k->is_extended = true;
    } else if (byte == PAUSE) {
        k->skip = PAUSE_CODES;
    } else if (is_set_2 && byte == RELEASE_2) {
        k->is_release = true;
    } else {
        bool is_extended = k->is_extended, is_release = is_set_2 ? k->is_release : byte >= BIT_7;
        k->is_extended = k->is_release = false;
        if (k->skip) {
            k->skip--;
            return nothing;
        }
        uint8_t key = is_set_2 ? key_of_set_2(byte, is_extended) : (uint8_t)((byte & ~BIT_7) | (is_extended ? BIT_7 : 0));
        return key_event(k, key, is_release, modes);
    }
    return nothing;
}
