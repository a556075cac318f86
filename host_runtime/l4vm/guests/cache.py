# SPDX-License-Identifier: MIT
"""Where downloads, built guests and the built translator lie."""

from __future__ import annotations

import os
from pathlib import Path


def cache_root() -> Path:
    """Return the cache's folder: $L4VM_CACHE or ~/.cache/l4vm."""
    return Path(os.environ.get("L4VM_CACHE") or Path.home() / ".cache" / "l4vm")
