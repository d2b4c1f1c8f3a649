/* person.h: one person's account: what is shown of it, and the acts that routes and commands share. Private to people/.
 *
 * Each act is the content of a write closure: the change, its audit row, the topics. Somebody who is an admin and
 * neither disabled nor deleted stays at all times: the act that would leave none is ERR_CONFLICT. No audit row holds an
 * address or a name: after a purge the trail names an id that stands for nobody. */
#ifndef MUSTER_PEOPLE_PERSON_H
#define MUSTER_PEOPLE_PERSON_H

#include <jansson.h>
#include <stdint.h>

#include "auth/audit.h"
#include "auth/principal.h"
#include "common/uuid.h"
#include "db/db.h"

enum { PERSON_NAME_MAX = 120 };

/* As admins see it. ERR_NOT_FOUND. */
int person_json(struct db *db, const char *id, json_t **ret, struct err *err) MUSTER_NODISCARD;

/* The id of the one with this e-mail address (any case) or id. ERR_NOT_FOUND. */
int person_resolve(struct db *db, const char *email_or_id, char ret_id[UUID_SIZE], struct err *err) MUSTER_NODISCARD;

/* Who acts, on whom. */
struct person_act {
    const struct audit_key *key;
    struct audit_entry audit; /* actor, time, address, request id; the rest is filled in */
    const char *id;
};

/* Appends a row about the person: action, detail (NULL: none). */
int person_audit(struct db *db, const struct person_act *act, const char *action, const char *detail,
                 struct err *err) MUSTER_NODISCARD;

/* An alert for the person alone: something about their account was changed by somebody else. */
int person_tell(struct db *db, const struct person_act *act, const char *kind, const char *message,
                struct err *err) MUSTER_NODISCARD;

/* ERR_NOT_FOUND; ERR_CONFLICT: deleted, or the last admin. Setting what is so already is no error and leaves no row. */
enum person_switch { PERSON_AS_IS, PERSON_ENABLE, PERSON_DISABLE };
struct person_change {
    struct person_act act;
    const char *name; /* NULL: as it is */
    enum role role;   /* NONE: as it is */
    enum person_switch enable;
};
int person_change(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

/* Ends all that a person has signed in with: sessions of both kinds, half sign-ins, trusted devices, access tokens. */
int person_access_end(struct db *db, const char *id, struct err *err) MUSTER_NODISCARD;

/* Nothing of theirs works any more: no sign-in, no agent, no config, no one-time password, no invitation they sent.
 * What is theirs stays for grace_ms, within which person_restore takes it back; agents that were deactivated before
 * stay so, and what was ended or revoked does not come back. */
struct person_delete {
    struct person_act act;
    int64_t grace_ms;
    int64_t purge_after_ms; /* out */
};
int person_delete(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;
int person_restore(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD; /* ctx: struct person_act */

#endif
