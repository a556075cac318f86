# SPDX-License-Identifier: MIT
"""Golden translations: small programs of each guest, their IR before and after the passes, their host bytes, as text."""
