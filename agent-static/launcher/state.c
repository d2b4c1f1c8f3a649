#include "state.h"

#include <stdio.h>
#include <string.h>

static const char title[] = "muster-trial 1\n";
static const char *const phases[] = {
    [STATE_NONE] = "",           [STATE_TRIAL] = "trial",         [STATE_RESTORED] = "restored",
    [STATE_WAITING] = "waiting", [STATE_COMMITTED] = "committed", [STATE_REJECTED] = "rejected",
};
static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
static const char name[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.+-_~";

enum { PHASES = sizeof phases / sizeof phases[0], TRIAL_S_MAX = 24 * 60 * 60, COUNT_MAX = 1000000 };

/* --- what a value may be --- */

static bool is_text(const char *s)
{
    return *s != '\0';
}

static bool is_path(const char *s)
{
    return *s == '/';
}

static bool is_epoch(const char *s)
{
    return strlen(s) == RULES_EPOCH_SIZE - 1 && strspn(s, "0123456789abcdef") == RULES_EPOCH_SIZE - 1;
}

static bool is_boot(const char *s)
{
    return *s != '\0' && s[strspn(s, lower)] == '\0';
}

/* Becomes a file's name: no slash, no dot in front. */
static bool is_version(const char *s)
{
    return *s != '\0' && *s != '.' && s[strspn(s, name)] == '\0';
}

/* --- the fields --- */

enum kind { KIND_PHASE, KIND_TEXT, KIND_COUNT, KIND_NUMBER };

struct field {
    const char *key;
    enum kind kind;
    bool optional;
    size_t offset;
    size_t size;                 /* of text */
    bool (*fits)(const char *s); /* of text */
    uint64_t min;                /* of numbers */
    uint64_t max;
};

#define TEXT(member, check, may_be_missing)                                                                            \
    {                                                                                                                  \
        .key = #member, .kind = KIND_TEXT, .optional = (may_be_missing), .offset = offsetof(struct state, member),     \
        .size = sizeof((struct state *)0)->member, .fits = (check)                                                     \
    }
#define NUMBER(member, how, least, most)                                                                               \
    {                                                                                                                  \
        .key = #member, .kind = (how), .offset = offsetof(struct state, member), .min = (least), .max = (most)         \
    }

static const struct field fields[] = {
    {.key = "phase", .kind = KIND_PHASE, .offset = offsetof(struct state, phase)},
    TEXT(version, is_version, false),
    TEXT(previous, is_version, false),
    NUMBER(trial_s, KIND_COUNT, 1, TRIAL_S_MAX),
    NUMBER(starts, KIND_COUNT, 0, COUNT_MAX),
    NUMBER(round, KIND_COUNT, 1, COUNT_MAX),
    {.key = "proven", .kind = KIND_COUNT, .optional = true, .offset = offsetof(struct state, proven), .max = 1},
    TEXT(epoch, is_epoch, false),
    NUMBER(seq, KIND_NUMBER, 0, INT64_MAX),
    NUMBER(replayed, KIND_NUMBER, 0, INT64_MAX),
    TEXT(boot, is_boot, false),
    TEXT(reason, is_text, true),
    /* Last, so that a file that was cut off misses it. */
    TEXT(evidence, is_path, false),
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

/* --- reading --- */

static bool take_phase(const char *value, enum state_phase *ret)
{
    for (size_t i = STATE_TRIAL; i < PHASES; i++) {
        if (strcmp(value, phases[i]) == 0) {
            *ret = (enum state_phase)i;
            return true;
        }
    }
    return false;
}

static bool take_number(const char *value, uint64_t min, uint64_t max, uint64_t *ret)
{
    uint64_t n = 0;
    size_t len = strlen(value);
    if (len == 0 || len > 19 || value[strspn(value, "0123456789")] != '\0' || (len > 1 && *value == '0'))
        return false;
    for (; *value != '\0'; value++)
        n = n * 10 + (uint64_t)(*value - '0');
    if (n < min || n > max)
        return false;
    *ret = n;
    return true;
}

static bool take_value(const struct field *f, const char *value, struct state *to)
{
    void *at = (char *)to + f->offset;
    uint64_t n = 0;
    switch (f->kind) {
    case KIND_PHASE: return take_phase(value, at);
    case KIND_TEXT:
        if (!f->fits(value) || strlen(value) >= f->size)
            return false;
        memcpy(at, value, strlen(value) + 1);
        return true;
    case KIND_COUNT:
        if (!take_number(value, f->min, f->max, &n))
            return false;
        *(uint32_t *)at = (uint32_t)n;
        return true;
    case KIND_NUMBER: return take_number(value, f->min, f->max, at);
    }
    return false;
}

/* "key value". A key that is there twice is no work of ours; one we do not know is of another version. */
static bool take_line(char *line, struct state *to, bool seen[FIELDS])
{
    char *space = strchr(line, ' ');
    if (space == NULL)
        return false;
    *space = '\0';
    for (size_t i = 0; i < FIELDS; i++) {
        if (strcmp(line, fields[i].key) != 0)
            continue;
        if (seen[i] || !take_value(&fields[i], space + 1, to))
            return false;
        seen[i] = true;
    }
    return true;
}

static bool is_clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f)
            return false;
    return len > 0 && text[len - 1] == '\n';
}

bool state_parse(const char *text, size_t len, struct state *ret)
{
    char copy[STATE_TEXT_MAX + 1];
    struct state s = {.phase = STATE_NONE};
    bool seen[FIELDS] = {false};
    size_t title_len = sizeof title - 1;
    if (len > STATE_TEXT_MAX || len < title_len || !is_clean(text, len) || memcmp(text, title, title_len) != 0)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    for (char *line = copy + title_len; *line != '\0';) {
        char *end = strchr(line, '\n'); /* is_clean has seen the last one */
        *end = '\0';
        if (!take_line(line, &s, seen))
            return false;
        line = end + 1;
    }
    for (size_t i = 0; i < FIELDS; i++)
        if (!seen[i] && !fields[i].optional)
            return false;
    *ret = s;
    return true;
}

/* --- writing --- */

static int print_field(const struct field *f, const struct state *s, char *to, size_t room)
{
    const void *at = (const char *)s + f->offset;
    switch (f->kind) {
    case KIND_PHASE: {
        enum state_phase phase = *(const enum state_phase *)at;
        return snprintf(to, room, "%s %s\n", f->key, (size_t)phase < PHASES ? phases[phase] : "");
    }
    case KIND_TEXT:
        if (f->optional && *(const char *)at == '\0')
            return 0;
        return snprintf(to, room, "%s %s\n", f->key, (const char *)at);
    case KIND_COUNT:
        if (f->optional && *(const uint32_t *)at == 0)
            return 0;
        return snprintf(to, room, "%s %u\n", f->key, *(const uint32_t *)at);
    case KIND_NUMBER: return snprintf(to, room, "%s %llu\n", f->key, (unsigned long long)*(const uint64_t *)at);
    }
    return -1;
}

size_t state_format(const struct state *s, char ret[STATE_TEXT_MAX])
{
    char text[STATE_TEXT_MAX];
    struct state back;
    size_t len = sizeof title - 1;
    memcpy(text, title, len);
    for (size_t i = 0; i < FIELDS; i++) {
        int n = print_field(&fields[i], s, text + len, sizeof text - len);
        if (n < 0 || (size_t)n >= sizeof text - len)
            return 0;
        len += (size_t)n;
    }
    if (!state_parse(text, len, &back))
        return 0;
    memcpy(ret, text, len);
    return len;
}
