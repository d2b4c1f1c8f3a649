/* audit.h: the trail of privileged acts: an HMAC chain in the table audit.
 *
 * A row's mac covers the row and the mac before it, so that no row can be changed, left out or put in. Old rows may be
 * cut off: a cut is the number and mac of the last one that is gone, signed; the trail then begins behind the newest.
 *
 * audit_append is called inside the write closure of the act itself, so that act and row are stored together or not at
 * all. The head is read inside the same transaction: any number of processes may write. */
#ifndef MUSTER_AUTH_AUDIT_H
#define MUSTER_AUTH_AUDIT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/err.h"
#include "db/db.h"

struct req;

enum { AUDIT_KEY_SIZE = 32, AUDIT_MAC_SIZE = 64 + 1, AUDIT_HEAD_SIZE = 20 + 1 + AUDIT_MAC_SIZE };

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

/* Whether a head that was given out earlier is still part of the trail: 0, also for one that is older than the newest
 * cut, of which nothing can be said; ERR_CORRUPT when that row is gone or another, so the trail was cut behind our back
 * or replaced; ERR_INVALID when it is no head at all. */
int audit_check_head(struct db *db, const struct audit_key *key, const char *head, struct err *err) MUSTER_NODISCARD;

/* A row of the trail by number and mac. */
struct audit_place {
    int64_t seq; /* 0 with zeros: before the first row */
    char mac[AUDIT_MAC_SIZE];
};

/* 0 when this very row is there, else ERR_CORRUPT. */
int audit_check_place(struct db *db, const struct audit_place *place, struct err *err) MUSTER_NODISCARD;

/* Where the trail begins: behind the last row that was cut. *ret_cut_ms (may be NULL): when; 0: never. ERR_CORRUPT:
 * that cut does not have our signature. */
int audit_begin(struct db *db, const struct audit_key *key, struct audit_place *ret, int64_t *ret_cut_ms,
                struct err *err) MUSTER_NODISCARD;

/* Goes on along the chain from a place, row by row, each checked. The place moves with it and after an error stands on
 * the last row that was good. ERR_CORRUPT names the first one that does not fit. */
struct audit_walk {
    struct audit_place at;
    int64_t max_rows;  /* at most so many */
    int64_t before_ms; /* and none from this time on */
    int64_t rows;      /* out: how many there were */
    bool ended;        /* out: not max_rows is why it ended */
};
int audit_walk(struct db *db, const struct audit_key *key, struct audit_walk *walk, struct err *err) MUSTER_NODISCARD;

/* Walks the whole chain from its beginning. *ret_rows: rows checked. */
int audit_verify(struct db *db, const struct audit_key *key, int64_t *ret_rows, struct err *err) MUSTER_NODISCARD;

/* Inside a write closure: has the trail begin behind a row that was reached by walking, which the cut signs, and writes
 * that down as a row. The rows before it are nobody's any more; audit_drop removes them. ERR_CONFLICT: somebody else
 * has cut meanwhile. */
struct audit_cut {
    struct audit_place from; /* where the trail began */
    struct audit_place to;   /* the last row that goes */
    int64_t rows;
    int64_t before_ms; /* what it was cut for, for the row */
    int64_t now_ms;
};
int audit_cut(struct db *db, const struct audit_key *key, const struct audit_cut *cut,
              struct err *err) MUSTER_NODISCARD;

/* Inside a write closure: deletes at most max rows that were cut. *ret_rows: how many. ERR_CORRUPT: the cut is not
 * ours, and nothing is deleted. */
int audit_drop(struct db *db, const struct audit_key *key, int64_t max, int64_t *ret_rows,
               struct err *err) MUSTER_NODISCARD;

/* HMAC under the audit key of a text that is for one purpose ("audit cut"), as hex. */
int audit_sign(const struct audit_key *key, const char *purpose, const char *text, char ret[AUDIT_MAC_SIZE],
               struct err *err) MUSTER_NODISCARD;

#endif
