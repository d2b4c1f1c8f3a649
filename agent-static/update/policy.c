#include "update/policy.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/err.h"
#include "common/version.h"

static struct policy_decision decide(enum policy_act act, int64_t until_ms, const char *fmt, ...) MUSTER_PRINTF(3, 4);

static struct policy_decision decide(enum policy_act act, int64_t until_ms, const char *fmt, ...)
{
    struct policy_decision d = {.act = act, .until_ms = until_ms};
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(d.reason, sizeof d.reason, fmt, args);
    va_end(args);
    return d;
}

static bool given(const char *s)
{
    return s != NULL && s[0] != '\0';
}

static struct policy_decision when(const struct policy_offer *offer, const struct policy_host *host)
{
    if (offer->force)
        return decide(POLICY_INSTALL, 0, "an operator wants it now");
    if (!offer->minimum && offer->not_before_ms > host->now_ms)
        return decide(POLICY_WAIT, offer->not_before_ms, "waiting for this host's turn to download");
    if (host->window_opens_ms > host->now_ms)
        return decide(POLICY_WAIT, host->window_opens_ms, "waiting for UPDATE_WINDOW");
    return decide(POLICY_INSTALL, 0, "%s", offer->minimum ? "the version that runs is too old" : "");
}

struct policy_decision policy_decide(const struct policy_offer *offer, const struct policy_host *host)
{
    const char *version = offer->version;
    if (!given(version))
        return decide(POLICY_NOTHING, 0, "%s", "");
    if (!version_valid(version))
        return decide(POLICY_SKIP, 0, "what is offered is no version");
    if (version_compare(version, host->own_version) == 0)
        return decide(POLICY_NOTHING, 0, "%s", "");
    if (host->mode == POLICY_MODE_OFF)
        return decide(POLICY_SKIP, 0, "%s", host->mode_reason);
    if (host->mode == POLICY_MODE_REPORT)
        return decide(POLICY_REPORT, 0, "%s", host->mode_reason);
    if (given(host->pin) && strcmp(host->pin, version) != 0)
        return decide(POLICY_SKIP, 0, "UPDATE_PIN holds this host at %.64s", host->pin);
    if (host->skip_reason != NULL)
        return decide(POLICY_SKIP, 0, "%.64s was given up here before: %.100s", version, host->skip_reason);
    if (version_compare(version, host->own_version) < 0 && !offer->downgrade)
        return decide(POLICY_SKIP, 0, "%.64s is older than %.64s, which runs", version, host->own_version);
    if (host->bucket >= host->percent)
        return decide(POLICY_SKIP, 0, "this host's UPDATE_ROLLOUT_PERCENT (%d) leaves it out", host->percent);
    return when(offer, host);
}
