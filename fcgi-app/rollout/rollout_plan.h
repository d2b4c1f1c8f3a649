/* rollout_plan.h: how a rollout is to go: stages, pace, windows, thresholds. Read from what people send and from what
 * the database keeps by the same code. Pure. */
#ifndef MUSTER_ROLLOUT_PLAN_H
#define MUSTER_ROLLOUT_PLAN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "common/jsonread.h"

enum { ROLLOUT_STAGES_MAX = 20, ROLLOUT_WINDOWS_MAX = 20, ROLLOUT_NO_LIMIT = -1 };

struct rollout_stage {
    int count;   /* the first so many members in the order of their buckets; 0: it is a percentage */
    int percent; /* members whose bucket is below it; 0: it is a count */
    int soak_s;
    bool manual;        /* the next one begins by an operator's word */
    bool k8s_automatic; /* containers' workloads are told to roll out */
};

struct rollout_window {
    unsigned days;        /* bit 0: Monday */
    int from_min, to_min; /* of the day, UTC; to_min below from_min: over midnight */
};

struct rollout_plan {
    struct rollout_stage stages[ROLLOUT_STAGES_MAX];
    size_t stage_count;
    struct rollout_window windows[ROLLOUT_WINDOWS_MAX];
    size_t window_count; /* 0: always open */
    int max_in_flight;
    int max_per_minute;                         /* 0: no limit */
    int fail_percent, fail_count, error_factor; /* or ROLLOUT_NO_LIMIT */
    int silence_s;
};

/* 5 canaries, 10 %, 50 %, all, with soaks of ten minutes; 50 at a time; 10 % may fail. */
void rollout_plan_default(struct rollout_plan *ret);

/* One stage of everybody, without thresholds: an order for one agent. */
void rollout_plan_order(struct rollout_plan *ret);

/* Takes the fields of a request's body that are there over into the plan; what is wrong goes to the reader. */
void rollout_plan_read(struct jsonread *body, struct rollout_plan *plan);

/* The lists as they stand in a request and in the database; a new reference, NULL when memory is out. */
json_t *rollout_stages_json(const struct rollout_plan *plan);
json_t *rollout_windows_json(const struct rollout_plan *plan);

/* The lists of a database row. ERR_CORRUPT. */
int rollout_plan_load(const char *stages, const char *windows, struct rollout_plan *plan,
                      struct err *err) MUSTER_NODISCARD;

/* Short forms of the command line: "5" and "10%" (with soak and advance as given), "mon-fri 22:00-04:00" or
 * "22:00-04:00". ERR_INVALID says what is wrong. */
int rollout_stage_parse(const char *text, struct rollout_stage *ret, struct err *err) MUSTER_NODISCARD;
int rollout_window_parse(const char *text, struct rollout_window *ret, struct err *err) MUSTER_NODISCARD;

/* Whether stages grow. The reason, or NULL. */
const char *rollout_stages_wrong(const struct rollout_plan *plan);

#endif
