#include "policy/rules.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"

#define MEMBER(name) offsetof(struct policy, name)

/* clang-format off */
const struct rule policy_rules[] = {
    /* name, type, member, default, least and most, least when it is not 0, what 0 stands for, help */
    {"auth.mfa.enabled",           RULE_BOOL, MEMBER(mfa_enabled),         "true",   0, 1,       0,   RULE_ZERO,       "People may set up a second factor."},
    {"auth.mfa.required",          RULE_BOOL, MEMBER(mfa_required),        "false",  0, 1,       0,   RULE_ZERO,       "Nobody does anything else before they have set one up."},
    {"auth.mfa.issuer",            RULE_TEXT, MEMBER(mfa_issuer),          "Muster", 1, POLICY_ISSUER_MAX, 0, RULE_ZERO, "The name that authenticators show."},
    {"auth.mfa.backupCodesCount",  RULE_INT,  MEMBER(backup_codes),        "10",     5, 20,      0,   RULE_ZERO,       "Backup codes in a set."},
    {"auth.mfa.trustedDeviceDays", RULE_INT,  MEMBER(trusted_device_days), "30",     0, 365,     0,   RULE_ZERO,       "Days that a trusted browser skips the code at sign-in; 0: none is trusted."},
    {"logs.days",                  RULE_INT,  MEMBER(log_days),            "0",      0, 36500,   0,   RULE_LOG_DAYS,   "Days that agents' events are kept; 0: as MUSTER_LOG_RETENTION says."},
    {"logs.rows",                  RULE_INT,  MEMBER(log_rows),            "100000", 0, 100000000, 100, RULE_ZERO,     "The newest so many events of an agent are kept; 0: all."},
    {"audit.days",                 RULE_INT,  MEMBER(audit_days),          "0",      0, 36500,   30,  RULE_ZERO,       "Days that the audit trail is kept; 0: for ever."},
    {"agents.rate",                RULE_INT,  MEMBER(agent_rate),          "0",      0, 1000000, 10,  RULE_AGENT_RATE, "Requests a minute and agent; 0: as MUSTER_AGENT_RATE says."},
    {"agents.burst",               RULE_INT,  MEMBER(agent_burst),         "0",      0, 1000000, 10,  RULE_AGENT_BURST, "Requests at once per agent; 0: as MUSTER_AGENT_BURST says."},
    {.name = NULL},
};
/* clang-format on */

const struct rule *rule_find(const char *name)
{
    for (const struct rule *rule = policy_rules; rule->name != NULL; rule++)
        if (strcmp(rule->name, name) == 0)
            return rule;
    return NULL;
}

static bool parse_int(const char *text, const struct rule *rule, int64_t *ret)
{
    char *end;
    if (text[0] < '0' || text[0] > '9' || strlen(text) > 10)
        return false;
    long long value = strtoll(text, &end, 10);
    if (*end != '\0' || value < rule->min || value > rule->max || (value != 0 && value < rule->least))
        return false;
    *ret = value;
    return true;
}

/* Printable text: it stands in a URL and on people's screens. */
static bool parse_text(const char *text, int64_t min, int64_t max, char *ret)
{
    size_t len = strlen(text);
    if ((int64_t)len < min || (int64_t)len > max)
        return false;
    for (size_t i = 0, step; i < len; i += step) {
        uint32_t code;
        step = text_next(text + i, &code);
        if (text_is_control(code) || code == ':')
            return false;
    }
    memcpy(ret, text, len + 1);
    return true;
}

bool rule_parse(const struct rule *rule, const char *text, struct policy *ret)
{
    char *member = (char *)ret + rule->offset;
    int64_t number;
    bool flag;
    switch (rule->type) {
    case RULE_TEXT: return parse_text(text, rule->min, rule->max, member);
    case RULE_INT:
        if (!parse_int(text, rule, &number))
            return false;
        memcpy(member, &number, sizeof number);
        return true;
    case RULE_BOOL:
        if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
            return false;
        flag = text[0] == 't';
        memcpy(member, &flag, sizeof flag);
        return true;
    }
    return false;
}

void rule_format(const struct rule *rule, const struct policy *policy, char ret[RULE_TEXT_SIZE])
{
    const char *member = (const char *)policy + rule->offset;
    int64_t number;
    bool flag;
    switch (rule->type) {
    case RULE_TEXT: (void)snprintf(ret, RULE_TEXT_SIZE, "%s", member); break;
    case RULE_INT:
        memcpy(&number, member, sizeof number);
        (void)snprintf(ret, RULE_TEXT_SIZE, "%" PRId64, number);
        break;
    case RULE_BOOL:
        memcpy(&flag, member, sizeof flag);
        (void)snprintf(ret, RULE_TEXT_SIZE, "%s", flag ? "true" : "false");
        break;
    }
}

const char *rules_conflict(const struct policy *policy)
{
    return policy->mfa_required && !policy->mfa_enabled
               ? "auth.mfa.required needs auth.mfa.enabled: nobody could set up what everybody has to have"
               : NULL;
}

void policy_defaults(struct policy *ret)
{
    memset(ret, 0, sizeof *ret);
    for (const struct rule *rule = policy_rules; rule->name != NULL; rule++)
        (void)rule_parse(rule, rule->fallback, ret); /* a test goes through them */
}
