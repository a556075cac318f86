/* SPDX-License-Identifier: MIT */
/*
 * What a task may say to root, by SEND or CALL on its capability "supervisor", whose badge is the task's index in the system table.
 * Faults of its threads arrive at the same endpoint from the kernel (K_FAULT_*), with the same badge.
 */
#ifndef DEVSRV_SUPERVISOR_H
#define DEVSRV_SUPERVISOR_H

enum ds_supervisor_label {
    DS_SUPERVISOR_LOG = 1,       /* SEND; words: text, 8 bytes a word, at most DS_LOG_BYTES; goes to the log channel with the task's name before it */
    DS_SUPERVISOR_EXIT = 2,      /* CALL; MR0: exit code (0: as planned). Never answered: the image's restart policy decides */
    DS_SUPERVISOR_HEARTBEAT = 3, /* SEND; "I could run" */
};

enum { DS_LOG_BYTES = 256 };

/** Send one line to the log; cut at DS_LOG_BYTES. Waits until root takes it. */
void ds_log(const char *text);
/** End this task with a code, as a return from main does. */
_Noreturn void ds_exit(int code);

#endif
