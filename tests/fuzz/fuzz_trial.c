/* Any bytes as A.trial. The launcher and the agent read it with code of their own: both refuse it, or both read the
 * same, and what either writes then is read by both. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "launcher/state.h"
#include "update/swap_text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void compare(const struct state *l, const struct swap_state *a)
{
    assert((int)l->phase == (int)a->phase && l->phase != STATE_NONE);
    assert(strcmp(l->version, a->version) == 0 && strcmp(l->previous, a->previous) == 0);
    assert(strchr(l->version, '/') == NULL && l->version[0] != '.' && l->version[0] != '\0');
    assert(l->trial_s == a->trial_s && l->starts == a->starts && l->round == a->round);
    assert(strcmp(l->epoch, a->log.epoch) == 0 && strcmp(l->boot, a->log.boot_id) == 0);
    assert(l->seq == a->log.seq && l->replayed == a->log.replayed);
    assert(strcmp(l->reason, a->reason) == 0 && strcmp(l->evidence, a->evidence) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct state l;
    struct swap_state a;
    struct err err = {0};
    char by_launcher[STATE_TEXT_MAX];
    char by_agent[SWAP_FILE_MAX];
    size_t len = 0;
    const char *text = size > 0 ? (const char *)data : "";
    bool taken = state_parse(text, size, &l);
    assert(taken == (swap_text_parse(text, size, &a, &err) == 0));
    if (!taken) {
        assert(err.code == ERR_CORRUPT);
        return 0;
    }
    compare(&l, &a);
    assert(state_format(&l, by_launcher) > 0);
    assert(swap_text_format(&a, by_agent, &len, &err) == 0);
    assert(state_format(&l, by_launcher) == len && memcmp(by_launcher, by_agent, len) == 0);
    return 0;
}
