/* mark.h: "verified up to": the last row of the trail that a pass has reached, kept in the table facts and signed, so
 * that whoever can write to the database can take it away, but not move it on. It also shows that rows were cut off the
 * end, which the chain by itself cannot. Private to audit/. */
#ifndef MUSTER_AUDIT_MARK_H
#define MUSTER_AUDIT_MARK_H

#include "auth/audit.h"

struct trail_mark {
    struct audit_place at; /* seq 0: nothing yet */
    int64_t at_ms;         /* when it was set; 0: never */
    int64_t full_ms;       /* when the last pass from the beginning has ended; 0: never */
};

/* What was wrong at the last pass. */
enum { TRAIL_PROBLEM_MAX = 320 };
struct trail_fault {
    int64_t at_ms; /* 0: nothing */
    char problem[TRAIL_PROBLEM_MAX];
};

/* A mark without our signature counts as none. */
int trail_mark_load(struct db *db, const struct audit_key *key, struct trail_mark *ret_mark,
                    struct trail_fault *ret_fault, struct err *err) MUSTER_NODISCARD;

/* Inside a write closure. One that another process has moved further stays there. */
int trail_mark_store(struct db *db, const struct audit_key *key, const struct trail_mark *mark,
                     struct err *err) MUSTER_NODISCARD;

/* Inside a write closure: notes the fault, and raises an alert when it is not the one that was known. */
int trail_fault_store(struct db *db, const struct audit_key *key, const struct trail_fault *fault,
                      struct err *err) MUSTER_NODISCARD;
int trail_fault_clear(struct db *db, struct err *err) MUSTER_NODISCARD;

#endif
