#include "audit/pass.h"

#include <inttypes.h>
#include <stdio.h>

#include "app.h"
#include "auth/secrets.h"
#include "common/wipe.h"
#include "db/writer.h"

static int check_mark(struct db *db, const struct audit_place *begin, const struct audit_place *mark, struct err *err)
{
    struct err ignored = {0};
    if (mark->seq < begin->seq || mark->seq == 0)
        return 0;
    int rc = 0;
    if (mark->seq > begin->seq)
        rc = audit_check_place(db, mark, &ignored);
    else if (!wipe_equal_str(mark->mac, begin->mac))
        rc = ERR_CORRUPT;
    if (rc == ERR_CORRUPT)
        return err_set(err, rc, "audit row %" PRId64 ", which was verified before, is gone or was replaced", mark->seq);
    if (rc != 0)
        *err = ignored;
    return rc;
}

/* Where the pass goes on; from a cut that came meanwhile, when it has not got there yet. */
static void place_pass(struct trail_pass *pass, const struct audit_place *begin, const struct trail_mark *mark)
{
    if (!pass->begun)
        pass->at = pass->full || mark->at.seq < begin->seq ? *begin : mark->at;
    else if (pass->at.seq < begin->seq)
        pass->at = *begin;
    pass->begin = *begin;
    pass->begun = true;
}

static int walk_on(struct db *db, const struct audit_key *key, int64_t max_rows, struct trail_pass *pass,
                   struct err *err)
{
    struct audit_walk walk = {.at = pass->at, .max_rows = max_rows, .before_ms = INT64_MAX};
    int rc = audit_walk(db, key, &walk, err);
    pass->at = walk.at;
    pass->rows += walk.rows;
    pass->ended = rc == 0 && walk.ended;
    if (pass->ended && pass->begin.seq > 0 && pass->at.seq == pass->begin.seq)
        rc = err_set(err, ERR_CORRUPT, "no audit row follows row %" PRId64 ", where the trail was cut", pass->at.seq);
    return rc;
}

int trail_pass_step(struct db *db, const struct audit_key *key, const struct trail_mark *mark, int64_t max_rows,
                    struct trail_pass *pass, struct err *err)
{
    struct audit_place begin, now;
    struct err ignored = {0};
    int rc = audit_begin(db, key, &begin, NULL, err);
    if (rc != 0)
        return rc;
    place_pass(pass, &begin, mark);
    rc = check_mark(db, &begin, &mark->at, err);
    if (rc == 0)
        rc = walk_on(db, key, max_rows, pass, err);
    if (rc != ERR_CORRUPT || audit_begin(db, key, &now, NULL, &ignored) != 0 || now.seq == begin.seq)
        return rc;
    pass->ended = false; /* what is missing was cut under our feet */
    return 0;
}

struct outcome_write {
    const struct audit_key *key;
    const struct trail_outcome *outcome;
};

static int write_outcome(struct db *db, void *ctx, struct err *err)
{
    const struct outcome_write *w = ctx;
    const struct trail_outcome *o = w->outcome;
    struct trail_mark mark = {.at = o->pass->at, .at_ms = o->now_ms};
    struct trail_mark known;
    struct trail_fault fault = {.at_ms = o->now_ms};
    int rc = trail_mark_load(db, w->key, &known, &(struct trail_fault){0}, err);
    mark.full_ms = o->pass->full && o->pass->ended ? o->now_ms : known.full_ms;
    if (rc == 0 && o->code == 0)
        rc = trail_mark_store(db, w->key, &mark, err);
    if (rc == 0 && o->code == 0 && o->pass->full && o->pass->ended)
        rc = trail_fault_clear(db, err);
    if (rc == 0 && o->code != 0) {
        (void)snprintf(fault.problem, sizeof fault.problem, "%s", o->problem);
        rc = trail_fault_store(db, w->key, &fault, err);
    }
    return rc != 0 || o->entry == NULL ? rc : audit_append(db, w->key, o->entry, err);
}

int trail_outcome_write(struct app *app, const struct trail_outcome *outcome, struct err *err)
{
    struct outcome_write w = {secrets_audit_key(app->secrets), outcome};
    if (outcome->code != 0 && outcome->code != ERR_CORRUPT)
        return err_set(err, outcome->code, "%s", outcome->problem);
    return db_write(app->writer, write_outcome, &w, err);
}
