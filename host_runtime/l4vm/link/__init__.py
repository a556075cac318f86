# SPDX-License-Identifier: MIT
"""The workstation's end of the serial link: frames, session, ports, management."""
