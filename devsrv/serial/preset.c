/* SPDX-License-Identifier: MIT */
/* The command line's words (preset.h): KEY=DECIMAL, separated by spaces. The last of a key counts. */
#include "preset.h"

/* Does the word begin with `key`? Then its value starts behind. */
static bool word_has_key(const char *word, size_t count, const char *key, size_t *behind)
{
    size_t n = 0;
    while (key[n] && n < count && word[n] == key[n]) {
        n++;
    }
    *behind = n;
    return key[n] == '\0';
}

/* A decimal of 1 .. 2^32 - 1, or 0 for anything else. */
static uint32_t decimal(const char *text, size_t count)
{
    uint64_t value = 0;
    for (size_t i = 0; i < count; i++) {
        if (text[i] < '0' || text[i] > '9' || value > UINT32_MAX) {
            return 0;
        }
        value = value * 10 + (uint64_t)(text[i] - '0');
    }
    return value <= UINT32_MAX ? (uint32_t)value : 0;
}

static void word_read(const char *word, size_t count, struct preset *preset)
{
    size_t behind = 0;
    if (word_has_key(word, count, "session=", &behind)) {
        preset->session = decimal(word + behind, count - behind);
    } else if (word_has_key(word, count, "window=", &behind)) {
        preset->window = decimal(word + behind, count - behind);
    }
}

bool preset_read(const char *line, size_t room, struct preset *preset)
{
    size_t at = 0;
    *preset = (struct preset){0};
    while (at < room && line[at]) {
        size_t start = at;
        while (at < room && line[at] && line[at] != ' ') {
            at++;
        }
        word_read(line + start, at - start, preset);
        at += at < room && line[at] == ' ';
    }
    return preset->session && preset->window;
}
