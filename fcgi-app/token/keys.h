/* keys.h: the keys that access tokens are signed with, in the table jwt_keys, sealed.
 *
 * The newest signs, all of them verify. A key that another one has followed stays as long as tokens that it signed may
 * be in force, so there are two in a rotation. Nothing is kept in memory: a key that is gone verifies nothing more, in
 * whatever process. */
#ifndef MUSTER_TOKEN_KEYS_H
#define MUSTER_TOKEN_KEYS_H

#include "token/access.h"

struct app;
struct db;

enum {
    KEYS_ROTATE_DAYS = 30,
    KEYS_LINGER_S = ACCESS_TTL_S + 5 * 60, /* who read the newest key a moment before it was followed still signs */
};

/* The key to sign with; makes the first one. Wipe *ret. Blocks when it makes one. */
int keys_newest(struct app *app, struct db *db, struct access_key *ret, struct err *err) MUSTER_NODISCARD;

/* ERR_NOT_FOUND: no such key. Wipe *ret. */
int keys_find(struct app *app, struct db *db, const char *kid, struct access_key *ret,
              struct err *err) MUSTER_NODISCARD;

/* A new newest key, audited. at_once: the ones before are gone, and access tokens that they signed with them (programs
 * refresh them, and go on). */
struct keys_rotation {
    const char *actor;
    bool at_once;
};
int keys_rotate(struct app *app, const struct keys_rotation *rotation, char ret_kid[ACCESS_KID_SIZE],
                struct err *err) MUSTER_NODISCARD;

/* Rotates when the newest is KEYS_ROTATE_DAYS old, and deletes those whose time is over. */
int keys_tick(struct app *app, int64_t now_ms, struct err *err) MUSTER_NODISCARD;

#endif
