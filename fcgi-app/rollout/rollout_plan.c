#include "rollout/rollout_plan.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cursor.h"

enum {
    SOAK_DEFAULT_S = 600,
    SOAK_MAX_S = 30 * 24 * 3600,
    COUNT_MAX = 1000000,
    MINUTES_OF_DAY = 24 * 60,
    ALL_DAYS = 0x7f,
};

static const char *const day_names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun", NULL};

void rollout_plan_default(struct rollout_plan *ret)
{
    *ret = (struct rollout_plan){
        .stages = {{.count = 5, .soak_s = SOAK_DEFAULT_S},
                   {.percent = 10, .soak_s = SOAK_DEFAULT_S},
                   {.percent = 50, .soak_s = SOAK_DEFAULT_S},
                   {.percent = 100}},
        .stage_count = 4,
        .max_in_flight = 50,
        .fail_percent = 10,
        .fail_count = ROLLOUT_NO_LIMIT,
        .error_factor = 5,
        .silence_s = 900,
    };
}

void rollout_plan_order(struct rollout_plan *ret)
{
    rollout_plan_default(ret);
    ret->stages[0] = (struct rollout_stage){.percent = 100};
    ret->stage_count = 1;
    ret->fail_percent = ret->error_factor = ROLLOUT_NO_LIMIT;
}

/* --- stages --- */

static void read_stage(struct jsonread *r, struct rollout_stage *ret)
{
    static const char *const advances[] = {"auto", "manual", NULL}, *const signals[] = {"manual", "automatic", NULL};
    bool counts = jsonread_has(r, "count");
    if (counts == jsonread_has(r, "percent"))
        jsonread_fail(r, counts ? "percent" : "count", "a stage has either count or percent");
    *ret = (struct rollout_stage){
        .count = (int)jsonread_int_or(r, "count", 1, COUNT_MAX, 0),
        .percent = (int)jsonread_int_or(r, "percent", 1, 100, 0),
        .soak_s = (int)jsonread_int_or(r, "soakS", 0, SOAK_MAX_S, SOAK_DEFAULT_S),
        .manual = jsonread_enum_or(r, "advance", advances, 0) == 1,
        .k8s_automatic = jsonread_enum_or(r, "k8s", signals, 0) == 1,
    };
}

const char *rollout_stages_wrong(const struct rollout_plan *plan)
{
    int count = 0, percent = 0;
    for (size_t i = 0; i < plan->stage_count; i++) {
        const struct rollout_stage *s = &plan->stages[i];
        if ((s->count > 0 && s->count < count) || (s->percent > 0 && s->percent < percent))
            return "a stage must not be smaller than the one before";
        count = s->count > 0 ? s->count : count;
        percent = s->percent > 0 ? s->percent : percent;
    }
    return NULL;
}

static void read_stages(struct jsonread *body, struct rollout_plan *plan)
{
    const json_t *list = NULL;
    if (!jsonread_has(body, "stages"))
        return;
    size_t count = jsonread_array(body, "stages", 1, ROLLOUT_STAGES_MAX, &list);
    for (size_t i = 0; i < count; i++) {
        struct jsonread item;
        jsonread_item(body, "stages", list, i, &item);
        read_stage(&item, &plan->stages[i]);
    }
    plan->stage_count = count;
    if (rollout_stages_wrong(plan) != NULL)
        jsonread_fail(body, "stages", "%s", rollout_stages_wrong(plan));
}

json_t *rollout_stages_json(const struct rollout_plan *plan)
{
    json_t *list = json_array();
    for (size_t i = 0; i < plan->stage_count; i++) {
        const struct rollout_stage *s = &plan->stages[i];
        if (json_array_append_new(list, json_pack("{s:i,s:i,s:s,s:s}", s->count > 0 ? "count" : "percent",
                                                  s->count > 0 ? s->count : s->percent, "soakS", s->soak_s, "advance",
                                                  s->manual ? "manual" : "auto", "k8s",
                                                  s->k8s_automatic ? "automatic" : "manual")) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

int rollout_stage_parse(const char *text, struct rollout_stage *ret, struct err *err)
{
    struct cursor c;
    uint64_t number = 0;
    cursor_init(&c, span_of(text));
    bool ok = cursor_uint(&c, COUNT_MAX, &number) && number > 0;
    bool percent = ok && cursor_char(&c, '%');
    if (!ok || !cursor_done(&c) || (percent && number > 100))
        return err_set(err, ERR_INVALID, "%.40s is no stage: give a number of agents (5) or a percentage (10%%)", text);
    ret->count = percent ? 0 : (int)number;
    ret->percent = percent ? (int)number : 0;
    return 0;
}

/* --- windows --- */

/* "HH:MM", and "24:00" for the end of a day. */
static bool take_minute(struct cursor *c, int max_min, int *ret)
{
    uint64_t digits[4] = {0};
    for (int i = 0; i < 4; i++) {
        if (i == 2 && !cursor_char(c, ':'))
            return false;
        if (c->at == c->end || *c->at < '0' || *c->at > '9')
            return false;
        digits[i] = (uint64_t)(*c->at++ - '0');
    }
    int minute = (int)(digits[0] * 10 + digits[1]) * 60 + (int)(digits[2] * 10 + digits[3]);
    if (digits[2] > 5 || minute > max_min)
        return false;
    *ret = minute;
    return true;
}

static int read_minute(struct jsonread *r, const char *key, int max_min)
{
    const char *text = jsonread_str(r, key, 5, 5);
    struct cursor c;
    int minute = 0;
    if (text == NULL)
        return 0;
    cursor_init(&c, span_of(text));
    if (!take_minute(&c, max_min, &minute) || !cursor_done(&c))
        jsonread_fail(r, key, "must be a time of the day such as 22:00");
    return minute;
}

static int day_index(const char *name, size_t len)
{
    for (int i = 0; day_names[i] != NULL; i++)
        if (strlen(day_names[i]) == len && strncmp(day_names[i], name, len) == 0)
            return i;
    return -1;
}

static void read_window(struct jsonread *r, struct rollout_window *ret)
{
    const json_t *days = NULL;
    unsigned bits = 0;
    size_t count = jsonread_array_or_none(r, "days", 7, &days);
    for (size_t i = 0; i < count; i++) {
        const char *name = jsonread_item_str(r, "days", days, i, 3, 3);
        int day = name != NULL ? day_index(name, strlen(name)) : 0;
        if (day < 0)
            jsonread_fail(r, "days", "must be days such as mon");
        else
            bits |= 1u << day;
    }
    ret->days = count == 0 ? ALL_DAYS : bits;
    ret->from_min = read_minute(r, "from", MINUTES_OF_DAY - 1);
    ret->to_min = read_minute(r, "to", MINUTES_OF_DAY);
    if (r->object != NULL && ret->from_min == ret->to_min)
        jsonread_fail(r, "to", "must differ from the beginning");
}

static void read_windows(struct jsonread *body, struct rollout_plan *plan)
{
    const json_t *list = NULL;
    if (!jsonread_has(body, "windows"))
        return;
    size_t count = jsonread_array_or_none(body, "windows", ROLLOUT_WINDOWS_MAX, &list);
    for (size_t i = 0; i < count; i++) {
        struct jsonread item;
        jsonread_item(body, "windows", list, i, &item);
        read_window(&item, &plan->windows[i]);
    }
    plan->window_count = count;
}

static json_t *days_json(unsigned days)
{
    json_t *list = json_array();
    for (int i = 0; day_names[i] != NULL; i++)
        if ((days & (1u << i)) != 0)
            (void)json_array_append_new(list, json_string(day_names[i]));
    return list;
}

json_t *rollout_windows_json(const struct rollout_plan *plan)
{
    json_t *list = json_array();
    for (size_t i = 0; i < plan->window_count; i++) {
        const struct rollout_window *w = &plan->windows[i];
        char from[16], to[16];
        (void)snprintf(from, sizeof from, "%02d:%02d", w->from_min / 60, w->from_min % 60);
        (void)snprintf(to, sizeof to, "%02d:%02d", w->to_min / 60, w->to_min % 60);
        if (json_array_append_new(
                list, json_pack("{s:o,s:s,s:s}", "days", days_json(w->days), "from", from, "to", to)) != 0) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

static bool take_day(struct cursor *c, int *ret)
{
    if (c->end - c->at < 3)
        return false;
    *ret = day_index(c->at, 3);
    if (*ret >= 0)
        c->at += 3;
    return *ret >= 0;
}

/* "mon", "mon-fri", "sat,sun" and a blank; without days, all. */
static bool take_days(struct cursor *c, unsigned *ret)
{
    int first = 0, last = 0;
    unsigned days = 0;
    if (!take_day(c, &first)) {
        *ret = ALL_DAYS;
        return true;
    }
    for (;;) {
        last = first;
        if (cursor_char(c, '-') && !take_day(c, &last))
            return false;
        for (int day = first;; day = (day + 1) % 7) {
            days |= 1u << day;
            if (day == last)
                break;
        }
        if (!cursor_char(c, ','))
            break;
        if (!take_day(c, &first))
            return false;
    }
    *ret = days;
    return cursor_char(c, ' ');
}

int rollout_window_parse(const char *text, struct rollout_window *ret, struct err *err)
{
    struct cursor c;
    struct rollout_window w = {0};
    cursor_init(&c, span_of(text));
    bool ok = take_days(&c, &w.days) && take_minute(&c, MINUTES_OF_DAY - 1, &w.from_min) && cursor_char(&c, '-') &&
              take_minute(&c, MINUTES_OF_DAY, &w.to_min) && cursor_done(&c) && w.from_min != w.to_min;
    if (!ok)
        return err_set(err, ERR_INVALID, "%.60s is no window: give \"22:00-04:00\" or \"mon-fri 22:00-04:00\" (UTC)",
                       text);
    *ret = w;
    return 0;
}

/* --- the rest --- */

static void read_pace(struct jsonread *body, struct rollout_plan *plan)
{
    struct jsonread r;
    if (!jsonread_has(body, "pace"))
        return;
    jsonread_object(body, "pace", &r);
    plan->max_in_flight = (int)jsonread_int_or(&r, "maxInFlight", 1, 100000, plan->max_in_flight);
    plan->max_per_minute = (int)jsonread_int_or(&r, "maxPerMinute", 0, COUNT_MAX, plan->max_per_minute);
}

/* A field that is null is no limit; one that is missing stays. */
static int read_limit(struct jsonread *r, const char *key, int min, int max, int now)
{
    if (r->object != NULL && json_is_null(json_object_get(r->object, key)))
        return ROLLOUT_NO_LIMIT;
    return (int)jsonread_int_or(r, key, min, max, now);
}

static void read_thresholds(struct jsonread *body, struct rollout_plan *plan)
{
    struct jsonread r;
    if (!jsonread_has(body, "thresholds"))
        return;
    jsonread_object(body, "thresholds", &r);
    plan->fail_percent = read_limit(&r, "failedPercent", 0, 100, plan->fail_percent);
    plan->fail_count = read_limit(&r, "failedCount", 0, COUNT_MAX, plan->fail_count);
    plan->error_factor = read_limit(&r, "errorFactor", 2, 1000, plan->error_factor);
}

void rollout_plan_read(struct jsonread *body, struct rollout_plan *plan)
{
    read_stages(body, plan);
    read_pace(body, plan);
    read_windows(body, plan);
    read_thresholds(body, plan);
    plan->silence_s = (int)jsonread_int_or(body, "silenceS", 10, INT64_C(7) * 24 * 3600, plan->silence_s);
}

int rollout_plan_load(const char *stages, const char *windows, struct rollout_plan *plan, struct err *err)
{
    struct jsonread_error wrong = {0};
    struct jsonread r;
    json_t *body = json_pack("{s:o,s:o}", "stages", json_loads(stages != NULL ? stages : "", 0, NULL), "windows",
                             json_loads(windows != NULL ? windows : "", 0, NULL));
    jsonread_init(&r, body, &wrong);
    read_stages(&r, plan);
    read_windows(&r, plan);
    json_decref(body);
    if (wrong.failed || plan->stage_count == 0)
        return err_set(err, ERR_CORRUPT, "a rollout's plan is damaged: %s %s", wrong.pointer, wrong.reason);
    return 0;
}
