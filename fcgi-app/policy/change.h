/* change.h: changing rules, all of them or none. Private to policy/. */
#ifndef MUSTER_POLICY_CHANGE_H
#define MUSTER_POLICY_CHANGE_H

#include "auth/audit.h"
#include "policy/rules.h"

enum { POLICY_EDITS_MAX = 32 };

struct policy_edit {
    const struct rule *rule;
    const char *text; /* NULL: back to its default */
};

/* As a closure for db_write. ERR_INVALID: a value is out of bounds, or they cannot be in force together; then nothing
 * is changed. The row of the trail has the old and the new values; what changes nothing leaves no row. */
struct policy_edits {
    const struct audit_key *key;
    struct audit_entry audit; /* without detail */
    size_t count;
    struct policy_edit list[POLICY_EDITS_MAX];
};
int policy_edits_write(struct db *db, void *edits, struct err *err) MUSTER_NODISCARD;

#endif
