/* SPDX-License-Identifier: MIT */
/* The frame of a server's program (devsrv/server.h). */
#include "devsrv/server.h"

#include "devsrv/args.h"
#include "devsrv/supervisor.h"
#include "devsrv/text.h"
#include "l4/l4.h"

_Noreturn void ds_server_fail(const char *sentence)
{
    ds_log(sentence);
    ds_exit(1);
}

uint32_t ds_server_cap(const char *name, const char *otherwise)
{
    const struct arg_entry *entry = ds_args_find(ARG_KIND_CAP, name);
    if (!entry) {
        ds_server_fail(otherwise);
    }
    return entry->slot;
}

void ds_server_open(struct ds_server *s)
{
    if (!ds_args_open()) {
        ds_exit(2); /* without arguments there is nobody to tell */
    }
    *s = (struct ds_server){.wake = ds_server_cap("wake", "the argument CAP wake is missing")};
}

bool ds_server_add(struct ds_server *s, uint32_t notification)
{
    if (s->clients == DS_SERVER_CLIENTS_MAX) {
        return false;
    }
    s->client[s->clients++] = notification;
    return true;
}

void ds_server_leave_out(const struct arg_entry *ring, const char *why)
{
    char line[DS_LOG_BYTES];
    struct ds_text t = ds_text_on(line, sizeof line);
    ds_text_name(&t, ring->name, sizeof ring->name);
    ds_text_char(&t, ' ');
    ds_text_put(&t, why);
    ds_log(line);
}

_Noreturn void ds_server_run(const struct ds_server *s, uint64_t word, ds_server_turn *turn, void *arg)
{
    for (uint64_t lost = UINT64_MAX;; lost = 0) {
        uint64_t signals = 0;
        bool is_more = turn(arg, word, &signals);
        for (unsigned i = 0; i < s->clients; i++) {
            if ((signals | lost) >> i & 1) {
                l4_signal(s->client[i], 1);
            }
        }
        word = 0;
        if (is_more) {
            l4_poll(s->wake, &word);
        } else if (l4_wait(s->wake, 0, &word) != K_OK) {
            ds_server_fail("the notification wake is gone");
        }
    }
}
