/* audit.h: the trail of privileged acts: an HMAC chain in the table audit.
 *
 * audit_append is called inside the write closure of the act itself, so that act and row are stored together or not at
 * all. The head is read inside the same transaction: any number of processes may write. */
#ifndef MUSTER_AUTH_AUDIT_H
#define MUSTER_AUTH_AUDIT_H

#include <stdint.h>

#include "common/err.h"
#include "db/db.h"

struct req;

enum { AUDIT_KEY_SIZE = 32, AUDIT_HEAD_SIZE = 20 + 1 + 64 + 1 };

struct audit_key {
    unsigned char bytes[AUDIT_KEY_SIZE];
};

enum audit_result { AUDIT_OK, AUDIT_DENIED, AUDIT_FAILED };

struct audit_entry {
    int64_t time_ms;
    const char *actor;  /* "user:<id>", "agent:<id>", "cli:<uid>", "system" */
    const char *action; /* "agent.deactivate" */
    const char *target; /* "agent:<id>", or "" */
    enum audit_result result;
    const char *address;    /* "" when there is none */
    const char *request_id; /* "" when there is none */
    const char *detail;     /* a JSON object without secrets; NULL: {} */
};

/* The entry for an act of this request's principal; fill in the rest. Strings live in the request's arena. */
struct audit_entry audit_of_request(struct req *r, const char *action, const char *target);

int audit_append(struct db *db, const struct audit_key *key, const struct audit_entry *entry,
                 struct err *err) MUSTER_NODISCARD;

/* "<seq>:<mac>" of the newest row; "0:" and 64 zeros when the trail is empty. */
int audit_head(struct db *db, char ret[AUDIT_HEAD_SIZE], struct err *err) MUSTER_NODISCARD;

/* Whether a head that was given out earlier is still part of the trail: 0; ERR_CORRUPT when that row is gone or
 * another, so the trail was cut or replaced; ERR_INVALID when it is no head at all. */
int audit_check_head(struct db *db, const char *head, struct err *err) MUSTER_NODISCARD;

/* Walks the whole chain. *ret_rows: rows checked. ERR_CORRUPT names the first row that does not fit. */
int audit_verify(struct db *db, const struct audit_key *key, int64_t *ret_rows, struct err *err) MUSTER_NODISCARD;

#endif
