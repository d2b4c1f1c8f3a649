#include "fleet/labels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsonread.h"

bool label_valid(const char *name, const json_t *value)
{
    return name[0] != '\0' && strlen(name) <= LABEL_NAME_MAX && json_is_string(value) &&
           json_string_length(value) <= LABEL_VALUE_MAX;
}

bool labels_valid(const json_t *labels)
{
    const char *name;
    json_t *value;
    bool ok = json_object_size(labels) <= LABELS_MAX;
    json_object_foreach(jsonread_iterable(labels), name, value)
    {
        ok = ok && label_valid(name, value);
    }
    return ok;
}

char *labels_text(const json_t *labels)
{
    return json_dumps(labels, JSON_COMPACT | JSON_SORT_KEYS);
}

/* A text as JSON writes it, in ASCII lower case, with LIKE's own characters taken literally. False: no room. */
static bool add_literal(const char *text, size_t len, char *ret, size_t size, size_t *at)
{
    json_t *string = json_stringn(text, len);
    char *json = string != NULL ? json_dumps(string, JSON_ENCODE_ANY) : NULL;
    bool ok = json != NULL;
    for (const char *p = json; ok && *p != '\0'; p++) {
        ok = *at + 3 < size;
        if (ok && strchr("%_\\", *p) != NULL)
            ret[(*at)++] = '\\';
        if (ok)
            ret[(*at)++] = *p >= 'A' && *p <= 'Z' ? (char)(*p + ('a' - 'A')) : *p;
    }
    free(json);
    json_decref(string);
    ret[*at] = '\0';
    return ok;
}

/* A quote inside a name or a value is written \" there, so neither of them can look like the beginning of a label. */
bool label_patterns(const char *label, struct label_patterns *ret)
{
    char middle[LABEL_PATTERN_SIZE - 8];
    size_t at = 0, name_len = strcspn(label, "=");
    *ret = (struct label_patterns){0};
    if (label[0] == '\0')
        return true;
    if (name_len == 0 || name_len > LABEL_NAME_MAX || strlen(label) > LABEL_NAME_MAX + LABEL_VALUE_MAX ||
        !add_literal(label, name_len, middle, sizeof middle - 4, &at))
        return false;
    middle[at++] = ':';
    middle[at] = '\0';
    if (label[name_len] == '=' &&
        !add_literal(label + name_len + 1, strlen(label + name_len + 1), middle, sizeof middle - 4, &at))
        return false;
    (void)snprintf(ret->first, sizeof ret->first, "{%s%%", middle);
    (void)snprintf(ret->next, sizeof ret->next, "%%,%s%%", middle);
    return true;
}
