# SPDX-License-Identifier: MIT
"""Benchmarks: our own figures beside a peer's, from the same run on the same machine."""
