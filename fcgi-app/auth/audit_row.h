/* audit_row.h: how rows of the trail and what else the audit key signs are spelled. Private to audit*.c. */
#ifndef MUSTER_AUTH_AUDIT_ROW_H
#define MUSTER_AUTH_AUDIT_ROW_H

#include "auth/audit.h"

/* What comes before the first row of all. */
extern const char audit_no_mac[AUDIT_MAC_SIZE];

/* A row as its mac sees it. */
struct audit_row {
    int64_t seq;
    int64_t time_ms;
    const char *actor, *action, *target, *result, *address, *request_id, *detail;
};

/* The mac of a row that follows one with the mac previous. */
int audit_row_mac(const struct audit_key *key, const char *previous, const struct audit_row *row,
                  char ret[AUDIT_MAC_SIZE], struct err *err) MUSTER_NODISCARD;

#endif
