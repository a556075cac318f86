/* SPDX-License-Identifier: MIT */
/*
 * Words to root (devsrv/supervisor.h) over the capability "supervisor". The only file of the library that calls the kernel.
 * A task without that capability is mute; its end is then an endless wait that root sees as nothing at all.
 */
#include "devsrv/args.h"
#include "devsrv/supervisor.h"
#include "l4/l4.h"
#include "l4/string.h"

_Static_assert(DS_LOG_BYTES % 8 == 0 && DS_LOG_BYTES / 8 <= K_MR_MAX, "a line fits one message");

static uint32_t supervisor_slot(void)
{
    const struct arg_entry *entry = ds_args_find(ARG_KIND_CAP, "supervisor");
    return entry ? entry->slot : K_SLOT_NONE;
}

void ds_log(const char *text)
{
    uint64_t words[DS_LOG_BYTES / 8] = {0};
    unsigned count = 0;
    while (count < DS_LOG_BYTES && text[count]) {
        ((uint8_t *)words)[count] = (uint8_t)text[count];
        count++;
    }
    unsigned n = (count + 7) / 8;
    struct l4_msg msg = {.tag = K_TAG(DS_SUPERVISOR_LOG, n)};
    memcpy(msg.mr, words, sizeof msg.mr);
    if (n > K_MR_REGISTERS) {
        memcpy(&l4_utcb->mr[K_MR_REGISTERS], &words[K_MR_REGISTERS], (n - K_MR_REGISTERS) * sizeof words[0]);
    }
    l4_send(supervisor_slot(), &msg);
}

/* What main returned, also when it returned before it opened its arguments. */
_Noreturn void l4_main_ended(int code)
{
    ds_args_open();
    ds_exit(code);
}

_Noreturn void ds_exit(int code)
{
    struct l4_msg msg = {.tag = K_TAG(DS_SUPERVISOR_EXIT, 1), .mr = {(uint64_t)(uint32_t)code}};
    l4_call(supervisor_slot(), &msg);
    for (;;) { /* root never answers; without root there is nothing left to do */
        l4_sleep(UINT64_MAX);
    }
}
