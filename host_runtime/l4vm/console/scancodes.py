# SPDX-License-Identifier: MIT
"""Text to what a PS/2 keyboard with an American layout sends for it: scan codes of set 2.

Each character is a key pressed and released, with Shift or Ctrl around it where it needs one.
Source: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard (101/102-key)", scan code set 2.
"""

from __future__ import annotations

from l4vm.errors import L4vmError

_RELEASE, _SHIFT, _CTRL = 0xF0, 0x12, 0x14
_ROWS = (
    ("`1234567890-=", '~!@#$%^&*()_+', "0E 16 1E 26 25 2E 36 3D 3E 46 45 4E 55"),
    ("qwertyuiop[]\\", "QWERTYUIOP{}|", "15 1D 24 2D 2C 35 3C 43 44 4D 54 5B 5D"),
    ("asdfghjkl;'", 'ASDFGHJKL:"', "1C 1B 23 2B 34 33 3B 42 4B 4C 52"),
    ("zxcvbnm,./", "ZXCVBNM<>?", "1A 22 21 2A 32 31 3A 41 49 4A"),
    (" \t\n\r\b\x7f\x1b", "", "29 0D 5A 5A 66 66 76"),
)


def _keys() -> dict[str, tuple[int, int]]:
    """Return for each character its key's code and the one held meanwhile, 0 for none."""
    keys: dict[str, tuple[int, int]] = {}
    for plain, shifted, codes in _ROWS:
        for held, characters in ((0, plain), (_SHIFT, shifted)):
            keys |= {c: (code, held) for c, code in zip(characters, bytes.fromhex(codes), strict=False)}
    for number in range(1, 27):
        keys.setdefault(chr(number), (keys[chr(ord("a") + number - 1)][0], _CTRL))
    return keys


_KEYS = _keys()


def scan_codes(text: bytes) -> bytes:
    """Return the codes that typing a text gives; control characters that have no key of their own are typed with Ctrl.

    Raises:
        L4vmError: a character is on no key of the layout.
    """
    out = bytearray()
    for byte in text:
        if chr(byte) not in _KEYS:
            hint = "a keyboard takes ASCII: letters, signs, \\n, \\t, \\b, \\e"
            raise L4vmError(f"no key writes the byte 0x{byte:02x}", hint)
        code, held = _KEYS[chr(byte)]
        pressed = bytes((held,)) if held else b""
        released = bytes((_RELEASE, held)) if held else b""
        out += pressed + bytes((code, _RELEASE, code)) + released
    return bytes(out)
