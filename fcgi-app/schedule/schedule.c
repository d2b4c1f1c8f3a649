#include "schedule/schedule.h"

#include <string.h>

#include "common/fnv1a.h"

enum { SPREAD_SHARE = 10, MINUTE_MS = 60 * 1000, DAY_MINUTES = 24 * 60 };

static const int64_t spread_max_ms = INT64_C(15) * MINUTE_MS;
static const int64_t hour_ms = INT64_C(60) * MINUTE_MS;

/* --- reading --------------------------------------------------------------------------------------------------------
 */

bool schedule_clock_parse(const char *text, int *ret_minute)
{
    static const char form[] = "00:00";
    if (strlen(text) != sizeof form - 1)
        return false;
    for (size_t i = 0; i < sizeof form - 1; i++)
        if (form[i] == ':' ? text[i] != ':' : text[i] < '0' || text[i] > '9')
            return false;
    int hour = (text[0] - '0') * 10 + text[1] - '0', minute = (text[3] - '0') * 10 + text[4] - '0';
    if (hour > 23 || minute > 59)
        return false;
    *ret_minute = hour * 60 + minute;
    return true;
}

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text != NULL ? text : "";
}

static int read_turns(struct schedule *s, const json_t *turns, struct err *err)
{
    const json_t *hours = json_object_get(turns, "everyHours");
    if (!json_is_object(turns))
        return 0;
    if (json_is_integer(hours) && json_integer_value(hours) > 0) {
        s->kind = SCHEDULE_EVERY;
        s->every_ms = (int64_t)json_integer_value(hours) * hour_ms;
        return 0;
    }
    int rc = cron_parse(text_of(turns, "cron"), &s->cron, err);
    if (rc == 0)
        rc = zone_open(text_of(turns, "timeZone"), &s->zone, err);
    if (rc == 0)
        s->kind = SCHEDULE_CRON;
    return rc;
}

static int read_window(struct schedule *s, const json_t *window, struct err *err)
{
    if (!json_is_object(window))
        return 0;
    if (!schedule_clock_parse(text_of(window, "from"), &s->from_minute) ||
        !schedule_clock_parse(text_of(window, "to"), &s->to_minute))
        return err_set(err, ERR_INVALID, "a window needs two times of day such as 22:00");
    s->has_window = true;
    return zone_open(text_of(window, "timeZone"), &s->window_zone, err);
}

int schedule_init(struct schedule *s, const json_t *options, const char *config_id, int64_t made_ms, struct err *err)
{
    *s = (struct schedule){.made_ms = made_ms, .share = fnv1a32(FNV1A32_START, config_id, strlen(config_id))};
    int rc = read_turns(s, json_object_get(options, "schedule"), err);
    return rc == 0 ? read_window(s, json_object_get(options, "window"), err) : rc;
}

void schedule_done(struct schedule *s)
{
    zone_close(s->zone);
    zone_close(s->window_zone);
    *s = (struct schedule){.kind = SCHEDULE_NONE};
}

/* --- the window -----------------------------------------------------------------------------------------------------
 */

bool schedule_open(const struct schedule *s, int64_t at_ms)
{
    if (!s->has_window)
        return true;
    int64_t at_s = at_ms / 1000;
    int minute = (int)((at_s + zone_offset_s(s->window_zone, at_s)) / 60 % DAY_MINUTES);
    return s->from_minute < s->to_minute ? minute >= s->from_minute && minute < s->to_minute
                                         : minute >= s->from_minute || minute < s->to_minute;
}

/* The config's own share of what a start is put off by, at most. */
static int64_t put_off_ms(const struct schedule *s, int64_t span_ms)
{
    int64_t most_ms = span_ms / SPREAD_SHARE;
    if (most_ms > spread_max_ms)
        most_ms = spread_max_ms;
    return most_ms * (int64_t)s->share >> 32;
}

/* A change of the clocks may leave out the opening and all of a window: then it opens on another day. */
int64_t schedule_opening(const struct schedule *s, int64_t at_ms)
{
    if (schedule_open(s, at_ms))
        return at_ms;
    const struct cron opens = cron_daily(s->from_minute);
    for (int days = 0; days < 7 && !schedule_open(s, at_ms); days++)
        if (!cron_next(&opens, s->window_zone, at_ms, &at_ms))
            break;
    int minutes = (s->to_minute - s->from_minute + DAY_MINUTES) % DAY_MINUTES;
    int64_t later_ms = at_ms + put_off_ms(s, minutes * (int64_t)MINUTE_MS);
    return schedule_open(s, later_ms) ? later_ms : at_ms;
}

/* --- turns ----------------------------------------------------------------------------------------------------------
 */

/* The first turn after after_ms, before it is put off. */
static bool turn_after(const struct schedule *s, int64_t after_ms, int64_t *ret_ms)
{
    if (s->kind == SCHEDULE_CRON)
        return cron_next(&s->cron, s->zone, after_ms, ret_ms);
    if (s->kind == SCHEDULE_NONE)
        return false;
    int64_t turns = after_ms < s->made_ms ? 0 : (after_ms - s->made_ms) / s->every_ms;
    *ret_ms = s->made_ms + (turns + 1) * s->every_ms;
    return true;
}

/* A turn inside of the window stays inside. */
static int64_t put_off(const struct schedule *s, int64_t turn_ms)
{
    int64_t following_ms = 0;
    if (!turn_after(s, turn_ms, &following_ms))
        return turn_ms;
    int64_t at_ms = turn_ms + put_off_ms(s, following_ms - turn_ms);
    return schedule_open(s, turn_ms) && !schedule_open(s, at_ms) ? turn_ms : at_ms;
}

bool schedule_next(const struct schedule *s, int64_t after_ms, int64_t *ret_ms)
{
    /* A turn that has been may still be put off beyond after_ms. */
    int64_t turn_ms = after_ms - spread_max_ms - 1;
    for (;;) {
        if (!turn_after(s, turn_ms, &turn_ms))
            return false;
        int64_t at_ms = put_off(s, turn_ms);
        if (at_ms > after_ms) {
            *ret_ms = schedule_opening(s, at_ms);
            return true;
        }
    }
}

bool schedule_following(const struct schedule *s, int64_t begun_ms, int64_t *ret_ms)
{
    int64_t turn_ms = 0;
    if (!turn_after(s, begun_ms, &turn_ms))
        return false;
    *ret_ms = schedule_opening(s, put_off(s, turn_ms));
    return true;
}
