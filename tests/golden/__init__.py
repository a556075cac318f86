# SPDX-License-Identifier: MIT
"""Golden translations: small SPARC programs, their IR before and after the passes, and their host bytes, as text."""
