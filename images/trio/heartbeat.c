/* SPDX-License-Identifier: MIT */
/* The task that must not be disturbed: the demo's. */
#include "../demo/heartbeat.c"
