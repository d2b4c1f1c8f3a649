/* window.h: when updates may be installed: UPDATE_WINDOW, "mon-fri 02:00-05:00, sat,sun 00:00-24:00".
 *
 *   window = rule *("," rule)        rule = [days " "] time "-" time        days = day ["-" day] *("," day ["-" day])
 *
 * A rule without days is for every day; either all rules name days, or none does. "22:00-02:00" begins on the days
 * named and ends on the next. Times are the host's local ones (TZ, else /etc/localtime); a window of a night when
 * clocks change is as much shorter or longer. No window at all is always open. Pure but for the last two,
 * which ask for local time. */
#ifndef MUSTER_AGENT_UPDATE_WINDOW_H
#define MUSTER_AGENT_UPDATE_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"

enum { WINDOW_RULES_MAX = 16, WINDOW_DAY_MIN = 24 * 60, WINDOW_WEEK_MIN = 7 * WINDOW_DAY_MIN };

struct window_rule {
    unsigned days; /* bit 0: Monday */
    int from, to;  /* minutes of the day; to may be above WINDOW_DAY_MIN: the next day */
};

struct window {
    struct window_rule rules[WINDOW_RULES_MAX];
    int count; /* 0: always open */
};

/* text NULL or "": always open. ERR_INVALID says what is not understood. */
int window_parse(const char *text, struct window *ret, struct err *err) MUSTER_NODISCARD;

/* minute: of the week, Monday 00:00 is 0. */
bool window_is_open(const struct window *w, int minute);

/* Minutes until it is open: 0 when it is. */
int window_opens_in(const struct window *w, int minute);

/* The same for a moment in unix milliseconds, in local time. window_next_open_ms: the moment itself when it is open. */
bool window_is_open_at(const struct window *w, int64_t now_ms);
int64_t window_next_open_ms(const struct window *w, int64_t now_ms);

#endif
