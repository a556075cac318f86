# SPDX-License-Identifier: MIT
"""Packing: task programs, kernel and image joined into files that boot."""

from l4vm.pack.multiboot import boot_file, root_image

__all__ = ["boot_file", "root_image"]
