# SPDX-License-Identifier: MIT
"""`python -m l4vm` is the `l4vm` command.

A verb is often over in a fraction of a second, so the process neither looks for garbage among the modules that it
imports nor frees them one by one at its end: the system takes them all at once. Its threads are daemons. Nor is
`inspect` loaded before somebody uses it: `dataclasses` imports it for classes without a docstring, and it is large.
"""

import atexit
import gc
import importlib.util
import os
import sys


def _import_at_first_use(name: str) -> None:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.loader is None:
        return
    spec.loader = importlib.util.LazyLoader(spec.loader)
    sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules[name])


gc.set_threshold(50_000)
_import_at_first_use("inspect")

from l4vm.cli import main  # noqa: E402

try:
    main()
except SystemExit as end:
    if not isinstance(end.code, int):
        raise
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(end.code)
