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


@pytest.mark.parametrize("page", ["real-time-tasks"])
def test_page_is_true_when_it_is_followed(page: str, tmp_path: Path) -> None:
    root, tree = tree_root(), tmp_path / "tree"
    shutil.copytree(root, tree, ignore=shutil.ignore_patterns("build", ".git", ".*cache", "__pycache__"))
    text = (tree / f"docs/guide/{page}.md").read_text(encoding="utf-8")
    files = re.findall(r"^`(\S+)`:\n\n```\w+\n(.*?)```", text, re.S | re.M)
    lines = re.findall(r"^    (\./kit .*)$", text, re.M)
    assert len(files) == 3 and len(lines) == 1
    for name, content in files:
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(content, encoding="utf-8")
    for line in lines:
        done = subprocess.run(shlex.split(line), cwd=tree, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    result = json.loads((tree / "meter.json").read_text())
    assert [task["misses"] for task in result["realtime"]] == [0, 0]
