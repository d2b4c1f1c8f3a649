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

int64_t rules_wait_after(int code, int64_t *wait_ms, int64_t lived_ms)
{
    if (code == RULES_EXIT_RESTART && lived_ms >= RULES_RESTART_GUARD_MS)
        return 0;
    return rules_restart_wait(wait_ms, lived_ms);
}

bool rules_is_silent(int64_t last_sign_ms, int64_t now_ms)
{
    return now_ms - last_sign_ms >= RULES_SILENCE_MS;
}

/* --- words --- */

/* Both move *at on only when they succeed. A number beyond INT64_MAX is none: A.trial could not hold it, and a state
 * that cannot be written down is forgotten with the next start of the launcher. */
static bool take_number(const char **at, uint64_t *ret)
{
    uint64_t n = 0;
    size_t digits = strspn(*at, "0123456789");
    if (digits == 0 || digits > 19)
        return false;
    for (size_t i = 0; i < digits; i++)
        n = n * 10 + (uint64_t)((*at)[i] - '0');
    if (n > INT64_MAX)
        return false;
    *at += digits;
    *ret = n;
    return true;
}

static bool take_epoch(const char **at, char ret[RULES_EPOCH_SIZE])
{
    if (strspn(*at, "0123456789abcdef") != RULES_EPOCH_SIZE - 1)
        return false;
    memcpy(ret, *at, RULES_EPOCH_SIZE - 1);
    ret[RULES_EPOCH_SIZE - 1] = '\0';
    *at += RULES_EPOCH_SIZE - 1;
    return true;
}

static bool take_space(const char **at)
{
    if (**at != ' ')
        return false;
    (*at)++;
    return true;
}

/* What stands behind "replayed ". */
static bool parse_replayed(const char *at, struct rules_replayed *ret)
{
    struct rules_replayed r = {.seq = 0};
    const char *start = at;
    if (take_number(&at, &r.seq) && *at == '\0') {
        *ret = r;
        return true;
    }
    at = start;
    if (!take_epoch(&at, r.epoch) || !take_space(&at) || !take_number(&at, &r.seq))
        return false;
    memcpy(r.current, r.epoch, sizeof r.current);
    if (*at != '\0' && (!take_space(&at) || !take_epoch(&at, r.current) || *at != '\0'))
        return false;
    *ret = r;
    return true;
}

static enum rules_word meaning(const char *line, struct rules_replayed *ret)
{
    static const char replayed[] = "replayed ";
    if (strcmp(line, "tick") == 0)
        return RULES_TICK;
    if (strcmp(line, "ack") == 0)
        return RULES_ACKNOWLEDGED;
    if (strncmp(line, replayed, sizeof replayed - 1) == 0 && parse_replayed(line + sizeof replayed - 1, ret))
        return RULES_REPLAYED;
    return RULES_UNKNOWN;
}

enum rules_word rules_read(struct rules_reader *r, char byte, struct rules_replayed *ret)
{
    if (byte != '\n') {
        if (r->len == sizeof r->line - 1)
            r->too_long = true;
        else
            r->line[r->len++] = byte;
        return RULES_NONE;
    }
    r->line[r->len] = '\0';
    enum rules_word word = r->too_long ? RULES_UNKNOWN : meaning(r->line, ret);
    r->len = 0;
    r->too_long = false;
    return word;
}
