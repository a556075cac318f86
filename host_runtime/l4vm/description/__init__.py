# SPDX-License-Identifier: MIT
"""From two text files to a system table.

`load_description` reads a board file and an image file and checks them; `resolve` turns the pair, with the
programs and guests it names, into the flat system table and the blobs that the board gets.
"""

from l4vm.description.load import Description, load_description
from l4vm.description.resolve import GuestImage, Resolved, resolve

__all__ = ["Description", "GuestImage", "Resolved", "load_description", "resolve"]
