# SPDX-License-Identifier: MIT
"""L4VM on the workstation: build facts, formats, links, consoles, tests."""
