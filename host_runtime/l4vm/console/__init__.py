# SPDX-License-Identifier: MIT
"""Talking to channels: scripts, labelled output, keys, log files."""
