# SPDX-License-Identifier: MIT
"""`python -m l4vm` is the `l4vm` command."""

from l4vm.cli import main

main()
