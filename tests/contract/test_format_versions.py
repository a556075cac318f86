# SPDX-License-Identifier: MIT
"""The bytes of a format's version never change: what one build packs, any tool of that version reads."""

from __future__ import annotations

import pytest

from tests.contract.format_samples import FOLDER, dump, samples


@pytest.mark.parametrize(("name", "data"), samples().items(), ids=samples())
def test_version_has_the_bytes_it_always_had(name: str, data: bytes) -> None:
    path = FOLDER / f"{name}.txt"
    assert path.is_file(), "a new version: run `python -m tests.contract.format_samples` and look at what it wrote"
    assert dump(data) == path.read_text(encoding="ascii"), "the layout changed: raise the format's VERSION"
