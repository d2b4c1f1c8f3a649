#include "rollout/offer.h"

int offer_rev(struct db *db, int64_t *rev, struct err *err)
{
    if (*rev != 0)
        return 0;
    int rc = db_changed(db, "rollouts", err);
    return rc != 0 ? rc : db_query_number(db, DB_CHANGE_GET, DB_ARGS(DB_TEXT("topic", "rollouts")), rev, err);
}

int offer_make(struct db *db, const struct offer_new *offer, int64_t *rev, struct err *err)
{
    const struct offer_member *who = &offer->who;
    struct db_arg stage = offer->stage == ROLLOUT_NO_LIMIT ? DB_NULL("stage") : DB_INT("stage", offer->stage);
    int rc = offer_rev(db, rev, err);
    if (rc == 0)
        rc = db_exec(db, DB_ROLLOUT_MEMBER_OFFER,
                     DB_ARGS(DB_TEXT("rollout", who->rollout_id), DB_TEXT("agent", who->agent_id), stage,
                             DB_INT("forced", offer->force), DB_INT("now", offer->now_ms),
                             DB_INT("deadline", offer->deadline_ms)),
                     NULL, err);
    if (rc == 0)
        rc = db_exec(db, DB_UPDATE_OFFER,
                     DB_ARGS(DB_TEXT("agent", who->agent_id), DB_TEXT("rollout", who->rollout_id),
                             DB_TEXT("version", offer->version), DB_INT("not_before", offer->not_before_ms),
                             DB_INT("force", offer->force), DB_INT("downgrade", offer->downgrade), DB_INT("rev", *rev)),
                     NULL, err);
    return rc;
}

int offer_end(struct db *db, const struct offer_member *who, int64_t *rev, struct err *err)
{
    int rc = offer_rev(db, rev, err);
    return rc != 0 ? rc
                   : db_exec(db, DB_UPDATE_OFFER_END,
                             DB_ARGS(DB_TEXT("agent", who->agent_id), DB_TEXT("rollout", who->rollout_id),
                                     DB_INT("rev", *rev)),
                             NULL, err);
}

int offer_move(struct db *db, const struct offer_member *who, enum member_state to, const char *reason,
               int64_t deadline_ms, int64_t now_ms, int64_t *rev, struct err *err)
{
    struct db_arg deadline = member_in_flight(to) ? DB_INT("deadline", deadline_ms) : DB_NULL("deadline");
    int rc = db_exec(db, DB_ROLLOUT_MEMBER_MOVE,
                     DB_ARGS(DB_TEXT("rollout", who->rollout_id), DB_TEXT("agent", who->agent_id),
                             DB_TEXT("state", member_state_name(to)), DB_TEXT("reason", reason), deadline,
                             DB_INT("now", now_ms)),
                     NULL, err);
    return rc != 0 || member_in_flight(to) ? rc : offer_end(db, who, rev, err);
}

int offer_defer(struct db *db, const struct offer_member *who, const char *reason, int64_t retry_ms, int64_t now_ms,
                int64_t *rev, struct err *err)
{
    int rc = db_exec(db, DB_ROLLOUT_MEMBER_DEFER,
                     DB_ARGS(DB_TEXT("rollout", who->rollout_id), DB_TEXT("agent", who->agent_id),
                             DB_TEXT("reason", reason), DB_INT("retry", retry_ms), DB_INT("now", now_ms)),
                     NULL, err);
    return rc != 0 || rev == NULL ? rc : offer_end(db, who, rev, err);
}

int offer_turn_back(struct db *db, const struct offer_member *who, int64_t now_ms, int64_t *rev, struct err *err)
{
    int rc =
        db_exec(db, DB_ROLLOUT_MEMBER_TURN,
                DB_ARGS(DB_TEXT("rollout", who->rollout_id), DB_TEXT("agent", who->agent_id), DB_INT("now", now_ms)),
                NULL, err);
    return rc != 0 ? rc : offer_end(db, who, rev, err);
}

/* --- stopping --- */

struct stopping {
    struct db *db;
    const char *rollout_id;
    const char *direction; /* of the members it is about, beside forward */
    int64_t now_ms;
    bool more;
};

static int stop_members(struct stopping *s, enum db_statement statement, bool both, struct err *err)
{
    int64_t changed = 0;
    struct db_args args =
        both ? DB_ARGS(DB_TEXT("rollout", s->rollout_id), DB_TEXT("direction", s->direction),
                       DB_INT("limit", OFFER_STOP_MAX), DB_INT("now", s->now_ms))
             : DB_ARGS(DB_TEXT("rollout", s->rollout_id), DB_INT("limit", OFFER_STOP_MAX), DB_INT("now", s->now_ms));
    int rc = db_exec(s->db, statement, args, &changed, err);
    s->more |= changed >= OFFER_STOP_MAX;
    return rc;
}

static int withdraw_some(struct stopping *s, int64_t *rev, struct err *err)
{
    int64_t any = 0;
    int rc = db_query_number(s->db, DB_ROLLOUT_WITHDRAW_ANY,
                             DB_ARGS(DB_TEXT("rollout", s->rollout_id), DB_TEXT("direction", s->direction)), &any, err);
    if (rc != 0 || any == 0)
        return rc;
    rc = offer_rev(s->db, rev, err);
    if (rc == 0)
        rc = db_exec(s->db, DB_UPDATE_OFFER_END_SOME,
                     DB_ARGS(DB_TEXT("rollout", s->rollout_id), DB_TEXT("direction", s->direction),
                             DB_INT("limit", OFFER_STOP_MAX), DB_INT("rev", *rev)),
                     NULL, err);
    return rc != 0 ? rc : stop_members(s, DB_ROLLOUT_WITHDRAW_SOME, true, err);
}

int offer_stop_some(struct db *db, const char *rollout_id, enum rollout_state state, int64_t now_ms, int64_t *rev,
                    bool *ret_more, struct err *err)
{
    bool back = state == ROLLOUT_ROLLING_BACK, aborted = state == ROLLOUT_ABORTED;
    struct stopping s = {.db = db, .rollout_id = rollout_id, .direction = back ? "forward" : "back", .now_ms = now_ms};
    int rc = 0;
    if (back || aborted || state == ROLLOUT_PAUSED)
        rc = withdraw_some(&s, rev, err);
    if (rc == 0 && (back || aborted))
        rc = stop_members(&s, DB_ROLLOUT_CANCEL_SOME, true, err);
    if (rc == 0 && back)
        rc = stop_members(&s, DB_ROLLOUT_TURN_SOME, false, err);
    if (rc == 0)
        *ret_more = s.more;
    return rc;
}
