# SPDX-License-Identifier: MIT
"""Pages of docs/guide that make an image: followed to the letter in a copy of the tree."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from l4vm.cli.run import tree_root


@pytest.mark.parametrize(("page", "image", "count"), [("real-time-tasks", "meter", 3), ("device-servers", "dice", 4)])
def test_page_is_true_when_it_is_followed(page: str, image: str, count: int, tmp_path: Path) -> None:
    root, tree = tree_root(), tmp_path / "tree"
    shutil.copytree(root, tree, ignore=shutil.ignore_patterns("build", ".git", ".*cache", "__pycache__"))
    text = (tree / f"docs/guide/{page}.md").read_text(encoding="utf-8")
    files = re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)```", text, re.S | re.M)
    lines = re.findall(r"^    (\./kit .*)$", text, re.M)
    assert len(files) == count and len(lines) == 1
    for name, content in files:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(content, encoding="utf-8")
    for line in lines:
        done = subprocess.run(shlex.split(line), cwd=tree, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    result = json.loads((tree / f"{image}.json").read_text())
    assert result["realtime"] and not any(task["misses"] for task in result["realtime"])
