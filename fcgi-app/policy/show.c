#include "policy/show.h"

#include <stdlib.h>
#include <string.h>

json_t *rule_value_json(const struct rule *rule, const char *text)
{
    switch (rule->type) {
    case RULE_BOOL: return json_boolean(strcmp(text, "true") == 0);
    case RULE_INT: return json_integer(strtoll(text, NULL, 10));
    case RULE_TEXT: break;
    }
    return json_string(text);
}

static json_t *inherited_json(const struct settings *settings, const struct rule *rule)
{
    switch (rule->zero) {
    case RULE_LOG_DAYS: return json_integer(settings->log_retention_days);
    case RULE_AGENT_RATE: return json_integer(settings->rate_per_minute);
    case RULE_AGENT_BURST: return json_integer(settings->rate_burst);
    case RULE_ZERO: break;
    }
    return json_null();
}

static json_t *bound_json(const struct rule *rule, int64_t bound)
{
    return rule->type == RULE_BOOL ? json_null() : json_integer(bound);
}

static json_t *rule_json(const struct settings *settings, const struct rule *rule, const struct policy *rules)
{
    static const char *const types[] = {[RULE_BOOL] = "boolean", [RULE_INT] = "integer", [RULE_TEXT] = "text"};
    char text[RULE_TEXT_SIZE];
    rule_format(rule, rules, text);
    return json_pack("{s:s,s:s,s:o,s:o,s:o,s:o,s:I,s:o,s:s}", "name", rule->name, "type", types[rule->type], "value",
                     rule_value_json(rule, text), "default", rule_value_json(rule, rule->fallback), "min",
                     bound_json(rule, rule->min), "max", bound_json(rule, rule->max), "least", (json_int_t)rule->least,
                     "inherited", inherited_json(settings, rule), "help", rule->help);
}

json_t *policy_json(const struct settings *settings, const struct policy *rules)
{
    json_t *list = json_array();
    for (const struct rule *rule = policy_rules; rule->name != NULL; rule++)
        if (json_array_append_new(list, rule_json(settings, rule, rules)) != 0) {
            json_decref(list);
            return NULL;
        }
    return list;
}
