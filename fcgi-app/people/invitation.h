/* invitation.h: one-time links that let somebody set a password: for an account that the link makes, or for one that is
 * there. Private to people/.
 *
 * The link's token is 256 random bits and stands behind '#', where no server and no log sees it; the database keeps its
 * SHA-256. It is bound to an e-mail address and a role, is good for a day and once, and is void as soon as the same is
 * asked for again, whoever invited is no admin any more, or the account is there. */
#ifndef MUSTER_PEOPLE_INVITATION_H
#define MUSTER_PEOPLE_INVITATION_H

#include "auth/users.h"
#include "people/person.h"

struct app;

enum { INVITATION_MS = 24 * 60 * 60 * 1000, INVITATION_TOKEN_SIZE = 44, INVITATION_LINK_MAX = 400 };

struct invitation_new {
    struct person_act act; /* id: whose password is to be set anew; NULL: an account is to be made */
    const char *email;     /* of an account that is to be made … */
    enum role role;        /* … and its role */
};

struct invitation {
    char id[UUID_SIZE];
    char token[INVITATION_TOKEN_SIZE]; /* wipe it */
    char email[USER_EMAIL_MAX + 1];
    enum role role;
    int64_t expires_ms;
};

/* Writes it. ERR_INVALID: not an e-mail address; ERR_CONFLICT: there is somebody with it, or they are disabled or
 * deleted; ERR_NOT_FOUND; ERR_DENIED: who asks is no admin any more. */
int invitation_create(struct app *app, const struct invitation_new *want, struct invitation *ret,
                      struct err *err) MUSTER_NODISCARD;

/* "https://host:8443/invitation#<token>"; wipe it. */
void invitation_link(const struct app *app, const struct invitation *invitation, char ret[INVITATION_LINK_MAX]);

/* What a link is for, when it is one that is in force; ERR_NOT_FOUND for all others alike. */
struct invitation_open {
    char id[UUID_SIZE];
    char email[USER_EMAIL_MAX + 1];
    enum role role;
    char user_id[UUID_SIZE]; /* "": it makes an account */
    int64_t expires_ms;
};
int invitation_find(struct db *db, const char *token, int64_t now_ms, struct invitation_open *ret,
                    struct err *err) MUSTER_NODISCARD;

/* Inside a write closure: uses the link up. Of any number at once one succeeds; the others are ERR_NOT_FOUND. */
struct invitation_accept {
    const struct audit_key *key;
    struct audit_entry audit; /* time, address, request id */
    const char *token;
    const char *name; /* of a new account */
    const char *password_hash;
    char user_id[UUID_SIZE]; /* out */
};
int invitation_accept(struct db *db, void *ctx, struct err *err) MUSTER_NODISCARD;

#endif
