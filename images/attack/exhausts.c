/* SPDX-License-Identifier: MIT */
/*
 * Makes kernel objects until its account cannot pay for one more, gives them back, and begins again. Each thread's UTCB lies behind page tables of its own, so
 * that every object costs several pages. It says once how far it came, and what refused it.
 */
#include "devsrv/args.h"
#include "devsrv/supervisor.h"
#include "devsrv/text.h"
#include "l4/l4.h"

#include <stdbool.h>

enum { FIRST_SLOT = 16, END_SLOT = 64 }; /* of its capability table, behind what root gave it */
#define FAR_APART (1ull << 30)
#define FIRST_VA (1ull << 40)

static enum k_status fill(uint32_t *made)
{
    enum k_status status = K_OK;

    for (uint32_t slot = FIRST_SLOT; slot < END_SLOT && status == K_OK; slot++) {
        status = l4_thread_create(K_SLOT_SELF, slot, FIRST_VA + slot * FAR_APART);
        *made += status == K_OK;
    }
    return status;
}

static void say(uint32_t made, enum k_status status)
{
    static char line[80];
    struct ds_text t = ds_text_on(line, sizeof line);

    ds_text_put(&t, "made ");
    ds_text_dec(&t, made);
    ds_text_put(&t, " threads, then: ");
    ds_text_put(&t, l4_status_name(status));
    ds_log(line);
}

int main(void)
{
    if (!ds_args_open())
        return 1;
    for (bool told = false;; told = true) {
        uint32_t made = 0;
        enum k_status status = fill(&made);
        if (!told)
            say(made, status);
        for (uint32_t slot = FIRST_SLOT; slot < FIRST_SLOT + made; slot++)
            l4_cap_delete(K_SLOT_SELF, slot);
    }
}
