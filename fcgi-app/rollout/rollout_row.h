/* rollout_row.h: a rollout as the database has it, for the files of update/. */
#ifndef MUSTER_ROLLOUT_ROW_H
#define MUSTER_ROLLOUT_ROW_H

#include <jansson.h>

#include "rollout/member.h"
#include "rollout/rollout_plan.h"

enum rollout_kind { ROLLOUT_STAGED, ROLLOUT_SINGLE, ROLLOUT_MINIMUM };
enum rollout_state {
    ROLLOUT_RUNNING,
    ROLLOUT_PAUSED,
    ROLLOUT_ABORTED,
    ROLLOUT_ROLLING_BACK,
    ROLLOUT_ROLLED_BACK,
    ROLLOUT_DONE,
    ROLLOUT_STATE_COUNT
};
const char *rollout_kind_name(enum rollout_kind kind);
const char *rollout_state_name(enum rollout_state state);
bool rollout_state_parse(const char *name, enum rollout_state *ret);

enum { ROLLOUT_SALT_SIZE = 68 };

struct rollout {
    char id[UUID_SIZE];
    char owner_id[UUID_SIZE];
    enum rollout_kind kind;
    char version[UPDATE_VERSION_SIZE];
    char previous_version[UPDATE_VERSION_SIZE]; /* "": there is none */
    char channel[33];
    json_t *target; /* owned */
    struct rollout_plan plan;
    char salt[ROLLOUT_SALT_SIZE]; /* as it goes into the hash */
    bool salt_given;
    enum rollout_state state;
    char reason[301];
    size_t stage;
    int64_t stage_done_ms; /* 0: not yet */
    int64_t forgiven_failed, forgiven_offered;
    bool scanned;
    char scan_after[UUID_SIZE];
    int64_t scan_due_ms; /* INT64_MAX: never */
    int64_t judge_due_ms;
    int64_t created_ms, updated_ms;
    int64_t finished_ms; /* 0: not yet */
};

/* ERR_NOT_FOUND. End with rollout_done also after a failure; a zeroed one may be ended. */
int rollout_load(struct db *db, const char *id, struct rollout *ret, struct err *err) MUSTER_NODISCARD;
void rollout_done(struct rollout *r);

/* A release, as far as rollouts ask. ERR_NOT_FOUND. */
struct rollout_release {
    char channel[33];
    char min_version[UPDATE_VERSION_SIZE];
    bool published, withdrawn, downgrade, has_image;
    int64_t size_bytes;
};
int rollout_release_get(struct db *db, const char *version, struct rollout_release *ret,
                        struct err *err) MUSTER_NODISCARD;

/* The newest published release of a channel, and the newest one below `below` (NULL: not asked), withdrawn or not.
 * "" when there is none. */
struct rollout_newest {
    char version[UPDATE_VERSION_SIZE];
    char min_version[UPDATE_VERSION_SIZE];
    char below[UPDATE_VERSION_SIZE];
};
int rollout_newest_get(struct db *db, const char *channel, const char *below, struct rollout_newest *ret,
                       struct err *err) MUSTER_NODISCARD;

/* Members by state, of those the viewer may see (NULL: all). rolled_back: of the committed ones, those put back. */
struct rollout_counts {
    int64_t total, by_state[MEMBER_STATE_COUNT], rolled_back;
};
int rollout_counts_get(struct db *db, const char *id, const char *viewer, struct rollout_counts *ret,
                       struct err *err) MUSTER_NODISCARD;

/* As people see it. viewer: as above. */
int rollout_json(struct db *db, const struct rollout *r, const char *viewer, json_t **ret,
                 struct err *err) MUSTER_NODISCARD;

/* Whether an agent with these labels (JSON) belongs to a target of all or of labels. */
bool rollout_target_has(const json_t *target, const char *labels);

#endif
