# SPDX-License-Identifier: MIT
"""Golden translations: small programs of each guest, their IR before and after the passes and host bytes, as text."""
