#include "rules.h"

#include <string.h>

int64_t rules_restart_wait(int64_t *wait_ms, int64_t lived_ms)
{
    if (lived_ms >= RULES_STABLE_MS || *wait_ms == 0)
        *wait_ms = RULES_FIRST_WAIT_MS;
    else if (*wait_ms < RULES_LAST_WAIT_MS / 2)
        *wait_ms *= 2;
    else
        *wait_ms = RULES_LAST_WAIT_MS;
    return *wait_ms;
}

bool rules_is_silent(int64_t last_sign_ms, int64_t now_ms)
{
    return now_ms - last_sign_ms >= RULES_SILENCE_MS;
}

static bool parse_number(const char *s, uint64_t *ret)
{
    uint64_t n = 0;
    if (*s == '\0' || strlen(s) > 19)
        return false;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9')
            return false;
        n = n * 10 + (uint64_t)(*s - '0');
    }
    *ret = n;
    return true;
}

static enum rules_word meaning(const char *line, uint64_t *ret_number)
{
    static const char replayed[] = "replayed ";
    if (strcmp(line, "tick") == 0)
        return RULES_TICK;
    if (strcmp(line, "ack") == 0)
        return RULES_ACKNOWLEDGED;
    if (strncmp(line, replayed, sizeof replayed - 1) == 0 && parse_number(line + sizeof replayed - 1, ret_number))
        return RULES_REPLAYED;
    return RULES_UNKNOWN;
}

enum rules_word rules_read(struct rules_reader *r, char byte, uint64_t *ret_number)
{
    if (byte != '\n') {
        if (r->len == sizeof r->line - 1)
            r->too_long = true;
        else
            r->line[r->len++] = byte;
        return RULES_NONE;
    }
    r->line[r->len] = '\0';
    enum rules_word word = r->too_long ? RULES_UNKNOWN : meaning(r->line, ret_number);
    r->len = 0;
    r->too_long = false;
    return word;
}
