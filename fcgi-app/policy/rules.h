/* rules.h: the table of rules, for policy.c and the routes that change them. Private to policy/. */
#ifndef MUSTER_POLICY_RULES_H
#define MUSTER_POLICY_RULES_H

#include "policy/policy.h"

enum rule_type { RULE_BOOL, RULE_INT, RULE_TEXT };

struct rule {
    const char *name;
    enum rule_type type;
    size_t offset; /* of the member of struct policy: bool, int64_t, char[POLICY_ISSUER_MAX + 1] */
    const char *fallback;
    int64_t min, max; /* of a number; of a text: bytes */
    int64_t least;    /* of a number that is not 0, where 0 stands for something else */
    enum rule_zero {
        RULE_ZERO, /* what help says */
        RULE_LOG_DAYS,
        RULE_AGENT_RATE,
        RULE_AGENT_BURST,
    } zero;           /* the setting that 0 stands for */
    const char *help; /* one sentence for the page */
};
extern const struct rule policy_rules[]; /* ended by an entry without a name */

/* Sets the member from text. False when the text is not of the type or out of bounds; ret is untouched then. */
bool rule_parse(const struct rule *rule, const char *text, struct policy *ret);

/* NULL: there is no such rule. */
const struct rule *rule_find(const char *name);

/* The member as a text that rule_parse takes. */
enum { RULE_TEXT_SIZE = POLICY_ISSUER_MAX + 1 };
void rule_format(const struct rule *rule, const struct policy *policy, char ret[RULE_TEXT_SIZE]);

/* Why these rules cannot be in force together; NULL: they can. */
const char *rules_conflict(const struct policy *policy);

/* Every rule as its default says. */
void policy_defaults(struct policy *ret);

#endif
