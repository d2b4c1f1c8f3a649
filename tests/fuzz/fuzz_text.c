/* Any bytes as a text: it is read from its first byte to its last, never beyond, and what is taken for a character is
 * UTF-8 as jansson has it; the value of a rule holds nothing that does not print. */
#include <assert.h>
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "policy/rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_text(const char *s, bool *ret_prints)
{
    bool valid = true;
    *ret_prints = true;
    for (size_t len; *s != '\0'; s += len) {
        uint32_t code;
        len = text_next(s, &code);
        assert(len >= 1 && len <= 4 && strnlen(s, len) == len);
        assert(code != TEXT_INVALID || len == 1);
        valid &= code != TEXT_INVALID;
        *ret_prints &= !text_is_control(code);
    }
    return valid;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1); /* of its exact size, so that a byte beyond is found */
    struct policy policy;
    bool prints;
    memcpy(text, data, size);
    text[size] = '\0';
    bool valid = is_text(text, &prints);
    json_t *json = json_string(text);
    assert(valid == (json != NULL));
    json_decref(json);
    for (const struct rule *rule = policy_rules; rule->name != NULL; rule++) {
        char again[RULE_TEXT_SIZE];
        if (!rule_parse(rule, text, &policy))
            continue;
        assert(valid && prints);
        rule_format(rule, &policy, again);
        assert(rule->type == RULE_INT || strcmp(text, again) == 0);
    }
    free(text);
    return 0;
}
