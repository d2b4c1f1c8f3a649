/* pass.h: going over the chain in steps, and noting how it went. Private to audit/. */
#ifndef MUSTER_AUDIT_PASS_H
#define MUSTER_AUDIT_PASS_H

#include "audit/mark.h"
#include "audit/trail.h"

struct app;

/* One step of at most max_rows rows. The row of the mark has to be there. 0 also when the trail was cut meanwhile: the
 * pass then goes on behind the cut. ERR_CORRUPT names what does not fit. */
int trail_pass_step(struct db *db, const struct audit_key *key, const struct trail_mark *mark, int64_t max_rows,
                    struct trail_pass *pass, struct err *err) MUSTER_NODISCARD;

/* Writes down what a pass came to: code and problem of trail_pass_step. When it was good the mark moves on, and after a
 * full pass that has ended a fault is forgotten. Errors other than ERR_CORRUPT say nothing about the trail: they are
 * given back. entry (may be NULL) is appended in the same write. */
struct trail_outcome {
    const struct trail_pass *pass;
    int code;
    const char *problem;
    int64_t now_ms;
    const struct audit_entry *entry;
};
int trail_outcome_write(struct app *app, const struct trail_outcome *outcome, struct err *err) MUSTER_NODISCARD;

#endif
