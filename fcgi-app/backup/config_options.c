#include "backup/config_options.h"

#include <stdio.h>
#include <string.h>

#include "common/uuid.h"
#include "schedule/cron.h"
#include "schedule/schedule.h"
#include "schedule/zone.h"

enum {
    PATTERN_BYTES = 4096,
    EXCLUDES_MAX = 200,
    SKIP_TAGS_MAX = 20,
    TAG_BYTES = 255,
    RECIPIENTS_MAX = 20,
    RECIPIENT_LEN = 62, /* age1 and 58 letters of Bech32: age-encryption.org/v1 */
    HOOK_BYTES = 64,
    RETENTION_DAYS = 30,
    RETENTION_DAYS_MAX = 3650,
    KEEP_MAX = 10000,
    FULL_EVERY = 30,
    FULL_EVERY_MAX = 1000,
    EVERY_HOURS_MAX = 366 * 24,
    RUNTIME_MINUTES_MAX = 31 * 24 * 60,
    RATE_KBPS_MAX = 1 << 30,
    VERIFY_DAYS_MAX = 366,
};

static const int64_t file_size_max = INT64_C(1) << 60;
static const char *const types[] = {"full", "incremental", NULL};
static const char *const methods[] = {"zstd", "gzip", NULL};
static const char *const keeps[] = {"keepLast", "keepDaily", "keepWeekly", "keepMonthly", "keepYearly"};

/* --- lists of strings -----------------------------------------------------------------------------------------------
 */

typedef const char *string_check(const char *text); /* NULL, or what it must be */

static const char *check_pattern(const char *text)
{
    (void)text;
    return NULL;
}

static const char *check_tag(const char *text)
{
    bool dots = strcmp(text, ".") == 0 || strcmp(text, "..") == 0;
    return dots || strchr(text, '/') != NULL ? "must be the name of a file, without a path" : NULL;
}

/* That no letter was mistyped is for the agent to see, which must have the recipient in its own configuration. */
static const char *check_recipient(const char *text)
{
    bool fits = strlen(text) == RECIPIENT_LEN && strncmp(text, "age1", 4) == 0 &&
                strspn(text + 4, "qpzry9x8gf2tvdw0s3jn54khce6mua7l") == RECIPIENT_LEN - 4;
    return fits ? NULL : "must be an age recipient: age1 and 58 more letters and digits";
}

struct strings {
    const char *key;
    size_t count;
    size_t bytes;
    string_check *check;
};

static json_t *read_strings(struct jsonread *o, const struct strings *s)
{
    const json_t *list = NULL;
    size_t count = jsonread_array_or_none(o, s->key, s->count, &list);
    json_t *out = json_array();
    for (size_t i = 0; i < count; i++) {
        const char *text = jsonread_item_str(o, s->key, list, i, 1, s->bytes);
        const char *wrong = text != NULL ? s->check(text) : NULL;
        char key[40];
        (void)snprintf(key, sizeof key, "%s/%zu", s->key, i);
        if (wrong != NULL)
            jsonread_fail(o, key, "%s", wrong);
        else if (text != NULL)
            (void)json_array_append_new(out, json_string(text));
    }
    return out;
}

/* --- single ones ----------------------------------------------------------------------------------------------------
 */

static json_t *int_or_null(struct jsonread *o, const char *key, int64_t min, int64_t max)
{
    return jsonread_has(o, key) ? json_integer(jsonread_int(o, key, min, max)) : json_null();
}

static json_t *read_hook(struct jsonread *o, const char *key)
{
    const char *name = jsonread_str_or(o, key, 1, HOOK_BYTES, NULL);
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
    if (name == NULL)
        return json_null();
    if (strspn(name, letters) != strlen(name))
        jsonread_fail(o, key,
                      "must be a name from the host's own file of hooks: letters, digits, dot, dash, underscore");
    return json_string(name);
}

static json_t *read_agent(struct jsonread *o, const char *key)
{
    const char *id = jsonread_str_or(o, key, 1, UUID_SIZE, NULL);
    if (id != NULL && !uuid_valid(id))
        jsonread_fail(o, key, "must be an agent's id");
    return id != NULL ? json_string(id) : json_null();
}

/* null is not "as usual" here: the age of a backup shall be no reason to delete it. */
static json_t *read_retention_days(struct jsonread *o)
{
    if (o->object != NULL && json_is_null(json_object_get(o->object, "retentionDays")))
        return json_null();
    return json_integer(jsonread_int_or(o, "retentionDays", 1, RETENTION_DAYS_MAX, RETENTION_DAYS));
}

static json_t *read_retention(struct jsonread *o)
{
    struct jsonread r;
    json_t *out = json_object();
    jsonread_object_or_none(o, "retention", &r);
    for (size_t i = 0; i < sizeof keeps / sizeof keeps[0]; i++)
        (void)json_object_set_new(out, keeps[i], json_integer(jsonread_int_or(&r, keeps[i], 0, KEEP_MAX, 0)));
    return out;
}

/* --- when -----------------------------------------------------------------------------------------------------------
 */

static const char *read_zone(struct jsonread *r)
{
    struct err err = {0};
    struct zone *zone = NULL;
    const char *name = jsonread_str_or(r, "timeZone", 1, ZONE_NAME_MAX, "UTC");
    if (name != NULL && zone_open(name, &zone, &err) != 0)
        jsonread_fail(r, "timeZone", "%s", err.msg);
    zone_close(zone);
    return name;
}

static json_t *read_schedule(struct jsonread *o)
{
    struct jsonread s;
    struct err err = {0};
    struct cron cron;
    if (!jsonread_has(o, "schedule"))
        return json_null();
    jsonread_object_or_none(o, "schedule", &s);
    if (!jsonread_has(&s, "cron")) {
        if (!jsonread_has(&s, "everyHours"))
            jsonread_fail(o, "schedule", "must have cron and timeZone, or everyHours, or be null");
        return json_pack("{s:I}", "everyHours", (json_int_t)jsonread_int(&s, "everyHours", 1, EVERY_HOURS_MAX));
    }
    const char *line = jsonread_str(&s, "cron", 1, CRON_TEXT_MAX);
    const char *zone = read_zone(&s);
    if (jsonread_has(&s, "everyHours"))
        jsonread_fail(&s, "everyHours", "does not go together with cron");
    if (line != NULL && cron_parse(line, &cron, &err) != 0)
        jsonread_fail(&s, "cron", "%s", err.msg);
    return json_pack("{s:s?, s:s?}", "cron", line, "timeZone", zone);
}

static const char *read_clock(struct jsonread *w, const char *key)
{
    int minute = 0;
    const char *text = jsonread_str(w, key, 1, 5);
    if (text != NULL && !schedule_clock_parse(text, &minute))
        jsonread_fail(w, key, "must be a time of day such as 22:00");
    return text;
}

static json_t *read_window(struct jsonread *o)
{
    struct jsonread w;
    if (!jsonread_has(o, "window"))
        return json_null();
    jsonread_object_or_none(o, "window", &w);
    const char *from = read_clock(&w, "from");
    const char *to = read_clock(&w, "to");
    const char *zone = read_zone(&w);
    if (from != NULL && to != NULL && strcmp(from, to) == 0)
        jsonread_fail(&w, "to", "must differ from \"from\"; a window that is always open is null");
    return json_pack("{s:s?, s:s?, s:s?}", "from", from, "to", to, "timeZone", zone);
}

/* --- all of them ----------------------------------------------------------------------------------------------------
 */

static void set(json_t *out, const char *key, json_t *take)
{
    (void)json_object_set_new(out, key, take); /* a missing key is found at the end */
}

static void read_content(struct jsonread *o, json_t *out)
{
    static const int default_level[] = {3, 6};
    static const int max_level[] = {19, 9};
    static const struct strings excludes = {"excludes", EXCLUDES_MAX, PATTERN_BYTES, check_pattern};
    static const struct strings tags = {"skipTags", SKIP_TAGS_MAX, TAG_BYTES, check_tag};
    static const struct strings recipients = {"recipients", RECIPIENTS_MAX, RECIPIENT_LEN, check_recipient};
    int method = jsonread_enum_or(o, "method", methods, 0) == 1 ? 1 : 0;
    set(out, "type", json_string(types[jsonread_enum_or(o, "type", types, 0) == 1 ? 1 : 0]));
    set(out, "compression", json_boolean(jsonread_bool_or(o, "compression", true)));
    set(out, "method", json_string(methods[method]));
    set(out, "level", json_integer(jsonread_int_or(o, "level", 1, max_level[method], default_level[method])));
    set(out, "encryption", json_boolean(jsonread_bool_or(o, "encryption", false)));
    set(out, "recipients", read_strings(o, &recipients));
    set(out, "excludes", read_strings(o, &excludes));
    set(out, "oneFileSystem", json_boolean(jsonread_bool_or(o, "oneFileSystem", false)));
    set(out, "maxFileSize", int_or_null(o, "maxFileSize", 1, file_size_max));
    set(out, "skipTags", read_strings(o, &tags));
}

static void read_times(struct jsonread *o, json_t *out)
{
    set(out, "schedule", read_schedule(o));
    set(out, "window", read_window(o));
    set(out, "maxRuntimeMinutes", int_or_null(o, "maxRuntimeMinutes", 1, RUNTIME_MINUTES_MAX));
    set(out, "rateLimitKbps", json_integer(jsonread_int_or(o, "rateLimitKbps", 0, RATE_KBPS_MAX, 0)));
    set(out, "fullEvery", json_integer(jsonread_int_or(o, "fullEvery", 0, FULL_EVERY_MAX, FULL_EVERY)));
    set(out, "preHook", read_hook(o, "preHook"));
    set(out, "postHook", read_hook(o, "postHook"));
    set(out, "alertAfterHours", int_or_null(o, "alertAfterHours", 1, EVERY_HOURS_MAX));
}

static void read_keeping(struct jsonread *o, json_t *out)
{
    set(out, "verifyEveryDays", json_integer(jsonread_int_or(o, "verifyEveryDays", 0, VERIFY_DAYS_MAX, 0)));
    set(out, "verifyAgentId", read_agent(o, "verifyAgentId"));
    set(out, "retentionDays", read_retention_days(o));
    set(out, "retention", read_retention(o));
}

static json_t *read_all(struct jsonread *o)
{
    enum { KEYS = 22 };
    json_t *out = json_object();
    read_content(o, out);
    read_times(o, out);
    read_keeping(o, out);
    if (json_object_size(out) == KEYS)
        return out;
    json_decref(out);
    return NULL;
}

json_t *config_options_read(struct jsonread *config)
{
    struct jsonread o;
    jsonread_object_or_none(config, "options", &o);
    return read_all(&o);
}

json_t *config_options_complete(const char *stored)
{
    struct jsonread_error none = {0};
    struct jsonread nothing = {.error = &none};
    json_t *options = stored != NULL ? json_loads(stored, 0, NULL) : NULL;
    json_t *defaults = options != NULL ? read_all(&nothing) : NULL;
    if (defaults == NULL || json_object_update_missing(options, defaults) != 0) {
        json_decref(options);
        options = NULL;
    }
    json_decref(defaults);
    return options;
}
