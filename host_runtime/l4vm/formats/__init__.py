# SPDX-License-Identifier: MIT
"""Layouts of bytes at rest and on wires, in construct; the C headers are made from them."""
