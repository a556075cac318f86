# SPDX-License-Identifier: MIT
"""`python -m l4vm` is the `l4vm` command.

A verb is often over in a fraction of a second, so the process neither looks for garbage among the modules that it
imports nor frees them one by one at its end: the system takes them all at once. Its threads are daemons.
"""

import atexit
import gc
import os
import sys

gc.set_threshold(50_000)

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
