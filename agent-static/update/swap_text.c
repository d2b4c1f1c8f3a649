#include "update/swap_text.h"

#include <stdio.h>
#include <string.h>

#include "common/cursor.h"

static const char title[] = "muster-trial 1";
static const char *const phases[] = {
    [SWAP_NONE] = "",           [SWAP_TRIAL] = "trial",         [SWAP_RESTORED] = "restored",
    [SWAP_WAITING] = "waiting", [SWAP_COMMITTED] = "committed", [SWAP_REJECTED] = "rejected",
};
enum { PHASES = sizeof phases / sizeof phases[0], TRIAL_S_MAX = 24 * 60 * 60, COUNT_MAX = 1000000 };

/* --- what a value may be --- */

static bool all_of(struct span s, const char *allowed)
{
    for (size_t i = 0; i < s.len; i++)
        if (s.ptr[i] == '\0' || strchr(allowed, s.ptr[i]) == NULL)
            return false;
    return s.len > 0;
}

/* A version becomes a file's name. */
static bool is_version(struct span s)
{
    return all_of(s, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz.+-_~") && s.ptr[0] != '.';
}

static bool is_epoch(struct span s)
{
    return s.len == EVENTLOG_EPOCH_SIZE - 1 && all_of(s, "0123456789abcdef");
}

static bool is_boot(struct span s)
{
    return all_of(s, "0123456789abcdefghijklmnopqrstuvwxyz-");
}

static bool is_path(struct span s)
{
    return s.len > 0 && s.ptr[0] == '/';
}

static bool is_text(struct span s)
{
    return s.len > 0;
}

static bool is_phase(struct span s, enum swap_phase *ret)
{
    for (size_t i = SWAP_TRIAL; i < PHASES; i++) {
        if (span_equal(s, phases[i])) {
            *ret = (enum swap_phase)i;
            return true;
        }
    }
    return false;
}

/* --- reading --- */

enum field {
    FIELD_PHASE = 1 << 0,
    FIELD_VERSION = 1 << 1,
    FIELD_PREVIOUS = 1 << 2,
    FIELD_TRIAL_S = 1 << 3,
    FIELD_STARTS = 1 << 4,
    FIELD_ROUND = 1 << 5,
    FIELD_EPOCH = 1 << 6,
    FIELD_SEQ = 1 << 7,
    FIELD_REPLAYED = 1 << 8,
    FIELD_BOOT = 1 << 9,
    FIELD_EVIDENCE = 1 << 10,
    FIELDS_NEEDED = (1 << 11) - 1,
    FIELD_REASON = 1 << 11,
};

static bool take_text(struct span s, bool (*fits)(struct span), char *ret, size_t size)
{
    if (!fits(s) || s.len >= size)
        return false;
    memcpy(ret, s.ptr, s.len);
    ret[s.len] = '\0';
    return true;
}

static bool take_number(struct span s, uint64_t min, uint64_t max, uint64_t *ret)
{
    struct cursor c;
    uint64_t n;
    cursor_init(&c, s);
    if (!cursor_uint(&c, max, &n) || !cursor_done(&c) || n < min)
        return false;
    *ret = n;
    return true;
}

static bool take_count(struct span s, uint64_t min, uint64_t max, uint32_t *ret)
{
    uint64_t n;
    if (!take_number(s, min, max, &n))
        return false;
    *ret = (uint32_t)n;
    return true;
}

/* The fields of a line, or 0: its key is not known. *ret_good: its value fits. */
static unsigned take_field(struct swap_state *to, struct span key, struct span value, bool *ret_good)
{
    bool good = true;
    unsigned field = 0;
#define FIELD(name, bit, taken)                                                                                        \
    if (span_equal(key, name)) {                                                                                       \
        field = (bit);                                                                                                 \
        good = (taken);                                                                                                \
    }
    FIELD("phase", FIELD_PHASE, is_phase(value, &to->phase))
    FIELD("version", FIELD_VERSION, take_text(value, is_version, to->version, sizeof to->version))
    FIELD("previous", FIELD_PREVIOUS, take_text(value, is_version, to->previous, sizeof to->previous))
    FIELD("trial_s", FIELD_TRIAL_S, take_count(value, 1, TRIAL_S_MAX, &to->trial_s))
    FIELD("starts", FIELD_STARTS, take_count(value, 0, COUNT_MAX, &to->starts))
    FIELD("round", FIELD_ROUND, take_count(value, 1, COUNT_MAX, &to->round))
    FIELD("epoch", FIELD_EPOCH, take_text(value, is_epoch, to->log.epoch, sizeof to->log.epoch))
    FIELD("seq", FIELD_SEQ, take_number(value, 0, INT64_MAX, &to->log.seq))
    FIELD("replayed", FIELD_REPLAYED, take_number(value, 0, INT64_MAX, &to->log.replayed))
    FIELD("boot", FIELD_BOOT, take_text(value, is_boot, to->log.boot_id, sizeof to->log.boot_id))
    FIELD("reason", FIELD_REASON, take_text(value, is_text, to->reason, sizeof to->reason))
    FIELD("evidence", FIELD_EVIDENCE, take_text(value, is_path, to->evidence, sizeof to->evidence))
#undef FIELD
    *ret_good = good;
    return field;
}

static int take_line(struct swap_state *to, unsigned *seen, struct span line, struct err *err)
{
    struct cursor c;
    struct span key;
    bool good;
    cursor_init(&c, line);
    if (!cursor_until(&c, ' ', &key))
        return err_set(err, ERR_CORRUPT, "a line without a value");
    struct span value = {c.at, (size_t)(c.end - c.at)};
    unsigned field = take_field(to, key, value, &good);
    if (!good)
        return err_set(err, ERR_CORRUPT, "%.*s: not a value for it", (int)key.len, key.ptr);
    if ((*seen & field) != 0)
        return err_set(err, ERR_CORRUPT, "%.*s: there twice", (int)key.len, key.ptr);
    *seen |= field;
    return 0;
}

/* Text only, whole lines: bytes that are anything else tell that nobody of ours wrote them. */
static bool is_clean(const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f)
            return false;
    return len > 0 && text[len - 1] == '\n';
}

int swap_text_parse(const char *text, size_t len, struct swap_state *ret, struct err *err)
{
    struct swap_state state = {.phase = SWAP_NONE};
    struct cursor c;
    struct span line;
    unsigned seen = 0;
    if (len > SWAP_FILE_MAX || !is_clean(text, len))
        return err_set(err, ERR_CORRUPT, "not a trial's state");
    cursor_init(&c, (struct span){text, len});
    if (!cursor_line(&c, &line) || !span_equal(line, title))
        return err_set(err, ERR_CORRUPT, "not a trial's state of this format");
    while (cursor_line(&c, &line)) {
        int rc = take_line(&state, &seen, line, err);
        if (rc != 0)
            return rc;
    }
    if ((seen & FIELDS_NEEDED) != FIELDS_NEEDED)
        return err_set(err, ERR_CORRUPT, "something is missing");
    *ret = state;
    return 0;
}

/* --- writing --- */

int swap_text_format(const struct swap_state *s, char ret[SWAP_FILE_MAX], size_t *ret_len, struct err *err)
{
    char text[SWAP_FILE_MAX];
    struct swap_state back;
    bool reason = s->reason[0] != '\0';
    const char *phase = (size_t)s->phase < PHASES ? phases[s->phase] : "";
    int len = snprintf(text, sizeof text,
                       "%s\nphase %s\nversion %s\nprevious %s\ntrial_s %u\nstarts %u\nround %u\nepoch %s\nseq %llu\n"
                       "replayed %llu\nboot %s\n%s%s%sevidence %s\n",
                       title, phase, s->version, s->previous, s->trial_s, s->starts, s->round, s->log.epoch,
                       (unsigned long long)s->log.seq, (unsigned long long)s->log.replayed, s->log.boot_id,
                       reason ? "reason " : "", s->reason, reason ? "\n" : "", s->evidence);
    if (len < 0 || (size_t)len >= sizeof text || swap_text_parse(text, (size_t)len, &back, NULL) != 0)
        return err_set(err, ERR_INVALID, "a trial of %.40s after %.40s cannot be written down", s->version,
                       s->previous);
    memcpy(ret, text, (size_t)len);
    *ret_len = (size_t)len;
    return 0;
}
