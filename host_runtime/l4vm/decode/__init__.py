# SPDX-License-Identifier: MIT
"""Instruction sets as tables: read `insn.decode`, check it, write C, draw random instructions.

`table` reads and checks, `emit` writes the C header, `sample` draws words for the fuzzer.
`python -m l4vm.decode TABLE HEADER` is the build step.
"""
