/* schedule.h: when a backup config wants a run. Private to schedule/; nothing in here reads a clock or a database.
 *
 * A line of cron in its zone, or every so many hours from the moment the config was made: the moments follow from the
 * config alone, so that they neither drift nor depend on when somebody asks. Starts are spread: each config comes later
 * than its moments by a share of its own, at most a tenth of the interval and a quarter of an hour, so that a fleet
 * that is backed up "at two" does not begin at the same second. Outside of the window a run waits for its opening, from
 * which starts are spread, too. */
#ifndef MUSTER_SCHEDULE_SCHEDULE_H
#define MUSTER_SCHEDULE_SCHEDULE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "schedule/cron.h"
#include "schedule/zone.h"

enum schedule_kind { SCHEDULE_NONE, SCHEDULE_CRON, SCHEDULE_EVERY };

struct schedule {
    enum schedule_kind kind;
    struct cron cron;
    struct zone *zone;
    int64_t every_ms;
    int64_t made_ms;
    uint32_t share; /* of the most it is put off by */
    bool has_window;
    int from_minute, to_minute; /* of the day; a window may go over midnight */
    struct zone *window_zone;
};

/* From complete options (config_options.h), the config's id, and when it was made. ERR_INVALID when they do not fit,
 * which happens with a zone that tzdata has no more. End it with schedule_done, also after a failure. */
int schedule_init(struct schedule *s, const json_t *options, const char *config_id, int64_t made_ms,
                  struct err *err) MUSTER_NODISCARD;
void schedule_done(struct schedule *s);

/* When the next run is due: the first moment after after_ms that is its turn, and then not before the window opens.
 * False: never. */
bool schedule_next(const struct schedule *s, int64_t after_ms, int64_t *ret_ms);

/* The same after a run was begun: it stands for every turn until then, also for one that is put off until later. */
bool schedule_following(const struct schedule *s, int64_t begun_ms, int64_t *ret_ms);

/* Whether a run may begin; without a window always. */
bool schedule_open(const struct schedule *s, int64_t at_ms);

/* at_ms when the window is open then, or when it opens next and this config has its turn. */
int64_t schedule_opening(const struct schedule *s, int64_t at_ms);

/* "22:00", as minutes since midnight. */
bool schedule_clock_parse(const char *text, int *ret_minute);

#endif
