/* offer.h: giving a member an offer, taking it back, and moving it from state to state; for the files of update/. All
 * run inside a write closure. Each change of an offer carries a revision, the counter of the topic `rollouts` at the
 * moment of the change, by which the presence tables find what is new to them. */
#ifndef MUSTER_ROLLOUT_OFFER_H
#define MUSTER_ROLLOUT_OFFER_H

#include "rollout/rollout_row.h"

struct offer_member {
    const char *rollout_id;
    const char *agent_id;
};

/* Bumps the topic and gives the revision. One for all changes of a closure: *rev 0 is filled in, else left. */
int offer_rev(struct db *db, int64_t *rev, struct err *err) MUSTER_NODISCARD;

struct offer_new {
    struct offer_member who;
    const char *version;
    int stage; /* ROLLOUT_NO_LIMIT: outside the stages */
    bool force, downgrade;
    int64_t not_before_ms, deadline_ms, now_ms;
};
int offer_make(struct db *db, const struct offer_new *offer, int64_t *rev, struct err *err) MUSTER_NODISCARD;

/* Ends one agent's offer, if it is this rollout's. */
int offer_end(struct db *db, const struct offer_member *who, int64_t *rev, struct err *err) MUSTER_NODISCARD;

/* Moves a member; one that is no longer under way loses its deadline and its offer. */
int offer_move(struct db *db, const struct offer_member *who, enum member_state to, const char *reason,
               int64_t deadline_ms, int64_t now_ms, int64_t *rev, struct err *err) MUSTER_NODISCARD;

/* Out of the way, until retry_ms at least. rev NULL: it was not offered anything. */
int offer_defer(struct db *db, const struct offer_member *who, const char *reason, int64_t retry_ms, int64_t now_ms,
                int64_t *rev, struct err *err) MUSTER_NODISCARD;

/* A member that has the new version is to get the previous one. */
int offer_turn_back(struct db *db, const struct offer_member *who, int64_t now_ms, int64_t *rev,
                    struct err *err) MUSTER_NODISCARD;

/* What there is to do for members of a rollout that was stopped: offers that nothing was put in place for yet are taken
 * back; one that was aborted or turned round cancels those that wait; one turned round has those that have the new
 * version wait for the previous one. For OFFER_STOP_MAX members of each kind at most, so that the writer is not held
 * for long: with *ret_more, there is more to do. In any other state there is nothing. */
enum { OFFER_STOP_MAX = 500 };
int offer_stop_some(struct db *db, const char *rollout_id, enum rollout_state state, int64_t now_ms, int64_t *rev,
                    bool *ret_more, struct err *err) MUSTER_NODISCARD;

#endif
