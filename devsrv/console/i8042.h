/* SPDX-License-Identifier: MIT */
/*
 * The PC's keyboard controller and the keyboard behind it: no translation, so the keyboard's own set 2, unless the controller cannot let it be: then set 1. Nothing here waits for long; a
 * board without a keyboard has none.
 *
 * Source: IBM Personal System/2 Hardware Interface Technical Reference, keyboard and auxiliary device controller; keyboard.
 */
#ifndef CONSOLE_I8042_H
#define CONSOLE_I8042_H

#include <stdbool.h>
#include <stdint.h>

/** Set controller and keyboard up; false when the controller does not answer. is_translated: the controller makes set 1 of what the keyboard sends. */
bool i8042_open(bool *is_translated);
/** A byte from the keyboard; false when there is none. Answers to commands and bytes of a mouse are swallowed. */
bool i8042_read(uint8_t *byte);
/** Show the locks: enum keyboard_led. */
void i8042_leds(uint8_t leds);

#endif
