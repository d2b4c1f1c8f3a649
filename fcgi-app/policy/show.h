/* show.h: rules as people see them. Private to policy/. */
#ifndef MUSTER_POLICY_SHOW_H
#define MUSTER_POLICY_SHOW_H

#include <jansson.h>

#include "policy/rules.h"
#include "settings.h"

/* A value that rule_format or rule_parse knows, numbers and switches as what they are. */
json_t *rule_value_json(const struct rule *rule, const char *text);

/* [{name, type, value, default, min, max, least, inherited, help}]; inherited: the setting that is in force while the
 * value is 0. NULL: out of memory. */
json_t *policy_json(const struct settings *settings, const struct policy *rules);

#endif
